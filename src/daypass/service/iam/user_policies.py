"""Inline policies of users.

Source: IAM API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daypass.service.actions import Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.documents import check_document, encoded, quota_size
from daypass.service.iam.faults import worded
from daypass.service.iam.targets import require_user
from daypass.service.ports import Entity, NotFound

Result = Mapping[str, Any]


async def put_user_policy(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    parameters = exchange.parameters
    document = parameters["PolicyDocument"]
    check_document(document)
    with worded(user=user.name):
        await ports.directory.put_inline_policy(user.user_id, parameters["PolicyName"], document, quota_size(document))
    return {}


async def get_user_policy(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    name = exchange.parameters["PolicyName"]
    document = await ports.directory.find_inline_policy(user.user_id, name)
    with worded(policy=name):
        if document is None:
            raise NotFound(Entity.INLINE_POLICY)
    return {"UserName": user.name, "PolicyName": name, "PolicyDocument": encoded(document)}


async def list_user_policies(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    found = await ports.directory.list_inline_policies(user.user_id)
    shown, more = pages.page(exchange.parameters, found, lambda name: name)
    return {"PolicyNames": shown, **more}


async def delete_user_policy(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    name = exchange.parameters["PolicyName"]
    with worded(policy=name):
        await ports.directory.delete_inline_policy(user.user_id, name)
    return {}
