"""`daypass policy check` as people and CI run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import daypass_command

SOUND = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}],
}
DOUBTFUL = {**SOUND, "Statement": [{"Effect": "Deny", "Action": "s3:GetObjct", "Resource": "*"}]}
BROKEN = {**SOUND, "Statement": [{"Effect": "Allow", "Acton": "s3:GetObject", "Resource": "*"}]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.json"


@pytest.mark.parametrize(
    ("document", "options", "status"),
    [
        (SOUND, (), 0),
        (SOUND, ("--strict",), 0),
        (DOUBTFUL, (), 0),
        (DOUBTFUL, ("--strict",), 1),
        (BROKEN, (), 1),
        (SOUND, ("--kind", "resource"), 1),
        ({**SOUND, "Version": "2008-10-17"}, ("--strict",), 0),
    ],
    ids=["sound", "sound, strict", "doubtful", "doubtful, strict", "broken", "of another kind", "a note, strict"],
)
def test_the_exit_status_tells_ci_whether_aws_would_take_the_policy(
    file: Path, document: object, options: tuple[str, ...], status: int
) -> None:
    file.write_text(json.dumps(document))
    assert daypass_command("policy", "check", str(file), *options).returncode == status


def test_findings_are_printed_as_compilers_print_theirs(file: Path) -> None:
    file.write_text(json.dumps(DOUBTFUL, indent=1))
    ran = daypass_command("policy", "check", str(file))
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"{file}:4:3: warning: this Deny can never fire: ")
    assert lines[1] == (
        f"{file}:6:4: warning: `s3` has no action `GetObjct`; did you mean `s3:GetObject`? "
        "[Statement[0].Action] (unknown-action)"
    )
    assert lines[-1] == "1 file checked: 0 errors, 2 warnings, 0 notes"
    assert ran.stderr == ""


def test_several_files_are_checked_in_one_run(file: Path) -> None:
    other = file.with_name("other.json")
    file.write_text(json.dumps(SOUND))
    other.write_text(json.dumps(BROKEN))
    ran = daypass_command("policy", "check", str(file), str(other), "--output", "json")
    assert [len(checked["findings"]) for checked in json.loads(ran.stdout)] == [0, 1]
    assert ran.returncode == 1


def test_standard_input_is_checked_by_the_name_of_a_dash() -> None:
    ran = daypass_command("policy", "check", "-", stdin=json.dumps(BROKEN))
    assert ran.stdout.startswith("-:1:")
    assert ran.returncode == 1


def test_sarif_is_printed_whole_also_where_there_are_errors(file: Path) -> None:
    file.write_text(json.dumps(BROKEN))
    ran = daypass_command("policy", "check", str(file), "--output", "sarif")
    (run,) = json.loads(ran.stdout)["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["grammar-syntax"]
    assert ran.returncode == 1


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("identity", None),
        ("session", None),
        ("boundary", None),
        ("scp", None),
        ("resource", "grammar-principal-required"),
        ("trust", "grammar-trust-action"),
        ("rcp", "grammar-principal-required"),
    ],
)
def test_each_kind_has_rules_of_its_own(file: Path, kind: str, rule: str | None) -> None:
    file.write_text(json.dumps(SOUND))
    ran = daypass_command("policy", "check", str(file), "--kind", kind, "--output", "json")
    found = [finding["rule"] for finding in json.loads(ran.stdout)[0]["findings"] if finding["severity"] == "error"]
    assert found == ([rule] if rule else [])


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    ran = daypass_command("policy", "check", "nowhere.json")
    assert ran.returncode == 2
    assert "No such file" in ran.stderr
