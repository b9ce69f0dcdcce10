"""Whether any value of a condition key satisfies several conditions at once.

The engine's own tests are asked of a few values, chosen so that if none of them satisfies every condition, nothing
does: the values that equality names, or the ends of the ranges and what lies between them. Where no such choice is
known (a pattern, a variable), the answer is yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import Final

from daypass.policy.conditions import compile_condition, parse_date, parse_network, parse_number
from daypass.policy_tools.written import Condition

_NANOSECONDS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  calendar arithmetic, in UTC throughout
# What is no number, date or address: it satisfies every negated operator.
_NO_VALUE: Final = "none of these"


def satisfiable(conditions: Sequence[Condition], *, variables: bool) -> bool:
    """conditions: of one key, none with a set operator. variables: whether `${…}` is special."""
    key = conditions[0].key.lower()
    tests = [
        compile_condition(condition.comparison, key, condition.texts, variables=variables)
        for condition in conditions
        # What a variable's value will be nobody knows: such a condition is taken to hold.
        if not (variables and any("${" in text for text in condition.texts))
    ]
    if all(test({}) for test in tests):
        return True
    candidates = _candidates(conditions, variables)
    return candidates is None or any(all(test({key: value}) for test in tests) for value in candidates)


def _candidates(conditions: Sequence[Condition], variables: bool) -> Iterable[str] | None:
    """Values of which one satisfies every condition, if any value does; None if no choice is known."""
    for condition in conditions:
        if condition.comparison.operator == "StringEquals":
            return None if variables and any("${" in text for text in condition.texts) else condition.texts
    operators = {condition.comparison.operator for condition in conditions} - {"Null"}
    texts = [text for condition in conditions for text in condition.texts]
    if not operators:
        return (_NO_VALUE,)
    if operators == {"Bool"}:
        return ("true", "false", _NO_VALUE)
    if all(operator.startswith("Numeric") for operator in operators):
        numbers = [parsed for text in texts if (parsed := parse_number(text)) is not None]
        return [*[f"{number:f}" for number in _between(numbers)], _NO_VALUE]
    if all(operator.startswith("Date") for operator in operators):
        return _dates(texts)
    if operators <= {"IpAddress", "NotIpAddress"}:
        return _addresses(texts)
    return None


def _between(numbers: Iterable[Decimal]) -> list[Decimal]:
    """The numbers, one between each two neighbours, and one beyond each end."""
    ends = sorted(set(numbers))
    if not ends:
        return [Decimal(0)]
    middles = [(low + high) / 2 for low, high in pairwise(ends)]
    return [ends[0] - 1, *ends, *middles, ends[-1] + 1]


def _dates(texts: Iterable[str]) -> list[str] | None:
    moments = [Decimal(parsed) for text in texts if (parsed := parse_date(text)) is not None]
    try:
        return [*[_date(int(moment)) for moment in _between(moments)], _NO_VALUE]
    except OverflowError:
        return None  # beyond the years 1 to 9999: such dates are left to their authors


def _date(nanoseconds: int) -> str:
    """nanoseconds: since 1970."""
    seconds, fraction = divmod(nanoseconds, _NANOSECONDS)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z".rjust(30, "0")


def _addresses(texts: Iterable[str]) -> list[str]:
    """The first address of every block and the one after it: of what is left of a block, one of them is the first."""
    found = ["0.0.0.0", "::", _NO_VALUE]  # noqa: S104  addresses to compare with
    for text in texts:
        network = parse_network(text)
        if network is None:
            continue
        version, first, mask = network
        address, space = (IPv4Address, 1 << 32) if version == 4 else (IPv6Address, 1 << 128)
        found += [str(address(number)) for number in (first, first + space - mask) if number < space]
    return found
