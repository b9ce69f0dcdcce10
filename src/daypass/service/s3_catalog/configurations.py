"""The rows of a bucket's configurations that the backend keeps: lifecycle, versioning, encryption and their like.

Owns which of them Daypass serves. Those that speak of directory buckets, tables or access by bucket tags have no row.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3" (Delete operations
mostly need the Put action); S3 API Reference, each operation's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daypass import limits
from daypass.service.s3_catalog.row import DOCUMENT_CHECKSUMS, OWNER, Answer, Body, Row

_BY_ID: Final = frozenset({"id"})
_BY_PAGE: Final = frozenset({"continuation-token"})
_NO_MD5: Final = DOCUMENT_CHECKSUMS - {"content-md5"}


def _get(action: str, *, forwarded: frozenset[str] = frozenset()) -> Row:
    return Row(action, forwarded=forwarded, enforced=OWNER, answer=Answer.DOCUMENT)


def _put(
    action: str,
    root: str,
    *,
    checksums: frozenset[str] = DOCUMENT_CHECKSUMS,
    forwarded: frozenset[str] = frozenset(),
) -> Row:
    """checksums: those that the model has of this operation's document."""
    return Row(
        action,
        forwarded=forwarded,
        enforced=OWNER | checksums,
        body=Body.DOCUMENT,
        document_bytes=limits.S3_CONFIGURATION_BYTES,
        root=root,
    )


def _delete(action: str, *, forwarded: frozenset[str] = frozenset()) -> Row:
    return Row(action, forwarded=forwarded, enforced=OWNER)


def _several(kind: str, plural: str) -> dict[str, Row]:
    """The four operations of a kind of which a bucket has several, told apart by id."""
    get, put = f"s3:Get{kind}Configuration", f"s3:Put{kind}Configuration"
    return {
        f"DeleteBucket{kind}Configuration": _delete(put, forwarded=_BY_ID),
        f"GetBucket{kind}Configuration": _get(get, forwarded=_BY_ID),
        f"ListBucket{plural}": _get(get, forwarded=_BY_PAGE),
        f"PutBucket{kind}Configuration": _put(put, f"{kind}Configuration", checksums=frozenset(), forwarded=_BY_ID),
    }


CONFIGURATIONS: Final[Mapping[str, Row]] = {
    **_several("Analytics", "AnalyticsConfigurations"),
    **_several("IntelligentTiering", "IntelligentTieringConfigurations"),
    **_several("Inventory", "InventoryConfigurations"),
    **_several("Metrics", "MetricsConfigurations"),
    "DeleteBucketEncryption": _delete("s3:PutEncryptionConfiguration"),
    "DeleteBucketLifecycle": _delete("s3:PutLifecycleConfiguration"),
    "DeleteBucketReplication": _delete("s3:PutReplicationConfiguration"),
    "DeleteBucketTagging": _delete("s3:PutBucketTagging"),
    "DeleteBucketWebsite": _delete("s3:DeleteBucketWebsite"),
    "GetBucketAccelerateConfiguration": _get("s3:GetAccelerateConfiguration"),
    "GetBucketEncryption": _get("s3:GetEncryptionConfiguration"),
    "GetBucketLifecycleConfiguration": _get("s3:GetLifecycleConfiguration"),
    "GetBucketLogging": _get("s3:GetBucketLogging"),
    "GetBucketNotificationConfiguration": _get("s3:GetBucketNotification"),
    "GetBucketReplication": _get("s3:GetReplicationConfiguration"),
    "GetBucketRequestPayment": _get("s3:GetBucketRequestPayment"),
    "GetBucketTagging": _get("s3:GetBucketTagging"),
    "GetBucketVersioning": _get("s3:GetBucketVersioning"),
    "GetBucketWebsite": _get("s3:GetBucketWebsite"),
    "GetObjectLockConfiguration": _get("s3:GetBucketObjectLockConfiguration"),
    "PutBucketAccelerateConfiguration": _put(
        "s3:PutAccelerateConfiguration", "AccelerateConfiguration", checksums=_NO_MD5
    ),
    "PutBucketEncryption": _put("s3:PutEncryptionConfiguration", "ServerSideEncryptionConfiguration"),
    "PutBucketLifecycleConfiguration": _put(
        "s3:PutLifecycleConfiguration",
        "LifecycleConfiguration",
        checksums=_NO_MD5,
        forwarded=frozenset({"x-amz-transition-default-minimum-object-size"}),
    ),
    "PutBucketLogging": _put("s3:PutBucketLogging", "BucketLoggingStatus"),
    "PutBucketNotificationConfiguration": _put(
        "s3:PutBucketNotification",
        "NotificationConfiguration",
        checksums=frozenset(),
        forwarded=frozenset({"x-amz-skip-destination-validation"}),
    ),
    "PutBucketReplication": _put("s3:PutReplicationConfiguration", "ReplicationConfiguration"),
    "PutBucketRequestPayment": _put("s3:PutBucketRequestPayment", "RequestPaymentConfiguration"),
    "PutBucketTagging": _put("s3:PutBucketTagging", "Tagging"),
    "PutBucketVersioning": _put("s3:PutBucketVersioning", "VersioningConfiguration"),
    "PutBucketWebsite": _put("s3:PutBucketWebsite", "WebsiteConfiguration"),
    "PutObjectLockConfiguration": _put("s3:PutBucketObjectLockConfiguration", "ObjectLockConfiguration"),
}

# The buckets that a configuration has the backend write to: where in the document their names or ARNs stand.
WRITES_TO: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "PutBucketAnalyticsConfiguration": (
            "StorageClassAnalysis",
            "DataExport",
            "Destination",
            "S3BucketDestination",
            "Bucket",
        ),
        "PutBucketInventoryConfiguration": ("Destination", "S3BucketDestination", "Bucket"),
        "PutBucketLogging": ("LoggingEnabled", "TargetBucket"),
        "PutBucketReplication": ("Rule", "Destination", "Bucket"),
    }
)
