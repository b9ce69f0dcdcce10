"""Rules about Action and NotAction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from daypass.policy_tools import published
from daypass.policy_tools.findings import Finding, Rule, Severity
from daypass.policy_tools.lint.covering import covers
from daypass.policy_tools.published import EVERYTHING
from daypass.policy_tools.written import Document, Statement, Value

UNKNOWN_SERVICE: Final = Rule(
    "unknown-service",
    Severity.WARNING,
    "An action's service is none that AWS publishes.",
    "Use the prefix that the Service Authorization Reference gives the service.",
)
UNKNOWN_ACTION: Final = Rule(
    "unknown-action",
    Severity.WARNING,
    "An action is none that its service has, so no request ever asks for it.",
    "Correct the name; the Service Authorization Reference lists every service's actions.",
)
NOT_ACTION_ALLOW: Final = Rule(
    "not-action-allow",
    Severity.WARNING,
    "Allow with NotAction grants every action but those named: of every service, and those of services to come.",
    "List what is to be allowed under Action; to take something away, add a Deny.",
)
REDUNDANT_ACTION: Final = Rule(
    "redundant-action",
    Severity.NOTE,
    "Another value of the same element already covers an action.",
    "Remove it, or narrow the one that covers it.",
)
RULES: Final = (UNKNOWN_SERVICE, UNKNOWN_ACTION, NOT_ACTION_ALLOW, REDUNDANT_ACTION)


def findings(statement: Statement, document: Document) -> Iterator[Finding]:
    action = statement.action
    for value in action.values:
        yield from _unknown(value)
    if statement.allow and action.negated:
        yield Finding(
            NOT_ACTION_ALLOW,
            action.path,
            "Allow with NotAction grants every other action of every service, also of services to come",
        )
    yield from _redundant(statement)


def is_unknown(pattern: str) -> bool:
    """Whether no action that AWS publishes is covered."""
    return pattern not in EVERYTHING and not published.matching(pattern)


def _unknown(value: Value) -> Iterator[Finding]:
    pattern = value.text
    if not is_unknown(pattern):
        return
    service, _, name = pattern.partition(":")
    if service == "*":
        yield Finding(
            UNKNOWN_SERVICE,
            value.path,
            f"`{pattern}` matches nothing: `*` may stand for all actions, not for a service",
        )
        return
    nearest = published.nearest_action(pattern)
    hint = f"; did you mean `{nearest}`?" if nearest else ""
    if not published.actions(service.lower()):
        yield Finding(UNKNOWN_SERVICE, value.path, f"AWS publishes no service `{service}`{hint}")
    elif "*" in name or "?" in name:
        yield Finding(UNKNOWN_ACTION, value.path, f"`{pattern}` matches no action of `{service.lower()}`{hint}")
    else:
        yield Finding(UNKNOWN_ACTION, value.path, f"`{service.lower()}` has no action `{name}`{hint}")


def _redundant(statement: Statement) -> Iterator[Finding]:
    values = [(value, value.text.lower()) for value in statement.action.values]
    wide = [(value, text) for value, text in values if "*" in text and (text in EVERYTHING or text[:2] != "*:")]
    first: dict[str, Value] = {}
    for value, text in values:
        twin = first.setdefault(text, value)
        other = twin if twin is not value else next((w for w, wide_text in wide if covers(wide_text, text)), None)
        # Two that cover each other are one text twice: only the second is too many.
        if other is not None and other is not value:
            message = (
                f"`{other.text}` already covers `{value.text}`" if twin is value else f"`{value.text}` stands twice"
            )
            yield Finding(REDUNDANT_ACTION, value.path, message)
