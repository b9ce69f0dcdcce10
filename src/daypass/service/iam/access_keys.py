"""Access keys, of IAM users and of root.

Without UserName a call is about the caller's own keys; root's keys can be reached in no other way.

Source: IAM API Reference.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass import names
from daypass.errors import access_denied
from daypass.names import Secret
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import pages, tagging
from daypass.service.iam.faults import refusal, worded
from daypass.service.iam.targets import account_id, user_or_root
from daypass.service.ports import AccessKeyRecord, User, UserRecord

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


async def get_access_key_last_used_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """On the user whose key it is. A key of nobody in the account is denied, in AWS's words."""
    owner = await _owner(ports, exchange)
    if owner is None:
        resource, tags = names.root_arn(account_id(exchange)), {}
    else:
        resource, tags = owner.arn, tagging.resource_context(owner.tags, "aws", "iam")
    return (Check("iam:GetAccessKeyLastUsed", resource, tags),)


async def get_access_key_last_used(ports: Ports, exchange: Exchange) -> Result:
    owner, access_key_id = await _owner(ports, exchange), exchange.parameters["AccessKeyId"]
    used = (await ports.directory.last_uses([access_key_id])).get(access_key_id)
    last_used: dict[str, Any] = {"ServiceName": "N/A", "Region": "N/A"}
    if used is not None:
        last_used = {"LastUsedDate": used.used, "ServiceName": used.service, "Region": used.region}
    return {"AccessKeyLastUsed": last_used} | ({} if owner is None else {"UserName": owner.name})


async def _owner(ports: Ports, exchange: Exchange) -> User | None:
    """The user whose access key it is; None for one of root's.

    Raises:
        ServiceError: AccessDenied; the account has no such key.
    """
    access_key_id = exchange.parameters["AccessKeyId"]
    key = await ports.identities.access_key(access_key_id)
    owner = None if key is None else await ports.identities.user(key.owner_id)
    if key is None or key.account_id != account_id(exchange) or (owner is None and key.owner_id != key.account_id):
        raise access_denied(
            f"User: {exchange.caller.principal.arn} is not authorized to perform iam:GetAccessKeyLastUsed "
            f"on resource: access key {access_key_id}"
        )
    return owner


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
