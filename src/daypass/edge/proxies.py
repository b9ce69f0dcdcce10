"""How nginx and Envoy ask about a request, and what they do with the answer: two dialects of edge.front.

nginx (`auth_request`) asks with a GET without the body and gets all it needs in headers of ours, which its
configuration puts into the backend's request. Envoy (`ext_authz` over HTTP) asks at the client's own path below a
prefix, and puts the answer's headers into the request by itself; it cannot change the path, so a path that is not
written as Daypass writes it goes to the gateway. So does a request whose headers the backend may get otherwise than
Envoy told them: it joins those of one name by commas when it asks, and tells a byte that is not UTF-8 as `!`.

What a proxy says of the client - method, target, address, scheme - it says in headers that its configuration sets on
every request. One that is missing or there twice is a mistake in the configuration, and is answered as one.

Source: nginx's documentation, ngx_http_auth_request_module; Envoy's, "External Authorization", HTTP service, and what
Envoy 1.40 was seen to do.
"""

from __future__ import annotations

from typing import Final

from daypass.edge.front import Front
from daypass.edge.route import Route
from daypass.edge.told import Told
from daypass.wire.http import Headers, RawRequest, RawResponse

NGINX_PATH: Final = b"/_daypass/nginx"
ENVOY_PREFIX: Final = b"/_daypass/envoy"

_BELOW_ENVOY: Final = ENVOY_PREFIX + b"/"

_METHOD: Final = b"x-original-method"
_TARGET: Final = b"x-original-uri"
_PEER: Final = b"x-original-peer"
_SCHEME: Final = b"x-original-scheme"
_LENGTH: Final = b"x-original-content-length"
_SAID_BY_NGINX: Final = frozenset({_METHOD, _TARGET, _PEER, _SCHEME, _LENGTH})
_SAID_BY_ENVOY: Final = (_PEER, _SCHEME, _LENGTH)
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
_NOT_ENVOYS_CLIENTS: Final = _ADDED_BY_ENVOY | _OF_THE_QUESTION | frozenset(_SAID_BY_ENVOY)
# What Envoy replaces, and lists that no backend reads as a command: several are as good as one.
_MAY_BE_SEVERAL: Final = frozenset(
    {b"accept", b"accept-encoding", b"accept-language", b"authorization", b"date", b"user-agent"}
)

_NO_BODY: Final = (b"content-length", b"0")
_TO_THE_BACKEND: Final[Headers] = ((b"x-daypass-route", b"backend"), _NO_BODY)
_TO_THE_GATEWAY: Final = RawResponse(200, ((b"x-daypass-route", b"gateway"), _NO_BODY), b"")


class Misconfigured(Exception):
    """What the proxy did not say, or said twice. Its text is one line that says what to set."""


class ProxyQuestions:
    """Answers both. front: None if no S3 backend is configured."""

    def __init__(self, front: Front | None) -> None:
        self._front = front

    async def told(self, question: RawRequest, request_id: str) -> Told:
        """The answer: always 200, with where to send the client's request, and how it is signed there.

        question: as the proxy sent it, to NGINX_PATH or below ENVOY_PREFIX.

        Raises:
            Misconfigured: the proxy does not say what it must, or there is no store.
        """
        front, request = self._asked(question)
        if request is None:
            return _GATEWAY
        return _told(question, request, await front.route(request, request_id), request_id)

    def held(self, question: RawRequest, request_id: str) -> Told | None:
        """As `told`, if nothing has to be waited for. None says nothing: ask `told`."""
        front, request = self._asked(question)
        if request is None:
            return _GATEWAY
        route = front.held(request, request_id)
        return None if route is None else _told(question, request, route, request_id)

    def _asked(self, question: RawRequest) -> tuple[Front, RawRequest | None]:
        if self._front is None:
            raise Misconfigured("Daypass has no S3 backend; set --s3-backend")
        is_nginx = question.path == NGINX_PATH
        return self._front, _read_for_nginx(question) if is_nginx else _read_for_envoy(question)


def is_proxy_s(path: bytes) -> bool:
    """Whether it is a proxy that asks at that path."""
    return path in (NGINX_PATH, ENVOY_PREFIX) or path.startswith(_BELOW_ENVOY)


def _told(question: RawRequest, request: RawRequest, route: Route, request_id: str) -> Told:
    resigned = route.resigned
    if resigned is None:
        return _GATEWAY
    if question.path == NGINX_PATH:
        headers: Headers = (
            *_TO_THE_BACKEND,
            (b"x-daypass-uri", resigned.target),
            (b"x-daypass-host", resigned.host),
            (b"x-daypass-content-sha256", resigned.payload_hash),
            (b"x-daypass-date", resigned.date),
            (b"x-daypass-authorization", resigned.authorization),
            (b"x-daypass-request-id", request_id.encode("ascii")),
        )
        return Told(RawResponse(200, headers, b""), route.records, _unrecorded)
    # Envoy cannot change the target.
    if resigned.target != request.path + (b"?" + request.query if request.query else b""):
        return _GATEWAY
    headers = (
        *_TO_THE_BACKEND,
        (b"x-daypass-host", resigned.host),
        (b"x-amz-content-sha256", resigned.payload_hash),
        (b"x-amz-date", resigned.date),
        (b"authorization", resigned.authorization),
        (b"x-envoy-auth-headers-to-remove", b"x-amz-security-token"),
        (b"x-daypass-request-id", request_id.encode("ascii")),
    )
    return Told(RawResponse(200, headers, b""), route.records, _unrecorded)


def _unrecorded(_: str) -> RawResponse:
    return _TO_THE_GATEWAY


_GATEWAY: Final = Told(_TO_THE_GATEWAY, (), _unrecorded)


def _read_for_nginx(question: RawRequest) -> RawRequest:
    """The client's request, as nginx says it was.

    Raises:
        Misconfigured: nginx does not say it all.
    """
    method, target, peer, scheme, length = _said(question)
    path, _, query = target.partition(b"?")
    headers = [header for header in question.headers if header[0] not in _NOT_THE_CLIENTS]
    return RawRequest(
        method=method.decode("latin-1"),
        path=path,
        query=query,
        headers=_with_length(headers, method, length),
        body=b"",
        source_ip=peer.decode("latin-1"),
        secure=scheme == b"https",
        received=question.received,
    )


def _read_for_envoy(question: RawRequest) -> RawRequest | None:
    """The client's request, as Envoy says it was; None if the backend may get another.

    Raises:
        Misconfigured: Envoy does not say it all.
    """
    named = question.named
    for name in _SAID_BY_ENVOY:
        if b"," in named.get(name, b""):
            raise Misconfigured(
                f"{name.decode()} came twice; have the client's removed, as docs/proxies/envoy.yaml does"
            )
    peer, scheme = named.get(_PEER), named.get(_SCHEME)
    if peer is None or scheme is None:
        name = _PEER if peer is None else _SCHEME
        raise Misconfigured(f"{name.decode()} is missing; set it with headers_to_add, as docs/proxies/envoy.yaml does")
    headers = [header for header in question.headers if header[0] not in _NOT_ENVOYS_CLIENTS]
    for name, value in headers:
        if (b"," in value or b"!" in value) and name not in _MAY_BE_SEVERAL:
            return None
    return RawRequest(
        method=question.method,
        path=question.path.removeprefix(ENVOY_PREFIX) or b"/",
        query=question.query,
        headers=_with_length(headers, question.method.encode("latin-1"), named.get(_LENGTH, b"")),
        body=b"",
        source_ip=peer.decode("latin-1"),
        secure=scheme == b"https",
        received=question.received,
    )


def _with_length(headers: list[tuple[bytes, bytes]], method: bytes, length: bytes) -> Headers:
    """The client's headers, with how long its body is: the question has a length of its own.

    length: as the proxy says it; empty if the client said none, which in a PUT means a body in chunks.
    """
    if length:
        headers.append((b"content-length", length))
    elif method == b"PUT":
        headers.append((b"transfer-encoding", b"chunked"))
    return tuple(headers)


def _said(question: RawRequest) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """What nginx says of the client's request: method, target, peer, scheme and, where it has a body, its length.

    Raises:
        Misconfigured: not all of it, or something twice.
    """
    named = question.named
    if len(named) != len(question.headers):
        names = [name for name, _ in question.headers]
        for name in _SAID_BY_NGINX:
            if names.count(name) > 1:
                raise Misconfigured(f"{name.decode()} came twice; set it with proxy_set_header")
    said = named.get(_METHOD), named.get(_TARGET), named.get(_PEER), named.get(_SCHEME)
    method, target, peer, scheme = said
    if method is None or target is None or peer is None or scheme is None:
        name = (_METHOD, _TARGET, _PEER, _SCHEME)[said.index(None)]
        raise Misconfigured(f"{name.decode()} is missing; set it with proxy_set_header, as docs/authorizer.md shows")
    if not target.startswith(b"/"):
        raise Misconfigured("x-original-uri is $request_uri, and begins with a slash")
    return method, target, peer, scheme, named.get(_LENGTH, b"")
