"""Stores for tests: real engines, each on a place of its own that several workers can open at once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from daypass.names import Secret
from daypass.store import Store, initialise, open_store
from daypass.store.entropy import SystemEntropy

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "999988887777"
NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)
SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


class SqliteEngine:
    """A store on a SQLite file. Each `open` is one more worker on it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "data"
        self.account_id, self.root_key_id, self.root_secret = initialise(self.path, ACCOUNT, SystemEntropy(), NOW)

    @asynccontextmanager
    async def open(self, monotonic: Callable[[], float] = time.monotonic) -> AsyncIterator[Store]:
        store = await open_store(self.path, monotonic=monotonic)
        try:
            yield store
        finally:
            await store.close()


ENGINES = {"sqlite": SqliteEngine}  # another engine joins every conformance test by joining this table
Engine = SqliteEngine
