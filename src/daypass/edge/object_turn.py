"""S3 requests that came whole, answered past ASGI: a task for each, and neither scope nor messages.

Owns which requests come here, and that each gets an answer or its connection's end. What an answer says is
edge.gateway's; how a connection is read is edge.control_protocol's. All other requests to S3 come by edge.asgi, and
what is the same for both is asked of the same functions.

Source: RFC 9112, 3.2.1 "origin-form"; S3 API Reference, "Making requests".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol

from daypass import limits
from daypass.edge.client import Client, ClientGone, Waiting, WholeClient
from daypass.edge.forwarded import Networks, UnreadableAddress, true_source
from daypass.names import make_request_id
from daypass.service.ports import Entropy
from daypass.wire import sigv4
from daypass.wire.http import Headers, RawRequest, RawResponse
from daypass.wire.sigv4 import Claim, SignatureFault

_log: Final = logging.getLogger("daypass")
_BAD_REQUEST: Final = RawResponse(400, ((b"content-length", b"0"),), b"")
_METHODS: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"PUT"})
# What edge.pages and edge.asgi may answer themselves: theirs to tell.
_NOT_OBJECTS: Final = (b"/_daypass/", b"/federation")
_TERMINATOR: Final = b"/aws4_request"
_SCOPE: Final = b"/s3/aws4_request"


class Asked(Waiting, Protocol):
    """A whole request of HTTP/1.1, and who waits for its answer: it may have gone away, which is its own affair.

    target: as it was sent. headers: names in lower case, none of them twice. keep_alive: whether more may be asked on
    its connection.
    """

    keep_alive: bool

    @property
    def method(self) -> str: ...

    @property
    def target(self) -> bytes: ...

    @property
    def headers(self) -> Headers: ...

    @property
    def body(self) -> bytes: ...

    @property
    def source_ip(self) -> str: ...

    @property
    def secure(self) -> bool: ...


class Objects(Protocol):
    """What answers S3 requests."""

    async def serve(
        self, request: RawRequest, claim: Claim | SignatureFault | None, request_id: str, client: Client
    ) -> None: ...


class ObjectTurn:
    """What takes one event loop's whole S3 requests. One for each worker."""

    def __init__(
        self,
        *,
        gateway: Objects,
        entropy: Entropy,
        now: Callable[[], datetime],
        trusted_proxies: Networks = (),
    ) -> None:
        """As edge.asgi's Application: what is the same for both ways is given to both."""
        self._gateway = gateway
        self._entropy = entropy
        self._now = now
        self._trusted_proxies = trusted_proxies
        self._loop: asyncio.AbstractEventLoop | None = None

    def takes(self, method: bytes, target: bytes, named: Mapping[bytes, bytes]) -> bool:
        """Whether a request with that head comes here, if its body comes with it: signed for S3 in its header, and no
        larger than what is proven whole.

        named: its headers, none of which is there twice.
        """
        length = named.get(b"content-length", b"0")
        authorization = named.get(b"authorization", b"")
        return (
            method in _METHODS
            and target[:1] == b"/"
            and b"#" not in target
            and not target.startswith(_NOT_OBJECTS)
            and b"host" in named
            and length.isdigit()
            and len(length) < 8
            and int(length) <= limits.UPSTREAM_WHOLE_BODY_BYTES
            # The credential scope is that of S3, and there is no second.
            and authorization.count(_TERMINATOR) == 1
            and _SCOPE in authorization
        )

    def ask(self, asked: Asked, tasks: set[asyncio.Task[None]]) -> None:
        """Have it answered. tasks: those that the server waits for before it ends."""
        loop = self._loop = self._loop or asyncio.get_running_loop()  # asking costs a system call
        tasks.add(loop.create_task(self._serve(asked, loop, tasks)))

    async def _serve(self, asked: Asked, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        try:
            request = self._request(asked)
            claim: Claim | SignatureFault | None
            try:
                claim = sigv4.read_claim(request)
            except SignatureFault as fault:
                claim = fault
            client = WholeClient(asked, asked.body, is_head=asked.method == "HEAD")
            await self._gateway.serve(request, claim, make_request_id(self._entropy.bytes(16)), client)
        except UnreadableAddress:
            asked.keep_alive = False
            asked.answer(_BAD_REQUEST)
        except ClientGone:
            pass
        except Exception:  # noqa: BLE001  ours, and of this request alone: its connection is closed without an answer
            _log.exception("a request failed before it had an answer")
        finally:
            asked.leave()
            # Not by a callback of the task, which would take the loop round once more.
            task = asyncio.current_task(loop)
            if task is not None:
                tasks.discard(task)

    def _request(self, asked: Asked) -> RawRequest:
        """Raises UnreadableAddress."""
        source_ip, secure = asked.source_ip, asked.secure
        if self._trusted_proxies:
            source_ip, secure = true_source(source_ip, secure, asked.headers, self._trusted_proxies)
        path, _, query = asked.target.partition(b"?")
        return RawRequest(asked.method, path, query, asked.headers, b"", source_ip, secure, self._now())
