"""What may be wrong with a data directory."""

from __future__ import annotations


class StoreError(Exception):
    """A data directory that cannot be used. Its text is one line that says what to do."""
