"""Whose policies SimulatePrincipalPolicy is about: a user, a role or a group of the caller's account, and those of its
policies that the call does not exclude: its own, a user's groups', its permissions boundary, and the service control
policies of the account.

Source: IAM API Reference, SimulatePrincipalPolicy and PolicyIdentifier; Service Authorization Reference for what the
actions are checked on; texts as AWS answered in public recordings of September 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from daypass.service.iam.simulation_inputs import BOUNDARY, IDENTITY, Attached
from daypass.service.iam.targets import GROUP, ROLE, USER, Checks, Kind, Target, account_id
from daypass.service.ports import Levels, Role, User

_KINDS: Final[Mapping[str, Kind]] = {"user": USER, "role": ROLE, "group": GROUP}  # by the type in their ARNs
_MANAGED: Final = "policy/"
_OF_AWS: Final = names.managed_policy_arn(names.AWS, "/", "")
_OF_GROUP: Final = " of group "  # between the names of an inline policy and its group; no name has a blank


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A user, a role or a group, with its policies in force. identity: the user or role; None of a group."""

    kind: Kind
    name: str
    policies: tuple[Policy, ...]
    identity: User | Role | None
    service_control: Levels | None

    @property
    def boundary(self) -> Policy | None:
        return None if self.identity is None else self.identity.boundary


Excludes = Callable[[PolicySource, Policy], bool]  # whether an identity-based policy is excluded


def on_source(action: str) -> Checks:
    """The checks of an action that needs its own permission on whom PolicySourceArn names."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        _, target = await _find(ports, exchange)
        context = tagging.resource_context({} if target is None else target.tags, "aws", "iam")
        return (Check(action, exchange.parameters["PolicySourceArn"], context),)

    return checks


async def policy_source(ports: Ports, exchange: Exchange) -> PolicySource:
    """What PolicySourceArn names, with its policies in force.

    Raises:
        ServiceError: NoSuchEntity.
    """
    kind, target = await _find(ports, exchange)
    if target is not None:
        account = exchange.caller.account
        service_control = None if account.management else account.service_control
        if kind is GROUP:
            policies = await ports.directory.group_policies(target.entity_id)
            return PolicySource(kind, target.name, policies, None, service_control)
        reading = ports.identities.user if kind is USER else ports.identities.role
        identity: User | Role | None = await reading(target.entity_id)
        if identity is not None:
            return PolicySource(kind, target.name, identity.policies, identity, service_control)
    raise refusal("NoSuchEntity", "Unable to retrieve specified IAM entity.")


def attached(source: PolicySource, identifiers: Sequence[Mapping[str, Any]] = ()) -> Attached:
    """The policies in force but those that an identifier excludes, under the names that AWS gives them.

    Raises:
        ServiceError: InvalidInput; an identifier is not valid.
    """
    excludes = [_excludes(identifier) for identifier in identifiers]
    types = {identifier.get("PolicyType") for identifier in identifiers}
    identity = [
        Source(policy, _name(source, policy), IDENTITY)
        for policy in source.policies
        if not any(excluded(source, policy) for excluded in excludes)
    ]
    boundary, levels = source.boundary, source.service_control or ()
    return Attached(
        identity=tuple(identity),
        boundary=None
        if boundary is None or "permission-boundary" in types
        else Source(boundary, _name(source, boundary), BOUNDARY),
        service_control=()
        if "scp" in types
        else tuple([tuple([Source(policy, "", "") for policy in level]) for level in levels]),
        identity_of=source.identity,
    )


def _is_managed(policy: Policy) -> bool:
    """Managed policies go by their ARN; no name of an inline policy has a colon."""
    return ":" in policy.id


def _inline(source: PolicySource, policy: Policy) -> tuple[str, str, str]:
    """Type and name of what an inline policy is attached to, and its own name."""
    name, of_group, group = policy.id.partition(_OF_GROUP)
    return ("group", group, name) if of_group else (source.kind.noun.lower(), source.name, name)


def _name(source: PolicySource, policy: Policy) -> str:
    return policy.id.rpartition("/")[2] if _is_managed(policy) else "_".join(_inline(source, policy))


# --- PolicyExclusionList ------------------------------------------------------------------------------------


def _excludes(identifier: Mapping[str, Any]) -> Excludes:
    """Which identity-based policies an identifier excludes. One that is valid and matches none excludes nothing, as at
    AWS."""
    match identifier:
        case {"PolicyType": "inline"}:
            return lambda source, policy: not _is_managed(policy)
        case {"PolicyType": "user-managed"}:
            return lambda source, policy: _is_managed(policy) and not policy.id.startswith(_OF_AWS)
        case {"PolicyType": "aws-managed"}:
            return lambda source, policy: policy.id.startswith(_OF_AWS)
        case {"PolicyType": _}:
            return lambda source, policy: False  # boundaries and SCPs are no such policies; RCPs are not simulated
        case {"PolicyArn": text}:
            return _excludes_arn(text)
        case {"InlinePolicyIdentifier": inline}:
            called = inline["AttachmentType"], inline["AttachmentName"], inline["PolicyName"]
            return lambda source, policy: not _is_managed(policy) and _inline(source, policy) == called
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
        or not (arn.account_id == names.AWS or names.is_account_id(arn.account_id))
        or not f"{path}/".startswith(_MANAGED)
        or not name
        or "*" in path
        or "?" in path
        or name.count("*") > 1
    ):
        raise refusal("InvalidInput", f"ARN {text} is not valid.")
    matches = glob_text(text)
    assert not isinstance(matches, Template)  # noqa: S101  nothing is a variable here
    return lambda source, policy: matches(policy.id)


# --- PolicySourceArn ----------------------------------------------------------------------------------------


async def _find(ports: Ports, exchange: Exchange) -> tuple[Kind, Target | None]:
    """What PolicySourceArn names, found by its exact ARN; None if there is no such thing.

    Raises:
        ServiceError: InvalidInput; the ARN is none of a user, a role or a group of the account.
    """
    text: str = exchange.parameters["PolicySourceArn"]
    arn = _source_arn(text)
    if arn.account_id != account_id(exchange):
        raise refusal(
            "InvalidInput",
            f"Invalid Policy Source Arn: caller's account {account_id(exchange)} does not have access to policies in "
            f"account {arn.account_id}.",
        )
    kind = _KINDS.get(arn.resource.partition("/")[0])
    name = arn.resource.rpartition("/")[2]
    if kind is None or not name:
        raise _invalid(text)
    target = await kind.find(ports.directory, arn.account_id, name)
    return kind, target if target is not None and target.arn == text else None


def _source_arn(text: str) -> Arn:
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise _invalid(text) from None
    if (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", "") or not names.is_account_id(
        arn.account_id
    ):
        raise _invalid(text)
    return arn


def _invalid(text: str) -> ServiceError:
    return refusal("InvalidInput", f"Invalid ARN provided in the request: {text}")
