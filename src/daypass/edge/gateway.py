"""The data plane: one S3 request, from bytes to answer. `_exchange` is the path of a request as code.

Owns the order of the steps and the streaming both ways. The request that the backend gets is built from parsed
values only: what was not read, checked and named in the operation's row does not reach it.

Source: S3 API Reference, "Making requests", "Error responses", "Signature calculations: transferring payload".
"""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import replace
from typing import Final

from daypass import limits
from daypass.edge.backend import EMPTY_HASH, BackendBuckets, error_of, object_tags, shown_headers, unavailable
from daypass.edge.client import Client, ClientGone, ProvenBody, Receive, Send, check_payload_hash
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest, UpstreamResponse
from daypass.errors import ServiceError
from daypass.names import bucket_arn
from daypass.service import s3
from daypass.service.actions import Check, Ports
from daypass.service.authenticate import Authenticator, service_error
from daypass.service.authorize import Authorizer
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import AuditLog, AuditRecord
from daypass.service.s3 import S3Access, S3Exchange
from daypass.service.s3_buckets import OWN, BucketPorts, location_constraint
from daypass.service.s3_catalog import ROWS, Body, Row
from daypass.wire import s3_xml
from daypass.wire.http import Headers, RawRequest
from daypass.wire.s3 import S3Call, encode_path, encode_query, read_call
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD, Claim, SignatureFault, shown

_log: Final = logging.getLogger("daypass")

_NUMBER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_STREAMS: Final = frozenset({"GetObject", "ListObjectsV2"})  # whose answer has a body that is passed through
_HIDES_KEYS: Final = frozenset({"GetObject", "HeadObject"})  # whose 404 tells what ListBucket would


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
        s3.refuse_unserved(call, row)

        # 2. Who asks.
        _check_service(claim)
        payload_hash = _payload_hash(request, claim)
        caller: Caller | Anonymous = ANONYMOUS
        if claim is not None:
            caller = await self._authenticator.authenticate(request, claim, payload_hash)
        trail.caller = caller

        # 3. With what body.
        proof = None if payload_hash == UNSIGNED_PAYLOAD else payload_hash
        _check_length(row, client)
        document = b"" if row.body is Body.STREAM else await _document(client, row, proof)
        bucket = None
        if call.bucket is not None and not row.makes_bucket:
            bucket = await self._ports.identities.bucket(call.bucket)
        constraint = location_constraint(document) if row.makes_bucket else None
        learned = {} if constraint is None else {"s3:locationconstraint": constraint}
        exchange = S3Exchange(request, request_id, claim, caller, call, row, bucket, document, learned)
        if await s3.asks_for_object_tags(exchange, self._ports.identities):
            tags = await object_tags(self._upstream, call, request.received)
            exchange = replace(exchange, learned=s3.object_tag_context(tags))

        # 4. May the caller: one decision function for every operation; each decision is on record before we go on.
        required = s3.checks(exchange)
        trail.recorded = True
        await self._access.require(exchange, required)
        trail.recorded, trail.check = False, required[0]
        s3.enforce(exchange)

        # 5. Do it, and 6. say it.
        own = OWN.get(call.operation.name)
        if own is not None:
            ports = BucketPorts(self._ports.identities, self._ports.directory, BackendBuckets(self._upstream))
            answer = await own(ports, exchange)
            headers = (*answer.headers, *_ids(request_id), *_length(answer.status, len(answer.body)))
            await client.answer(answer.status, headers, answer.body)
        else:
            trail.recorded = True  # what the backend refuses is its answer, not a decision of ours
            body = ProvenBody(client, proof)
            try:
                await self._forward(self._upstream, exchange, client, body, payload_hash)
            except ServiceError as error:
                trail.recorded = error is not body.fault
                raise

    # ---- the operations that the backend answers ----

    async def _forward(
        self, upstream: Upstream, exchange: S3Exchange, client: Client, body: ProvenBody, payload_hash: str
    ) -> None:
        streams = exchange.row.body is Body.STREAM and not body.complete
        try:
            async with upstream.exchange(
                _upstream_request(exchange, client, payload_hash), body.chunks() if streams else b""
            ) as response:
                await self._relay(exchange, client, body, response)
        except UpstreamFailure as failure:
            # What broke it off on our side is the reason, not what the backend's connection then said.
            if body.fault is not None:
                raise body.fault from None
            raise unavailable(failure) from None

    async def _relay(self, exchange: S3Exchange, client: Client, body: ProvenBody, response: UpstreamResponse) -> None:
        call = exchange.call
        if response.status not in (200, 204, 206, 304):
            raise await self._backend_error(exchange, response)
        if not body.complete:
            # A success before all was sent and proven is none: nobody knows what it stored.
            _log.error("the S3 backend answered %d before it had the whole body", response.status)
            raise s3_error("ServiceUnavailable", "The storage behind this service did not take the whole object.")
        status = response.status if response.status in (206, 304) else call.operation.response_status
        headers = (*shown_headers(call.operation, response.headers), *_ids(exchange.request_id))
        if call.operation.name == "HeadBucket" and exchange.bucket is not None:
            headers = _with(headers, b"x-amz-bucket-region", exchange.bucket.region)
        if call.operation.name in _STREAMS and status != 304:
            await self._stream(client, status, _streamed_headers(call, headers, response), response)
        elif exchange.request.method == "HEAD" or status in (204, 304):
            await client.answer(status, headers)
        else:
            await client.answer(status, _with(headers, b"content-length", "0"))

    async def _stream(self, client: Client, status: int, headers: Headers, response: UpstreamResponse) -> None:
        """Passes the body through. One that breaks off ends the connection: its length is promised already."""
        async with client.watched() as has_left:
            await client.start(status, headers)
            try:
                async for chunk in response.chunks():
                    if has_left():
                        raise ClientGone
                    await client.send(chunk, more=True)
            except UpstreamFailure as failure:
                _log.error("the S3 backend's answer broke off: %s", failure)
                raise ClientGone from None
            await client.send(b"", more=False)

    async def _backend_error(self, exchange: S3Exchange, response: UpstreamResponse) -> ServiceError:
        """The backend's error, but a missing key only to one who could have listed it. (GetObject, "Permissions")"""
        call = exchange.call
        details = {"Key": call.key} if call.key is not None else {"BucketName": exchange.bucket_name}
        error = await error_of(response, call.target, **details)
        if error.status == 404 and call.operation.name in _HIDES_KEYS and call.key is not None:
            may_list = Check("s3:ListBucket", bucket_arn(exchange.bucket_name), {"s3:prefix": call.key})
            if not await self._access.allows(exchange, may_list):
                return s3_error("AccessDenied")
        return error

    # ---- refusals ----

    async def _refuse(self, client: Client, trail: _Trail, error: ServiceError) -> None:
        if client.answered:
            raise ClientGone  # the connection ends where the answer broke off
        try:
            if not trail.recorded:
                self._access.write(trail.record(error.code))
        except ServiceError as unrecorded:
            error = unrecorded
        body = s3_xml.render_error(error, trail.request_id, _host_id(trail.request_id))
        headers: Headers = (
            *_ids(trail.request_id),
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


def _check_length(row: Row, client: Client) -> None:
    """Raises ServiceError: UnexpectedContent, MissingContentLength, EntityTooLarge."""
    length = client.content_length
    if row.body is Body.NONE and length != 0:
        raise s3_error("UnexpectedContent")
    if length is None:
        raise s3_error("MissingContentLength")
    if row.body is Body.STREAM and length > limits.OBJECT_PUT_BYTES:
        raise s3_error("EntityTooLarge", ProposedSize=str(length), MaxSizeAllowed=str(limits.OBJECT_PUT_BYTES))
    if row.body is Body.DOCUMENT and length > row.document_bytes:
        raise s3_error("EntityTooLarge", ProposedSize=str(length), MaxSizeAllowed=str(row.document_bytes))


async def _document(client: Client, row: Row, proof: str | None) -> bytes:
    """The whole of a small body; empty for an operation without one. Its hash is proven either way."""
    body = b"".join([chunk async for chunk in client.body()]) if row.body is Body.DOCUMENT else b""
    check_payload_hash(proof, body)
    return body


# ---- the request to the backend, and the answer's head -----------------------------------------------------


def _upstream_request(exchange: S3Exchange, client: Client, payload_hash: str) -> UpstreamRequest:
    """A new request from parsed values. The backend gets the declared hash, and so proves it once more."""
    call, row = exchange.call, exchange.row
    query, headers = s3.forwarded(exchange)
    content_encoding = call.headers.get("content-encoding", "")
    if "aws-chunked" in content_encoding.lower():
        raise not_implemented("bodies in the aws-chunked encoding are not served")
    return UpstreamRequest(
        method=exchange.request.method,
        path=encode_path(call.bucket, call.key),
        query=encode_query(query),
        headers=tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers),
        payload_hash=payload_hash if row.body is Body.STREAM else EMPTY_HASH,
        content_length=client.content_length if row.body is Body.STREAM else None,
        at=exchange.request.received,
    )


def _streamed_headers(call: S3Call, headers: Headers, response: UpstreamResponse) -> Headers:
    length = response.header(b"content-length")
    if length is not None:
        headers = _with(headers, b"content-length", length)
    if call.operation.name == "ListObjectsV2":
        headers = _with(headers, b"content-type", "application/xml")
    return headers


def _with(headers: Headers, name: bytes, value: str) -> Headers:
    return (*(header for header in headers if header[0] != name), (name, value.encode("latin-1")))


def _ids(request_id: str) -> Headers:
    return ((b"x-amz-request-id", request_id.encode("ascii")), (b"x-amz-id-2", _host_id(request_id).encode("ascii")))


def _host_id(request_id: str) -> str:
    """S3's second id is opaque; ours says nothing that the first does not."""
    return base64.b64encode(request_id.encode("ascii")).decode("ascii")


def _length(status: int, length: int) -> Headers:
    return () if status == 204 else ((b"content-length", str(length).encode("ascii")),)
