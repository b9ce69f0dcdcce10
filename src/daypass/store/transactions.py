"""One read or one write of the store: its transaction, its lines in the change log, and what a failure becomes.

Every module of the directory works on these two; none opens a connection by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daypass import limits
from daypass.errors import service_unavailable
from daypass.service.ports import Entropy
from daypass.store.sqlite import WRITES, Commits
from daypass.store.tables import Topic, changes
from daypass.token import KeyRing

_log = logging.getLogger(__name__)

_TOPICS: Final = frozenset(topic.value for topic in Topic)

Change = tuple[Topic, str]
Listener = Callable[[Sequence[Change]], None]


class Write:
    """A write under way. What it touches is noted with `changed`, and is logged in its own transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.changes: list[Change] = []

    def changed(self, topic: Topic, key: str) -> None:
        self.changes.append((topic, key))


class Transactions:
    """What every part of the directory stands on."""

    def __init__(self, engine: AsyncEngine, key_ring: KeyRing, entropy: Entropy) -> None:
        self._engine = engine
        self._key_ring = key_ring
        self._entropy = entropy
        self._listeners: list[Listener] = []
        self._commits = Commits(engine)
        self._read_at: tuple[tuple[int, int], int] | None = None  # the version of the store, and the latest change then
        # Writers of this process wait for each other here, and for other processes' in SQLite's busy timeout.
        self._one_writer = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        self._commits.close()
        await self._engine.dispose()

    def subscribe(self, listener: Listener) -> None:
        """Call the listener with what each write of this process changed, before that write returns."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose reads all see the store at one instant.

        Raises:
            ServiceError: ServiceUnavailable; the store cannot be read.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, TimeoutError) as error:
            _log.error("the identity store cannot be read: %s", _cause(error))
            raise service_unavailable("the identity store cannot be read") from None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Write]:
        """A write: all of it is committed at the end, or none if anything is raised.

        Raises:
            ServiceError: ServiceUnavailable; the store cannot be written, or is busy for too long.
        """
        async with self._one_writer:
            touched: list[Change] = []
            try:
                async with self._engine.connect() as plain:
                    connection = await plain.execution_options(**{WRITES: True})
                    async with connection.begin():
                        write = Write(connection)
                        touched = write.changes
                        yield write
                        await _log_changes(connection, touched)
            except (DBAPIError, TimeoutError) as error:
                _log.error("the identity store cannot be written: %s", _cause(error))
                raise service_unavailable("the identity store cannot be written") from None
            finally:
                # After a failure too: whether the commit reached the disk is then unknown, and forgetting is safe.
                for listener in self._listeners:
                    listener(touched)

    async def changes_since(self, sequence: int | None) -> tuple[int, list[Change] | None]:
        """The number of the latest change, and the changes after `sequence`, oldest first.

        None instead of a list: the log does not tell what changed since, so anything may have.
        """
        version = self._commits.version()  # before the log is read: what is committed meanwhile is another version
        if version is not None and sequence is not None and self._read_at == (version, sequence):
            return sequence, []
        self._read_at = None
        latest, found = await self._read_changes(sequence)
        if version is not None:
            self._read_at = version, latest
        return latest, found

    async def _read_changes(self, sequence: int | None) -> tuple[int, list[Change] | None]:
        async with self.read() as connection:
            if sequence is not None:
                rows = (
                    await connection.execute(
                        select(changes).where(changes.c.sequence >= sequence).order_by(changes.c.sequence)
                    )
                ).all()
                # The change last seen is read again: if it is gone, the log was pruned, or another store put in place.
                # A topic that is not known was written by a newer Daypass: what it touched cannot be told.
                if rows and rows[0].sequence == sequence and _TOPICS.issuperset([row.topic for row in rows]):
                    return rows[-1].sequence, [(Topic(row.topic), row.key) for row in rows[1:]]
            latest = await connection.scalar(select(func.max(changes.c.sequence)))
            return latest or 0, None


async def _log_changes(connection: AsyncConnection, touched: Sequence[Change]) -> None:
    if not touched:
        return
    await connection.execute(insert(changes), [{"topic": topic, "key": key} for topic, key in touched])
    newest = select(func.max(changes.c.sequence)).scalar_subquery()
    await connection.execute(delete(changes).where(changes.c.sequence <= newest - limits.CHANGES_KEPT))


def _cause(error: DBAPIError | TimeoutError) -> str:
    """The driver's own words. SQLAlchemy's would quote the statement."""
    return str(error.orig) if isinstance(error, DBAPIError) else "no connection became free"
