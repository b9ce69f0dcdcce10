"""A real nginx with the configuration that docs/proxies/nginx.conf shows, started and ended by its process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.backends import free_port

CONFIGURATION = Path(__file__).parents[2] / "docs" / "proxies" / "nginx.conf"
START_SECONDS = 10

_AROUND = """{user}
worker_processes 1;
error_log stderr warn;
pid {directory}/nginx.pid;
daemon off;
events {{ worker_connections 512; }}
http {{
    log_format route '$request_method $request_uri $daypass_route';
    access_log {directory}/routes route;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/daypass.conf;
}}
"""


def nginx_binary() -> str | None:
    """None if there is no nginx here."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx_in_front(
    directory: Path,
    *,
    store: str,
    gateway: str,
    authorizer: Path | str,
    changed: Callable[[str], str] = lambda configuration: configuration,
) -> Iterator[str]:
    """The URL of an nginx in front.

    store, gateway: host and port. authorizer: a socket, or host and port. changed: what is done to the configuration.
    """
    binary, port = nginx_binary(), free_port()
    assert binary is not None
    directory.mkdir()
    # Started by root, its workers would be somebody else, who may not use the socket.
    user = "user root;" if os.geteuid() == 0 else ""
    text = changed(CONFIGURATION.read_text())
    for written, here in (
        ("127.0.0.1:9000", store),
        ("127.0.0.1:8420", gateway),
        ("unix:/run/daypass/authorizer.sock", f"unix:{authorizer}" if isinstance(authorizer, Path) else authorizer),
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
    ):
        assert written in CONFIGURATION.read_text()
        text = text.replace(written, here)
    (directory / "daypass.conf").write_text(text)
    (directory / "nginx.conf").write_text(_AROUND.format(directory=directory, user=user))
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            [binary, "-p", str(directory), "-c", str(directory / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, (directory / "output").read_text()
            assert time.monotonic() < deadline, "nginx does not answer"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)
