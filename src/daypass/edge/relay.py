"""What becomes of a backend's XML answer before a client gets it.

Owns that it is read whole and within bounds, that an error inside a success is an error, and that nothing in it tells
of the backend: the owner it knows is the gateway's own key there, and the address it knows is its own.

Source: S3 API Reference, CompleteMultipartUpload and CopyObject (a 200 whose body is an error), "Owner", "Location".
"""

from __future__ import annotations

import logging
import re
from typing import Final

from daypass import limits
from daypass.edge.backend import error_from, unavailable
from daypass.edge.upstream import UpstreamFailure, UpstreamResponse
from daypass.errors import ServiceError
from daypass.service.s3_buckets import canonical_user_id
from daypass.service.s3_catalog import Answer
from daypass.service.s3_checks import S3Exchange
from daypass.wire.s3_errors import s3_error
from daypass.wire.s3_xml import escape

_log: Final = logging.getLogger("daypass")

# In XML a `<` in a text is escaped, so that these can only be elements.
_OWNER: Final = re.compile(rb"<(Owner|Initiator)(?:\s[^>]*)?>.*?</\1>", re.DOTALL)
_LOCATION: Final = re.compile(rb"<Location>[^<]*</Location>")
_ERROR: Final = re.compile(rb"\s*(?:<\?xml[^>]*>)?\s*<Error[\s>]")

_NAMES_OWNER: Final = frozenset(
    {"ListMultipartUploads", "ListObjectVersions", "ListObjects", "ListObjectsV2", "ListParts"}
)
_TOO_LONG: Final = "The storage behind this service gave an answer that cannot be passed on."


def reads_whole(exchange: S3Exchange) -> bool:
    """Whether the answer to the call is a document that is passed on by `document`."""
    if exchange.row.answer is Answer.DOCUMENT:
        return True
    return exchange.call.query.get("fetch-owner") is not None


async def document(exchange: S3Exchange, response: UpstreamResponse) -> bytes:
    """The document of a success, as the client gets it.

    Raises:
        ServiceError: the error that it is in truth; ServiceUnavailable, if it breaks off or is too long.
    """
    try:
        body = await response.read(limits.ANSWER_DOCUMENT_BYTES + 1)
    except UpstreamFailure as failure:
        raise unavailable(failure) from None
    if len(body) > limits.ANSWER_DOCUMENT_BYTES:
        _log.error("the S3 backend's answer to %s is too long", exchange.call.operation.name)
        raise s3_error("ServiceUnavailable", _TOO_LONG)
    if _ERROR.match(body):
        raise error_inside(exchange, body)
    name = exchange.call.operation.name
    if name in _NAMES_OWNER and exchange.bucket is not None:
        owner = canonical_user_id(exchange.bucket.account_id).encode("ascii")
        return _OWNER.sub(rb"<\1><ID>" + owner + rb"</ID></\1>", body)
    if name == "CompleteMultipartUpload":
        location = f"<Location>{escape(_address(exchange))}</Location>".encode()
        return _LOCATION.sub(lambda _: location, body)
    return body


def error_inside(exchange: S3Exchange, body: bytes) -> ServiceError:
    """The error that the body of a success is."""
    details = {"Key": exchange.call.key} if exchange.call.key is not None else {"BucketName": exchange.bucket_name}
    return error_from(200, body, exchange.call, details)


def _address(exchange: S3Exchange) -> str:
    """Of the object, as its client addressed it."""
    request = exchange.request
    scheme = "https" if request.secure else "http"
    return f"{scheme}://{request.header(b'host') or ''}{request.path.decode('latin-1')}"
