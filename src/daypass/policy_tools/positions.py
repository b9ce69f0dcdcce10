"""Where each element of a JSON text stands: its path → line and column.

Paths are as daypass.policy's errors write them: `Statement[0].Condition.StringEquals.aws:username`. A Statement that
is one object and no list is `Statement[0]` all the same.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r'[ \t\r\n]*(?:(?P<mark>[{}\[\],:])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<other>[^\s{}\[\],:"]+))')
_LINE: Final = re.compile(r"\n")


class Place(NamedTuple):
    """Both from 1; a column is counted in characters."""

    line: int
    column: int


class Positions:
    """The places in one text, which must be JSON."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *[found.end() for found in _LINE.finditer(text)]]
        self._offsets = _offsets(text)

    def place(self, path: str) -> Place:
        """Of the element, or of the nearest one around it that exists."""
        while path and path not in self._offsets:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.at(self._offsets.get(path, 0))

    def at(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)


@dataclass(slots=True)
class _Open:
    """An object or list that is being read. count: of its elements so far, if it is a list, else -1."""

    path: str
    count: int = -1

    def child(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _offsets(text: str) -> dict[str, int]:
    offsets: dict[str, int] = {}
    opened: list[_Open] = []
    path, is_name = "", False
    for token in _TOKEN.finditer(text):
        mark, start = token["mark"], token.start(token.lastgroup or 0)
        inside = opened[-1] if opened else None
        if mark in ("}", "]"):
            opened.pop()
        elif mark == ",":
            is_name = inside is not None and inside.count < 0
        elif mark == ":":
            is_name = False
        elif is_name and inside is not None:
            path = inside.child(json.loads(token["text"]))
            offsets.setdefault(path, start)
        else:
            if inside is not None and inside.count >= 0:
                path = f"{inside.path}[{inside.count}]"
                inside.count += 1
            offsets.setdefault(path, start)
            if mark == "{":
                alone = path == "Statement"
                opened.append(_Open("Statement[0]" if alone else path))
                if alone:
                    offsets["Statement[0]"] = start
                is_name = True
            elif mark == "[":
                opened.append(_Open(path, 0))
                is_name = False
    return offsets
