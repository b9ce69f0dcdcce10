"""What becomes of a backend's XML answer before a client gets it.

Owns that it is read whole and within bounds, that it answers what was asked, that an error inside a success is an
error, and that nothing in it tells of the backend: the owner it knows is the gateway's own key there, and the address
it knows is its own.

Source: S3 API Reference, CompleteMultipartUpload and CopyObject (a 200 whose body is an error), "Owner", "Location".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from daypass import limits
from daypass.edge.backend import error_from, unavailable
from daypass.edge.upstream import UpstreamFailure, UpstreamResponse
from daypass.errors import ServiceError
from daypass.service.s3_buckets import canonical_user_id
from daypass.service.s3_catalog import ROWS, Answer
from daypass.service.s3_checks import S3Exchange
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.s3_xml import escape

_log: Final = logging.getLogger("daypass")

# In XML a `<` in a text is escaped, so that these can only be elements.
_OWNER: Final = re.compile(rb"<(Owner|Initiator)(?:\s[^>]*)?>.*?</\1>", re.DOTALL)
_LOCATION: Final = re.compile(rb"<Location>[^<]*</Location>")
_ROOT: Final = re.compile(rb"\s*(?:<\?xml[^>]*>)?\s*<([A-Za-z0-9]+)[\s/>]")

_NAMES_OWNER: Final = frozenset(
    {"ListMultipartUploads", "ListObjectVersions", "ListObjects", "ListObjectsV2", "ListParts"}
)

# The root elements of answers that are not named like the document that the operation's Put takes.
_ROOTS: Final[Mapping[str, tuple[bytes, ...]]] = MappingProxyType(
    {
        "CreateMultipartUpload": (b"InitiateMultipartUploadResult",),
        "ListBucketAnalyticsConfigurations": (b"ListBucketAnalyticsConfigurationResult",),
        "ListBucketInventoryConfigurations": (b"ListInventoryConfigurationsResult",),
        "ListBucketMetricsConfigurations": (b"ListMetricsConfigurationsResult",),
        "ListObjectVersions": (b"ListVersionsResult",),
        "ListObjects": (b"ListBucketResult",),
        "ListObjectsV2": (b"ListBucketResult",),
        "UploadPartCopy": (b"CopyPartResult",),
    }
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
    has_etag = response.header(b"etag") is not None  # of the object: no document about one has it
    try:
        body = await response.read(limits.ANSWER_DOCUMENT_BYTES + 1)
    except UpstreamFailure as failure:
        raise unavailable(failure) from None
    if len(body) > limits.ANSWER_DOCUMENT_BYTES:
        _log.error("the S3 backend's answer to %s is too long", exchange.call.operation.name)
        raise s3_error("ServiceUnavailable", _TOO_LONG)
    name = exchange.call.operation.name
    root = _ROOT.match(body)
    if root is not None and root[1] == b"Error":
        raise error_inside(exchange, body)
    is_object = exchange.request.method == "GET" and exchange.call.key is not None and has_etag
    if is_object or not is_answer_to(name, body):
        # It does not know the sub-resource, and took the request for one without it: an object, or a listing.
        _log.error("the S3 backend answered %s with something else; it does not seem to serve it", name)
        raise not_implemented(f"the storage behind this service does not serve {name}")
    if name in _NAMES_OWNER and exchange.bucket is not None:
        owner = canonical_user_id(exchange.bucket.account_id).encode("ascii")
        return _OWNER.sub(rb"<\1><ID>" + owner + rb"</ID></\1>", body)
    if name == "CompleteMultipartUpload":
        location = f"<Location>{escape(_address(exchange))}</Location>".encode()
        return _LOCATION.sub(lambda _: location, body)
    return body


def is_answer_to(operation: str, body: bytes) -> bool:
    """Whether the document is of the kind that the operation answers."""
    root = _ROOT.match(body)
    return root is not None and root[1] in _roots(operation)


@cache
def _roots(operation: str) -> tuple[bytes, ...]:
    put = ROWS.get("Put" + operation.removeprefix("Get"))
    same = () if put is None or put.root is None else (put.root.encode("ascii"),)
    # Stores that copied the protocol call answers after the operation; SDKs do not look at the name.
    short = operation.removesuffix("Configuration")
    called = [f"{name}{end}".encode("ascii") for name in (operation, short) for end in ("Output", "Response", "Result")]
    return (*_ROOTS.get(operation, ()), *same, *called)


def error_inside(exchange: S3Exchange, body: bytes) -> ServiceError:
    """The error that the body of a success is."""
    details = {"Key": exchange.call.key} if exchange.call.key is not None else {"BucketName": exchange.bucket_name}
    return error_from(200, body, exchange.call, details)


def _address(exchange: S3Exchange) -> str:
    """Of the object, as its client addressed it."""
    request = exchange.request
    scheme = "https" if request.secure else "http"
    return f"{scheme}://{request.header(b'host') or ''}{request.path.decode('latin-1')}"
