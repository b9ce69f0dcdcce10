from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from daypass.policy import Outcome, PolicyError, PrincipalKind
from daypass.policy_tools import cases
from daypass.policy_tools.documents import Documents

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
ALLOW: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"},
}
VECTORS = (Path(__file__).parent.parent / "vectors" / "policy_cases.jsonl").read_bytes().splitlines()


def case(policies: dict[str, Any] | None = None, expected: str | None = "Allowed", **request: Any) -> dict[str, Any]:
    asked = {
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::reports/1",
        "principal_arn": USER,
        "principal_kind": "user",
        "principal_account": ACCOUNT,
        "context": {},
    }
    return {"id": "c", "request": asked | request, "policies": policies or {}, "expected": expected}


def answered(row: dict[str, Any], warned: list[tuple[str, PolicyError]] | None = None) -> cases.Answer:
    documents = Documents(lambda id, error: None if warned is None else warned.append((id, error)))
    return cases.answer(cases.read(json.dumps(row).encode()), documents)


def outcome(row: dict[str, Any]) -> Outcome | None:
    decision = answered(row).decision
    return None if decision is None else decision.outcome


def federated(**policies: Any) -> dict[str, Any]:
    return case(
        {"identity": [ALLOW], **policies},
        principal_kind="federated-user",
        principal_arn=f"arn:aws:sts::{ACCOUNT}:federated-user/Bob",
        issuer_arn=USER,
    )


def test_every_case_with_a_source_is_decided_as_derived_by_hand() -> None:
    documents = Documents(lambda id, error: pytest.fail(f"{id}: {error}"))
    answers = [cases.answer(cases.read(line), documents) for line in VECTORS]
    assert [(answer.case.id, answer.error or answer.explanation) for answer in answers if not answer.passed] == []


def test_ten_thousand_cases_are_decided_in_two_seconds() -> None:
    lines = (VECTORS * (10_000 // len(VECTORS) + 1))[:10_000]
    documents = Documents(lambda id, error: None)
    started = time.process_time()
    assert all(cases.answer(cases.read(line), documents).passed for line in lines)
    assert time.process_time() - started < 2


# --- the request --------------------------------------------------------------------------------------------------


def test_context_keys_come_in_any_case_and_values_of_any_json_type() -> None:
    request = cases.request_of(
        cases.read(
            json.dumps(
                case(
                    context={"aws:UserName": "alice", "aws:TagKeys": ["a", 1], "aws:SecureTransport": True, "x:y": 1.5}
                )
            ).encode()
        )
    )
    assert request.context == {
        "aws:username": "alice",
        "aws:tagkeys": ("a", "1"),
        "aws:securetransport": "true",
        "x:y": "1.5",
    }


def test_an_issuer_that_is_the_root_user_is_known_by_its_arn() -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    row = federated(session=[ALLOW], identity=[])
    assert outcome(row) is Outcome.IMPLICITLY_DENIED
    row["request"]["issuer_arn"] = root
    assert outcome(row) is Outcome.ALLOWED


def test_a_token_session_without_an_arn_of_its_own_acts_as_its_user() -> None:
    row = case({"resource": {**ALLOW, "Statement": {**ALLOW["Statement"], "Principal": {"AWS": USER}}}})
    row["request"] |= {"principal_arn": None, "issuer_arn": USER}
    assert outcome(row) is Outcome.ALLOWED


@pytest.mark.parametrize("kind", [kind.value for kind in PrincipalKind])
def test_every_kind_of_principal_is_read(kind: str) -> None:
    assert cases.request_of(cases.read(json.dumps(case(principal_kind=kind)).encode())).principal.kind.value == kind


# --- the policies -------------------------------------------------------------------------------------------------


def test_an_empty_session_of_a_federated_user_means_that_none_was_passed() -> None:
    empty: tuple[list[Any] | None, ...] = ([], None)
    for session in empty:
        answer = answered(federated(session=session))
        assert answer.decision is not None
        assert answer.decision.outcome is Outcome.IMPLICITLY_DENIED
        assert "no session policy" in answer.explanation
    assert outcome(federated(session=[ALLOW])) is Outcome.ALLOWED


def test_what_is_empty_is_not_present_but_a_level_without_policies_allows_nothing() -> None:
    absent: list[dict[str, Any]] = [
        {"boundary": []},
        {"scps": []},
        {"rcps": []},
        {"resource": None},
        {"boundary": None},
    ]
    for policies in absent:
        assert outcome(case({"identity": [ALLOW], **policies})) is Outcome.ALLOWED
    for policies in ({"scps": [[]]}, {"rcps": [[]]}):
        assert outcome(case({"identity": [ALLOW], **policies})) is Outcome.IMPLICITLY_DENIED


def test_each_scope_down_policy_must_allow() -> None:
    for scope in (None, [], [ALLOW], [ALLOW, ALLOW]):
        assert outcome(case({"identity": [ALLOW], "scope": scope})) is Outcome.ALLOWED
    other = {"Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}
    for scope in ([other], [ALLOW, other]):
        answer = answered(case({"identity": [ALLOW], "scope": scope}))
        assert answer.decision is not None
        assert answer.decision.outcome is Outcome.IMPLICITLY_DENIED


def test_the_policy_of_a_role_is_read_as_a_trust_policy() -> None:
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sts:AssumeRole"}}
    row = case(
        {"resource": trust, "identity": []},
        action="sts:AssumeRole",
        resource=f"arn:aws:iam::{ACCOUNT}:role/job",
    )
    assert outcome(row) is Outcome.ALLOWED


def test_a_document_that_is_no_policy_fails_its_case_with_aws_text_and_the_path() -> None:
    broken = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Actions": "s3:*", "Resource": "*"}]}
    answer = answered(case({"identity": [ALLOW, broken]}))
    assert not answer.passed
    assert answer.decision is None
    assert answer.error == "identity[1]: Statement[0].Actions: Syntax errors in policy."


def test_a_document_with_a_repeated_key_fails_its_case() -> None:
    line = json.dumps(case({"identity": [ALLOW]})).replace('"Effect": "Allow"', '"Effect": "Allow", "Effect": "Deny"')
    answer = cases.answer(cases.read(line.encode()), Documents(lambda id, error: None))
    assert "Syntax errors in policy." in answer.error


def test_a_document_that_only_a_new_one_is_refused_for_is_used_and_told_of_once() -> None:
    statement = {"Sid": "a", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}
    twice = {"Version": "2012-10-17", "Statement": [statement, statement]}
    warned: list[tuple[str, PolicyError]] = []
    documents = Documents(lambda id, error: warned.append((id, error)))
    read = cases.read(json.dumps(case({"identity": [twice]})).encode())
    assert cases.answer(read, documents).passed
    assert cases.answer(read, documents).passed
    ((id, error),) = warned
    assert (id, error.message) == ("identity[0]", "Statement IDs (SID) in a single policy must be unique.")


def test_more_than_one_boundary_fails_its_case() -> None:
    assert "at most one permissions boundary" in answered(case({"boundary": [ALLOW, ALLOW]})).error


# --- lines that are no case ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", "input data was truncated"),
        (b"{", "input data was truncated"),
        (b"[]", "expected `object`, got `array`"),
        (b"{}", "object missing required field `id`"),
        (
            json.dumps(case(principal_kind="wizard")).encode(),
            "invalid enum value 'wizard' - at `$.request.principal_kind`",
        ),
        (json.dumps(case(expected="allowed")).encode(), "invalid enum value 'allowed' - at `$.expected`"),
        (json.dumps(case({"sesion": []})).encode(), "object contains unknown field `sesion` - at `$.policies`"),
        (json.dumps(case(ressource="x")).encode(), "object contains unknown field `ressource` - at `$.request`"),
        (json.dumps(case({"scps": [{}]})).encode(), "expected `array`, got `object` - at `$.policies.scps[0]`"),
        (json.dumps(case(context={"a": None})).encode(), "got `null` - at `$.request.context[...]`"),
        (b'{"id": "\xff"}', "not UTF-8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_is_no_case_is_refused_with_the_reason(line: bytes, text: str) -> None:
    with pytest.raises(cases.CaseFault, match=r"\w") as caught:
        cases.read(line)
    assert text in str(caught.value)


def test_members_beside_those_of_a_case_are_the_authors_own() -> None:
    assert answered(case({"identity": [ALLOW]}) | {"source": "a page", "remark": 1}).passed


# --- why ----------------------------------------------------------------------------------------------------------


def test_a_failure_is_explained_in_one_line_by_the_statements_that_came_near() -> None:
    answer = answered(case({"identity": [ALLOW]}, resource="arn:aws:s3:::archive/1"))
    assert answer.explanation == (
        f'User: {USER} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::archive/1" because no '
        "identity-based policy allows the s3:GetObject action (nearest: identity-based policy/identity[0]/0: "
        "Resource expected `arn:aws:s3:::reports/*`, got `arn:aws:s3:::archive/1`)"
    )


def test_an_allow_that_was_not_expected_is_explained_by_the_statements_that_granted() -> None:
    answer = answered(case({"identity": [ALLOW]}, expected="ImplicitlyDenied"))
    assert answer.explanation == "Allowed by identity-based policy/identity[0]/0"


def test_a_case_that_expects_nothing_is_decided_and_cannot_fail() -> None:
    answer = answered(case({"identity": [ALLOW]}, expected=None))
    assert answer.decision is not None
    assert answer.passed
