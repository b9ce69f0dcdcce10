"""Whether a backend knows a sub-resource, asked before anything is written or deleted under its name.

A store that passes over a sub-resource it does not know does the plain operation instead: `DELETE /bucket?encryption`
deletes the bucket, `PUT /bucket/key?retention` writes the document over the object. Whoever may do the one may not
therefore do the other. So the sub-resource is read first, which changes nothing: a listing or an object in answer
shows that it is not known. What was once seen to be known is not asked for again.

Source: OpenStack Swift and moto, as they answer; S3 API Reference for what each answer would be.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

from daypass import limits
from daypass.edge import relay
from daypass.edge.backend import error_from, unavailable
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest
from daypass.service.s3 import S3Access
from daypass.service.s3_catalog import ROWS
from daypass.service.s3_checks import S3Exchange
from daypass.wire import model
from daypass.wire.model import Operation
from daypass.wire.payload import EMPTY_HASH
from daypass.wire.s3 import encode_query
from daypass.wire.s3_address import encode_path
from daypass.wire.s3_errors import not_implemented, s3_error

_log: Final = logging.getLogger("daypass")

# Deletes what has no sub-resource of its own but a parameter: an upload.
_BY_PARAMETER: Final = {"AbortMultipartUpload": ("uploadId", "ListParts")}

# What only a store says that knows the sub-resource, and finds that there is none.
_NOT_SET: Final = frozenset(
    {
        "NoSuchConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchObjectLockConfiguration",
        "NoSuchTagSet",
        "NoSuchUpload",
        "NoSuchWebsiteConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "ReplicationConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


@cache
def _asked_by(name: str) -> tuple[str, str] | None:
    """The sub-resource or parameter of a writing operation, and the operation that reads it; None: nothing to ask."""
    operation = model.load("s3").operations[name]
    if name in _BY_PARAMETER:
        return _BY_PARAMETER[name]
    if operation.http_method not in ("PUT", "DELETE") or not operation.fixed_query or ROWS[name].own:
        return None
    for other in model.load("s3").operations.values():
        if other.name in ROWS and _reads(other, operation):
            return operation.fixed_query[0][0], other.name
    return None


def _reads(other: Operation, operation: Operation) -> bool:
    """Whether it reads the sub-resource that the other writes, and needs no more than its name."""
    if (other.http_method, other.path, other.fixed_query) != ("GET", operation.path, operation.fixed_query):
        return False
    members = () if other.input is None else other.input.members.values()
    return not any(member.required and member.location in ("querystring", "header") for member in members)


class Capabilities:
    """What is known of the backends' knowledge. One for the life of a worker."""

    def __init__(self, access: S3Access) -> None:
        self._access = access
        self._known: Final[set[tuple[Upstream, str, str]]] = set()

    def needs_to_ask(self, exchange: S3Exchange, upstream: Upstream) -> bool:
        """Whether `require` has anything to ask the backend before the call."""
        asked = _asked_by(exchange.call.operation.name)
        return asked is not None and (upstream, exchange.call.target, asked[0]) not in self._known

    async def require(self, exchange: S3Exchange, upstream: Upstream) -> None:
        """Returns if the backend knows the sub-resource that the call is about to change.

        Raises:
            ServiceError: NotImplemented; the backend's own error about the object or the bucket; ServiceUnavailable.
        """
        asked = _asked_by(exchange.call.operation.name)
        if asked is None:
            return
        name, reader = asked
        known = (upstream, exchange.call.target, name)
        if known not in self._known and await self._knows(exchange, upstream, name, reader):
            self._known.add(known)

    async def _knows(self, exchange: S3Exchange, upstream: Upstream, name: str, reader: str) -> bool:
        """Whether it is seen to be known. False: the backend says that it is not set, in words of its own."""
        call = exchange.call
        request = UpstreamRequest(
            method="GET",
            path=encode_path(call.bucket, call.key),
            query=encode_query([(name, call.query.get(name, ""))]),
            headers=(),
            payload_hash=EMPTY_HASH,
            content_length=None,
            at=exchange.request.received,
        )
        try:
            with await upstream.ask(request) as response:
                body = await response.read(limits.UPSTREAM_ERROR_BYTES)
                is_object = response.header(b"etag") is not None
        except UpstreamFailure as failure:
            raise unavailable(failure) from None
        if response.status == 200:
            if is_object or not relay.is_answer_to(reader, body):
                _log.error("the S3 backend does not know the sub-resource `%s`: it answered without it", name)
                raise not_implemented(f"the storage behind this service does not serve {call.operation.name}")
            return True
        error = error_from(response.status, body, call, {})
        if error.code in _NOT_SET:
            return False
        if reader == "ListParts" and error.status == 404:
            raise s3_error("NoSuchUpload")
        raise await self._access.told(exchange, error)
