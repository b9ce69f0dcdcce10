"""What holds of every request and every set of policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.policy import Outcome, Policy, PolicyError, PolicyKind, PolicySet, PrincipalKind, Request, decide, explain
from daypass.policy.candidates import head_of
from daypass.policy.compiled import candidates
from support.policy_strategies import (
    ACCOUNT,
    CALLERS,
    Documents,
    documents,
    parse,
    policy_documents,
    policy_set,
    requests,
    statements,
)

# Callers whom every kind of policy applies to.
SUBJECT_TO_ALL = (PrincipalKind.USER, PrincipalKind.ROLE, PrincipalKind.ROLE_SESSION, PrincipalKind.FEDERATED_USER)
EVERYTHING: dict[str, Any] = {"Action": "*", "Resource": "*"}
DENY_ALL = {"Effect": "Deny", **EVERYTHING}
ALLOW_ALL = {"Effect": "Allow", **EVERYTHING}
PARTS = ("identity", "session", "boundary", "resource", "service_control", "resource_control")
KINDS = {
    "identity": PolicyKind.IDENTITY,
    "session": PolicyKind.SESSION,
    "boundary": PolicyKind.BOUNDARY,
    "resource": PolicyKind.RESOURCE,
    "service_control": PolicyKind.SERVICE_CONTROL,
    "resource_control": PolicyKind.RESOURCE_CONTROL,
}


def with_statement(parts: Documents, part: str, statement: dict[str, Any]) -> Documents:
    """The parts with one more statement in that part."""
    added = dict(parts)
    if part in ("resource", "resource_control"):
        statement = statement if "NotPrincipal" in statement else {"Principal": "*"} | statement
    if part in ("boundary", "resource"):
        added[part] = [*(parts[part] or []), statement]
    elif part in ("service_control", "resource_control"):
        added[part] = [*(parts[part] or []), [[statement]]]
    else:
        added[part] = [*(parts[part] or []), [statement]]
    return added


@given(request=requests(SUBJECT_TO_ALL), parts=policy_documents(), part=st.sampled_from(PARTS))
def test_an_explicit_deny_wins(request: Any, parts: Documents, part: str) -> None:
    decision = decide(request, policy_set(with_statement(parts, part, DENY_ALL)))
    assert decision.outcome is Outcome.EXPLICITLY_DENIED
    assert KINDS[part] in {reference.kind for reference in decision.statements}


@given(
    request=requests(tuple(kind for kind in PrincipalKind if kind is not PrincipalKind.ROOT)),
    parts=policy_documents(effects=("Deny",)),
)
def test_no_allow_means_deny(request: Any, parts: Documents) -> None:
    assert decide(request, policy_set(parts)).outcome is not Outcome.ALLOWED


@given(request=requests(SUBJECT_TO_ALL), parts=policy_documents(), session=documents(PolicyKind.SESSION))
def test_a_session_policy_never_adds_permission_from_the_identity_side(
    request: Any, parts: Documents, session: list[dict[str, Any]]
) -> None:
    parts = parts | {"resource": None}
    unlimited = decide(request, policy_set(parts | {"session": [[ALLOW_ALL]]}))
    limited = decide(request, policy_set(parts | {"session": [session]}))
    assert limited.outcome is not Outcome.ALLOWED or unlimited.outcome is Outcome.ALLOWED


@given(request=requests(), parts=policy_documents(), scope=documents(PolicyKind.SESSION))
def test_one_more_scope_down_policy_never_adds_permission_whoever_asks_and_whoever_grants(
    request: Any, parts: Documents, scope: list[dict[str, Any]]
) -> None:
    before = decide(request, policy_set(parts)).outcome
    after = decide(request, policy_set(parts | {"scope": [*parts["scope"], scope]})).outcome
    assert after is before or before is Outcome.ALLOWED or after is Outcome.EXPLICITLY_DENIED
    assert after is not Outcome.ALLOWED or before is Outcome.ALLOWED


@given(request=requests(SUBJECT_TO_ALL), parts=policy_documents(), boundary=documents(PolicyKind.BOUNDARY))
def test_a_boundary_never_adds_permission(request: Any, parts: Documents, boundary: list[dict[str, Any]]) -> None:
    without = decide(request, policy_set(parts | {"boundary": None}))
    limited = decide(request, policy_set(parts | {"boundary": boundary}))
    assert limited.outcome is not Outcome.ALLOWED or without.outcome is Outcome.ALLOWED


@given(request=requests(), parts=policy_documents(), part=st.sampled_from(PARTS), data=st.data())
def test_adding_a_deny_never_turns_a_denial_into_an_allow(
    request: Any, parts: Documents, part: str, data: st.DataObject
) -> None:
    deny = data.draw(statements(KINDS[part], ("Deny",)))
    before = decide(request, policy_set(parts))
    after = decide(request, policy_set(with_statement(parts, part, deny)))
    assert after.outcome is not Outcome.ALLOWED or before.outcome is Outcome.ALLOWED


@given(request=requests(), parts=policy_documents(), part=st.sampled_from(("identity", "resource")))
def test_adding_an_allow_never_turns_an_allow_into_a_denial(request: Any, parts: Documents, part: str) -> None:
    before = decide(request, policy_set(parts))
    after = decide(request, policy_set(with_statement(parts, part, ALLOW_ALL)))
    assert before.outcome is not Outcome.ALLOWED or after.outcome is Outcome.ALLOWED


@given(request=requests(), parts=policy_documents(), random=st.randoms(use_true_random=False))
def test_the_order_of_statements_and_policies_never_matters(request: Any, parts: Documents, random: Any) -> None:
    def named(policies: list[Any] | None, place: str) -> list[Any] | None:
        """Every statement with a Sid that tells where it was."""
        return policies and [[{"Sid": f"{place}{n}x{m}", **s} for m, s in enumerate(p)] for n, p in enumerate(policies)]

    def shuffled(listed: list[Any]) -> list[Any]:
        return random.sample(listed, len(listed))

    ordered, mixed = dict(parts), dict(parts)
    for part in ("identity", "session"):
        ordered[part] = named(parts[part], part)
        mixed[part] = ordered[part] and shuffled([shuffled(policy) for policy in ordered[part]])
    for part in ("boundary", "resource"):
        ordered[part] = parts[part] and [{"Sid": f"{part}{n}", **s} for n, s in enumerate(parts[part])]
        mixed[part] = ordered[part] and shuffled(ordered[part])
    first, second = decide(request, policy_set(ordered)), decide(request, policy_set(mixed))
    assert (first.outcome, first.decided_by) == (second.outcome, second.decided_by)
    assert sorted((r.kind, r.sid or "") for r in first.statements) == sorted(
        (r.kind, r.sid or "") for r in second.statements
    )


@given(request=requests(), statement=statements(PolicyKind.IDENTITY))
def test_action_and_not_action_resource_and_not_resource_part_everything_between_them(
    request: Any, statement: dict[str, Any]
) -> None:
    bare = {"Effect": "Allow"}
    for name, matches in (
        ("Action", lambda one: one.matches_action(request.action.lower())),
        ("Resource", lambda one: one.applies(request)),
    ):
        listed = statement.get(name) or statement[f"Not{name}"]
        other = {"Resource": "*"} if name == "Action" else {"Action": "*"}
        (positive,) = parse([bare | other | {name: listed}], PolicyKind.IDENTITY).statements()
        (negative,) = parse([bare | other | {f"Not{name}": listed}], PolicyKind.IDENTITY).statements()
        assert matches(positive) is not matches(negative)


@given(request=requests(), listed=st.lists(documents(PolicyKind.IDENTITY), min_size=1, max_size=3))
def test_the_index_finds_exactly_the_statements_that_match(request: Any, listed: list[Any]) -> None:
    policies = tuple(parse(one, PolicyKind.IDENTITY) for one in listed)
    action, head = request.action.lower(), head_of(request.resource)
    matching = [
        statement
        for policy in policies
        for statement in policy.statements()
        if statement.matches_action(action) and statement.applies(request)
    ]
    found = candidates(policies, action)
    assert found.denying(head, request) == [statement for statement in matching if not statement.allow]
    assert found.allowing(head, request) == [statement for statement in matching if statement.allow]


@given(request=requests(), parts=policy_documents())
def test_an_explanation_agrees_with_the_decision_and_finds_fault_only_with_what_did_not_match(
    request: Any, parts: Documents
) -> None:
    policies = policy_set(parts)
    explanation = explain(request, policies)
    assert explanation.decision == decide(request, policies)
    matched = [near.statement for near in explanation.statements if not near.failures]
    assert set(explanation.decision.statements) <= set(matched)
    denying = {near.statement for near in explanation.statements if near.effect == "Deny" and not near.failures}
    if denying:
        assert explanation.decision.outcome is Outcome.EXPLICITLY_DENIED
        assert set(explanation.decision.statements) == denying
    assert json.loads(json.dumps(explanation.to_dict()))["Outcome"] == explanation.decision.outcome.value
    assert explanation.decision.outcome.value in explanation.render()


# --- the parser ---------------------------------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from(
    (
        "Version 2012-10-17 Id Statement Sid Effect Allow Principal NotPrincipal AWS Action NotAction s3:GetObject "
        "Resource NotResource arn:aws:s3:::a/* * Condition StringEquals ForAnyValue:Bool aws:username DateLessThan "
        f"2026-01-01 IpAddress 10.0.0.0/8 {ACCOUNT}"
    ).split()
)
POLICY_LIKE = st.recursive(
    NAMES | st.none() | st.booleans() | st.integers(min_value=-5, max_value=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


def accepted_or_refused(text: str | bytes, kind: PolicyKind) -> None:
    for stored in (False, True):
        try:
            policy = Policy.parse(text, kind, stored=stored)
        except PolicyError as refused:
            str(refused).encode()
        else:
            # What is accepted can be asked by anyone.
            for caller in CALLERS.values():
                request = Request(caller, "s3:GetObject", "arn:aws:s3:::a/x", {"aws:username": "alice"})
                for policies in (PolicySet(resource=policy), PolicySet(identity=(policy, policy))):
                    assert explain(request, policies).decision == decide(request, policies)


@given(text=st.text(max_size=40) | st.binary(max_size=40), kind=st.sampled_from(PolicyKind))
def test_any_text_is_accepted_or_a_policy_error_and_nothing_else(text: str | bytes, kind: PolicyKind) -> None:
    accepted_or_refused(text, kind)


@given(value=JSON_VALUES | POLICY_LIKE, kind=st.sampled_from(PolicyKind))
def test_any_json_is_accepted_or_a_policy_error_and_nothing_else(value: Any, kind: PolicyKind) -> None:
    accepted_or_refused(json.dumps(value), kind)


@given(statement=POLICY_LIKE, document=documents(PolicyKind.RESOURCE), name=NAMES, kind=st.sampled_from(PolicyKind))
def test_a_policy_with_one_element_replaced_is_accepted_or_a_policy_error_and_nothing_else(
    statement: Any, document: list[dict[str, Any]], name: str, kind: PolicyKind
) -> None:
    replaced = [document[0] | {name: statement}, *document[1:]]
    accepted_or_refused(json.dumps({"Version": "2012-10-17", "Statement": replaced}), kind)


@given(document=documents(PolicyKind.RESOURCE), cut=st.integers(min_value=0, max_value=400))
def test_a_policy_cut_short_is_a_policy_error(document: list[dict[str, Any]], cut: int) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": document})
    with pytest.raises(PolicyError):
        Policy.parse(text[: min(cut, len(text) - 1)], PolicyKind.RESOURCE)
