"""Lint claims only what is so: each claim that something never matches, held against values and texts that do."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daypass.policy.conditions import Comparison, compile_condition
from daypass.policy.match import Template, TextTest, glob_text, resource_text
from daypass.policy_tools.arns import meet
from daypass.policy_tools.lint.covering import covers, covers_arn
from daypass.policy_tools.lint.satisfiable import satisfiable
from daypass.policy_tools.written import Condition, Value

# Values of every type, near each other, so that the conditions on them meet and miss each other often.
NUMBERS = ["0", "1", "1.5", "2", "-1", "1e1", "x"]
DATES = ["2026-01-01T00:00:00Z", "2026-01-01", "2026", "1767225600", "1767225601", "1960", "never"]
DATES += ["2026-01-01T00:00:00.25Z", "2026-01-01T00:00:00.5Z", "0999", "99999-01-01", "9999-12-31T23:59:59.9Z"]
ADDRESSES = ["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "10.0.0.1", "11.0.0.0", "::/0", "2001:db8::/32", "0.0.0.0/0"]
TEXTS = ["", "a", "A", "ab", "a*", "*", "${aws:x}", "${*}", "true"]
TRUTHS = ["true", "false", "maybe"]
FAMILIES = {
    ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"): TEXTS,
    ("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"): NUMBERS,
    ("DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThan"): DATES,
    ("IpAddress", "NotIpAddress"): ADDRESSES,
    ("Bool",): TRUTHS,
}


def condition(operator: str, values: list[str]) -> Condition:
    comparison = Comparison.parse(operator)
    assert comparison is not None
    return Condition("", operator, comparison, "k", tuple([Value("", value) for value in values]))


@st.composite
def asked(draw: st.DrawFn) -> list[Condition]:
    operators, values = draw(st.sampled_from(list(FAMILIES.items())))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        operator = draw(st.sampled_from(operators)) + draw(st.sampled_from(["", "IfExists"]))
        made.append(condition(operator, draw(st.lists(st.sampled_from(values), max_size=3))))
    if draw(st.booleans()):
        made.append(condition("Null", [draw(st.sampled_from(TRUTHS))]))
    return made


given_values = st.none() | st.sampled_from(
    [*NUMBERS, *DATES, *ADDRESSES, *TEXTS, *TRUTHS, "10.200.0.1", "1.7", "12.0.0.1"]
)


@given(asked(), given_values, st.booleans())
def test_conditions_that_a_value_satisfies_are_satisfiable(
    conditions: list[Condition], value: str | None, variables: bool
) -> None:
    context: dict[str, Any] = {"aws:x": "ab"} | ({} if value is None else {"k": value})
    tests = [compile_condition(one.comparison, "k", one.texts, variables=variables) for one in conditions]
    if all(test(context) for test in tests):
        assert satisfiable(conditions, variables=variables), json.dumps(
            [(one.operator, one.texts) for one in conditions]
        )


# --- patterns -----------------------------------------------------------------------------------------------------

pieces = st.lists(st.sampled_from(["a", "b", "/", "*", "?", ":"]), max_size=6).map("".join)
texts = st.lists(st.sampled_from(["a", "b", "/", "%", ":"]), max_size=6).map("".join)


def matches(pattern: str, text: str) -> bool:
    test = glob_text(pattern)
    assert not isinstance(test, Template)
    return test(text)


@given(pieces, pieces, texts)
def test_a_pattern_that_is_said_to_cover_another_matches_whatever_that_matches(
    wide: str, narrow: str, text: str
) -> None:
    if covers(wide, narrow) and matches(narrow, text):
        assert matches(wide, text)


def arn_test(pattern: str) -> TextTest:
    test = resource_text(pattern)
    assert not isinstance(test, Template)
    return test


arns = st.lists(st.sampled_from(["a", "b", "*", "?", "", "a*"]), min_size=5, max_size=5).flatmap(
    lambda head: pieces.map(lambda tail: ":".join([*head, tail]))
)
plain_arns = st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=5, max_size=5).flatmap(
    lambda head: texts.map(lambda tail: ":".join([*head, tail]))
)


@given(arns, arns, plain_arns)
def test_an_arn_pattern_that_is_said_to_cover_another_matches_whatever_that_matches(
    wide: str, narrow: str, arn: str
) -> None:
    if covers_arn(wide, narrow) and arn_test(narrow)(arn):
        assert arn_test(wide)(arn)


@given(arns, arns.map(lambda pattern: pattern.replace("?", "*")), plain_arns)
def test_two_patterns_that_an_arn_matches_are_said_to_meet(pattern: str, type_arn: str, arn: str) -> None:
    if arn_test(pattern)(arn) and arn_test(type_arn)(arn):
        assert meet(pattern, type_arn)
