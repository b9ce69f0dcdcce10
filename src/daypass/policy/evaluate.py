"""The IAM policy evaluation flow: a request and the policies that apply to it → Decision. Pure: no clock, no store.

`decide` is to be read from top to bottom, in AWS's order.

Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic" and "Permissions
boundaries for IAM entities"; S3 API Reference, PutBucketPolicy (what the bucket owner's root may always do).
Gathering the policies that apply is service.authorize's work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from daypass.policy.compiled import Policy
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
    """

    identity: tuple[Policy, ...] = ()
    session: tuple[Policy, ...] | None = None
    boundary: Policy | None = None
    resource: Policy | None = None
    service_control: Levels | None = None
    resource_control: Levels | None = None


# Allowed to whoever has credentials, even under an explicit deny; policies cannot control these two.
_NEEDS_NO_PERMISSION: Final = frozenset({"sts:getcalleridentity", "sts:getsessiontoken"})
# Resources whose own policy must allow, or nobody may: service → what the ARN holds, the kind of the policy.
_MUST_ALLOW: Final = {"sts": (":role/", PolicyKind.ROLE_TRUST), "kms": (":key/", PolicyKind.RESOURCE)}
# What the bucket owner's root may do whatever the bucket policy says, or nobody could mend it.
_ROOT_MAY_MEND: Final = frozenset({"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"})
# Who has no policies of its own: identity, boundary, session and service control policies do not apply.
_WITHOUT_POLICIES: Final = frozenset({PrincipalKind.SERVICE, PrincipalKind.ANONYMOUS})

_ALLOWED_WITHOUT_POLICY: Final = Decision(Outcome.ALLOWED, None, ())
_IMPLICITLY_DENIED: Final = {kind: Decision(Outcome.IMPLICITLY_DENIED, kind, ()) for kind in PolicyKind}

# The halves of what Policy.about answers.
_DENY: Final = 0
_ALLOW: Final = 1


def decide(request: Request, policies: PolicySet) -> Decision:
    """Whether the policies allow the request, and which of them decided."""
    principal, kind, action = request.principal, request.principal.kind, request.action.lower()
    same_account = request.resource_account is None or request.resource_account == principal.account_id
    by_root = kind is PrincipalKind.FEDERATED_USER and _issued_by_root(principal)

    # 0. Some actions need no permission.
    if action in _NEEDS_NO_PERMISSION and kind not in _WITHOUT_POLICIES:
        return _ALLOWED_WITHOUT_POLICY

    # 1. Which policies apply to a caller of this kind.
    identity, boundary, session = policies.identity, policies.boundary, policies.session
    resource, service_control, resource_control = policies.resource, policies.service_control, policies.resource_control
    if kind in _WITHOUT_POLICIES:
        identity, boundary, session, service_control = (), None, None, None
    elif kind is PrincipalKind.ROOT:
        identity, boundary, session = (), None, None
        if same_account and action in _ROOT_MAY_MEND:
            resource = None
    elif by_root:
        identity, boundary = (), None

    # 2. "Deny" is looked for first, in every policy: an allow found earlier could not stand.
    denying: list[Statement] = []
    for level in resource_control or ():
        _find(_DENY, level, action, request, denying)
    for level in service_control or ():
        _find(_DENY, level, action, request, denying)
    if resource is not None:
        _name(_DENY, resource, action, request, denying, boundary=boundary is not None)
    _find(_DENY, identity, action, request, denying)
    if boundary is not None:
        _find(_DENY, (boundary,), action, request, denying)
    if session is not None:
        _find(_DENY, session, action, request, denying)
    if denying:
        return _decision(Outcome.EXPLICITLY_DENIED, denying[0].reference.kind, denying)

    # 3. Resource and service control policies: each level, from the root to the account, must allow.
    controlling: list[Statement] = []
    if resource_control is not None and not _each_allows(resource_control, action, request, controlling):
        return _IMPLICITLY_DENIED[PolicyKind.RESOURCE_CONTROL]
    if service_control is not None and not _each_allows(service_control, action, request, controlling):
        return _IMPLICITLY_DENIED[PolicyKind.SERVICE_CONTROL]

    # 4. The resource's policy, and the form in which it allows the caller.
    naming: list[Statement] = []
    form = Form.NOT_NAMED
    if resource is not None:
        form = _name(_ALLOW, resource, action, request, naming, boundary=boundary is not None)
    if (form is Form.FINAL and same_account) or (form and kind in _WITHOUT_POLICIES):
        return _decision(Outcome.ALLOWED, PolicyKind.RESOURCE, naming + controlling)
    if not form:
        needed = _must_allow(resource, action, request)
        if needed is not None or not same_account or kind in _WITHOUT_POLICIES:
            return _IMPLICITLY_DENIED[needed or PolicyKind.RESOURCE]

    # 5. The caller's own policies. An Allow naming a session's role or user stands in for them in its account.
    stands_in = same_account and form is Form.ISSUER
    if kind is PrincipalKind.ROOT:
        if same_account and not form:
            return _ALLOWED_WITHOUT_POLICY
        return _decision(Outcome.ALLOWED, PolicyKind.RESOURCE, naming + controlling)
    granting: list[Statement] = naming if stands_in else []
    granted_by = PolicyKind.RESOURCE if stands_in else PolicyKind.IDENTITY
    if by_root and not stands_in:
        granted_by = PolicyKind.SESSION
    elif not stands_in:
        _find(_ALLOW, identity, action, request, granting)
        if not granting:
            return _IMPLICITLY_DENIED[PolicyKind.IDENTITY]

    # 6. The permissions boundary.
    if boundary is not None:
        before = len(granting)
        _find(_ALLOW, (boundary,), action, request, granting)
        if len(granting) == before:
            return _IMPLICITLY_DENIED[PolicyKind.BOUNDARY]

    # 7. The session policies, together one set. A federated user without any has no permissions at all.
    if session is not None:
        before = len(granting)
        _find(_ALLOW, session, action, request, granting)
        if len(granting) == before:
            return _IMPLICITLY_DENIED[PolicyKind.SESSION]
    elif kind is PrincipalKind.FEDERATED_USER:
        return _IMPLICITLY_DENIED[PolicyKind.SESSION]

    # 8. Allowed. Across accounts the resource's policy allowed as well.
    if not same_account:
        granting += naming
    return _decision(Outcome.ALLOWED, granted_by, granting + controlling)


def _find(effect: int, policies: Iterable[Policy], action: str, request: Request, found: list[Statement]) -> None:
    """Adds to found the matching statements of that effect."""
    for policy in policies:
        for statement in policy.about(action)[effect]:
            if statement.applies(request):
                found.append(statement)


def _name(
    effect: int, policy: Policy, action: str, request: Request, found: list[Statement], *, boundary: bool
) -> Form:
    """Adds to found the matching statements of that effect that name the caller; the strongest form in which."""
    strongest = Form.NOT_NAMED
    for statement in policy.about(action)[effect]:
        form = statement.form(request, boundary=boundary)
        if form and statement.applies(request):
            found.append(statement)
            strongest = max(strongest, form)
    return strongest


def _each_allows(levels: Levels, action: str, request: Request, found: list[Statement]) -> bool:
    for level in levels:
        before = len(found)
        _find(_ALLOW, level, action, request, found)
        if len(found) == before:
            return False
    return len(levels) > 0


def _must_allow(resource: Policy | None, action: str, request: Request) -> PolicyKind | None:
    """The kind of the resource's policy, if only that can allow the action."""
    if resource is not None and resource.kind is PolicyKind.ROLE_TRUST:
        return PolicyKind.ROLE_TRUST
    part, kind = _MUST_ALLOW.get(action.partition(":")[0], (None, None))
    return kind if part is not None and part in request.resource else None


def _issued_by_root(principal: Principal) -> bool:
    return principal.account_id is not None and principal.issuer_id == principal.account_id


def _decision(outcome: Outcome, kind: PolicyKind, statements: list[Statement]) -> Decision:
    if len(statements) == 1 and statements[0].reference.kind is kind:
        return statements[0].alone
    return Decision(outcome, kind, tuple([statement.reference for statement in statements]))
