"""S3Call: one operation of S3 with its parameters, as a value. Reading one is wire.s3's work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from daypass.wire.model import Operation

Target = Literal["service", "bucket", "object"]


class S3Call(msgspec.Struct, frozen=True):
    """One operation asked for, nothing about the caller in it.

    target: what the address names: the service, a bucket or an object.
    key: decoded once; None unless the target is an object.
    query: the operation's parameters that were sent, decoded, by their names on the wire; those that only
        name the operation (`list-type`, `policy`) are in it, those of a presigned URL are not.
    headers: the operation's headers that were sent, by lower-case name, user metadata among them.
    merged_key: the key as another reader of its slashes has it, who may be the backend; None if all read the same.
    """

    operation: Operation
    target: Target
    bucket: str | None
    key: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    merged_key: str | None = None

    def __repr__(self) -> str:
        """Headers and query stay out: a customer's encryption key may be among them."""
        return f"S3Call({self.operation.name} {self.bucket!r} {self.key!r})"
