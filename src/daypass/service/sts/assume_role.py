"""AssumeRole: a role's temporary credentials for whoever its trust policy lets in.

The role's trust policy is evaluated as the role's resource policy, and the caller's own policies beside it: across
accounts both must allow, and in one account a trust policy that names the caller itself is enough.

Source: AWS Security Token Service API Reference, AssumeRole; IAM User Guide, "Pass session tags in AWS STS" (which tags
a chain inherits), "Monitor and control actions taken with assumed roles" (source identity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass.errors import ServiceError, access_denied
from daypass.policy import PrincipalKind
from daypass.service import mfa
from daypass.service.actions import Check, Checks, ContextValue, Exchange, Ports, Result
from daypass.service.authorize import unauthorized
from daypass.service.ports import ManagedPolicy, Role
from daypass.service.sts.marks import UNMARKED, Marks
from daypass.service.sts.narrowing import (
    held_managed_policies,
    managed_policies,
    policy_arns,
    session_tags,
    tag_context,
)
from daypass.service.sts.role_sessions import (
    check_role_arn,
    find_role,
    held_role,
    open_session,
    session_seconds,
    trust_check,
)
from daypass.token import ROLE_SESSION, Session

_MARKING: Final = frozenset({"SourceIdentity", "TransitiveTagKeys"})


def assume_role_checks(ports: Ports, exchange: Exchange) -> Checks:
    """sts:AssumeRole on the role; sts:SetSourceIdentity and sts:TagSession too, where the session will have these."""
    caller, parameters = exchange.caller, exchange.parameters
    # 1. What is passed must make sense, whatever the role.
    arn: str = parameters["RoleArn"]
    check_role_arn(arn)
    policy_arns(parameters)
    if parameters.get("ProvidedContexts"):
        raise ServiceError(
            "InvalidParameterValue", 400, "ProvidedContexts is not served by Daypass: it has no context providers."
        )
    passed = session_tags(parameters)
    marks = _marks(caller.session, passed, parameters)

    # 2. Root may not, and a code that is passed must be the caller's.
    if caller.principal.kind is PrincipalKind.ROOT:
        raise access_denied("Roles may not be assumed by root accounts.")
    context = _context(parameters, passed, marks)
    role = None if mfa.is_given(parameters) else held_role(ports, arn)
    if role is None:
        return _checks_once_found(ports, exchange, arn, marks, context)
    return _checks(exchange, role, marks, context)


async def _checks_once_found(
    ports: Ports, exchange: Exchange, arn: str, marks: Marks, context: dict[str, ContextValue]
) -> tuple[Check, ...]:
    caller, parameters, received = exchange.caller, exchange.parameters, exchange.request.received
    if mfa.is_given(parameters):
        exchange.found["proof"] = await mfa.check(ports.identities, ports.wrong_codes, caller, parameters, received)
        context |= {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}

    # 3. The role. That there is none is answered like a denial.
    role = await find_role(ports, arn)
    if role is None:
        raise unauthorized(caller.principal.arn, "sts:AssumeRole", arn)
    return _checks(exchange, role, marks, context)


def _checks(exchange: Exchange, role: Role, marks: Marks, context: dict[str, ContextValue]) -> tuple[Check, ...]:
    """4. What must be allowed on the role."""
    exchange.found["role"], exchange.found["marks"] = role, marks
    check = trust_check("sts:AssumeRole", role, context)
    if marks is UNMARKED:
        return (check,)
    checks = [check]
    if marks.source_identity is not None:
        checks.append(trust_check("sts:SetSourceIdentity", role, context))
    if marks.tags:
        checks.append(trust_check("sts:TagSession", role, context))
    return tuple(checks)


def assume_role(ports: Ports, exchange: Exchange) -> Result:
    """Temporary credentials of the role."""
    managed = held_managed_policies(ports, policy_arns(exchange.parameters))
    if managed is None or "proof" in exchange.found:
        return _assume_once_found(ports, exchange)
    return _issue(ports, exchange, managed, exchange.found["marks"])


async def _assume_once_found(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    marks: Marks = exchange.found["marks"]
    proof: mfa.Proof | None = exchange.found.get("proof")
    if proof is not None:
        given = exchange.request.received.replace(microsecond=0)
        marks = Marks(marks.tags, marks.transitive_tags, marks.source_identity, given)
    managed = await managed_policies(ports, policy_arns(exchange.parameters))
    answer = _issue(ports, exchange, managed, marks)
    # The code is spent last: a call that fails for another reason leaves it good for the next.
    if proof is not None:
        await proof.accept(ports.directory)
    return answer


def _issue(ports: Ports, exchange: Exchange, managed: Sequence[ManagedPolicy | None], marks: Marks) -> dict[str, Any]:
    """managed: what each of PolicyArns names."""
    parameters, role = exchange.parameters, exchange.found["role"]
    seconds = session_seconds(role, parameters, chained=exchange.caller.session_kind == ROLE_SESSION)
    name, started = parameters["RoleSessionName"], exchange.request.received
    return open_session(ports, role, name, seconds, started, parameters, managed, marks)


def _marks(session: Session | None, passed: Mapping[str, str], parameters: Mapping[str, Any]) -> Marks:
    """What the new session is marked with: what is passed, beside what the calling session hands on.

    Raises:
        ServiceError: what is passed contradicts what is handed on.
    """
    if session is None and not passed and _MARKING.isdisjoint(parameters):
        return UNMARKED
    transitive = {key.lower() for key in (session.transitive_tags if session is not None else ())}
    handed_on = {
        key: value for key, value in (session.tags if session is not None else {}).items() if key.lower() in transitive
    }
    keys = {key.lower(): key for key in passed}
    wanted = dict.fromkeys(key.lower() for key in parameters.get("TransitiveTagKeys", ()))
    if any(key in transitive for key in (*wanted, *keys)):
        raise ServiceError(
            "InvalidParameterValue",
            400,
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
            "the calling session.",
        )
    if any(key not in keys for key in wanted):
        raise ServiceError(
            "InvalidParameterValue",
            400,
            "The specified transitive tag key must be included in the requested tags.",
        )
    kept = session.source_identity if session is not None else None
    asked = parameters.get("SourceIdentity")
    if kept is not None and asked not in (None, kept):
        # It is set once for a whole chain; AWS's text is not known.
        raise access_denied("The source identity of the calling session cannot be changed.")
    return Marks(
        tags={**handed_on, **passed},
        transitive_tags=(*handed_on, *[keys[key] for key in wanted]),
        source_identity=kept or asked,
    )


def _context(parameters: Mapping[str, Any], passed: Mapping[str, str], marks: Marks) -> dict[str, ContextValue]:
    """The condition keys of the call alone; they are not the session's."""
    context = tag_context(passed)
    context["sts:rolesessionname"] = parameters["RoleSessionName"]
    if "ExternalId" in parameters:
        context["sts:externalid"] = parameters["ExternalId"]
    if marks.source_identity is not None:
        context["sts:sourceidentity"] = marks.source_identity
    if marks.transitive_tags:
        context["sts:transitivetagkeys"] = marks.transitive_tags
    return context
