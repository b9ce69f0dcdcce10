"""IAM's words for what a call cannot do.

Owns the code, status and text of each refusal; which of them it is, the directory and the actions decide.

Source: the error shapes of the IAM model for codes and statuses; texts as AWS answered in public recordings
(LocalStack's AWS-validated IAM snapshots of 2026, issue reports) and, where none was found, in their pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.ports import AlreadyExists, DirectoryError, Entity, LimitReached, NotFound, StillInUse

_STATUSES: Final = {
    "NoSuchEntity": 404,
    "EntityAlreadyExists": 409,
    "LimitExceeded": 409,
    "DeleteConflict": 409,
    "InvalidInput": 400,
    "MalformedPolicyDocument": 400,
    "PasswordPolicyViolation": 400,
    "InvalidUserType": 400,
    "InvalidAuthenticationCode": 403,
    "ReportNotPresent": 410,
    "ReportExpired": 410,
}

_CODES: Final[dict[type[DirectoryError], str]] = {
    NotFound: "NoSuchEntity",
    AlreadyExists: "EntityAlreadyExists",
    LimitReached: "LimitExceeded",
    StillInUse: "DeleteConflict",
}

# {braces} are filled by the action that asked. {missing}: how the action words a policy that is not there.
_TEXTS: Final[dict[tuple[type[DirectoryError], Entity], str]] = {
    (NotFound, Entity.USER): "The user with name {user} cannot be found.",
    (NotFound, Entity.ACCESS_KEY): "The Access Key with id {access_key_id} cannot be found.",
    (NotFound, Entity.GROUP): "The group with name {group} cannot be found.",
    (NotFound, Entity.ROLE): "The role with name {role} cannot be found.",
    (NotFound, Entity.INSTANCE_PROFILE): "Instance Profile {profile} cannot be found.",
    (NotFound, Entity.PROFILE_ROLE): "Role {role} in Instance Profile {profile} cannot be found.",
    (NotFound, Entity.INLINE_POLICY): "The {kind} policy with name {policy} cannot be found.",
    (NotFound, Entity.MANAGED_POLICY): "Policy {arn} {missing}",
    (NotFound, Entity.POLICY_VERSION): "Policy {arn} {missing}",
    (NotFound, Entity.ATTACHMENT): "Policy {arn} was not found.",
    (NotFound, Entity.BOUNDARY): "Scope ARN: {boundary} does not exist or is not attachable.",
    (NotFound, Entity.LOGIN_PROFILE): "Login Profile for User {user} cannot be found.",
    (NotFound, Entity.MFA_DEVICE): "MFA Device with serial number {serial_number} does not exist.",
    (AlreadyExists, Entity.LOGIN_PROFILE): "Login Profile for user {user} already exists.",
    (AlreadyExists, Entity.MFA_DEVICE): "{taken}",
    (AlreadyExists, Entity.ALIAS): "The account alias {alias} already exists.",
    (AlreadyExists, Entity.USER): "User with name {new_name} already exists.",
    (AlreadyExists, Entity.GROUP): "Group with name {new_name} already exists.",
    (AlreadyExists, Entity.ROLE): "Role with name {new_name} already exists.",
    (AlreadyExists, Entity.INSTANCE_PROFILE): "Instance Profile {new_name} already exists.",
    (AlreadyExists, Entity.MANAGED_POLICY): "A policy called {policy} already exists. Duplicate names are not allowed.",
    (LimitReached, Entity.USER): f"Cannot exceed quota for UsersPerAccount: {limits.USERS_PER_ACCOUNT}",
    (LimitReached, Entity.ROLE): f"Cannot exceed quota for RolesPerAccount: {limits.ROLES_PER_ACCOUNT}",
    (LimitReached, Entity.MFA_DEVICE): "Cannot exceed quota for {quota}",
    (LimitReached, Entity.GROUP): f"Cannot exceed quota for GroupsPerAccount: {limits.GROUPS_PER_ACCOUNT}",
    (LimitReached, Entity.MEMBERSHIP): f"Cannot exceed quota for GroupsPerUser: {limits.GROUPS_PER_USER}",
    (LimitReached, Entity.INSTANCE_PROFILE): (
        f"Cannot exceed quota for InstanceProfilesPerAccount: {limits.INSTANCE_PROFILES_PER_ACCOUNT}"
    ),
    (LimitReached, Entity.PROFILE_ROLE): "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    (LimitReached, Entity.ACCESS_KEY): f"Cannot exceed quota for AccessKeysPerUser: {limits.ACCESS_KEYS_PER_USER}",
    (LimitReached, Entity.INLINE_POLICY): "Maximum policy size of {inline_chars} bytes exceeded for {kind} {holder}",
    (LimitReached, Entity.MANAGED_POLICY): (
        f"Cannot exceed quota for PoliciesPerAccount: {limits.MANAGED_POLICIES_PER_ACCOUNT}"
    ),
    (LimitReached, Entity.POLICY_VERSION): (
        f"A managed policy can have up to {limits.MANAGED_POLICY_VERSIONS} versions. "
        "Before you create a new version, you must delete an existing version."
    ),
    (LimitReached, Entity.ATTACHMENT): "Cannot exceed quota for PoliciesPer{noun}: {attached_max}",
    (LimitReached, Entity.TAG): "Cannot exceed quota for TagsPer{tagged}",
    (StillInUse, Entity.ATTACHMENT): "{attached}",
    (StillInUse, Entity.INLINE_POLICY): "Cannot delete entity, must delete policies first.",
    (StillInUse, Entity.INSTANCE_PROFILE): "Cannot delete entity, must remove roles from instance profile first.",
    (StillInUse, Entity.PROFILE_ROLE): "Cannot delete entity, must remove roles from instance profile first.",
    (StillInUse, Entity.MEMBERSHIP): "Cannot delete entity, must remove users from group first.",
    (StillInUse, Entity.LOGIN_PROFILE): "Cannot delete entity, must delete login profile first.",
    (StillInUse, Entity.MFA_DEVICE): "Cannot delete entity, must delete MFA device first.",
    (StillInUse, Entity.ACCESS_KEY): "Cannot delete entity, must delete access keys first.",
    (StillInUse, Entity.POLICY_VERSION): (
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
        "The default version is deleted with the policy."
    ),
    (StillInUse, Entity.DEFAULT_VERSION): "Cannot delete the default version of a policy.",
}

WAS_NOT_FOUND: Final = "was not found."
NOT_ATTACHABLE: Final = "does not exist or is not attachable."


@contextmanager
def worded(**names: str) -> Iterator[None]:
    """Turn what the directory refuses within into IAM's answer. names: what fills the braces of _TEXTS."""
    try:
        yield
    except DirectoryError as error:
        text = _TEXTS[type(error), error.entity].format_map(names)
        raise refusal(_CODES[type(error)], text) from None


def refusal(code: str, text: str | None) -> ServiceError:
    """code: one of _STATUSES. text: None where AWS sends none."""
    return ServiceError(code, _STATUSES[code], text)


def no_such_policy(arn: str, missing: str = WAS_NOT_FOUND) -> ServiceError:
    return refusal("NoSuchEntity", f"Policy {arn} {missing}")


def version_missing(version_id: str) -> str:
    """How a policy, or a version of it, that is not there is worded where a version was named."""
    return f"version {version_id} {NOT_ATTACHABLE}"
