"""The operations that the backend answers: a new request to it, and its answer to the client, streaming both ways.

Owns what the backend's request is made of and what its answer becomes. Whether the call is allowed was decided before.

Source: S3 API Reference, "GetObject" ("Permissions": who learns that a key is missing); RFC 9110 for HEAD and 304.
"""

from __future__ import annotations

import logging
from typing import Final

from daypass.edge.backend import EMPTY_HASH, error_of, shown_headers, unavailable
from daypass.edge.client import Client, ClientGone, ProvenBody, request_ids
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest, UpstreamResponse
from daypass.errors import ServiceError
from daypass.service.s3 import S3Access
from daypass.service.s3_catalog import Body
from daypass.service.s3_checks import S3Exchange, forwarded, listing_check
from daypass.wire.http import Headers
from daypass.wire.s3 import S3Call, encode_path, encode_query
from daypass.wire.s3_errors import s3_error

_log: Final = logging.getLogger("daypass")

_STREAMS: Final = frozenset({"GetObject", "ListObjectsV2"})  # whose answer has a body that is passed through
_HIDES_KEYS: Final = frozenset({"GetObject", "HeadObject"})  # whose 404 tells what ListBucket would


class Forwarder:
    """Exchanges with the backend for calls that are allowed."""

    def __init__(self, upstream: Upstream, access: S3Access) -> None:
        self._upstream = upstream
        self._access = access

    async def forward(self, exchange: S3Exchange, client: Client, body: ProvenBody, payload_hash: str) -> None:
        """Asks the backend, and passes its answer on.

        body: the client's, for an operation that streams one; payload_hash: what was declared of it.

        Raises:
            ServiceError: the backend's error, or what broke the exchange off before an answer had begun.
            ClientGone: the client left, or the answer broke off after it had begun.
        """
        streams = exchange.row.body is Body.STREAM and not body.complete
        try:
            async with self._upstream.exchange(
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
        headers = (*shown_headers(call.operation, response.headers), *request_ids(exchange.request_id))
        if call.operation.name == "HeadBucket" and exchange.bucket is not None:
            headers = _with(headers, b"x-amz-bucket-region", exchange.bucket.region)
        if call.operation.name in _STREAMS and status != 304:
            await self._stream(client, status, _streamed_headers(call, headers, response), response)
        elif exchange.request.method == "HEAD" and status != 304:
            await client.answer(status, headers)
        else:
            # Neither a 204 nor a 304 has a length, and the server would wait for so much of a body.
            headers = tuple(header for header in headers if header[0] != b"content-length")
            length: Headers = () if status in (204, 304) else ((b"content-length", b"0"),)
            await client.answer(status, (*headers, *length))

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
        tells = error.status == 404 and call.operation.name in _HIDES_KEYS
        if tells and not await self._access.allows(exchange, listing_check(exchange)):
            return s3_error("AccessDenied")
        return error


def _upstream_request(exchange: S3Exchange, client: Client, payload_hash: str) -> UpstreamRequest:
    """A new request from parsed values. The backend gets the declared hash, and so proves it once more."""
    call, row = exchange.call, exchange.row
    query, headers = forwarded(exchange)
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
