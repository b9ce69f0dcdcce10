"""The storage backend behind the gateway: a new request for each exchange, signed with the backend's own key.

Owns the HTTP client and its bounds. Nothing of a client's request gets here but what the gateway puts into an
UpstreamRequest. No redirect is followed, no cookie kept, no proxy taken from the environment, nothing decompressed.

Source: S3 API Reference, "Authenticating requests: using the Authorization header"; the advisories on re-signed
redirects (rclone GHSA-8mxv-9xhp-86h4, GHSA-gx4c-2hqx-cw2r).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import aiohttp
from aiohttp import hdrs
from yarl import URL

from daypass import limits
from daypass.names import Secret
from daypass.wire import sigv4
from daypass.wire.http import Headers

_READ_BUFFER_BYTES: Final = 262_144

# aiohttp would add these by itself. Unsigned and unasked for, they have no business at the backend.
_NO_HEADERS_OF_ITS_OWN: Final = (hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE)


class BackendSettings(Protocol):
    """Where the backend is, and the key that is the gateway's own there. url: scheme, host and port, no path."""

    @property
    def url(self) -> str: ...

    @property
    def access_key_id(self) -> str: ...

    @property
    def secret(self) -> Secret: ...

    @property
    def region(self) -> str: ...


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What is asked of the backend.

    path, query: percent-encoded as they are sent.
    headers: lower-case names; without host, length, date and authorization, which are made here.
    payload_hash: of the body in hexadecimal, or UNSIGNED-PAYLOAD.
    content_length: of the body; None if there is no body.
    at: aware UTC; the time it is signed with.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    payload_hash: str
    content_length: int | None
    at: datetime


class UpstreamFailure(Exception):
    """The backend could not be asked, or did not answer whole.

    reached: whether it may have got the request; if not, it certainly did nothing.
    """

    def __init__(self, reason: str, *, reached: bool) -> None:
        super().__init__(reason)
        self.reached = reached


class UpstreamResponse:
    """An answer of the backend: its head, and its body as far as it is read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: Final = response.status
        self.headers: Final[Headers] = tuple((name.lower(), value) for name, value in response.raw_headers)

    def header(self, name: bytes) -> str | None:
        """The first header of that lower-case name as text."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece as it comes.

        Raises:
            UpstreamFailure: it broke off or stood still.
        """
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamFailure(_reason(error), reached=True) from error

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


class Upstream:
    """The backend. Made inside a running event loop, closed with `close`."""

    def __init__(self, backend: BackendSettings) -> None:
        origin = URL(backend.url)
        self._origin = str(origin.origin())
        self._host = (origin.host_port_subcomponent or "").encode("ascii")
        self._access_key_id = backend.access_key_id
        self._secret = backend.secret
        self.region: Final = backend.region
        self._signing_key: sigv4.SigningKey | None = None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limits.UPSTREAM_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=limits.UPSTREAM_CONNECT_SECONDS,
                sock_connect=limits.UPSTREAM_CONNECT_SECONDS,
                sock_read=limits.UPSTREAM_IDLE_SECONDS,
            ),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_NO_HEADERS_OF_ITS_OWN,
            read_bufsize=_READ_BUFFER_BYTES,
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def exchange(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | bytes = b""
    ) -> AsyncIterator[UpstreamResponse]:
        """One request and its answer; the connection is closed at once if either is left unfinished.

        body: exactly content_length bytes. If it raises, the connection is closed with the request unfinished.

        Raises:
            UpstreamFailure: no answer.
        """
        target = request.path + (b"?" + request.query if request.query else b"")
        url = URL(self._origin + target.decode("ascii"), encoded=True)
        loop = asyncio.get_running_loop()
        unsent = 0 if isinstance(body, bytes) else request.content_length or 0
        try:
            # aiohttp bounds the wait for an answer, but not a backend that stops taking the body.
            async with asyncio.timeout(limits.UPSTREAM_IDLE_SECONDS) as patience:

                async def watched(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
                    nonlocal unsent
                    async for chunk in chunks:
                        unsent -= len(chunk)
                        patience.reschedule(loop.time() + limits.UPSTREAM_IDLE_SECONDS)
                        yield chunk

                response = await self._session.request(
                    request.method,
                    url,
                    headers=self._headers(request),
                    data=body or None if isinstance(body, bytes) else watched(body),
                    allow_redirects=False,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamFailure(_reason(error), reached=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamFailure(_reason(error), reached=True) from error
        try:
            yield UpstreamResponse(response)
        finally:
            if response.content.at_eof() and unsent == 0:
                response.release()
            else:
                response.close()

    def _headers(self, request: UpstreamRequest) -> list[tuple[str, str]]:
        """Every header of the request, the signature over all of them among them."""
        date = sigv4.amz_date(request.at)
        signed: Headers = (
            (b"host", self._host),
            (b"x-amz-content-sha256", request.payload_hash.encode("ascii")),
            (b"x-amz-date", date.encode("ascii")),
            *request.headers,
        )
        authorization = sigv4.sign_with_key(
            request.method,
            request.path,
            request.query,
            signed,
            request.payload_hash,
            self._access_key_id,
            self._key_for(date[:8]),
            request.at,
        )
        length = [] if request.content_length is None else [("content-length", str(request.content_length))]
        text = [(name.decode("ascii"), value.decode("ascii")) for name, value in signed]
        return [*text, *length, ("authorization", authorization)]

    def _key_for(self, day: str) -> sigv4.SigningKey:
        key = self._signing_key
        if key is None or key.date != day:
            key = self._signing_key = sigv4.signing_key(self._secret, day, self.region, "s3")
        return key


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
