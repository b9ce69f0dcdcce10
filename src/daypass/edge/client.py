"""The client's side of one streamed exchange: its body coming in, our answer going out, and whether it is still there.

Owns the bounds on a slow client. What body and answer mean is the gateway's knowledge, what proves an object
edge.body's.

Source: ASGI specification 3.0, "HTTP connection scope"; S3 API Reference, "Error responses" (RequestTimeout,
IncompleteBody, XAmzContentSHA256Mismatch).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

from daypass import limits
from daypass.edge.patience import Begun, within
from daypass.wire.http import Headers, RawResponse
from daypass.wire.s3_errors import s3_error

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


_WITHOUT_LENGTH: Final = frozenset({204, 304})  # RFC 9110, 8.6; what has no length otherwise never ends


class ClientGone(Exception):
    """The client closed the connection, or does not take the answer: there is nobody to answer."""


class Client:
    """One exchange with a client over ASGI.

    content_length: of the request's body; None if it comes with an unknown length, and then it cannot be read.
    waits_for_continue: it sent `Expect: 100-continue`; the server says 100 when the body is first asked for.
    """

    def __init__(self, receive: Receive, send: Send, *, content_length: int | None, waits_for_continue: bool) -> None:
        self._receive = receive
        self._send = send
        self._waits_for_continue = waits_for_continue
        self._body_asked_for = False
        self._body_received = content_length == 0
        self.content_length = content_length
        self.whole: bytes | None = None  # the body, if it was here before the request was looked at
        self.also_said: Headers = ()  # headers of every answer to this client, refusals too
        self._sent = 0  # bytes of the answer
        self._waited = 0.0  # seconds until the client took them
        self.answered = False  # whether the head of an answer is out: then no other can be given

    async def body(self, object_length: int | None = None) -> AsyncIterator[bytes]:
        """The body, piece by piece as it comes, all of content_length.

        object_length: of a body in the aws-chunked encoding, which may come without a length of its own; its reader
            then says when it is over.

        Raises:
            ServiceError: MissingContentLength, RequestTimeout, or IncompleteBody.
            ClientGone: it left.
        """
        length = object_length if self.content_length is None else self.content_length
        if length is None:
            raise s3_error("MissingContentLength")
        self._body_asked_for = True
        received = 0
        time = asyncio.get_running_loop().time
        finish = time() + limits.CLIENT_IDLE_SECONDS + length / limits.CLIENT_BODY_BYTES_PER_SECOND
        while not self._body_received:
            receiving = Begun(self._receive())
            if receiving.is_over:
                message = receiving.result
            else:
                try:
                    message = await within(min(limits.CLIENT_IDLE_SECONDS, max(finish - time(), 0)), receiving)
                except TimeoutError:
                    raise s3_error("RequestTimeout") from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._body_received = not message.get("more_body", False)
            chunk = message.get("body", b"")
            received += len(chunk)
            if chunk:
                yield chunk
        if self.content_length is not None and received != self.content_length:
            raise s3_error("IncompleteBody")

    async def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """A whole answer."""
        head = await self._head(status, headers)
        sending = Begun(self._send_both(head, {"type": "http.response.body", "body": body}))
        await self._patiently(sending, len(body))

    async def start(self, status: int, headers: Headers) -> None:
        """The head of an answer."""
        head = await self._head(status, headers)
        await self._patiently(Begun(self._send(head)))

    async def _head(self, status: int, headers: Headers) -> dict[str, Any]:
        """A connection whose body was not read whole is closed after the answer: the server could not tell the rest of
        the body from the next request."""
        if not self._body_received and not await self._drained():
            headers = (*headers, (b"connection", b"close"))
        if self.also_said:
            headers = (*headers, *self.also_said)
        self.answered = True
        return {"type": "http.response.start", "status": status, "headers": headers}

    async def _send_both(self, head: dict[str, Any], body: dict[str, Any]) -> None:
        await self._send(head)
        await self._send(body)

    async def send(self, chunk: bytes, *, more: bool) -> None:
        """A piece of the answer's body. Raises ClientGone if the client takes nothing for too long."""
        message = {"type": "http.response.body", "body": chunk, "more_body": more}
        await self._patiently(Begun(self._send(message)), len(chunk))

    def watched(self) -> AbstractAsyncContextManager[Callable[[], bool]]:
        """While an answer streams: a function that says whether the client has left. Its body must be read by then."""
        return self._watched()

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[Callable[[], bool]]:
        async def leaves() -> None:
            while (await self._receive())["type"] != "http.disconnect":
                pass

        watch = asyncio.create_task(leaves())
        try:
            yield watch.done
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def _patiently(self, sending: Begun[None], size: int = 0) -> None:
        """Raises ClientGone if the client takes this not at all, or its answer too slowly on the whole.

        size: in bytes, of what is sent. Only the time that the client lets us wait counts, not the backend's.
        """
        self._sent += size
        if sending.is_over:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        owed = limits.CLIENT_IDLE_SECONDS + self._sent / limits.CLIENT_BODY_BYTES_PER_SECOND - self._waited
        try:
            await within(min(limits.UPSTREAM_IDLE_SECONDS, max(owed, 0)), sending)
        except TimeoutError:
            raise ClientGone from None
        self._waited += loop.time() - began

    async def _drained(self) -> bool:
        """Whether the rest of a refused body could be read, within bounds. A client that is still sending sees a
        closed connection instead of our answer; one that waits for 100 sends nothing at all."""
        if self._waits_for_continue and not self._body_asked_for:
            return False
        read = 0
        try:
            async with asyncio.timeout(limits.CLIENT_DRAIN_SECONDS):
                while not self._body_received and read < limits.CLIENT_DRAIN_BYTES:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        return False
                    read += len(message.get("body", b""))
                    self._body_received = not message.get("more_body", False)
        except TimeoutError:
            return False
        return self._body_received


class Waiting(Protocol):
    """Who waits for one answer past ASGI."""

    def answer(self, response: RawResponse) -> None:
        """Gives a whole answer."""

    def by_messages(self) -> tuple[Receive, Send]:
        """ASGI's two callables, for an answer that is given piece by piece: in place of `answer`."""

    def leave(self) -> None:
        """The end of it: without a whole answer the connection is closed."""


class WholeClient(Client):
    """A client whose request is here whole. A whole answer to it leaves at once."""

    def __init__(self, waiting: Waiting, body: bytes, *, is_head: bool) -> None:
        # Nothing of its own: what refers to itself waits for the collector.
        super().__init__(_no_messages, _no_messages, content_length=len(body), waits_for_continue=False)
        self._body_received = True
        self._waiting = waiting
        self.whole = body
        self._is_head = is_head
        self._is_by_messages = False

    async def body(self, object_length: int | None = None) -> AsyncIterator[bytes]:
        if self.whole:
            yield self.whole

    async def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.answered = True
        if self.also_said:
            headers = (*headers, *self.also_said)
        if self._is_head:
            body = b""
        elif status not in _WITHOUT_LENGTH and b"content-length" not in dict(headers):
            headers = (*headers, (b"content-length", b"%d" % len(body)))
        self._waiting.answer(RawResponse(status, headers, body))

    async def start(self, status: int, headers: Headers) -> None:
        self._go_by_messages()
        await super().start(status, headers)

    def watched(self) -> AbstractAsyncContextManager[Callable[[], bool]]:
        self._go_by_messages()
        return super().watched()

    def _go_by_messages(self) -> None:
        if not self._is_by_messages:
            self._receive, self._send = self._waiting.by_messages()
            self._is_by_messages = True


async def _no_messages(*_: object) -> Any:
    raise RuntimeError("an answer in pieces begins with `start`")


def check_payload_hash(payload_hash: str | None, body: bytes) -> None:
    """Compares a whole body with what was declared of it; None declares nothing.

    Raises:
        ServiceError: XAmzContentSHA256Mismatch.
    """
    if payload_hash is not None:
        compare_payload_hash(payload_hash, hashlib.sha256(body).hexdigest())


def compare_payload_hash(declared: str, computed: str) -> None:
    """Both in hexadecimal. Raises ServiceError: XAmzContentSHA256Mismatch."""
    if declared.lower() != computed:
        raise s3_error(
            "XAmzContentSHA256Mismatch",
            ClientComputedContentSHA256=declared,
            S3ComputedContentSHA256=computed,
        )


def request_ids(request_id: str) -> Headers:
    """The headers that name the request in every answer."""
    text = request_id.encode("ascii")
    return ((b"x-amz-request-id", text), (b"x-amz-id-2", binascii.b2a_base64(text, newline=False)))


def host_id(request_id: str) -> str:
    """S3's second id is opaque; ours says nothing that the first does not."""
    return base64.b64encode(request_id.encode("ascii")).decode("ascii")
