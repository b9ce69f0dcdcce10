"""What `daypass policy check` says of a document: rules, and the places where a document breaks them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The values are SARIF's levels."""

    ERROR = "error"  # AWS refuses the document
    WARNING = "warning"  # it is accepted, and does not do what its author will think
    NOTE = "note"  # it does, and could be said more plainly


@dataclass(frozen=True, slots=True)
class Rule:
    """id: stable; configuration of other tools may name it. summary: what is wrong. advice: what to do instead."""

    id: str
    severity: Severity
    summary: str
    advice: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken in one place. path: as Positions takes it. message: one line."""

    rule: Rule
    path: str
    message: str


def listing(texts: tuple[str, ...] | list[str], at_most: int = 3) -> str:
    """The texts in backticks, the first few of many."""
    named = ", ".join([f"`{text}`" for text in texts[:at_most]])
    return named if len(texts) <= at_most else f"{named} and {len(texts) - at_most} more"
