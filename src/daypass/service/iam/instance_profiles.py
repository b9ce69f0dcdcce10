"""Instance profiles: what a machine is given a role by. Daypass keeps them; there is no metadata service here.

Source: IAM API Reference; Service Authorization Reference (resource types; putting a role in a profile passes it to
EC2, so it needs iam:PassRole on the role too). Which members each answer has: recorded answers of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass import limits, names
from daypass.service.actions import Action, Check, ContextValue, Exchange, Ports
from daypass.service.iam import entity_tags, pages, tagging
from daypass.service.iam.entity_tags import Taggable
from daypass.service.iam.faults import worded
from daypass.service.iam.roles import with_trust
from daypass.service.iam.targets import ROLE, Checks, account_id, found, on_target, require_role, target_check
from daypass.service.ports import Entity, InstanceProfileRecord, NotFound

Result = Mapping[str, Any]

_NAME: Final = "InstanceProfileName"
_EC2: Final = "ec2.amazonaws.com"


async def _create_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    parameters = exchange.parameters
    tags = tagging.request_context(tagging.tags_of(parameters))
    resource = names.instance_profile_arn(account_id(exchange), parameters.get("Path", "/"), parameters[_NAME])
    check = Check("iam:CreateInstanceProfile", resource, tags)
    return (check, Check("iam:TagInstanceProfile", resource, tags)) if tags else (check,)


async def _create(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    name = parameters[_NAME]
    with worded(new_name=name, tagged=f"InstanceProfile: {limits.TAGS_PER_ENTITY}"):
        profile = await ports.directory.create_instance_profile(
            account_id(exchange),
            name,
            path=parameters.get("Path", "/"),
            tags=tagging.tags_of(parameters),
            created=exchange.request.received,
        )
    (made,) = await shown(ports, [profile])
    return {"InstanceProfile": made | ({"Tags": tagging.tag_list(profile.tags)} if profile.tags else {})}


async def _get(ports: Ports, exchange: Exchange) -> Result:
    profile = await _require(ports, exchange)
    (whole,) = await shown(ports, [profile])
    return {"InstanceProfile": whole | {"Tags": tagging.tag_list(profile.tags)}}


async def _list_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """On the profiles below the prefix, as ListUsers is on users."""
    prefix = exchange.parameters.get("PathPrefix", "/")
    return (Check("iam:ListInstanceProfiles", names.instance_profile_arn(account_id(exchange), prefix, "")),)


async def _list(ports: Ports, exchange: Exchange) -> Result:
    return await _page(ports, exchange, path_prefix=exchange.parameters.get("PathPrefix", "/"))


async def _list_for_role(ports: Ports, exchange: Exchange) -> Result:
    role = await require_role(ports, exchange)
    return await _page(ports, exchange, role_id=role.role_id)


async def _page(ports: Ports, exchange: Exchange, **chosen: str) -> Result:
    parameters = exchange.parameters
    profiles = await ports.directory.list_instance_profiles(
        account_id(exchange), after=pages.name_after(parameters), limit=pages.max_items(parameters) + 1, **chosen
    )
    listed, more = pages.page_of_names(parameters, profiles, lambda profile: profile.name)
    return {"InstanceProfiles": await shown(ports, listed), **more}


async def _delete(ports: Ports, exchange: Exchange) -> Result:
    profile = await _require(ports, exchange)
    with worded(profile=profile.name):
        await ports.directory.delete_instance_profile(profile.instance_profile_id)
    return {}


async def _add_role_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    passing = await target_check(ROLE, ports, exchange, "iam:PassRole", {"iam:passedtoservice": _EC2})
    return (await _check(ports, exchange, "iam:AddRoleToInstanceProfile"), passing)


async def _add_role(ports: Ports, exchange: Exchange) -> Result:
    profile = await _require(ports, exchange)
    role = await require_role(ports, exchange)
    with worded(profile=profile.name, role=role.name):
        await ports.directory.add_role_to_instance_profile(profile.instance_profile_id, role.role_id)
    return {}


async def _remove_role(ports: Ports, exchange: Exchange) -> Result:
    profile = await _require(ports, exchange)
    role = await require_role(ports, exchange)
    with worded(profile=profile.name, role=role.name):
        await ports.directory.remove_role_from_instance_profile(profile.instance_profile_id, role.role_id)
    return {}


async def shown(ports: Ports, profiles: Sequence[InstanceProfileRecord]) -> list[dict[str, Any]]:
    """What every answer has of an instance profile."""
    held = [profile.role for profile in profiles if profile.role is not None]
    roles = {role["RoleId"]: role for role in await with_trust(ports, held)}
    return [
        {
            "Path": profile.path,
            "InstanceProfileName": profile.name,
            "InstanceProfileId": profile.instance_profile_id,
            "Arn": profile.arn,
            "CreateDate": profile.created,
            "Roles": [] if profile.role is None else [roles[profile.role.role_id]],
        }
        for profile in profiles
    ]


async def _find(ports: Ports, exchange: Exchange) -> InstanceProfileRecord | None:
    name = exchange.parameters[_NAME]
    looking = ports.directory.find_instance_profile(account_id(exchange), name)
    return await found(exchange, f"InstanceProfile {name}", looking)


async def _require(ports: Ports, exchange: Exchange) -> InstanceProfileRecord:
    """Raises ServiceError: NoSuchEntity."""
    profile = await _find(ports, exchange)
    with worded(profile=exchange.parameters[_NAME]):
        if profile is None:
            raise NotFound(Entity.INSTANCE_PROFILE)
    return profile


async def _check(
    ports: Ports, exchange: Exchange, action: str, context: Mapping[str, ContextValue] | None = None
) -> Check:
    profile = await _find(ports, exchange)
    if profile is None:
        missing = names.instance_profile_arn(account_id(exchange), "/", exchange.parameters[_NAME])
        return Check(action, missing, dict(context or {}))
    return Check(action, profile.arn, tagging.resource_context(profile.tags, "aws") | dict(context or {}))


async def _require_for(ports: Ports, exchange: Exchange, action: str) -> InstanceProfileRecord:
    return await _require(ports, exchange)


def _on_profile(action: str) -> Checks:
    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await _check(ports, exchange, action),)

    return checks


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateInstanceProfile": Action(_create, _create_checks),
    "GetInstanceProfile": Action(_get, _on_profile("iam:GetInstanceProfile")),
    "ListInstanceProfiles": Action(_list, _list_checks),
    "ListInstanceProfilesForRole": Action(_list_for_role, on_target(ROLE, "iam:ListInstanceProfilesForRole")),
    "DeleteInstanceProfile": Action(_delete, _on_profile("iam:DeleteInstanceProfile")),
    "AddRoleToInstanceProfile": Action(_add_role, _add_role_checks),
    "RemoveRoleFromInstanceProfile": Action(_remove_role, _on_profile("iam:RemoveRoleFromInstanceProfile")),
    **entity_tags.actions(
        Taggable("InstanceProfile", _check, _require_for, lambda exchange: {"profile": exchange.parameters[_NAME]})
    ),
}
