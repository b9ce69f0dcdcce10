"""Access keys, of IAM users and of root.

Without UserName a call is about the caller's own keys; root's keys can be reached in no other way.

Source: IAM API Reference.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, Final

from daypass.names import Secret
from daypass.service.actions import Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import refusal, worded
from daypass.service.iam.targets import account_id, user_or_root
from daypass.service.ports import AccessKeyRecord, UserRecord

Result = Mapping[str, Any]

_SECRET_BYTES: Final = 30  # 40 characters of base64, as AWS's secret access keys have
_STATUSES: Final = {"Active": True, "Inactive": False}


async def create_access_key(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    secret = binascii.b2a_base64(ports.entropy.bytes(_SECRET_BYTES), newline=False).decode("ascii")
    with worded(user=_name(user)):
        key = await ports.directory.create_access_key(
            _owner_id(exchange, user), Secret(secret), exchange.request.received
        )
    return {"AccessKey": _access_key(key, user) | {"SecretAccessKey": secret}}


async def list_access_keys(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    keys = await ports.directory.list_access_keys(_owner_id(exchange, user))
    shown, more = pages.page(exchange.parameters, keys, _by_creation)
    return {"AccessKeyMetadata": [_access_key(key, user) for key in shown], **more}


async def update_access_key(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    parameters = exchange.parameters
    if parameters["Status"] not in _STATUSES:
        raise refusal("InvalidInput", "the status of an access key can be set to `Active` or `Inactive` only")
    with worded(access_key_id=parameters["AccessKeyId"]):
        await ports.directory.set_access_key_active(
            _owner_id(exchange, user), parameters["AccessKeyId"], active=_STATUSES[parameters["Status"]]
        )
    return {}


async def delete_access_key(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    access_key_id = exchange.parameters["AccessKeyId"]
    with worded(access_key_id=access_key_id):
        await ports.directory.delete_access_key(_owner_id(exchange, user), access_key_id)
    return {}


def _owner_id(exchange: Exchange, user: UserRecord | None) -> str:
    return account_id(exchange) if user is None else user.user_id


def _name(user: UserRecord | None) -> str:
    return "" if user is None else user.name


def _by_creation(key: AccessKeyRecord) -> str:
    return f"{int(key.created.timestamp()):012} {key.access_key_id}"


def _access_key(key: AccessKeyRecord, user: UserRecord | None) -> dict[str, Any]:
    return {
        "UserName": None if user is None else user.name,
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.created,
    }
