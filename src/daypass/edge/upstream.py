"""The storage backend behind the gateway: a new request for each exchange, signed with the backend's own key.

Owns when a request is sent again, and when the backend is left alone; edge.backend_signer writes its head. Nothing of
a client's request gets here but what the gateway puts into an UpstreamRequest.

Source: the advisories on re-signed redirects (rclone GHSA-8mxv-9xhp-86h4, GHSA-gx4c-2hqx-cw2r); RFC 9110, 9.2.2
"Idempotent methods".
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from daypass.edge.backend_signer import BackendSigner
from daypass.edge.breaker import Breaker
from daypass.edge.http_client import Connection, HttpFailure, Pool
from daypass.edge.upstream_request import UpstreamRequest
from daypass.names import Secret

__all__ = ["BackendSettings", "Upstream", "UpstreamFailure", "UpstreamRequest", "UpstreamResponse"]

UpstreamFailure = HttpFailure

_log: Final = logging.getLogger("daypass")

# What may be done twice with the effect of once. (RFC 9110, 9.2.2)
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class BackendSettings(Protocol):
    """Where the backend is, and the key that is the gateway's own there.

    url: scheme, host and port, no path. takes_trailers: whether it takes a checksum after a body in unsigned chunks.
    """

    @property
    def url(self) -> str: ...

    @property
    def access_key_id(self) -> str: ...

    @property
    def secret(self) -> Secret: ...

    @property
    def region(self) -> str: ...

    @property
    def takes_trailers(self) -> bool: ...


class UpstreamResponse:
    """An answer of the backend: its head, and its body as far as it is read. It ends with its `with` block."""

    __slots__ = ("_connection", "_pool", "headers", "status")

    def __init__(self, connection: Connection, pool: Pool) -> None:
        self._connection = connection
        self._pool = pool
        self.status: Final = connection.status
        self.headers: Final = connection.headers

    def header(self, name: bytes) -> str | None:
        """The first header of that lower-case name as text."""
        value = self._connection.named.get(name)
        return None if value is None else value.decode("latin-1")

    def whole_body(self) -> bytes | None:
        """The body, if it came with the head, as small ones do; else None, and `chunks` is the way to it."""
        return self._connection.whole_body()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece as it comes.

        Raises:
            UpstreamFailure: it broke off or stood still.
        """
        return self._connection.pieces()

    async def read(self, max_bytes: int) -> bytes:
        """At most so much of the body.

        Raises:
            UpstreamFailure: it broke off or stood still.
        """
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) >= max_bytes:
                break
        return bytes(body[:max_bytes])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The exchange is over; if its body was not read whole, so is its connection."""
        self._pool.give_back(self._connection)


class Upstream:
    """The backend. Made inside a running event loop, closed with `close`."""

    def __init__(self, backend: BackendSettings) -> None:
        origin = urlsplit(backend.url)
        tls = ssl.create_default_context() if origin.scheme == "https" else None
        usual_port = 80 if tls is None else 443
        # The port that the scheme implies is not named: it would be in the signature, and a proxy may drop it.
        self._host = origin.netloc.removesuffix(f":{usual_port}")
        self._loop = asyncio.get_running_loop()  # kept: asking for it costs a system call
        self._pool = Pool(origin.hostname or "", origin.port or usual_port, tls)
        self._breaker = Breaker()
        self.signer: Final = BackendSigner(self._host, backend.access_key_id, backend.secret, backend.region)
        self.region: Final = backend.region
        self.takes_trailers: Final = backend.takes_trailers

    async def close(self) -> None:
        self._pool.close()

    async def ask(self, request: UpstreamRequest, body: AsyncIterator[bytes] | bytes = b"") -> UpstreamResponse:
        """One request and the head of its answer; the connection is closed at once if either is left unfinished.

        body: exactly content_length bytes. If it raises, so does this, and the connection is closed with the
            request unfinished.

        Raises:
            UpstreamFailure: no answer.
        """
        if not self._breaker.lets_pass(self._loop.time()):
            raise UpstreamFailure("it did not answer before", reached=False, busy=True)
        try:
            connection = await self._ask(request, self.signer.head(request), body)
        except UpstreamFailure as failure:
            if not failure.busy and self._breaker.failed(self._loop.time()):
                _log.error("the S3 backend %s is left alone for a while: %s", self._host, failure)
            raise
        if self._breaker.succeeded():
            _log.warning("the S3 backend %s answers again", self._host)
        return UpstreamResponse(connection, self._pool)

    async def _ask(self, request: UpstreamRequest, head: bytes, body: AsyncIterator[bytes] | bytes) -> Connection:
        """A connection that has the head of the answer. An idle one may be closed by the other side just now: what can
        be sent twice is then sent once more."""
        connection = self._pool.take_idle() or await self._pool.take()
        try:
            return await self._send(connection, request, head, body)
        except UpstreamFailure:
            again = isinstance(body, bytes) and request.method in _IDEMPOTENT
            if not (again and connection.is_used) or connection.has_read:
                raise
        connection = await self._pool.take(fresh=True)
        return await self._send(connection, request, head, body)

    async def _send(
        self, connection: Connection, request: UpstreamRequest, head: bytes, body: AsyncIterator[bytes] | bytes
    ) -> Connection:
        try:
            await connection.send(request.method, head, body, request.content_length or 0)
        except BaseException:
            self._pool.give_back(connection)
            raise
        return connection
