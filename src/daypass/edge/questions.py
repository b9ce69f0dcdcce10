"""What a decision about an S3 call has to know beside the request's head, and what has to be asked beside its target.

Owns where the gateway reads from the backend or the store for the sake of a decision: an object's tags, the bucket that
is copied from, the buckets that a configuration has the backend write to. What the questions are is service.s3_checks's
knowledge, asking them service.s3's.

Source: S3 API Reference, CopyObject ("Permissions"); S3 User Guide, "Categorizing your storage using tags".
"""

from __future__ import annotations

from msgspec.structs import replace

from daypass.edge.backends import Backends
from daypass.edge.object_tags import ObjectTags
from daypass.service import s3_checks, s3_documents
from daypass.service.actions import ContextValue
from daypass.service.s3 import S3Access
from daypass.service.s3_adoption import KnownBuckets
from daypass.service.s3_buckets import location_constraint
from daypass.service.s3_checks import S3Exchange
from daypass.wire.s3_address import Addressing, CopySource, read_copy_source
from daypass.wire.s3_errors import not_implemented, s3_error


class Questions:
    """Completes an exchange for its decisions, and asks those that are about more than its target."""

    def __init__(
        self, access: S3Access, buckets: KnownBuckets, backends: Backends, tags: ObjectTags, addressing: Addressing
    ) -> None:
        self._access = access
        self._buckets = buckets
        self._backends = backends
        self._tags = tags
        self._addressing = addressing

    async def with_learned(self, exchange: S3Exchange) -> S3Exchange:
        """The exchange with the condition keys that are not in the request's head."""
        if exchange.row.makes_bucket:
            constraint = location_constraint(exchange.root)
            return exchange if constraint is None else replace(exchange, learned={"s3:locationconstraint": constraint})
        actions = s3_checks.actions_of(exchange)
        call = exchange.call
        if call.bucket is None or call.key is None:
            return exchange
        if not await self._access.asks_for_object_tags(exchange, actions, exchange.bucket):
            return exchange
        version_id = call.query.get("versionId")
        learned = await self._object_tags(exchange, call.bucket, call.key, version_id)
        return replace(exchange, learned=learned)

    async def _object_tags(
        self, exchange: S3Exchange, bucket: str, key: str, version_id: str | None
    ) -> dict[str, ContextValue]:
        tags = await self._tags.of(bucket, key, version_id, exchange.request.received)
        return {**s3_checks.object_tag_context(tags)}

    async def with_source(self, exchange: S3Exchange) -> S3Exchange:
        """The exchange with the object that it copies from."""
        source = read_copy_source(exchange.call.headers["x-amz-copy-source"], self._addressing)
        bucket = await self._buckets.find(source.bucket, exchange.request.received)
        exchange = replace(exchange, source=source, source_bucket=bucket)
        actions = ("s3:GetObject" if source.version_id is None else "s3:GetObjectVersion",)
        if not await self._access.asks_for_object_tags(exchange, actions, bucket):
            return exchange
        learned = await self._object_tags(exchange, source.bucket, source.key, source.version_id)
        return replace(exchange, source_learned=learned)

    # ---- permissions on more than the call's address names ----

    async def require_source(self, exchange: S3Exchange, source: CopySource) -> S3Exchange:
        """The exchange, if the caller may read what it copies from.

        Raises:
            ServiceError: AccessDenied, NoSuchBucket; NotImplemented between two backends.
        """
        await self._access.require_source(exchange, source)
        if self._backends.of(source.bucket) is not self._backends.of(exchange.bucket_name):
            raise not_implemented("a copy from one S3 backend to another is not served")
        if not s3_checks.copies_tags(exchange):
            return exchange
        reading, writing = s3_checks.tag_reading_checks(exchange, source), s3_checks.tag_writing_checks(exchange)
        if await self._access.allows_at_source(exchange, *reading) and await self._access.allows(exchange, *writing):
            return exchange
        # An object without tags needs no permission for them. The copy is asked for with none, so that tags which
        # the object is given in this very moment do not come along.
        if await self._object_tags(exchange, source.bucket, source.key, source.version_id):
            raise s3_error("AccessDenied")
        return replace(exchange, without_tags=True)

    async def require_for_document(self, exchange: S3Exchange) -> None:
        """What a document asks the backend to do elsewhere needs permission there.

        Raises:
            ServiceError: AccessDenied; InvalidRequest for a bucket of another account or none.
        """
        operation = exchange.call.operation.name
        if exchange.root is None or exchange.bucket is None:
            return
        for name in s3_documents.written_buckets(operation, exchange.root):
            bucket = await self._buckets.find(name, exchange.request.received)
            if bucket is None or bucket.account_id != exchange.bucket.account_id:
                raise s3_error("InvalidRequest", "The destination bucket must be one of the same account.")
            await self._access.require_elsewhere(exchange, s3_checks.written_check(exchange, bucket), bucket)
        for role in s3_documents.roles(operation, exchange.root):
            await self._access.require_elsewhere(exchange, s3_checks.pass_role_check(role), None)
