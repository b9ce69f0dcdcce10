"""How nginx and Envoy ask about a request, and what they do with the answer: two dialects of edge.front.

nginx (`auth_request`) asks with a GET without the body and gets all it needs in headers of ours, which its
configuration puts into the backend's request. Envoy (`ext_authz` over HTTP) asks at the client's own path below a
prefix, and puts the answer's headers into the request by itself; it cannot change the path, so a path that is not
written as Daypass writes it goes to the gateway.

What a proxy says of the client - method, target, address, scheme - it says in headers that its configuration sets on
every request. One that is missing or there twice is a mistake in the configuration, and is answered as one.

Source: nginx's documentation, ngx_http_auth_request_module; Envoy's, "External Authorization", HTTP service.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from daypass.edge.asgi import Scope
from daypass.edge.front import Front
from daypass.wire.http import Headers, RawRequest, RawResponse

NGINX_PATH: Final = b"/_daypass/nginx"
ENVOY_PREFIX: Final = b"/_daypass/envoy"

BACKEND: Final = b"backend"
GATEWAY: Final = b"gateway"

_METHOD: Final = b"x-original-method"
_TARGET: Final = b"x-original-uri"
_PEER: Final = b"x-original-peer"
_SCHEME: Final = b"x-original-scheme"
_LENGTH: Final = b"x-original-content-length"
_SAID_BY_NGINX: Final = frozenset({_METHOD, _TARGET, _PEER, _SCHEME, _LENGTH})
# What belongs to the question itself, not to the client's request.
_OF_THE_QUESTION: Final = frozenset({b"content-length", b"transfer-encoding", b"x-daypass-authorizer-token"})
# What Envoy adds to a question. (Envoy's documentation, "HTTP header manipulation")
_ADDED_BY_ENVOY: Final = frozenset(
    {
        b"x-envoy-external-address",
        b"x-envoy-expected-rq-timeout-ms",
        b"x-envoy-internal",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-request-id",
    }
)

_NOT_THE_CLIENTS: Final = _SAID_BY_NGINX | _OF_THE_QUESTION
_NOT_ENVOYS_CLIENTS: Final = _ADDED_BY_ENVOY | _OF_THE_QUESTION


class Misconfigured(Exception):
    """What the proxy did not say, or said twice. Its text is one line that says what to set."""


async def ask_for_nginx(front: Front, scope: Scope, request_id: str, received: datetime) -> RawResponse:
    """The answer to nginx's question: always 200, with where to send the request and how it is signed there."""
    said = _said(scope["headers"])
    path, _, query = said[_TARGET].partition(b"?")
    headers = [header for header in scope["headers"] if header[0] not in _NOT_THE_CLIENTS]
    if said[_LENGTH]:
        headers.append((b"content-length", said[_LENGTH]))
    request = RawRequest(
        method=said[_METHOD].decode("latin-1"),
        path=path,
        query=query,
        headers=tuple(headers),
        body=b"",
        source_ip=said[_PEER].decode("latin-1"),
        secure=said[_SCHEME] == b"https",
        received=received,
    )
    resigned = await front.resign(request, request_id)
    if resigned is None:
        return _routed(GATEWAY)
    return _routed(
        BACKEND,
        (b"x-daypass-uri", resigned.target),
        (b"x-daypass-host", resigned.host),
        (b"x-daypass-content-sha256", resigned.payload_hash),
        (b"x-daypass-date", resigned.date),
        (b"x-daypass-authorization", resigned.authorization),
    )


async def ask_for_envoy(front: Front, scope: Scope, request_id: str, received: datetime) -> RawResponse:
    """The answer to Envoy's question: always 200, with the headers that Envoy puts into the request."""
    path = scope["raw_path"].partition(b"?")[0].removeprefix(ENVOY_PREFIX)
    query = scope["query_string"]
    held = scope["headers"]
    request = RawRequest(
        method=scope["method"],
        path=path or b"/",
        query=query,
        headers=tuple(header for header in held if header[0] not in _NOT_ENVOYS_CLIENTS),
        body=b"",
        source_ip=_one(held, b"x-envoy-external-address").decode("latin-1"),
        secure=_one(held, b"x-forwarded-proto") == b"https",
        received=received,
    )
    resigned = await front.resign(request, request_id)
    if resigned is None or resigned.target != path + (b"?" + query if query else b""):
        return _routed(GATEWAY)
    return _routed(
        BACKEND,
        (b"x-amz-content-sha256", resigned.payload_hash),
        (b"x-amz-date", resigned.date),
        (b"authorization", resigned.authorization),
        (b"x-envoy-auth-headers-to-remove", b"x-amz-security-token"),
    )


def _routed(where: bytes, *headers: tuple[bytes, bytes]) -> RawResponse:
    return RawResponse(200, ((b"x-daypass-route", where), (b"content-length", b"0"), *headers), b"")


def _said(headers: Headers) -> dict[bytes, bytes]:
    """What nginx says of the client's request.

    Raises:
        Misconfigured: not all of it, or something twice.
    """
    said: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _SAID_BY_NGINX:
            if name in said:
                raise Misconfigured(f"{name.decode()} came twice; set it with proxy_set_header")
            said[name] = value
    said.setdefault(_LENGTH, b"")
    for name in (_METHOD, _TARGET, _PEER, _SCHEME):
        if name not in said:
            raise Misconfigured(
                f"{name.decode()} is missing; set it with proxy_set_header, as docs/authorizer.md shows"
            )
    if not said[_TARGET].startswith(b"/"):
        raise Misconfigured("x-original-uri is $request_uri, and begins with a slash")
    return said


def _one(headers: Headers, name: bytes) -> bytes:
    """The header's value if it came exactly once; else nothing."""
    values = [value for key, value in headers if key == name]
    return values[0] if len(values) == 1 else b""
