"""IAM roles and their tags.

Trust policies are service.iam.role_trust's. Roles that AWS's services make for themselves are none of ours: none can
be made, by its own action or under its path.

Source: IAM API Reference; IAM User Guide, "Tagging IAM roles" (creating with tags needs iam:TagRole too). Which
members each answer has: recorded answers of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass import limits, names
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import boundaries, pages, role_trust, tagging
from daypass.service.iam.faults import refusal, worded
from daypass.service.iam.targets import account_id, require_role
from daypass.service.ports import RoleRecord

Result = Mapping[str, Any]

_SERVICE_LINKED: Final = "/aws-service-role/"


async def create_role_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    parameters = exchange.parameters
    tags = tagging.tags_of(parameters)
    resource = names.role_arn(account_id(exchange), parameters.get("Path", "/"), parameters["RoleName"])
    check = Check("iam:CreateRole", resource, tagging.request_context(tags) | boundaries.requested(exchange))
    return (check, Check("iam:TagRole", resource, tagging.request_context(tags))) if tags else (check,)


async def create_role(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    name, path = parameters["RoleName"], parameters.get("Path", "/")
    if path.lower().startswith(_SERVICE_LINKED):
        raise refusal("InvalidInput", f"service-linked roles are not served: `{path}` is a path of theirs")
    trust_policy = await role_trust.accept(ports, parameters["AssumeRolePolicyDocument"])
    words = {"new_name": name, "boundary": parameters.get(boundaries.PARAMETER, "")}
    with worded(tagged=f"Role: {limits.TAGS_PER_ENTITY}", **words):
        role = await ports.directory.create_role(
            account_id(exchange),
            name,
            path=path,
            description=parameters.get("Description"),
            trust_policy=trust_policy,
            max_session_seconds=parameters.get("MaxSessionDuration", limits.ROLE_SESSION_SECONDS_DEFAULT),
            boundary=boundaries.of_call(exchange),
            tags=tagging.tags_of(parameters),
            created=exchange.request.received,
        )
    (made,) = await with_trust(ports, [role])
    return {"Role": made | boundaries.shown(role.boundary) | _tags(role)}


async def get_role(ports: Ports, exchange: Exchange) -> Result:
    role = await require_role(ports, exchange)
    (found,) = await with_trust(ports, [role])
    (use,) = await last_used(ports, [role])
    return {"Role": found | _settings(role) | boundaries.shown(role.boundary) | use | _tags(role)}


async def list_roles_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """On the roles below the prefix, as ListUsers is on users."""
    prefix = exchange.parameters.get("PathPrefix", "/")
    return (Check("iam:ListRoles", names.role_arn(account_id(exchange), prefix, "")),)


async def list_roles(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    found = await ports.directory.list_roles(
        account_id(exchange),
        path_prefix=parameters.get("PathPrefix", "/"),
        after=pages.name_after(parameters),
        limit=pages.max_items(parameters) + 1,
    )
    shown, more = pages.page_of_names(parameters, found, lambda role: role.name)
    roles = [whole | _settings(role) for role, whole in zip(shown, await with_trust(ports, shown), strict=True)]
    return {"Roles": roles, **more}


async def update_role(ports: Ports, exchange: Exchange) -> Result:
    role = await require_role(ports, exchange)
    parameters = exchange.parameters
    with worded(role=role.name):
        await ports.directory.update_role(
            role.role_id,
            description=parameters.get("Description"),
            max_session_seconds=parameters.get("MaxSessionDuration"),
        )
    return {}


async def update_role_description(ports: Ports, exchange: Exchange) -> Result:
    role = await require_role(ports, exchange)
    description = exchange.parameters["Description"]
    with worded(role=role.name):
        await ports.directory.update_role(role.role_id, description=description)
    (found,) = await with_trust(ports, [role])
    return {"Role": found | {"Description": description}}


async def update_assume_role_policy(ports: Ports, exchange: Exchange) -> Result:
    role = await require_role(ports, exchange)
    trust_policy = await role_trust.accept(ports, exchange.parameters["PolicyDocument"])
    with worded(role=role.name):
        await ports.directory.update_role(role.role_id, trust_policy=trust_policy)
    return {}


async def delete_role(ports: Ports, exchange: Exchange) -> Result:
    role = await require_role(ports, exchange)
    with worded(role=role.name, attached="Cannot delete entity, must detach all policies first."):
        await ports.directory.delete_role(role.role_id)
    return {}


async def with_trust(ports: Ports, roles: Sequence[RoleRecord]) -> list[dict[str, Any]]:
    """What every answer has of a role."""
    trust = await role_trust.shown(ports.directory, roles)
    return [
        {
            "Path": role.path,
            "RoleName": role.name,
            "RoleId": role.role_id,
            "Arn": role.arn,
            "CreateDate": role.created,
            "AssumeRolePolicyDocument": trust[role.role_id],
        }
        for role in roles
    ]


def _settings(role: RoleRecord) -> dict[str, Any]:
    """What GetRole and ListRoles answer and CreateRole does not."""
    description = {} if role.description is None else {"Description": role.description}
    return description | {"MaxSessionDuration": role.max_session_seconds}


async def last_used(ports: Ports, roles: Sequence[RoleRecord]) -> list[dict[str, Any]]:
    """The member of each role that answers when a session of it was last used, and in which region."""
    uses = await ports.directory.last_uses([role.role_id for role in roles])
    return [
        {"RoleLastUsed": {} if use is None else {"LastUsedDate": use.used, "Region": use.region}}
        for use in [uses.get(role.role_id) for role in roles]
    ]


def _tags(role: RoleRecord) -> dict[str, Any]:
    """IAM answers a role's tags only if there are any, and never in ListRoles."""
    return {"Tags": tagging.tag_list(role.tags)} if role.tags else {}
