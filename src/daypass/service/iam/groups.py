"""Groups and their members. A group's policies are in iam.inline_policies and iam.attachments.

Source: IAM API Reference; Service Authorization Reference (resource types); IAM User Guide, "Rename an IAM user group"
(permission on the old and on the new name).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass import names
from daypass.service.actions import Action, Check, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import worded
from daypass.service.iam.targets import GROUP, account_id, found, on_target, on_user, require_user, target_check
from daypass.service.iam.users import user_of
from daypass.service.ports import Entity, GroupRecord, NotFound

Result = Mapping[str, Any]


async def create_group_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    parameters = exchange.parameters
    resource = names.group_arn(account_id(exchange), parameters.get("Path", "/"), parameters["GroupName"])
    return (Check("iam:CreateGroup", resource),)


async def create_group(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    name = parameters["GroupName"]
    with worded(new_name=name):
        group = await ports.directory.create_group(
            account_id(exchange), name, path=parameters.get("Path", "/"), created=exchange.request.received
        )
    return {"Group": group_of(group)}


async def get_group(ports: Ports, exchange: Exchange) -> Result:
    """The group, and its members a page at a time."""
    group = await _require_group(ports, exchange)
    parameters = exchange.parameters
    members = await ports.directory.list_members(
        group.group_id, after=pages.name_after(parameters), limit=pages.max_items(parameters) + 1
    )
    shown, more = pages.page_of_names(parameters, members, lambda user: user.name)
    return {"Group": group_of(group), "Users": [user_of(user) for user in shown], **more}


async def list_groups_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """On the groups below the prefix, as the ARN in AWS's denials shows."""
    prefix = exchange.parameters.get("PathPrefix", "/")
    return (Check("iam:ListGroups", names.group_arn(account_id(exchange), prefix, "")),)


async def list_groups(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    listed = await ports.directory.list_groups(
        account_id(exchange),
        path_prefix=parameters.get("PathPrefix", "/"),
        after=pages.name_after(parameters),
        limit=pages.max_items(parameters) + 1,
    )
    shown, more = pages.page_of_names(parameters, listed, lambda group: group.name)
    return {"Groups": [group_of(group) for group in shown], **more}


async def update_group_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """Permission on the group as it is, and as it will be."""
    check = await target_check(GROUP, ports, exchange, "iam:UpdateGroup")
    group = await _find_group(ports, exchange)
    parameters = exchange.parameters
    path = parameters.get("NewPath", "/" if group is None else group.path)
    becomes = names.group_arn(account_id(exchange), path, parameters.get("NewGroupName", parameters["GroupName"]))
    return (check,) if becomes == check.resource else (check, Check(check.action, becomes))


async def update_group(ports: Ports, exchange: Exchange) -> Result:
    group = await _require_group(ports, exchange)
    parameters = exchange.parameters
    new_name = parameters.get("NewGroupName")
    with worded(group=group.name, new_name=new_name or group.name):
        await ports.directory.update_group(group.group_id, name=new_name, path=parameters.get("NewPath"))
    return {}


async def delete_group(ports: Ports, exchange: Exchange) -> Result:
    group = await _require_group(ports, exchange)
    with worded(group=group.name, attached="Cannot delete entity, must detach all policies first."):
        await ports.directory.delete_group(group.group_id)
    return {}


async def add_user_to_group(ports: Ports, exchange: Exchange) -> Result:
    # AWS looks for the user first: of both that are not there, it is the user that it names.
    user = await require_user(ports, exchange)
    group = await _require_group(ports, exchange)
    with worded(group=group.name, user=user.name):
        await ports.directory.add_member(group.group_id, user.user_id)
    return {}


async def remove_user_from_group(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    group = await _require_group(ports, exchange)
    with worded(group=group.name, user=user.name):
        await ports.directory.remove_member(group.group_id, user.user_id)
    return {}


async def list_groups_for_user(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    groups = await ports.directory.list_groups_of(user.user_id)
    shown, more = pages.page(exchange.parameters, groups, lambda group: group.name)
    return {"Groups": [group_of(group) for group in shown], **more}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateGroup": Action(create_group, create_group_checks),
    "GetGroup": Action(get_group, on_target(GROUP, "iam:GetGroup")),
    "ListGroups": Action(list_groups, list_groups_checks),
    "UpdateGroup": Action(update_group, update_group_checks),
    "DeleteGroup": Action(delete_group, on_target(GROUP, "iam:DeleteGroup")),
    "AddUserToGroup": Action(add_user_to_group, on_target(GROUP, "iam:AddUserToGroup")),
    "RemoveUserFromGroup": Action(remove_user_from_group, on_target(GROUP, "iam:RemoveUserFromGroup")),
    "ListGroupsForUser": Action(list_groups_for_user, on_user("iam:ListGroupsForUser")),
}


def group_of(group: GroupRecord) -> dict[str, Any]:
    """A group as IAM answers it."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.group_id,
        "Arn": group.arn,
        "CreateDate": group.created,
    }


async def _find_group(ports: Ports, exchange: Exchange) -> GroupRecord | None:
    name = exchange.parameters["GroupName"]
    return await found(exchange, f"Group {name}", ports.directory.find_group(account_id(exchange), name))


async def _require_group(ports: Ports, exchange: Exchange) -> GroupRecord:
    """The group that GroupName names.

    Raises:
        ServiceError: NoSuchEntity.
    """
    group = await _find_group(ports, exchange)
    with worded(group=exchange.parameters["GroupName"]):
        if group is None:
            raise NotFound(Entity.GROUP)
    return group
