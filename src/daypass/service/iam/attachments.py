"""Which managed policies are attached to which users, roles and groups.

Source: IAM API Reference; Service Authorization Reference for iam:PolicyARN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from daypass.service.actions import Action, Check, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import NOT_ATTACHABLE, WAS_NOT_FOUND, worded
from daypass.service.iam.policies import usage_filter
from daypass.service.iam.policy_targets import check_arn, require_policy
from daypass.service.iam.targets import (
    GROUP,
    ROLE,
    USER,
    Checks,
    Kind,
    account_id,
    on_target,
    require_target,
    target_check,
)
from daypass.service.ports import Entity

Result = Mapping[str, Any]

_ENTITIES: Final = (Entity.USER, Entity.GROUP, Entity.ROLE)
_FILTERS: Final = {"User": (Entity.USER,), "Group": (Entity.GROUP,), "Role": (Entity.ROLE,)}  # of policies: nobody


def actions(kind: Kind) -> dict[str, Action]:
    """The rows of ACTIONS for one kind, such as AttachUserPolicy."""
    noun = kind.noun
    return {
        f"Attach{noun}Policy": Action(partial(_attach, kind), _with_policy_arn(kind, f"iam:Attach{noun}Policy")),
        f"Detach{noun}Policy": Action(partial(_detach, kind), _with_policy_arn(kind, f"iam:Detach{noun}Policy")),
        f"ListAttached{noun}Policies": Action(
            partial(_list_attached, kind), on_target(kind, f"iam:ListAttached{noun}Policies")
        ),
    }


def _with_policy_arn(kind: Kind, action: str) -> Checks:
    """The checks of an action whose policy may be named in conditions, as iam:PolicyARN."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        arn = check_arn(exchange)
        return (await target_check(kind, ports, exchange, action, {"iam:policyarn": arn}),)

    return checks


async def _attach(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    policy = await require_policy(ports, exchange, NOT_ATTACHABLE)
    with worded(arn=policy.arn, missing=NOT_ATTACHABLE, **kind.words(target.name)):
        await ports.directory.attach_policy(target.entity_id, policy.arn)
    return {}


async def _detach(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    policy = await require_policy(ports, exchange, WAS_NOT_FOUND)
    with worded(arn=policy.arn, **kind.words(target.name)):
        await ports.directory.detach_policy(target.entity_id, policy.arn)
    return {}


async def _list_attached(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    prefix = exchange.parameters.get("PathPrefix", "/")
    attached = await ports.directory.list_attached_policies(target.entity_id)
    below = [policy for policy in attached if policy.path.startswith(prefix)]
    # One of AWS's may have the name of one of the account's.
    shown, more = pages.page(exchange.parameters, below, lambda policy: f"{policy.name} {policy.account_id}")
    return {
        "AttachedPolicies": [{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in shown],
        **more,
    }


async def list_entities_for_policy(ports: Ports, exchange: Exchange) -> Result:
    """Users, then groups, then roles: a page may have some of each."""
    policy = await require_policy(ports, exchange)
    parameters = exchange.parameters
    wanted = parameters.get("EntityFilter")
    found = await ports.directory.list_policy_holders(
        account_id(exchange),
        policy.arn,
        entities=_ENTITIES if wanted is None else _FILTERS.get(wanted, ()),
        usage=usage_filter(parameters),
        path_prefix=parameters.get("PathPrefix", "/"),
        after=_after(parameters),
        limit=pages.max_items(parameters) + 1,
    )
    shown, more = pages.page_of_names(parameters, found, lambda holder: f"{holder.entity.value}/{holder.name}")
    return {
        f"Policy{kind.noun}s": [
            {kind.parameter: holder.name, f"{kind.noun}Id": holder.entity_id}
            for holder in shown
            if holder.entity is kind.entity
        ]
        for kind in (GROUP, USER, ROLE)
    } | more


def _after(parameters: Mapping[str, Any]) -> tuple[Entity, str] | None:
    """Raises ServiceError: the marker is not one of ours."""
    place = pages.name_after(parameters)
    if not place:
        return None
    entity, slash, name = place.partition("/")
    if entity not in _ENTITIES or not slash:
        raise pages.invalid_marker()
    return Entity(entity), name
