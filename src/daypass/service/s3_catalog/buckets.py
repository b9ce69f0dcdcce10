"""The rows of the operations on buckets, their listings, and what Daypass itself keeps of a bucket.

Source: S3 API Reference, each operation's page; S3 User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daypass import limits
from daypass.service.s3_catalog.row import ACL_HEADERS, DOCUMENT_CHECKSUMS, OWNER, Answer, Body, Row

_LISTING_CONTEXT: Final = {"delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "prefix": "s3:prefix"}


def _own_document(action: str, root: str) -> Row:
    """An operation whose document Daypass keeps."""
    return Row(
        action,
        enforced=OWNER | DOCUMENT_CHECKSUMS,
        body=Body.DOCUMENT,
        document_bytes=limits.S3_XML_BODY_BYTES,
        root=root,
        own=True,
    )


def _own(action: str) -> Row:
    """An operation that Daypass answers from what it keeps."""
    return Row(action, enforced=OWNER, own=True)


BUCKETS: Final[Mapping[str, Row]] = {
    "CreateBucket": Row(
        "s3:CreateBucket",
        enforced=ACL_HEADERS | {"x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"},
        further={
            **dict.fromkeys(sorted(ACL_HEADERS), ("s3:PutBucketAcl",)),
            "x-amz-bucket-object-lock-enabled": ("s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"),
            "x-amz-object-ownership": ("s3:PutBucketOwnershipControls",),
        },
        context={
            **{name: f"s3:{name}" for name in sorted(ACL_HEADERS)},
            "x-amz-object-ownership": "s3:x-amz-object-ownership",
        },
        body=Body.DOCUMENT,
        document_bytes=limits.S3_XML_BODY_BYTES,
        root="CreateBucketConfiguration",
        may_be_empty=True,
        own=True,
        makes_bucket=True,
    ),
    "DeleteBucket": _own("s3:DeleteBucket"),
    "GetBucketLocation": _own("s3:GetBucketLocation"),
    "HeadBucket": Row("s3:ListBucket", enforced=OWNER),
    "ListBuckets": Row(
        "s3:ListAllMyBuckets",
        enforced=frozenset({"bucket-region", "continuation-token", "max-buckets", "prefix"}),
        own=True,
    ),
}

LISTINGS: Final[Mapping[str, Row]] = {
    "ListMultipartUploads": Row(
        "s3:ListBucketMultipartUploads",
        forwarded=frozenset({"delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker"}),
        enforced=OWNER,
        # The published table has no s3:prefix for this action: a policy that named it would be refused by S3.
        answer=Answer.DOCUMENT,
    ),
    "ListObjectVersions": Row(
        "s3:ListBucketVersions",
        forwarded=frozenset({"delimiter", "encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"}),
        enforced=OWNER,
        context=_LISTING_CONTEXT,
        answer=Answer.DOCUMENT,
    ),
    # A listing without a prefix parameter has no s3:prefix: an Allow for some prefixes then does not match, and
    # a Deny for all but some does. A client that means the empty prefix sends it.
    "ListObjects": Row(
        "s3:ListBucket",
        forwarded=frozenset({"delimiter", "encoding-type", "marker", "max-keys", "prefix"}),
        enforced=OWNER,
        context=_LISTING_CONTEXT,
        answer=Answer.DOCUMENT,
    ),
    "ListObjectsV2": Row(
        "s3:ListBucket",
        forwarded=frozenset(
            {"continuation-token", "delimiter", "encoding-type", "fetch-owner", "max-keys", "prefix", "start-after"}
        ),
        enforced=OWNER,
        context=_LISTING_CONTEXT,
        answer=Answer.STREAM,
    ),
}

RESOURCE_POLICIES: Final[Mapping[str, Row]] = {
    "DeleteBucketCors": _own("s3:PutBucketCORS"),
    "DeleteBucketOwnershipControls": _own("s3:PutBucketOwnershipControls"),
    "DeleteBucketPolicy": _own("s3:DeleteBucketPolicy"),
    "DeletePublicAccessBlock": _own("s3:PutBucketPublicAccessBlock"),
    "GetBucketAcl": _own("s3:GetBucketAcl"),
    "GetBucketCors": _own("s3:GetBucketCORS"),
    "GetBucketOwnershipControls": _own("s3:GetBucketOwnershipControls"),
    "GetBucketPolicy": _own("s3:GetBucketPolicy"),
    "GetBucketPolicyStatus": _own("s3:GetBucketPolicyStatus"),
    "GetPublicAccessBlock": _own("s3:GetBucketPublicAccessBlock"),
    "PutBucketAcl": Row(
        "s3:PutBucketAcl",
        enforced=OWNER | DOCUMENT_CHECKSUMS | ACL_HEADERS,
        context={name: f"s3:{name}" for name in sorted(ACL_HEADERS)},
        body=Body.DOCUMENT,
        document_bytes=limits.S3_XML_BODY_BYTES,
        root="AccessControlPolicy",
        may_be_empty=True,
        own=True,
    ),
    "PutBucketCors": _own_document("s3:PutBucketCORS", "CORSConfiguration"),
    "PutBucketOwnershipControls": _own_document("s3:PutBucketOwnershipControls", "OwnershipControls"),
    "PutBucketPolicy": Row(
        "s3:PutBucketPolicy",
        enforced=OWNER | DOCUMENT_CHECKSUMS | {"x-amz-confirm-remove-self-bucket-access"},
        body=Body.DOCUMENT,
        # One more than is allowed, so that what is too long is seen to be.
        document_bytes=limits.BUCKET_POLICY_BYTES + 1,
        own=True,
    ),
    "PutPublicAccessBlock": _own_document("s3:PutBucketPublicAccessBlock", "PublicAccessBlockConfiguration"),
}
