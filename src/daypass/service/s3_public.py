"""Whether a bucket policy is public, and what Block Public Access then does.

Owns S3's definition of public, and the PublicAccessBlockConfiguration that Daypass keeps. Access control lists are
switched off, so that the two settings about them have nothing left to block.

Source: S3 User Guide, "Blocking public access to your Amazon S3 storage" ("The meaning of public").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

from daypass import limits
from daypass.policy import Policy
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import Bucket
from daypass.service.s3_documents import only
from daypass.wire.s3_errors import s3_error
from daypass.wire.s3_xml import Content, Element

# Held to a fixed value of one of these, a grant to everybody is a grant to somebody.
_FIXED_KEYS: Final = frozenset(
    {
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_FIXING_OPERATORS: Final = frozenset(
    {"arnequals", "arnlike", "ipaddress", "stringequals", "stringequalsignorecase", "stringlike"}
)
_NARROWEST_PUBLIC_PREFIX: Final = {4: 7, 6: 31}  # a network with a longer prefix is a set of known callers

_SETTINGS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    """The four settings, in the order in which S3 writes them."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    def content(self) -> Content:
        values = (
            self.block_public_acls,
            self.ignore_public_acls,
            self.block_public_policy,
            self.restrict_public_buckets,
        )
        return [(name, "true" if value else "false") for name, value in zip(_SETTINGS, values, strict=True)]

    def kept(self) -> str:
        """As the store keeps it."""
        return json.dumps(dict(self.content()))  # type: ignore[arg-type]  # pairs of texts


_NOTHING_BLOCKED: Final = PublicAccessBlock()


def read_block(root: Element) -> PublicAccessBlock:
    """The settings that a PutPublicAccessBlock asks for; what it leaves out is off.

    Raises:
        ServiceError: MalformedXML.
    """
    values = {}
    for name, element in only(root, *_SETTINGS).items():
        text = element.text.strip().lower()
        if text not in ("true", "false"):
            raise s3_error("MalformedXML")
        values[name] = text == "true"
    return PublicAccessBlock(*[values.get(name, False) for name in _SETTINGS])


@lru_cache(limits.CONDITION_VALUES_CACHED)
def kept_block(text: str | None) -> PublicAccessBlock:
    """The settings as the store has them; nothing is blocked where it has none."""
    if text is None:
        return _NOTHING_BLOCKED
    values = json.loads(text)
    return PublicAccessBlock(*[values.get(name) == "true" for name in _SETTINGS])


def policy_in_force(bucket: Bucket, caller: Caller | Anonymous) -> Policy | None:
    """What of the bucket's policy counts for the caller."""
    return None if shuts_out(bucket, caller) else bucket.policy


def shuts_out(bucket: Bucket, caller: Caller | Anonymous) -> bool:
    """Whether RestrictPublicBuckets keeps the caller out: the bucket's policy is public, and the caller is not of the
    bucket's account. Then the policy grants it nothing, not even what is no public grant."""
    if bucket.public_access_block is None or bucket.policy is None:
        return False
    if not kept_block(bucket.public_access_block).restrict_public_buckets or not is_public(bucket.policy.text):
        return False
    return isinstance(caller, Anonymous) or caller.account.account_id != bucket.account_id


@lru_cache(limits.CONDITION_VALUES_CACHED)
def is_public(document: str) -> bool:
    """document: of a bucket policy that was accepted."""
    statements = json.loads(document)["Statement"]
    return any(_grants_to_everybody(statement) for statement in _listed(statements))


def _grants_to_everybody(statement: Mapping[str, Any]) -> bool:
    if statement["Effect"] != "Allow":
        return False
    if "Principal" in statement and not _is_everybody(statement["Principal"]):
        return False
    return not any(
        _is_fixed(operator, key, values)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _is_everybody(principal: Any) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    return any(value == "*" for values in principal.values() for value in _listed(values))


def _is_fixed(operator: str, key: str, values: Any) -> bool:
    """Whether a condition holds a grant to values that are known beforehand."""
    name = key.lower()
    if operator.lower() not in _FIXING_OPERATORS or name not in _FIXED_KEYS:
        return False
    texts = [str(value) for value in _listed(values)]
    if name == "aws:sourceip":
        return all(_is_narrow(text) for text in texts)
    return not any(wild in text for text in texts for wild in ("*", "?", "${"))


def _is_narrow(text: str) -> bool:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    return network.is_private or network.prefixlen > _NARROWEST_PUBLIC_PREFIX[network.version]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
