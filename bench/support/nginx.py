"""nginx as the fastest backend there is, static files that can be written, and as the plainest proxy before it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

from support.accounting import pin
from support.servers import SERVER_CORE, Server, free_port

_COMMON: Final = """
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 1000000;
  sendfile on;
  tcp_nopush on;
  {body}
}}
"""
_STATIC: Final = """
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    root {files};
    etag on;
    location / {{ dav_methods PUT DELETE; }}
  }}
"""
_FRONT: Final = Path(__file__).parents[2] / "docs" / "proxies" / "nginx.conf"
# As documented for `auth_request`, with nothing asked.
_PROXY: Final = """
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_buffers 8 64k;
      proxy_buffer_size 16k;
      proxy_busy_buffers_size 128k;
      client_body_buffer_size 256k;
    }}
  }}
"""


def is_there() -> bool:
    return shutil.which("nginx") is not None


def start_static(directory: Path, files: Path, core: int | None) -> Server:
    """core: None: any."""
    port = free_port()
    return _start("nginx", directory, port, _STATIC.format(port=port, files=files), core)


def start_proxy(directory: Path, backend_port: int) -> Server:
    port = free_port()
    return _start("proxy_pass", directory, port, _PROXY.format(port=port, backend=backend_port), SERVER_CORE)


def start_front(
    directory: Path, backend_port: int, gateway_port: int, authorizer: Path, core: int | None = SERVER_CORE
) -> Server:
    """The configuration of the documentation: Daypass decides, nginx carries."""
    port = free_port()
    body = _FRONT.read_text()
    for written, here in (
        ("127.0.0.1:9000", f"127.0.0.1:{backend_port}"),
        ("127.0.0.1:8420", f"127.0.0.1:{gateway_port}"),
        ("unix:/run/daypass/authorizer.sock", f"unix:{authorizer}"),
        ("127.0.0.1:8080", f"127.0.0.1:{port} backlog=2048"),
    ):
        body = body.replace(written, here)
    return _start("auth_request", directory, port, body, core)


def _start(name: str, directory: Path, port: int, body: str, core: int | None) -> Server:
    directory.mkdir()
    configuration = directory / "nginx.conf"
    owner = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(owner + _COMMON.format(directory=directory, body=body))
    log = directory / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["nginx", "-p", str(directory), "-c", str(configuration)], stdout=output, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + 10
    while not (directory / "nginx.pid").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"nginx did not start:\n{log.read_text()}")
        time.sleep(0.05)
    if core is not None and (os.cpu_count() or 1) > 1:
        pin(process.pid, core)
        for child in _children(process.pid):
            pin(child, core)
    return Server(name, port, process, log)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]
