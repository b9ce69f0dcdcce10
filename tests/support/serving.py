"""What `daypass serve` runs, in a thread of this process: for tests of what goes over a connection, byte by byte."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import uvicorn

from daypass.app import Daypass
from daypass.config import load
from daypass.edge.control_protocol import ControlProtocol

GRACE_SECONDS = 10


class Serving:
    """A server over a data directory. With an authorizer, that listens on TCP."""

    def __init__(
        self,
        data: Path,
        options: Mapping[str, str] | None = None,
        *,
        authorizer_token: str | None = None,
        keep_alive_seconds: int = 5,
        protocol: type[ControlProtocol] = ControlProtocol,
    ) -> None:
        """options: settings beside the data directory."""
        self.data = data
        listeners = [socket.create_server(("127.0.0.1", 0))]
        self.port = listeners[0].getsockname()[1]
        settings = {"data": str(data), **(options or {})}
        if authorizer_token is not None:
            listeners.append(socket.create_server(("127.0.0.1", 0)))
            settings |= {
                "authorizer_listen": f"127.0.0.1:{listeners[1].getsockname()[1]}",
                "authorizer_token": authorizer_token,
            }
        self.authorizer_port = listeners[-1].getsockname()[1]
        config = uvicorn.Config(
            Daypass(load(settings, {})),
            http=protocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            log_level="error",
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=keep_alive_seconds,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": listeners})
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)

    def tell_to_stop(self) -> None:
        self._server.should_exit = True

    def wait_until_stopped(self) -> None:
        self._thread.join(2 * GRACE_SECONDS)
        assert not self._thread.is_alive()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def connect_to_authorizer(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.authorizer_port), timeout=10)

    def audit(self) -> str:
        return (self.data / "audit.jsonl").read_text()


def answers(connection: socket.socket, count: int) -> list[bytes]:
    """So many whole answers, head and body."""
    received, whole = b"", list[bytes]()
    while len(whole) < count:
        head, end, rest = received.partition(b"\r\n\r\n")
        if end:
            length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])  # type: ignore[index]  # because each has one
            if len(rest) >= length:
                whole.append(head + end + rest[:length])
                received = rest[length:]
                continue
        part = connection.recv(65_536)
        assert part, f"closed after {received!r}"
        received += part
    assert received == b""
    return whole
