"""The IAM policy evaluation flow: a request and the policies that apply to it → Decision. Pure: no clock, no store.

`decide` is to be read from top to bottom, in AWS's order.

Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic", "Permissions boundaries
for IAM entities" and "Permissions for GetScopedCredentials"; S3 API Reference, PutBucketPolicy (what the bucket
owner's root may always do).
Gathering the policies that apply is service.authorize's work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from daypass.policy.candidates import head_of
from daypass.policy.compiled import Policy, candidates
from daypass.policy.decision import Decision, Outcome
from daypass.policy.faults import PolicyKind
from daypass.policy.principals import Form
from daypass.policy.request import Principal, PrincipalKind, Request
from daypass.policy.statement import Statement

Levels = tuple[tuple[Policy, ...], ...]


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies that apply to a request. None: not present; empty: present, and allows nothing.

    identity: of the user, or of the user or role behind the session.
    resource: the bucket policy, or the role's trust policy.
    service_control, resource_control: one tuple for each level, from the root to the account.
    scope: what narrows one session beside its session policies, a tuple for each narrowing: the scope-down policies of
        GetScopedCredentials, oldest first, and the task policy of AssumeRoot.
    """

    identity: tuple[Policy, ...] = ()
    session: tuple[Policy, ...] | None = None
    boundary: Policy | None = None
    resource: Policy | None = None
    service_control: Levels | None = None
    resource_control: Levels | None = None
    scope: Levels | None = None


# Allowed to whoever has credentials, even under an explicit deny; policies cannot control these two.
_NEEDS_NO_PERMISSION: Final = frozenset({"sts:getcalleridentity", "sts:getsessiontoken"})
# Resources whose own policy must allow, or nobody may: service → what the ARN holds, the kind of the policy.
_MUST_ALLOW: Final = {"sts": (":role/", PolicyKind.ROLE_TRUST), "kms": (":key/", PolicyKind.RESOURCE)}
# What the bucket owner's root may do whatever the bucket policy says, or nobody could mend it.
_ROOT_MAY_MEND: Final = frozenset({"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"})
# Who has no policies of its own: identity, boundary, session and service control policies do not apply.
_WITHOUT_POLICIES: Final = frozenset({PrincipalKind.SERVICE, PrincipalKind.ANONYMOUS})

_MUST_ALLOW_SERVICES: Final = tuple([f"{service}:" for service in _MUST_ALLOW])
# To whom some kinds of policy may not apply; to all others all do.
_NOT_SUBJECT_TO_ALL: Final = _WITHOUT_POLICIES | {PrincipalKind.ROOT, PrincipalKind.FEDERATED_USER}

_ALLOWED_WITHOUT_POLICY: Final = Decision(Outcome.ALLOWED, None, ())
_IMPLICITLY_DENIED: Final = {kind: Decision(Outcome.IMPLICITLY_DENIED, kind, ()) for kind in PolicyKind}

# Members by names of their own: looking each up in its enumeration took a third of the instructions of a decision.
_ALLOWED: Final = Outcome.ALLOWED
_EXPLICITLY_DENIED: Final = Outcome.EXPLICITLY_DENIED
_ROOT: Final = PrincipalKind.ROOT
_FEDERATED_USER: Final = PrincipalKind.FEDERATED_USER
_IDENTITY: Final = PolicyKind.IDENTITY
_BOUNDARY: Final = PolicyKind.BOUNDARY
_SESSION: Final = PolicyKind.SESSION
_RESOURCE: Final = PolicyKind.RESOURCE
_NOT_NAMED: Final = Form.NOT_NAMED
_FINAL: Final = Form.FINAL
_ISSUER: Final = Form.ISSUER


def decide(request: Request, policies: PolicySet) -> Decision:
    """Whether the policies allow the request, and which of them decided."""
    principal, kind = request.principal, request.principal.kind
    action, head = request.action.lower(), head_of(request.resource)
    same_account = request.resource_account is None or request.resource_account == principal.account_id

    # 0. Some actions need no permission.
    if action in _NEEDS_NO_PERMISSION and kind not in _WITHOUT_POLICIES:
        return _ALLOWED_WITHOUT_POLICY

    # 1. Which policies apply to a caller of this kind, and their statements about the action.
    if kind in _NOT_SUBJECT_TO_ALL:
        policies = applicable(request, policies)
    identity = candidates(policies.identity, action)
    boundary = None if policies.boundary is None else policies.boundary.about(action)
    session = None if policies.session is None else candidates(policies.session, action)
    resource = None if policies.resource is None else policies.resource.about(action)
    service_control, resource_control, scope = policies.service_control, policies.resource_control, policies.scope

    # 2. "Deny" is looked for first, in every policy: an allow found earlier could not stand.
    denying: list[Statement] = []
    if resource_control is not None or service_control is not None:
        for level in (resource_control or ()) + (service_control or ()):
            denying += candidates(level, action).denying(head, request)
    if resource is not None and (matching := resource.denying(head, request)):
        denying += _naming(matching, request, boundary is not None)[0]
    denying += identity.denying(head, request)
    if boundary is not None:
        denying += boundary.denying(head, request)
    if session is not None:
        denying += session.denying(head, request)
    if scope is not None:
        for level in scope:
            denying += candidates(level, action).denying(head, request)
    if denying:
        return _decision(_EXPLICITLY_DENIED, denying[0].kind, denying)

    # 3. Resource and service control policies: each level, from the root to the account, must allow.
    controlling: list[Statement] = []
    if resource_control is not None and not _each_allows(resource_control, action, head, request, controlling):
        return _IMPLICITLY_DENIED[PolicyKind.RESOURCE_CONTROL]
    if service_control is not None and not _each_allows(service_control, action, head, request, controlling):
        return _IMPLICITLY_DENIED[PolicyKind.SERVICE_CONTROL]
    # What a scope-down policy narrows is all that the session may do, whoever grants it, the root user included.
    if scope is not None and not _each_allows(scope, action, head, request, controlling):
        return _IMPLICITLY_DENIED[_SESSION]

    # 4. The resource's policy, and the form in which it allows the caller.
    naming: list[Statement] = []
    form = _NOT_NAMED
    if resource is not None:
        naming, form = _naming(resource.allowing(head, request), request, boundary is not None)
    if (form is _FINAL and same_account) or (form and kind in _WITHOUT_POLICIES):
        return _decision(_ALLOWED, naming[0].kind, naming + controlling)
    if not form:
        needed = _must_allow(policies.resource, action, request.resource)
        if needed is not None or not same_account or kind in _WITHOUT_POLICIES:
            return _IMPLICITLY_DENIED[needed or _RESOURCE]

    # 5. The caller's own policies. Root needs none; a resource policy that names a session's role or user stands in.
    if kind is _ROOT:
        if form:
            return _decision(_ALLOWED, naming[0].kind, naming + controlling)
        return _ALLOWED_WITHOUT_POLICY if scope is None else _decision(_ALLOWED, _SESSION, controlling)
    granted_by, granting = _SESSION, controlling
    if same_account and form is _ISSUER:
        granted_by, granting = naming[0].kind, naming + controlling
    elif not (kind is _FEDERATED_USER and _issued_by_root(principal)):
        granted_by, granting = _IDENTITY, identity.allowing(head, request)
        if not granting:
            return _IMPLICITLY_DENIED[_IDENTITY]
        granting += controlling

    # 6. The permissions boundary.
    if boundary is not None:
        within = boundary.allowing(head, request)
        if not within:
            return _IMPLICITLY_DENIED[_BOUNDARY]
        granting += within

    # 7. The session policies, together one set. A federated user without any has no permissions at all.
    if session is not None:
        within = session.allowing(head, request)
        if not within:
            return _IMPLICITLY_DENIED[_SESSION]
        granting += within
    elif kind is _FEDERATED_USER:
        return _IMPLICITLY_DENIED[_SESSION]

    # 8. Allowed. Across accounts the resource's policy had to allow as well.
    if not same_account:
        granting += naming
    return _decision(_ALLOWED, granted_by, granting)


def applicable(request: Request, policies: PolicySet) -> PolicySet:
    """Those of the policies that apply to a caller of the request's kind."""
    principal, kind = request.principal, request.principal.kind
    if kind in _WITHOUT_POLICIES:
        return PolicySet(resource=policies.resource, resource_control=policies.resource_control)
    if kind is _ROOT:
        same_account = request.resource_account in (None, principal.account_id)
        mends = same_account and request.action.lower() in _ROOT_MAY_MEND
        return replace(
            policies, identity=(), boundary=None, session=None, resource=None if mends else policies.resource
        )
    if kind is _FEDERATED_USER and _issued_by_root(principal):
        return replace(policies, identity=(), boundary=None)
    return policies


def _naming(statements: list[Statement], request: Request, boundary: bool) -> tuple[list[Statement], Form]:
    """Those of a resource's statements that name the caller, and the strongest form in which one does."""
    strongest, naming = _NOT_NAMED, []
    for statement in statements:
        form = statement.form(request, boundary=boundary)
        if form:
            naming.append(statement)
            strongest = max(strongest, form)
    return naming, strongest


def _each_allows(levels: Levels, action: str, head: str, request: Request, found: list[Statement]) -> bool:
    """Whether every level allows; adds to found the statements by which."""
    for level in levels:
        allowing = candidates(level, action).allowing(head, request)
        if not allowing:
            return False
        found += allowing
    return len(levels) > 0


def _must_allow(policy: Policy | None, action: str, resource: str) -> PolicyKind | None:
    """The kind of the resource's policy, if only that can allow the action."""
    if policy is not None and policy.kind is PolicyKind.ROLE_TRUST:
        return PolicyKind.ROLE_TRUST
    if not action.startswith(_MUST_ALLOW_SERVICES):
        return None
    part, kind = _MUST_ALLOW[action.partition(":")[0]]
    return kind if part in resource else None


def _issued_by_root(principal: Principal) -> bool:
    return principal.account_id is not None and principal.issuer_id == principal.account_id


def _decision(outcome: Outcome, kind: PolicyKind, statements: list[Statement]) -> Decision:
    if len(statements) == 1 and statements[0].kind is kind:
        return statements[0].alone()
    return Decision(outcome, kind, tuple([statement.reference for statement in statements]))
