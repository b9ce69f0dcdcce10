"""GetAccountAuthorizationDetails: every user, group, role and policy of an account, with what belongs to them.

Source: IAM API Reference. That of AWS's own policies those in use are listed, and which members each kind has:
recorded answers of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass.service.actions import Action, Check, Exchange, Ports
from daypass.service.iam import boundaries, instance_profiles, pages, policies, policy_versions, roles, tagging, users
from daypass.service.iam.documents import encoded
from daypass.service.iam.groups import group_of
from daypass.service.iam.targets import account_id
from daypass.service.ports import EntityPolicies, GroupRecord, PolicyRecord, RoleRecord, UserRecord

Result = Mapping[str, Any]
Record = UserRecord | GroupRecord | RoleRecord | PolicyRecord

_TYPES: Final = ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy")  # in the order of the listing


async def _checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    return (Check("iam:GetAccountAuthorizationDetails", "*"),)


async def _perform(ports: Ports, exchange: Exchange) -> Result:
    """One page, which may have some of each type."""
    parameters = exchange.parameters
    limit = pages.max_items(parameters) + 1
    after_type, after = _after(parameters)
    found: list[tuple[str, Record]] = []
    for type_ in _TYPES[_TYPES.index(after_type) :]:
        if type_ in parameters.get("Filter", _TYPES) and len(found) < limit:
            listed = await _list(ports, exchange, type_, after if type_ == after_type else "", limit - len(found))
            found += [(type_, record) for record in listed]
    shown, more = pages.page_of_names(parameters, found, lambda row: f"{row[0]}/{row[1].name}")
    return {
        "UserDetailList": await _users(ports, [row for _, row in shown if isinstance(row, UserRecord)]),
        "GroupDetailList": await _groups(ports, [row for _, row in shown if isinstance(row, GroupRecord)]),
        "RoleDetailList": await _roles(ports, [row for _, row in shown if isinstance(row, RoleRecord)]),
        "Policies": await _policies(ports, [row for _, row in shown if isinstance(row, PolicyRecord)]),
        **more,
    }


def _after(parameters: Mapping[str, Any]) -> tuple[str, str]:
    """The type and the name that the marker stands for.

    Raises:
        ServiceError: it is not one of our markers.
    """
    place = pages.name_after(parameters)
    if not place:
        return _TYPES[0], ""
    type_, slash, name = place.partition("/")
    if type_ not in _TYPES or not slash:
        raise pages.invalid_marker()
    return type_, name


async def _list(ports: Ports, exchange: Exchange, type_: str, after: str, limit: int) -> Sequence[Record]:
    directory, account = ports.directory, account_id(exchange)
    match type_:
        case "User":
            return await directory.list_users(account, after=after, limit=limit)
        case "Group":
            return await directory.list_groups(account, after=after, limit=limit)
        case "Role":
            return await directory.list_roles(account, after=after, limit=limit)
        case "LocalManagedPolicy":
            return await directory.list_policies(account, after=after, limit=limit)
        case _:
            return await directory.list_aws_policies(account, only_attached=True, after=after, limit=limit)


async def _users(ports: Ports, found: Sequence[UserRecord]) -> list[dict[str, Any]]:
    ids = [user.user_id for user in found]
    groups = await ports.directory.group_names_of(ids)
    its = await ports.directory.policies_of(ids)
    return [
        users.user_of(user)
        | {"GroupList": groups[user.user_id], "Tags": tagging.tag_list(user.tags)}
        | boundaries.shown(user.boundary)
        | _policies_of("User", its[user.user_id])
        for user in found
    ]


async def _groups(ports: Ports, found: Sequence[GroupRecord]) -> list[dict[str, Any]]:
    its = await ports.directory.policies_of([group.group_id for group in found])
    return [group_of(group) | _policies_of("Group", its[group.group_id]) for group in found]


async def _roles(ports: Ports, found: Sequence[RoleRecord]) -> list[dict[str, Any]]:
    ids = [role.role_id for role in found]
    its = await ports.directory.policies_of(ids)
    profiles = await ports.directory.instance_profiles_of(ids)
    return [
        whole
        | {
            "InstanceProfileList": await instance_profiles.shown(ports, profiles[role.role_id]),
            "Tags": tagging.tag_list(role.tags),
        }
        | boundaries.shown(role.boundary)
        | use
        | _policies_of("Role", its[role.role_id])
        for role, whole, use in zip(
            found, await roles.with_trust(ports, found), await roles.last_used(ports, found), strict=True
        )
    ]


async def _policies(ports: Ports, found: Sequence[PolicyRecord]) -> list[dict[str, Any]]:
    versions = await ports.directory.versions_of([policy.arn for policy in found])
    return [
        policies.policy_of(policy)
        | {"PolicyVersionList": [policy_versions.with_document(version) for version in versions[policy.arn]]}
        for policy in found
    ]


def _policies_of(noun: str, its: EntityPolicies) -> dict[str, Any]:
    return {
        f"{noun}PolicyList": [
            {"PolicyName": name, "PolicyDocument": encoded(document)} for name, document in its.inline.items()
        ],
        "AttachedManagedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in its.attached],
    }


ACTIONS: Final[Mapping[str, Action]] = {"GetAccountAuthorizationDetails": Action(_perform, _checks)}
