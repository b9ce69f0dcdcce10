"""`daypass demo` as a newcomer runs it: whole, with real servers, and ended early."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from daypass.commands.demo import decided_by, lines
from daypass.demo.processes import ending_in_order
from daypass.demo.world import Row
from support.commands import daypass_command
from support.server import COMMAND, clean_environment


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    done = daypass_command("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def children_of(process_id: int) -> set[int]:
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return {int(child) for child in listed.split()}


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_every_attempt_goes_as_told(rows: list[dict[str, object]]) -> None:
    assert [row["as_told"] for row in rows] == [True] * len(rows)
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))


CASES = [
    ("inside the prefix", "Bob", "GetObject reports/bob/june.txt", "allowed", "UseReports"),
    ("outside it", "Bob", "GetObject reports/alice/june.txt", "denied", "session policy"),
    ("what the user itself may not do", "Bob", "DeleteObject reports/bob/june.txt", "denied", "identity-based policy"),
    ("no policy passed", "Carol (no policy)", "GetObject reports/bob/june.txt", "denied", "session policy"),
    ("a bucket policy that names Bob", "Bob", "GetObject notices/welcome.txt", "allowed", "BobReadsNotices"),
    ("an explicit Deny", "Bob", "GetObject notices/drafts/merger.txt", "denied", "NobodyReadsDrafts"),
    ("a tampered token", "Bob, tampered", "GetObject reports/bob/june.txt", "refused", "InvalidToken"),
    ("an expired token", "Bob, expired", "GetObject reports/bob/june.txt", "refused", "ExpiredToken"),
]


@pytest.mark.parametrize(
    ("credentials", "tried", "outcome", "because"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_the_story_shows(
    credentials: str, tried: str, outcome: str, because: str, rows: list[dict[str, object]]
) -> None:
    row = next(row for row in rows if (row["credentials"], row["tried"]) == (credentials, tried))
    assert row["outcome"] == outcome
    assert because in f"{row['statements']} {row['decided_by']} {row['error']}"


def test_carol_without_a_policy_is_denied_everything(rows: list[dict[str, object]]) -> None:
    assert Counter(row["outcome"] for row in rows if row["credentials"] == "Carol (no policy)") == {"denied": 3}


def test_people_see_a_table_without_colour_where_there_is_no_terminal() -> None:
    before = time.monotonic()
    done = daypass_command("demo", environment={"AWS_PROFILE": "nobody", "DAYPASS_DATA": "/nowhere"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - before < 60
    assert "\x1b[" not in done.stdout
    assert re.search(r"All \d+ attempts went as told\.", done.stdout)
    assert re.search(
        r"Bob +GetObject notices/drafts/merger.txt +denied +NobodyReadsDrafts in bucket policy", done.stdout
    )
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


def test_the_readme_shows_what_the_demo_prints() -> None:
    printed = daypass_command("demo").stdout.strip().partition("\n\n")[2]
    shown = (Path(__file__).parent.parent / "README.md").read_text().split("<!-- demo -->")[1]
    assert printed == shown.strip().removeprefix("```").removesuffix("```").strip()


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_early_it_leaves_no_process_and_no_directory(signal_sent: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo"],
        env=clean_environment(TMPDIR=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    while "Alice" not in (line := process.stdout.readline()) and "alice" not in line:
        assert line, process.wait()
    children = children_of(process.pid)
    assert len(children) == 2
    process.send_signal(signal_sent)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert [child for child in children if is_running(child)] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_that_a_library_drops_is_raised_again(signal_sent: signal.Signals) -> None:
    with ending_in_order() as go_on:
        go_on()
        with contextlib.suppress(KeyboardInterrupt):  # as the interpreter does with what a finalizer raises
            signal.raise_signal(signal_sent)
        with pytest.raises(KeyboardInterrupt):
            go_on()


def test_without_boto3_it_says_what_to_install() -> None:
    # An interpreter that finds no boto3: the import system is told so before daypass is loaded.
    program = (
        "import sys; sys.modules['boto3'] = None; sys.argv = ['daypass', 'demo']; import daypass.cli as c; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "Error: the demo needs boto3 and moto: pip install 'daypass[demo]'\n"


def row(**changes: object) -> Row:
    values: dict[str, object] = {
        "number": 1,
        "credentials": "Bob",
        "tried": "GetObject reports/bob/june.txt",
        "outcome": "allowed",
        "expected": "allowed",
        "decided_by": "identity-based policy",
        "statements": (),
        "error": None,
        "request_id": "x",
        "as_told": True,
    }
    return Row(**(values | changes))  # type: ignore[arg-type]  # because the rows are given by name


DECIDERS = [
    (
        row(statements=("identity-based policy/P/S", "session policy/session policy/0")),
        "S in identity-based policy P; ",
    ),
    (row(statements=("identity-based policy/arn:aws:iam::1:policy/x/P/S",)), "S in identity-based policy arn:aws:iam"),
    (row(statements=("resource-based policy/bucket policy of b/2",)), "2 in bucket policy of b"),
    (row(outcome="denied", decided_by="session policy"), "no session policy allows it"),
    (row(outcome="refused", decided_by=None, error="InvalidToken"), "InvalidToken: before any policy is asked"),
    (row(decided_by=None), "nothing: it needs no permission"),
]


@pytest.mark.parametrize(("shown", "text"), DECIDERS)
def test_the_table_says_in_words_what_decided(shown: Row, text: str) -> None:
    assert decided_by(shown).startswith(text)


def test_what_is_too_wide_for_its_column_goes_on_below() -> None:
    wrapped = list(lines(("1", "Bob", "x " * 40, "denied", "y")))
    assert len(wrapped) > 1
    assert wrapped[1][0] == wrapped[1][4] == ""
