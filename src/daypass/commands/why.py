"""`daypass why`: why a request was allowed or denied, from the audit log.

Owns finding a request's records without reading the whole log, and putting them into words. Whoever may read the data
directory may ask; the server is not involved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

_BLOCK_BYTES: Final = 1_048_576  # of a log, read at a time from its end
_FAR_SECONDS: Final = 3_600  # no two records of one request are so far apart
_OURS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a UUID
_DECIDED: Final = {
    "Allowed": "allowed",
    "ExplicitlyDenied": "DENIED",
    "ImplicitlyDenied": "DENIED",
    "Refused": "REFUSED",
}


@click.command(short_help="Say why a request was allowed or denied.")
@click.argument("request_id")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    envvar="DAYPASS_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory that `daypass init` made.  [DAYPASS_DATA]",
)
@click.option("--json", "as_json", is_flag=True, help="The records as they are, one a line.")
def why(request_id: str, files: Sequence[Path], data: Path | None, as_json: bool) -> None:
    """Say why a request was allowed or denied.

    REQUEST_ID is in every answer: in the header x-amz-request-id (x-daypass-request-id, if nginx had the answer from
    the store), and in what an SDK raises. It is looked for in the audit log of the data directory, newest first, and
    in the FILEs, which are logs that were rotated away.

    \b
    Example:
      daypass why 0c5c7a0e-3d2b-4c43-9c1e-8f5d2d6c6a11 --data ./data
    """
    logs = [*([] if data is None else [data / "audit.jsonl"]), *files]
    if not logs:
        raise click.UsageError("say where the audit log is: --data DIR, or a FILE")
    for log in logs:
        try:
            records = find(log, request_id)
        except OSError as error:
            raise click.ClickException(f"{log} cannot be read: {error.strerror}") from None
        if records:
            click.echo("\n".join([json.dumps(record) for record in records]) if as_json else told(records))
            return
    hint = (
        "name logs that were rotated away as well"
        if _OURS.fullmatch(request_id)
        else "it is not of Daypass's form; where the store answered through nginx, x-daypass-request-id is the one"
    )
    raise click.ClickException(f"no request `{request_id}` in {', '.join(str(log) for log in logs)}; {hint}")


def find(log: Path, request_id: str) -> list[dict[str, Any]]:
    """The records of a request in the order written; the newest part of the log is looked at first.

    Raises:
        OSError: the log cannot be read.
    """
    sought = json.dumps(request_id).encode()
    found: list[dict[str, Any]] = []
    for line in _lines_from_the_end(log):
        if sought in line:
            record = _record(line)
            if record is not None and record.get("request_id") == request_id:
                found.append(record)
                continue
        # A request's records are written while it runs: those of others may be between them, but not many.
        if found and _distance(line, found[-1]) > _FAR_SECONDS:
            break
    return found[::-1]


def _distance(line: bytes, record: dict[str, Any]) -> float:
    other = _record(line)
    if other is None:
        return 0
    try:
        return (datetime.fromisoformat(record["time"]) - datetime.fromisoformat(other["time"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return 0


def _record(line: bytes) -> dict[str, Any] | None:
    """A record; None of a line that a full disk cut short."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _lines_from_the_end(log: Path) -> Iterator[bytes]:
    with log.open("rb") as file:
        position = file.seek(0, 2)
        rest = b""
        while position > 0:
            size = min(_BLOCK_BYTES, position)
            position -= size
            file.seek(position)
            first, *lines = (file.read(size) + rest).split(b"\n")
            yield from reversed([line for line in lines if line])
            rest = first
        if rest:
            yield rest


# ---- in words ----------------------------------------------------------------------------------------------


def told(records: Sequence[dict[str, Any]]) -> str:
    """The records of one request as text: who asked, then each decision and what decided it."""
    first = records[0]
    who = first.get("caller_arn") or first.get("caller_type") or "unknown"
    key = f", with {first['access_key_id']}" if first.get("access_key_id") else ""
    lines = [
        f"Request {first['request_id']}, {first['time']}, from {first.get('source_ip') or 'an unknown address'}",
        f"  by {who}{key}",
    ]
    for record in records:
        lines.append("")
        resource = f" on {record['resource']}" if record.get("resource") else ""
        lines.append(f"  {_DECIDED.get(record['decision'], record['decision'])}: {record['action']}{resource}")
        lines.append(f"    {_reason(record)}")
    return "\n".join(lines)


def _reason(record: dict[str, Any]) -> str:
    statements = [_statement(statement) for statement in record.get("statements") or ()]
    listed = "; ".join(statements)
    match record["decision"]:
        case "Allowed":
            return (
                f"allowed by {listed}"
                if listed
                else "needs no statement: it is the root user's, or needs no permission"
            )
        case "ExplicitlyDenied":
            return f"an explicit deny in {listed}: nothing overrules it"
        case "ImplicitlyDenied":
            decided_by = record.get("decided_by")
            return f"no {decided_by} allows it" if decided_by else "nothing allows it"
        case _:
            return f"answered {record.get('error')} before any policy was asked"


def _statement(text: str) -> str:
    """`kind/policy id/statement` as `statement of the kind "policy id"`."""
    kind, _, rest = text.partition("/")
    policy_id, _, statement = rest.rpartition("/")
    named = f"statement {statement}" if statement.isdecimal() else statement
    return f'{named} of the {kind} "{policy_id}"' if policy_id else text
