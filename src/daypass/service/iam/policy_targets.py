"""Which managed policy a call is about, and the permission check that follows from it.

A policy that is not there is checked under the ARN as given: only who passes the check learns that there is none.

Source: Service Authorization Reference, "AWS Identity and Access Management": resource types and condition keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from daypass import names
from daypass.errors import validation_error
from daypass.names import Arn
from daypass.service.actions import Check, ContextValue, Exchange, Ports
from daypass.service.authorize import unauthorized
from daypass.service.iam import tagging
from daypass.service.iam.faults import WAS_NOT_FOUND, no_such_policy, refusal
from daypass.service.iam.targets import Checks, account_id, found
from daypass.service.ports import PolicyRecord

_TYPE: Final = "policy/"


async def find_policy(ports: Ports, exchange: Exchange) -> PolicyRecord | None:
    """The policy of that ARN, if it is the caller's own or AWS's; another account's is as if it were not there."""
    arn = exchange.parameters["PolicyArn"]
    if Arn.parse(arn).account_id not in (account_id(exchange), names.AWS):
        return None
    return await found(exchange, f"policy {arn}", ports.directory.find_policy(account_id(exchange), arn))


async def require_policy(ports: Ports, exchange: Exchange, missing: str = WAS_NOT_FOUND) -> PolicyRecord:
    """As find_policy.

    Raises:
        ServiceError: NoSuchEntity. missing: how it is worded.
    """
    policy = await find_policy(ports, exchange)
    if policy is None:
        raise no_such_policy(exchange.parameters["PolicyArn"], missing)
    return policy


async def require_own_policy(
    ports: Ports, exchange: Exchange, action: str, missing: str = WAS_NOT_FOUND
) -> PolicyRecord:
    """As require_policy, for an action that changes the policy: nobody may change AWS's.

    Raises:
        ServiceError: NoSuchEntity, or AccessDenied for one of AWS's.
    """
    policy = await require_policy(ports, exchange, missing)
    if policy.account_id == names.AWS:
        raise unauthorized(exchange.caller.principal.arn, action, f"policy {policy.arn}")
    return policy


def check_arn(exchange: Exchange, parameter: str = "PolicyArn") -> str:
    """The parameter, if it can be the ARN of a managed policy.

    Raises:
        ServiceError: ValidationError if it is no ARN at all, InvalidInput if it is one of something else.
    """
    text: str = exchange.parameters[parameter]
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise validation_error(f"ARN {text} is not valid.") from None
    if (
        (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", "")
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
