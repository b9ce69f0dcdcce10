"""One document checked: its grammar, its size and lint, as findings in the document's order.

Source: the texts and the order of daypass.policy's grammar; IAM and STS quotas for sizes (daypass.limits).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyFault, PolicyKind
from daypass.policy.document import quota_size
from daypass.policy_tools import lint, written
from daypass.policy_tools.findings import Finding, Rule, Severity
from daypass.policy_tools.positions import Place, Positions

_ADVICE: Final = "AWS refuses the document; correct it."
GRAMMAR_RULES: Final[Mapping[PolicyFault, Rule]] = {
    fault: Rule(
        f"grammar-{fault.name.lower().replace('_', '-')}",
        Severity.ERROR,
        f"AWS refuses the document: {fault.name.lower().replace('_', ' ')}.",
        _ADVICE,
    )
    for fault in PolicyFault
}
TOO_LARGE: Final = GRAMMAR_RULES[PolicyFault.TOO_LARGE]
LARGE: Final = Rule(
    "large",
    Severity.NOTE,
    "An identity policy is larger than some of the places allow that it can be put in.",
    "Attach it as a managed policy, or shorten it.",
)
RULES: Final[tuple[Rule, ...]] = (*GRAMMAR_RULES.values(), LARGE, *lint.RULES)

_START: Final = Place(1, 1)
# Names of elements, for a hint at what an unknown one was meant to be.
_ELEMENTS: Final = (
    *("Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal"),
    *("Action", "NotAction", "Resource", "NotResource", "Condition"),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and where it stands."""

    finding: Finding
    place: Place


def guess_kind(document: bytes) -> PolicyKind:
    """What a document seems to be: with a Principal it is about a resource, and without Resource about a role."""
    try:
        statements = json.loads(document)["Statement"]
        listed = statements if isinstance(statements, list) else [statements]
        named = [statement for statement in listed if "Principal" in statement or "NotPrincipal" in statement]
        without_resource = [statement for statement in named if "Resource" not in statement]
    except (ValueError, KeyError, TypeError, RecursionError):
        return PolicyKind.IDENTITY
    if not named:
        return PolicyKind.IDENTITY
    return PolicyKind.ROLE_TRUST if len(without_resource) == len(listed) else PolicyKind.RESOURCE


def check(document: bytes, kind: PolicyKind) -> list[Placed]:
    """What is wrong with a document, in its order."""
    try:
        text = document.decode()
    except UnicodeDecodeError as error:
        place = Place(document.count(b"\n", 0, error.start) + 1, 1)
        return [Placed(Finding(GRAMMAR_RULES[PolicyFault.NOT_JSON], "", "not UTF-8 text"), place)]
    found = list(_findings(text, kind))
    if all(finding.path == "" for finding in found):
        _, place = _json_fault(text)
        return [Placed(finding, place) for finding in found]
    positions = Positions(text)
    return sorted(
        [Placed(finding, positions.place(finding.path)) for finding in found], key=lambda placed: placed.place
    )


def _findings(text: str, kind: PolicyKind) -> Iterator[Finding]:
    try:
        # A boundary is always a managed policy, of which IAM asks more.
        Policy.parse(text, kind, managed=kind is PolicyKind.BOUNDARY)
    except PolicyError as error:
        yield Finding(GRAMMAR_RULES[error.fault], error.path, f"{error.message}{_hint(error, text)}")
        if len(text) > limits.POLICY_DOCUMENT_CHARS:
            return  # far too much to say more of it
        try:
            Policy.parse(text, kind, stored=True)
        except PolicyError:
            return  # there is nothing that could be read further
    yield from _sizes(text, kind)
    yield from lint.findings(written.read(text, kind))


def _sizes(text: str, kind: PolicyKind) -> Iterator[Finding]:
    """What is too large for where it goes; the grammar knows the sizes of the other kinds."""
    size = quota_size(text)
    if kind is PolicyKind.SESSION and len(text) > limits.SESSION_POLICY_CHARS:
        message = f"{len(text):,} characters; session policies have at most {limits.SESSION_POLICY_CHARS:,} in all"
        yield Finding(TOO_LARGE, "", message)
    if kind is PolicyKind.BOUNDARY and size > limits.MANAGED_POLICY_CHARS:
        yield Finding(TOO_LARGE, "", f"{_counted(size)}; a managed policy has at most {limits.MANAGED_POLICY_CHARS:,}")
    if kind is PolicyKind.IDENTITY:
        places = {
            "a user's inline policies together": limits.USER_INLINE_POLICIES_CHARS,
            "a group's": limits.GROUP_INLINE_POLICIES_CHARS,
            "a managed policy": limits.MANAGED_POLICY_CHARS,
            "a role's": limits.ROLE_INLINE_POLICIES_CHARS,
        }
        closed = [f"{place} ({most:,})" for place, most in places.items() if size > most]
        if len(closed) == len(places):
            yield Finding(TOO_LARGE, "", f"{_counted(size)}; more than an identity policy may have anywhere")
        elif closed:
            yield Finding(LARGE, "", f"{_counted(size)}; too many for {', '.join(closed)}")


def _counted(size: int) -> str:
    return f"{size:,} characters without white space"


# --- hints beside AWS's texts, which say little ----------------------------------------------------------------


def _hint(error: PolicyError, text: str) -> str:
    if error.fault is PolicyFault.NOT_JSON:
        reason, _ = _json_fault(text)
        return f" ({reason})" if reason else ""
    if error.fault is not PolicyFault.SYNTAX:
        return ""
    repeated = _repeated(text)
    if repeated is not None:
        return f" (`{repeated}` stands twice in one object)"
    name = error.path.rpartition(".")[2].partition("[")[0]
    if name and name not in _ELEMENTS and error.path.count(".") <= 1:
        nearest = next(iter(difflib.get_close_matches(name, _ELEMENTS, 1)), None)
        return f" (there is no element `{name}`" + (f"; did you mean `{nearest}`?)" if nearest else ")")
    return f" (`{error.path}`)" if error.path else ""


def _json_fault(text: str) -> tuple[str | None, Place]:
    """Why and where a text is no JSON; no reason if it is."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        return f"{error.msg[:1].lower()}{error.msg[1:]}", Place(error.lineno, error.colno)
    except RecursionError:
        return "nested too deeply", _START
    return None, _START


class _Twice(Exception):
    """An object in which a key stands twice."""


def _repeated(text: str) -> str | None:
    """The first key that stands twice in one object."""

    def members(pairs: list[tuple[str, Any]]) -> None:
        names = set()
        for name, _ in pairs:
            if name in names:
                raise _Twice(name)
            names.add(name)

    try:
        json.loads(text, object_pairs_hook=members, parse_int=str, parse_float=str)
    except _Twice as twice:
        return str(twice)
    return None
