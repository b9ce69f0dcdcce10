"""Remote signing, as Iceberg's REST catalogs have it: the store's signature for one request, and no credential.

    POST /_daypass/sign/token   Session={"sessionId":…,"sessionKey":…,"sessionToken":…}  → {"token", "expires"}
    POST /_daypass/sign         Authorization: Bearer token; {"method","region","uri","headers"} → {"uri","headers"}

A catalog that holds temporary credentials hands a client the token instead of them (`s3.signer.uri`,
`s3.signer.endpoint`, `token`). Every request that the client is about to send to the store is then decided as if it had
come to the gateway, and signed with the gateway's own key at the store, for that request alone. The store is reached
directly: what it answers does not pass here.

The answer's headers are those that the client has to add; it must not send an `x-amz-…` header that it did not show.

Source: Apache Iceberg, "S3 Signer API" (s3-signer-open-api.yaml).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from daypass import limits
from daypass.edge.asgi import Receive, Scope, Send
from daypass.edge.backends import Backends
from daypass.edge.upstream import UpstreamRequest
from daypass.edge.whole_body import ClientGone, whole_body
from daypass.errors import ServiceError
from daypass.names import make_request_id
from daypass.service.authorize import Authorizer
from daypass.service.caller import Caller
from daypass.service.ports import AuditLog, Entropy, IdentityReader
from daypass.service.s3 import S3Access, enforce, refuse_unserved
from daypass.service.s3_catalog import ROWS
from daypass.service.s3_checks import S3Exchange, actions_of, checks, forwarded
from daypass.service.sign_in import SignIn, SignInRefused
from daypass.wire.http import Headers, RawRequest
from daypass.wire.s3 import encode_query, read_call
from daypass.wire.s3_address import Addressing, encode_path
from daypass.wire.s3_errors import s3_error
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD

SIGN_PATH: Final = "/_daypass/sign"
TOKEN_PATH: Final = "/_daypass/sign/token"  # noqa: S105  a path

# What a table format does to its files. A document of many keys cannot be decided by its head, and is not signed.
SIGNED: Final = frozenset(
    {
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "DeleteObject",
        "GetObject",
        "HeadBucket",
        "HeadObject",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
        "PutObject",
        "UploadPart",
    }
)

_log: Final = logging.getLogger("daypass")


class SignRequest(msgspec.Struct, frozen=True):
    """What a client asks to have signed. region is the store's own to know. Fields that are not here change nothing of
    what is signed: `properties` are the client's notes to itself, a body is not covered by the signature."""

    method: str
    uri: str
    headers: dict[str, list[str]] = {}

    def __repr__(self) -> str:
        return f"SignRequest({self.method})"


_decode: Final = msgspec.json.Decoder(SignRequest).decode


class RemoteSigning:
    """Signs requests to the store for holders of signer tokens."""

    def __init__(
        self,
        *,
        sign_in: SignIn,
        identities: IdentityReader,
        authorizer: Authorizer,
        audit: AuditLog,
        backends: Backends,
        addressing: Addressing,
        entropy: Entropy,
        now: Callable[[], datetime],
    ) -> None:
        self._sign_in = sign_in
        self._identities = identities
        self._authorizer = authorizer
        self._access = S3Access(authorizer, audit)
        self._backends = backends
        self._addressing = addressing
        self._entropy = entropy
        self._now = now

    def is_meant(self, scope: Scope) -> bool:
        """Whether a request on the public port is for here."""
        return scope["path"] in (SIGN_PATH, TOKEN_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = make_request_id(self._entropy.bytes(16))
        try:
            status, answer = 200, await self._answer(scope, receive, request_id)
        except ClientGone:
            return
        except SignInRefused:
            status, answer = 401, _error("NotAuthorizedException", "The credentials or the token are not good.", 401)
        except ServiceError as error:
            status, answer = error.status, _error(error.code, error.message or error.code, error.status)
        except Exception:  # noqa: BLE001  our fault, whatever it is: logged here once, its details never sent
            _log.exception("request %s failed", request_id)
            status, answer = 500, _error("InternalFailure", "The request could not be signed.", 500)
        body = json.dumps(answer).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"private, no-store"),
            (b"x-amzn-requestid", request_id.encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> Mapping[str, Any]:
        if scope["method"] != "POST":
            raise ServiceError("MethodNotAllowed", 405, "Ask with POST.")
        request = _request(scope, self._now())
        body = await whole_body(receive, limits.SIGNIN_BODY_BYTES)
        if scope["path"] == TOKEN_PATH:
            form = _form(body)
            token, expires = await self._sign_in.signer_token(form.get("Session", ""), request, request_id)
            return {"token": token, "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
        caller = await self._sign_in.open_signer_token(_bearer(request), request)
        try:
            asked = _decode(body)
        except msgspec.DecodeError as error:
            raise ServiceError("ValidationError", 400, str(error)) from None
        return await self._sign(asked, caller, request, request_id)

    async def _sign(
        self, asked: SignRequest, caller: Caller, request: RawRequest, request_id: str
    ) -> Mapping[str, Any]:
        """The store's signature for the request, if the caller may send it."""
        wanted = _wanted(asked, request)
        call = read_call(wanted, presigned=False, addressing=self._addressing)
        row = ROWS.get(call.operation.name)
        if row is None or call.operation.name not in SIGNED or call.bucket is None:
            raise s3_error("NotImplemented", f"{call.operation.name} is not signed")
        refuse_unserved(call, row)
        upstream = self._backends.of(call.bucket)
        exchange = S3Exchange(wanted, request_id, None, caller, call, row, await self._identities.bucket(call.bucket))
        if await self._access.asks_for_object_tags(exchange, actions_of(exchange), exchange.bucket):
            raise s3_error("NotImplemented", "a request whose decision depends on an object's tags is not signed")
        await self._access.require(exchange, checks(exchange))
        enforce(exchange)
        query, headers = forwarded(exchange)
        signed: Headers = tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers)
        made = UpstreamRequest(
            method=wanted.method,
            path=encode_path(call.bucket, call.key),
            query=encode_query(query),
            headers=signed,
            payload_hash=wanted.header(b"x-amz-content-sha256") or UNSIGNED_PAYLOAD,
            content_length=None,
            at=request.received,
        )
        names, authorization = upstream.signer.sign(made)
        if names[0][1] != urlsplit(asked.uri).netloc.encode("latin-1"):
            raise ServiceError("ValidationError", 400, f"the store is {names[0][1].decode()}; only that is signed for")
        parts = urlsplit(asked.uri)
        target = made.path + (b"?" + made.query if made.query else b"")
        shown = {name.lower() for name in asked.headers} - {"x-amz-date"}
        add = {name.decode(): [value.decode()] for name, value in names[1:] if name.decode() not in shown}
        add["authorization"] = [authorization.decode()]
        return {"uri": f"{parts.scheme}://{parts.netloc}{target.decode('ascii')}", "headers": add}


def _wanted(asked: SignRequest, request: RawRequest) -> RawRequest:
    """The request as the client would send it to the store.

    Raises:
        ServiceError: it is no request to a store, or carries a signature of its own.
    """
    if not asked.uri.isascii():
        raise ServiceError("ValidationError", 400, "`uri` is not percent-encoded.")
    try:
        parts = urlsplit(asked.uri)
    except ValueError:
        raise ServiceError("ValidationError", 400, "`uri` is no address.") from None
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc or parts.fragment:
        raise ServiceError("ValidationError", 400, "`uri` is the address of an object at the store.")
    headers = [(b"host", parts.netloc.encode("latin-1", "replace"))]
    for name, values in asked.headers.items():
        folded = name.lower()
        if folded in ("host", "x-amz-date"):
            continue  # both are made anew
        if folded in ("authorization", "x-amz-security-token") or len(values) != 1:
            raise ServiceError("ValidationError", 400, f"the header `{name}` is not signed")
        try:
            headers.append((folded.encode("ascii"), values[0].encode("latin-1")))
        except UnicodeEncodeError:
            raise ServiceError("ValidationError", 400, f"the header `{name}` has letters that HTTP has not") from None
    return RawRequest(
        method=asked.method,
        path=parts.path.encode("utf-8") or b"/",
        query=parts.query.encode("utf-8"),
        headers=tuple(headers),
        body=b"",
        source_ip=request.source_ip,
        secure=request.secure,
        received=request.received,
    )


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("latin-1"), max_num_fields=8))
    except ValueError:
        raise ServiceError("ValidationError", 400, "The form has too many fields.") from None


def _bearer(request: RawRequest) -> str:
    """Raises SignInRefused."""
    held = request.header_values(b"authorization")
    if len(held) != 1 or not held[0].startswith("Bearer "):
        raise SignInRefused
    return held[0].removeprefix("Bearer ").strip()


def _request(scope: Mapping[str, Any], received: datetime) -> RawRequest:
    client = scope.get("client")
    return RawRequest(
        scope["method"],
        scope["path"].encode(),
        b"",
        tuple(scope["headers"]),
        b"",
        client[0] if client else "",
        scope["scheme"] == "https",
        received,
    )


def _error(code: str, message: str, status: int) -> dict[str, Any]:
    """As Iceberg's IcebergErrorResponse has it."""
    return {"error": {"message": message, "type": code, "code": status}}
