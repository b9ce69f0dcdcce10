from __future__ import annotations

import json
from typing import Any

from daypass.policy import PolicyKind
from daypass.policy_tools import colours
from daypass.policy_tools.check import RULES, check
from daypass.policy_tools.report import Checked, as_json, as_sarif, as_text

BROKEN = b"""{
 "Version": "2012-10-17",
 "Statement": [{"Effect": "Allow", "Action": "s3:GetObjct", "Resource": "*"}]
}"""
SOUND = b'{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'
NO_JSON = b"{"


def files() -> list[Checked]:
    documents = {"a dir/b\u00e4d.json": BROKEN, "good.json": SOUND, "-": NO_JSON}
    return [Checked(name, PolicyKind.IDENTITY, check(text, PolicyKind.IDENTITY)) for name, text in documents.items()]


def test_text_has_a_line_for_each_finding_and_a_closing_count() -> None:
    lines = as_text(files(), colours.plain).splitlines()
    assert lines[1] == (
        "a dir/b\u00e4d.json:3:36: warning: `s3` has no action `GetObjct`; did you mean `s3:GetObject`? "
        "[Statement[0].Action] (unknown-action)"
    )
    assert lines[2].startswith("-:1:2: error: Syntax errors in policy.")
    assert lines[3:] == ["3 files checked: 1 error, 2 warnings, 0 notes"]


def test_text_is_coloured_for_terminals_alone() -> None:
    assert "\x1b[33mwarning\x1b[0m" in as_text(files(), colours.ansi)
    assert "\x1b" not in as_text(files(), colours.plain)


def test_json_has_every_file_with_its_findings() -> None:
    bad, good, no_json = json.loads(as_json(files()))
    assert bad["findings"][1] == {
        "rule": "unknown-action",
        "severity": "warning",
        "message": "`s3` has no action `GetObjct`; did you mean `s3:GetObject`?",
        "path": "Statement[0].Action",
        "line": 3,
        "column": 36,
    }
    assert good == {"file": "good.json", "kind": "identity-based policy", "findings": []}
    assert no_json["findings"][0]["rule"] == "grammar-not-json"


def sarif() -> dict[str, Any]:
    log: dict[str, Any] = json.loads(as_sarif(files()))
    return log


def test_sarif_is_of_version_2_1_0_with_one_run_and_every_rule() -> None:
    log = sarif()
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    described = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in described] == [rule.id for rule in RULES]
    for rule in described:
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}


def test_a_sarif_result_names_its_rule_its_place_and_its_element() -> None:
    (run,) = sarif()["runs"]
    result = next(result for result in run["results"] if result["ruleId"] == "unknown-action")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "unknown-action"
    assert result["level"] == "warning"
    assert result["message"]["text"].startswith("`s3` has no action")
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    assert physical["region"] == {"startLine": 3, "startColumn": 36}
    assert run["artifacts"][physical["artifactLocation"]["index"]]["location"] == {"uri": "a%20dir/b%C3%A4d.json"}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "Statement[0].Action"}]


def test_a_sarif_uri_of_standard_input_is_a_name() -> None:
    assert sarif()["runs"][0]["artifacts"][2]["location"]["uri"] == "stdin"
