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
from daypass.service.actions import Check, ContextValue, Exchange, Ports
from daypass.service.authorize import unauthorized
from daypass.service.ports import Role
from daypass.service.sts.narrowing import policy_arns, session_tags, tag_context
from daypass.service.sts.role_sessions import (
    Marks,
    check_role_arn,
    find_role,
    open_session,
    session_seconds,
    trust_check,
)
from daypass.token import ROLE_SESSION, Session

_MARKING: Final = frozenset({"SourceIdentity", "TransitiveTagKeys"})


async def assume_role_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
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
    proof = await mfa.check(ports.identities, ports.wrong_codes, caller, parameters, exchange.request.received)

    # 3. The role, and what must be allowed on it. That there is none is answered like a denial.
    role = await find_role(ports, arn)
    if role is None:
        raise unauthorized(caller.principal.arn, "sts:AssumeRole", arn)
    exchange.found["role"], exchange.found["marks"], exchange.found["proof"] = role, marks, proof
    context = _context(parameters, passed, marks)
    if proof is not None:
        context |= {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}
    checks = [trust_check("sts:AssumeRole", role, context)]
    if marks.source_identity is not None:
        checks.append(trust_check("sts:SetSourceIdentity", role, context))
    if marks.tags:
        checks.append(trust_check("sts:TagSession", role, context))
    return checks


async def assume_role(ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    """Temporary credentials of the role."""
    parameters, received = exchange.parameters, exchange.request.received
    role: Role = exchange.found["role"]
    marks: Marks = exchange.found["marks"]
    proof: mfa.Proof | None = exchange.found["proof"]
    seconds = session_seconds(role, parameters, chained=exchange.caller.session_kind == ROLE_SESSION)
    if proof is not None:
        marks = Marks(marks.tags, marks.transitive_tags, marks.source_identity, received.replace(microsecond=0))
    answer = await open_session(ports, role, parameters["RoleSessionName"], seconds, received, parameters, marks)
    # The code is spent last: a call that fails for another reason leaves it good for the next.
    if proof is not None:
        await proof.accept(ports.directory)
    return answer


def _marks(session: Session | None, passed: Mapping[str, str], parameters: Mapping[str, Any]) -> Marks:
    """What the new session is marked with: what is passed, beside what the calling session hands on.

    Raises:
        ServiceError: what is passed contradicts what is handed on.
    """
    if session is None and not passed and _MARKING.isdisjoint(parameters):
        return Marks()
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
