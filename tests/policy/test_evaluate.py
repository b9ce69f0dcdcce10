"""The evaluation flow: who is allowed what by which policies together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daypass.policy import Outcome, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide
from support.policies import policies_of, policy, principal_of, request_of

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "evaluation.json").read_text("utf-8"))
PRINCIPALS: dict[str, dict[str, Any]] = VECTORS["principals"]
CASES: list[dict[str, Any]] = VECTORS["cases"]

ALICE = principal_of(PRINCIPALS["alice"])


def allow(action: str = "s3:GetObject", resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_request_is_decided_as_its_source_says(case: dict[str, Any]) -> None:
    decision = decide(request_of(case["request"], PRINCIPALS), policies_of(case["policies"]))
    decided_by = None if decision.decided_by is None else decision.decided_by.value
    assert (decision.outcome.value, decided_by) == (case["expected"], case["decided_by"]), case["source"]


def test_every_case_has_a_source() -> None:
    assert all(case["source"] for case in CASES)


def test_every_kind_of_caller_meets_every_outcome_and_every_kind_of_policy_decides_both_ways() -> None:
    callers = {(PRINCIPALS[case["request"]["principal"]]["kind"], case["expected"]) for case in CASES}
    for kind in PrincipalKind:
        assert (kind.value, "Allowed") in callers
    decided = {(case["decided_by"], case["expected"]) for case in CASES}
    for by in PolicyKind:
        assert {(by.value, "ExplicitlyDenied"), (by.value, "ImplicitlyDenied")} <= decided


# --- what a decision names ----------------------------------------------------------------------------------


def references(policies: PolicySet, action: str = "s3:GetObject", **more: Any) -> list[tuple[str, int]]:
    decision = decide(Request(ALICE, action, "arn:aws:s3:::reports/a.csv", {}, **more), policies)
    return [(reference.policy_id, reference.index) for reference in decision.statements]


def test_an_explicit_denial_names_every_deny_that_matched_in_the_order_of_the_flow() -> None:
    deny = {**allow(), "Effect": "Deny"}
    policies = policies_of(
        {
            "identity": [[allow(), deny, deny], [deny]],
            "boundary": [deny],
            "resource": [deny | {"Principal": "*"}],
            "service_control": [[[allow(), deny]]],
        }
    )
    assert references(policies) == [
        ("service_control", 1),
        ("resource", 0),
        ("identity0", 1),
        ("identity0", 2),
        ("identity1", 0),
        ("boundary", 0),
    ]


def test_an_allowed_request_names_the_granting_statements_and_those_that_let_it_through() -> None:
    policies = policies_of(
        {
            "identity": [[allow("s3:PutObject"), allow()], [allow()]],
            "boundary": [allow()],
            "service_control": [[[allow("*")]]],
        }
    )
    assert references(policies) == [("identity0", 1), ("identity1", 0), ("service_control", 0), ("boundary", 0)]


def test_across_accounts_the_resources_statement_is_named_too() -> None:
    policies = policies_of({"identity": [[allow()]], "resource": [allow() | {"Principal": "*"}]})
    assert references(policies, resource_account="444455556666") == [("identity0", 0), ("resource", 0)]


def test_an_implicit_denial_names_no_statement() -> None:
    assert references(policies_of({"identity": [[allow("s3:PutObject")]]})) == []


def test_a_statement_is_named_by_its_policy_its_kind_its_sid_and_its_place() -> None:
    policies = PolicySet(
        identity=(policy([allow("s3:PutObject"), allow(Sid="Read")], PolicyKind.IDENTITY, "ReadReports"),)
    )
    (reference,) = decide(Request(ALICE, "s3:GetObject", "arn:aws:s3:::reports/a", {}), policies).statements
    assert reference.policy_id == "ReadReports"
    assert reference.kind is PolicyKind.IDENTITY
    assert reference.sid == "Read"
    assert reference.index == 1


def test_actions_are_decided_alike_in_any_case() -> None:
    policies = policies_of({"identity": [[allow("S3:getOBJECT")]]})
    for action in ("s3:GetObject", "S3:GETOBJECT", "s3:getobject"):
        request = Request(ALICE, action, "arn:aws:s3:::reports/a", {})
        assert decide(request, policies).outcome is Outcome.ALLOWED


def test_a_user_of_no_account_is_a_stranger_to_a_resource_with_an_owner() -> None:
    stranger = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/alice")
    request = Request(stranger, "s3:GetObject", "arn:aws:s3:::reports/a", {}, "111122223333")
    policies = policies_of({"identity": [[allow()]]})
    assert decide(request, policies).outcome is Outcome.IMPLICITLY_DENIED
