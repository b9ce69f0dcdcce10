"""Inline policies of users, roles and groups: the same four actions for each kind.

Source: IAM API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from daypass.service.actions import Action, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.documents import check_document, encoded, quota_size
from daypass.service.iam.faults import worded
from daypass.service.iam.targets import Kind, on_target, require_target
from daypass.service.ports import Entity, NotFound

Result = Mapping[str, Any]


def actions(kind: Kind) -> dict[str, Action]:
    """The rows of ACTIONS for one kind, such as PutUserPolicy."""
    noun = kind.noun
    return {
        f"Put{noun}Policy": Action(partial(_put, kind), on_target(kind, f"iam:Put{noun}Policy")),
        f"Get{noun}Policy": Action(partial(_get, kind), on_target(kind, f"iam:Get{noun}Policy")),
        f"List{noun}Policies": Action(partial(_list, kind), on_target(kind, f"iam:List{noun}Policies")),
        f"Delete{noun}Policy": Action(partial(_delete, kind), on_target(kind, f"iam:Delete{noun}Policy")),
    }


async def _put(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    name, document = exchange.parameters["PolicyName"], exchange.parameters["PolicyDocument"]
    check_document(document)
    with worded(**kind.words(target.name)):
        await ports.directory.put_inline_policy(target.entity_id, name, document, quota_size(document))
    return {}


async def _get(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    name = exchange.parameters["PolicyName"]
    document = await ports.directory.find_inline_policy(target.entity_id, name)
    with worded(policy=name, **kind.words(target.name)):
        if document is None:
            raise NotFound(Entity.INLINE_POLICY)
    return {kind.parameter: target.name, "PolicyName": name, "PolicyDocument": encoded(document)}


async def _list(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    found = await ports.directory.list_inline_policies(target.entity_id)
    shown, more = pages.page(exchange.parameters, found, lambda name: name)
    return {"PolicyNames": shown, **more}


async def _delete(kind: Kind, ports: Ports, exchange: Exchange) -> Result:
    target = await require_target(kind, ports, exchange)
    name = exchange.parameters["PolicyName"]
    with worded(policy=name, **kind.words(target.name)):
        await ports.directory.delete_inline_policy(target.entity_id, name)
    return {}
