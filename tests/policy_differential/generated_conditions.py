"""Random condition blocks: every operator × set operator × IfExists, on keys that are there, are lists, or are not."""

from __future__ import annotations

from random import Random
from typing import Any

from policy_differential.near import chance, maybe_single, near_text, other_case
from policy_differential.world import FAMILY_KEYS, FAMILY_VALUES, MANY_KEYS, NETWORKS, NO_DATES, Values

QUALIFIERS = ("", "ForAllValues:", "ForAnyValue:")
COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
FAMILY_OPERATORS: dict[str, list[str]] = {
    "String": [
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
    ],
    "Arn": ["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"],
    "Numeric": [f"Numeric{comparison}" for comparison in COMPARISONS],
    "Date": [f"Date{comparison}" for comparison in COMPARISONS],
    "Bool": ["Bool"],
    "Binary": ["BinaryEquals"],
    "IpAddress": ["IpAddress", "NotIpAddress"],
}
# Null takes no IfExists.
CONDITION_OPERATORS: list[tuple[str, str]] = [
    (family, qualifier + operator + if_exists)
    for family, operators in FAMILY_OPERATORS.items()
    for operator in operators
    for qualifier in QUALIFIERS
    for if_exists in ("", "IfExists")
] + [(family, qualifier + "Null") for family in FAMILY_OPERATORS for qualifier in QUALIFIERS]


def condition_block(rng: Random, context: Values) -> dict[str, dict[str, Any]]:
    block: dict[str, dict[str, Any]] = {}
    for _ in range(rng.choice((1, 1, 1, 2))):
        family, operator = rng.choice(CONDITION_OPERATORS)
        # A dict, not a set: the same seed must give the same case in every process.
        keys = dict.fromkeys(condition_key(rng, family, operator) for _ in range(rng.choice((1, 1, 1, 2))))
        block[operator] = {
            other_case(rng, key): values_for(rng, family, operator, context.get(key), context) for key in keys
        }
    return block


def condition_key(rng: Random, family: str, operator: str) -> str:
    if chance(rng, 0.12):
        return "aws:RequestTag/absent"
    many = 0.55 if operator.startswith("For") else 0.12
    return MANY_KEYS[family] if chance(rng, many) else rng.choice(FAMILY_KEYS[family])


def values_for(rng: Random, family: str, operator: str, found: str | list[str] | None, context: Values) -> Any:
    if chance(rng, 0.03):
        return []
    if operator.endswith("Null"):
        return rng.choice(["true", "false", True, False, ["true"], ["true", "false"]])
    return maybe_single(
        rng, [value_for(rng, family, operator, found, context) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    )


def value_for(
    rng: Random, family: str, operator: str, found: str | list[str] | None, context: Values
) -> str | bool | int | float:
    """One value of a policy: often what the request has, or nearly."""
    actual = (rng.choice(found) if found else None) if isinstance(found, list) else found
    choices = FAMILY_VALUES[family] + (NETWORKS * 2 if family == "IpAddress" else [])
    value = actual if actual is not None and chance(rng, 0.55) else rng.choice(choices)
    match family:
        case "String" if "IgnoreCase" in operator and chance(rng, 0.5):
            return value.swapcase()
        case "String" | "Arn":
            return near_text(rng, value, context)
        case "Bool" if chance(rng, 0.3):
            return rng.choice((True, False, "${aws:SecureTransport}"))
        case "Numeric" if chance(rng, 0.3):
            return rng.choice((10, 9, 11, 0, -1, 0.5, 10.5, "${aws:RequestTag/number}"))
        case "Date" if value in NO_DATES or chance(rng, 0.1):
            return rng.choice((0, 1768478400))  # a date that does not parse is refused when the policy is stored
        case _:
            return value
