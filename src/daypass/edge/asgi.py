"""The ASGI callable: bytes in, bytes out. Reads the clock, once a request, and sends each request on its line.

One port serves all: the service is the one that the signature's credential scope names.

Source: ASGI specification 3.0, "HTTP connection scope".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from daypass import limits
from daypass.edge.api import Api
from daypass.edge.forwarded import Networks, UnreadableAddress, true_source
from daypass.errors import ServiceError
from daypass.names import make_request_id
from daypass.service.ports import Entropy
from daypass.wire import sigv4
from daypass.wire.http import RawRequest, RawResponse
from daypass.wire.s3_address import bucket_of_host
from daypass.wire.sigv4 import Claim, SignatureFault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEALTH_PATH: Final = b"/_daypass/health"
_OWN_PATHS: Final = b"/_daypass/"  # an underscore cannot begin a bucket name, so these collide with none

_BAD_REQUEST: Final = RawResponse(400, ((b"content-length", b"0"), (b"connection", b"close")), b"")

_log: Final = logging.getLogger("daypass")


class DataPlane(Protocol):
    """What answers S3 requests, streaming both ways."""

    async def handle(
        self, request: RawRequest, claim: Claim | SignatureFault | None, request_id: str, receive: Receive, send: Send
    ) -> None: ...


class Application:
    """Daypass as one ASGI application for HTTP; app.py wraps it with what starts and stops.

    now: the clock, aware UTC; read once a request.
    s3_domains: below which a Host is a bucket's own, and all that is asked there is meant for S3.
    trusted_proxies: whose word about the client's address and scheme is believed.
    """

    def __init__(
        self,
        *,
        api: Api,
        gateway: DataPlane,
        entropy: Entropy,
        now: Callable[[], datetime],
        s3_domains: tuple[str, ...] = (),
        trusted_proxies: Networks = (),
    ) -> None:
        self._api = api
        self._gateway = gateway
        self._entropy = entropy
        self._now = now
        self._s3_domains = s3_domains
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"unexpected ASGI scope `{scope['type']}`")
        request = _raw_request(scope, self._now())
        request_id = make_request_id(self._entropy.bytes(16))
        of_bucket = bool(self._s3_domains) and self._is_buckets_own(request)
        if request.path.startswith(_OWN_PATHS) and not of_bucket:
            await _send(send, _own_page(request))
            return
        refusal = _unreadable_host(request)
        if refusal is not None:
            await _send(send, refusal)
            return
        if self._trusted_proxies:
            try:
                request = _through_proxies(request, self._trusted_proxies)
            except UnreadableAddress:
                await _send(send, _BAD_REQUEST)
                return
        claim: Claim | SignatureFault | None
        try:
            claim = sigv4.read_claim(request)
        except SignatureFault as fault:
            claim = fault
        service = "s3" if of_bucket else service_of(request, claim)
        if service == "s3":
            await self._gateway.handle(request, claim, request_id, receive, send)
            return
        try:
            body = await _whole_body(scope, receive)
        except _ClientGone:
            return
        except ServiceError as error:
            await _send(send, self._api.refuse(request, service, error, request_id))
            return
        await _send(send, await self._api.handle(_with_body(request, body), claim, service, request_id))

    def _is_buckets_own(self, request: RawRequest) -> bool:
        return bucket_of_host(request.header(b"host") or "", self._s3_domains) is not None


class _ClientGone(Exception):
    """The client closed the connection before its body was whole."""


def _raw_request(scope: Mapping[str, Any], received: datetime) -> RawRequest:
    client = scope.get("client")
    return RawRequest(
        method=scope["method"],
        path=scope.get("raw_path") or scope["path"].encode("utf-8"),
        query=scope["query_string"],
        headers=tuple(scope["headers"]),
        body=b"",
        source_ip=client[0] if client else "",
        secure=scope["scheme"] == "https",
        received=received,
    )


def _through_proxies(request: RawRequest, trusted: Networks) -> RawRequest:
    """The request as its client sent it to the first trusted proxy."""
    source_ip, secure = true_source(request.source_ip, request.secure, request.headers, trusted)
    return RawRequest(
        request.method,
        request.path,
        request.query,
        request.headers,
        request.body,
        source_ip,
        secure,
        request.received,
    )


def _with_body(request: RawRequest, body: bytes) -> RawRequest:
    return RawRequest(
        request.method,
        request.path,
        request.query,
        request.headers,
        body,
        request.source_ip,
        request.secure,
        request.received,
    )


def service_of(request: RawRequest, claim: Claim | SignatureFault | None) -> str:
    """`s3`, or the name of a control-plane service, which the API refuses if it serves none of that name."""
    named = claim.service if claim is not None else None
    if named == "s3":
        return "s3"
    # A control-plane call is a form to `/`, or says its Action; anything else can only be meant for S3.
    looks_like_form = request.path == b"/" and (request.method == "POST" or b"Action=" in request.query)
    if named:
        return named if named in ("sts", "iam") or looks_like_form else "s3"
    return "sts" if looks_like_form else "s3"


async def _whole_body(scope: Mapping[str, Any], receive: Receive) -> bytes:
    """The body of a control-plane request.

    Raises:
        ServiceError: 413, over limits.API_BODY_BYTES; 408, not here within limits.API_BODY_SECONDS.
        _ClientGone: the client has left.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _bounded(message.get("body", b""))
    try:
        async with asyncio.timeout(limits.API_BODY_SECONDS):
            body = bytearray()
            while True:
                if message["type"] == "http.disconnect":
                    raise _ClientGone
                body += message.get("body", b"")
                _bounded(body)
                if not message.get("more_body"):
                    return bytes(body)
                message = await receive()
    except TimeoutError:
        raise ServiceError("RequestTimeout", 408, "The request body was not received in time.") from None


def _bounded(body: bytes | bytearray) -> bytes:
    if len(body) > limits.API_BODY_BYTES:
        raise ServiceError("RequestEntityTooLarge", 413, f"Request body must not exceed {limits.API_BODY_BYTES} bytes.")
    return body if isinstance(body, bytes) else b""


def _unreadable_host(request: RawRequest) -> RawResponse | None:
    """A refusal of a request whose Host is missing or given twice, which two readers could read two ways."""
    if b"host" in request.named and [name for name, _ in request.headers].count(b"host") == 1:
        return None
    return _BAD_REQUEST


def _own_page(request: RawRequest) -> RawResponse:
    if request.path == HEALTH_PATH and request.method in ("GET", "HEAD"):
        body = b'{"status":"ok"}\n'
        headers = ((b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()))
        return RawResponse(200, headers, b"" if request.method == "HEAD" else body)
    return RawResponse(404, ((b"content-length", b"0"),), b"")


async def _send(send: Send, response: RawResponse) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    await send({"type": "http.response.body", "body": response.body})


def utc_now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)  # noqa: TID251  the one place of the server that reads the clock
