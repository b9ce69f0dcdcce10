"""IAM users and their tags.

Source: IAM API Reference; IAM User Guide, "Tagging IAM users" (creating with tags needs iam:TagUser too) and
"Rename an IAM user" (permission on the old and on the new name).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypass import limits, names
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import boundaries, pages, tagging
from daypass.service.iam.faults import worded
from daypass.service.iam.targets import account_id, find_user, require_user, user_check, user_or_root
from daypass.service.ports import UserRecord

Result = Mapping[str, Any]


async def create_user_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    parameters = exchange.parameters
    tags = tagging.tags_of(parameters)
    resource = names.user_arn(account_id(exchange), parameters.get("Path", "/"), parameters["UserName"])
    check = Check("iam:CreateUser", resource, tagging.request_context(tags) | boundaries.requested(exchange))
    return (check, Check("iam:TagUser", resource, tagging.request_context(tags))) if tags else (check,)


async def create_user(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    name = parameters["UserName"]
    words = {"new_name": name, "boundary": parameters.get(boundaries.PARAMETER, "")}
    with worded(tagged=f"User: {limits.TAGS_PER_ENTITY}", **words):
        user = await ports.directory.create_user(
            account_id(exchange),
            name,
            path=parameters.get("Path", "/"),
            tags=tagging.tags_of(parameters),
            created=exchange.request.received,
            boundary=boundaries.of_call(exchange),
        )
    return {"User": user_of(user) | boundaries.shown(user.boundary) | _tags(user)}


async def get_user(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    if user is None:
        account = exchange.caller.account
        # Root has neither name nor path, and AWS leaves both out although the model requires them.
        return {
            "User": {
                "UserId": account.account_id,
                "Arn": names.root_arn(account.account_id),
                "CreateDate": account.created,
            }
        }
    return {"User": user_of(user) | boundaries.shown(user.boundary) | _tags(user)}


async def list_users_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """On the users below the prefix, as the ARN in AWS's denials shows."""
    prefix = exchange.parameters.get("PathPrefix", "/")
    return (Check("iam:ListUsers", names.user_arn(account_id(exchange), prefix, "")),)


async def list_users(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    found = await ports.directory.list_users(
        account_id(exchange),
        path_prefix=parameters.get("PathPrefix", "/"),
        after=pages.name_after(parameters),
        limit=pages.max_items(parameters) + 1,
    )
    shown, more = pages.page_of_names(parameters, found, lambda user: user.name)
    return {"Users": [user_of(user) for user in shown], **more}


async def update_user_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """Permission on the user as it is, and as it will be."""
    check = await user_check(ports, exchange, "iam:UpdateUser")
    user = await find_user(ports, exchange)
    parameters = exchange.parameters
    path = parameters.get("NewPath", "/" if user is None else user.path)
    name = parameters.get("NewUserName", parameters["UserName"])
    becomes = names.user_arn(account_id(exchange), path, name)
    return (check,) if becomes == check.resource else (check, Check(check.action, becomes, check.context))


async def update_user(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    parameters = exchange.parameters
    new_name = parameters.get("NewUserName")
    with worded(user=user.name, new_name=new_name or user.name):
        await ports.directory.update_user(user.user_id, name=new_name, path=parameters.get("NewPath"))
    return {}


async def delete_user(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    with worded(user=user.name, attached="Cannot delete entity, must detach all policies first."):
        await ports.directory.delete_user(user.user_id)
    return {}


def user_of(user: UserRecord) -> dict[str, Any]:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.user_id,
        "Arn": user.arn,
        "CreateDate": user.created,
    }


def _tags(user: UserRecord) -> dict[str, Any]:
    """IAM answers a user's tags only if there are any, and never in ListUsers."""
    return {"Tags": tagging.tag_list(user.tags)} if user.tags else {}
