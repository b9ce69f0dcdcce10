"""What is said of an S3 operation that Daypass serves: Row, and the sets of parameters that several rows share.

Source: S3 User Guide, "Required permissions for Amazon S3 API operations"; S3 API Reference, each operation's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Body(Enum):
    """NONE: the request has none. DOCUMENT: small, read whole by Daypass. STREAM: an object, passed through."""

    NONE = 0
    DOCUMENT = 1
    STREAM = 2


class Answer(Enum):
    """NONE: a head alone. STREAM: a body that is passed through. DOCUMENT: XML, read whole, and passed on without
    what it tells of the backend."""

    NONE = 0
    STREAM = 1
    DOCUMENT = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One served operation. Parameters are query names and lower-case header names; `x-amz-meta-` is a prefix.

    action: on the target that the address names.
    version_action: instead of it, if the request names a version.
    also: a further action that every call needs, and what it is if the request names a version.
    forwarded: goes to the backend as it is.
    enforced: never goes to the backend; service.s3 or the operation's own code acts on it.
    further: parameter → the actions that are needed as well, on the same target.
    context: parameter → the condition key it is.
    fixed_context: condition keys that the operation always has.
    body: what body it takes; document_bytes bounds a DOCUMENT.
    root: the root element of a DOCUMENT that is XML; it goes to the backend as it was read.
    may_be_empty: the DOCUMENT may be left out.
    answer: what the backend's answer has beside its head.
    own: Daypass answers it from what it keeps; it never goes to the backend.
    makes_bucket: the bucket of its address is not there yet.
    copies: reads the object that x-amz-copy-source names, and needs the permissions for that as well.
    decides_by_key: the document names objects, and each of them is a decision of its own.
    """

    action: str
    version_action: str | None = None
    also: tuple[str, str] | None = None
    forwarded: frozenset[str] = frozenset()
    enforced: frozenset[str] = frozenset()
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    fixed_context: Mapping[str, str] = field(default_factory=dict)
    body: Body = Body.NONE
    document_bytes: int = 0
    root: str | None = None
    may_be_empty: bool = False
    answer: Answer = Answer.NONE
    own: bool = False
    makes_bucket: bool = False
    copies: bool = False
    decides_by_key: bool = False

    def forwards(self, name: str) -> bool:
        return name in self.forwarded or ("x-amz-meta-" in self.forwarded and name.startswith("x-amz-meta-"))

    def knows(self, name: str) -> bool:
        """Whether the parameter is acted on at all."""
        return name in self.enforced or self.forwards(name)


# The caller's belief about who owns the bucket.
OWNER: Final = frozenset({"x-amz-expected-bucket-owner"})

VERSION: Final = {"versionId": "s3:versionid"}

CHECKSUMS: Final = frozenset(
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
# The checksums of a document are Daypass's own to verify.
DOCUMENT_CHECKSUMS: Final = CHECKSUMS

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
OBJECT_ACL_HEADERS: Final = ACL_HEADERS - {"x-amz-grant-write"}
OBJECT_LOCK: Final = {
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
}
_ENCRYPTION: Final = {
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
}
CUSTOMER_KEY: Final = frozenset(
    {
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-customer-key-md5",
    }
)
CUSTOMER_KEY_CONTEXT: Final = {
    "x-amz-server-side-encryption-customer-algorithm": "s3:x-amz-server-side-encryption-customer-algorithm"
}
SOURCE_CUSTOMER_KEY: Final = frozenset([name.replace("x-amz-", "x-amz-copy-source-", 1) for name in CUSTOMER_KEY])
CONDITIONS: Final = {"if-match": "s3:if-match", "if-none-match": "s3:if-none-match"}

# What a new object is to be: of PutObject, CopyObject and CreateMultipartUpload alike.
NEW_OBJECT: Final = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
        "x-amz-meta-",
        "x-amz-server-side-encryption-bucket-key-enabled",
        "x-amz-server-side-encryption-context",
        "x-amz-storage-class",
        "x-amz-tagging",
        "x-amz-website-redirect-location",
        *CUSTOMER_KEY,
        *_ENCRYPTION,
        *OBJECT_LOCK,
    }
)
NEW_OBJECT_FURTHER: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(sorted(OBJECT_ACL_HEADERS), ("s3:PutObjectAcl",)),
    "x-amz-object-lock-legal-hold": ("s3:PutObjectLegalHold",),
    "x-amz-object-lock-mode": ("s3:PutObjectRetention",),
    "x-amz-object-lock-retain-until-date": ("s3:PutObjectRetention",),
    "x-amz-tagging": ("s3:PutObjectTagging",),
}
NEW_OBJECT_CONTEXT: Final[Mapping[str, str]] = {
    **{name: f"s3:{name}" for name in sorted(OBJECT_ACL_HEADERS)},
    **CUSTOMER_KEY_CONTEXT,
    **_ENCRYPTION,
    **OBJECT_LOCK,
    "x-amz-storage-class": "s3:x-amz-storage-class",
    "x-amz-website-redirect-location": "s3:x-amz-website-redirect-location",
}
# To overwrite only what is known, one must be allowed to know it.
IF_MATCH_FURTHER: Final[Mapping[str, tuple[str, ...]]] = {"if-match": ("s3:GetObject",)}

# s3:ObjectCreationOperation tells the requests that bring an object to be, which may bear If-None-Match, from those
# that only prepare it. (S3 User Guide, "Enforce conditional writes on Amazon S3 buckets")
CREATES_OBJECT: Final = {"s3:objectcreationoperation": "true"}
CREATES_NO_OBJECT: Final = {"s3:objectcreationoperation": "false"}

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
