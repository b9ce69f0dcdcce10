"""Bucket policies: what Daypass accepts, keeps and shows.

Owns the rules that S3 adds to the policy grammar. The grammar itself and the evaluation are daypass.policy's; that
users and roles are kept by their unique ids is service.principals'.

Source: S3 User Guide, "Bucket policies".
"""

from __future__ import annotations

from typing import Any

from daypass import limits
from daypass.names import bucket_arn
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.service import principals
from daypass.service.ports import Directory, IdentityReader
from daypass.wire.s3_errors import s3_error


async def accept(document: bytes, bucket: str, identities: IdentityReader, directory: Directory) -> str:
    """The policy as it is kept: valid, about this bucket only, its principals known, users and roles by unique id.

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
    policy = principals.decode(document)
    if not all(_is_of_bucket(resource, bucket) for resource in _resources(policy)):
        raise s3_error("MalformedPolicy", "Policy has invalid resource")

    for statement in _list(policy["Statement"]):
        _refuse_other_kinds(statement)
    unknown = await principals.bind(policy, identities, directory)
    if unknown is not None:
        # Nobody here: it could only be a slip, or a name that somebody else is given later.
        raise s3_error("MalformedPolicy", "Invalid principal in policy", Detail=unknown)
    return principals.encode(policy)


async def shown(kept: str, directory: Directory) -> str:
    """The policy as GetBucketPolicy answers it: users and roles by their ARNs; one that is gone by its unique id."""
    policy = principals.decode(kept)
    principals.name(policy, await directory.find_arns(principals.unique_ids(policy)))
    return principals.encode(policy)


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


def _refuse_other_kinds(statement: Any) -> None:
    """Of other kinds of principals than AWS's only services are known: none ever calls Daypass.

    Raises:
        ServiceError: MalformedPolicy.
    """
    for element in ("Principal", "NotPrincipal"):
        named = statement.get(element)
        for kind in named if isinstance(named, dict) else ():
            if kind not in ("AWS", "Service"):
                raise s3_error("MalformedPolicy", "Invalid principal in policy", Detail=kind)
