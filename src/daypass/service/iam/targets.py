"""Which user or managed policy a call is about, and the permission check that follows from it.

A check never tells whether its target exists: a user that is not there is checked under the path `/`, a policy
under the ARN as given. Only who passes the check learns that there is none.

Source: Service Authorization Reference, "AWS Identity and Access Management": resource types and condition keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from daypass import names
from daypass.names import Arn
from daypass.service.actions import Check, ContextValue, Exchange, Ports
from daypass.service.iam import tagging
from daypass.service.iam.faults import WAS_NOT_FOUND, no_such_policy, no_such_user, refusal
from daypass.service.ports import PolicyRecord, UserRecord

Checks = Callable[[Ports, Exchange], Awaitable[Sequence[Check]]]  # the `checks` of a row of ACTIONS

Record = TypeVar("Record", UserRecord, PolicyRecord)

_TYPE: Final = "policy/"


def account_id(exchange: Exchange) -> str:
    return exchange.caller.account.account_id


async def find_user(ports: Ports, exchange: Exchange) -> UserRecord | None:
    """The user that UserName names, or without UserName the caller itself; None if that is root, or nobody."""
    name = exchange.parameters.get("UserName")
    if name is not None:
        return await _found(exchange, f"user {name}", ports.directory.find_user(account_id(exchange), name))
    caller = exchange.caller.user
    if caller is None:
        return None
    return UserRecord(caller.user_id, caller.account_id, caller.name, caller.path, caller.created, caller.tags)


async def require_user(ports: Ports, exchange: Exchange) -> UserRecord:
    """The user that the required UserName names.

    Raises:
        ServiceError: NoSuchEntity.
    """
    user = await find_user(ports, exchange)
    if user is None:
        raise no_such_user(exchange.parameters["UserName"])
    return user


async def user_or_root(ports: Ports, exchange: Exchange) -> UserRecord | None:
    """As require_user; without UserName the caller itself, None if that is root.

    Raises:
        ServiceError: NoSuchEntity.
    """
    if "UserName" in exchange.parameters:
        return await require_user(ports, exchange)
    return await find_user(ports, exchange)


async def user_check(
    ports: Ports, exchange: Exchange, action: str, context: Mapping[str, ContextValue] | None = None
) -> Check:
    """The check of an action on the user that the call is about."""
    user = await find_user(ports, exchange)
    name = exchange.parameters.get("UserName")
    if user is not None:
        resource, tags = user.arn, user.tags
    elif name is not None:
        resource, tags = names.user_arn(account_id(exchange), "/", name), {}
    else:
        resource, tags = names.root_arn(account_id(exchange)), {}
    return Check(action, resource, tagging.resource_context(tags, "aws", "iam") | dict(context or {}))


def on_user(action: str) -> Checks:
    """The checks of an action that needs its own permission on the user, and nothing more."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await user_check(ports, exchange, action),)

    return checks


async def find_policy(ports: Ports, exchange: Exchange) -> PolicyRecord | None:
    """The caller's own policy of that ARN; another account's is as if it were not there."""
    arn = exchange.parameters["PolicyArn"]
    if Arn.parse(arn).account_id != account_id(exchange):
        return None
    return await _found(exchange, f"policy {arn}", ports.directory.find_policy(account_id(exchange), arn))


async def _found(exchange: Exchange, called: str, looking: Coroutine[Any, Any, Record | None]) -> Record | None:
    """What is called so, looked up once a call: the check and what follows it are about the same thing."""
    if called in exchange.found:
        looking.close()
    else:
        exchange.found[called] = await looking
    found: Record | None = exchange.found[called]
    return found


async def require_policy(ports: Ports, exchange: Exchange, missing: str = WAS_NOT_FOUND) -> PolicyRecord:
    """As find_policy.

    Raises:
        ServiceError: NoSuchEntity. missing: how it is worded.
    """
    policy = await find_policy(ports, exchange)
    if policy is None:
        raise no_such_policy(exchange.parameters["PolicyArn"], missing)
    return policy


def check_arn(exchange: Exchange) -> str:
    """The PolicyArn parameter, if it can be the ARN of a managed policy.

    Raises:
        ServiceError: InvalidInput.
    """
    text: str = exchange.parameters["PolicyArn"]
    try:
        arn = Arn.parse(text)
    except ValueError:
        arn = None
    if (
        arn is None
        or (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", "")
        or not arn.resource.startswith(_TYPE)
        or len(arn.resource) == len(_TYPE)
    ):
        raise refusal("InvalidInput", f"ARN {text} is not valid.")
    return text


async def policy_check(
    ports: Ports, exchange: Exchange, action: str, context: Mapping[str, ContextValue] | None = None
) -> Check:
    """The check of an action on the managed policy that the call is about."""
    arn = check_arn(exchange)
    policy = await find_policy(ports, exchange)
    tags = tagging.resource_context(policy.tags if policy is not None else {}, "aws")
    return Check(action, arn, tags | dict(context or {}))


def on_policy(action: str) -> Checks:
    """The checks of an action that needs its own permission on the managed policy, and nothing more."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await policy_check(ports, exchange, action),)

    return checks
