"""Condition operators: one table of operators × set qualifier × IfExists, compiled to one test a key.

An operator says whether one request value satisfies any of the policy's values. A negated operator is the
opposite of its positive one, so a value that cannot be parsed, or a variable without a value, satisfies every
negated operator. Everything else (missing keys, lists of values) is composed here once.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Single-valued vs. multivalued
context keys"; IAM Access Analyzer, "Policy check reference" for empty value lists and Null with a qualifier.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple, TypeVar

from daypass import limits
from daypass.policy.match import (
    Context,
    Template,
    TextTest,
    Variable,
    arn_text,
    glob_text,
    resolve_text,
    tokenize,
)

# Whether one request value satisfies any of the policy's values.
ValueTest = Callable[[str, Context], bool]
# Whether a request context satisfies a condition.
ContextTest = Callable[[Context], bool]
Parsed = TypeVar("Parsed")

FOR_ALL_VALUES: Final = "ForAllValues:"
FOR_ANY_VALUE: Final = "ForAnyValue:"
IF_EXISTS: Final = "IfExists"


@dataclass(frozen=True, slots=True)
class Operator:
    """compile: the policy's values, and whether `${…}` is special in them → the test of one request value."""

    compile: Callable[[Sequence[str], bool], ValueTest]
    negated: bool = False


# --- text ---------------------------------------------------------------------------------------------------


def _string_equals(values: Sequence[str], variables: bool) -> ValueTest:
    return _equals(values, variables, lambda value: value)


def _string_equals_ignore_case(values: Sequence[str], variables: bool) -> ValueTest:
    return _equals(values, variables, fold)


def _equals(values: Sequence[str], variables: bool, normal: Callable[[str], str]) -> ValueTest:
    fixed, templates = set(), []
    for value in values:
        tokens = tokenize(value, wildcards=False, variables=variables)
        if any(isinstance(token, Variable) for token in tokens):
            templates.append(tokens)
        else:
            fixed.add(normal("".join([token for token in tokens if isinstance(token, str)])))
    if not templates:
        return lambda value, context: normal(value) in fixed

    def test(value: str, context: Context) -> bool:
        value = normal(value)
        if value in fixed:
            return True
        for template in templates:
            text = resolve_text(template, context)
            if text is not None and normal(text) == value:
                return True
        return False

    return test


def fold(text: str) -> str:
    """Unicode simple case folding: character by character, never changing the length."""
    if text.isascii():
        return text.lower()
    return "".join([_fold_character(character) for character in text])


def _fold_character(character: str) -> str:
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def _string_like(values: Sequence[str], variables: bool) -> ValueTest:
    return _any_pattern([glob_text(value, variables=variables) for value in values])


def _arn_like(values: Sequence[str], variables: bool) -> ValueTest:
    return _any_pattern([arn_text(value, variables=variables) for value in values])


def _any_pattern(patterns: Sequence[TextTest | Template | None]) -> ValueTest:
    templates = [pattern for pattern in patterns if isinstance(pattern, Template)]
    fixed = [pattern for pattern in patterns if pattern is not None and not isinstance(pattern, Template)]
    if len(fixed) == 1 and not templates:
        only = fixed[0]
        return lambda value, context: only(value)

    def test(value: str, context: Context) -> bool:
        for pattern in fixed:
            if pattern(value):
                return True
        for template in templates:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
            if template.matches(value, context):
                return True
        return False

    return test


# --- values that are parsed on both sides -------------------------------------------------------------------


def _compared(parse: Callable[[str], Parsed | None], holds: Callable[[Parsed, Parsed], bool]) -> Operator:
    """holds(request's value, policy's value). What cannot be parsed, on either side, satisfies nothing."""

    def compile_values(values: Sequence[str], variables: bool) -> ValueTest:
        wanted = [parsed for value in values if (parsed := parse(value)) is not None]

        def test(value: str, context: Context) -> bool:
            given = parse(value)
            if given is None:
                return False
            for want in wanted:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
                if holds(given, want):
                    return True
            return False

        return test

    return Operator(compile_values)


def _negated(operator: Operator) -> Operator:
    return Operator(operator.compile, negated=True)


_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


@lru_cache(limits.CONDITION_VALUES_CACHED)
def parse_number(text: str) -> Decimal | None:
    """An integer or decimal, exactly; None if it is neither."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


_NANOSECONDS: Final = 1_000_000_000
_DATE: Final = re.compile(
    r"(?P<year>[+-]?[0-9]{4,9})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2}))?)?)?",
    re.ASCII,
)
_EPOCH: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
EPOCH_MAX: Final = 2**63 - 1  # seconds; what IAM accepts when a policy is saved
_YEARS: Final = range(-292_275_054, 292_278_993 + 1)  # what IAM accepts when a policy is saved
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(limits.CONDITION_VALUES_CACHED)
def parse_date(text: str) -> int | None:
    """Nanoseconds since 1970 of a date in the W3C profile of ISO 8601, or of whole seconds since 1970.

    Four digits alone are a year. A date without a time begins in UTC; a time must state its zone.
    """
    if _EPOCH.fullmatch(text) and len(text) != 4:
        return int(text) * _NANOSECONDS if int(text) <= EPOCH_MAX else None
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    part = {name: int(digits or "0") for name, digits in found.groupdict().items() if name not in ("zone", "fraction")}
    year, month, day = part["year"], part["month"] if found["month"] else 1, part["day"] if found["day"] else 1
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if year not in _YEARS or not 1 <= month <= 12 or not 1 <= day <= _MONTH_DAYS[month - 1] + leap:
        return None
    offset = _zone_minutes(found["zone"])
    if part["hour"] > 23 or part["minute"] > 59 or part["second"] > 59 or offset is None:
        return None
    minutes = (_days_since_1970(year, month, day) * 24 + part["hour"]) * 60 + part["minute"] - offset
    return (minutes * 60 + part["second"]) * _NANOSECONDS + int((found["fraction"] or "").ljust(9, "0"))


_SAVED_DATE: Final = re.compile(
    r"-?[0-9]{1,9}(?:-(?P<month>[0-9]{1,2})(?:-(?P<day>[0-9]{1,2}))?)?"
    r"(?:T(?:(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-](?P<zone_hour>[0-9]{2})(?::(?P<zone_minute>[0-9]{2}))?)?)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_SAVED_RANGES: Final = {
    "month": range(1, 13),
    "day": range(1, 32),
    "hour": range(24),
    "minute": range(60),
    "second": range(60),
    "zone_hour": range(24),
    "zone_minute": range(60),
}


def is_saved_date(text: str) -> bool:
    """Whether IAM keeps the text as a date: it takes more forms than it says it compares (`01T`, 30 February)."""
    if parse_date(text) is not None:
        return True
    found = _SAVED_DATE.fullmatch(text) if "-" in text or "t" in text.lower() else None
    return found is not None and all(
        part is None or int(part) in _SAVED_RANGES[name] for name, part in found.groupdict().items()
    )


def _zone_minutes(zone: str | None) -> int | None:
    if zone is None or zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)


def _days_since_1970(year: int, month: int, day: int) -> int:
    # Counted from 1 March of year 0, so that the leap day is the last of its year.
    years, months = (year, month - 3) if month > 2 else (year - 1, month + 9)
    return years * 365 + years // 4 - years // 100 + years // 400 + (153 * months + 2) // 5 + day - 1 - 719_468


_TRUTH: Final = {"true": True, "false": False}


def _truth(text: str) -> bool | None:
    return _TRUTH.get(text.lower())


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


_PREFIX: Final = re.compile(r"[0-9]{1,3}", re.ASCII)  # `10.0.0.0/255.0.0.0` is not CIDR notation
# A network or a single address: IP version, first address, mask.
_Network = tuple[int, int, int]


@lru_cache(limits.CONDITION_VALUES_CACHED)
def parse_network(text: str) -> _Network | None:
    """An address, or a block in CIDR notation whose host bits do not count; None if it is neither.

    An IPv4 address in IPv6's mapped form is that IPv4 address.
    """
    address_text, slash, prefix = text.partition("/")
    if slash and not _PREFIX.fullmatch(prefix):
        return None
    try:
        if slash:
            network = ip_network(text, strict=False)
            return network.version, int(network.network_address), int(network.netmask)
        address = ip_address(address_text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address), (1 << address.max_prefixlen) - 1


def _within(given: _Network, network: _Network) -> bool:
    version, first, mask = network
    return given[0] == version and given[1] & mask == first and given[2] & mask == mask


def _equal(given: object, wanted: object) -> bool:
    return given == wanted


_NUMERIC_EQUALS: Final = _compared(parse_number, _equal)
_DATE_EQUALS: Final = _compared(parse_date, _equal)
_IP_ADDRESS: Final = _compared(parse_network, _within)
_STRING_EQUALS: Final = Operator(_string_equals)
_STRING_EQUALS_IGNORE_CASE: Final = Operator(_string_equals_ignore_case)
_STRING_LIKE: Final = Operator(_string_like)
_ARN_LIKE: Final = Operator(_arn_like)

OPERATORS: Final[dict[str, Operator]] = {
    "StringEquals": _STRING_EQUALS,
    "StringNotEquals": _negated(_STRING_EQUALS),
    "StringEqualsIgnoreCase": _STRING_EQUALS_IGNORE_CASE,
    "StringNotEqualsIgnoreCase": _negated(_STRING_EQUALS_IGNORE_CASE),
    "StringLike": _STRING_LIKE,
    "StringNotLike": _negated(_STRING_LIKE),
    "ArnEquals": _ARN_LIKE,
    "ArnLike": _ARN_LIKE,
    "ArnNotEquals": _negated(_ARN_LIKE),
    "ArnNotLike": _negated(_ARN_LIKE),
    "NumericEquals": _NUMERIC_EQUALS,
    "NumericNotEquals": _negated(_NUMERIC_EQUALS),
    "NumericLessThan": _compared(parse_number, Decimal.__lt__),
    "NumericLessThanEquals": _compared(parse_number, Decimal.__le__),
    "NumericGreaterThan": _compared(parse_number, Decimal.__gt__),
    "NumericGreaterThanEquals": _compared(parse_number, Decimal.__ge__),
    "DateEquals": _DATE_EQUALS,
    "DateNotEquals": _negated(_DATE_EQUALS),
    "DateLessThan": _compared(parse_date, int.__lt__),
    "DateLessThanEquals": _compared(parse_date, int.__le__),
    "DateGreaterThan": _compared(parse_date, int.__gt__),
    "DateGreaterThanEquals": _compared(parse_date, int.__ge__),
    "Bool": _compared(_truth, _equal),
    "BinaryEquals": _compared(_bytes, _equal),
    "IpAddress": _IP_ADDRESS,
    "NotIpAddress": _negated(_IP_ADDRESS),
}
NULL: Final = "Null"  # asks about the key itself, so it is composed differently from all of OPERATORS


# --- composition --------------------------------------------------------------------------------------------


class Comparison(NamedTuple):
    """An operator as written in a policy, taken apart: `ForAnyValue:StringLikeIfExists`."""

    operator: str
    qualifier: str
    if_exists: bool

    @staticmethod
    @lru_cache(limits.CONDITION_VALUES_CACHED)
    def parse(text: str) -> Comparison | None:
        """None if there is no such operator. Spelling is exact; Null takes no IfExists."""
        qualifier = next((q for q in (FOR_ALL_VALUES, FOR_ANY_VALUE) if text.startswith(q)), "")
        operator = text[len(qualifier) :]
        if operator in OPERATORS or operator == NULL:
            return Comparison(operator, qualifier, False)
        if operator.endswith(IF_EXISTS) and operator[: -len(IF_EXISTS)] in OPERATORS:
            return Comparison(operator[: -len(IF_EXISTS)], qualifier, True)
        return None


def compile_condition(comparison: Comparison, key: str, values: Sequence[str], *, variables: bool) -> ContextTest:
    """The test of one key under one operator. key: in lower case. variables: whether `${…}` is special."""
    if comparison.operator == NULL:
        return _null(comparison.qualifier, key, values)
    operator = OPERATORS[comparison.operator]
    test = operator.compile(values, variables)
    if comparison.qualifier == FOR_ALL_VALUES:
        return _for_all(key, test, operator.negated, not values)
    if comparison.qualifier == FOR_ANY_VALUE:
        return _for_any(key, test, operator.negated, not values, when_absent=comparison.if_exists)
    if not values:
        return _only_absent(key) if comparison.if_exists else _never
    return _single(key, test, operator.negated, when_absent=comparison.if_exists or operator.negated)


def _single(key: str, test: ValueTest, negated: bool, *, when_absent: bool) -> ContextTest:
    def condition(context: Context) -> bool:
        value = context.get(key)
        if type(value) is str:
            return test(value, context) is not negated
        if not value:
            return when_absent
        # A multivalued key needs a set operator; with one value it is as a single-valued key.
        return len(value) == 1 and test(value[0], context) is not negated

    return condition


def _for_all(key: str, test: ValueTest, negated: bool, no_values: bool) -> ContextTest:
    def condition(context: Context) -> bool:
        given = _values(context.get(key))
        if no_values:
            return not given
        # A key that is absent, empty or the empty string is an empty set, and all of its members satisfy.
        if not any(given):
            return True
        for value in given:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
            if test(value, context) is negated:
                return False
        return True

    return condition


def _for_any(key: str, test: ValueTest, negated: bool, no_values: bool, *, when_absent: bool) -> ContextTest:
    def condition(context: Context) -> bool:
        given = _values(context.get(key))
        if not given:
            return when_absent
        if no_values:
            return False
        for value in given:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
            if test(value, context) is not negated:
                return True
        return False

    return condition


def _values(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _null(qualifier: str, key: str, values: Sequence[str]) -> ContextTest:
    if qualifier:
        # Degenerate: ForAllValues:Null always holds and ForAnyValue:Null never does.
        return _always if qualifier == FOR_ALL_VALUES else _never
    wanted = {truth for value in values if (truth := _truth(value)) is not None}
    return lambda context: _absent(context.get(key)) in wanted


def _only_absent(key: str) -> ContextTest:
    return lambda context: _absent(context.get(key))


def _absent(value: str | tuple[str, ...] | None) -> bool:
    # An empty string is a value; a multivalued key without values is not there at all.
    return value is None or value == ()


def _always(context: Context) -> bool:
    return True


def _never(context: Context) -> bool:
    return False
