"""uvicorn's HTTP protocol with what it lacks: a bound on a request's head, and answers that leave in one piece.

A request that asks for another protocol and has a body is refused: nothing here speaks another, and the body would be
read as a request of its own.

uvicorn over httptools gathers headers of any length for any time. Bodies are bounded where they are read: by
edge.asgi for the API, by edge.client for objects. uvicorn also writes an answer's head and body apart: two system
calls, and a client that is woken twice.

Source: RFC 6585, 431 Request Header Fields Too Large; RFC 9112, "Tunneling, slow and incomplete requests".
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from daypass import limits

_NO_UPGRADE = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class InOnePiece:
    """A transport that keeps a small piece until the next one comes, or until the event loop comes round to it.

    What is written leaves in the order written; closing lets what was kept go first.
    """

    __slots__ = ("_kept", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept = b""

    def write(self, piece: bytes) -> None:
        if self._kept:
            kept, self._kept = self._kept, b""
            if len(piece) <= limits.ANSWER_PIECE_BYTES:
                self._transport.write(kept + piece)
                return
            self._transport.write(kept)
        if len(piece) > limits.ANSWER_PIECE_BYTES:
            self._transport.write(piece)
        elif piece:
            self._kept = piece
            self._loop.call_soon(self._let_go)

    def write_whole(self, answer: bytes) -> None:
        """Write what nothing follows."""
        self._let_go()
        self._transport.write(answer)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _let_go(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, b""
            self._transport.write(kept)

    def __getattr__(self, name: str) -> Any:
        # Of everything else nothing writes.
        return getattr(self._transport, name)


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. A client that has not sent a whole head in time, or sends too long a one, is cut off."""

    head_bytes: ClassVar[int] = limits.REQUEST_HEAD_BYTES
    head_seconds: ClassVar[float] = limits.REQUEST_HEAD_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = False
        self._received_bytes = 0  # of the head that is being received
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # because uvicorn's is
        super().connection_made(transport)
        self.one_piece = InOnePiece(transport, self.loop)
        self.transport = self.one_piece  # type: ignore[assignment]  # because it is all that is used
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A head that arrives in one piece, as nearly all do, never gets here.
        if self._in_head and not self.transport.is_closing():
            self._received_bytes += len(data)
            if self._received_bytes > self.head_bytes:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
            elif self._timer is None:
                self._start_timer()

    def on_message_begin(self) -> None:
        self.begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.end_head()
        # httptools reads no body after `Upgrade`: what follows would be the next request, made of this one's body.
        if self.parser.should_upgrade() and self._announces_a_body():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_NO_UPGRADE)
            self.transport.close()
            return
        super().on_headers_complete()

    def _announces_a_body(self) -> bool:
        named = dict(self.headers)
        return named.get(b"content-length", b"0").strip(b"0") != b"" or b"transfer-encoding" in named

    def begin_head(self) -> None:
        self._in_head = True
        self._received_bytes = 0

    def end_head(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._stop_timer()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._over)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        """Cut the connection off, unless it still waits for an earlier request's answer."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_timer()
        else:
            self.transport.close()
