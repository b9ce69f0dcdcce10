"""Accounts of the installation, their aliases, and the control policies attached to them."""

from __future__ import annotations

from typing import Protocol


class Accounts(Protocol):
    """The part of the directory for accounts."""
