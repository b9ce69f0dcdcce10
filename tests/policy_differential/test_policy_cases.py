"""The hand-derived cases, each with its source, against both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policy_differential.comparison import answer
from reference import engine

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "vectors" / "policy_cases.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_daypass_decides_as_derived_by_hand(case: dict[str, Any]) -> None:
    assert answer(case).outcome.value == case["expected"], case["source"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_reference_engine_decides_as_derived_by_hand(case: dict[str, Any]) -> None:
    assert engine.evaluate(case).outcome == case["expected"], case["source"]


def test_every_case_has_a_name_of_its_own_and_a_source() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert all(case["source"] for case in CASES)
