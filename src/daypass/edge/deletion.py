"""DeleteObjects at work: each object decided by itself, the allowed ones asked of the backend, one answer for all.

Source: S3 API Reference, DeleteObjects.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from daypass import limits
from daypass.edge.backend import error_of, inner_error, unavailable
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest
from daypass.service import s3_delete
from daypass.service.s3 import S3Access, enforce
from daypass.service.s3_checks import S3Exchange, forwarded
from daypass.service.s3_delete import Deletion, Failure, Wanted
from daypass.wire import s3_xml
from daypass.wire.http import RawResponse
from daypass.wire.s3 import encode_query
from daypass.wire.s3_address import Addressing, encode_path
from daypass.wire.s3_errors import s3_error
from daypass.wire.s3_xml import Element

_log: Final = logging.getLogger("daypass")

_DECISIONS_AT_A_TIME: Final = 32  # then other requests have their turn


async def delete_objects(
    exchange: S3Exchange, wanted: Wanted, upstream: Upstream, access: S3Access, addressing: Addressing
) -> RawResponse:
    """Deletes what the caller may delete, and says of the rest why not.

    Raises:
        ServiceError: NoSuchBucket to a caller who may delete in it; ServiceUnavailable.
    """
    allowed: list[Deletion] = []
    failures: list[Failure] = []
    for n, deletion in enumerate(wanted.deletions, 1):
        failure = s3_delete.unservable(deletion, exchange.bucket_name, addressing)
        failure = failure or await _refused(exchange, access, deletion, addressing)
        if failure is None:
            allowed.append(deletion)
        else:
            failures.append(failure)
        if n % _DECISIONS_AT_A_TIME == 0:
            await asyncio.sleep(0)
    if allowed and exchange.bucket is None:
        raise s3_error("NoSuchBucket", BucketName=exchange.bucket_name)
    deleted: list[Element] = []
    if allowed:
        enforce(exchange)
        deleted, failed = await _ask(exchange, upstream, allowed)
        failures += failed
    body = s3_delete.answer(deleted, failures, wanted.quiet)
    return RawResponse(200, ((b"content-type", b"application/xml"),), body)


async def _refused(
    exchange: S3Exchange, access: S3Access, deletion: Deletion, addressing: Addressing
) -> Failure | None:
    for check in s3_delete.checks(exchange, deletion, addressing):
        message = await access.refusal(exchange, check)
        if message is not None:
            return Failure(deletion.key, deletion.version_id, "AccessDenied", message)
    return None


async def _ask(
    exchange: S3Exchange, upstream: Upstream, deletions: Sequence[Deletion]
) -> tuple[list[Element], list[Failure]]:
    """What the backend deleted, and what it did not."""
    document = s3_delete.document(deletions)
    query, headers = forwarded(exchange)
    md5 = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest())
    request = UpstreamRequest(
        method="POST",
        path=encode_path(exchange.bucket_name, None),
        query=encode_query(query),
        headers=(
            *((name.encode("ascii"), value.encode("ascii")) for name, value in headers),
            (b"content-md5", md5),
            (b"content-type", b"application/xml"),
        ),
        payload_hash=hashlib.sha256(document).hexdigest(),
        content_length=len(document),
        at=exchange.request.received,
    )
    try:
        with await upstream.ask(request, document) as response:
            if response.status != 200:
                raise await error_of(response, exchange.call, BucketName=exchange.bucket_name)
            body = await response.read(limits.ANSWER_DOCUMENT_BYTES)
        root = s3_xml.parse(body)
    except UpstreamFailure as failure:
        raise unavailable(failure) from None
    except s3_xml.MalformedXML:
        _log.error("the S3 backend's answer to DeleteObjects cannot be read")
        raise s3_error("ServiceUnavailable", "The storage behind this service could not answer.") from None
    return _read_answer(root)


def _read_answer(root: Element) -> tuple[list[Element], list[Failure]]:
    failures = []
    for element in root.children:
        if element.name == "Error":
            code, message = inner_error(element.text_of("Code"), element.text_of("Message"))
            failures.append(Failure(element.text_of("Key") or "", element.text_of("VersionId"), code, message))
    if root.name != "DeleteResult":
        _log.error("the S3 backend answered DeleteObjects with %s %s", root.name, root.text_of("Code"))
        raise s3_error("ServiceUnavailable", "The storage behind this service could not answer.")
    return [element for element in root.children if element.name == "Deleted"], failures
