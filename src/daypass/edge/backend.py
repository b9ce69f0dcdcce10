"""What the backend's answers mean: which headers of an answer a client gets, and which error an error becomes.

Owns both allow-lists, and the backend's buckets for service.s3_buckets. Nothing of an answer is passed on but what
the model names; every error is written anew. A backend that refuses the gateway's own key is our misconfiguration:
it is logged, and never shown as the client's fault.

Source: S3's service model (output headers); S3 API Reference, "Error responses".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from daypass import limits
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest, UpstreamResponse
from daypass.errors import ServiceError
from daypass.service.s3_buckets import OutcomeUnknown
from daypass.wire import s3_xml
from daypass.wire.http import Headers
from daypass.wire.model import Operation
from daypass.wire.payload import EMPTY_HASH
from daypass.wire.s3 import S3Call, encode_query
from daypass.wire.s3_address import encode_path
from daypass.wire.s3_errors import s3_error

_log: Final = logging.getLogger("daypass")

# What the client asked for has this error, whoever finds it out. Every other code is the backend's own affair.
_PASSED_ON: Final = frozenset(
    {
        "BadDigest",
        "BucketNotEmpty",
        "ConditionalRequestConflict",
        "EntityTooLarge",
        "EntityTooSmall",
        "IllegalVersioningConfigurationException",
        "IncompleteBody",
        "InvalidArgument",
        "InvalidBucketState",
        "InvalidDigest",
        "InvalidEncryptionAlgorithmError",
        "InvalidObjectState",
        "InvalidPart",
        "InvalidPartNumber",
        "InvalidPartOrder",
        "InvalidRange",
        "InvalidRequest",
        "InvalidStorageClass",
        "InvalidTag",
        "InvalidTargetBucketForLogging",
        "KeyTooLongError",
        "MalformedXML",
        "MetadataTooLarge",
        "MethodNotAllowed",
        "NoSuchBucket",
        "NoSuchConfiguration",
        "NoSuchKey",
        "NoSuchLifecycleConfiguration",
        "NoSuchObjectLockConfiguration",
        "NoSuchTagSet",
        "NoSuchUpload",
        "NoSuchVersion",
        "NoSuchWebsiteConfiguration",
        "NotImplemented",
        "ObjectLockConfigurationNotFoundError",
        "ObjectNotInActiveTierError",
        "OperationAborted",
        "PreconditionFailed",
        "ReplicationConfigurationNotFoundError",
        "RestoreAlreadyInProgress",
        "ServerSideEncryptionConfigurationNotFoundError",
        "SlowDown",
    }
)

# Of these alone the backend's words are passed on too: what is wrong with the argument only it knows.
_IN_ITS_WORDS: Final = frozenset(
    {"BadDigest", "InvalidArgument", "InvalidRequest", "InvalidTag", "MalformedXML", "NotImplemented"}
)

# A refusal with one of these statuses is of the request, and will be one again, unless its code is about the gateway's
# own key or about time.
_REFUSALS: Final = frozenset({400, 409, 413, 422})
_NOT_OF_THE_REQUEST: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "MissingSecurityHeader",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SignatureDoesNotMatch",
        "XAmzContentSHA256Mismatch",
    }
)

# Who may do these may still be refused by a backend that holds the object for its retention period.
_OBJECT_LOCK_REFUSES: Final = frozenset({"DeleteObject", "PutObjectLegalHold", "PutObjectRetention"})

# An answer to HEAD has no body to read a code from.
_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {404: "NoSuchKey", 405: "MethodNotAllowed", 412: "PreconditionFailed", 416: "InvalidRange", 501: "NotImplemented"}
)

_UNAVAILABLE: Final = "The storage behind this service is not available; please try again."
_REFUSED: Final = "The storage behind this service refused the request; its operator can see why in the log."
_BROKEN_OFF: Final = "The storage behind this service could not answer; its operator can see why in the log."


@cache
def _shown_headers(operation: Operation) -> tuple[frozenset[bytes], tuple[bytes, ...]]:
    """The headers of the operation's answer, by lower-case name, and the prefixes of others."""
    members = operation.output.members.values() if operation.output else ()
    names = {member.wire_name.lower().encode() for member in members if member.location == "header"}
    prefixes = [member.wire_name.lower().encode() for member in members if member.location == "headers"]
    return frozenset(names), tuple(prefixes)


def shown_headers(operation: Operation, headers: Headers) -> Headers:
    """Those of the backend's headers that are the operation's own."""
    names, prefixes = _shown_headers(operation)
    return tuple([header for header in headers if header[0] in names or header[0].startswith(prefixes)])


def unavailable(failure: UpstreamFailure) -> ServiceError:
    """The answer where the backend gave none."""
    if failure.busy:
        return s3_error("SlowDown")  # which SDKs back off from; what came before it is in the log
    _log.error("the S3 backend gave no answer: %s", failure)
    return s3_error("ServiceUnavailable", _UNAVAILABLE)


async def error_of(response: UpstreamResponse, call: S3Call | None, **details: str) -> ServiceError:
    """The error that an answer of the backend becomes.

    call: what was asked for a client; None for a question of Daypass's own about a bucket.
    details: elements of the error's body, such as BucketName and Key.
    """
    try:
        body = await response.read(limits.UPSTREAM_ERROR_BYTES)
    except UpstreamFailure as failure:
        return unavailable(failure)
    return error_from(response.status, body, call, details)


def error_from(status: int, body: bytes, call: S3Call | None, details: Mapping[str, str]) -> ServiceError:
    """As error_of, of a body that was read. A code that is not known is told as a refusal where it must be one, which
    clients do not try again, and else as a failure of ours."""
    code, message = _read(body)
    if code is None:
        of_bucket = call is None or call.target == "bucket"
        code = "NoSuchBucket" if status == 404 and of_bucket else _BY_STATUS.get(status)
        message = None
    if code == "AccessDenied" and call is not None and call.operation.name in _OBJECT_LOCK_REFUSES:
        return s3_error("AccessDenied", "Access Denied because object protected by object lock.", **details)
    if code in _PASSED_ON:
        return s3_error(code, message if code in _IN_ITS_WORDS else None, **details)
    _log.error("the S3 backend answered %d %s to the gateway: %s", status, code or "without a code", message or "-")
    if call is not None and code is not None and status in _REFUSALS and code not in _NOT_OF_THE_REQUEST:
        return s3_error("InvalidRequest", _REFUSED)
    return s3_error("ServiceUnavailable", _BROKEN_OFF)


def inner_error(code: str | None, message: str | None) -> tuple[str, str]:
    """The code and the text of an error about one of several objects, as a client may have them."""
    if code == "AccessDenied":
        return code, "Access Denied because object protected by object lock."
    if code in _PASSED_ON:
        error = s3_error(code, message if code in _IN_ITS_WORDS else None)
        return code, error.message or ""
    _log.error("the S3 backend answered %s about one object: %s", code or "no code", message or "-")
    return "InternalError", "We encountered an internal error. Please try again."


def _read(body: bytes) -> tuple[str | None, str | None]:
    """Code and Message of an error body; None for what it does not have, or if it cannot be read."""
    try:
        root = s3_xml.parse(body)
    except s3_xml.MalformedXML:
        return None, None
    if root.name != "Error":
        return None, None
    return root.text_of("Code"), root.text_of("Message") or None


async def object_tags(
    upstream: Upstream, bucket: str, key: str, version_id: str | None, at: datetime
) -> dict[str, str]:
    """The tags that the object has now; none if there is no such object.

    Raises:
        ServiceError: the backend did not say; without knowing, nothing that depends on tags can be allowed.
    """
    version = [] if version_id is None else [("versionId", version_id)]
    request = UpstreamRequest(
        method="GET",
        path=encode_path(bucket, key),
        query=encode_query([("tagging", ""), *version]),
        headers=(),
        payload_hash=EMPTY_HASH,
        content_length=None,
        at=at,
    )
    try:
        with await upstream.ask(request) as response:
            if response.status == 404:
                return {}
            body = await response.read(limits.UPSTREAM_ERROR_BYTES)
            # An answer with an ETag is the object itself, from a store that does not know `?tagging`: whoever wrote the
            # object would say which tags it has.
            if response.status == 200 and response.header(b"etag") is None:
                return _tags(s3_xml.parse(body))
            _log.error("the S3 backend answered %d to the question for an object's tags", response.status)
    except UpstreamFailure as failure:
        raise unavailable(failure) from None
    except s3_xml.MalformedXML:
        _log.error("the S3 backend's answer to the question for an object's tags cannot be read")
    raise s3_error("ServiceUnavailable", _BROKEN_OFF)


def _tags(root: s3_xml.Element) -> dict[str, str]:
    tag_set = root.first("TagSet")
    if root.name != "Tagging" or tag_set is None:
        raise s3_xml.MalformedXML("no TagSet")
    return {tag.text_of("Key") or "": tag.text_of("Value") or "" for tag in tag_set.children}


class BackendBuckets:
    """service.s3_buckets.BucketBackend over the backends' S3 API.

    upstream_of: the backend that a bucket of the name is on.
    """

    def __init__(self, upstream_of: Callable[[str], Upstream]) -> None:
        self._upstream_of = upstream_of

    async def has_bucket(self, name: str, at: datetime) -> bool:
        try:
            with await self._upstream_of(name).ask(_bucket_request("HEAD", name, at)) as response:
                if response.status == 404:
                    return False
                _tell_of_refusal(response.status, name)
                # 403: another's of the same name. 3xx: another region's.
                if response.status < 500:
                    return True
                raise await error_of(response, None)
        except UpstreamFailure as failure:
            raise unavailable(failure) from None

    async def reaches_bucket(self, name: str, at: datetime) -> bool:
        try:
            with await self._upstream_of(name).ask(_bucket_request("HEAD", name, at)) as response:
                if response.status >= 500:
                    raise await error_of(response, None)
                _tell_of_refusal(response.status, name)
                return response.status == 200
        except UpstreamFailure as failure:
            raise unavailable(failure) from None

    def region_of(self, name: str) -> str:
        return self._upstream_of(name).region

    async def create_bucket(self, name: str, at: datetime, *, object_lock: bool = False) -> None:
        upstream = self._upstream_of(name)
        document = _bucket_configuration(upstream.region)
        request = _bucket_request("PUT", name, at, document, object_lock=object_lock)
        try:
            with await upstream.ask(request, document) as response:
                if response.status == 200:
                    return
                if response.status >= 500:
                    raise OutcomeUnknown
                code, _ = _read(await response.read(limits.UPSTREAM_ERROR_BYTES))
                if code == "BucketAlreadyOwnedByYou":
                    raise s3_error("OperationAborted")
                if code == "BucketAlreadyExists":
                    raise s3_error("BucketAlreadyExists", BucketName=name)
                _log.error("the S3 backend did not create a bucket: %d %s", response.status, code or "without a code")
                raise s3_error("ServiceUnavailable", _BROKEN_OFF)
        except UpstreamFailure as failure:
            error = unavailable(failure)
            raise OutcomeUnknown if failure.reached else error from None

    async def find_object(self, bucket: str, key: str, version_id: str | None, at: datetime) -> None:
        version = [] if version_id is None else [("versionId", version_id)]
        request = UpstreamRequest(
            method="HEAD",
            path=encode_path(bucket, key),
            query=encode_query(version),
            headers=(),
            payload_hash=EMPTY_HASH,
            content_length=None,
            at=at,
        )
        try:
            with await self._upstream_of(bucket).ask(request) as response:
                if response.status == 404:
                    raise s3_error("NoSuchKey" if version_id is None else "NoSuchVersion", Key=key)
                if response.status != 200:
                    raise await error_of(response, None, Key=key)
        except UpstreamFailure as failure:
            raise unavailable(failure) from None

    async def delete_bucket(self, name: str, at: datetime) -> None:
        try:
            with await self._upstream_of(name).ask(_bucket_request("DELETE", name, at)) as response:
                if 200 <= response.status < 300 or response.status == 404:
                    return
                raise await error_of(response, None, BucketName=name)
        except UpstreamFailure as failure:
            error = unavailable(failure)
            raise OutcomeUnknown if failure.reached else error from None


def _tell_of_refusal(status: int, bucket: str) -> None:
    """An answer to HEAD says no more than that; callers are told of a bucket that is not theirs, or not there."""
    if status == 403:
        _log.warning(
            "the S3 backend answered 403 about bucket %s: it is another's, or the gateway's key is wrong", bucket
        )


def _bucket_request(
    method: str, name: str, at: datetime, document: bytes = b"", *, object_lock: bool = False
) -> UpstreamRequest:
    headers: Headers = ((b"content-type", b"application/xml"),) if document else ()
    if object_lock:
        headers = (*headers, (b"x-amz-bucket-object-lock-enabled", b"true"))
    return UpstreamRequest(
        method=method,
        path=encode_path(name, None),
        query=b"",
        headers=headers,
        payload_hash=sha256(document).hexdigest(),
        content_length=len(document) if method == "PUT" else None,
        at=at,
    )


def _bucket_configuration(region: str) -> bytes:
    """us-east-1 is S3's default, and must not be named."""
    if region == "us-east-1":
        return b""
    return s3_xml.render("CreateBucketConfiguration", [("LocationConstraint", region)])
