"""Caller + action + resource + context → Decision: the one place where Daypass asks the policy engine.

Owns gathering the policies that apply now and the request context. The rules are daypass.policy's.

Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from daypass import limits, names
from daypass.errors import ServiceError, access_denied
from daypass.policy import Decision, Policy, PolicyKind, PolicySet, PrincipalKind, Request, decide
from daypass.policy.principals import FEDERATED_PROVIDER
from daypass.service.actions import Check, ContextValue
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import Account, IdentityReader, Levels, ManagedPolicy
from daypass.service.root_tasks import TASK_POLICIES
from daypass.token import ROOT_TASK, Session
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

# Services whose resources no resource control policy covers. (Organizations User Guide, "Resource control policies")
_NOT_RESOURCE_CONTROLLED: Final = frozenset({"iam"})
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
        resource_policy: the resource's own policy, if the check does not bring it.
        resource_account: the resource's owner, if the check does not say; None means the caller's account.
        """
        resource_policy = resource_policy or check.resource_policy
        resource_account = resource_account or check.resource_account
        policies = await self.policies(
            caller, resource_policy, resource_account=resource_account, service=check.action.partition(":")[0]
        )
        return decide_check(caller, check, request_context(caller, request, region), policies, resource_account)

    async def policies(
        self,
        caller: Caller | Anonymous,
        resource_policy: Policy | None,
        *,
        resource_account: str | None = None,
        service: str = "",
    ) -> PolicySet:
        """Every policy that a decision about the caller looks at.

        resource_account: the resource's owner; None means the caller's account. service: of the action.
        """
        own = _own_policies(caller)
        session = own.session
        narrowed = _narrowed_by_managed(caller)
        if narrowed is not None:
            managed = [await self._identities.managed_policy(arn) for arn in narrowed.policy_arns]
            session = _session_policies(narrowed, managed)
        owner = None
        if service not in _NOT_RESOURCE_CONTROLLED:
            owner = caller.account if isinstance(caller, Caller) else None
            if owner is None or resource_account not in (None, owner.account_id):
                owner = None if resource_account is None else await self._identities.account(resource_account)
        return _together(caller, own, session, resource_policy, owner)

    def held_policies(
        self, caller: Caller | Anonymous, resource_policy: Policy | None, *, resource_account: str | None, service: str
    ) -> PolicySet | None:
        """As `policies`, if nothing has to be waited for. None says nothing: ask."""
        own = _own_policies(caller)
        session = own.session
        narrowed = _narrowed_by_managed(caller)
        if narrowed is not None:
            managed = [self._identities.held_managed_policy(arn) for arn in narrowed.policy_arns]
            if None in managed:
                return None
            session = _session_policies(narrowed, managed)
        owner = None
        if service not in _NOT_RESOURCE_CONTROLLED:
            owner = caller.account if isinstance(caller, Caller) else None
            if resource_account is not None and (owner is None or owner.account_id != resource_account):
                owner = self._identities.held_account(resource_account)
                if owner is None:
                    return None
        return _together(caller, own, session, resource_policy, owner)

    async def policies_of(self, check: Check, caller: Caller | Anonymous) -> PolicySet:
        """Every policy that a decision about the check looks at."""
        return await self.policies(
            caller,
            check.resource_policy,
            resource_account=check.resource_account,
            service=check.action.partition(":")[0],
        )

    def held_policies_of(self, check: Check, caller: Caller | Anonymous) -> PolicySet | None:
        """As `policies_of`, if nothing has to be waited for. None says nothing: ask."""
        return self.held_policies(
            caller,
            check.resource_policy,
            resource_account=check.resource_account,
            service=check.action.partition(":")[0],
        )


def decide_check(
    caller: Caller | Anonymous,
    check: Check,
    common: Mapping[str, ContextValue],
    policies: PolicySet,
    resource_account: str | None,
) -> tuple[Request, Decision]:
    """One question as it is put to the engine, and its answer.

    common: the request's own context (request_context), the same for all of its checks.
    policies: of the caller, about resources of the account.
    """
    context = {**common, **check.context} if check.context else common
    question = Request(caller.principal, check.action, check.resource, context, resource_account)
    return question, decide(question, policies)


def _together(
    caller: Caller | Anonymous,
    own: PolicySet,
    session: tuple[Policy, ...] | None,
    resource_policy: Policy | None,
    owner: Account | None,
) -> PolicySet:
    """The caller's own policies with those of the resource. owner: whose resource control policies apply, if any's."""
    # The management account has none.
    resource_control = None if owner is None or owner.management else owner.resource_control
    if session is not own.session:
        return _with(own, session, resource_policy, resource_control)
    if resource_policy is None and resource_control is None:
        return own
    return _own_policies_beside(caller, resource_policy, resource_control)


@lru_cache(limits.SESSIONS_CACHED)
def _own_policies_beside(
    caller: Caller | Anonymous, resource_policy: Policy | None, resource_control: Levels | None
) -> PolicySet:
    """Whoever assumes a role or reads a bucket does so again. Neither a Caller nor a Policy changes."""
    own = _own_policies(caller)
    return _with(own, own.session, resource_policy, resource_control)


def _with(
    own: PolicySet,
    session: tuple[Policy, ...] | None,
    resource_policy: Policy | None,
    resource_control: Levels | None,
) -> PolicySet:
    return PolicySet(
        identity=own.identity,
        session=session,
        boundary=own.boundary,
        resource=resource_policy,
        service_control=own.service_control,
        resource_control=resource_control,
        scope=own.scope,
    )


@lru_cache(limits.SESSIONS_CACHED)
def session_policy(text: str) -> Policy:
    """The session policy of a token, compiled once per text. It was checked when the token was made.

    Raises:
        daypass.policy.PolicyError: it cannot be compiled.
    """
    return Policy.parse(text, PolicyKind.SESSION, id="session policy", stored=True)


def denied(question: Request, decision: Decision, check: Check) -> ServiceError:
    """The AccessDenied answer of the Query protocol for a decision that does not allow."""
    if check.tells_nothing:
        return unauthorized(question.principal.arn, check.action, check.resource)
    return access_denied(decision.denial_message(question))


def unauthorized(caller_arn: str | None, action: str, resource: str | None) -> ServiceError:
    """The AccessDenied answer that says nothing of policies, nor whether the resource exists."""
    if caller_arn is None:  # AWS's words to whoever presents a token or an assertion
        return access_denied(f"Not authorized to perform {action}")
    on = "" if resource is None else f" on resource: {resource}"
    return access_denied(f"User: {caller_arn} is not authorized to perform: {action}{on}")


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
    if isinstance(caller, Caller) and caller.session is not None and caller.session.mfa_authenticated is not None:
        age = request.received - caller.session.mfa_authenticated
        context["aws:multifactorauthage"] = str(int(age.total_seconds()))
    user_agent, referer = request.named.get(b"user-agent"), request.named.get(b"referer")
    if user_agent is not None:
        context["aws:useragent"] = user_agent.decode("latin-1")
    if referer is not None:
        context["aws:referer"] = referer.decode("latin-1")
    return context


@lru_cache(limits.SESSIONS_CACHED)
def _own_context(caller: Caller | Anonymous) -> Mapping[str, ContextValue]:
    """What the caller itself brings to every request. A Caller never changes: after a change there is another."""
    context: dict[str, ContextValue] = {}
    session = None if isinstance(caller, Anonymous) else caller.session
    if session is not None:
        # What its identity provider said of it can stand in for nothing that AWS's keys say of a caller.
        context |= {
            key: value
            for key, value in session.context.items()
            if key == FEDERATED_PROVIDER or not key.startswith(("aws:", "sts:"))
        }
    context |= {
        "aws:viaawsservice": "false",
        "aws:principaltype": _PRINCIPAL_TYPES[caller.principal.kind],
        "aws:userid": caller.user_id,
    }
    if isinstance(caller, Anonymous):
        return context
    role = caller.role
    # For a role session the key is the role's ARN; the session's is in the Principal element alone.
    context["aws:principalarn"] = (caller.principal.arn or "") if role is None else role.arn
    context["aws:principalaccount"] = caller.account.account_id
    context["aws:principalisawsservice"] = "false"
    if session is not None:
        context |= _session_context(session)
    if caller.user is not None and caller.principal.kind is PrincipalKind.USER:
        context["aws:username"] = caller.user.name
    for key, tag in _principal_tags(caller).items():
        context[f"aws:principaltag/{key}"] = tag
    return context


@lru_cache(limits.SESSIONS_CACHED)
def _own_policies(caller: Caller | Anonymous) -> PolicySet:
    """The policies that are part of the Caller: of the user or role, of its account, and in the text of its session."""
    if isinstance(caller, Anonymous):
        return PolicySet()
    holder = caller.user if caller.role is None else caller.role
    session = caller.session
    return PolicySet(
        identity=_ROOT_MAY if holder is None else holder.policies,
        boundary=None if holder is None else holder.boundary,
        session=None if session is None else _inline_session_policies(session),
        service_control=None if caller.account.management else caller.account.service_control,
        scope=None if session is None else _scope(session),
    )


def _inline_session_policies(session: Session) -> tuple[Policy, ...] | None:
    """None if none was passed, which is not the same as an empty list."""
    return None if session.session_policy is None else (session_policy(session.session_policy),)


def _narrowed_by_managed(caller: Caller | Anonymous) -> Session | None:
    """The caller's session, if managed session policies narrow it. A root session's task is no such policy."""
    session = None if isinstance(caller, Anonymous) else caller.session
    return None if session is None or not session.policy_arns or session.kind == ROOT_TASK else session


def _session_policies(session: Session, managed: Sequence[ManagedPolicy | None]) -> tuple[Policy, ...]:
    """The session policies in force, inline and managed together."""
    policies = list(_inline_session_policies(session) or ())
    for one in managed:
        # A managed policy deleted since grants nothing; the others still do.
        if one is not None and one.account_id in (session.account_id, names.AWS):
            policies.append(one.session_policy)
    return tuple(policies)


def _scope(session: Session) -> Levels | None:
    """What narrows the session beside session policies: the task of a root session, then each scope-down policy."""
    levels: list[tuple[Policy, ...]] = []
    if session.kind == ROOT_TASK:
        levels.append(tuple([TASK_POLICIES[arn] for arn in session.policy_arns if arn in TASK_POLICIES]))
    levels += [(session_policy(text),) for text in session.scope_policies]
    return tuple(levels) or None


def _session_context(session: Session) -> dict[str, ContextValue]:
    context: dict[str, ContextValue] = {
        "aws:tokenissuetime": _times(int(session.issued.timestamp()))[0],
        "aws:multifactorauthpresent": "false" if session.mfa_authenticated is None else "true",
    }
    if session.source_identity is not None:
        context["aws:sourceidentity"] = session.source_identity
    if session.kind == ROOT_TASK:
        context["aws:assumedroot"] = "true"
    return context


def _principal_tags(caller: Caller) -> Mapping[str, str]:
    """By lower-case key: the user's or role's tags, overridden by the session's. Keys are compared without case."""
    holder = caller.user if caller.role is None else caller.role
    tags = {} if holder is None else {key.lower(): value for key, value in holder.tags.items()}
    if caller.session is not None:
        tags |= {key.lower(): value for key, value in caller.session.tags.items()}
    return tags


@lru_cache(64)
def _times(epoch_seconds: int) -> tuple[str, str]:
    """An instant as condition keys carry it: ISO 8601 UTC in whole seconds, and epoch seconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), str(epoch_seconds)
