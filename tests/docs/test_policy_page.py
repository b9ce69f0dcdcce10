"""docs/policy.md holds: its commands print what it shows, its Python runs, its table is the rules'."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from daypass.policy_tools import cases, check, lint, published
from support.commands import daypass_command

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "policy.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def _in_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples")


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: " ".join(block.split()[1:4]))
def test_a_command_prints_what_the_page_shows(block: str) -> None:
    command, _, shown = block.partition("\n")
    name, *arguments = shlex.split(command.removeprefix("$ "))
    assert name == "daypass"
    assert daypass_command(*arguments).stdout == shown


def test_the_python_of_the_page_runs_from_top_to_bottom() -> None:
    names: dict[str, object] = {}
    found = blocks("python")
    assert len(found) == 3
    for block in found:
        exec(compile(block, "docs/policy.md", "exec"), names)  # noqa: S102  the page is ours


def test_the_case_on_the_page_is_a_case() -> None:
    (block,) = blocks("json")
    case = cases.read(json.dumps(json.loads(block)).encode())
    assert case.id == "Bob does not read Alice's"


def test_the_table_of_rules_is_the_rules() -> None:
    rows = [f"| `{rule.id}` | {rule.severity.value} | {rule.summary} |" for rule in (*lint.RULES, check.LARGE)]
    assert [line for line in PAGE.splitlines() if re.match(r"\| `[a-z-]+` \| (?:error|warning|note)", line)] == rows


def test_every_file_that_the_page_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).resolve().exists(), target
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors


def test_the_list_of_actions_is_as_old_as_the_page_says() -> None:
    assert f"of {published.updated()}" in PAGE
