"""Rules about `${variables}`: where they are none, and which have no value.

Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from daypass.policy.match import Variable, tokenize
from daypass.policy_tools import published
from daypass.policy_tools.findings import Finding, Rule, Severity
from daypass.policy_tools.written import CURRENT_VERSION, Condition, Document, Statement, Value

VARIABLE_OLD_VERSION: Final = Rule(
    "variable-old-version",
    Severity.WARNING,
    "A `${variable}` in a policy of version 2008-10-17, or of none, is literal text.",
    'Add "Version": "2012-10-17".',
)
VARIABLE_MISPLACED: Final = Rule(
    "variable-misplaced",
    Severity.WARNING,
    "A `${variable}` is literal text everywhere but in a resource's last part and in string and ARN conditions.",
    "Move it there, or write out the value.",
)
VARIABLE_UNKNOWN: Final = Rule(
    "variable-unknown",
    Severity.WARNING,
    "A `${variable}` names a condition key that AWS does not publish, so it never has a value.",
    "Correct the key's name.",
)
VARIABLE_MALFORMED: Final = Rule(
    "variable-malformed",
    Severity.WARNING,
    "A `${` that begins no well-formed variable is literal text.",
    "Write `${key}` or `${key, 'default'}`; `${$}{` for the two characters themselves.",
)
RULES: Final = (VARIABLE_OLD_VERSION, VARIABLE_MISPLACED, VARIABLE_UNKNOWN, VARIABLE_MALFORMED)

_TAKES_VARIABLES: Final = re.compile(r"(?:String|Arn)")


def findings(statement: Statement, document: Document) -> Iterator[Finding]:
    for value, special in _values(statement):
        if "${" in value.text:
            yield from _value_findings(value, special, document)


def _values(statement: Statement) -> Iterator[tuple[Value, str]]:
    """Every value, and the part of it in which variables are special."""
    for element in (statement.action, statement.principal):
        for value in element.values if element else ():
            yield value, ""
    for value in statement.resource.values if statement.resource else ():
        yield value, value.text.split(":", 5)[5] if value.text.count(":") >= 5 else ""
    for condition in statement.conditions:
        for value in condition.values:
            yield value, value.text if takes_variables(condition) else ""


def takes_variables(condition: Condition) -> bool:
    """Whether `${…}` is special in its values."""
    return _TAKES_VARIABLES.match(condition.comparison.operator) is not None


def _value_findings(value: Value, special: str, document: Document) -> Iterator[Finding]:
    if not document.variables:
        version = f"version {document.version}" if document.version else "no version"
        message = f"`{value.text}` is literal text in a policy of {version}; variables need {CURRENT_VERSION}"
        yield Finding(VARIABLE_OLD_VERSION, value.path, message)
        return
    if "${" in value.text[: len(value.text) - len(special)]:
        yield Finding(VARIABLE_MISPLACED, value.path, f"no variable is replaced here: `{value.text}` is literal text")
        return
    tokens = tokenize(special)
    for token in tokens:
        if isinstance(token, Variable) and published.key_type(token.key) is None:
            nearest = published.nearest_key(token.key)
            hint = f"; did you mean `{nearest}`?" if nearest else ""
            yield Finding(VARIABLE_UNKNOWN, value.path, f"there is no condition key `{token.key}`{hint}")
    # `${$}{` is how the two characters are written on purpose.
    if "${$}{" not in special and any(isinstance(token, str) and "${" in token for token in tokens):
        yield Finding(VARIABLE_MALFORMED, value.path, f"`{special}` holds a `${{` that begins no variable")
