"""Randomness from the operating system."""

from __future__ import annotations

import os


class SystemEntropy:
    """The Entropy port over os.urandom."""

    def bytes(self, count: int) -> bytes:
        return os.urandom(count)
