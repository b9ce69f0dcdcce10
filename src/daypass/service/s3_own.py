"""The S3 operations that Daypass answers from what it keeps, by name: one table for the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daypass.service.s3_buckets import OWN_BUCKETS, Own
from daypass.service.s3_settings import OWN_SETTINGS

OWN: Final[Mapping[str, Own]] = MappingProxyType({**OWN_BUCKETS, **OWN_SETTINGS})
