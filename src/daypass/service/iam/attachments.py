"""Which managed policies are attached to which users.

Source: IAM API Reference; Service Authorization Reference for iam:PolicyARN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import NOT_ATTACHABLE, WAS_NOT_FOUND, worded
from daypass.service.iam.targets import Checks, check_arn, require_policy, require_user, user_check
from daypass.service.ports import Entity

Result = Mapping[str, Any]


def with_policy_arn(action: str) -> Checks:
    """The checks of an action on a user whose policies may be named in conditions, as iam:PolicyARN."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        arn = check_arn(exchange)
        return (await user_check(ports, exchange, action, {"iam:policyarn": arn}),)

    return checks


async def attach_user_policy(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    policy = await require_policy(ports, exchange, NOT_ATTACHABLE)
    with worded(user=user.name, arn=policy.arn, missing=NOT_ATTACHABLE):
        await ports.directory.attach_policy(user.user_id, policy.arn)
    return {}


async def detach_user_policy(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    policy = await require_policy(ports, exchange, WAS_NOT_FOUND)
    with worded(user=user.name, arn=policy.arn):
        await ports.directory.detach_policy(user.user_id, policy.arn)
    return {}


async def list_attached_user_policies(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    prefix = exchange.parameters.get("PathPrefix", "/")
    attached = await ports.directory.list_attached_policies(user.user_id)
    below = [policy for policy in attached if policy.path.startswith(prefix)]
    shown, more = pages.page(exchange.parameters, below, lambda policy: policy.name)
    return {
        "AttachedPolicies": [{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in shown],
        **more,
    }


async def list_entities_for_policy(ports: Ports, exchange: Exchange) -> Result:
    policy = await require_policy(ports, exchange)
    parameters = exchange.parameters
    prefix = parameters.get("PathPrefix", "/")
    holders = await ports.directory.list_policy_holders(exchange.caller.account.account_id, policy.arn)
    users = [holder for holder in holders if holder.entity is Entity.USER and not holder.is_boundary]
    # Policies are attached to users only, and none is a permissions boundary: other filters find nobody.
    if parameters.get("EntityFilter", "User") != "User" or parameters.get("PolicyUsageFilter") == "PermissionsBoundary":
        users = []
    shown, more = pages.page(
        parameters, [user for user in users if user.path.startswith(prefix)], lambda user: user.name
    )
    return {
        "PolicyGroups": [],
        "PolicyUsers": [{"UserName": user.name, "UserId": user.entity_id} for user in shown],
        "PolicyRoles": [],
        **more,
    }
