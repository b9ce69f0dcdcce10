"""`daypass demo`: prints the story that daypass.demo plays, as a table for people or as JSON for programs."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from daypass.demo.world import Row

_WIDTHS: Final = (3, 18, 35, 9, 53)  # characters of each column: 118 and four spaces in all
_HEADINGS: Final = ("", "credentials", "tried", "outcome", "decided by")
_COLOURS: Final = {"allowed": "green", "denied": "red", "refused": "yellow"}


@click.command(short_help="Play the main job as a story, with real requests.")
@click.option("--json", "as_json", is_flag=True, help="Print the attempts as a JSON array instead.")
def demo(as_json: bool) -> None:
    """Play the main job of Daypass as a story.

    Starts Daypass and an S3 backend on this machine, makes a user, obtains narrowed credentials for the federated
    user Bob, and attempts things with them through an unmodified boto3. For each attempt: what was tried, with whose
    credentials, whether it was allowed, and which statement of which policy decided. Nothing stays behind.

    Ends with status 1 if any attempt goes otherwise than the story says.
    """
    try:
        from daypass.demo import story  # not for `--help`
        from daypass.demo.processes import DemoFault
    except ImportError as missing:
        if missing.name not in ("boto3", "botocore"):
            raise
        raise click.ClickException("the demo needs boto3 and moto: pip install 'daypass[demo]'") from None

    try:
        if as_json:
            rows: list[Row] = []
            as_told = story.play(lambda _: None, rows.append)
            click.echo(story.as_json(rows))
        else:
            table = Table(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)  # noqa: TID251  no-color.org
            as_told = story.play(table.report, table.show)
            table.end()
    except DemoFault as fault:
        raise click.ClickException(str(fault)) from None
    except KeyboardInterrupt:
        click.echo("\nStopped; both servers are ended.", err=True)
        sys.exit(130)
    sys.exit(0 if as_told else 1)


class Table:
    """The story as text, written line by line as it happens."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._rows: list[Row] = []

    def report(self, text: str) -> None:
        click.echo(f"\n{self._style(text, bold=True)}" if text.endswith("…") else f"\n{text}\n")

    def show(self, row: Row) -> None:
        if not self._rows:
            self._line(_HEADINGS, "")
        self._rows.append(row)
        cells = (f"{row.number}", row.credentials, row.tried, row.outcome, decided_by(row))
        for line in lines(cells):
            self._line(line, row.outcome)
        if not row.as_told:
            click.echo(self._style(f"    ✗ the story says: {row.expected}", fg="red", bold=True))

    def end(self) -> None:
        otherwise = [str(row.number) for row in self._rows if not row.as_told]
        if otherwise:
            verdict = self._style(f"Otherwise than told: {', '.join(otherwise)}.", fg="red", bold=True)
        else:
            verdict = self._style(f"All {len(self._rows)} attempts went as told.", fg="green", bold=True)
        click.echo(f"\n{verdict} Both servers are ended; nothing stays behind.")

    def _line(self, cells: tuple[str, ...], outcome: str) -> None:
        padded = [cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]
        padded[3] = self._style(padded[3], fg=_COLOURS.get(outcome))
        click.echo(" ".join(padded).rstrip())

    def _style(self, text: str, *, fg: str | None = None, bold: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold) if self._colour else text


def lines(cells: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The cells of a row as lines of the table: what is too wide for its column goes on below."""
    columns = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""] for cell, width in zip(cells, _WIDTHS, strict=True)
    ]
    return zip_longest(*columns, fillvalue="")


def decided_by(row: Row) -> str:
    """Which statement of which policy decided; for an implicit denial, what kind of policy did not allow."""
    if row.outcome == "refused":
        return f"{row.error}: before any policy is asked"
    if row.statements:
        return "; ".join([_statement(text) for text in row.statements])
    if row.decided_by is None:
        return "nothing: it needs no permission"
    return f"no {row.decided_by} allows it"


def _statement(text: str) -> str:
    """`kind/policy id/statement` of the audit log, in words."""
    kind, _, rest = text.partition("/")
    policy, _, statement = rest.rpartition("/")
    # Some ids say what they are ("session policy", "bucket policy of notices"); the others are names or ARNs.
    return f"{statement} in {policy if 'policy' in policy.split() else f'{kind} {policy}'}"
