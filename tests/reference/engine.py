"""A second policy engine, to compare the first one with: slow, literal, and sharing no code with it.

It reads parsed JSON in the format of `daypass policy test` cases and takes the documents as valid. Every rule is one
short function that names the rule it states. The rules and where they come from:

    1.1  the decision flow          IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic"
    1.2  what limits which allow    "Policy evaluation logic" (table of resource-based policies), "Session policies",
                                    "Permissions boundaries", "Permissions for GetFederationToken" and
                                    "… for GetScopedCredentials"
    1.3  Principal, NotPrincipal    "AWS JSON policy elements: Principal", "NotPrincipal"
    1.4  Action, Resource           "IAM JSON policy elements: Action", "Resource"
    1.5  variables                  "IAM policy elements: Variables and tags"
    1.6  conditions                 "Condition operators", "Single-valued vs. multivalued context keys"
    1.7  context keys by session    "AWS global condition context keys"
    1.10 quirks                     each has its cases in vectors/policy_cases.jsonl
    1.13 interim answers            where AWS's pages are silent or contradict each other
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reference.conditions import block_holds
from reference.patterns import Context, matches, resource_pattern_matches, symbols
from reference.principals import Caller, Form, caller_of, escapes_not_principal, forms_naming

Document = dict[str, Any]
Statement = dict[str, Any]

ALLOWED, EXPLICITLY_DENIED, IMPLICITLY_DENIED = "Allowed", "ExplicitlyDenied", "ImplicitlyDenied"
IDENTITY = "identity-based policy"
BOUNDARY = "permissions boundary"
SESSION = "session policy"
RESOURCE = "resource-based policy"
ROLE_TRUST = "role trust policy"
SERVICE_CONTROL = "service control policy"
RESOURCE_CONTROL = "resource control policy"

# Rule 1.2, first table: with these forms of naming the caller, a same-account grant needs nothing else.
FINAL_FORMS = {Form.ITSELF, Form.EVERYONE}


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: str
    kind: str | None  # the kind that decided: for an implicit denial the first in the flow's order
    kinds: frozenset[str]  # every kind that denied the same way; those that allowed, if allowed


@dataclass(frozen=True, slots=True)
class Situation:
    """The request, and of the policies those that apply to this kind of caller. None = that step is skipped."""

    caller: Caller
    action: str
    resource: str
    context: Context
    cross_account: bool
    identity: list[Document] | None
    session: list[Document] | None
    scope: list[Document]
    boundary: list[Document] | None
    resource_policy: Document | None
    resource_kind: str
    resource_policy_must_allow: bool
    scps: list[list[Document]] | None
    rcps: list[list[Document]] | None


def evaluate(case: dict[str, Any]) -> Verdict:
    """Rule 1.1: the flow."""
    situation = situation_of(case["request"], case["policies"])
    if needs_no_decision(situation.action):
        return Verdict(ALLOWED, None, frozenset())
    denying = kinds_that_deny(situation)
    if denying:
        return Verdict(EXPLICITLY_DENIED, denying[0], frozenset(denying))
    lacking = kinds_that_lack_an_allow(situation)
    if lacking:
        return Verdict(IMPLICITLY_DENIED, lacking[0], frozenset(lacking))
    return Verdict(ALLOWED, None, frozenset())


def needs_no_decision(action: str) -> bool:
    """Rule 1.1: `sts:GetCallerIdentity` is allowed even under an explicit Deny; `sts:GetSessionToken` needs nothing."""
    return action.lower() in ("sts:getcalleridentity", "sts:getsessiontoken")


# ---- what applies to whom ----


def situation_of(request: dict[str, Any], policies: dict[str, Any]) -> Situation:
    caller = caller_of(request)
    own_account = not request.get("resource_account")
    return Situation(
        caller=caller,
        action=request["action"],
        resource=request["resource"],
        context=lower_keys(request.get("context") or {}),
        cross_account=not own_account and request["resource_account"] != caller.account,
        identity=(policies.get("identity") or []) if has_identity_policies(caller) else None,
        session=(policies.get("session") or None) if may_have_session_policies(caller) else None,
        scope=(policies.get("scope") or []) if is_of_an_account(caller) else [],
        boundary=(policies.get("boundary") or None) if has_identity_policies(caller) else None,
        resource_policy=policies.get("resource"),
        resource_kind=ROLE_TRUST if is_role(request) else RESOURCE,
        resource_policy_must_allow=is_role(request) or is_key(request),
        scps=(policies.get("scps") or None) if is_of_an_account(caller) else None,
        rcps=policies.get("rcps") or None,
    )


def lower_keys(context: dict[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """Rule 1.6: condition keys are compared without case. A list in the case is a multivalued key."""
    return {key.lower(): tuple(value) if isinstance(value, list) else value for key, value in context.items()}


def is_of_an_account(caller: Caller) -> bool:
    """Rule 1.1: SCPs apply to neither anonymous callers nor service principals; they do apply to the root user."""
    return caller.kind not in ("anonymous", "service")


def has_identity_policies(caller: Caller) -> bool:
    """Rule 1.1, Root user: no identity policy nor boundary applies, nor to a session the root user issued (1.2)."""
    return is_of_an_account(caller) and caller.kind != "root" and not is_issued_by_root(caller)


def is_issued_by_root(caller: Caller) -> bool:
    """Rule 1.2: for the root user as caller nothing limits a federated session but its session policies."""
    return caller.kind == "federated-user" and (caller.issuer_arn or "").endswith(":root")


def may_have_session_policies(caller: Caller) -> bool:
    """Rule 1.1, step 7: whoever has session policies is limited by them; the root user is not."""
    return is_of_an_account(caller) and caller.kind != "root"


def is_role(request: dict[str, Any]) -> bool:
    """Rule 1.1, Services that change rule 4/5: the resource policy of a role is its trust policy, read by STS."""
    parts = request["resource"].split(":", 5)
    return request["action"].lower().startswith("sts:") and parts[2:3] == ["iam"] and parts[-1].startswith("role/")


def is_key(request: dict[str, Any]) -> bool:
    """Rule 1.1, Services that change rule 4/5: a KMS key's policy must itself allow the caller."""
    return request["action"].lower().startswith("kms:") and ":key/" in request["resource"]


# ---- step 1: explicit denies ----


def kinds_that_deny(situation: Situation) -> list[str]:
    """Rule 1.1, step 1: any matching Deny in any applicable policy, in the order of the flow."""
    denies = {
        RESOURCE_CONTROL: any_level_denies(situation.rcps, situation),
        SERVICE_CONTROL: any_level_denies(situation.scps, situation),
        situation.resource_kind: resource_policy_denies(situation),
        IDENTITY: any_denies(situation.identity, situation),
        BOUNDARY: any_denies(situation.boundary, situation),
        SESSION: any_denies(situation.session, situation) or any_denies(situation.scope, situation),
    }
    return [kind for kind, denied in denies.items() if denied]


def any_level_denies(levels: list[list[Document]] | None, situation: Situation) -> bool:
    return any(any_denies(level, situation) for level in levels or [])


def any_denies(documents: list[Document] | None, situation: Situation) -> bool:
    return any(has_matching(document, "Deny", situation) for document in documents or [])


def resource_policy_denies(situation: Situation) -> bool:
    """Rule 1.3: in Deny every form counts, the account's included. Rule 1.1 for the bucket owner's root user."""
    if situation.resource_policy is None or root_repairs_bucket_policy(situation):
        return False
    return has_matching(situation.resource_policy, "Deny", situation)


def root_repairs_bucket_policy(situation: Situation) -> bool:
    """Rule 1.1, Root user: the bucket owner's root reads and replaces a bucket policy whatever it denies."""
    return (
        situation.caller.kind == "root"
        and not situation.cross_account
        and situation.action.lower() in ("s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy")
    )


# ---- steps 2 to 7: who lacks an allow ----


def kinds_that_lack_an_allow(situation: Situation) -> list[str]:
    """Rule 1.1, steps 2 to 7, each kind that denies implicitly, in the order of the flow."""
    lacking = []
    if not every_level_allows(situation.rcps, situation):
        lacking.append(RESOURCE_CONTROL)
    if not every_level_allows(situation.scps, situation):
        lacking.append(SERVICE_CONTROL)
    if not every_scope_allows(situation):
        lacking.append(SESSION)
    forms = forms_the_resource_policy_allows(situation)
    if not is_of_an_account(situation.caller):
        return lacking + lacking_of_outsider(situation, forms)
    if situation.cross_account:
        return lacking + lacking_across_accounts(situation, forms)
    return lacking + lacking_in_one_account(situation, forms)


def every_level_allows(levels: list[list[Document]] | None, situation: Situation) -> bool:
    """Rule 1.1, steps 2 and 3: every level from root to account must have an Allow."""
    return all(any_allows(level, situation) for level in levels or [])


def every_scope_allows(situation: Situation) -> bool:
    """Rule 1.2, Permissions for GetScopedCredentials: each scope-down policy of the chain cuts what the session may do.

    Nothing stands in for one: neither a resource policy nor being the root user.
    """
    return all(any_allows([document], situation) for document in situation.scope)


def lacking_of_outsider(situation: Situation, forms: set[Form]) -> list[str]:
    """Rule 1.1, Anonymous and Service principal: only the resource policy counts (and the RCPs)."""
    return [] if forms else [situation.resource_kind]


def lacking_across_accounts(situation: Situation, forms: set[Form]) -> list[str]:
    """Rule 1.1, Cross-account: both sides must allow, and none of the bypasses of 1.2 works."""
    lacking = [] if forms else [situation.resource_kind]
    return lacking + lacking_of_caller(situation, identity_bypassed=False)


def lacking_in_one_account(situation: Situation, forms: set[Form]) -> list[str]:
    """Rule 1.2: the table. A trust or key policy must allow in some form (1.1, services that change rule 4/5)."""
    if situation.resource_policy_must_allow and not forms:
        return [situation.resource_kind, *lacking_of_caller(situation, identity_bypassed=False)]
    if forms & FINAL_FORMS:
        return []
    # Naming the account only delegates; naming the issuer stands in for the identity policies alone.
    return lacking_of_caller(situation, identity_bypassed=Form.ISSUER in forms)


def lacking_of_caller(situation: Situation, *, identity_bypassed: bool) -> list[str]:
    """Rule 1.1, steps 5 to 7."""
    lacking = []
    if not identity_bypassed and not identity_allows(situation):
        lacking.append(IDENTITY)
    if situation.boundary is not None and not any_allows(situation.boundary, situation):
        lacking.append(BOUNDARY)
    if not session_allows(situation):
        lacking.append(SESSION)
    return lacking


def identity_allows(situation: Situation) -> bool:
    """Rule 1.1, step 5; for the root user and what he issued the step is skipped."""
    return situation.identity is None or any_allows(situation.identity, situation)


def session_allows(situation: Situation) -> bool:
    """Rule 1.1, step 7: several session policies are one union; a federated session without any has nothing."""
    if situation.session is None:
        return situation.caller.kind != "federated-user"
    return any_allows(situation.session, situation)


def any_allows(documents: list[Document] | None, situation: Situation) -> bool:
    return any(has_matching(document, "Allow", situation) for document in documents or [])


def forms_the_resource_policy_allows(situation: Situation) -> set[Form]:
    """Rule 1.2: what matters is the form in which a matching Allow names the caller."""
    forms: set[Form] = set()
    for statement in statements_of(situation.resource_policy or {}):
        if statement["Effect"] == "Allow" and statement_matches(statement, situation.resource_policy or {}, situation):
            forms |= forms_naming(statement["Principal"], situation.caller)
    return forms


# ---- one statement ----


def statements_of(document: Document) -> list[Statement]:
    """Rule 1.8: Statement is an object or a list of them."""
    statements = document.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def has_matching(document: Document, effect: str, situation: Situation) -> bool:
    return any(
        statement["Effect"] == effect and statement_matches(statement, document, situation)
        for statement in statements_of(document)
    )


def statement_matches(statement: Statement, document: Document, situation: Situation) -> bool:
    """Rule 1.4: action, resource, principal and all conditions must match."""
    version = document.get("Version")
    return (
        action_matches(statement, situation.action)
        and resource_matches(statement, situation, version)
        and principal_matches(statement, situation)
        and block_holds(statement.get("Condition", {}), situation.context, version)
    )


def action_matches(statement: Statement, action: str) -> bool:
    """Rule 1.4: Action, or not NotAction."""
    if "Action" in statement:
        return any(action_pattern_matches(pattern, action) for pattern in as_list(statement["Action"]))
    return not any(action_pattern_matches(pattern, action) for pattern in as_list(statement["NotAction"]))


def action_pattern_matches(pattern: str, action: str) -> bool:
    """Rule 1.4: without case, `*` and `?`, no variables. Interim answer 1.13: `*:Name` matches nothing."""
    if pattern in ("*", "*:*"):
        return True
    service, _, _name = pattern.partition(":")
    if service == "*":
        return False
    return matches(symbols(pattern.lower()), action.lower())


def resource_matches(statement: Statement, situation: Situation, version: str | None) -> bool:
    """Rule 1.4: Resource, or not NotResource; a trust policy has neither."""

    def some(entries: list[str]) -> bool:
        return any(resource_pattern_matches(entry, situation.resource, situation.context, version) for entry in entries)

    if "NotResource" in statement:
        return not some(as_list(statement["NotResource"]))
    return "Resource" not in statement or some(as_list(statement["Resource"]))


def principal_matches(statement: Statement, situation: Situation) -> bool:
    """Rule 1.3: Principal, or not NotPrincipal; policies that are attached to the caller have neither."""
    if "NotPrincipal" in statement:
        return not escapes_not_principal(
            statement["NotPrincipal"], situation.caller, boundary_attached=situation.boundary is not None
        )
    return "Principal" not in statement or bool(forms_naming(statement["Principal"], situation.caller))


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
