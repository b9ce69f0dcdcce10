"""Condition blocks of the reference engine: one function an operator, one a rule about how they combine.

Source: IAM User Guide, "Condition operators", "Single-valued vs. multivalued context keys", "Conditions with multiple
context keys or values"; Access Analyzer policy check reference (empty lists, Null with a set operator).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from reference.patterns import (
    SEGMENTS,
    Context,
    matches,
    matches_by_segment,
    segments,
    substitute,
    text_segments,
    written,
)

Compare = Callable[[str, str, Context, str | None], bool]  # request value, policy value as written, context, version
EPOCH = date(1970, 1, 1).toordinal()
DAY_SECONDS = 86_400
LAST_SECOND = 2**63 - 1


# ---- parsing of values: None means unparsable ----


def number(text: str) -> Decimal | None:
    """Rule 1.6, Numeric: an integer or a decimal; never trimmed."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    whole, point, fraction = digits.partition(".")
    if not is_digits(whole) or (point and not is_digits(fraction)):
        return None
    return Decimal(text)


def is_digits(text: str) -> bool:
    return bool(text) and all(character in "0123456789" for character in text)


def instant(text: str) -> Fraction | None:
    """Rule 1.6, Date: the W3C profile of ISO 8601, or seconds of the epoch however many digits (1.13), as seconds."""
    if is_digits(text) and len(text) != len("YYYY"):
        return Fraction(int(text)) if int(text) <= LAST_SECOND else None
    day, separator, clock = text.partition("T")
    seconds_of_day = calendar_day(day)
    if seconds_of_day is None:
        return None
    if not separator:
        return seconds_of_day
    if day.count("-") != 2:
        return None
    time_of_day = clock_time(clock)
    return None if time_of_day is None else seconds_of_day + time_of_day


def calendar_day(text: str) -> Fraction | None:
    """YYYY, YYYY-MM or YYYY-MM-DD as the epoch second of its first moment, UTC."""
    fields = text.split("-")
    if len(fields) > 3 or not all(map(is_digits, fields)):
        return None
    if [len(field) for field in fields] != [4, 2, 2][: len(fields)]:
        return None
    year, month, day = [int(field) for field in fields] + [1, 1][len(fields) - 1 :]
    try:
        return Fraction((date(year, month, day).toordinal() - EPOCH) * DAY_SECONDS)
    except ValueError:
        return None


def clock_time(text: str) -> Fraction | None:
    """hh:mmTZD, hh:mm:ssTZD or hh:mm:ss.sTZD as seconds of the UTC day."""
    if text.endswith("Z"):
        clock, offset = text[:-1], Fraction(0)
    else:
        clock, sign, zone = text[:-6], text[-6:-5], text[-5:]
        zone_minutes = hours_and_minutes(zone)
        if sign not in ("+", "-") or zone_minutes is None:
            return None
        offset = Fraction(zone_minutes * 60 * (1 if sign == "+" else -1))
    minutes = hours_and_minutes(clock[:5])
    seconds = seconds_field(clock[5:])
    if minutes is None or seconds is None:
        return None
    return minutes * 60 + seconds - offset


def hours_and_minutes(text: str) -> int | None:
    hours, colon, minutes = text[:2], text[2:3], text[3:]
    if colon != ":" or not is_digits(hours) or not is_digits(minutes) or len(minutes) != 2:
        return None
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return int(hours) * 60 + int(minutes)


def seconds_field(text: str) -> Fraction | None:
    if text == "":
        return Fraction(0)
    whole, point, fraction = text[1:].partition(".")
    if text[0] != ":" or len(whole) != 2 or not is_digits(whole) or int(whole) > 59:
        return None
    if not point:
        return Fraction(int(whole))
    return Fraction(Decimal(f"{whole}.{fraction}")) if is_digits(fraction) else None


def boolean(text: str) -> bool | None:
    """Rule 1.6, Bool: true or false, any case."""
    return {"true": True, "false": False}.get(text.lower())


def octets(text: str) -> bytes | None:
    """Rule 1.6, BinaryEquals: base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Rule 1.6, IpAddress: CIDR notation, or a bare address for a single host."""
    _, slash, prefix = text.partition("/")
    if slash and not is_digits(prefix):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def simple_fold(text: str) -> str:
    """Interim answer 1.13: Unicode simple case folding, which keeps the number of characters."""
    folded = []
    for character in text:
        choices = (character.casefold(), character.lower(), character)
        folded.append(next(choice for choice in choices if len(choice) == 1))
    return "".join(folded)


# ---- comparisons: one request value with one policy value, in the positive sense ----


def string_equals(request: str, policy: str, context: Context, version: str | None) -> bool:
    """Rule 1.6: exact, case-sensitive; `*` is literal. Rule 1.5: a variable without value equals nothing."""
    pattern = substitute(policy, context, version)
    return pattern is not None and written(pattern) == request


def string_equals_ignore_case(request: str, policy: str, context: Context, version: str | None) -> bool:
    """Rule 1.6: as StringEquals, case folded."""
    pattern = substitute(policy, context, version)
    return pattern is not None and simple_fold(written(pattern)) == simple_fold(request)


def string_like(request: str, policy: str, context: Context, version: str | None) -> bool:
    """Rule 1.6: the whole string, case-sensitive; `*` crosses everything."""
    pattern = substitute(policy, context, version)
    return pattern is not None and matches(pattern, request)


def arn_like(request: str, policy: str, context: Context, version: str | None) -> bool:
    """Rule 1.6: six colon parts, each matched separately; both sides must have six."""
    pattern = substitute(policy, context, version)
    if pattern is None:
        return False
    pattern_parts, request_parts = segments(pattern), text_segments(request)
    if len(pattern_parts) != SEGMENTS or len(request_parts) != SEGMENTS:
        return False
    return matches_by_segment(pattern_parts, request_parts)


def numeric(holds: Callable[[Any, Any], bool]) -> Compare:
    """Rule 1.6: compared as numbers, not as text; no variables (1.5)."""

    def compare(request: str, policy: str, _context: Context, _version: str | None) -> bool:
        left, right = number(request), number(policy)
        return left is not None and right is not None and holds(left, right)

    return compare


def dated(holds: Callable[[Any, Any], bool]) -> Compare:
    """Rule 1.6: compared as instants; no variables (1.5)."""

    def compare(request: str, policy: str, _context: Context, _version: str | None) -> bool:
        left, right = instant(request), instant(policy)
        return left is not None and right is not None and holds(left, right)

    return compare


def bool_equals(request: str, policy: str, _context: Context, _version: str | None) -> bool:
    """Rule 1.6; interim answer 1.13: a variable is not substituted, so it does not parse."""
    left, right = boolean(request), boolean(policy)
    return left is not None and left == right


def binary_equals(request: str, policy: str, _context: Context, _version: str | None) -> bool:
    left, right = octets(request), octets(policy)
    return left is not None and left == right


def ip_address(request: str, policy: str, _context: Context, _version: str | None) -> bool:
    """Rule 1.6: containment; an IPv4 address is in no IPv6 range, nor the other way round."""
    left, right = address(request), network(policy)
    return left is not None and right is not None and left.version == right.version and left in right


# ---- operators ----


@dataclass(frozen=True, slots=True)
class Operator:
    compare: Compare
    negated: bool = False


def equal(left: Any, right: Any) -> bool:
    return bool(left == right)


OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(string_equals),
    "StringNotEquals": Operator(string_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(string_equals_ignore_case),
    "StringNotEqualsIgnoreCase": Operator(string_equals_ignore_case, negated=True),
    "StringLike": Operator(string_like),
    "StringNotLike": Operator(string_like, negated=True),
    "ArnEquals": Operator(arn_like),
    "ArnNotEquals": Operator(arn_like, negated=True),
    "ArnLike": Operator(arn_like),
    "ArnNotLike": Operator(arn_like, negated=True),
    "NumericEquals": Operator(numeric(equal)),
    "NumericNotEquals": Operator(numeric(equal), negated=True),
    "NumericLessThan": Operator(numeric(lambda left, right: left < right)),
    "NumericLessThanEquals": Operator(numeric(lambda left, right: left <= right)),
    "NumericGreaterThan": Operator(numeric(lambda left, right: left > right)),
    "NumericGreaterThanEquals": Operator(numeric(lambda left, right: left >= right)),
    "DateEquals": Operator(dated(equal)),
    "DateNotEquals": Operator(dated(equal), negated=True),
    "DateLessThan": Operator(dated(lambda left, right: left < right)),
    "DateLessThanEquals": Operator(dated(lambda left, right: left <= right)),
    "DateGreaterThan": Operator(dated(lambda left, right: left > right)),
    "DateGreaterThanEquals": Operator(dated(lambda left, right: left >= right)),
    "Bool": Operator(bool_equals),
    "BinaryEquals": Operator(binary_equals),
    "IpAddress": Operator(ip_address),
    "NotIpAddress": Operator(ip_address, negated=True),
}
NULL = "Null"
FOR_ALL, FOR_ANY = "ForAllValues", "ForAnyValue"


@dataclass(frozen=True, slots=True)
class OperatorName:
    qualifier: str | None
    base: str
    if_exists: bool


def parse_operator(name: str) -> OperatorName:
    qualifier, colon, rest = name.partition(":")
    if not colon:
        qualifier, rest = "", name
    base = rest.removesuffix("IfExists")
    if base not in OPERATORS and base != NULL:
        raise ValueError(f"unknown operator `{name}`")
    return OperatorName(qualifier or None, base, if_exists=base != rest)


# ---- combination ----


def block_holds(block: dict[str, dict[str, Any]], context: Context, version: str | None) -> bool:
    """Rule 1.6: several operators AND; several keys under one operator AND."""
    return all(
        condition_holds(parse_operator(name), key, as_texts(values), context, version)
        for name, keys in block.items()
        for key, values in keys.items()
    )


def as_texts(values: Any) -> list[str]:
    """Rule 1.6: a single value or a list; JSON booleans and numbers count as their text."""
    return [as_text(value) for value in (values if isinstance(values, list) else [values])]


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def condition_holds(operator: OperatorName, key: str, values: list[str], context: Context, version: str | None) -> bool:
    """Rule 1.6: one operator, one key, its values. Keys are compared without case."""
    found = context.get(key.lower())
    request = found if isinstance(found, tuple) else () if found is None else (found,)
    if operator.base == NULL:
        return null_holds(operator.qualifier, values, request)
    if not values:
        return empty_list_holds(operator, request)
    if not request:
        return missing_key_holds(operator)

    def one(value: str) -> bool:
        return value_holds(OPERATORS[operator.base], value, values, context, version)

    match operator.qualifier:
        case None:
            # Interim answer 1.13: a multivalued key without set operator is false in both senses.
            return len(request) == 1 and one(request[0])
        case "ForAllValues":
            return is_null_data_set(request) or all(map(one, request))
        case "ForAnyValue":
            return any(map(one, request))
        case other:
            raise ValueError(f"unknown set operator `{other}`")


def value_holds(operator: Operator, value: str, values: list[str], context: Context, version: str | None) -> bool:
    """Rule 1.6: several values are OR for positive operators, NOR for negated ones.

    An unparsable value never compares as equal, so a negated operator is true for it (interim answer 1.13).
    """
    some = any(operator.compare(value, policy, context, version) for policy in values)
    return some != operator.negated


def is_null_data_set(request: tuple[str, ...]) -> bool:
    """Rule 1.6: an empty string counts as a null data set for ForAllValues."""
    return request == ("",)


def missing_key_holds(operator: OperatorName) -> bool:
    """Rule 1.6, Missing key; `ForAnyValue:…IfExists` is true by interim answer 1.13."""
    if operator.if_exists:
        return True
    match operator.qualifier:
        case "ForAllValues":
            return True
        case "ForAnyValue":
            return False
        case _:
            return OPERATORS[operator.base].negated


def empty_list_holds(operator: OperatorName, request: tuple[str, ...]) -> bool:
    """Rule 1.6, Empty value lists; the plain operator is false by interim answer 1.13."""
    if operator.if_exists or operator.qualifier == FOR_ALL:
        return not request
    return False


def null_holds(qualifier: str | None, values: list[str], request: tuple[str, ...]) -> bool:
    """Rule 1.6, Null: `true` = key absent. With ForAllValues always true, with ForAnyValue always false.

    An empty string is present (interim answer 1.13).
    """
    if qualifier is not None:
        return qualifier == FOR_ALL
    return any(boolean(value) is (not request) for value in values)
