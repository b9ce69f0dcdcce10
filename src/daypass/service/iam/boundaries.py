"""Permissions boundaries of users and roles.

Source: IAM API Reference; IAM User Guide, "Permissions boundaries for IAM entities"; Service Authorization Reference
for iam:PermissionsBoundary. The texts, and the type `Policy` that the model does not list: recorded answers of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from daypass.names import AWS, Arn
from daypass.service.actions import Action, Check, ContextValue, Exchange, Ports
from daypass.service.iam.faults import worded
from daypass.service.iam.policy_targets import check_arn
from daypass.service.iam.targets import (
    Checks,
    Kind,
    account_id,
    on_target,
    require_target,
    target_check,
)
from daypass.service.ports import Entity, NotFound

Result = Mapping[str, Any]

PARAMETER = "PermissionsBoundary"


def actions(kind: Kind) -> dict[str, Action]:
    """The rows of ACTIONS for one kind, such as PutUserPermissionsBoundary."""
    put, remove = f"Put{kind.noun}PermissionsBoundary", f"Delete{kind.noun}PermissionsBoundary"
    return {
        put: Action(partial(_put, kind), _with_new_boundary(kind, f"iam:{put}")),
        remove: Action(partial(_delete, kind), on_target(kind, f"iam:{remove}")),
    }


def _with_new_boundary(kind: Kind, action: str) -> Checks:
    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await target_check(kind, ports, exchange, action, requested(exchange)),)

    return checks


def requested(exchange: Exchange) -> dict[str, ContextValue]:
    """iam:PermissionsBoundary, of the boundary that the call asks for.

    Raises:
        ServiceError: InvalidInput; that is no ARN of a policy.
    """
    if PARAMETER not in exchange.parameters:
        return {}
    return {"iam:permissionsboundary": check_arn(exchange, PARAMETER)}


def of_call(exchange: Exchange) -> str | None:
    """The boundary that the call asks for, to be set within faults.worded(boundary=…).

    Raises:
        NotFound: it is another account's policy; whether there is one is not told.
    """
    arn: str | None = exchange.parameters.get(PARAMETER)
    if arn is not None and Arn.parse(arn).account_id not in (account_id(exchange), AWS):
        raise NotFound(Entity.BOUNDARY)
    return arn


def shown(arn: str | None) -> dict[str, Any]:
    """The member of a user or a role that answers its boundary; nothing if it has none."""
    if arn is None:
        return {}
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}


async def _put(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    with worded(boundary=exchange.parameters[PARAMETER], **kind.words(target.name)):
        await ports.directory.set_boundary(target.entity_id, of_call(exchange))
    return {}


async def _delete(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    """A target without a boundary is left as it is."""
    target = await require_target(kind, ports, exchange)
    with worded(**kind.words(target.name)):
        await ports.directory.set_boundary(target.entity_id, None)
    return {}
