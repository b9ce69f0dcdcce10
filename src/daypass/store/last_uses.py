"""When credentials were last used: noted in memory as requests come, written down in the background.

No request waits for it, and none fails because of it: what a worker noted in its last seconds before a crash is
lost, and the use before that is answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.ports import Entropy, LastUse
from daypass.store.tables import last_uses
from daypass.store.transactions import Transactions
from daypass.token import KeyRing

_log: Final = logging.getLogger(__name__)


_IDS_A_QUERY: Final = 500  # SQLite takes 32,766 parameters; a credential report asks for 10,000 ids

Note = tuple[str, str, datetime]  # service, region, when


class LastUses(Transactions):
    """The part of the directory for last uses; it is the UseLog, too."""

    def __init__(self, engine: AsyncEngine, key_ring: KeyRing, entropy: Entropy) -> None:
        super().__init__(engine, key_ring, entropy)
        self._noted: dict[str, Note] = {}

    def used(self, entity_id: str, service: str, region: str, at: datetime) -> None:
        self._noted[entity_id] = service, region, at

    async def last_uses(self, entity_ids: Iterable[str]) -> dict[str, LastUse]:
        wanted = [*entity_ids]
        found: dict[str, LastUse] = {}
        async with self.read() as connection:
            for start in range(0, len(wanted), _IDS_A_QUERY):
                some = last_uses.c.entity_id.in_(wanted[start : start + _IDS_A_QUERY])
                for row in await connection.execute(select(last_uses).where(some)):
                    found[row.entity_id] = LastUse(row.used, row.service, row.region)
        for entity_id in wanted:
            if entity_id in self._noted:
                service, region, at = self._noted[entity_id]
                found[entity_id] = LastUse(at.replace(microsecond=0), service, region)
        return found

    async def write_last_uses(self) -> None:
        """Write down what was noted; of two workers' notes the later one stays. What cannot be written is noted
        still, unless it was overtaken meanwhile."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            async with self.write() as write:
                await write.connection.execute(_keep_latest(), [_row(*item) for item in noted.items()])
        except BaseException:
            self._noted = noted | self._noted
            raise


class LastUseWriter:
    """Writes last uses down every limits.LAST_USE_FLUSH_SECONDS, and at the end."""

    def __init__(self, uses: LastUses) -> None:
        self._uses = uses
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._write_for_ever())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._write()

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(limits.LAST_USE_FLUSH_SECONDS)
            await self._write()

    async def _write(self) -> None:
        try:
            await self._uses.write_last_uses()
            self._failing = False
        except ServiceError:
            if not self._failing:  # once an outage; store.transactions has logged its cause, and the notes are kept
                _log.warning("last uses of credentials cannot be written down; it is tried again")
            self._failing = True


def _keep_latest() -> Insert:
    statement = insert(last_uses)
    return statement.on_conflict_do_update(
        index_elements=[last_uses.c.entity_id],
        set_={name: statement.excluded[name] for name in ("used", "service", "region")},
        where=last_uses.c.used <= statement.excluded.used,
    )


def _row(entity_id: str, note: Note) -> dict[str, Any]:
    service, region, at = note
    return {"entity_id": entity_id, "used": at, "service": service, "region": region}
