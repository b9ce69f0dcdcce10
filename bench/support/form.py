"""Which form of Daypass a benchmark measures: `make bench` puts the compiled one before the source."""

from __future__ import annotations

from pathlib import Path

from daypass import __version__, names


def told() -> str:
    """One line for the head of a benchmark's output."""
    form = "interpreted" if names.__file__.endswith(".py") else "compiled"
    return f"daypass {__version__}, {form}, from {Path(names.__file__).parent}"
