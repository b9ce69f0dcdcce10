"""store.cache by a clock of its own: when it answers from memory, when it reads, and what it never keeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.ports import User
from daypass.store import Store, sqlite
from daypass.store.cache import Cache
from daypass.store.data_directory import DATABASE
from daypass.store.directory import SqlDirectory
from support.compiled import interpreted_only
from support.stores import ACCOUNT, NOW, SECRET, SqliteEngine


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class SlowDirectory(SqlDirectory):
    """An engine whose look-ups of users are answered only when they are let through."""

    def hold(self) -> None:
        self.let_through = asyncio.Event()
        self.arrivals = asyncio.Semaphore(0)  # acquired once for each look-up that has been read
        self.reads = 0

    async def user(self, user_id: str) -> User | None:
        found = await super().user(user_id)
        self.reads += 1
        self.arrivals.release()
        await self.let_through.wait()
        return found


@asynccontextmanager
async def slow_cache(store: Store, clock: Clock) -> AsyncIterator[tuple[SlowDirectory, Cache]]:
    engine = sqlite.async_engine(store.path / DATABASE)
    directory = SlowDirectory(engine, store.key_ring, store.entropy)
    directory.hold()
    try:
        yield directory, Cache(directory, clock)
    finally:
        await directory.close()


@asynccontextmanager
async def two_workers(engine: SqliteEngine) -> AsyncIterator[tuple[Store, Store, Cache, Clock]]:
    """A worker that writes, another one, and a cache of that other one that does not poll, by a clock."""
    clock = Clock()
    async with engine.open() as here, engine.open() as there:
        await there.identities.stop()
        yield here, there, Cache(there.directory, clock), clock


async def new_user(store: Store, name: str = "alice") -> str:
    return (await store.directory.create_user(ACCOUNT, name, path="/", tags={}, created=NOW)).user_id


async def test_a_fresh_cache_answers_from_memory(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (here, there, cache, _):
        user_id = await new_user(here)
        held = await cache.user(user_id)
        await there.directory.close()
        (there.path / DATABASE).unlink()  # nothing can be read any more
        assert await cache.user(user_id) is held


async def test_a_cache_that_was_not_brought_up_to_date_for_too_long_reads_the_change_log_before_it_answers(
    engine: SqliteEngine,
) -> None:
    async with two_workers(engine) as (here, _, cache, clock):
        user_id = await new_user(here)
        before = await cache.user(user_id)
        await here.directory.update_user(user_id, name="bob")
        clock.seconds += limits.FRESHNESS_SECONDS - 0.01
        assert await cache.user(user_id) is before
        clock.seconds += 0.01
        after = await cache.user(user_id)
        assert after is not None
        assert after.name == "bob"


async def test_what_did_not_change_is_still_held_after_the_change_log_was_read(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (here, _, cache, clock):
        alice, bob = await new_user(here), await new_user(here, "bob")
        held = await cache.user(bob)
        await here.directory.update_user(alice, path="/x/")
        clock.seconds += limits.FRESHNESS_SECONDS
        assert await cache.user(bob) is held


async def test_a_cache_that_cannot_read_the_change_log_answers_nothing(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_workers(engine) as (here, there, cache, clock):
        user_id = await new_user(here)
        assert await cache.user(user_id) is not None
        await there.directory.close()
        moved = (there.path / DATABASE).rename(there.path / "moved")
        clock.seconds += limits.FRESHNESS_SECONDS
        with pytest.raises(ServiceError) as unavailable:
            await cache.user(user_id)
        assert (unavailable.value.code, unavailable.value.status) == ("ServiceUnavailable", 503)
        assert "unable to open database file" in caplog.text
        moved.rename(there.path / DATABASE)
        assert await cache.user(user_id) is not None


async def test_a_look_up_that_cannot_read_the_store_is_no_answer(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (_, there, cache, _):
        assert await cache.account(ACCOUNT) is not None
        await there.directory.close()
        (there.path / DATABASE).unlink()
        with pytest.raises(ServiceError) as unavailable:
            await cache.access_key(engine.root_key_id)
        assert unavailable.value.code == "ServiceUnavailable"


async def test_a_worker_that_fell_behind_the_change_log_forgets_everything(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHANGES_KEPT", 3)
    async with two_workers(engine) as (here, _, cache, clock):
        user_id, other = await new_user(here), await new_user(here, "other")
        assert await cache.user(user_id) is not None
        await here.directory.update_user(user_id, name="bob")
        for number in range(4):  # the line about alice is pruned
            await here.directory.update_user(other, name=f"other-{number}")
        sequence, changes = await here.directory.changes_since(1)
        assert changes is None
        clock.seconds += limits.FRESHNESS_SECONDS
        renamed = await cache.user(user_id)
        assert renamed is not None
        assert renamed.name == "bob"
        assert await here.directory.changes_since(sequence) == (sequence, [])


async def test_a_store_put_in_the_place_of_another_empties_the_cache(engine: SqliteEngine, tmp_path: Path) -> None:
    """A restored backup has fewer changes than the worker has seen."""
    async with two_workers(engine) as (here, there, cache, clock):
        backup = tmp_path / "backup"
        backup.write_bytes((engine.path / DATABASE).read_bytes())
        user_id = await new_user(here)
        assert await cache.user(user_id) is not None
        for store in (here, there):
            await store.identities.stop()
            await store.directory.close()
        backup.replace(engine.path / DATABASE)
        for journal in engine.path.glob(f"{DATABASE}-*"):
            journal.unlink()
        clock.seconds += limits.FRESHNESS_SECONDS
        assert await cache.user(user_id) is None


async def test_what_was_read_before_a_change_and_arrives_after_it_is_not_kept(engine: SqliteEngine) -> None:
    clock = Clock()
    async with engine.open() as here, slow_cache(here, clock) as (slow, cache):
        user_id = await new_user(here)
        asked = asyncio.create_task(cache.user(user_id))
        await slow.arrivals.acquire()
        await here.directory.update_user(user_id, name="bob")  # after it was read, before it is answered
        clock.seconds += limits.FRESHNESS_SECONDS
        await cache.account(ACCOUNT)  # the cache learns of the change meanwhile
        slow.let_through.set()
        stale = await asked
        assert stale is not None
        assert stale.name == "alice"  # true when it was asked
        fresh = await cache.user(user_id)
        assert fresh is not None
        assert fresh.name == "bob"


async def test_what_was_read_before_an_own_write_and_arrives_after_it_is_not_kept(engine: SqliteEngine) -> None:
    clock = Clock()
    async with engine.open() as here, slow_cache(here, clock) as (slow, cache):
        user_id = await new_user(here)
        asked = asyncio.create_task(cache.user(user_id))
        await slow.arrivals.acquire()
        await slow.update_user(user_id, name="bob")
        slow.let_through.set()
        await asked
        fresh = await cache.user(user_id)
        assert fresh is not None
        assert fresh.name == "bob"


async def test_many_who_ask_at_once_share_one_look_up_and_one_that_gives_up_does_not_take_it_from_them(
    engine: SqliteEngine,
) -> None:
    clock = Clock()
    async with engine.open() as here, slow_cache(here, clock) as (slow, cache):
        user_id = await new_user(here)
        askers = [asyncio.create_task(cache.user(user_id)) for _ in range(20)]
        await slow.arrivals.acquire()
        askers[0].cancel()
        slow.let_through.set()
        answers = await asyncio.gather(*askers[1:])
        assert slow.reads == 1
        assert {answer.name for answer in answers if answer is not None} == {"alice"}
        assert askers[0].cancelled()


async def test_a_look_up_that_began_too_long_ago_is_not_shared(engine: SqliteEngine) -> None:
    clock = Clock()
    async with engine.open() as here, slow_cache(here, clock) as (slow, cache):
        user_id = await new_user(here)
        early = asyncio.create_task(cache.user(user_id))
        await slow.arrivals.acquire()
        clock.seconds += limits.FRESHNESS_SECONDS + 0.1
        late = asyncio.create_task(cache.user(user_id))
        await slow.arrivals.acquire()
        slow.let_through.set()
        assert await early == await late
        assert slow.reads == 2


async def test_many_who_find_the_cache_late_at_once_are_all_answered(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (here, _, cache, clock):
        users = [await new_user(here, f"user-{number}") for number in range(5)]
        for _ in range(3):
            clock.seconds += 10
            answers = await asyncio.gather(*[cache.user(user_id) for user_id in users * 10])
            assert [answer.user_id for answer in answers if answer is not None] == users * 10


@interpreted_only
async def test_the_cache_holds_no_more_of_a_kind_than_its_bound(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDENTITIES_CACHED", 2)
    async with two_workers(engine) as (here, there, cache, _):
        users = [await new_user(here, name) for name in ("first", "second", "third")]
        for user_id in users:
            await cache.user(user_id)
        await there.directory.close()
        (there.path / DATABASE).unlink()
        assert await cache.user(users[1]) is not None
        assert await cache.user(users[2]) is not None
        with pytest.raises(ServiceError):
            await cache.user(users[0])  # forgotten for the third, and now out of reach


async def test_the_poller_says_once_that_the_store_is_gone_and_goes_on_when_it_is_back(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHANGE_POLL_SECONDS", 0.005)
    caplog.set_level(logging.WARNING)
    async with engine.open() as here, engine.open() as there:
        user_id = await new_user(here)
        assert await there.identities.user(user_id) is not None
        await there.directory.close()
        moved = (there.path / DATABASE).rename(there.path / "moved")
        while caplog.text.count("unable to open database file") < 5:  # noqa: ASYNC110  the poller tells nobody
            await asyncio.sleep(0.005)
        assert caplog.text.count("the change log cannot be read") == 1
        moved.rename(there.path / DATABASE)
        await here.directory.update_user(user_id, name="bob")
        while (await there.identities.user(user_id)) != (await here.identities.user(user_id)):  # noqa: ASYNC110  as above
            await asyncio.sleep(0.005)
        assert caplog.text.count("the change log cannot be read") == 1


async def test_stopping_waits_for_what_is_being_read(engine: SqliteEngine) -> None:
    """Else a thread of the driver would come back to an event loop that is closed."""
    async with engine.open() as here:
        cache = Cache(here.directory)
        cache.start()
        while cache._reading is None:  # noqa: ASYNC110  the poller tells nobody
            await asyncio.sleep(0)
        await cache.stop()
        assert cache._reading.done()


async def test_a_stopped_cache_still_answers_rightly(engine: SqliteEngine) -> None:
    async with engine.open() as here, engine.open() as there:
        user_id = await new_user(here)
        await there.identities.stop()
        assert await there.identities.user(user_id) is not None
        await here.directory.delete_user(user_id)
        await asyncio.sleep(limits.FRESHNESS_SECONDS + 0.05)
        assert await there.identities.user(user_id) is None


async def test_a_hit_asks_nothing_of_the_event_loop(engine: SqliteEngine) -> None:
    """A coroutine that never waits runs to its end at its first step."""
    async with two_workers(engine) as (_, _, cache, _):
        held = await cache.access_key(engine.root_key_id)
        with pytest.raises(StopIteration) as answered:
            cache.access_key(engine.root_key_id).send(None)
        assert answered.value.value is held


async def test_the_secret_of_a_key_made_elsewhere_is_the_one_that_was_given(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (here, _, cache, _):
        made = await here.directory.create_access_key(await new_user(here), SECRET, NOW)
        found = await cache.access_key(made.access_key_id)
        assert found is not None
        assert found.secret == SECRET


async def test_a_key_is_held_with_its_owner_once_each_was_asked_for_and_while_that_is_fresh(
    engine: SqliteEngine,
) -> None:
    async with two_workers(engine) as (here, _, cache, clock):
        user_id = await new_user(here)
        key_id = (await here.directory.create_access_key(user_id, SECRET, NOW)).access_key_id
        assert cache.held(key_id) is None
        key, user = await cache.access_key(key_id), await cache.user(user_id)
        assert cache.held(key_id) is None, "its account was not asked for"
        account = await cache.account(ACCOUNT)
        assert cache.held(key_id) == (key, account, user)
        clock.seconds += limits.FRESHNESS_SECONDS
        assert cache.held(key_id) is None


async def test_a_key_is_not_held_any_more_after_a_change_to_it_or_to_its_owner(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (_, there, __, ___):
        store = there
        user_id = await new_user(store)
        key_id = (await store.directory.create_access_key(user_id, SECRET, NOW)).access_key_id
        cache = store.identities

        async def is_held() -> bool:
            await cache.account(ACCOUNT)
            await cache.access_key(key_id)
            await cache.user(user_id)
            return cache.held(key_id) is not None

        assert await is_held()
        await store.directory.set_access_key_active(user_id, key_id, active=False)
        assert cache.held(key_id) is None
        assert await is_held()
        await store.directory.update_user(user_id, path="/elsewhere/")
        assert cache.held(key_id) is None


async def test_a_root_key_is_held_without_a_user(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (here, _, cache, __):
        key_id = (await here.directory.create_access_key(ACCOUNT, SECRET, NOW)).access_key_id
        key, account = await cache.access_key(key_id), await cache.account(ACCOUNT)
        assert cache.held(key_id) == (key, account, None)


async def test_an_entity_is_held_once_it_was_asked_for_and_while_that_is_fresh(
    engine: SqliteEngine,
) -> None:
    async with two_workers(engine) as (here, _, cache, clock):
        user_id = await new_user(here)
        assert (cache.held_user(user_id), cache.held_account(ACCOUNT)) == (None, None)
        user, account = await cache.user(user_id), await cache.account(ACCOUNT)
        assert user is not None
        assert (cache.held_user(user_id), cache.held_account(ACCOUNT)) == (user, account)
        clock.seconds += limits.FRESHNESS_SECONDS
        assert (cache.held_user(user_id), cache.held_account(ACCOUNT)) == (None, None)
        await cache.user(user_id)
        assert cache.held_user(user_id) is user


async def test_what_is_held_of_each_kind_is_what_asking_finds(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (here, _, cache, clock):
        trust = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
        role = await here.directory.create_role(
            ACCOUNT,
            "reader",
            path="/",
            description=None,
            trust_policy=trust,
            max_session_seconds=3600,
            boundary=None,
            tags={},
            created=NOW,
        )
        await here.directory.create_bucket("held-bucket", ACCOUNT, "us-east-1", NOW)
        arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        provider = await here.directory.create_oidc_provider(
            ACCOUNT, "idp.example.com", client_ids=["app"], thumbprints=[], tags={}, created=NOW
        )
        asked = (
            (cache.held_role, cache.role, role.role_id),
            (cache.held_oidc_provider, cache.oidc_provider, provider.arn),
            (cache.held_bucket, cache.bucket, "held-bucket"),
            (cache.held_managed_policy, cache.managed_policy, arn),
        )
        for held, ask, key in asked:
            assert held(key) is None, "nobody has asked for it yet"
            found = await ask(key)
            assert found is not None
            assert held(key) is found
        clock.seconds += limits.FRESHNESS_SECONDS
        assert not any(held(key) for held, _, key in asked)


async def test_an_entity_is_not_held_any_more_after_a_change_to_it(engine: SqliteEngine) -> None:
    async with two_workers(engine) as (_, there, __, ___):
        cache = there.identities
        user_id = await new_user(there)
        user = await cache.user(user_id)
        assert user is not None
        assert cache.held_user(user_id) is user
        await there.directory.update_user(user_id, path="/elsewhere/")
        assert cache.held_user(user_id) is None
