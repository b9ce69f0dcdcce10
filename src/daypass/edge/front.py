"""S3 behind a proxy that streams the bytes itself: from a request's head to the head that the backend is to get.

A proxy asks about each request before it passes it on. Of the operations that carry objects, a request that is allowed
is answered with the headers that sign it anew for the backend, over values parsed once and written anew: the key that
the policy saw is the key that the backend gets. Everything else - a refusal, a body in chunks, an operation that
Daypass answers itself - is answered with the one word that sends the request to the gateway, which decides it again
from the beginning. So a proxy needs no errors of its own, and nothing is passed on that was not decided.

What the proxy must not do itself is left to the gateway as well: it adds no header of the client's to the backend's
request that this module has not seen and named.

Source: S3 API Reference, each operation's page; "Authenticating requests: using the Authorization header".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daypass.edge.backend import EMPTY_HASH
from daypass.edge.backends import Backends
from daypass.edge.upstream import UpstreamRequest
from daypass.errors import ServiceError
from daypass.policy import Outcome
from daypass.service.authenticate import Authenticator
from daypass.service.authorize import Authorizer
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import AuditLog, IdentityReader
from daypass.service.s3 import S3Access, enforce, refuse_unserved
from daypass.service.s3_catalog import ROWS, Body
from daypass.service.s3_checks import S3Exchange, actions_of, checks, forwarded, listing_check
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.payload import BodyMode, Payload, read_payload
from daypass.wire.s3 import S3Call, encode_query, read_call
from daypass.wire.s3_address import Addressing, encode_path
from daypass.wire.sigv4 import SignatureFault

# The operations that carry objects, or are as frequent. All others are the gateway's.
DIRECT: Final = frozenset({"DeleteObject", "GetObject", "HeadObject", "PutObject", "UploadPart"})
_READS: Final = frozenset({"GetObject", "HeadObject"})

# What a proxy passes on by itself and no backend reads as a command. Host, date, hash, authorization and the session
# token are replaced or removed by the proxy's configuration.
_HARMLESS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"amz-sdk-invocation-id",
        b"amz-sdk-request",
        b"authorization",
        b"connection",
        b"content-length",
        b"date",
        b"expect",
        b"host",
        b"user-agent",
        b"x-amz-content-sha256",
        b"x-amz-date",
        b"x-amz-security-token",
    }
)


@dataclass(frozen=True, slots=True)
class Resigned:
    """The request as the backend is to get it. target: path and query, percent-encoded as they are sent."""

    target: bytes
    host: bytes
    payload_hash: bytes
    date: bytes
    authorization: bytes


class Front:
    """Decides S3 requests by their heads."""

    def __init__(
        self,
        *,
        identities: IdentityReader,
        authenticator: Authenticator,
        authorizer: Authorizer,
        audit: AuditLog,
        backends: Backends,
        addressing: Addressing,
    ) -> None:
        self._identities = identities
        self._authenticator = authenticator
        self._access = S3Access(authorizer, audit)
        self._backends = backends
        self._addressing = addressing

    async def resign(self, request: RawRequest, request_id: str) -> Resigned | None:
        """The backend's request, if the client's is allowed and the proxy can carry it; None sends it to the gateway.

        request: its head, with the content-length that the client sent.
        """
        try:
            exchange, payload = await self._exchange(request, request_id)
            if exchange is None or not await self._is_allowed(exchange):
                return None
            enforce(exchange)
            query, headers = forwarded(exchange)
            upstream = self._backends.of(exchange.bucket_name)
        except (ServiceError, SignatureFault):
            return None
        if dict(headers) != {name: value for name, value in exchange.call.headers.items() if name != "content-length"}:
            return None  # a header is to be left out or written anew, and the proxy passes on what the client sent
        made = UpstreamRequest(
            method=request.method,
            path=encode_path(exchange.call.bucket, exchange.call.key),
            query=encode_query(query),
            headers=tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers),
            payload_hash=payload.declared if exchange.row.body is Body.STREAM else EMPTY_HASH,
            content_length=None,
            at=request.received,
        )
        signed, authorization = upstream.sign(made)
        return Resigned(
            target=made.path + (b"?" + made.query if made.query else b""),
            host=signed[0][1],
            payload_hash=signed[1][1],
            date=signed[2][1],
            authorization=authorization,
        )

    async def _exchange(self, request: RawRequest, request_id: str) -> tuple[S3Exchange | None, Payload]:
        """The request as it was proven; None, if it is one for the gateway."""
        claim = sigv4.read_claim(request)
        payload = read_payload(request, claim)
        if payload.mode.is_chunked or (claim is not None and claim.service != "s3"):
            return None, payload
        presigned = claim is not None and claim.location == "query"
        call = read_call(request, presigned=presigned, addressing=self._addressing)
        if call.operation.name not in DIRECT or not _is_harmless(request, call):
            return None, payload
        row = ROWS[call.operation.name]
        refuse_unserved(call, row)
        if not _body_fits(call, payload):
            return None, payload
        caller: Caller | Anonymous = ANONYMOUS
        if claim is not None:
            caller = await self._authenticator.authenticate(request, claim, payload.declared)
        bucket = await self._identities.bucket(call.bucket or "")
        if bucket is None:
            return None, payload
        return S3Exchange(request, request_id, claim, caller, call, row, bucket), payload

    async def _is_allowed(self, exchange: S3Exchange) -> bool:
        """Whether all of it is allowed. What is allowed is put on record here; a refusal the gateway records."""
        if await self._access.asks_for_object_tags(exchange, actions_of(exchange), exchange.bucket):
            return False
        required = list(checks(exchange))
        # A missing key is answered 404 by the backend, to whoever asks. Who could not have listed it gets S3's 403
        # from the gateway.
        asked = [*required, listing_check(exchange)] if exchange.call.operation.name in _READS else required
        decisions = []
        for check in asked:
            _, decision = await self._access.decide(exchange, check, exchange.bucket)
            if decision.outcome is not Outcome.ALLOWED:
                return False
            decisions.append(decision)
        for check, decision in zip(required, decisions, strict=False):
            self._access.record(exchange, check, decision)
        return True


def _is_harmless(request: RawRequest, call: S3Call) -> bool:
    """Whether every header of the request is one that the backend may get as the client sent it."""
    return all(name in _HARMLESS or name.decode("latin-1") in call.headers for name, _ in request.headers)


def _body_fits(call: S3Call, payload: Payload) -> bool:
    """Whether the backend can be left to prove the body: by its hash, or because there is none.

    A checksum beside an unsigned payload is the gateway's to verify: a backend may not know it.
    """
    if call.operation.name not in ("PutObject", "UploadPart"):
        return payload.length in (0, None) and payload.declared in (EMPTY_HASH, sigv4.UNSIGNED_PAYLOAD)
    if payload.length is None:
        return False
    has_checksum = any(name.startswith("x-amz-checksum-") for name in call.headers)
    return payload.mode is BodyMode.HASHED or not has_checksum
