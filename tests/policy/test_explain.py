"""Explanations: which statements came near, what failed and what the request had instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daypass.policy import Explanation, Outcome, PolicySet, Principal, PrincipalKind, Request, explain
from support.policies import policies_of

ALICE = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/alice", "111122223333", unique_id="AIDAALICE")
BOB = Principal(
    PrincipalKind.FEDERATED_USER,
    "arn:aws:sts::111122223333:federated-user/bob",
    "111122223333",
    issuer_arn="arn:aws:iam::111122223333:user/alice",
    issuer_id="AIDAALICE",
)
OBJECT = "arn:aws:s3:::reports/a.csv"


def explained(
    policies: dict[str, Any] | PolicySet, context: dict[str, Any] | None = None, principal: Principal = ALICE
) -> Explanation:
    policies = policies if isinstance(policies, PolicySet) else policies_of(policies)
    return explain(Request(principal, "s3:GetObject", OBJECT, context or {}), policies)


def statement(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"} | elements


def the_failure(explanation: Explanation) -> tuple[str, tuple[str, ...], str | tuple[str, ...] | None, str]:
    (near,) = explanation.statements
    (failure,) = near.failures
    return failure.element, failure.expected, failure.got, failure.reason


def without(element: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in element.items() if key != name}


def test_a_statement_that_matched_has_no_failures() -> None:
    explanation = explained({"identity": [[statement()]]})
    assert explanation.decision.outcome is Outcome.ALLOWED
    assert [near.failures for near in explanation.statements] == [()]


@pytest.mark.parametrize(
    ("elements", "context", "element", "expected", "got", "reason"),
    [
        (
            {"Action": ["s3:PutObject", "s3:List*"]},
            {},
            "Action",
            ("s3:PutObject", "s3:List*"),
            "s3:GetObject",
            "the action is none of these",
        ),
        (
            {"Resource": "arn:aws:s3:::reports/2026/*"},
            {},
            "Resource",
            ("arn:aws:s3:::reports/2026/*",),
            OBJECT,
            "the resource matches none of these",
        ),
        (
            {"Resource": "arn:aws:s3:::reports/${aws:username}/*"},
            {},
            "Resource",
            ("arn:aws:s3:::reports/${aws:username}/*",),
            OBJECT,
            "the resource matches none of these; no value for aws:username",
        ),
        (
            {"Condition": {"StringEquals": {"aws:PrincipalTag/Team": "red"}}},
            {"aws:principaltag/team": "blue"},
            "Condition.StringEquals.aws:PrincipalTag/Team",
            ("red",),
            "blue",
            "what the request has does not satisfy StringEquals",
        ),
        (
            {"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}},
            {},
            "Condition.IpAddress.aws:SourceIp",
            ("10.0.0.0/8", "192.168.0.0/16"),
            None,
            "the request has no such key",
        ),
        (
            {"Condition": {"StringEquals": {"aws:TagKeys": "team"}}},
            {"aws:tagkeys": ("team", "cost")},
            "Condition.StringEquals.aws:TagKeys",
            ("team",),
            ("team", "cost"),
            "the key has several values, and the operator neither ForAllValues nor ForAnyValue",
        ),
        (
            {"Condition": {"StringEquals": {"x:owner": "${aws:username}"}}},
            {"x:owner": "alice"},
            "Condition.StringEquals.x:owner",
            ("${aws:username}",),
            "alice",
            "what the request has does not satisfy StringEquals; no value for aws:username",
        ),
    ],
)
def test_the_element_that_failed_is_named_with_what_it_expected_and_what_the_request_had(
    elements: dict[str, Any],
    context: dict[str, Any],
    element: str,
    expected: tuple[str, ...],
    got: str | tuple[str, ...] | None,
    reason: str,
) -> None:
    explanation = explained({"identity": [[statement(**elements)]]}, context)
    assert explanation.decision.outcome is Outcome.IMPLICITLY_DENIED
    assert the_failure(explanation) == (element, expected, got, reason)


def test_not_action_and_not_resource_say_that_they_list_it() -> None:
    not_action = without(statement(NotAction="s3:Get*"), "Action")
    assert the_failure(explained({"identity": [[not_action]]}))[0::3] == ("NotAction", "the action is one of these")
    not_resource = without(statement(NotResource="*"), "Resource")
    failure = the_failure(explained({"identity": [[not_resource]]}))
    assert failure[0::3] == ("NotResource", "the resource is one of these")


def test_a_principal_that_names_others_says_so() -> None:
    explanation = explained({"resource": [statement(Principal={"AWS": ["444455556666", "555566667777"]})]})
    assert the_failure(explanation) == (
        "Principal",
        ("444455556666", "555566667777"),
        ALICE.arn,
        "the caller is none of these",
    )


def test_a_not_principal_says_that_it_lists_the_caller() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": {"AWS": ALICE.arn}}
    assert the_failure(explained({"resource": [deny]}))[0::3] == ("NotPrincipal", "the caller is one of these")


@pytest.mark.parametrize(
    ("principal", "form"),
    [
        ("*", "names the caller itself, or everyone"),
        ({"AWS": BOB.arn}, "names the caller itself, or everyone"),
        (
            {"AWS": BOB.issuer_arn},
            "names the role or user behind the session: boundary and session policies still limit",
        ),
        ({"AWS": "111122223333"}, "names the account: the caller's own policies must allow as well"),
    ],
)
def test_the_form_in_which_a_resource_policy_names_the_caller_is_told(principal: Any, form: str) -> None:
    (near,) = explained({"resource": [statement(Principal=principal)]}, principal=BOB).statements
    assert near.form == form


def test_a_statement_with_neither_the_action_nor_the_rest_did_not_come_near() -> None:
    far = statement(Action="iam:GetUser", Resource="arn:aws:iam::111122223333:user/*")
    assert explained({"identity": [[far]]}).statements == ()


def test_every_kind_of_policy_is_looked_at_in_the_order_of_the_flow() -> None:
    everyone = statement(Principal="*")
    explanation = explained(
        {
            "identity": [[statement()]],
            "session": [[statement()]],
            "boundary": [statement()],
            "resource": [everyone],
            "service_control": [[[statement()]]],
            "resource_control": [[[everyone]]],
        },
        principal=BOB,
    )
    assert [near.statement.kind.value for near in explanation.statements] == [
        "resource control policy",
        "service control policy",
        "resource-based policy",
        "identity-based policy",
        "permissions boundary",
        "session policy",
    ]


def test_policies_that_do_not_apply_to_the_caller_are_left_out() -> None:
    root = Principal(PrincipalKind.ROOT, "arn:aws:iam::111122223333:root", "111122223333")
    assert explained({"identity": [[statement()]]}, principal=root).statements == ()


def test_variables_are_not_missed_in_a_document_that_has_none() -> None:
    resource = "arn:aws:s3:::reports/${aws:username}/*"
    policies = policies_of({})
    old = policies_of({"identity": [[statement(Resource=resource)]]}).identity[0]
    text = old.text.replace("2012-10-17", "2008-10-17")
    policies = PolicySet(identity=(type(old).parse(text, old.kind, stored=True),))
    assert the_failure(explained(policies))[3] == "the resource matches none of these"


# --- forms --------------------------------------------------------------------------------------------------

DENIED = {
    "identity": [[statement(Sid="Read")]],
    "session": [[statement(Resource="arn:aws:s3:::reports/2026/*")]],
}


def test_the_terminal_form_tells_the_decision_and_each_statement() -> None:
    assert explained(DENIED, principal=BOB).render() == (
        "ImplicitlyDenied: User: arn:aws:sts::111122223333:federated-user/bob is not authorized to perform: "
        f's3:GetObject on resource: "{OBJECT}" because no session policy allows the s3:GetObject action'
        "\n"
        "  identity-based policy identity0, statement 0 (Read), Allow: matches\n"
        "  session policy session0, statement 0, Allow: does not match\n"
        "    Resource: the resource matches none of these\n"
        "      expected: arn:aws:s3:::reports/2026/*\n"
        f"      got:      {OBJECT}"
    )


def test_colour_is_asked_for_and_changes_nothing_else() -> None:
    explanation = explained(DENIED, principal=BOB)
    plain, coloured = explanation.render(), explanation.render(colour=True)
    assert "\x1b[" not in plain
    for code in ("31", "32", "2", "0"):
        assert f"\x1b[{code}m" in coloured
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_the_json_form_holds_the_same() -> None:
    values = json.loads(json.dumps(explained(DENIED, principal=BOB).to_dict()))
    assert values["Outcome"] == "ImplicitlyDenied"
    assert values["DecidedBy"] == "session policy"
    assert values["Caller"] == BOB.arn
    assert values["Statements"][1] == {
        "Kind": "session policy",
        "Policy": "session0",
        "Sid": None,
        "Index": 0,
        "Effect": "Allow",
        "Matched": False,
        "Form": None,
        "Failures": [
            {
                "Element": "Resource",
                "Expected": ["arn:aws:s3:::reports/2026/*"],
                "Got": OBJECT,
                "Reason": "the resource matches none of these",
            }
        ],
    }


@pytest.mark.parametrize(
    ("policies", "principal", "summary"),
    [
        ({"identity": [[statement()]]}, ALICE, "because of its identity-based policy"),
        (
            {},
            Principal(PrincipalKind.ROOT, "arn:aws:iam::111122223333:root", "111122223333"),
            "; no policy has to allow it",
        ),
    ],
)
def test_what_is_allowed_says_by_what(policies: dict[str, Any], principal: Principal, summary: str) -> None:
    assert explained(policies, principal=principal).summary().endswith(summary)


def test_where_nothing_came_near_that_is_said() -> None:
    assert explained({}).render().endswith("no statement is about this action or this resource")
    assert (
        "got:      nothing" in explained({"identity": [[statement(Condition={"StringEquals": {"x:y": "1"}})]]}).render()
    )


def test_a_boundary_that_does_not_apply_makes_no_deny_match() -> None:
    """NotPrincipal denies whoever has a boundary; root has none, whatever is passed."""
    root = Principal(PrincipalKind.ROOT, "arn:aws:iam::111122223333:root", "111122223333")
    deny = without(statement(Effect="Deny"), "Principal") | {"NotPrincipal": "*"}
    explanation = explained({"boundary": [statement()], "resource": [deny]}, principal=root)
    assert explanation.decision.outcome is Outcome.ALLOWED
    assert all(near.failures for near in explanation.statements if near.effect == "Deny")
