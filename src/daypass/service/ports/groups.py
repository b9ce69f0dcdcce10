"""Groups and who belongs to them."""

from __future__ import annotations

from typing import Protocol


class Groups(Protocol):
    """The part of the directory for groups."""
