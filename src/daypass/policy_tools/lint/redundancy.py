"""Rules about statements of one document that make others pointless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from daypass.policy_tools.findings import Finding, Rule, Severity
from daypass.policy_tools.lint.covering import covers, covers_arn
from daypass.policy_tools.published import EVERYTHING
from daypass.policy_tools.written import ANYONE, Document, Element, Statement

REDUNDANT_STATEMENT: Final = Rule(
    "redundant-statement",
    Severity.NOTE,
    "Another statement of the same effect already says all that a statement says.",
    "Remove it, or narrow the one that covers it.",
)
ALLOW_SHADOWED: Final = Rule(
    "allow-shadowed",
    Severity.WARNING,
    "A Deny without a condition covers all that an Allow grants, so the Allow grants nothing.",
    "Remove one of the two, or narrow the Deny.",
)
RULES: Final = (REDUNDANT_STATEMENT, ALLOW_SHADOWED)

# Comparing every statement with every other: a document with more is not looked at.
_MOST_STATEMENTS: Final = 200


def findings(document: Document) -> Iterator[Finding]:
    if len(document.statements) > _MOST_STATEMENTS:
        return
    for statement in document.statements:
        for other in document.statements:
            if other is statement or not _covers(other, statement):
                continue
            if other.allow == statement.allow:
                # Of two that say the same, the second is too many.
                if other.index < statement.index or not _covers(statement, other):
                    message = f"{_name(other)} already says what this statement says"
                    yield Finding(REDUNDANT_STATEMENT, statement.path, message)
                    break
            elif statement.allow and not other.conditions:
                message = f"{_name(other)} denies all that this statement allows"
                yield Finding(ALLOW_SHADOWED, statement.path, message)
                break


def _name(statement: Statement) -> str:
    return f"Statement[{statement.index}]" + (f" (`{statement.sid}`)" if statement.sid else "")


def _covers(wide: Statement, narrow: Statement) -> bool:
    """Whether wide surely matches whatever narrow matches."""
    asked = {(condition.operator, condition.key.lower(), frozenset(condition.texts)) for condition in narrow.conditions}
    return (
        all(
            (condition.operator, condition.key.lower(), frozenset(condition.texts)) in asked
            for condition in wide.conditions
        )
        and _covers_actions(wide.action, narrow.action)
        and _covers_resources(wide.resource, narrow.resource)
        and _covers_principals(wide.principal, narrow.principal)
    )


def _covers_actions(wide: Element, narrow: Element) -> bool:
    if wide.negated or narrow.negated:
        return wide.name == narrow.name and set(wide.texts) == set(narrow.texts)
    return all(any(_covers_action(known.lower(), text.lower()) for known in wide.texts) for text in narrow.texts)


def _covers_action(wide: str, narrow: str) -> bool:
    # `*:Name` looks as if it covered much, and matches nothing.
    return wide in EVERYTHING or wide == narrow or (not wide.startswith("*:") and covers(wide, narrow))


def _covers_resources(wide: Element | None, narrow: Element | None) -> bool:
    if wide is None or narrow is None:
        return wide is narrow
    if wide.negated or narrow.negated:
        return wide.name == narrow.name and set(wide.texts) == set(narrow.texts)
    return all(any(covers_arn(known, text) for known in wide.texts) for text in narrow.texts)


def _covers_principals(wide: Element | None, narrow: Element | None) -> bool:
    if wide is None or narrow is None:
        return wide is narrow
    if wide.negated or narrow.negated:
        return wide.name == narrow.name and set(wide.texts) == set(narrow.texts)
    return ANYONE in wide.texts or set(narrow.texts) <= set(wide.texts)
