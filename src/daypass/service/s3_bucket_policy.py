"""Bucket policies: what Daypass accepts, keeps and shows.

Owns the rules that S3 adds to the policy grammar, and the binding of an IAM user's ARN to that user: what is kept
names the user's unique id, so that a user made anew under the same name inherits no grant. The grammar itself and
the evaluation are daypass.policy's.

Source: S3 User Guide, "Bucket policies"; IAM User Guide, "AWS JSON policy elements: Principal" (how a user's ARN is
saved as its unique id, and shown as that id once the user is gone).
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from daypass import limits
from daypass.names import PARTITION, USER_ID, bucket_arn, is_account_id
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.service.ports import Directory, IdentityReader
from daypass.wire.s3_errors import s3_error

_USER_ARN: Final = re.compile(rf"arn:{PARTITION}:iam::([0-9]{{12}}):user/(?:[!-~]*/)?([\w+=,.@-]{{1,64}})", re.ASCII)
_ROOT_ARN: Final = re.compile(rf"arn:{PARTITION}:iam::([0-9]{{12}}):root", re.ASCII)
_FEDERATED_USER_ARN: Final = re.compile(
    rf"arn:{PARTITION}:sts::([0-9]{{12}}):federated-user/[\w+=,.@-]{{2,32}}", re.ASCII
)

Rewrite = Callable[[str], Awaitable[str]]


async def accept(document: bytes, bucket: str, identities: IdentityReader, directory: Directory) -> str:
    """The policy as it is kept: valid, about this bucket only, its principals known, its users by unique id.

    Raises:
        ServiceError: MalformedPolicy, MissingRequestBodyError, EntityTooLarge.
    """
    if not document:
        raise s3_error("MissingRequestBodyError")
    if len(document) > limits.BUCKET_POLICY_BYTES:
        raise s3_error("MalformedPolicy", f"Policy exceeds the maximum allowed size of {limits.BUCKET_POLICY_BYTES}")
    try:
        Policy.parse(document, PolicyKind.RESOURCE, id=bucket_arn(bucket))
    except PolicyError as error:
        raise s3_error("MalformedPolicy", error.message) from None
    policy = json.loads(document)
    if not all(_is_of_bucket(resource, bucket) for resource in _resources(policy)):
        raise s3_error("MalformedPolicy", "Policy has invalid resource")

    async def bind(principal: str) -> str:
        return await _bound(principal, identities, directory)

    await _rewrite_principals(policy, bind)
    return _written(policy)


async def shown(kept: str, identities: IdentityReader) -> str:
    """The policy as GetBucketPolicy answers it: users by their ARNs; one that is gone by its unique id."""
    policy = json.loads(kept)

    async def name(principal: str) -> str:
        user = await identities.user(principal) if principal.startswith(USER_ID) else None
        return principal if user is None else user.arn

    await _rewrite_principals(policy, name)
    return _written(policy)


def _written(policy: Any) -> str:
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resources(policy: Any) -> list[str]:
    """Of a document that has passed Policy.parse."""
    return [
        resource
        for statement in _list(policy["Statement"])
        for element in ("Resource", "NotResource")
        for resource in _list(statement.get(element, []))
    ]


def _is_of_bucket(resource: str, bucket: str) -> bool:
    own = bucket_arn(bucket)
    return resource == own or resource.startswith(own + "/")


async def _bound(principal: str, identities: IdentityReader, directory: Directory) -> str:
    """An AWS principal as it is kept.

    Raises:
        ServiceError: MalformedPolicy, if Daypass knows no such principal: it could only be a slip, or a name
            that somebody else is given later.
    """
    if principal == "*":
        return principal
    if principal.startswith(USER_ID) and await identities.user(principal) is not None:
        return principal
    if user := _USER_ARN.fullmatch(principal):
        found = await directory.find_user(user[1], user[2])
        if found is not None and found.arn == principal:
            return found.user_id
    elif whole := _ROOT_ARN.fullmatch(principal) or _FEDERATED_USER_ARN.fullmatch(principal):
        if await identities.account(whole[1]) is not None:
            return principal
    elif is_account_id(principal) and await identities.account(principal) is not None:
        return principal
    raise s3_error("MalformedPolicy", "Invalid principal in policy", Detail=principal)


async def _rewrite_principals(policy: Any, rewrite: Rewrite) -> None:
    """Replaces each AWS principal. Of the other kinds only services are known: none ever calls Daypass."""
    for statement in _list(policy["Statement"]):
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if principals is None or principals == "*":
                continue
            for kind, values in principals.items():
                if kind == "AWS":
                    rewritten = [await rewrite(value) for value in _list(values)]
                    principals[kind] = rewritten if isinstance(values, list) else rewritten[0]
                elif kind != "Service":
                    raise s3_error("MalformedPolicy", "Invalid principal in policy", Detail=kind)
