"""The tools agree with the engine on generated cases: what a case answers, what a flow shows, what lint rules out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daypass.policy import Explanation, Outcome, Policy, PolicyKind, PolicySet, explain
from daypass.policy_tools import cases, colours, lint, written
from daypass.policy_tools.documents import Documents
from daypass.policy_tools.flow import Verdict, draw, flow
from policy_differential.generator import generated
from reference import engine

CASES = 500
DEEP_CASES = 30_000
TITLES = {
    PolicyKind.RESOURCE_CONTROL: "Resource control policies",
    PolicyKind.SERVICE_CONTROL: "Service control policies",
    PolicyKind.RESOURCE: "Resource-based policy",
    PolicyKind.ROLE_TRUST: "Role trust policy",
    PolicyKind.IDENTITY: "Identity-based policies",
    PolicyKind.BOUNDARY: "Permissions boundary",
    PolicyKind.SESSION: "Session policies",
}


def assert_the_tools_agree(number: int) -> None:
    row = generated(f"tools/{number}")
    case = cases.read(json.dumps({"id": number, **row, "expected": engine.evaluate(row).outcome}).encode())
    documents = Documents(lambda id, error: pytest.fail(f"{id}: {error}"))
    answer = cases.answer(case, documents)
    assert answer.passed, f"{answer.error}{answer.explanation}\n{json.dumps(row)}"
    policies = cases.policies_of(case, documents)
    explanation = explain(cases.request_of(case), policies)
    assert_the_flow_shows_the_decision(explanation, policies, row)
    for policy in every(policies):
        assert_lint_rules_out_nothing_that_happened(policy, explanation)


def assert_the_flow_shows_the_decision(explanation: Explanation, policies: PolicySet, row: dict[str, Any]) -> None:
    drawn, decision = flow(explanation, policies), explanation.decision
    denying = [step.title for step in drawn.steps if step.verdict is Verdict.DENIES]
    match decision.outcome:
        case Outcome.ALLOWED:
            expected = []
        case Outcome.EXPLICITLY_DENIED:
            expected = ["Explicit denies"]
        case _:
            assert decision.decided_by is not None
            expected = [TITLES[decision.decided_by]]
    assert denying == expected, json.dumps(row)
    assert draw(drawn, colours.plain)
    assert json.dumps(drawn.to_dict())


def assert_lint_rules_out_nothing_that_happened(policy: Policy, explanation: Explanation) -> None:
    matched = {
        f"Statement[{near.statement.index}]"
        for near in explanation.statements
        if not near.failures and (near.statement.kind, near.statement.policy_id) == (policy.kind, policy.id)
    }
    granted = {
        f"Statement[{reference.index}]"
        for reference in explanation.decision.statements
        if explanation.decision.outcome is Outcome.ALLOWED
        and (reference.kind, reference.policy_id) == (policy.kind, policy.id)
    }
    ruled_out = {"deny-never-fires": matched, "allow-never-matches": matched, "allow-shadowed": granted}
    for finding in lint.findings(written.read(policy.text, policy.kind)):
        assert finding.path not in ruled_out.get(finding.rule.id, ()), f"{finding.message}\n{policy.text}"


def every(policies: PolicySet) -> list[Policy]:
    levels = (policies.service_control or ()) + (policies.resource_control or ())
    single = [policy for policy in (policies.boundary, policies.resource) if policy is not None]
    return [*policies.identity, *(policies.session or ()), *single, *[policy for level in levels for policy in level]]


def test_the_tools_agree_with_the_engine_on_generated_cases() -> None:
    for number in range(CASES):
        assert_the_tools_agree(number)


@pytest.mark.deep
@pytest.mark.parametrize("part", range(4))
def test_the_tools_agree_with_the_engine_in_depth(part: int) -> None:
    for number in range(part * DEEP_CASES, (part + 1) * DEEP_CASES):
        assert_the_tools_agree(number)
