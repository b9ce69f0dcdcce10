"""A backend that does what a test tells it to, and keeps every byte it got: for what no honest backend does."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from support.backends import Backend

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
DONE = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'
SETTLE_SECONDS = 10


@dataclass(frozen=True)
class Recorded:
    """headers: by lower-case name. complete: whether the whole body that was promised came. head: its lines as sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    complete: bool
    head: tuple[str, ...] = ()


@dataclass
class RecordingBackend:
    """answer: what to send for a request; `sent_early` goes out before the body is read. may_read: a body, now.
    later: what follows an answer, after so many seconds."""

    port: int
    requests: list[Recorded] = field(default_factory=list)
    answer: Callable[[Recorded], bytes] = lambda _: DONE
    sent_early: bytes = b""
    later: tuple[float, bytes] = (0, b"")
    may_read: threading.Event = field(default_factory=threading.Event)
    connections_closed: int = 0
    connections: list[socket.socket] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None

    def hang_up(self) -> None:
        """Ends every connection that is open, wherever its exchange stands."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    @property
    def backend(self) -> Backend:
        return Backend("recording", f"http://127.0.0.1:{self.port}", "RECORDINGKEY", "recording-secret")

    def reset(self) -> None:
        self.requests.clear()
        self.answer = _honest
        self.sent_early = b""
        self.later = (0, b"")
        self.may_read.set()
        self.connections_closed = 0

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Whether the condition comes true before SETTLE_SECONDS have passed."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        return condition()


def _honest(request: Recorded) -> bytes:
    """Buckets can be made, for none is there; everything else succeeds and is empty."""
    is_bucket = request.target.count("/") == 1 and "?" not in request.target
    return NOT_FOUND if request.method == "HEAD" and is_bucket else DONE


@contextlib.contextmanager
def recording(port: int = 0) -> Iterator[RecordingBackend]:
    """port: 0 for any free one."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            record.connections.append(self.connection)
            with contextlib.suppress(ConnectionError, TimeoutError):
                while self.one_exchange():
                    pass
            record.connections_closed += 1

        def one_exchange(self) -> bool:
            line = self.rfile.readline().decode("latin-1").split()
            if not line:
                return False
            headers: dict[str, str] = {}
            lines: list[str] = []
            while (header := self.rfile.readline().strip()) != b"":
                lines.append(header.decode("latin-1"))
                name, _, value = lines[-1].partition(":")
                headers[name.lower()] = value.strip()
            if record.sent_early:
                self.wfile.write(record.sent_early)
            record.may_read.wait(SETTLE_SECONDS)
            length = int(headers.get("content-length", "0"))
            body = self.rfile.read(length)
            request = Recorded(line[0], line[1], headers, body, len(body) == length, tuple(lines))
            record.requests.append(request)
            # As it is now: once it has its answer, the other side may be about another test.
            later = record.later
            if not record.sent_early and request.complete:
                head, end, rest = record.answer(request).partition(b"\r\n\r\n")
                self.wfile.write(head + end + (b"" if request.method == "HEAD" else rest))
                if later[1]:
                    time.sleep(later[0])
                    self.wfile.write(later[1])
            return request.complete and not record.sent_early

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A gateway that hangs up is what some tests want to see."""

    with Server(("127.0.0.1", port), Handler) as server:
        record = RecordingBackend(server.socket.getsockname()[1])
        record.reset()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            record.hang_up()

        record.stop = stop
        try:
            yield record
        finally:
            stop()
