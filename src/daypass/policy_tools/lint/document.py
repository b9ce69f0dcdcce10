"""Rules about the document as a whole: its version, its size, what is granted in all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from daypass.policy import PolicyKind
from daypass.policy_tools.findings import Finding, Rule, Severity
from daypass.policy_tools.published import EVERYTHING
from daypass.policy_tools.written import CURRENT_VERSION, Document, Statement

OLD_VERSION: Final = Rule(
    "old-version",
    Severity.NOTE,
    "The policy is of version 2008-10-17, which is also what no Version means.",
    'Add "Version": "2012-10-17"; IAM asks it of managed policies.',
)
IGNORED_ELEMENT: Final = Rule(
    "ignored-element",
    Severity.WARNING,
    "`Conditions` beside Statement is accepted and ignored.",
    "Put a Condition into each statement.",
)
ALLOW_EVERYTHING: Final = Rule(
    "allow-everything",
    Severity.WARNING,
    "A statement allows every action on every resource.",
    "List the actions and resources that are needed.",
)
RULES: Final = (OLD_VERSION, IGNORED_ELEMENT, ALLOW_EVERYTHING)

# In the others, to allow everything is how one says "no limit but the denials".
_GRANTING: Final = frozenset({PolicyKind.IDENTITY, PolicyKind.SESSION})


def findings(document: Document) -> Iterator[Finding]:
    if document.version != CURRENT_VERSION:
        stated = f"version {document.version}" if document.version else "no version, which means 2008-10-17"
        yield Finding(OLD_VERSION, "Version" if document.version else "", f"the policy is of {stated}")
    if "Conditions" in document.elements:
        yield Finding(IGNORED_ELEMENT, "Conditions", "`Conditions` beside Statement is ignored")
    for statement in document.statements:
        if document.kind in _GRANTING and _allows_everything(statement):
            what = "narrows nothing" if document.kind is PolicyKind.SESSION else "grants everything there is"
            yield Finding(ALLOW_EVERYTHING, statement.path, f"every action on every resource: the statement {what}")


def _allows_everything(statement: Statement) -> bool:
    return (
        statement.allow
        and not statement.conditions
        and not statement.action.negated
        and not EVERYTHING.isdisjoint(statement.action.texts)
        and statement.resource is not None
        and statement.resource.name == "Resource"
        and "*" in statement.resource.texts
    )
