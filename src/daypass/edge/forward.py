"""The operations that the backend answers: a new request to it, and its answer to the client, streaming both ways.

Owns what the backend's request is made of and what its answer becomes. Whether the call is allowed was decided before;
what a document of the backend becomes is edge.relay's.

Source: S3 API Reference, each operation's page; RFC 9110 for HEAD and 304.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from msgspec.structs import replace

from daypass import limits
from daypass.edge import relay, slow_document
from daypass.edge.arrival import Form
from daypass.edge.backend import error_of, shown_headers, unavailable
from daypass.edge.body import ObjectBody
from daypass.edge.client import Client, ClientGone, request_ids
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest, UpstreamResponse
from daypass.errors import ServiceError
from daypass.service.s3 import S3Access
from daypass.service.s3_catalog import Answer, Body
from daypass.service.s3_checks import S3Exchange, forwarded, forwarded_document
from daypass.wire.chunk_writer import MODE, ChunkWriter
from daypass.wire.http import Headers
from daypass.wire.payload import EMPTY_HASH
from daypass.wire.s3 import S3Call, encode_query
from daypass.wire.s3_address import encode_path
from daypass.wire.s3_errors import s3_error

_log: Final = logging.getLogger("daypass")

# What a delete marker is answered with, and the headers that say that there is one. (S3 User Guide, "Working with
# delete markers")
_OF_A_DELETE_MARKER: Final = frozenset({"MethodNotAllowed", "NoSuchKey"})
_DELETE_MARKER: Final = frozenset({b"x-amz-delete-marker", b"x-amz-version-id"})
_SUCCESSES: Final = frozenset({200, 202, 204, 206, 304})  # 202: a restore that has begun


class Forwarder:
    """Exchanges with the backend for calls that are allowed."""

    def __init__(self, upstream: Upstream, access: S3Access) -> None:
        self._upstream = upstream
        self._access = access

    async def forward(
        self, exchange: S3Exchange, client: Client, body: ObjectBody | None, form: Form | None = None
    ) -> None:
        """Asks the backend, and passes its answer on.

        body: the client's, for an operation that streams one; else None.
        form: that the request came as, and is answered to.

        Raises:
            ServiceError: the backend's error, or what broke the exchange off before an answer had begun.
            ClientGone: the client left, or the answer broke off after it had begun.
        """
        content = forwarded_document(exchange) if body is None else await body.ready()
        request = _upstream_request(exchange, body, content)
        trailed = body.trailed() if body is not None and self._upstream.takes_trailers else None
        if trailed is not None and body is not None:
            writer, content = trailed
            request = _trailed_request(request, exchange, body, writer)
        try:
            with await self._upstream.ask(request, content) as response:
                await self._relay(exchange, client, body, form, response)
        except UpstreamFailure as failure:
            raise unavailable(failure) from None

    async def _relay(
        self,
        exchange: S3Exchange,
        client: Client,
        body: ObjectBody | None,
        form: Form | None,
        response: UpstreamResponse,
    ) -> None:
        call = exchange.call
        if response.status not in _SUCCESSES:
            error = await self._backend_error(exchange, response)
            if error.code in _OF_A_DELETE_MARKER:
                shown = shown_headers(call.operation, response.headers)
                client.also_said = (*client.also_said, *[header for header in shown if header[0] in _DELETE_MARKER])
            raise error
        if body is not None and not body.complete:
            # A success before all was sent and proven is none: nobody knows what it stored.
            _log.error("the S3 backend answered %d before it had the whole body", response.status)
            raise s3_error("ServiceUnavailable", "The storage behind this service did not take the whole object.")
        status = response.status if response.status in (202, 206, 304) else call.operation.response_status
        headers: Headers = (*shown_headers(call.operation, response.headers), *request_ids(exchange.request_id))
        if form is not None:
            status, of_form, content = form.answer(headers)
            await client.answer(status, (*_without_length(headers), *of_form), content)
            return
        if call.operation.name == "HeadBucket" and exchange.bucket is not None:
            headers = _with(headers, b"x-amz-bucket-region", exchange.bucket.region)
        if call.operation.name in slow_document.TAKES_LONG:
            headers = _with(headers, b"content-type", "application/xml")
            reading = self._document(exchange, response)
            await slow_document.answer(client, status, headers, reading, exchange.request_id)
        elif status != 304 and relay.reads_whole(exchange):
            answer = await self._document(exchange, response)
            headers = _with(headers, b"content-type", "application/xml")
            await client.answer(status, _with(headers, b"content-length", str(len(answer))), answer)
        elif exchange.row.answer is Answer.STREAM and status != 304:
            await self._stream(client, status, _streamed_headers(call, headers, response), response)
        elif exchange.request.method == "HEAD" and status != 304:
            await client.answer(status, headers)
        else:
            # Neither a 204 nor a 304 has a length, and the server would wait for so much of a body.
            headers = tuple(header for header in headers if header[0] != b"content-length")
            length: Headers = () if status in (204, 304) else ((b"content-length", b"0"),)
            await client.answer(status, (*headers, *length))

    async def _stream(self, client: Client, status: int, headers: Headers, response: UpstreamResponse) -> None:
        """Passes the body through. One that breaks off ends the connection: its length is promised already.

        A small one is awaited whole and leaves in one piece, and nobody need watch whether its client stays."""
        length = response.header(b"content-length") or ""
        if length.isdecimal() and len(length) < 7 and int(length) <= limits.ANSWER_AT_ONCE_BYTES:
            content = response.whole_body()
            if content is None:
                content = await response.read(int(length) + 1)  # one more, so that its end is seen
            if len(content) != int(length):
                raise UpstreamFailure("the answer broke off", reached=True)
            await client.answer(status, headers, content)
            return
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

    async def _document(self, exchange: S3Exchange, response: UpstreamResponse) -> bytes:
        try:
            return await relay.document(exchange, response)
        except ServiceError as error:
            raise await self._access.told(exchange, error) from None

    async def _backend_error(self, exchange: S3Exchange, response: UpstreamResponse) -> ServiceError:
        """The backend's error, but a missing key only to one who could have listed it."""
        call = exchange.call
        details = {"Key": call.key} if call.key is not None else {"BucketName": exchange.bucket_name}
        return await self._access.told(exchange, await error_of(response, call, **details))


def _upstream_request(
    exchange: S3Exchange, body: ObjectBody | None, content: bytes | AsyncIterator[bytes]
) -> UpstreamRequest:
    """A new request from parsed values. The backend gets the declared hash of a body that streams, and so proves it
    once more; a document was proven, and has the hash of what was written anew."""
    call = exchange.call
    query, headers = forwarded(exchange)
    payload_hash, content_length = EMPTY_HASH, None
    if body is not None:
        payload_hash, content_length = body.payload_hash, body.length
        headers = body.object_headers(headers)
    elif exchange.row.body is Body.DOCUMENT and isinstance(content, bytes):
        payload_hash, content_length = hashlib.sha256(content).hexdigest(), len(content)
        # No content-type: Swift takes that of CompleteMultipartUpload for the object's own.
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        headers.append(("content-md5", base64.b64encode(md5).decode("ascii")))
    return UpstreamRequest(
        method=exchange.request.method,
        path=encode_path(call.bucket, call.key),
        query=encode_query(query) if query else b"",
        headers=tuple([(name.encode("ascii"), value.encode("ascii")) for name, value in headers]),
        payload_hash=payload_hash,
        content_length=content_length,
        at=exchange.request.received,
    )


def _trailed_request(
    request: UpstreamRequest, exchange: S3Exchange, body: ObjectBody, writer: ChunkWriter
) -> UpstreamRequest:
    """The same object with its checksum after it, to a backend that takes that."""
    headers = body.object_headers(forwarded(exchange)[1], trailed=True)
    return replace(
        request,
        headers=tuple([(name.encode("ascii"), value.encode("ascii")) for name, value in headers]),
        payload_hash=MODE,
        content_length=writer.length,
    )


def _without_length(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0] not in (b"content-length", b"content-type"))


def _streamed_headers(call: S3Call, headers: Headers, response: UpstreamResponse) -> Headers:
    length = response.header(b"content-length")
    if length is not None and (b"content-length", length.encode("latin-1")) not in headers:
        headers = _with(headers, b"content-length", length)
    if call.operation.name == "ListObjectsV2":
        headers = _with(headers, b"content-type", "application/xml")
    return headers


def _with(headers: Headers, name: bytes, value: str) -> Headers:
    return (*[header for header in headers if header[0] != name], (name, value.encode("latin-1")))
