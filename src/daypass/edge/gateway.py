"""The data plane: one S3 request, from bytes to answer. `_exchange` is the path of a request as code.

Owns the order of the steps, what a request may declare of its body, and the audit of what no policy decided.

Source: S3 API Reference, "Making requests", "Error responses", "Signature calculations: transferring payload".
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Final

from daypass import limits
from daypass.edge.backend import BackendBuckets, object_tags
from daypass.edge.client import (
    Client,
    ClientGone,
    ProvenBody,
    Receive,
    Send,
    check_payload_hash,
    host_id,
    request_ids,
)
from daypass.edge.forward import Forwarder
from daypass.edge.upstream import Upstream
from daypass.errors import ServiceError
from daypass.service import s3_checks
from daypass.service.actions import Check, Ports
from daypass.service.authenticate import Authenticator, service_error
from daypass.service.authorize import Authorizer
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import AuditLog, AuditRecord
from daypass.service.s3 import S3Access, enforce, refuse_unserved
from daypass.service.s3_buckets import OWN, BucketPorts, check_document, location_constraint
from daypass.service.s3_catalog import ROWS, Body, Row
from daypass.service.s3_checks import S3Exchange
from daypass.wire import s3_xml
from daypass.wire.http import Headers, RawRequest
from daypass.wire.s3 import read_call
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD, Claim, SignatureFault, shown

_log: Final = logging.getLogger("daypass")

_NUMBER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class Gateway:
    """The S3 API in front of one backend.

    upstream: None if no backend is configured; every request is then refused.
    """

    def __init__(
        self,
        *,
        ports: Ports,
        authenticator: Authenticator,
        authorizer: Authorizer,
        audit: AuditLog,
        upstream: Upstream | None,
    ) -> None:
        self._ports = ports
        self._authenticator = authenticator
        self._access = S3Access(authorizer, audit)
        self._upstream = upstream

    async def handle(
        self, request: RawRequest, claim: Claim | SignatureFault | None, request_id: str, receive: Receive, send: Send
    ) -> None:
        """Answers the request, whatever it is, unless the client has left.

        request: without its body, which comes from `receive`.
        """
        client = Client(
            receive,
            send,
            content_length=_body_length(request),
            waits_for_continue=(request.header(b"expect") or "").lower() == "100-continue",
        )
        trail = _Trail(request, request_id)
        try:
            try:
                await self._exchange(request, claim, request_id, client, trail)
            except ServiceError as error:
                await self._refuse(client, trail, error)
            except ClientGone:
                raise
            except Exception:  # noqa: BLE001  our fault, whatever it is: logged here once, its details never sent
                _log.exception("request %s failed", request_id)
                await self._refuse(client, trail, s3_error("InternalError"))
        except ClientGone:
            return

    async def _exchange(
        self,
        request: RawRequest,
        claim: Claim | SignatureFault | None,
        request_id: str,
        client: Client,
        trail: _Trail,
    ) -> None:
        """The path of a request. Fills the trail as it goes, so that a refusal is audited with what was known."""
        if self._upstream is None:
            raise not_implemented("no S3 backend is configured here")
        if isinstance(claim, SignatureFault):
            raise service_error(claim, "s3")
        # 1. What is asked: an operation that the model knows and that is served, with parameters that are acted on.
        call = read_call(request, presigned=claim is not None and claim.location == "query")
        trail.operation = call.operation.name
        row = ROWS.get(call.operation.name)
        if row is None:
            raise not_implemented(f"{call.operation.name} is not served")
        refuse_unserved(call, row)

        # 2. Who asks.
        _check_service(claim)
        payload_hash = _payload_hash(request, claim)
        caller: Caller | Anonymous = ANONYMOUS
        if claim is not None:
            caller = await self._authenticator.authenticate(request, claim, payload_hash)
        trail.caller = caller

        # 3. About what: the body as far as it is Daypass's to read, the bucket, and what conditions may speak of.
        proof = None if payload_hash == UNSIGNED_PAYLOAD else payload_hash
        _check_body(request, row, client)
        document = b"" if row.body is Body.STREAM else await _document(request, row, client, proof)
        made = row.makes_bucket or call.bucket is None
        bucket = None if made else await self._ports.identities.bucket(call.bucket or "")
        exchange = S3Exchange(request, request_id, claim, caller, call, row, bucket, document)
        exchange = replace(exchange, learned=await self._learned(self._upstream, exchange))

        # 4. May the caller: one decision function for every operation; each decision is on record before we go on.
        required = s3_checks.checks(exchange)
        trail.recorded = True
        await self._access.require(exchange, required)
        trail.recorded, trail.check = False, required[0]
        enforce(exchange)

        # 5. Do it, and 6. say it.
        own = OWN.get(call.operation.name)
        if own is not None:
            ports = BucketPorts(self._ports.identities, self._ports.directory, BackendBuckets(self._upstream))
            answer = await own(ports, exchange)
            headers = (*answer.headers, *request_ids(request_id), *_length(answer.status, len(answer.body)))
            await client.answer(answer.status, headers, answer.body)
        else:
            trail.recorded = True  # what the backend refuses is its answer, not a decision of ours
            body = ProvenBody(client, proof)
            try:
                await Forwarder(self._upstream, self._access).forward(exchange, client, body, payload_hash)
            except ServiceError as error:
                trail.recorded = error is not body.fault
                raise

    async def _learned(self, upstream: Upstream, exchange: S3Exchange) -> dict[str, str]:
        """The condition keys that are not in the request's head."""
        if exchange.row.makes_bucket:
            constraint = location_constraint(exchange.document)
            return {} if constraint is None else {"s3:locationconstraint": constraint}
        if await s3_checks.asks_for_object_tags(exchange, self._ports.identities):
            tags = await object_tags(upstream, exchange.call, exchange.request.received)
            return s3_checks.object_tag_context(tags)
        return {}

    # ---- refusals ----

    async def _refuse(self, client: Client, trail: _Trail, error: ServiceError) -> None:
        if client.answered:
            raise ClientGone  # the connection ends where the answer broke off
        try:
            if not trail.recorded:
                self._access.write(trail.record(error.code))
        except ServiceError as unrecorded:
            error = unrecorded
        body = s3_xml.render_error(error, trail.request_id, host_id(trail.request_id))
        headers: Headers = (
            *request_ids(trail.request_id),
            (b"content-type", b"application/xml"),
            (b"content-length", str(len(body)).encode("ascii")),
        )
        # An answer to HEAD has the length that its body would have, and no body. (RFC 9110, 9.3.2)
        await client.answer(error.status, headers, b"" if trail.request.method == "HEAD" else body)


class _Trail:
    """What is known of a request so far, for the audit record of a refusal that no policy decided.

    recorded: whether what happens now is on record already, or is not a decision at all.
    """

    __slots__ = ("caller", "check", "operation", "recorded", "request", "request_id")

    def __init__(self, request: RawRequest, request_id: str) -> None:
        self.request = request
        self.request_id = request_id
        self.operation: str | None = None
        self.caller: Caller | Anonymous | None = None
        self.check: Check | None = None
        self.recorded = False

    def record(self, error: str) -> AuditRecord:
        caller, check = self.caller, self.check
        return AuditRecord(
            time=self.request.received,
            request_id=self.request_id,
            caller_arn=None if caller is None else caller.principal.arn,
            caller_type="unknown" if caller is None else caller.principal.kind.value,
            access_key_id=caller.access_key_id if isinstance(caller, Caller) else None,
            action=check.action if check is not None else f"s3:{self.operation or '-'}",
            resource=None if check is None else check.resource,
            decision="Refused",
            decided_by=None,
            statements=(),
            error=error,
            source_ip=self.request.source_ip,
        )


def _check_service(claim: Claim | None) -> None:
    """A signature made for another service is none for this one, whatever way the request came here.

    Raises:
        ServiceError: AuthorizationHeaderMalformed, AuthorizationQueryParametersError.
    """
    if claim is None or claim.service == "s3":
        return
    reason = f'incorrect service "{shown(claim.service)}". This endpoint belongs to "s3".'
    if claim.location == "header":
        raise s3_error("AuthorizationHeaderMalformed", f"The authorization header is malformed; {reason}")
    raise s3_error("AuthorizationQueryParametersError", f"Error parsing the X-Amz-Credential parameter; {reason}")


# ---- the client's body -------------------------------------------------------------------------------------


def _body_length(request: RawRequest) -> int | None:
    """Of the request's body; None if it is not said. The server has checked that what is said holds."""
    if request.header(b"transfer-encoding") is not None:
        return None
    text = request.header(b"content-length") or "0"
    return int(text) if _NUMBER.fullmatch(text) else None


def _payload_hash(request: RawRequest, claim: Claim | None) -> str:
    """What the request declares of its body: a hash in hexadecimal, or UNSIGNED-PAYLOAD.

    Raises:
        ServiceError: NotImplemented for bodies in signed or trailed chunks; InvalidArgument.
    """
    declared = request.header(b"x-amz-content-sha256") if claim is None else claim.declared_payload_hash
    match declared:
        case None | "UNSIGNED-PAYLOAD":
            return UNSIGNED_PAYLOAD
        case digest if _SHA256.fullmatch(digest):
            return digest
        case mode if mode.startswith("STREAMING-"):
            raise not_implemented(
                "bodies in the aws-chunked encoding are not served; send the whole body's SHA-256, or UNSIGNED-PAYLOAD"
            )
        case _:
            raise s3_error(
                "InvalidArgument",
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, or a valid sha256 value.",
                ArgumentName="x-amz-content-sha256",
            )


def _check_body(request: RawRequest, row: Row, client: Client) -> None:
    """Raises ServiceError: UnexpectedContent, MissingContentLength, EntityTooLarge, NotImplemented."""
    length = client.content_length
    if row.body is Body.NONE and length != 0:
        raise s3_error("UnexpectedContent")
    if length is None or (row.body is Body.STREAM and request.header(b"content-length") is None):
        raise s3_error("MissingContentLength")
    longest = limits.OBJECT_PUT_BYTES if row.body is Body.STREAM else row.document_bytes
    if length > longest:
        raise s3_error("EntityTooLarge", ProposedSize=str(length), MaxSizeAllowed=str(longest))
    if "aws-chunked" in (request.header(b"content-encoding") or "").lower():
        raise not_implemented("bodies in the aws-chunked encoding are not served")


async def _document(request: RawRequest, row: Row, client: Client, proof: str | None) -> bytes:
    """The whole of a small body; empty for an operation without one. What was declared of it is proven."""
    body = b"".join([chunk async for chunk in client.body()]) if row.body is Body.DOCUMENT else b""
    check_payload_hash(proof, body)
    content_md5 = request.header(b"content-md5")
    if content_md5 is not None:
        check_document(body, {"content-md5": content_md5})
    return body


def _length(status: int, length: int) -> Headers:
    return () if status == 204 else ((b"content-length", str(length).encode("ascii")),)
