"""The findings of a run as text for people, as JSON and as SARIF 2.1.0 for code review tools.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from daypass import __version__
from daypass.policy import PolicyKind
from daypass.policy_tools.check import RULES, Placed
from daypass.policy_tools.colours import Paint
from daypass.policy_tools.findings import Severity

_SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and what is wrong with it. name: as the user gave it, `-` for standard input."""

    name: str
    kind: PolicyKind
    found: Sequence[Placed]


def count(files: Sequence[Checked], severity: Severity) -> int:
    return sum([placed.finding.rule.severity is severity for file in files for placed in file.found])


def as_text(files: Sequence[Checked], paint: Paint) -> str:
    """A line for each finding, as compilers write them, and a closing count."""
    lines = []
    for file in files:
        for placed in file.found:
            finding, place = placed.finding, placed.place
            severity = finding.rule.severity
            where = f"{file.name}:{place.line}:{place.column}:"
            path = f" [{finding.path}]" if finding.path else ""
            label = paint(severity.value, _COLOURS[severity])
            lines.append(f"{where} {label}: {finding.message}{paint(path, 'dim')} ({finding.rule.id})")
    counts = ", ".join([_plural(count(files, severity), severity.value) for severity in Severity])
    return "\n".join([*lines, f"{_plural(len(files), 'file')} checked: {counts}"])


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_json(files: Sequence[Checked]) -> str:
    """A list of files, each with its findings."""
    return json.dumps(
        [
            {
                "file": file.name,
                "kind": file.kind.value,
                "findings": [
                    {
                        "rule": placed.finding.rule.id,
                        "severity": placed.finding.rule.severity.value,
                        "message": placed.finding.message,
                        "path": placed.finding.path,
                        "line": placed.place.line,
                        "column": placed.place.column,
                    }
                    for placed in file.found
                ],
            }
            for file in files
        ],
        indent=2,
        ensure_ascii=False,
    )


def as_sarif(files: Sequence[Checked]) -> str:
    """One run, with every rule that there is, so that a tool can show those that nothing broke."""
    numbers = {rule.id: number for number, rule in enumerate(RULES)}
    log = {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "daypass policy check", "version": __version__, "rules": _rules()}},
                "columnKind": "unicodeCodePoints",
                "artifacts": [{"location": {"uri": _uri(file.name)}} for file in files],
                "results": [
                    _result(file, number, placed, numbers) for number, file in enumerate(files) for placed in file.found
                ],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rules() -> list[dict[str, Any]]:
    return [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.summary},
            "help": {"text": rule.advice},
            "defaultConfiguration": {"level": rule.severity.value},
        }
        for rule in RULES
    ]


def _result(file: Checked, artifact: int, placed: Placed, numbers: dict[str, int]) -> dict[str, Any]:
    finding = placed.finding
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(file.name), "index": artifact},
            "region": {"startLine": placed.place.line, "startColumn": placed.place.column},
        }
    }
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": numbers[finding.rule.id],
        "level": finding.rule.severity.value,
        "message": {"text": finding.message},
        "locations": [location],
    }


def _uri(name: str) -> str:
    return "stdin" if name == "-" else quote(name.replace("\\", "/"), safe="/._-~")
