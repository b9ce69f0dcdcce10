"""What the `policy` commands know of the terminal they write to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daypass.policy_tools.colours import Paint


def paint() -> Paint:
    """Colour on a terminal, plain text when piped or where NO_COLOR asks for it."""
    from daypass.policy_tools import colours

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # noqa: TID251  no-color.org
    return colours.ansi if coloured else colours.plain
