"""Colour for terminals. Whether there is one to colour for is the commands' to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# A text and the name of a colour → the text as a terminal takes it.
Paint = Callable[[str, str], str]

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}


def plain(text: str, colour: str) -> str:
    return text


def ansi(text: str, colour: str) -> str:
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if text else ""
