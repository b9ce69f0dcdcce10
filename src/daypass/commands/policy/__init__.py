"""`daypass policy`: tools for people who write policies. They need no server; the work is daypass.policy_tools'."""

from __future__ import annotations

import click

from daypass.commands.policy.check import check
from daypass.commands.policy.explain import explain
from daypass.commands.policy.test import test


@click.group("policy", short_help="Check, explain and test policies; needs no server.")
def policy() -> None:
    """Check, explain and test IAM policies, on this machine alone.

    \b
    daypass policy check user.json bucket.json        what AWS refuses, and what it accepts and means otherwise
    daypass policy explain --action s3:GetObject …    a decision, drawn step by step
    daypass policy test cases.jsonl                   unit tests for policies
    """


for command in (check, explain, test):
    policy.add_command(command)
