"""`daypass policy check`: what is wrong with policy documents, for people, for CI and for code review tools."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO, Final

import click

if TYPE_CHECKING:
    from daypass.policy_tools.report import Checked

# What --kind takes → the name of the PolicyKind.
KINDS: Final = {
    "identity": "IDENTITY",
    "session": "SESSION",
    "boundary": "BOUNDARY",
    "resource": "RESOURCE",
    "trust": "ROLE_TRUST",
    "scp": "SERVICE_CONTROL",
    "rcp": "RESOURCE_CONTROL",
}


@click.command("check", short_help="Find what is wrong with policy documents.")
@click.argument("files", nargs=-1, required=True, type=click.File("rb"), metavar="FILE...")
@click.option(
    "--kind",
    type=click.Choice([*KINDS]),
    help="What the policies are for. Without it: resource or trust if a statement has a Principal, else identity.",
)
@click.option("--output", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Fail on warnings as well.")
def check(files: tuple[BinaryIO, ...], kind: str | None, output: str, strict: bool) -> None:
    """Check policy documents: AWS's grammar with AWS's texts, limits, and lint. `-` reads standard input.

    Lint knows the actions, resources and condition keys that AWS publishes, and finds what AWS accepts though it
    cannot be meant: an action that does not exist, a Deny that can never fire, a variable that is none.

    Ends with status 1 if AWS would refuse a document; with --strict also if there is a warning.

    \b
    daypass policy check policies/*.json
    daypass policy check --kind trust --output sarif role.json > role.sarif
    """
    from daypass.commands.policy.terminal import paint
    from daypass.policy_tools import report
    from daypass.policy_tools.findings import Severity

    checked = [_checked(file, kind) for file in files]
    match output:
        case "json":
            click.echo(report.as_json(checked))
        case "sarif":
            click.echo(report.as_sarif(checked))
        case _:
            click.echo(report.as_text(checked, paint()))
    failed = report.count(checked, Severity.ERROR) or (strict and report.count(checked, Severity.WARNING))
    sys.exit(1 if failed else 0)


def _checked(file: BinaryIO, kind: str | None) -> Checked:
    from daypass.policy import PolicyKind
    from daypass.policy_tools.check import check as check_document
    from daypass.policy_tools.check import guess_kind
    from daypass.policy_tools.report import Checked

    document = file.read()
    policy_kind = PolicyKind[KINDS[kind]] if kind else guess_kind(document)
    name = "-" if file is sys.stdin.buffer else str(file.name)
    return Checked(name, policy_kind, check_document(document, policy_kind))
