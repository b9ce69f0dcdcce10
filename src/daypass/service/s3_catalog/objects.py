"""The rows of the operations on objects.

Source: S3 API Reference, each operation's page; S3 User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daypass import limits
from daypass.service.s3_catalog.row import (
    CHECKSUMS,
    CONDITIONS,
    CREATES_NO_OBJECT,
    CREATES_OBJECT,
    CUSTOMER_KEY,
    CUSTOMER_KEY_CONTEXT,
    DOCUMENT_CHECKSUMS,
    IF_MATCH_FURTHER,
    NEW_OBJECT,
    NEW_OBJECT_CONTEXT,
    NEW_OBJECT_FURTHER,
    OBJECT_ACL_HEADERS,
    OWNER,
    RESPONSE_OVERRIDES,
    SOURCE_CUSTOMER_KEY,
    VERSION,
    Answer,
    Body,
    Row,
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
        *CUSTOMER_KEY,
        *RESPONSE_OVERRIDES,
    }
)
_BYPASS: Final[Mapping[str, tuple[str, ...]]] = {
    "x-amz-bypass-governance-retention": ("s3:BypassGovernanceRetention",),
}
_SOURCE_CONDITIONS: Final = frozenset(
    {
        "x-amz-copy-source-if-match",
        "x-amz-copy-source-if-modified-since",
        "x-amz-copy-source-if-none-match",
        "x-amz-copy-source-if-unmodified-since",
    }
)
_VERSIONED: Final = frozenset({"versionId"})


def _document(
    action: str,
    version_action: str | None,
    root: str,
    *,
    forwarded: frozenset[str] = _VERSIONED,
    enforced: frozenset[str] = OWNER | DOCUMENT_CHECKSUMS,
    further: Mapping[str, tuple[str, ...]] | None = None,
    context: Mapping[str, str] | None = None,
    may_be_empty: bool = False,
    answer: Answer = Answer.NONE,
    own: bool = False,
) -> Row:
    """An operation that takes a document about one object."""
    return Row(
        action,
        version_action,
        forwarded=forwarded,
        enforced=enforced,
        further=further or {},
        context={**(VERSION if version_action is not None else {}), **(context or {})},
        body=Body.DOCUMENT,
        document_bytes=limits.S3_XML_BODY_BYTES,
        root=root,
        may_be_empty=may_be_empty,
        answer=answer,
        own=own,
    )


OBJECTS: Final[Mapping[str, Row]] = {
    "CopyObject": Row(
        "s3:PutObject",
        forwarded=NEW_OBJECT
        | _SOURCE_CONDITIONS
        | SOURCE_CUSTOMER_KEY
        | CONDITIONS.keys()
        | {"x-amz-checksum-algorithm", "x-amz-metadata-directive", "x-amz-tagging-directive"},
        enforced=OWNER | OBJECT_ACL_HEADERS | {"x-amz-copy-source", "x-amz-source-expected-bucket-owner"},
        further={**NEW_OBJECT_FURTHER, **IF_MATCH_FURTHER},
        context={
            **NEW_OBJECT_CONTEXT,
            **CONDITIONS,
            "x-amz-copy-source": "s3:x-amz-copy-source",
            "x-amz-metadata-directive": "s3:x-amz-metadata-directive",
        },
        fixed_context=CREATES_OBJECT,
        answer=Answer.DOCUMENT,
        copies=True,
    ),
    "DeleteObject": Row(
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        forwarded=frozenset({"if-match", "versionId", "x-amz-bypass-governance-retention"}),
        enforced=OWNER,
        further={**IF_MATCH_FURTHER, **_BYPASS},
        context={"if-match": "s3:if-match", **VERSION},
    ),
    "DeleteObjectTagging": Row(
        "s3:DeleteObjectTagging",
        "s3:DeleteObjectVersionTagging",
        forwarded=_VERSIONED,
        enforced=OWNER,
        context=VERSION,
    ),
    "DeleteObjects": Row(
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        forwarded=frozenset({"x-amz-bypass-governance-retention"}),
        enforced=OWNER | (DOCUMENT_CHECKSUMS - {"content-md5"}),
        further=_BYPASS,
        body=Body.DOCUMENT,
        document_bytes=limits.DELETE_OBJECTS_BYTES,
        root="Delete",
        answer=Answer.DOCUMENT,
        decides_by_key=True,
    ),
    "GetObject": Row(
        "s3:GetObject",
        "s3:GetObjectVersion",
        forwarded=_READING,
        enforced=OWNER,
        context=VERSION,
        answer=Answer.STREAM,
    ),
    "GetObjectAcl": Row(
        "s3:GetObjectAcl",
        "s3:GetObjectVersionAcl",
        enforced=OWNER | _VERSIONED,
        context=VERSION,
        own=True,
    ),
    "GetObjectAttributes": Row(
        "s3:GetObject",
        "s3:GetObjectVersion",
        also=("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
        forwarded=CUSTOMER_KEY
        | {"versionId", "x-amz-max-parts", "x-amz-object-attributes", "x-amz-part-number-marker"},
        enforced=OWNER,
        context=VERSION,
        answer=Answer.DOCUMENT,
    ),
    "GetObjectLegalHold": Row("s3:GetObjectLegalHold", forwarded=_VERSIONED, enforced=OWNER, answer=Answer.DOCUMENT),
    "GetObjectRetention": Row("s3:GetObjectRetention", forwarded=_VERSIONED, enforced=OWNER, answer=Answer.DOCUMENT),
    "GetObjectTagging": Row(
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        forwarded=_VERSIONED,
        enforced=OWNER,
        context=VERSION,
        answer=Answer.DOCUMENT,
    ),
    "HeadObject": Row("s3:GetObject", "s3:GetObjectVersion", forwarded=_READING, enforced=OWNER, context=VERSION),
    "PutObject": Row(
        "s3:PutObject",
        forwarded=NEW_OBJECT | CHECKSUMS | CONDITIONS.keys(),
        enforced=OWNER | OBJECT_ACL_HEADERS | {"content-length"},
        further={**NEW_OBJECT_FURTHER, **IF_MATCH_FURTHER},
        context={**NEW_OBJECT_CONTEXT, **CONDITIONS},
        fixed_context=CREATES_OBJECT,
        body=Body.STREAM,
    ),
    # What it would do is answered without the backend: access control lists are switched off.
    "PutObjectAcl": _document(
        "s3:PutObjectAcl",
        "s3:PutObjectVersionAcl",
        "AccessControlPolicy",
        forwarded=frozenset(),
        enforced=OWNER | DOCUMENT_CHECKSUMS | OBJECT_ACL_HEADERS | _VERSIONED,
        context={name: f"s3:{name}" for name in sorted(OBJECT_ACL_HEADERS)},
        may_be_empty=True,
        own=True,
    ),
    "PutObjectLegalHold": _document("s3:PutObjectLegalHold", None, "LegalHold"),
    "PutObjectRetention": _document(
        "s3:PutObjectRetention",
        None,
        "Retention",
        forwarded=_VERSIONED | {"x-amz-bypass-governance-retention"},
        further=_BYPASS,
    ),
    "PutObjectTagging": _document("s3:PutObjectTagging", "s3:PutObjectVersionTagging", "Tagging"),
    "RestoreObject": _document(
        "s3:RestoreObject", None, "RestoreRequest", enforced=OWNER | (DOCUMENT_CHECKSUMS - {"content-md5"})
    ),
    "SelectObjectContent": _document(
        "s3:GetObject",
        None,
        "SelectObjectContentRequest",
        forwarded=CUSTOMER_KEY,
        enforced=OWNER,
        answer=Answer.STREAM,
    ),
}

_UPLOAD: Final = frozenset({"uploadId"})
_PART: Final = frozenset({"partNumber", "uploadId"})

MULTIPART: Final[Mapping[str, Row]] = {
    "AbortMultipartUpload": Row(
        "s3:AbortMultipartUpload", forwarded=_UPLOAD | {"x-amz-if-match-initiated-time"}, enforced=OWNER
    ),
    "CompleteMultipartUpload": Row(
        "s3:PutObject",
        forwarded=_UPLOAD
        | CUSTOMER_KEY
        | CONDITIONS.keys()
        | (CHECKSUMS - {"content-md5", "x-amz-sdk-checksum-algorithm"})
        | {"x-amz-checksum-type", "x-amz-mp-object-size"},
        enforced=OWNER,
        further=IF_MATCH_FURTHER,
        context={**CONDITIONS, **CUSTOMER_KEY_CONTEXT},
        fixed_context=CREATES_OBJECT,
        body=Body.DOCUMENT,
        document_bytes=limits.COMPLETE_MULTIPART_BYTES,
        root="CompleteMultipartUpload",
        answer=Answer.DOCUMENT,
    ),
    "CreateMultipartUpload": Row(
        "s3:PutObject",
        forwarded=NEW_OBJECT | {"x-amz-checksum-algorithm", "x-amz-checksum-type"},
        enforced=OWNER | OBJECT_ACL_HEADERS,
        further=NEW_OBJECT_FURTHER,
        context=NEW_OBJECT_CONTEXT,
        fixed_context=CREATES_NO_OBJECT,
        answer=Answer.DOCUMENT,
    ),
    "ListParts": Row(
        "s3:ListMultipartUploadParts",
        forwarded=_UPLOAD | CUSTOMER_KEY | {"max-parts", "part-number-marker"},
        enforced=OWNER,
        answer=Answer.DOCUMENT,
    ),
    "UploadPart": Row(
        "s3:PutObject",
        forwarded=_PART | CHECKSUMS | CUSTOMER_KEY,
        enforced=OWNER | {"content-length"},
        context=CUSTOMER_KEY_CONTEXT,
        fixed_context=CREATES_NO_OBJECT,
        body=Body.STREAM,
    ),
    "UploadPartCopy": Row(
        "s3:PutObject",
        forwarded=_PART | CUSTOMER_KEY | SOURCE_CUSTOMER_KEY | _SOURCE_CONDITIONS | {"x-amz-copy-source-range"},
        enforced=OWNER | {"x-amz-copy-source", "x-amz-source-expected-bucket-owner"},
        context={**CUSTOMER_KEY_CONTEXT, "x-amz-copy-source": "s3:x-amz-copy-source"},
        fixed_context=CREATES_NO_OBJECT,
        answer=Answer.DOCUMENT,
        copies=True,
    ),
}
