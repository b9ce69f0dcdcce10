"""One connection to a backend, and the pool of them: HTTP/1.1 as a client speaks it, and no more of it than S3 needs.

Owns the bytes of a request's head, the reading of an answer, how long either side may stand still, and which
connection may be used again. No redirect, cookie, proxy or compression. What an exchange is about is edge.upstream's.

An answer needs a length or chunks: one that ends with its connection cannot be told from one that broke off.

Source: RFC 9112, "Message body length", "Connection management"; RFC 9110, 9.2.2 for what may be sent again.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import httptools

from daypass import limits
from daypass.wire.http import Headers


class HttpFailure(Exception):
    """There was no answer, or not a whole one.

    reached: whether the other side may have got the request; if not, it certainly did nothing.
    busy: whether it was not even tried, for there are too many exchanges or too many failed before.
    """

    def __init__(self, reason: str, *, reached: bool, busy: bool = False) -> None:
        super().__init__(reason)
        self.reached = reached
        self.busy = busy


class Connection(asyncio.Protocol):
    """One connection. It is driven by one task: `send` a request, read `head`, read `pieces`; then all over again.

    status, headers: of the answer, names in lower case; there once `send` has returned. named: the first of each name.
    """

    def __init__(self) -> None:
        self._loop: Final = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._is_asked = False  # if not, nothing may come
        self._parser_fits_again = False  # it read a whole answer, and no answer to HEAD
        self._waiter: asyncio.Future[None] | None = None
        self._waits_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._fault: str | None = None
        self._takes_no_more = False  # the other side, for now
        self._reads_no_more = False  # we, for now
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._read_bytes = 0  # of this answer
        self._has_no_body = False
        self._has_head = False
        self._is_whole = False
        self._was_sent = False  # the whole request
        self._keeps_alive = False
        self.is_used = False  # whether an exchange was on it before
        self.idle_since = 0.0
        self.status = 0
        self.headers: Headers = ()
        self.named: dict[bytes, bytes] = {}
        self._fields: list[tuple[bytes, bytes]] = []

    # ---- the exchange ----

    async def send(self, method: str, head: bytes, body: bytes | AsyncIterator[bytes], length: int) -> None:
        """Sends a request and waits for the head of its answer, which may come before the whole body was sent.

        head: request line and headers, with the empty line. length: of the body, in bytes.

        Raises:
            HttpFailure: no answer came. What `body` raises goes through. The connection is closed either way.
        """
        self._begin(method)
        try:
            if isinstance(body, bytes):
                self._write(head + body if body else head)
                self._was_sent = True
            else:
                self._write(head)
                await self._send_body(body, length)
            while not self._has_head:
                await self._something()
                self._check()
        except BaseException:
            self.close()
            raise

    def _begin(self, method: str) -> None:
        if self._fault is not None:
            raise HttpFailure(self._fault, reached=False)
        if self._parser is None or not self._parser_fits_again:
            self._parser = httptools.HttpResponseParser(self)
        self._parser_fits_again = False
        self._is_asked = True
        self._has_no_body = method == "HEAD"
        self._has_head = self._is_whole = self._was_sent = self._keeps_alive = False
        self._read_bytes = 0
        self.status, self.headers = 0, ()
        self._fields.clear()

    async def _send_body(self, body: AsyncIterator[bytes], length: int) -> None:
        async for piece in body:
            length -= len(piece)
            # Whatever is answered already, the rest of the body changes nothing of it.
            if self._has_head:
                return
            self._write(piece)
            while self._takes_no_more and not self._has_head:
                await self._something()
                self._check()
        if length != 0:
            raise RuntimeError("the body of a request is not as long as its head says")
        self._was_sent = True

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._fault is not None:
            raise HttpFailure(self._fault or "not connected", reached=True)
        self._transport.write(data)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's body, as it comes.

        Raises:
            HttpFailure: it broke off or stood still.
        """
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._buffered -= len(piece)
                yield piece
            if self._is_whole:
                return
            self._read_on()
            await self._something()
            self._check()

    def whole_body(self) -> bytes | None:
        """The answer's body, if all of it is here already and none of it was read; then it is read with this."""
        if not self._is_whole:
            return None
        pieces = self._pieces
        if len(pieces) == 1:
            body = pieces.pop()
        else:
            body = b"".join(pieces)
            pieces.clear()
        self._buffered = 0
        return body

    def may_be_used_again(self) -> bool:
        """Whether the exchange is over, and the other side would take another."""
        return self._is_whole and self._was_sent and self._keeps_alive and not self._pieces and self._fault is None

    def rest(self) -> None:
        """Between two exchanges: whatever comes now is no answer."""
        self._is_asked = False
        self._read_on()
        self.is_used = True
        self.idle_since = self._loop.time()

    @property
    def is_open(self) -> bool:
        return self._fault is None

    @property
    def has_read(self) -> bool:
        """Whether anything of this exchange's answer came."""
        return self._read_bytes > 0

    def close(self) -> None:
        """At once, whatever is under way."""
        self._fail("closed")

    def _read_on(self) -> None:
        if self._reads_no_more and self._transport is not None and self._fault is None:
            self._reads_no_more = False
            self._transport.resume_reading()

    # ---- waiting ----

    def _something(self) -> asyncio.Future[None]:
        """What is awaited until anything happens, the end at the latest; `_check` follows."""
        self._waiter = waiter = self._loop.create_future()
        if self._fault is not None:
            waiter.set_result(None)
            return waiter
        self._waits_until = self._loop.time() + limits.UPSTREAM_IDLE_SECONDS
        if self._timer is None:
            self._timer = self._loop.call_later(limits.UPSTREAM_IDLE_SECONDS, self._look_whether_still)
        return waiter

    def _check(self) -> None:
        """Raises HttpFailure if it is the end. What came before the end is still good."""
        self._waiter = None
        if self._fault is not None and not self._is_whole:
            raise HttpFailure(self._fault, reached=True)

    def _look_whether_still(self) -> None:
        """One timer serves all waiting within its time: it begins anew for as long as it is early."""
        self._timer = None
        if self._waiter is None or self._fault is not None:
            return  # the next to wait starts it again
        left = self._waits_until - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look_whether_still)
        else:
            self._fail("it stood still for too long")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, reason: str) -> None:
        if self._fault is None:
            self._fault = reason
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # because it is a stream
        self._transport = transport
        transport.set_write_buffer_limits(high=limits.UPSTREAM_BUFFER_BYTES)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._parser = None  # which has methods of this object, and so would keep it
        self._fail("the connection was closed" if exc is None else f"the connection broke: {exc}")

    def pause_writing(self) -> None:
        self._takes_no_more = True

    def resume_writing(self) -> None:
        self._takes_no_more = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        if self._parser is None or not self._is_asked:
            self._fail("it sent what nobody had asked for")
            return
        self._read_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"its answer is not HTTP: {error}")
            return
        if not self._has_head and self._read_bytes > limits.REQUEST_HEAD_BYTES:
            self._fail("its answer's head is too long")
        elif self._buffered > limits.UPSTREAM_BUFFER_BYTES and not self._reads_no_more and self._transport is not None:
            self._reads_no_more = True
            self._transport.pause_reading()
        self._wake()

    # ---- httptools ----

    def on_message_begin(self) -> None:
        if self._has_head:  # an answer to no question; a connection that has one is not used again
            self._fail("it answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._parser is None or self._has_head:  # of a second answer nothing is taken
            return
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue and its like announce nothing
            self._fields.clear()
            return
        self.status, self.headers = status, tuple(self._fields)
        self.named = named = dict(self._fields[::-1])
        self._has_head = True
        self._keeps_alive = self._parser.should_keep_alive()
        if self._has_no_body:
            self._is_whole = True
        elif status not in (204, 304) and b"content-length" not in named and b"transfer-encoding" not in named:
            self._fail("its answer has no length")

    def on_body(self, data: bytes) -> None:
        if self._is_whole:
            self._fail("it sent more than its answer")
            return
        self._pieces.append(data)
        self._buffered += len(data)

    def on_message_complete(self) -> None:
        if self._has_head:
            self._is_whole = True
            self._parser_fits_again = not self._has_no_body


class Pool:
    """The connections to one origin: at most so many at a time, the one used last first."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host: Final = host
        self._port: Final = port
        self._tls: Final = tls
        self._loop: Final = asyncio.get_running_loop()  # kept: asking for it costs a system call
        self._idle: list[Connection] = []
        self._in_use = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def take_idle(self) -> Connection | None:
        """A connection for one exchange that was used before and is open; None if there is none, or no room."""
        if not self._idle or self._in_use >= limits.UPSTREAM_CONNECTIONS:
            return None
        oldest = self._loop.time() - limits.UPSTREAM_KEEP_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                self._in_use += 1
                return connection
            connection.close()
        return None

    async def take(self, *, fresh: bool = False) -> Connection:
        """A connection for one exchange. fresh: none that was used before.

        Raises:
            HttpFailure: no connection could be made in time, or none was given back in time.
        """
        if self._in_use >= limits.UPSTREAM_CONNECTIONS:
            await self._wait_for_room()
        connection = None if fresh else self.take_idle()
        if connection is not None:
            return connection
        self._in_use += 1
        try:
            return await self._connect()
        except BaseException:
            self._leave()
            raise

    def give_back(self, connection: Connection) -> None:
        """After an exchange. What cannot be used again is closed."""
        if connection.may_be_used_again() and not self._closed:
            connection.rest()
            self._idle.append(connection)
            if self._sweep is None:
                self._start_sweep()
        else:
            connection.close()
        self._leave()

    def close(self) -> None:
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(limits.UPSTREAM_QUEUE_SECONDS):
                while self._in_use >= limits.UPSTREAM_CONNECTIONS:
                    await self._wait_for_turn()
        except TimeoutError:
            raise HttpFailure("too many exchanges at a time", reached=False, busy=True) from None

    async def _wait_for_turn(self) -> None:
        turn = self._loop.create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake_next()  # woken in vain: the turn is somebody else's
            raise

    def _leave(self) -> None:
        self._in_use -= 1
        self._wake_next()

    def _wake_next(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _connect(self) -> Connection:
        name = None if self._tls is None else self._host
        try:
            async with asyncio.timeout(limits.UPSTREAM_CONNECT_SECONDS):
                _, connection = await self._loop.create_connection(
                    Connection, self._host, self._port, ssl=self._tls, server_hostname=name
                )
        except TimeoutError:
            raise HttpFailure(f"no connection to {self._host}:{self._port} in time", reached=False) from None
        except OSError as error:
            raise HttpFailure(f"no connection to {self._host}:{self._port}: {error}", reached=False) from error
        return connection

    def _start_sweep(self) -> None:
        self._sweep = self._loop.call_later(limits.UPSTREAM_KEEP_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        self._sweep = None
        oldest = self._loop.time() - limits.UPSTREAM_KEEP_SECONDS
        kept = []
        for connection in self._idle:
            if connection.is_open and connection.idle_since > oldest:
                kept.append(connection)
            else:
                connection.close()
        self._idle = kept
        if kept:
            self._start_sweep()
