"""SQLite as the store's engine: one file that several worker processes share.

Write-ahead log, so readers never wait; a writer takes the write lock at BEGIN, so what it read is still true when it
commits; every commit reaches the disk (synchronous=FULL), so an answered change survives a power cut.

Source: sqlite.org, "Write-Ahead Logging", "PRAGMA synchronous", "PRAGMA data_version", "Transactions"; SQLAlchemy,
"SQLite", on giving BEGIN to the application.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from daypass import limits

WRITES: Final = "daypass_writes"  # execution option of a connection whose transactions write

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {limits.STORE_BUSY_SECONDS * 1000}",
)


def async_engine(path: Path) -> AsyncEngine:
    """The engine that serves requests. The file must exist: opening never makes one."""
    engine = create_async_engine(
        _url("sqlite+aiosqlite", path),
        hide_parameters=True,
        pool_size=limits.STORE_CONNECTIONS,
        max_overflow=0,
        pool_timeout=limits.STORE_BUSY_SECONDS,
    )
    _prepare(engine.sync_engine)
    return engine


def sync_engine(path: Path) -> Engine:
    """The engine of `init` and of migrations. The file must exist: opening never makes one."""
    engine = create_engine(_url("sqlite", path), hide_parameters=True)
    _prepare(engine)
    return engine


class Commits:
    """Whether anything was committed, by any connection of any process, since it was last asked.

    Asked on the thread of the event loop: SQLite looks into memory that all connections share, and reads no file.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._file = engine.url.database
        self._connection: sqlite3.Connection | None = None
        self._opened = 0

    def version(self) -> tuple[int, int] | None:
        """What is another with each commit; None if it cannot be told."""
        try:
            if self._connection is None:
                self._opened += 1  # numbers of two connections have nothing in common
                self._connection = sqlite3.connect(
                    f"{self._file}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
                )
            # All rows, so that no statement stays open: it would keep the log from being folded into the file.
            [(version,)] = self._connection.execute("PRAGMA data_version").fetchall()
        except sqlite3.Error:
            self.close()
            return None
        return self._opened, int(version)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _url(driver: str, path: Path) -> URL:
    return URL.create(driver, database=path.absolute().as_uri(), query={"mode": "rw", "uri": "true"})


def _prepare(engine: Engine) -> None:
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


def _on_connect(connection: Any, entry: ConnectionPoolEntry | PoolProxiedConnection) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _on_begin does
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
