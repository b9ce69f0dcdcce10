"""The S3 operations that Daypass serves: one row each, with its IAM actions and what becomes of its parameters.

Owns which parameter is sent on, which Daypass enforces itself, which needs a further permission and which condition
key it is. Everything the model knows of an operation that its row does not name is refused, never ignored.
An operation without a row is not served.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Required permissions for Amazon S3 API operations"; S3 API Reference, each operation's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daypass.service.s3_catalog.buckets import BUCKETS, LISTINGS, RESOURCE_POLICIES
from daypass.service.s3_catalog.configurations import CONFIGURATIONS, WRITES_TO
from daypass.service.s3_catalog.objects import MULTIPART, OBJECTS
from daypass.service.s3_catalog.row import ACL_HEADERS, DOCUMENT_CHECKSUMS, RESPONSE_OVERRIDES, Answer, Body, Row

__all__ = [
    "ACL_HEADERS",
    "DOCUMENT_CHECKSUMS",
    "RESPONSE_OVERRIDES",
    "ROWS",
    "WRITES_TO",
    "Answer",
    "Body",
    "Row",
]

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {**OBJECTS, **MULTIPART, **BUCKETS, **LISTINGS, **RESOURCE_POLICIES, **CONFIGURATIONS}
)
