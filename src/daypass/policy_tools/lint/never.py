"""Whether a statement can match any request at all: the rules about statements that say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from daypass.policy_tools.findings import Finding, Rule, Severity, listing
from daypass.policy_tools.lint.actions import is_unknown as is_unknown_action
from daypass.policy_tools.lint.conditions import is_in_no_request
from daypass.policy_tools.lint.conditions import is_unknown as is_unknown_key
from daypass.policy_tools.lint.resources import fits_nothing
from daypass.policy_tools.lint.satisfiable import satisfiable
from daypass.policy_tools.written import ANYONE, Condition, Document, Statement

DENY_NEVER_FIRES: Final = Rule(
    "deny-never-fires",
    Severity.WARNING,
    "No request can match a Deny statement, so it forbids nothing.",
    "Correct what keeps it from matching; until then, act as if it were not there.",
)
ALLOW_NEVER_MATCHES: Final = Rule(
    "allow-never-matches",
    Severity.WARNING,
    "No request can match an Allow statement, so it grants nothing.",
    "Correct what keeps it from matching, or remove it.",
)
RULES: Final = (DENY_NEVER_FIRES, ALLOW_NEVER_MATCHES)


def findings(statement: Statement, document: Document) -> Iterator[Finding]:
    reason = next(_reasons(statement, document), None)
    if reason is not None:
        rule = ALLOW_NEVER_MATCHES if statement.allow else DENY_NEVER_FIRES
        what = "this Allow grants nothing" if statement.allow else "this Deny can never fire"
        yield Finding(rule, statement.path, f"{what}: {reason}")


def _reasons(statement: Statement, document: Document) -> Iterator[str]:
    """Why no request can match it."""
    action, resource, principal = statement.action, statement.resource, statement.principal
    if not action.negated:
        if all(is_unknown_action(text) for text in action.texts):
            yield f"there is no such action as {listing(action.texts)}"
        elif resource is not None and not resource.negated:
            known = [text for text in action.texts if not is_unknown_action(text)]
            if all(fits_nothing(text, resource) for text in known):
                yield f"{listing(known)} acts on none of its resources"
    elif any(text in ("*", "*:*") for text in action.texts):
        yield "its NotAction excludes every action"
    if resource is not None:
        if resource.negated and "*" in resource.texts:
            yield "its NotResource excludes every resource"
        if not resource.negated and not document.variables and all("${" in text for text in resource.texts):
            yield f"{listing(resource.texts)} is literal text in a policy of this version"
    if principal is not None and principal.negated and ANYONE in principal.texts:
        yield "its NotPrincipal excludes everyone"
    for condition in statement.conditions:
        reason = _never_holds(condition, statement)
        if reason is not None:
            yield reason
    yield from _contradictions(statement, document)


def _never_holds(condition: Condition, statement: Statement) -> str | None:
    """Why a condition holds of no request, if it is one of no key that requests carry, or a degenerate Null."""
    comparison, key = condition.comparison, condition.key
    if comparison.operator == "Null" and comparison.qualifier == "ForAnyValue:":
        return "`ForAnyValue:Null` never holds"
    unknown = is_unknown_key(key)
    if not unknown and not is_in_no_request(key, statement):
        return None
    wants_presence = comparison.operator == "Null" and {text.lower() for text in condition.texts} == {"false"}
    if condition.when_absent is False or (wants_presence and not comparison.qualifier):
        return f"there is no condition key `{key}`" if unknown else f"no request of its actions carries `{key}`"
    return None


def _contradictions(statement: Statement, document: Document) -> Iterator[str]:
    """Keys of which no value satisfies all that is asked of them."""
    plain = [condition for condition in statement.conditions if not condition.comparison.qualifier]
    by_key = sorted(plain, key=lambda condition: condition.key.lower())
    for _, group in groupby(by_key, key=lambda condition: condition.key.lower()):
        asked = list(group)
        if not satisfiable(asked, variables=document.variables):
            operators = listing([condition.operator for condition in asked])
            yield f"no value of `{asked[0].key}` satisfies {operators}" + (" together" if len(asked) > 1 else "")
