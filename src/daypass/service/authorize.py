"""Caller + action + resource + context → Decision: the one place where Daypass asks the policy engine.

Owns gathering the policies that apply now and the request context. The rules are daypass.policy's.

Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from daypass import limits
from daypass.errors import ServiceError, access_denied
from daypass.policy import Decision, Policy, PolicyKind, PolicySet, PrincipalKind, Request, decide
from daypass.service.actions import Check, ContextValue
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import IdentityReader
from daypass.token import Session
from daypass.wire.http import RawRequest

# What the account's root user may do. A session it issued is limited by its session policies alone, so the
# issuer's side of the intersection is everything. (AWS Security Token Service API Reference, GetFederationToken)
_ROOT_MAY: Final = (
    Policy.parse(
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
        PolicyKind.IDENTITY,
        id="root user",
    ),
)

_PRINCIPAL_TYPES: Final = {
    PrincipalKind.USER: "User",
    PrincipalKind.ROOT: "Account",
    PrincipalKind.FEDERATED_USER: "FederatedUser",
    PrincipalKind.ROLE_SESSION: "AssumedRole",
    PrincipalKind.ANONYMOUS: "Anonymous",
}


class Authorizer:
    """Decides requests against the policies in force.

    One decision function serves every action of every service: a path that does not pass here has no decision.
    """

    def __init__(self, identities: IdentityReader) -> None:
        self._identities = identities

    async def decide(
        self,
        caller: Caller | Anonymous,
        request: RawRequest,
        check: Check,
        *,
        region: str,
        resource_policy: Policy | None = None,
        resource_account: str | None = None,
    ) -> tuple[Request, Decision]:
        """The question as it was put to the engine, and its answer.

        region: of the credential scope (aws:RequestedRegion); empty for an unsigned request.
        resource_policy: the bucket policy, if the resource has one.
        resource_account: the resource's owner; None means the caller's account.
        """
        question = Request(
            principal=caller.principal,
            action=check.action,
            resource=check.resource,
            context={**request_context(caller, request, region), **check.context},
            resource_account=resource_account,
        )
        return question, decide(question, await self.policies(caller, resource_policy))

    async def policies(self, caller: Caller | Anonymous, resource_policy: Policy | None) -> PolicySet:
        """Every policy that a decision about the caller looks at."""
        session = None if isinstance(caller, Anonymous) else caller.session
        policies = _own_policies(caller)
        if session is not None or resource_policy is not None:
            policies = PolicySet(
                identity=policies.identity,
                session=None if session is None else await self._session_policies(session),
                resource=resource_policy,
            )
        return policies

    async def _session_policies(self, session: Session) -> tuple[Policy, ...] | None:
        """The session policies in force; None if none was passed, which is not the same as an empty list."""
        if session.session_policy is None and not session.policy_arns:
            return None
        policies = []
        if session.session_policy is not None:
            policies.append(session_policy(session.session_policy))
        for arn in session.policy_arns:
            managed = await self._identities.managed_policy(arn)
            # A managed policy deleted since grants nothing; the others still do.
            if managed is not None and managed.account_id == session.account_id:
                policies.append(managed.session_policy)
        return tuple(policies)


@lru_cache(limits.SESSIONS_CACHED)
def session_policy(text: str) -> Policy:
    """The session policy of a token, compiled once per text. It was checked when the token was made.

    Raises:
        daypass.policy.PolicyError: it cannot be compiled.
    """
    return Policy.parse(text, PolicyKind.SESSION, id="session policy", stored=True)


def denied(question: Request, decision: Decision) -> ServiceError:
    """The AccessDenied answer of the Query protocol for a decision that does not allow."""
    return access_denied(decision.denial_message(question))


def request_context(caller: Caller | Anonymous, request: RawRequest, region: str) -> dict[str, ContextValue]:
    """The condition keys that every request has, by lower-case name.

    Each is taken from what was proven or from what the server saw; none can be set by naming it in a header.
    """
    current_time, epoch_time = _times(int(request.received.timestamp()))
    context: dict[str, ContextValue] = {
        **_own_context(caller),
        "aws:currenttime": current_time,
        "aws:epochtime": epoch_time,
        "aws:securetransport": "true" if request.secure else "false",
        "aws:sourceip": request.source_ip,
    }
    if region:
        context["aws:requestedregion"] = region
    for name, value in request.headers:
        if name == b"user-agent":
            context["aws:useragent"] = value.decode("latin-1")
        elif name == b"referer":
            context["aws:referer"] = value.decode("latin-1")
    return context


@lru_cache(limits.SESSIONS_CACHED)
def _own_context(caller: Caller | Anonymous) -> Mapping[str, ContextValue]:
    """What the caller itself brings to every request. A Caller never changes: after a change there is another."""
    context: dict[str, ContextValue] = {
        "aws:viaawsservice": "false",
        "aws:principaltype": _PRINCIPAL_TYPES[caller.principal.kind],
        "aws:userid": caller.user_id,
    }
    if isinstance(caller, Anonymous):
        return context
    context["aws:principalarn"] = caller.principal.arn or ""
    context["aws:principalaccount"] = caller.account.account_id
    context["aws:principalisawsservice"] = "false"
    if caller.session is not None:
        context |= _session_context(caller.session)
    elif caller.user is not None:
        context["aws:username"] = caller.user.name
    for key, tag in _principal_tags(caller).items():
        context[f"aws:principaltag/{key}"] = tag
    return context


@lru_cache(limits.SESSIONS_CACHED)
def _own_policies(caller: Caller | Anonymous) -> PolicySet:
    """The identity-based policies of the caller or of its session's issuer, which are part of the Caller."""
    if isinstance(caller, Anonymous):
        return PolicySet()
    return PolicySet(identity=_ROOT_MAY if caller.user is None else caller.user.policies)


def _session_context(session: Session) -> dict[str, ContextValue]:
    return {
        "aws:tokenissuetime": _times(int(session.issued.timestamp()))[0],
        "aws:multifactorauthpresent": "false",  # GetFederationToken takes no MFA code
    }


def _principal_tags(caller: Caller) -> Mapping[str, str]:
    """By lower-case key: the user's tags, overridden by the session's. Tag keys are compared without case."""
    tags = {} if caller.user is None else {key.lower(): value for key, value in caller.user.tags.items()}
    if caller.session is not None:
        tags |= {key.lower(): value for key, value in caller.session.tags.items()}
    return tags


@lru_cache(64)
def _times(epoch_seconds: int) -> tuple[str, str]:
    """An instant as condition keys carry it: ISO 8601 UTC in whole seconds, and epoch seconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), str(epoch_seconds)
