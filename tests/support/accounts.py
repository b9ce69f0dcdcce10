"""`daypass account` in this process, on a data directory that a Daypass may be serving meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from daypass.commands.account import account
from support.api import Key


def account_command(data: Path, *arguments: str, stdin: str | None = None) -> Result:
    """What `daypass account …` prints, and its exit code."""
    return CliRunner().invoke(account, [*arguments, "--data", str(data)], input=stdin)


def new_account(data: Path, account_id: str) -> Key:
    """A new account's root key."""
    made = account_command(data, "create", "--account-id", account_id, "--json")
    assert made.exit_code == 0, made.output
    shown = json.loads(made.output)
    return Key(shown["AccessKeyId"], shown["SecretAccessKey"])


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds: a server sees what another process changed within a second."""
    for _ in range(50):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it does not come to hold")


def attach(data: Path, name: str, document: object, *where: str) -> Result:
    """Attach a control policy. where: `--all` or `--account`, and the rest."""
    file = data.parent / f"{name}.json"
    file.write_text(json.dumps(document))
    return account_command(data, "policy", "attach", name, str(file), *where)
