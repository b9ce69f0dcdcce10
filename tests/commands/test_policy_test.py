"""`daypass policy test` as people and CI run it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from support.commands import daypass_command

VECTORS = Path(__file__).parent.parent / "vectors" / "policy_cases.jsonl"
ALLOW: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"},
}


def case(id: str, expected: str | None, *, resource: str = "arn:aws:s3:::reports/1", identity: Any = ALLOW) -> str:
    row: dict[str, Any] = {
        "id": id,
        "request": {
            "action": "s3:GetObject",
            "resource": resource,
            "principal_kind": "user",
            "principal_arn": "arn:aws:iam::111122223333:user/alice",
            "principal_account": "111122223333",
        },
        "policies": {"identity": [identity]},
        "expected": expected,
    }
    return json.dumps(row)


def test_cases_that_pass_end_with_a_count_and_status_zero() -> None:
    ran = daypass_command("policy", "test", str(VECTORS))
    number = len(VECTORS.read_text().splitlines())
    assert ran.stdout == f"{number} cases: {number} passed, 0 failed\n"
    assert ran.stderr == ""
    assert ran.returncode == 0


def test_a_case_that_fails_has_a_line_with_the_explanation() -> None:
    lines = [
        case("read a report", "Allowed"),
        case("read the archive", "Allowed", resource="arn:aws:s3:::archive/1"),
        case("a typo", "ImplicitlyDenied", identity={"Statement": [{"Efect": "Allow"}]}),
    ]
    ran = daypass_command("policy", "test", "-", stdin="\n".join(lines))
    first, second, count = ran.stdout.splitlines()
    assert first.startswith("FAILED read the archive: expected Allowed, got ImplicitlyDenied: User: ")
    assert first.endswith("Resource expected `arn:aws:s3:::reports/*`, got `arn:aws:s3:::archive/1`)")
    assert second == (
        "FAILED a typo: expected ImplicitlyDenied, got identity[0]: Statement[0].Efect: Syntax errors in policy."
    )
    assert count == "3 cases: 1 passed, 2 failed"
    assert ran.returncode == 1


def test_as_json_every_case_has_its_decision_on_a_line() -> None:
    lines = [
        case("read a report", "Allowed"),
        case("read the archive", "Allowed", resource="arn:aws:s3:::archive/1"),
        case("ask only", None),
        case("a typo", "Allowed", identity={}),
    ]
    ran = daypass_command("policy", "test", "-", "--output", "json", stdin="\n".join(lines))
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [
        {"id": "read a report", "decision": "Allowed"},
        {"id": "read the archive", "decision": "ImplicitlyDenied"},
        {"id": "ask only", "decision": "Allowed"},
        {"id": "a typo", "decision": None, "error": "identity[0]: Statement: Syntax errors in policy."},
    ]
    assert ran.returncode == 1


def test_cases_that_expect_nothing_do_not_fail_when_only_decisions_are_asked_for() -> None:
    ran = daypass_command("policy", "test", "-", "--output", "json", stdin=case("ask only", None))
    assert ran.returncode == 0


def test_a_case_that_expects_nothing_tests_nothing() -> None:
    ran = daypass_command("policy", "test", "-", stdin=case("ask only", None))
    assert ran.returncode == 2
    assert "the case expects nothing" in ran.stderr


def test_a_line_that_is_no_case_ends_the_run_with_its_number() -> None:
    ran = daypass_command("policy", "test", "-", stdin=case("fine", "Allowed") + '\n\n{"id": 1,}\n')
    assert ran.returncode == 2
    assert ran.stderr.startswith("Error: <stdin>:3: ")


def test_a_file_without_cases_is_an_error() -> None:
    ran = daypass_command("policy", "test", "-", stdin="\n")
    assert ran.returncode == 2
    assert "holds no case" in ran.stderr


def test_what_aws_would_refuse_but_means_something_is_told_beside_the_results() -> None:
    statement = {**ALLOW["Statement"], "Sid": "not plain"}
    ran = daypass_command("policy", "test", "-", stdin=case("a", "Allowed", identity={"Statement": statement}))
    assert ran.returncode == 0
    assert "<stdin>:1: warning: AWS would refuse identity[0]: Statement[0].Sid: Statement IDs (SID)" in ran.stderr


def test_ten_thousand_cases_take_less_than_two_seconds_from_the_command_line(tmp_path: Path) -> None:
    lines = VECTORS.read_text().splitlines()
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join((lines * (10_000 // len(lines) + 1))[:10_000]))
    before = os.times()
    ran = daypass_command("policy", "test", str(file))
    after = os.times()
    # What the process itself took, whatever else the machine is doing.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2
    assert ran.stdout == "10000 cases: 10000 passed, 0 failed\n"
