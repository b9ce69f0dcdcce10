"""Writes docs/compatibility.md from the tables in the code: what is served, and what each operation takes.

    python scripts/compatibility.py            write it
    python scripts/compatibility.py --check    say whether it is up to date, and change nothing

The tables are service.sts.ACTIONS, service.iam.ACTIONS and service.s3_catalog.ROWS, held against the service models.
What they do not say (parameters that are refused, and why an action is left out) is in docs/compatibility_facts.toml;
docs/compatibility_notes.md, which people write, is put below it all.
"""

from __future__ import annotations

import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from daypass.service import iam, s3_catalog, sts
from daypass.service.actions import Action, UnsignedAction
from daypass.wire import model
from daypass.wire.model import Operation, Service

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "compatibility.md"
NOTES: Final = DOCS / "compatibility_notes.md"
FACTS: Final[Mapping[str, Any]] = tomllib.loads((DOCS / "compatibility_facts.toml").read_text(encoding="utf-8"))

HEAD: Final = """\
# Compatibility with AWS

<!-- Written by scripts/compatibility.py (`make compatibility`) from the tables in the code and from
compatibility_facts.toml; the notes are in compatibility_notes.md. Change those, not this. -->

Each parameter of an operation that is served is **enforced**, or it is **refused** with a clear error; nothing is
accepted and ignored. What is **not served** is refused as well: an STS or IAM action with `InvalidAction` (400) and "is
not served by Daypass", an S3 operation with `NotImplemented` (501), never passed on to the backend. Required parameters
are in bold.
"""


def page() -> str:
    """The whole of docs/compatibility.md."""
    parts = [
        HEAD,
        *control_plane("STS", model.load("sts"), sts.ACTIONS),
        *control_plane("IAM", model.load("iam"), iam.ACTIONS),
        *data_plane(model.load("s3"), s3_catalog.ROWS),
        NOTES.read_text(encoding="utf-8").strip(),
    ]
    return "\n".join(parts) + "\n"


def control_plane(title: str, service: Service, actions: Mapping[str, object]) -> Iterator[str]:
    """A service whose operations are rows of an ACTIONS table."""
    actions = {name: row for name, row in actions.items() if name not in FACTS["told"][service.name]}
    yield f"## {title}\n\nAPI version {service.api_version}; {count(actions, service)}.\n"
    yield "| action | parameters enforced | refused | permission |\n|---|---|---|---|"
    for name in sorted(actions):
        enforced, refused = parameters(service, service.operations[name])
        yield f"| {name} | {enforced or '–'} | {refused or '–'} | {permission(service, name, actions[name])} |"
    yield not_served(service, actions)


def permission(service: Service, name: str, action: object) -> str:
    if isinstance(action, UnsignedAction):
        return f"`{service.name}:{name}`; unsigned"
    return f"`{service.name}:{name}`" if isinstance(action, Action) and action.checks is not None else "none needed"


def parameters(service: Service, operation: Operation) -> tuple[str, str]:
    """Those that are enforced, and those that are refused, for all values or for some."""
    never = refusals(service, operation.name, "refused")
    sometimes = refusals(service, operation.name, "values")
    members = () if operation.input is None else operation.input.members.values()
    enforced = [
        f"**{member.name}**" if member.required else member.name for member in members if member.name not in never
    ]
    refused = [f"{name} ({why})" for name, why in never.items()]
    refused += [f"{name}: {values}" for name, values in sometimes.items()]
    return ", ".join(enforced), "; ".join(refused)


def refusals(service: Service, operation: str, kind: str) -> Mapping[str, str]:
    found: Mapping[str, str] = FACTS[kind].get(service.name, {}).get(operation, {})
    return found


def data_plane(service: Service, rows: Mapping[str, s3_catalog.Row]) -> Iterator[str]:
    """S3: what becomes of each parameter is in its row."""
    yield f"## S3 gateway\n\nAPI version {service.api_version}; {count(rows, service)}.\n"
    yield "| operation | permission | more, if the request has | refused with 501 |\n|---|---|---|---|"
    for name in sorted(rows):
        row = rows[name]
        permission = s3_permission(row)
        further: dict[str, list[str]] = {}
        for parameter, actions in row.further.items():
            for action in actions:
                further.setdefault(action, []).append(parameter)
        more = "; ".join([f"{', '.join(names)}: `{action}`" for action, names in further.items()])
        refused = ", ".join(unknown_parameters(service.operations[name], row))
        yield f"| {name} | {permission} | {more or '–'} | {refused or '–'} |"
    yield not_served(service, rows)


def s3_permission(row: s3_catalog.Row) -> str:
    plain = [row.action, *(row.also or ())[:1]]
    versioned = [row.version_action, *(row.also or ())[1:]] if row.version_action else []
    said = " and ".join([f"`{action}`" for action in plain])
    if versioned:
        said += f" (with a version: {' and '.join([f'`{action}`' for action in versioned])})"
    if row.copies:
        said += "; `s3:GetObject` or `s3:GetObjectVersion` on the source"
    return said + ("; each object by itself" if row.decides_by_key else "")


def unknown_parameters(operation: Operation, row: s3_catalog.Row) -> list[str]:
    """Query parameters and headers of the model that the row does not act on: a request with one is refused."""
    fixed = {name for name, _ in operation.fixed_query}
    members = () if operation.input is None else operation.input.members.values()
    names = [member.wire_name for member in members if member.location in ("querystring", "header", "headers")]
    return [name for name in names if name not in fixed and not row.knows(as_sent(name))]


def as_sent(name: str) -> str:
    """Headers are compared in lower case; query parameters as they are."""
    return name.lower() if name.lower().startswith("x-amz-") or name[0].isupper() else name


def count(served: Mapping[str, object], service: Service) -> str:
    return f"{len(served)} of {len(service.operations)} operations served"


def not_served(service: Service, served: Mapping[str, object]) -> str:
    """The rest of the model behind a fold: what is left out on purpose, by its reason, and what is yet to come."""
    rest = set(service.operations) - set(served)
    reasons: Mapping[str, list[str]] = FACTS["not_served"].get(service.name, {})
    paragraphs = [f"- {reason}: {', '.join(sorted(names))}" for reason, names in reasons.items()]
    rest -= {name for names in reasons.values() for name in names}
    if rest:
        paragraphs.append(f"- not yet: {', '.join(sorted(rest))}" if reasons else ", ".join(sorted(rest)))
    folded = len(set(service.operations) - set(served))
    text = "\n".join(textwrap.fill(each, 118, subsequent_indent="  " if reasons else "") for each in paragraphs)
    return f"\n<details><summary>Not served ({folded})</summary>\n\n{text}\n\n</details>\n"


def main() -> None:
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/compatibility.md is not what the tables say; run: make compatibility")


if __name__ == "__main__":
    main()
