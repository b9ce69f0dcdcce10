"""The data plane: one S3 request, from bytes to answer. `_exchange` is the path of a request as code.

Owns the order of the steps, what a request may declare of its body, and the audit of what no policy decided.

Source: S3 API Reference, "Making requests", "Error responses", "Signature calculations: transferring payload".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from daypass import limits
from daypass.edge.arrival import arrive, arrive_plainly
from daypass.edge.backend import BackendBuckets
from daypass.edge.backends import Backends
from daypass.edge.body import object_body
from daypass.edge.capabilities import Capabilities
from daypass.edge.client import (
    Client,
    ClientGone,
    Receive,
    Send,
    check_payload_hash,
    compare_payload_hash,
    host_id,
    request_ids,
)
from daypass.edge.deletion import delete_objects
from daypass.edge.forward import Forwarder
from daypass.edge.object_tags import ObjectTags
from daypass.edge.questions import Questions
from daypass.errors import ServiceError
from daypass.service import s3_checks, s3_cors, s3_delete, s3_documents
from daypass.service.actions import Check, Ports
from daypass.service.authenticate import Authenticator
from daypass.service.authorize import Authorizer
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import AuditLog, AuditRecord
from daypass.service.s3 import S3Access, enforce, refuse_unserved
from daypass.service.s3_adoption import AdoptionRule, KnownBuckets
from daypass.service.s3_buckets import BucketPorts, Own
from daypass.service.s3_catalog import ROWS, Body, Row
from daypass.service.s3_checks import S3Exchange
from daypass.service.s3_own import OWN
from daypass.wire import s3_xml
from daypass.wire.checksums import CONTENT_MD5, TRAILER, Checksums, read_checksums
from daypass.wire.chunked import ChunkSignatures
from daypass.wire.http import Headers, RawRequest, RawResponse
from daypass.wire.payload import EMPTY_HASH, BodyMode, Payload, body_length, read_payload
from daypass.wire.s3 import S3Call, read_call
from daypass.wire.s3_address import PATH_STYLE, Addressing, read_address
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.sigv4 import Claim, SignatureFault, shown

_log: Final = logging.getLogger("daypass")


class Gateway:
    """The S3 API in front of its backends. With none of them, every request is refused."""

    def __init__(
        self,
        *,
        ports: Ports,
        authenticator: Authenticator,
        authorizer: Authorizer,
        audit: AuditLog,
        backends: Backends,
        addressing: Addressing = PATH_STYLE,
        version_2: bool = False,
        adoptions: Sequence[AdoptionRule] = (),
    ) -> None:
        """version_2: whether signatures of Version 2 in queries and forms are verified, or refused with advice."""
        self._ports = ports
        self._authenticator = authenticator
        self._access = S3Access(authorizer, audit)
        self._backends = backends
        at_backend = BackendBuckets(backends.of)
        self._bucket_ports = BucketPorts(ports.identities, ports.directory, at_backend)
        self._buckets = KnownBuckets(adoptions, ports.identities, ports.directory, at_backend)
        self._tags = ObjectTags(backends)
        self._capabilities = Capabilities(self._access)
        self._questions = Questions(self._access, self._buckets, backends, self._tags, addressing)
        self._addressing = addressing
        self._version_2 = version_2

    async def handle(
        self, request: RawRequest, claim: Claim | SignatureFault | None, request_id: str, receive: Receive, send: Send
    ) -> None:
        """As `serve`, by ASGI."""
        client = Client(
            receive,
            send,
            content_length=body_length(request),
            waits_for_continue=(request.header(b"expect") or "").lower() == "100-continue",
        )
        await self.serve(request, claim, request_id, client)

    async def serve(
        self, request: RawRequest, claim: Claim | SignatureFault | None, request_id: str, client: Client
    ) -> None:
        """Answers the request, whatever it is, unless the client has left.

        request: without its body, which comes from the client.
        """
        trail = _Trail(request, request_id)
        refusal: ServiceError | None = None
        try:
            await self._exchange(request, claim, request_id, client, trail)
        except ServiceError as error:
            refusal = error
        except ClientGone:
            return
        except Exception:  # noqa: BLE001  our fault, whatever it is: logged here once, its details never sent
            _log.exception("request %s failed", request_id)
            refusal = s3_error("InternalError")
        if refusal is not None:
            with suppress(ClientGone):
                await self._refuse(client, trail, refusal)

    async def _exchange(
        self,
        request: RawRequest,
        claim: Claim | SignatureFault | None,
        request_id: str,
        client: Client,
        trail: _Trail,
    ) -> None:
        """The path of a request. Fills the trail as it goes, so that a refusal is audited with what was known."""
        if self._backends.none:
            raise not_implemented("no S3 backend is configured here")
        if request.method == "OPTIONS":
            await self._preflight(request, request_id, client, trail)
            return
        arrival = arrive_plainly(request, claim) or await arrive(
            request, claim, client, self._addressing, version_2=self._version_2
        )
        request, claim = arrival.request, arrival.claim
        # 1. What is asked: an operation that the model knows and that is served, with parameters that are acted on.
        presigned = claim is not None and claim.location == "query"
        call = read_call(request, presigned=presigned, addressing=self._addressing)
        trail.operation = call.operation.name
        row = ROWS.get(call.operation.name)
        if row is None:
            raise not_implemented(f"{call.operation.name} is not served")
        refuse_unserved(call, row)
        arrival.check_operation(call)
        if request.header(b"origin") is not None and call.bucket is not None:
            known = await self._buckets.find(call.bucket, request.received)
            client.also_said = s3_cors.answer_headers(request, None if known is None else known.cors)

        # 2. Who asks.
        _check_service(claim)
        payload = read_payload(request, claim)
        caller: Caller | Anonymous = ANONYMOUS
        signatures = None
        if claim is not None and arrival.text is not None:
            caller = await self._authenticator.prove_text(claim, arrival.text, request.received)
        elif claim is not None:
            held = None if payload.mode.signs_chunks else self._authenticator.held(request, claim, payload.declared)
            if held is not None:
                caller = held
            else:
                caller, key = await self._authenticator.prove(request, claim, payload.declared)
                signatures = ChunkSignatures(key, claim.amz_date, claim.signature)
        trail.caller = caller
        if arrival.form is not None:
            arrival.form.check(request)

        # 3. About what: the body as far as it is Daypass's to read, the bucket, and what conditions may speak of.
        _check_body(request, row, client, payload)
        document = b""
        if row.body is Body.DOCUMENT:
            document = await _document(request, call, row, client, payload)
        elif row.body is Body.NONE and payload.mode is BodyMode.HASHED:
            compare_payload_hash(payload.declared, EMPTY_HASH)
        bucket = None
        if call.bucket is not None and not row.makes_bucket:
            bucket = self._buckets.held(call.bucket) or await self._buckets.find(call.bucket, request.received)
        exchange = S3Exchange(request, request_id, claim, caller, call, row, bucket, document)
        if document or row.body is Body.DOCUMENT:
            exchange = replace(exchange, root=s3_documents.read(row, document))
        if row.copies:
            exchange = await self._questions.with_source(exchange)

        # 4. May the caller: one decision function for every operation; each decision is on record before we go on.
        if row.decides_by_key:
            wanted = s3_delete.read(exchange)
            trail.recorded = True
            upstream = self._backends.of(exchange.bucket_name)
            answer = await delete_objects(exchange, wanted, upstream, self._access, self._addressing)
            await self._answer(client, request_id, answer)
            return
        policies = self._access.held_policies(exchange) or await self._access.policies(exchange)
        if row.makes_bucket or s3_checks.speaks_of_object_tags(policies):
            exchange = await self._questions.with_learned(exchange)
            policies = await self._access.policies(exchange)  # those of now: it may have taken a while
        required = s3_checks.checks(exchange)
        trail.recorded = True
        await self._access.require(exchange, required, policies)
        if exchange.root is not None:
            await self._questions.require_for_document(exchange)
        if exchange.source is not None:
            exchange = await self._questions.require_source(exchange, exchange.source)
        trail.recorded, trail.check = False, required[0]
        enforce(exchange)

        # 5. Do it, and 6. say it.
        own = OWN.get(call.operation.name)
        if own is not None:
            await self._answer(client, request_id, await self._own_answer(own, exchange))
        else:
            trail.recorded = True  # what the backend refuses is its answer, not a decision of ours
            body = None
            if arrival.form is not None:
                body = arrival.form.body(call)
            elif row.body is Body.STREAM:
                body = object_body(client, payload, _object_checksums(request, call), signatures)
            upstream = self._backends.of(exchange.bucket_name)
            try:
                if self._capabilities.needs_to_ask(exchange, upstream):
                    await self._capabilities.require(exchange, upstream)
                await Forwarder(upstream, self._access).forward(exchange, client, body, arrival.form)
            except ServiceError as error:
                trail.recorded = body is None or error is not body.fault
                raise
            finally:
                if row.body is not Body.NONE or request.method in ("PUT", "DELETE"):
                    self._tags.forget(exchange.bucket_name, call.key or "")

    async def _own_answer(self, own: Own, exchange: S3Exchange) -> RawResponse:
        try:
            return await own(self._bucket_ports, exchange)
        except ServiceError as error:
            refusal = error
        raise await self._access.told(exchange, refusal)

    async def _answer(self, client: Client, request_id: str, answer: RawResponse) -> None:
        headers = (*answer.headers, *request_ids(request_id), *_length(answer.status, len(answer.body)))
        await client.answer(answer.status, headers, answer.body)

    async def _preflight(self, request: RawRequest, request_id: str, client: Client, trail: _Trail) -> None:
        """What a browser asks before a request of another origin. It bears no signature and needs no permission."""
        trail.recorded = True  # nothing is decided
        host = request.header(b"host") or ""
        name, _ = read_address(host, request.path, self._addressing)
        bucket = None if name is None else await self._buckets.find(name, request.received)
        headers = s3_cors.preflight(request, None if bucket is None else bucket.cors)
        await client.answer(200, (*headers, *request_ids(request_id), (b"content-length", b"0")))

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


def _check_body(request: RawRequest, row: Row, client: Client, payload: Payload) -> None:
    """Raises ServiceError: UnexpectedContent, MissingContentLength, EntityTooLarge, InvalidRequest."""
    if row.body is Body.NONE and client.content_length != 0:
        raise s3_error("UnexpectedContent")
    if payload.mode.is_chunked and row.body is not Body.STREAM:
        raise s3_error("InvalidRequest", "only objects and parts of them are sent in the aws-chunked encoding")
    if payload.length is None or (row.body is Body.STREAM and not _says_its_length(request, payload)):
        raise s3_error("MissingContentLength")
    longest = limits.OBJECT_PUT_BYTES if row.body is Body.STREAM else row.document_bytes
    if payload.length > longest:
        raise s3_error("EntityTooLarge", ProposedSize=str(payload.length), MaxSizeAllowed=str(longest))


def _says_its_length(request: RawRequest, payload: Payload) -> bool:
    return payload.mode.is_chunked or request.header(b"content-length") is not None


def _object_checksums(request: RawRequest, call: S3Call) -> Checksums:
    """Those that come with an object, in its head or, announced there, after it."""
    trailer = request.header(TRAILER.encode("ascii"))
    return read_checksums(call.headers if trailer is None else {**call.headers, TRAILER: trailer})


async def _document(request: RawRequest, call: S3Call, row: Row, client: Client, payload: Payload) -> bytes:
    """The whole of a small body. What was declared of it is proven."""
    proof = payload.declared if payload.mode is BodyMode.HASHED else None
    declared = {name: value for name, value in call.headers.items() if name in row.enforced}
    content_md5 = request.header(b"content-md5")
    checksums = read_checksums(declared if content_md5 is None else {**declared, CONTENT_MD5: content_md5})
    body = b"".join([chunk async for chunk in client.body()])
    check_payload_hash(proof, body)
    checksums.update(body)
    checksums.verify({})
    return body


def _length(status: int, length: int) -> Headers:
    return () if status == 204 else ((b"content-length", str(length).encode("ascii")),)
