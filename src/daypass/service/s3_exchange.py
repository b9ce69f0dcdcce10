"""S3Exchange: one authenticated S3 call with all that a decision about it has to know, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from daypass.service.actions import ContextValue
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import Bucket
from daypass.service.s3_catalog import Row
from daypass.wire.http import RawRequest
from daypass.wire.s3_address import CopySource
from daypass.wire.s3_call import S3Call
from daypass.wire.s3_xml import Element
from daypass.wire.sigv4 import Claim

_NOTHING: Final[Mapping[str, ContextValue]] = MappingProxyType({})


class S3Exchange(msgspec.Struct, frozen=True):
    """One authenticated S3 call.

    claim: what its signature claimed; None if it bears none.
    bucket: that its address names, as Daypass knows it; None if there is none, or if it is to be made.
    document: the body of an operation that takes a small one; else empty.
    root: of the document, if it is XML.
    source: the object that the call copies from; source_bucket: its bucket, None if there is none.
    learned: condition keys that are not in the request's head: from its document, or from the backend.
    source_learned: those of the source.
    without_tags: the copy is to have no tags.
    """

    request: RawRequest
    request_id: str
    claim: Claim | None
    caller: Caller | Anonymous
    call: S3Call
    row: Row
    bucket: Bucket | None
    document: bytes = b""
    root: Element | None = None
    source: CopySource | None = None
    source_bucket: Bucket | None = None
    learned: Mapping[str, ContextValue] = _NOTHING
    source_learned: Mapping[str, ContextValue] = _NOTHING
    without_tags: bool = False

    def __repr__(self) -> str:
        """What was sent stays out: a token, a key or a policy may be among it."""
        return f"S3Exchange({self.request_id} {self.call!r})"

    @property
    def bucket_name(self) -> str:
        """Of the bucket that the address names."""
        if self.call.bucket is None:
            raise ValueError("the operation's address names no bucket")
        return self.call.bucket
