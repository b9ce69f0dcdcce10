"""docs/operations.md and docs/daypass.service: what they say of the log, of settings and of addresses is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daypass.commands.serve import _GRACE_SECONDS
from daypass.limits import BREAKER_FAILURES, BREAKER_OPEN_SECONDS
from daypass.settings import SETTINGS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
UNIT = (ROOT / "docs" / "daypass.service").read_text()
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src" / "daypass").rglob("*.py"))
LINES = re.findall(r"^\| `((?:the|a|request|worker) [^`]*)`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_log_that_the_page_explains_is_one(line: str) -> None:
    form = re.sub("…|40[03] …", ".?%[sd].*", line)
    assert re.search(f'_log\\.[a-z]+\\(\\s*"{form}', SOURCE), line


def test_the_page_explains_more_than_a_few_lines() -> None:
    assert len(LINES) == 11


def test_the_bounds_on_the_page_are_those_in_force() -> None:
    assert f"{BREAKER_FAILURES} times in a row; each worker asks it again every {BREAKER_OPEN_SECONDS} seconds" in PAGE
    assert f"for up to {_GRACE_SECONDS} seconds" in PAGE
    (stops,) = re.findall(r"TimeoutStopSec=(\d+)", UNIT)
    assert int(stops) > _GRACE_SECONDS


def test_the_unit_sets_what_is_a_setting() -> None:
    variables = set(re.findall(r"DAYPASS_[A-Z0-9_]+", UNIT + PAGE)) - {"DAYPASS_CONFIG"}
    assert variables
    assert variables <= {setting.variable for setting in SETTINGS.values()}


def test_the_unit_makes_the_directory_of_the_socket_that_nginx_is_configured_with() -> None:
    assert "RuntimeDirectory=daypass\n" in UNIT
    assert "unix:/run/daypass/" in (ROOT / "docs" / "proxies" / "nginx.conf").read_text()
