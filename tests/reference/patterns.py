"""Wildcards, variables and ARN segments of the reference engine. Slow on purpose: every rule is spelled out.

Source: IAM User Guide, "IAM JSON policy elements: Resource", "IAM policy elements: Variables and tags".
A pattern is a tuple of symbols: a one-character string stands for itself, a Wild for what it may be replaced by. So a
`*` that came out of a variable can never be mistaken for a wildcard.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache, lru_cache


class Wild(Enum):
    RUN = "*"
    ONE = "?"


Symbol = str | Wild
Pattern = tuple[Symbol, ...]
Context = Mapping[str, str | tuple[str, ...]]  # keys in lower case

VERSION_WITH_VARIABLES = "2012-10-17"
SEGMENTS = 6


@lru_cache(maxsize=200_000)
def symbols(text: str) -> Pattern:
    """Rule 1.4: `*` is any run of characters, `?` is one character."""
    wild = {"*": Wild.RUN, "?": Wild.ONE}
    return tuple(wild.get(character, character) for character in text)


def literal(text: str) -> Pattern:
    return tuple(text)


def written(pattern: Pattern) -> str:
    """Rule 1.6: where an operator has no wildcards, `*` and `?` are the characters themselves."""
    return "".join(symbol.value if isinstance(symbol, Wild) else symbol for symbol in pattern)


@lru_cache(maxsize=200_000)
def matches(pattern: Pattern, text: str) -> bool:
    """Rule 1.4: the whole text must be covered by the pattern."""

    @cache
    def rest(at: int, of_text: int) -> bool:
        if at == len(pattern):
            return of_text == len(text)
        exhausted = of_text == len(text)
        match pattern[at]:
            case Wild.RUN:
                return rest(at + 1, of_text) or (not exhausted and rest(at, of_text + 1))
            case Wild.ONE:
                return not exhausted and rest(at + 1, of_text + 1)
            case character:
                return not exhausted and text[of_text] == character and rest(at + 1, of_text + 1)

    return rest(0, 0)


def segments(pattern: Pattern) -> list[Pattern]:
    """Rule 1.4: split at the first five colons; the last part keeps its own colons and slashes."""
    parts: list[Pattern] = []
    start = 0
    for index, symbol in enumerate(pattern):
        if symbol == ":" and len(parts) < SEGMENTS - 1:
            parts.append(pattern[start:index])
            start = index + 1
    parts.append(pattern[start:])
    return parts


def text_segments(text: str) -> list[str]:
    return text.split(":", SEGMENTS - 1)


def matches_by_segment(pattern_parts: list[Pattern], text_parts: list[str]) -> bool:
    """Rule 1.4: each part is matched alone; a wildcard never crosses one of the first five colons."""
    if len(pattern_parts) != len(text_parts):
        return False
    return all(matches(part, text) for part, text in zip(pattern_parts, text_parts, strict=True))


def substitute(text: str, context: Context, version: str | None) -> Pattern | None:
    """Rule 1.5: the pattern with every variable replaced; None when one of them has no value.

    Without version 2012-10-17 the text is taken as it is written.
    """
    if version != VERSION_WITH_VARIABLES:
        return symbols(text)
    result: list[Symbol] = []
    at = 0
    while at < len(text):
        end = text.find("}", at) if text.startswith("${", at) else -1
        inner = text[at + 2 : end] if end != -1 else None
        if inner is None or not is_variable(inner):
            result.extend(symbols(text[at]))
            at += 1
            continue
        value = value_of_variable(inner, context)
        if value is None:
            return None
        result.extend(literal(value))
        at = end + 1
    return tuple(result)


def is_variable(inner: str) -> bool:
    """Rule 1.5: `${*}`, `${?}`, `${$}`, `${key}` or `${key, 'default'}`. Anything else is literal (interim answer)."""
    if inner in ("*", "?", "$"):
        return True
    key, default = split_default(inner)
    return bool(key) and not any(character in "*?$'{," for character in key) and "'" not in (default or "")


def split_default(inner: str) -> tuple[str, str | None]:
    """Rule 1.5: the default is set off by a comma and a space, and stands in single quotes."""
    key, separator, quoted = inner.partition(", '")
    if separator and quoted.endswith("'"):
        return key, quoted[:-1]
    return inner, None


def value_of_variable(inner: str, context: Context) -> str | None:
    """Rule 1.5: a special character, the key's one value, or the default where the key is absent or empty."""
    if inner in ("*", "?", "$"):
        return inner
    key, default = split_default(inner)
    value = context.get(key.lower())
    if isinstance(value, tuple):
        # "Multivalued keys cannot be used"; a list of one behaves as a single value (1.6).
        value = value[0] if len(value) == 1 else None
        if value is None and context.get(key.lower()):
            return None
    if default is not None and not value:
        return default
    return value


def resource_pattern_matches(entry: str, resource: str, context: Context, version: str | None) -> bool:
    """Rule 1.4, Resource: one entry of a Resource or NotResource list against the request's resource."""
    if entry == "*":
        return True
    if resource == "*":
        # An action without resource-level permissions: only the entry that is exactly `*` matches.
        return False
    entry_parts = padded(entry.split(":", SEGMENTS - 1))
    resource_part = substitute(entry_parts[-1], context, version)
    if resource_part is None:
        # Rule 1.5: an entry with a variable that has no value matches nothing.
        return False
    # Rule 1.5: variables work after the fifth colon only; before it `${` is literal text.
    pattern_parts = [*(symbols(part) for part in entry_parts[:-1]), resource_part]
    return matches_by_segment(pattern_parts, text_segments(resource))


def padded(parts: list[str]) -> list[str]:
    """Interim answer 1.13: a short ARN is filled up with `*`."""
    return parts + ["*"] * (SEGMENTS - len(parts))
