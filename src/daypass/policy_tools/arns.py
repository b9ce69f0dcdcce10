"""Whether two patterns of ARNs have an ARN in common: that of a policy's Resource and that of a type of resource.

Source: IAM User Guide, "IAM JSON policy elements: Resource"; Service Authorization Reference, "Resource types".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_PARTS: Final = 6
# A pattern longer than any ARN is taken to meet everything: lint says nothing where it would take long to know.
_LONGEST: Final = 2_048
_VARIABLE: Final = re.compile(r"\$\{(?:([*?$])|[^}]*)\}")
# A run of any characters, a run of any but slashes, and one character, in a pattern made of characters.
_RUN: Final = "*"
_RUN_WITHOUT_SLASH: Final = "%"
_ANY_ONE: Final = "?"
_RUNS: Final = frozenset({_RUN, _RUN_WITHOUT_SLASH})


@lru_cache(65_536)
def meet(pattern: str, type_arn: str) -> bool:
    """Whether an ARN can match both.

    pattern: of a Resource element; a variable in it may have any value. A short one is padded with `*`.
    type_arn: of published.ResourceType.
    """
    if pattern == "*" or len(pattern) > _LONGEST:
        return True
    parts = _parts(pattern)
    return all(_share(part, type_part) for part, type_part in zip(parts, _parts(type_arn), strict=True))


def _parts(pattern: str) -> list[str]:
    parts = _VARIABLE.sub(lambda found: "?" if found[1] else "*", pattern).split(":", _PARTS - 1)
    return parts + ["*"] * (_PARTS - len(parts))


def _share(left: str, right: str) -> bool:
    """Whether two globs have a text in common: every pair of places that can be reached is looked at once."""
    reached, open_pairs = {(0, 0)}, [(0, 0)]
    while open_pairs:
        at, on = open_pairs.pop()
        if at == len(left) and on == len(right):
            return True
        for pair in _next(left, at, right, on):
            if pair not in reached:
                reached.add(pair)
                open_pairs.append(pair)
    return False


def _next(left: str, at: int, right: str, on: int) -> list[tuple[int, int]]:
    one = left[at] if at < len(left) else ""
    other = right[on] if on < len(right) else ""
    pairs = []
    if one in _RUNS:
        pairs.append((at + 1, on))  # the run ends
        if other not in _RUNS and other != "" and _takes(one, other):
            pairs.append((at, on + 1))
    if other in _RUNS:
        pairs.append((at, on + 1))
        if one not in _RUNS and one != "" and _takes(other, one):
            pairs.append((at + 1, on))
    if one not in _RUNS and other not in _RUNS and one and other and (one == other or _ANY_ONE in (one, other)):
        pairs.append((at + 1, on + 1))
    return pairs


def _takes(run: str, character: str) -> bool:
    return run == _RUN or character != "/"
