"""Session policies for the commonest need, "this folder of this bucket", without the usual mistakes.

Owns what reading, writing and deleting need of S3 (multipart uploads and listing among it), and how a prefix with
special characters is written in a policy. Everything else is written as a policy document.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Multipart upload permissions"; IAM User Guide, "IAM policy elements: Variables and tags" for `${*}`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from daypass import limits, names

# Of a bucket that can be made today; what is no name at all, such as an ARN or a pattern, must not get into a policy.
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_READ: Final = ("s3:GetObject",)
# The parts of a multipart upload are put as an object is; a client that gives up must be able to say so.
_WRITE: Final = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_DELETE: Final = ("s3:DeleteObject",)
_LIST: Final = "s3:ListBucket"


class PolicyTooLong(ValueError):
    """The policy has more characters than a session policy may have."""


@dataclass(frozen=True, slots=True)
class _Grant:
    """Some object actions on what a pattern matches, and whether it may be listed. pattern: of keys."""

    bucket: str
    pattern: str
    actions: tuple[str, ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class PolicyBuilder:
    """Collects grants; each call returns a new builder. `text()` is the policy.

    >>> PolicyBuilder().allow_prefix("reports", "bob").text()
    '{"Version":"2012-10-17","Statement":[…]}'
    """

    grants: tuple[_Grant, ...] = ()

    def allow_prefix(
        self, bucket: str, prefix: str, *, read: bool = True, write: bool = True, delete: bool = False
    ) -> Self:
        """The folder `prefix` of the bucket: everything below it, with `/` after it or without.

        `bob` and `bob/` are one: `bob/a.txt` is in it, `bobby/a.txt` and the object `bob` itself are not. Whoever may
        read may list as well, below the prefix: `aws s3 ls s3://reports/bob/`, with the slash. Uploads in parts are
        part of writing; listing those of the whole bucket is not, as S3 cannot confine that to a prefix.

        Raises:
            ValueError: no bucket's name, an empty prefix (`allow_bucket` is that), or nothing allowed.
        """
        folder = prefix if prefix.endswith("/") else f"{prefix}/"
        if not prefix.strip("/"):
            raise ValueError("a prefix is not empty; allow_bucket allows a whole bucket")
        return self._with(bucket, f"{literal(folder)}*", read, write, delete)

    def allow_bucket(self, bucket: str, *, read: bool = True, write: bool = True, delete: bool = False) -> Self:
        """Every object of the bucket.

        Raises:
            ValueError: no bucket's name, or nothing allowed.
        """
        return self._with(bucket, "*", read, write, delete)

    def _with(self, bucket: str, pattern: str, read: bool, write: bool, delete: bool) -> Self:
        if not _BUCKET_NAME.fullmatch(bucket):
            raise ValueError(f"`{bucket}` is not the name of a bucket")
        actions = (*(_READ if read else ()), *(_WRITE if write else ()), *(_DELETE if delete else ()))
        if not actions:
            raise ValueError("a grant allows reading, writing or deleting")
        return replace(self, grants=(*self.grants, _Grant(bucket, pattern, actions, listed=read)))

    def document(self) -> dict[str, Any]:
        """The policy as a value: a statement for each set of actions, and one for what may be listed alike.

        Raises:
            ValueError: nothing was allowed. A policy without statements is none.
        """
        if not self.grants:
            raise ValueError("a policy allows something; pass no policy to allow nothing")
        return {"Version": "2012-10-17", "Statement": [*self._objects(), *self._listings()]}

    def _objects(self) -> list[dict[str, Any]]:
        resources: dict[tuple[str, ...], list[str]] = {}
        for grant in dict.fromkeys(self.grants):
            resources.setdefault(grant.actions, []).append(names.object_arn(grant.bucket, grant.pattern))
        return [
            {"Effect": "Allow", "Action": _one_or_many(actions), "Resource": _one_or_many(arns)}
            for actions, arns in resources.items()
        ]

    def _listings(self) -> list[dict[str, Any]]:
        patterns: dict[str, list[str]] = {}
        for grant in self.grants:
            if grant.listed:
                patterns.setdefault(grant.bucket, []).append(grant.pattern)
        buckets: dict[tuple[str, ...], list[str]] = {}
        for bucket, listed in patterns.items():
            # A listing of the whole bucket sends no prefix, and a condition on one would not match it.
            alike = () if "*" in listed else tuple(sorted(set(listed)))
            buckets.setdefault(alike, []).append(names.bucket_arn(bucket))
        return [
            {
                "Effect": "Allow",
                "Action": _LIST,
                "Resource": _one_or_many(arns),
                **({"Condition": {"StringLike": {"s3:prefix": _one_or_many(listed)}}} if listed else {}),
            }
            for listed, arns in buckets.items()
        ]

    def text(self) -> str:
        """The policy as JSON, in ASCII, as small as it gets.

        Raises:
            PolicyTooLong: it has more than limits.SESSION_POLICY_CHARS characters.
            ValueError: nothing was allowed.
        """
        text = json.dumps(self.document(), separators=(",", ":"))
        if len(text) > limits.SESSION_POLICY_CHARS:
            raise PolicyTooLong(
                f"the policy has {len(text)} characters, and a session policy at most {limits.SESSION_POLICY_CHARS}: "
                "grant fewer or shorter prefixes, or make it a managed policy and pass its ARN"
            )
        return text


def literal(text: str) -> str:
    """A text as a policy's pattern for that text alone: `*`, `?` and `${` lose their meaning."""
    return text.replace("${", "${$}{").replace("*", "${*}").replace("?", "${?}")


def _one_or_many(values: tuple[str, ...] | list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
