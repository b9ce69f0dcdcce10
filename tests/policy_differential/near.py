"""Values that are almost another: with a wildcard, in another case, with a variable in it, or off by one character."""

from __future__ import annotations

from random import Random
from typing import Any

from policy_differential.world import Values


def chance(rng: Random, probability: float) -> bool:
    return rng.random() < probability


def maybe_single(rng: Random, values: list[Any]) -> Any:
    """Any list in a policy may be a single value when it holds one."""
    return values[0] if len(values) == 1 and chance(rng, 0.5) else values


def shuffled(rng: Random, values: list[str]) -> list[str]:
    return rng.sample(values, len(values))


def other_case(rng: Random, key: str) -> str:
    return rng.choice((key, key, key.lower(), key.upper()))


def riddled(rng: Random, text: str) -> str:
    """The text with many wildcards, and now and then a character too many or too few."""
    pieces = (rng.choices((character, "?", "*", "*" + character, ""), (12, 3, 2, 3, 1))[0] for character in text)
    return "".join(pieces)


def near_text(rng: Random, value: str, context: Values) -> str:
    if chance(rng, 0.2):
        return with_variable(rng, value, context)
    if chance(rng, 0.08):
        return riddled(rng, value)
    at = rng.randrange(len(value) + 1)
    return rng.choice(
        [
            value,
            value,
            value,
            value.swapcase(),
            value[:at] + "*",
            value[:at] + "?" + value[at + 1 :],
            "*" + value[at:],
            value[:at] + "*" + value[at:],
            "*",
        ]
    )


def with_variable(rng: Random, text: str, context: Values) -> str:
    """The text with one of its parts as a variable: of the right value, of another, of none, or with a default."""
    single = [(key, value) for key, value in context.items() if isinstance(value, str)]
    holding = [(key, value) for key, value in single if value and value in text]
    if holding and chance(rng, 0.7):
        key, value = rng.choice(holding)
        return text.replace(value, "${" + other_case(rng, key) + "}", 1)
    at = rng.randrange(len(text) + 1)
    cut = "".join(character for character in text[at : at + 3] if character not in "*?${}")
    piece = rng.choice(
        [
            "${aws:username}",
            "${aws:PrincipalTag/Team}",
            "${aws:PrincipalTag/absent}",
            "${aws:TagKeys}",
            "${aws:PrincipalTag/absent, '" + cut + "'}",
            "${aws:RequestTag/team, 'red'}",
            "${*}",
            "${?}",
            "${$}",
            "${aws:username",
        ]
    )
    return text[:at] + piece + text[at + 3 :]
