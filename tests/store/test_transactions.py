"""store.transactions: all or nothing, one writer at a time, and what a failing disk becomes."""

from __future__ import annotations

import asyncio
import gc
import sqlite3

import pytest
from sqlalchemy import event, insert, select

from daypass import limits
from daypass.errors import ServiceError
from daypass.store import Store, sqlite
from daypass.store.data_directory import DATABASE
from daypass.store.directory import SqlDirectory
from daypass.store.tables import Topic, changes, identifiers
from support.stores import ACCOUNT, NOW, SqliteEngine


class PowerCut(Exception):
    """Whatever may happen in the middle of a write."""


async def half_a_write(store: Store) -> None:
    async with store.directory.write() as write:
        await write.connection.execute(insert(identifiers).values(identifier="half"))
        write.changed(Topic.USER, "half")
        raise PowerCut


async def test_a_write_that_does_not_reach_its_end_leaves_neither_rows_nor_changes(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        sequence, _ = await store.directory.changes_since(None)
        with pytest.raises(PowerCut):
            await half_a_write(store)
        assert await store.directory.changes_since(sequence) == (sequence, [])
        async with store.directory.read() as connection:
            found = select(identifiers).where(identifiers.c.identifier == "half")
            assert (await connection.execute(found)).all() == []


async def test_a_write_lists_what_it_changed_in_order(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        sequence, _ = await store.directory.changes_since(None)
        user = await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        await store.directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        assert await store.directory.changes_since(sequence) == (
            sequence + 2,
            [(Topic.USER, user.user_id), (Topic.BUCKET, "photos")],
        )


async def test_a_refused_write_changes_nothing(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        await store.directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        sequence, _ = await store.directory.changes_since(None)
        with pytest.raises(Exception, match="bucket"):
            await store.directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        assert await store.directory.changes_since(sequence) == (sequence, [])


async def test_the_change_log_does_not_grow_for_ever(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHANGES_KEPT", 5)
    async with engine.open() as store:
        for number in range(12):
            await store.directory.create_bucket(f"bucket-{number:02}", ACCOUNT, "us-east-1", NOW)
    with sqlite3.connect(engine.path / DATABASE) as database:
        assert database.execute("SELECT count(*), max(sequence) FROM changes").fetchone() == (5, 13)


async def test_a_change_of_a_kind_that_is_not_known_may_be_of_anything(engine: SqliteEngine) -> None:
    """A newer Daypass beside this one may write topics that this one has never heard of."""
    async with engine.open() as store:
        sequence, _ = await store.directory.changes_since(None)
        async with store.directory.write() as write:
            await write.connection.execute(insert(changes).values(topic="of tomorrow", key="K"))
        assert await store.directory.changes_since(sequence) == (sequence + 1, None)


async def test_a_reader_sees_one_instant(engine: SqliteEngine) -> None:
    async with engine.open() as here, engine.open() as there:
        count = select(identifiers.c.identifier)
        async with here.directory.read() as connection:
            before = (await connection.execute(count)).all()
            await there.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
            assert (await connection.execute(count)).all() == before


async def test_a_store_that_another_process_keeps_locked_is_unavailable_and_recovers(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = tuple("PRAGMA busy_timeout = 50" if "busy" in pragma else pragma for pragma in sqlite._PRAGMAS)
    monkeypatch.setattr(sqlite, "_PRAGMAS", impatient)
    async with engine.open() as store:
        other = sqlite3.connect(engine.path / DATABASE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceError) as unavailable:
            await store.directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        assert (unavailable.value.code, unavailable.value.status) == ("ServiceUnavailable", 503)
        assert "database is locked" in caplog.text
        assert await store.directory.list_buckets(ACCOUNT) == []  # readers are not held up
        other.execute("COMMIT")
        await store.directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)


async def test_a_writer_that_is_cancelled_does_not_keep_the_others_out(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        writers = [
            asyncio.create_task(store.directory.create_bucket(f"bucket-{number}", ACCOUNT, "us-east-1", NOW))
            for number in range(6)
        ]
        await asyncio.sleep(0.003)
        writers[0].cancel()
        writers[3].cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        async with asyncio.timeout(2):
            await store.directory.create_bucket("last", ACCOUNT, "us-east-1", NOW)
        made = [bucket.name for bucket in await store.directory.list_buckets(ACCOUNT)]
        assert {"bucket-1", "bucket-2", "bucket-4", "bucket-5", "last"} <= {*made}
        # What a cancelled writer left half open is closed while there is still an event loop to close it on.
        await asyncio.sleep(0.1)
        gc.collect()
        await asyncio.sleep(0.1)


async def test_foreign_keys_hold(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        with pytest.raises(ServiceError):
            await store.directory.create_bucket("photos", "000000000000", "us-east-1", NOW)
        assert await store.directory.list_buckets("000000000000") == []


async def test_an_id_that_was_ever_given_is_not_given_again(engine: SqliteEngine) -> None:
    class Repeating:
        """Gives the same bytes twice before it goes on."""

        def __init__(self) -> None:
            self.asked = 0

        def bytes(self, count: int) -> bytes:
            self.asked += 1
            return (self.asked // 2).to_bytes(count)

    async with engine.open() as store:
        entropy = Repeating()
        directory = SqlDirectory(sqlite.async_engine(engine.path / DATABASE), store.key_ring, entropy)
        first = await directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        await directory.delete_user(first.user_id)
        ids = {first.user_id}
        for number in range(4):
            ids.add((await directory.create_user(ACCOUNT, f"u{number}", path="/", tags={}, created=NOW)).user_id)
        assert len(ids) == 5
        assert entropy.asked > 5  # it was given a used one, and asked again
        await directory.close()


async def test_a_change_of_another_process_is_seen_at_once_and_its_absence_without_reading_the_log(
    engine: SqliteEngine,
) -> None:
    async with engine.open() as here, engine.open() as there:
        sequence, _ = await here.directory.changes_since(None)
        for number in range(3):
            assert await here.directory.changes_since(sequence) == (sequence, [])
            reads = _statements(here.directory)
            assert await here.directory.changes_since(sequence) == (sequence, [])
            assert reads == []
            await there.directory.create_bucket(f"photos-{number}", ACCOUNT, "us-east-1", NOW)
            before, sequence = sequence, sequence + 1
            changed = [(Topic.BUCKET, f"photos-{number}")]
            assert await here.directory.changes_since(before) == (sequence, changed)


def _statements(directory: SqlDirectory) -> list[str]:
    """What is sent to the database from now on."""
    sent: list[str] = []
    event.listen(
        directory._engine.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *_: sent.append(statement),
    )
    return sent
