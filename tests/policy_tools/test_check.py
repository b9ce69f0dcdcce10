from __future__ import annotations

import json
import time

import pytest

from daypass import limits
from daypass.policy import PolicyKind
from daypass.policy_tools.check import RULES, Placed, check, guess_kind
from daypass.policy_tools.findings import Severity

ALLOW: dict[str, object] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}


def checked(text: str | bytes, kind: PolicyKind = PolicyKind.IDENTITY) -> list[Placed]:
    return check(text if isinstance(text, bytes) else text.encode(), kind)


def only(text: str | bytes, kind: PolicyKind = PolicyKind.IDENTITY) -> tuple[str, str, str, int]:
    """Of a document with one finding: rule, path, message and line."""
    (placed,) = checked(text, kind)
    return placed.finding.rule.id, placed.finding.path, placed.finding.message, placed.place.line


def document(*statements: dict[str, object], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)}, indent=2)


def test_a_document_that_is_right_has_no_findings() -> None:
    assert checked(document(ALLOW)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"Statement": [\n{"Effect": "Allow",}]}',
            ("grammar-not-json", "", "Syntax errors in policy. (expecting property name enclosed in double quotes)", 2),
        ),
        (b'{\n"Id": "\xff"}', ("grammar-not-json", "", "not UTF-8 text", 2)),
        (
            "[" * 50_000 + "]" * 50_000,
            ("grammar-not-json", "", "Syntax errors in policy. (nested too deeply)", 1),
        ),
        (
            '{"Version": "2012-10-17",\n"Statement": [{"Efect": "Allow"}]}',
            (
                "grammar-syntax",
                "Statement[0].Efect",
                "Syntax errors in policy. (there is no element `Efect`; did you mean `Effect`?)",
                2,
            ),
        ),
        (
            '{"Version": "2012-10-17", "Statement": {\n"Effect": "Allow", "Action": "a:b",\n"Action": "c:d"}}',
            ("grammar-syntax", "", "Syntax errors in policy. (`Action` stands twice in one object)", 1),
        ),
        ("[]", ("grammar-syntax", "", "Syntax errors in policy.", 1)),
        ('{"Version":\n "2012"}', ("grammar-syntax", "Version", "Syntax errors in policy. (`Version`)", 1)),
    ],
    ids=lambda value: str(value[:30]) if isinstance(value, str | bytes) else None,
)
def test_a_document_that_aws_refuses_is_told_in_its_words_with_a_hint(
    text: str | bytes, expected: tuple[str, str, str, int]
) -> None:
    rule, path, message, line = only(text)
    assert (rule, message, line) == (expected[0], expected[2], expected[3])
    if expected[1]:
        assert path == expected[1]


def test_a_finding_stands_on_the_line_of_its_element() -> None:
    text = document(ALLOW, {**ALLOW, "Action": ["s3:PutObject", "s3:PutObjct"], "Resource": "*"})
    (placed,) = checked(text)
    assert placed.finding.path == "Statement[1].Action[1]"
    assert text.splitlines()[placed.place.line - 1].strip() == '"s3:PutObjct"'
    assert placed.place.column == 9


def test_a_document_that_means_something_although_aws_refuses_it_is_linted_as_well() -> None:
    text = document({**ALLOW, "Sid": "a"}, {**ALLOW, "Sid": "a", "Action": "s3:PutObjct"})
    assert [placed.finding.rule.id for placed in checked(text)] == [
        "allow-never-matches",
        "unknown-action",
        "grammar-duplicate-sid",
    ]


def test_what_aws_stores_although_it_can_never_match_is_no_error() -> None:
    text = document({**ALLOW, "Condition": {"StringEquals": {"aws:username": []}}})
    found = {placed.finding.rule.severity for placed in checked(text)}
    assert found == {Severity.WARNING}


# --- kinds and sizes ----------------------------------------------------------------------------------------------


def sized(characters: int) -> str:
    """A policy of so many characters without white space."""
    empty = len(document({**ALLOW, "Resource": "arn:aws:s3:::reports/"}).replace(" ", "").replace("\n", ""))
    return document({**ALLOW, "Resource": "arn:aws:s3:::reports/" + "x" * (characters - empty)})


@pytest.mark.parametrize(
    ("kind", "characters", "rule"),
    [
        (PolicyKind.IDENTITY, limits.USER_INLINE_POLICIES_CHARS, None),
        (PolicyKind.IDENTITY, limits.USER_INLINE_POLICIES_CHARS + 1, "large"),
        (PolicyKind.IDENTITY, limits.ROLE_INLINE_POLICIES_CHARS, "large"),
        (PolicyKind.IDENTITY, limits.ROLE_INLINE_POLICIES_CHARS + 1, "grammar-too-large"),
        (PolicyKind.BOUNDARY, limits.MANAGED_POLICY_CHARS, None),
        (PolicyKind.BOUNDARY, limits.MANAGED_POLICY_CHARS + 1, "grammar-too-large"),
        (PolicyKind.SERVICE_CONTROL, limits.SERVICE_CONTROL_POLICY_CHARS, None),
        (PolicyKind.SERVICE_CONTROL, limits.SERVICE_CONTROL_POLICY_CHARS + 1, "grammar-too-large"),
        (PolicyKind.IDENTITY, limits.POLICY_DOCUMENT_CHARS + 1, "grammar-too-large"),
    ],
)
def test_a_document_is_measured_by_the_limits_of_its_kind(kind: PolicyKind, characters: int, rule: str | None) -> None:
    assert [placed.finding.rule.id for placed in checked(sized(characters), kind)][:1] == ([rule] if rule else [])


def test_of_a_session_policy_white_space_counts() -> None:
    text = document(ALLOW)
    padded = text + " " * (limits.SESSION_POLICY_CHARS - len(text))
    assert checked(padded, PolicyKind.SESSION) == []
    assert only(padded + " ", PolicyKind.SESSION)[0] == "grammar-too-large"


def test_a_boundary_is_a_managed_policy_which_must_state_its_version() -> None:
    text = document(ALLOW, version="2008-10-17")
    assert "grammar-version" in {placed.finding.rule.id for placed in checked(text, PolicyKind.BOUNDARY)}
    assert "grammar-version" not in {placed.finding.rule.id for placed in checked(text)}


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (ALLOW, PolicyKind.IDENTITY),
        ({**ALLOW, "Principal": "*"}, PolicyKind.RESOURCE),
        ({**ALLOW, "NotPrincipal": "*"}, PolicyKind.RESOURCE),
        ({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}, PolicyKind.ROLE_TRUST),
    ],
)
def test_the_kind_of_a_document_is_guessed_by_its_principals(statement: dict[str, object], kind: PolicyKind) -> None:
    assert guess_kind(document(statement).encode()) is kind
    assert guess_kind(json.dumps({"Statement": statement}).encode()) is kind


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"\xff", b'{"Statement": 1}', b'{"Statement": [1]}', b"[" * 100_000, b"1" * 1_000_000]
)
def test_what_is_no_policy_is_taken_for_an_identity_policy(text: bytes) -> None:
    assert guess_kind(text) is PolicyKind.IDENTITY
    assert [placed.finding.rule.severity for placed in check(text, PolicyKind.IDENTITY)] == [Severity.ERROR]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Version": "2012-10-17", "Statement": [ALLOW] * 1_000}),
        '{"Statement": {"Effect": "Allow", "Action": ' + "[" * 20_000 + "]" * 20_000 + "}}",
        '{"Version": ' + "9" * 1_000_000 + "}",
        '{"Statement": [' + '{"Sid": 1},' * 100_000 + "{}]}",
        "{" + ",".join([f'"k{number}": 1' for number in range(100_000)]) + "}",
        '{"a' * 100_000,
    ],
    ids=["many statements", "deep nesting", "a long number", "a megabyte", "many names", "cut off"],
)
def test_a_hostile_document_is_answered_in_a_moment(text: str) -> None:
    started = time.process_time()
    assert checked(text)
    assert time.process_time() - started < 2


def test_every_rule_has_an_id_of_its_own() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
