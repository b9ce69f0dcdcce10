"""Whose policies SimulatePrincipalPolicy is about: a user of the caller's account, and those policies of it that the
call does not exclude.

Source: IAM API Reference, SimulatePrincipalPolicy and PolicyIdentifier; Service Authorization Reference for what the
actions are checked on; texts as AWS answered in public recordings of September 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from daypass import names
from daypass.errors import ServiceError
from daypass.names import Arn
from daypass.policy import Policy
from daypass.policy.match import Template, glob_text
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import tagging
from daypass.service.iam.faults import refusal
from daypass.service.iam.policy_sources import Source
from daypass.service.iam.simulation_inputs import IDENTITY, user_name
from daypass.service.iam.targets import Checks, account_id
from daypass.service.ports import User, UserRecord

Excludes = Callable[[User, Policy], bool]  # whether a policy of a user is excluded

_NOT_SERVED: Final = ("group/", "role/")
_AWS: Final = "aws"  # the account in the ARN of an AWS managed policy
_MANAGED: Final = "policy/"


def on_source(action: str) -> Checks:
    """The checks of an action that needs its own permission on the user that PolicySourceArn names."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        user = await _find(ports, exchange)
        tags = {} if user is None else user.tags
        context = tagging.resource_context(tags, "aws", "iam")
        return (Check(action, exchange.parameters["PolicySourceArn"], context),)

    return checks


async def source_user(ports: Ports, exchange: Exchange) -> User:
    """The user that PolicySourceArn names, with its policies in force.

    Raises:
        ServiceError: NoSuchEntity.
    """
    record = await _find(ports, exchange)
    user = None if record is None else await ports.identities.user(record.user_id)
    if user is None:
        raise refusal("NoSuchEntity", "Unable to retrieve specified IAM entity.")
    return user


def attached(user: User, identifiers: Sequence[Mapping[str, Any]] = ()) -> tuple[Source, ...]:
    """The user's policies in force but those that an identifier excludes, under the names that AWS gives them.

    Raises:
        ServiceError: InvalidInput; an identifier is not valid.
    """
    excludes = [_excludes(identifier) for identifier in identifiers]
    return tuple(
        [
            Source(policy, _name(user, policy), IDENTITY)
            for policy in user.policies
            if not any(excluded(user, policy) for excluded in excludes)
        ]
    )


def _is_managed(policy: Policy) -> bool:
    """Managed policies go by their ARN; no name of an inline policy has a colon."""
    return ":" in policy.id


def _name(user: User, policy: Policy) -> str:
    return policy.id.rpartition("/")[2] if _is_managed(policy) else f"user_{user.name}_{policy.id}"


# --- PolicyExclusionList ------------------------------------------------------------------------------------


def _excludes(identifier: Mapping[str, Any]) -> Excludes:
    """What an identifier excludes. One that is valid and matches no policy of the user excludes nothing, as at AWS."""
    match identifier:
        case {"PolicyType": "inline"}:
            return lambda user, policy: not _is_managed(policy)
        case {"PolicyType": "user-managed"}:
            return lambda user, policy: _is_managed(policy)
        case {"PolicyType": _}:
            return lambda user, policy: False  # AWS's policies, boundaries, SCPs and RCPs: no user has any
        case {"PolicyArn": text}:
            return _excludes_arn(text)
        case {"InlinePolicyIdentifier": inline}:
            owner = inline["AttachmentType"], inline["AttachmentName"]
            return lambda user, policy: ("user", user.name) == owner and policy.id == inline["PolicyName"]
        case _:
            raise refusal("InvalidInput", "a policy identifier says neither type, nor ARN, nor inline policy")


def _excludes_arn(text: str) -> Excludes:
    """A managed policy's ARN, in which the name may have one `*`, and `?`."""
    try:
        arn = Arn.parse(text)
    except ValueError:
        arn = None
    path, _, name = ("", "", "") if arn is None else arn.resource.rpartition("/")
    if (
        arn is None
        or (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", "")
        or not (arn.account_id == _AWS or names.is_account_id(arn.account_id))
        or not f"{path}/".startswith(_MANAGED)
        or not name
        or "*" in path
        or "?" in path
        or name.count("*") > 1
    ):
        raise refusal("InvalidInput", f"ARN {text} is not valid.")
    matches = glob_text(text)
    assert not isinstance(matches, Template)  # noqa: S101  nothing is a variable here
    return lambda user, policy: matches(policy.id)


# --- PolicySourceArn ----------------------------------------------------------------------------------------


async def _find(ports: Ports, exchange: Exchange) -> UserRecord | None:
    text: str = exchange.parameters["PolicySourceArn"]
    arn = _source_arn(text)
    if arn.account_id != account_id(exchange):
        raise refusal(
            "InvalidInput",
            f"Invalid Policy Source Arn: caller's account {account_id(exchange)} does not have access to policies in "
            f"account {arn.account_id}.",
        )
    name = user_name(arn)
    if name is None:
        raise _invalid(text)
    user = await ports.directory.find_user(arn.account_id, name)
    return user if user is not None and user.arn == text else None


def _source_arn(text: str) -> Arn:
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise _invalid(text) from None
    if (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", "") or not names.is_account_id(
        arn.account_id
    ):
        raise _invalid(text)
    if arn.resource.startswith(_NOT_SERVED):
        raise refusal("InvalidInput", f"the policies of groups and roles cannot be simulated yet: `{text}`")
    return arn


def _invalid(text: str) -> ServiceError:
    return refusal("InvalidInput", f"Invalid ARN provided in the request: {text}")
