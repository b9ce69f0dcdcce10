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

from typing import Final

from daypass.edge.backends import Backends
from daypass.edge.route import TO_THE_GATEWAY, Resigned, Route
from daypass.edge.upstream import UpstreamRequest
from daypass.errors import ServiceError
from daypass.policy import Outcome, PolicySet
from daypass.service.authenticate import Authenticator
from daypass.service.authorize import Authorizer, decide_check, request_context
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import Bucket, IdentityReader
from daypass.service.s3 import audit_record, enforce, refuse_unserved
from daypass.service.s3_catalog import ROWS, Body
from daypass.service.s3_checks import (
    S3Exchange,
    checks,
    forwarded,
    has_object_tags,
    listing_check,
    speaks_of_object_tags,
)
from daypass.service.s3_public import policy_in_force
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.payload import EMPTY_HASH, BodyMode, Payload, read_payload
from daypass.wire.s3 import S3Call, encode_query, read_call
from daypass.wire.s3_address import Addressing, encode_path
from daypass.wire.sigv4 import Claim, SignatureFault

_Asked = tuple[Claim | None, Payload, S3Call]

# The operations that carry objects, or are as frequent. All others are the gateway's.
DIRECT: Final = frozenset({"DeleteObject", "GetObject", "HeadObject", "PutObject", "UploadPart"})
_ALLOWED: Final = Outcome.ALLOWED
_STREAM: Final = Body.STREAM
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


class Front:
    """Decides S3 requests by their heads. Writes nothing down: whoever tells the route to a proxy does, before."""

    def __init__(
        self,
        *,
        identities: IdentityReader,
        authenticator: Authenticator,
        authorizer: Authorizer,
        backends: Backends,
        addressing: Addressing,
    ) -> None:
        self._identities = identities
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._backends = backends
        self._addressing = addressing

    async def route(self, request: RawRequest, request_id: str) -> Route:
        """Where the request goes: to the backend, if it is allowed and the proxy can carry it.

        request: its head, with the content-length that the client sent.
        """
        try:
            claim, payload, call = asked = self._read(request)
            if not _is_carried(request, asked):
                return TO_THE_GATEWAY
            caller: Caller | Anonymous = ANONYMOUS
            if claim is not None:
                caller = await self._authenticator.authenticate(request, claim, payload.declared)
            bucket = await self._identities.bucket(call.bucket or "")
            if bucket is None:
                return TO_THE_GATEWAY
            policies = await self._authorizer.policies(
                caller, policy_in_force(bucket, caller), resource_account=bucket.account_id, service="s3"
            )
            return self._decided(request, request_id, asked, caller, bucket, policies)
        except (ServiceError, SignatureFault):
            return TO_THE_GATEWAY

    def held(self, request: RawRequest, request_id: str) -> Route | None:
        """As `route`, if nothing has to be waited for. None says nothing: ask `route`."""
        try:
            claim, payload, call = asked = self._read(request)
            if not _is_carried(request, asked):
                return TO_THE_GATEWAY
            caller: Caller | Anonymous | None = ANONYMOUS
            if claim is not None:
                caller = self._authenticator.held(request, claim, payload.declared)
            bucket = self._identities.held_bucket(call.bucket or "")
            if caller is None or bucket is None:
                return None
            policies = self._authorizer.held_policies(
                caller, policy_in_force(bucket, caller), resource_account=bucket.account_id, service="s3"
            )
            if policies is None:
                return None
            return self._decided(request, request_id, asked, caller, bucket, policies)
        except (ServiceError, SignatureFault):
            return TO_THE_GATEWAY

    def _read(self, request: RawRequest) -> _Asked:
        """What is asked, nothing of it proven."""
        claim = sigv4.read_claim(request)
        presigned = claim is not None and claim.location == "query"
        call = read_call(request, presigned=presigned, addressing=self._addressing)
        return claim, read_payload(request, claim), call

    def _decided(
        self,
        request: RawRequest,
        request_id: str,
        asked: _Asked,
        caller: Caller | Anonymous,
        bucket: Bucket,
        policies: PolicySet,
    ) -> Route:
        """The route of a request whose caller is proven. What is refused the gateway records.

        policies: of the caller, about what is in the bucket.

        Raises:
            ServiceError: the request asks for what is not served, or not to this caller.
        """
        claim, payload, call = asked
        exchange = S3Exchange(request, request_id, claim, caller, call, ROWS[call.operation.name], bucket)
        required = checks(exchange)
        if speaks_of_object_tags(policies) and any(has_object_tags(check.action) for check in required):
            return TO_THE_GATEWAY
        common = request_context(caller, request, "" if claim is None else claim.region)
        records = []
        for check in required:
            _, decision = decide_check(caller, check, common, policies, bucket.account_id)
            if decision.outcome is not _ALLOWED:
                return TO_THE_GATEWAY
            records.append(audit_record(exchange, check, decision))
        if call.operation.name in _READS:
            # A missing key is answered 404 by the backend, to whoever asks. Who could not have listed it gets S3's 403
            # from the gateway.
            _, decision = decide_check(caller, listing_check(exchange), common, policies, bucket.account_id)
            if decision.outcome is not _ALLOWED:
                return TO_THE_GATEWAY
        enforce(exchange)
        resigned = self._resigned(exchange, payload)
        return TO_THE_GATEWAY if resigned is None else Route(resigned, tuple(records))

    def _resigned(self, exchange: S3Exchange, payload: Payload) -> Resigned | None:
        """The backend's request; None if the proxy cannot make it of the client's."""
        request, call = exchange.request, exchange.call
        query, headers = forwarded(exchange)
        if dict(headers) != {name: value for name, value in call.headers.items() if name != "content-length"}:
            return None  # a header is to be left out or written anew, and the proxy passes on what the client sent
        made = UpstreamRequest(
            method=request.method,
            path=encode_path(call.bucket, call.key),
            query=encode_query(query),
            headers=tuple([(name.encode("ascii"), value.encode("ascii")) for name, value in headers]),
            payload_hash=payload.declared if exchange.row.body is _STREAM else EMPTY_HASH,
            content_length=None,
            at=request.received,
        )
        signed, authorization = self._backends.of(exchange.bucket_name).signer.sign(made)
        return Resigned(
            target=made.path + (b"?" + made.query if made.query else b""),
            host=signed[0][1],
            payload_hash=signed[1][1],
            date=signed[2][1],
            authorization=authorization,
        )


def _is_carried(request: RawRequest, asked: _Asked) -> bool:
    """Whether a proxy can carry such a request at all.

    Raises:
        ServiceError: it has a parameter that is not served.
    """
    claim, payload, call = asked
    if payload.mode.is_chunked or (claim is not None and claim.service != "s3"):
        return False
    if call.operation.name not in DIRECT or not _is_harmless(request, call):
        return False
    refuse_unserved(call, ROWS[call.operation.name])
    return _body_fits(call, payload)


def _is_harmless(request: RawRequest, call: S3Call) -> bool:
    """Whether every header of the request is one that the backend may get as the client sent it."""
    for name, _ in request.headers:
        if name not in _HARMLESS and name.decode("latin-1") not in call.headers:
            return False
    return True


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
