"""The policy document of a browser upload: what the form may say, as whoever signed it allows. Pure.

Every field of the form must be covered by a condition and every condition must hold; a condition that cannot be read
refuses the form.

Source: S3 API Reference, "POST policy" ("Condition matching", "Conditions"), "Browser-based uploads using POST".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.wire.s3_errors import s3_error

# What is the signature's own, or the file itself. (S3 API Reference, "POST policy", "Conditions")
_UNCOVERED: Final = frozenset({"awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"})
_IGNORED_PREFIX: Final = "x-ignore-"
_EXPIRATION: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """equal, begins: (lower-case field, text) pairs, in order. lengths: of the file, each range in bytes."""

    expiration: datetime
    equal: tuple[tuple[str, str], ...]
    begins: tuple[tuple[str, str], ...]
    lengths: tuple[tuple[int, int], ...]

    def check(self, fields: Mapping[str, str], bucket: str, file_length: int, received: datetime) -> None:
        """fields: of the form, by lower-case name, variables replaced. bucket: that the request's address names.

        Raises:
            ServiceError: AccessDenied, EntityTooSmall, EntityTooLarge.
        """
        if received >= self.expiration:
            raise _refused("Policy expired.")
        values = {**fields, "bucket": bucket}
        for name, text in self.equal:
            if values.get(name) != text:
                raise _refused(f'Policy Condition failed: ["eq", "${name}", "{_shown(text)}"]')
        for name, text in self.begins:
            if name not in values or not all(value.startswith(text) for value in _values(name, values[name])):
                raise _refused(f'Policy Condition failed: ["starts-with", "${name}", "{_shown(text)}"]')
        covered = {name for name, _ in (*self.equal, *self.begins)}
        # A policy without a bucket would be good for each bucket of whoever signed it. (Ceph CVE-2023-43040)
        extra = [name for name in values if name not in covered and not _needs_no_cover(name)]
        if extra:
            raise _refused(f"Extra input fields: {_shown(extra[0])}")
        for least, most in self.lengths:
            if file_length < least:
                raise s3_error("EntityTooSmall", ProposedSize=str(file_length), MinSizeAllowed=str(least))
            if file_length > most:
                raise s3_error("EntityTooLarge", ProposedSize=str(file_length), MaxSizeAllowed=str(most))


def read_post_policy(encoded: str) -> PostPolicy:
    """The policy of a form's `policy` field, which is the document in Base64.

    Raises:
        ServiceError: InvalidPolicyDocument.
    """
    try:
        document = json.loads(base64.b64decode(encoded, validate=True).decode("utf-8"), object_pairs_hook=_once)
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("Invalid Policy: Invalid JSON.") from None
    match document:
        case {"expiration": str(expiration), "conditions": list(conditions), **rest} if not rest:
            pass
        case _:
            raise _invalid("Invalid Policy: it has an expiration and conditions, and nothing else.")
    if not _EXPIRATION.fullmatch(expiration) or len(conditions) > limits.POST_POLICY_CONDITIONS:
        raise _invalid("Invalid Policy: Invalid 'expiration' value, or too many conditions")
    try:
        expires = datetime.fromisoformat(expiration)
    except ValueError:
        raise _invalid("Invalid Policy: Invalid 'expiration' value") from None
    equal: list[tuple[str, str]] = []
    begins: list[tuple[str, str]] = []
    lengths: list[tuple[int, int]] = []
    for condition in conditions:
        match condition:
            case dict() if len(condition) == 1 and all(isinstance(value, str) for value in condition.values()):
                equal += [(str(name).lower(), str(value)) for name, value in condition.items()]
            case [str(kind), str(name), str(text)] if kind.lower() == "eq" and name.startswith("$"):
                equal.append((name[1:].lower(), text))
            case [str(kind), str(name), str(text)] if kind.lower() == "starts-with" and name.startswith("$"):
                begins.append((name[1:].lower(), text))
            case [str(kind), least, most] if kind.lower() == "content-length-range":
                lengths.append((_number(least), _number(most)))
            case _:
                raise _invalid("Invalid Policy: Invalid Simple-Condition: a condition cannot be read")
    return PostPolicy(expires, tuple(equal), tuple(begins), tuple(lengths))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a name that is there twice could be read as either."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _number(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _invalid("Invalid Policy: Invalid content-length-range")


def _values(name: str, value: str) -> list[str]:
    """Each of a list of media types has to begin so. (S3 API Reference, "POST policy", "Condition matching")"""
    return value.split(",") if name == "content-type" else [value]


def _needs_no_cover(name: str) -> bool:
    return name in _UNCOVERED or name.startswith(_IGNORED_PREFIX)


def _shown(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text[:256])


def _refused(reason: str) -> ServiceError:
    return s3_error("AccessDenied", f"Invalid according to Policy: {reason}")


def _invalid(reason: str) -> ServiceError:
    return s3_error("InvalidPolicyDocument", reason)
