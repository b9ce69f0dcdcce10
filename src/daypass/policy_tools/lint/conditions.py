"""Rules about Condition: keys, operators and values, each for itself. Whether a statement can match is never's.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Single-valued vs. multivalued context
keys"; IAM Access Analyzer, "Policy check reference".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Final

from daypass.policy.conditions import parse_date, parse_network, parse_number
from daypass.policy_tools import published
from daypass.policy_tools.findings import Finding, Rule, Severity, listing
from daypass.policy_tools.lint.variables import takes_variables
from daypass.policy_tools.published import EVERYTHING
from daypass.policy_tools.written import Condition, Document, Statement

UNKNOWN_CONDITION_KEY: Final = Rule(
    "unknown-condition-key",
    Severity.WARNING,
    "A condition key is none that AWS publishes, so no request carries it.",
    "Correct the name; global keys begin with `aws:`, others with their service's prefix.",
)
KEY_NOT_IN_REQUESTS: Final = Rule(
    "key-not-in-requests",
    Severity.WARNING,
    "No request of the statement's actions carries a condition key, so the condition is always false, or always true.",
    "Use a key that the Service Authorization Reference lists for the action, or split the statement.",
)
FOR_ALL_VALUES_WITHOUT_NULL: Final = Rule(
    "for-all-values-without-null",
    Severity.WARNING,
    "ForAllValues in an Allow also holds of requests that do not carry the key at all.",
    'Add "Null": {KEY: "false"} to the same Condition.',
)
SET_OPERATOR_NEEDED: Final = Rule(
    "set-operator-needed",
    Severity.WARNING,
    "A key that may have several values is compared without a set operator, which then never holds.",
    "Put ForAnyValue: or ForAllValues: before the operator.",
)
SET_OPERATOR_ON_SINGLE: Final = Rule(
    "set-operator-on-single",
    Severity.NOTE,
    "A set operator stands before a comparison of a key that has only one value.",
    "Leave out ForAnyValue: or ForAllValues:.",
)
OPERATOR_DOES_NOT_FIT: Final = Rule(
    "operator-does-not-fit",
    Severity.WARNING,
    "An operator does not fit the type of its key: addresses, numbers and dates are not compared as text.",
    "Use IpAddress, a Numeric or a Date operator as the key's type asks.",
)
INVALID_VALUE: Final = Rule(
    "invalid-condition-value",
    Severity.WARNING,
    "A condition value is not of its operator's type, so it equals nothing.",
    "Correct the value.",
)
WILDCARD_IN_EQUALS: Final = Rule(
    "wildcard-in-equals",
    Severity.WARNING,
    "`*` and `?` are no wildcards under StringEquals and its like.",
    "Use StringLike, or the Arn operators for ARNs.",
)
EMPTY_CONDITION: Final = Rule(
    "empty-condition",
    Severity.WARNING,
    "A condition lists no values to compare with.",
    "List values, or remove the key.",
)
NULL_WITH_SET_OPERATOR: Final = Rule(
    "null-with-set-operator",
    Severity.WARNING,
    "ForAllValues:Null always holds and ForAnyValue:Null never does.",
    "Use Null alone.",
)
IF_EXISTS_CHANGES_NOTHING: Final = Rule(
    "if-exists-changes-nothing",
    Severity.NOTE,
    "A negated operator holds of requests without the key already; IfExists changes nothing.",
    "Leave out IfExists; to ask that the key be there, add Null.",
)
MFA_DENY_MISSES_KEYS: Final = Rule(
    "mfa-deny-misses-keys",
    Severity.WARNING,
    "A Deny without MFA does not hit long-term access keys: their requests do not carry the key.",
    "Use BoolIfExists.",
)
RULES: Final = (
    UNKNOWN_CONDITION_KEY,
    KEY_NOT_IN_REQUESTS,
    FOR_ALL_VALUES_WITHOUT_NULL,
    SET_OPERATOR_NEEDED,
    SET_OPERATOR_ON_SINGLE,
    OPERATOR_DOES_NOT_FIT,
    INVALID_VALUE,
    WILDCARD_IN_EQUALS,
    EMPTY_CONDITION,
    NULL_WITH_SET_OPERATOR,
    IF_EXISTS_CHANGES_NOTHING,
    MFA_DENY_MISSES_KEYS,
)

_MFA: Final = "aws:multifactorauthpresent"


def findings(statement: Statement, document: Document) -> Iterator[Finding]:
    for condition in statement.conditions:
        yield from _key_findings(condition, statement)
        yield from _operator_findings(condition, statement)
        yield from _value_findings(condition, document)


# --- keys ---------------------------------------------------------------------------------------------------


def is_unknown(key: str) -> bool:
    return published.key_type(key) is None


def is_in_no_request(key: str, statement: Statement) -> bool:
    """Whether the statement's actions are all known, and none of them has the service's own key."""
    prefix = key.partition(":")[0].lower()
    actions = statement.action
    if is_unknown(key) or published.is_global(key) or actions.negated or prefix not in published.services():
        return False
    if not EVERYTHING.isdisjoint(actions.texts):
        return False
    found = [published.matching(pattern) for pattern in actions.texts]
    return all(found) and not any(published.carries(action, key) for covered in found for action in covered)


def _key_findings(condition: Condition, statement: Statement) -> Iterator[Finding]:
    if is_unknown(condition.key):
        nearest = published.nearest_key(condition.key)
        hint = f"; did you mean `{nearest}`?" if nearest else ""
        yield Finding(UNKNOWN_CONDITION_KEY, condition.path, f"there is no condition key `{condition.key}`{hint}")
    elif is_in_no_request(condition.key, statement):
        message = f"no request of {listing(statement.action.texts)} carries `{condition.key}`"
        if condition.when_absent is not None:
            message += f": the condition always {'holds' if condition.when_absent else 'fails'}"
        yield Finding(KEY_NOT_IN_REQUESTS, condition.path, message)


# --- operators ----------------------------------------------------------------------------------------------

# type of key → beginnings of the operators that compare it as what it is; a type that is not here is text.
_OPERATORS_OF: Final = {
    "IPAddress": ("Ip", "NotIp"),
    "Numeric": ("Numeric",),
    "Date": ("Date", "Numeric"),  # aws:EpochTime may be compared as the number it is
}
# beginning of an operator → types of key it can compare.
_TYPES_OF: Final = {
    "Ip": ("IPAddress",),
    "NotIp": ("IPAddress",),
    "Date": ("Date",),
    "Bool": ("Bool", "String"),
}


def _operator_findings(condition: Condition, statement: Statement) -> Iterator[Finding]:
    comparison, kind = condition.comparison, published.key_type(condition.key)
    multivalued = kind is not None and kind.startswith("ArrayOf")
    if comparison.operator == "Null":
        if comparison.qualifier:
            always = comparison.qualifier == "ForAllValues:"
            message = f"`{condition.operator}` {'always holds' if always else 'never holds'}, whatever the request"
            yield Finding(NULL_WITH_SET_OPERATOR, condition.path, message)
        return
    if multivalued and not comparison.qualifier:
        message = f"`{condition.key}` may have several values; without a set operator the condition then never holds"
        yield Finding(SET_OPERATOR_NEEDED, condition.path, message)
    if kind is not None and not multivalued and comparison.qualifier:
        message = f"`{condition.key}` has one value; `{comparison.qualifier}` is for keys that have several"
        yield Finding(SET_OPERATOR_ON_SINGLE, condition.path, message)
    if statement.allow and comparison.qualifier == "ForAllValues:" and not _is_guarded(condition, statement):
        message = f'a request without `{condition.key}` passes too; add "Null": {{"{condition.key}": "false"}}'
        yield Finding(FOR_ALL_VALUES_WITHOUT_NULL, condition.path, message)
    if kind is not None and not multivalued and not _fits(comparison.operator, kind):
        message = f"`{condition.key}` is of type {kind}, which `{condition.operator}` does not compare"
        yield Finding(OPERATOR_DOES_NOT_FIT, condition.path, message)
    if comparison.if_exists and condition.negated and not comparison.qualifier:
        message = f"`{condition.operator}` holds without the key with or without `IfExists`"
        yield Finding(IF_EXISTS_CHANGES_NOTHING, condition.path, message)
    if _misses_keys(condition, statement):
        message = "requests with long-term keys do not carry the key, and are not denied; use BoolIfExists"
        yield Finding(MFA_DENY_MISSES_KEYS, condition.path, message)


def _fits(operator: str, kind: str) -> bool:
    beginnings = _OPERATORS_OF.get(kind)
    if beginnings is not None and not operator.startswith(beginnings):
        return False
    return all(kind in types for beginning, types in _TYPES_OF.items() if operator.startswith(beginning))


def _is_guarded(condition: Condition, statement: Statement) -> bool:
    """Whether another condition asks that the key be there."""
    return any(
        other.when_absent is False or (other.comparison.operator == "Null" and _null_asks_presence(other))
        for other in statement.conditions
        if other.key.lower() == condition.key.lower()
    )


def _null_asks_presence(condition: Condition) -> bool:
    return not condition.comparison.qualifier and {text.lower() for text in condition.texts} == {"false"}


def _misses_keys(condition: Condition, statement: Statement) -> bool:
    return (
        not statement.allow
        and condition.key.lower() == _MFA
        and condition.operator == "Bool"
        and {text.lower() for text in condition.texts} == {"false"}
        and not any(other.comparison.operator == "Null" for other in statement.conditions)
    )


# --- values -------------------------------------------------------------------------------------------------


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_truth(text: str) -> bool:
    return text.lower() in ("true", "false")


# beginning of an operator → whether a text is one of its values, and what it is then.
_VALUES: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "Numeric": (lambda text: parse_number(text) is not None, "a number"),
    "Date": (lambda text: parse_date(text) is not None, "a date (ISO 8601 with its zone, or seconds since 1970)"),
    "Ip": (lambda text: parse_network(text) is not None, "an IP address or a CIDR block"),
    "NotIp": (lambda text: parse_network(text) is not None, "an IP address or a CIDR block"),
    "Bool": (_is_truth, "`true` or `false`"),
    "Null": (_is_truth, "`true` or `false`"),
    "Binary": (_is_base64, "base64"),
    "Arn": (lambda text: text.count(":") >= 5, "an ARN of six parts, and a wildcard stands for one of them only"),
}


def _value_findings(condition: Condition, document: Document) -> Iterator[Finding]:
    operator = condition.comparison.operator
    if not condition.values:
        yield Finding(EMPTY_CONDITION, condition.path, f"`{condition.operator}` lists no values for `{condition.key}`")
    test, meant = next((row for beginning, row in _VALUES.items() if operator.startswith(beginning)), (None, ""))
    for value in condition.values:
        variable = document.variables and "${" in value.text and takes_variables(condition)
        if test is not None and not variable and not test(value.text):
            yield Finding(INVALID_VALUE, value.path, f"`{value.text}` is not {meant}")
        elif operator.startswith(("StringEquals", "StringNotEquals")) and _has_wildcard(value.text):
            like = "StringNotLike" if condition.negated else "StringLike"
            message = f"`{value.text}` holds no wildcard under `{condition.operator}`; `{like}` would take it as one"
            yield Finding(WILDCARD_IN_EQUALS, value.path, message)


def _has_wildcard(text: str) -> bool:
    plain = text.replace("${*}", "").replace("${?}", "")
    return "*" in plain or "?" in plain
