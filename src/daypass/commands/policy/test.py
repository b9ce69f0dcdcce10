"""`daypass policy test`: unit tests for policies, one case a line."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

import click

if TYPE_CHECKING:
    from daypass.policy import PolicyError
    from daypass.policy_tools.cases import Answer

_MALFORMED: Final = 2  # the exit status of a run that could not be made


@click.command("test", short_help="Run cases that say what policies must decide.")
@click.argument("cases", type=click.File("rb"), metavar="CASES.jsonl")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help='text: a line for each failure, and a count; json: {"id", "decision"} for each case.',
)
def test(cases: BinaryIO, output: str) -> None:
    """Decide every case of a file and compare with what it expects. `-` reads standard input.

    A case is a JSON object on one line:

    \b
    {"id": "Bob reads his own reports",
     "request": {"action": "s3:GetObject", "resource": "arn:aws:s3:::reports/bob/1",
                 "principal_kind": "user|role|role-session|federated-user|root|service|anonymous",
                 "principal_arn": "…", "issuer_arn": "…", "principal_account": "…", "resource_account": "…",
                 "context": {"aws:SourceIp": "10.0.0.1", "aws:TagKeys": ["a", "b"]}},
     "policies": {"identity": [{…}], "session": [{…}], "boundary": [{…}], "resource": {…},
                  "scps": [[{…}], [{…}]], "rcps": [[{…}]]},
     "expected": "Allowed|ExplicitlyDenied|ImplicitlyDenied"}

    issuer_arn is the role behind a role session, or the user behind a federated user. An empty `session` means that
    none was passed. `scps` and `rcps` hold a list for each level, from the organisation's root to the account.

    Ends with status 1 if a case fails, 2 if a line is no case.
    """
    # Looking for cycles, of which there are none here, would take half the time of a large run.
    gc.disable()
    write = _write_json if output == "json" else _write_failure
    count = failed = 0
    for answer in _answers(cases, as_json=output == "json"):
        count += 1
        failed += not answer.passed
        write(answer)
    if count == 0:
        _stop(f"{_name(cases)} holds no case")
    if output == "text":
        click.echo(f"{count} {'case' if count == 1 else 'cases'}: {count - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def _answers(lines: Iterable[bytes], *, as_json: bool) -> Iterator[Answer]:
    from daypass.policy_tools import cases
    from daypass.policy_tools.documents import Documents

    place = ""

    def warn(id: str, error: PolicyError) -> None:
        where = f"{id}: {error.path}" if error.path else id
        click.echo(f"{place}: warning: AWS would refuse {where}: {error.message}", err=True)

    documents = Documents(warn)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{_name(lines)}:{number}"
        try:
            case = cases.read(line)
        except cases.CaseFault as fault:
            _stop(f"{place}: {fault}")
        if case.expected is None and not as_json:
            _stop(f"{place}: the case expects nothing: give it `expected`, or ask for --output json")
        yield cases.answer(case, documents)


def _write_json(answer: Answer) -> None:
    row: dict[str, object] = {"id": answer.case.id}
    row["decision"] = None if answer.decision is None else answer.decision.outcome.value
    if answer.error:
        row["error"] = answer.error
    click.echo(json.dumps(row, ensure_ascii=False))


def _write_failure(answer: Answer) -> None:
    if answer.passed:
        return
    got = answer.error if answer.decision is None else answer.decision.outcome.value
    because = f": {answer.explanation}" if answer.explanation else ""
    click.echo(f"FAILED {answer.case.id}: expected {answer.case.expected}, got {got}{because}")


def _name(file: object) -> str:
    return str(getattr(file, "name", "-"))


def _stop(message: str) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(_MALFORMED)
