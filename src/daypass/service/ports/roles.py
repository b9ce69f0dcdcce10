"""Roles and instance profiles, as the directory keeps them."""

from __future__ import annotations

from typing import Protocol


class Roles(Protocol):
    """The part of the directory for roles and instance profiles."""
