"""The command line as a user runs it: a process with an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.server import COMMAND, Daypass, Keys, clean_environment

AWS = str(Path(sys.executable).with_name("aws"))


def aws_environment(server: Daypass, keys: Keys) -> dict[str, str]:
    """All that an AWS client is given: where Daypass is, and keys."""
    return {"AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": "us-east-1", **keys.environment()}


def run(
    command: tuple[str, ...], *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs to the end; the environment has nothing of AWS or Daypass but what is given."""
    return subprocess.run(
        [*command, *arguments],
        env=clean_environment(**environment or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def daypass_command(
    *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return run(COMMAND, *arguments, environment=environment, stdin=stdin)


def aws_command(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The AWS CLI of the development set, unmodified."""
    return run((AWS,), *arguments, environment=environment)
