"""store.data_directory: init makes everything or nothing, and open refuses what it cannot stand on, in one line."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daypass.names import account_of_id, is_account_id
from daypass.store import StoreError, initialise, open_store
from daypass.store.data_directory import DATABASE, KEY_RING
from daypass.store.entropy import SystemEntropy
from support.stores import ACCOUNT, NOW, SECRET, SqliteEngine

ENTROPY = SystemEntropy()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def refusal(directory: Path) -> str:
    """The one line with which opening was refused."""
    with pytest.raises(StoreError) as refused:
        await open_store(directory)
    line = str(refused.value)
    assert "\n" not in line
    return line


# --- init ---


def test_init_makes_a_store_and_a_key_ring_that_their_owner_alone_can_read(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "data"
    initialise(directory, ACCOUNT, ENTROPY, NOW)
    assert {path.name: mode(path) for path in directory.iterdir()} == {DATABASE: 0o600, KEY_RING: 0o600}
    assert mode(directory) == 0o700


def test_init_answers_an_access_key_of_the_account(tmp_path: Path) -> None:
    account_id, access_key_id, secret = initialise(tmp_path / "data", ACCOUNT, ENTROPY, NOW)
    assert account_id == ACCOUNT
    assert access_key_id.startswith("AKIA")
    assert account_of_id(access_key_id) == ACCOUNT
    assert len(secret.reveal()) == 40


def test_an_account_id_that_is_not_given_is_made_up_and_does_not_begin_with_zero(tmp_path: Path) -> None:
    made = {initialise(tmp_path / str(number), None, ENTROPY, NOW)[0] for number in range(8)}
    assert len(made) == 8
    assert all(is_account_id(account_id) and account_id[0] != "0" for account_id in made)


@pytest.mark.parametrize("account_id", ["", "12345678901", "1234567890123", "12345678901a", "१२३४५६७८९०१२"])
def test_an_account_id_that_is_not_twelve_digits_is_refused_and_nothing_is_made(
    tmp_path: Path, account_id: str
) -> None:
    with pytest.raises(ValueError, match="twelve digits"):
        initialise(tmp_path / "data", account_id, ENTROPY, NOW)
    assert not (tmp_path / "data").exists()


def test_init_fills_a_directory_that_is_there_and_leaves_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "daypass.toml").write_text("listen = '127.0.0.1:1'")
    initialise(tmp_path, ACCOUNT, ENTROPY, NOW)
    assert sorted(contents(tmp_path)) == sorted(["daypass.toml", DATABASE, KEY_RING])


def test_a_directory_that_is_initialised_is_refused_and_not_a_byte_of_it_changes(tmp_path: Path) -> None:
    initialise(tmp_path / "data", ACCOUNT, ENTROPY, NOW)
    before = contents(tmp_path / "data")
    with pytest.raises(StoreError, match="is initialised already; nothing was changed"):
        initialise(tmp_path / "data", None, ENTROPY, NOW)
    assert contents(tmp_path / "data") == before


def test_a_key_ring_without_a_database_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / KEY_RING).write_text("the only copy")
    with pytest.raises(StoreError, match="move it away, or restore the database"):
        initialise(tmp_path, ACCOUNT, ENTROPY, NOW)
    assert contents(tmp_path) == {KEY_RING: b"the only copy"}


@pytest.mark.parametrize("fails_at", range(1, 6))
def test_an_init_that_fails_half_way_leaves_nothing_behind(tmp_path: Path, fails_at: int) -> None:
    """Entropy is asked for at five steps of init, from the key ring to the last row: each of them may fail."""

    class Failing:
        asked = 0

        def bytes(self, count: int) -> bytes:
            self.asked += 1
            if self.asked == fails_at:
                raise OSError("no randomness")
            return ENTROPY.bytes(count)

    with pytest.raises(StoreError, match="cannot be initialised"):
        initialise(tmp_path / "data", None, Failing(), NOW)
    assert contents(tmp_path) == {}
    initialise(tmp_path / "data", None, ENTROPY, NOW)


def test_of_two_inits_at_once_one_succeeds_and_its_key_is_the_one_in_the_store(tmp_path: Path) -> None:
    def attempt(_: int) -> str | None:
        try:
            return initialise(tmp_path / "data", ACCOUNT, ENTROPY, NOW)[1]
        except StoreError:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [key for key in pool.map(attempt, range(4)) if key is not None]
    assert len(made) == 1
    assert sorted(contents(tmp_path / "data")) == sorted([DATABASE, KEY_RING])
    with sqlite3.connect(tmp_path / "data" / DATABASE) as database:
        assert database.execute("SELECT access_key_id FROM access_keys").fetchall() == [(made[0],)]


def test_no_secret_is_in_the_files_in_the_clear(tmp_path: Path) -> None:
    _, _, secret = initialise(tmp_path / "data", ACCOUNT, ENTROPY, NOW)
    assert all(secret.reveal().encode() not in content for content in contents(tmp_path / "data").values())


# --- open ---


async def test_a_directory_that_is_not_there_is_said_to_be_uninitialised(tmp_path: Path) -> None:
    directory = tmp_path / "none"
    assert await refusal(directory) == f"{directory} is not initialised; run: daypass init --data {directory}"
    assert not directory.exists()


async def test_a_store_without_its_key_ring_is_refused(engine: SqliteEngine) -> None:
    (engine.path / KEY_RING).unlink()
    assert "keys.json is missing" in await refusal(engine.path)


async def test_a_key_ring_open_to_others_is_refused(engine: SqliteEngine) -> None:
    (engine.path / KEY_RING).chmod(0o644)
    assert "run: chmod 600" in await refusal(engine.path)


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be taken for one" * 100])
async def test_a_file_that_is_no_store_of_ours_is_refused_and_not_written_to(
    engine: SqliteEngine, content: bytes
) -> None:
    (engine.path / DATABASE).write_bytes(content)
    line = await refusal(engine.path)
    assert "is not a Daypass store" in line or "file is not a database" in line


async def test_a_database_of_something_else_is_refused(engine: SqliteEngine) -> None:
    (engine.path / DATABASE).unlink()
    with sqlite3.connect(engine.path / DATABASE) as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    assert "is not a Daypass store" in await refusal(engine.path)


async def test_a_store_of_a_newer_daypass_is_refused_with_its_schema(engine: SqliteEngine) -> None:
    with sqlite3.connect(engine.path / DATABASE) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "made by a newer Daypass (schema 9999)" in await refusal(engine.path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
async def test_a_store_that_may_not_be_read_is_refused(engine: SqliteEngine) -> None:
    (engine.path / DATABASE).chmod(0)
    assert "cannot be opened: Permission denied" in await refusal(engine.path)


async def test_a_directory_in_the_place_of_the_store_is_refused(engine: SqliteEngine) -> None:
    (engine.path / DATABASE).unlink()
    (engine.path / DATABASE).mkdir()
    assert "cannot be opened: Is a directory" in await refusal(engine.path)


async def test_what_was_written_is_there_after_the_store_was_closed_and_opened(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        user = await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        key = await store.directory.create_access_key(user.user_id, SECRET, NOW)
    async with engine.open() as store:
        found = await store.identities.access_key(key.access_key_id)
        assert found is not None
        assert found.secret == SECRET
        assert await store.directory.find_user(ACCOUNT, "alice") == user


async def test_no_access_key_secret_is_in_the_store_in_the_clear_nor_in_its_journal(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        user = await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        await store.directory.create_access_key(user.user_id, SECRET, NOW)
        assert f"{DATABASE}-wal" in contents(engine.path)
        assert all(SECRET.reveal().encode() not in content for content in contents(engine.path).values())


async def test_the_journal_is_as_private_as_the_database(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        private = dict.fromkeys((DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", KEY_RING), 0o600)
        assert {path.name: mode(path) for path in engine.path.iterdir()} == private


async def test_a_data_directory_may_have_any_name(tmp_path: Path) -> None:
    directory = tmp_path / "a b?c=d#e%20ü&mode=memory"
    initialise(directory, ACCOUNT, ENTROPY, NOW)
    store = await open_store(directory)
    assert await store.identities.account(ACCOUNT) is not None
    await store.close()
