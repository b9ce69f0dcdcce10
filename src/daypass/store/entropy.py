"""Randomness from the operating system, fetched a page at a time.

A system call costs more than what a request does with its randomness, so a page of it is kept ready. Bytes that
were handed out are gone from the page, and a process that is forked begins with none.

Source: getrandom(2); a fork that shares a pool hands out the same bytes twice (OpenSSL, "Random fork-safety").
"""

from __future__ import annotations

import os
from typing import Final

_PAGE_BYTES: Final = 4096


class SystemEntropy:
    """The Entropy port over os.urandom. One for each event loop: it has no lock."""

    __slots__ = ("__weakref__", "_page")

    def __init__(self) -> None:
        self._page = bytearray()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._page.clear)

    def bytes(self, count: int) -> bytes:
        """count: any; more than a page is fetched for itself."""
        page = self._page
        if len(page) < count:
            page[:] = os.urandom(max(_PAGE_BYTES, count))
        taken = bytes(page[-count:]) if count else b""
        del page[len(page) - count :]
        return taken
