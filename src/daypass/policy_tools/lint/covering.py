"""Whether one pattern covers another: whatever matches the second matches the first."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from daypass.policy.match import Template, TextTest, glob_text

# Longer ones are taken to cover nothing but themselves.
_LONGEST: Final = 2_048


def covers(wide: str, narrow: str) -> bool:
    """Surely covers. False may be doubt: what is said of patterns with `?` is only that they equal themselves.

    A text that `wide` matches with `narrow`'s wildcards read as plain characters is matched whatever they stand for,
    as long as it is `*` that takes them in.
    """
    if wide in ("*", narrow):
        return True
    if "*" not in wide or "?" in wide or "$" in wide or max(len(wide), len(narrow)) > _LONGEST:
        return False
    return _test(wide)(narrow)


def covers_arn(wide: str, narrow: str) -> bool:
    """The same of ARN patterns, where a wildcard stays within its part."""
    if wide in ("*", narrow):
        return True
    wide_parts, narrow_parts = wide.split(":", 5), narrow.split(":", 5)
    if len(wide_parts) != 6 or len(narrow_parts) != 6:
        return False
    return all(covers(part, other) for part, other in zip(wide_parts, narrow_parts, strict=True))


@lru_cache(1024)
def _test(pattern: str) -> TextTest:
    test = glob_text(pattern)
    assert not isinstance(test, Template)  # noqa: S101  variables are not special here
    return test
