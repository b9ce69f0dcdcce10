"""Lint: what is wrong with a policy that AWS accepts. Each module owns the rules about one part of a statement.

A rule says nothing where it cannot be sure: a wildcard, a variable or a key of somebody else's may be anything.

Source: IAM User Guide, "IAM JSON policy elements reference" and "Grammar of the IAM JSON policy language"; IAM Access
Analyzer, "Policy check reference", for what AWS itself warns of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from daypass.policy_tools.findings import Finding, Rule
from daypass.policy_tools.lint import (
    actions,
    conditions,
    document,
    never,
    principals,
    redundancy,
    resources,
    variables,
)
from daypass.policy_tools.written import Document, Statement

RULES: Final[tuple[Rule, ...]] = (
    *actions.RULES,
    *resources.RULES,
    *principals.RULES,
    *variables.RULES,
    *conditions.RULES,
    *never.RULES,
    *redundancy.RULES,
    *document.RULES,
)

_OF_A_STATEMENT: Final[tuple[Callable[[Statement, Document], Iterator[Finding]], ...]] = (
    actions.findings,
    resources.findings,
    principals.findings,
    variables.findings,
    conditions.findings,
    never.findings,
)


def findings(written: Document) -> list[Finding]:
    """What is wrong with the document, its statements in order."""
    found = list(document.findings(written))
    for statement in written.statements:
        for check in _OF_A_STATEMENT:
            found += check(statement, written)
    return found + list(redundancy.findings(written))
