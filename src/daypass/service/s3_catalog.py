"""The S3 operations that Daypass serves: one row each, with its IAM actions and what becomes of its parameters.

Owns which parameter is sent on, which Daypass enforces itself, which needs a further permission and which condition
key it is. Everything the model knows of an operation that its row does not name is refused, never ignored.
An operation without a row is not served.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Required permissions for Amazon S3 API operations"; S3 API Reference, each operation's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from daypass import limits


class Body(Enum):
    """NONE: the request has none. DOCUMENT: small, read whole by Daypass. STREAM: an object, passed through."""

    NONE = 0
    DOCUMENT = 1
    STREAM = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One served operation. Parameters are query names and lower-case header names; `x-amz-meta-` is a prefix.

    action: on the target that the address names.
    version_action: instead of it, if the request names a version.
    forwarded: goes to the backend as it is.
    enforced: never goes to the backend; service.s3 or the operation's own code acts on it.
    further: parameter → the action that is needed as well, on the same target.
    context: parameter → the condition key it is.
    fixed_context: condition keys that the operation always has.
    body: what body it takes; document_bytes bounds a DOCUMENT.
    makes_bucket: the bucket of its address is not there yet.
    """

    action: str
    version_action: str | None = None
    forwarded: frozenset[str] = frozenset()
    enforced: frozenset[str] = frozenset()
    further: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    fixed_context: Mapping[str, str] = field(default_factory=dict)
    body: Body = Body.NONE
    document_bytes: int = 0
    makes_bucket: bool = False

    def forwards(self, name: str) -> bool:
        return name in self.forwarded or ("x-amz-meta-" in self.forwarded and name.startswith("x-amz-meta-"))

    def knows(self, name: str) -> bool:
        """Whether the parameter is acted on at all."""
        return name in self.enforced or self.forwards(name)


# S3's own copy of the caller's belief about who owns the bucket.
_OWNER: Final = frozenset({"x-amz-expected-bucket-owner"})

_CHECKSUMS: Final = frozenset(
    {
        "content-md5",
        "x-amz-checksum-crc32",
        "x-amz-checksum-crc32c",
        "x-amz-checksum-crc64nvme",
        "x-amz-checksum-md5",
        "x-amz-checksum-sha1",
        "x-amz-checksum-sha256",
        "x-amz-checksum-sha512",
        "x-amz-checksum-xxhash128",
        "x-amz-checksum-xxhash3",
        "x-amz-checksum-xxhash64",
        "x-amz-sdk-checksum-algorithm",
    }
)
# The checksums of a document that Daypass keeps are its own to verify.
DOCUMENT_CHECKSUMS: Final = frozenset(
    {
        "content-md5",
        "x-amz-checksum-crc32",
        "x-amz-checksum-sha1",
        "x-amz-checksum-sha256",
        "x-amz-sdk-checksum-algorithm",
    }
)

# Since April 2023 a new bucket's ACLs are switched off (Object Ownership: BucketOwnerEnforced), and so they are here.
ACL_HEADERS: Final = frozenset(
    {
        "x-amz-acl",
        "x-amz-grant-full-control",
        "x-amz-grant-read",
        "x-amz-grant-read-acp",
        "x-amz-grant-write",
        "x-amz-grant-write-acp",
    }
)
_OBJECT_ACL_HEADERS: Final = ACL_HEADERS - {"x-amz-grant-write"}
_OBJECT_LOCK: Final = {
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
}
_ENCRYPTION: Final = {
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
}
_CONDITIONS: Final = {"if-match": "s3:if-match", "if-none-match": "s3:if-none-match"}

# Given to a GET, they shape its answer; S3 wants them signed, and so does service.s3.
RESPONSE_OVERRIDES: Final = frozenset(
    {
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    }
)
_READING: Final = frozenset(
    {
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "partNumber",
        "range",
        "versionId",
        "x-amz-checksum-mode",
        *RESPONSE_OVERRIDES,
    }
)

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "CreateBucket": Row(
            "s3:CreateBucket",
            enforced=frozenset({*ACL_HEADERS, "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"}),
            further={
                **dict.fromkeys(sorted(ACL_HEADERS), "s3:PutBucketAcl"),
                "x-amz-object-ownership": "s3:PutBucketOwnershipControls",
            },
            context={
                **{name: f"s3:{name}" for name in sorted(ACL_HEADERS)},
                "x-amz-object-ownership": "s3:x-amz-object-ownership",
            },
            body=Body.DOCUMENT,
            document_bytes=limits.S3_XML_BODY_BYTES,
            makes_bucket=True,
        ),
        "DeleteBucket": Row("s3:DeleteBucket", enforced=_OWNER),
        "DeleteBucketPolicy": Row("s3:DeleteBucketPolicy", enforced=_OWNER),
        "DeleteObject": Row(
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            forwarded=frozenset({"if-match", "versionId", "x-amz-bypass-governance-retention"}),
            enforced=_OWNER,
            further={
                "if-match": "s3:GetObject",
                "x-amz-bypass-governance-retention": "s3:BypassGovernanceRetention",
            },
            context={"if-match": "s3:if-match", "versionId": "s3:versionid"},
        ),
        "GetBucketLocation": Row("s3:GetBucketLocation", enforced=_OWNER),
        "GetBucketPolicy": Row("s3:GetBucketPolicy", enforced=_OWNER),
        "GetObject": Row(
            "s3:GetObject",
            "s3:GetObjectVersion",
            forwarded=_READING,
            enforced=_OWNER,
            context={"versionId": "s3:versionid"},
        ),
        "HeadBucket": Row("s3:ListBucket", enforced=_OWNER),
        "HeadObject": Row(
            "s3:GetObject",
            "s3:GetObjectVersion",
            forwarded=_READING,
            enforced=_OWNER,
            context={"versionId": "s3:versionid"},
        ),
        "ListBuckets": Row(
            "s3:ListAllMyBuckets",
            enforced=frozenset({"bucket-region", "continuation-token", "max-buckets", "prefix"}),
        ),
        # A listing without a prefix parameter has no s3:prefix: an Allow for some prefixes then does not match, and
        # a Deny for all but some does. A client that means the empty prefix sends it.
        "ListObjectsV2": Row(
            "s3:ListBucket",
            forwarded=frozenset(
                {"continuation-token", "delimiter", "encoding-type", "list-type", "max-keys", "prefix", "start-after"}
            ),
            enforced=_OWNER | {"fetch-owner"},
            context={"delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "prefix": "s3:prefix"},
        ),
        "PutBucketPolicy": Row(
            "s3:PutBucketPolicy",
            enforced=_OWNER | DOCUMENT_CHECKSUMS | {"x-amz-confirm-remove-self-bucket-access"},
            body=Body.DOCUMENT,
            # One more than is allowed, so that what is too long is seen to be.
            document_bytes=limits.BUCKET_POLICY_BYTES + 1,
        ),
        "PutObject": Row(
            "s3:PutObject",
            forwarded=frozenset(
                {
                    "cache-control",
                    "content-disposition",
                    "content-encoding",
                    "content-language",
                    "content-type",
                    "expires",
                    "if-match",
                    "if-none-match",
                    "x-amz-meta-",
                    "x-amz-server-side-encryption-bucket-key-enabled",
                    "x-amz-storage-class",
                    "x-amz-tagging",
                    "x-amz-website-redirect-location",
                    *_CHECKSUMS,
                    *_ENCRYPTION,
                    *_OBJECT_LOCK,
                }
            ),
            enforced=_OWNER | _OBJECT_ACL_HEADERS | {"content-length"},
            further={
                **dict.fromkeys(sorted(_OBJECT_ACL_HEADERS), "s3:PutObjectAcl"),
                # To overwrite only what is known, one must be allowed to know it.
                "if-match": "s3:GetObject",
                "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
                "x-amz-object-lock-mode": "s3:PutObjectRetention",
                "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
                "x-amz-tagging": "s3:PutObjectTagging",
            },
            context={
                **{name: f"s3:{name}" for name in sorted(_OBJECT_ACL_HEADERS)},
                **_CONDITIONS,
                **_ENCRYPTION,
                **_OBJECT_LOCK,
                "x-amz-storage-class": "s3:x-amz-storage-class",
                "x-amz-website-redirect-location": "s3:x-amz-website-redirect-location",
            },
            fixed_context={"s3:objectcreationoperation": "true"},
            body=Body.STREAM,
        ),
    }
)
