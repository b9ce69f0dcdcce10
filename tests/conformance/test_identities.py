"""What every engine behind the IdentityReader port answers, in the worker that changed something and in the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from daypass.policy import Outcome, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide
from daypass.service.ports import Account, IdentityReader, User
from daypass.store import Store
from support.stores import ACCOUNT, NOW, SECRET, Engine

PROMISED_SECONDS = 1.0


def allow(action: str) -> str:
    return f'{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}'


def may(user: User, action: str) -> bool:
    """Whether the user's identity-based policies, and nothing else, allow the action."""
    principal = Principal(PrincipalKind.USER, user.arn, user.account_id, user.user_id)
    question = Request(principal, action, "arn:aws:s3:::bucket/key", {})
    return decide(question, PolicySet(identity=user.policies)).outcome is Outcome.ALLOWED


async def new_user(store: Store, name: str = "alice") -> str:
    return (await store.directory.create_user(ACCOUNT, name, path="/dev/", tags={"Team": "red"}, created=NOW)).user_id


async def the_user(store: Store, user_id: str) -> User:
    user = await store.identities.user(user_id)
    assert user is not None
    return user


async def test_the_cache_is_the_port(engine: Engine) -> None:
    async with engine.open() as store:
        identities: IdentityReader = store.identities
        assert await identities.account(ACCOUNT) == Account(ACCOUNT, NOW, management=True)


async def test_what_was_never_made_is_none(engine: Engine) -> None:
    async with engine.open() as store:
        identities = store.identities
        assert await identities.account("000000000000") is None
        assert await identities.access_key("AKIANONE") is None
        assert await identities.user("AIDANONE") is None
        assert await identities.user(ACCOUNT) is None
        assert await identities.managed_policy(f"arn:aws:iam::{ACCOUNT}:policy/none") is None
        assert await identities.bucket("none") is None


async def test_roots_key_is_the_one_that_init_told(engine: Engine) -> None:
    async with engine.open() as store:
        key = await store.identities.access_key(engine.root_key_id)
        assert key is not None
        assert (key.account_id, key.owner_id, key.active) == (ACCOUNT, ACCOUNT, True)
        assert key.secret == engine.root_secret


async def test_an_access_key_brings_its_secret_and_its_owner(engine: Engine) -> None:
    async with engine.open() as store:
        user_id = await new_user(store)
        made = await store.directory.create_access_key(user_id, SECRET, NOW)
        key = await store.identities.access_key(made.access_key_id)
        assert key is not None
        assert (key.owner_id, key.account_id, key.secret) == (user_id, ACCOUNT, SECRET)


async def test_a_user_comes_whole_with_its_inline_and_then_its_attached_policies(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        user_id = await new_user(store)
        policy = await directory.create_policy(
            ACCOUNT, "m", path="/", description=None, tags={}, document=allow("s3:PutObject"), created=NOW
        )
        await directory.attach_policy(user_id, policy.arn)
        await directory.put_inline_policy(user_id, "b", allow("s3:GetObject"), 1)
        await directory.put_inline_policy(user_id, "a", allow("s3:DeleteObject"), 1)
        user = await the_user(store, user_id)
        assert (user.name, user.path, user.arn) == ("alice", "/dev/", f"arn:aws:iam::{ACCOUNT}:user/dev/alice")
        assert (user.account_id, user.created, user.tags) == (ACCOUNT, NOW, {"Team": "red"})
        assert [compiled.id for compiled in user.policies] == ["a", "b", policy.arn]
        assert {compiled.kind for compiled in user.policies} == {PolicyKind.IDENTITY}
        assert all(may(user, f"s3:{action}Object") for action in ("Get", "Put", "Delete"))
        assert not may(user, "s3:ListBucket")


async def test_users_share_one_compiled_policy_of_a_managed_version(engine: Engine) -> None:
    async with engine.open() as store:
        policy = await store.directory.create_policy(
            ACCOUNT, "m", path="/", description=None, tags={}, document=allow("s3:*"), created=NOW
        )
        users = [await new_user(store, name) for name in ("alice", "bob")]
        for user_id in users:
            await store.directory.attach_policy(user_id, policy.arn)
        alice, bob = [await the_user(store, user_id) for user_id in users]
        assert alice.policies[0] is bob.policies[0]


async def test_a_managed_policy_comes_as_a_session_policy_of_its_default_version(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        policy = await directory.create_policy(
            ACCOUNT, "m", path="/x/", description=None, tags={}, document=allow("s3:*"), created=NOW
        )
        found = await store.identities.managed_policy(policy.arn)
        assert found is not None
        assert (found.arn, found.account_id, found.document) == (policy.arn, ACCOUNT, allow("s3:*"))
        assert (found.session_policy.kind, found.session_policy.id) == (PolicyKind.SESSION, policy.arn)
        await directory.create_policy_version(policy.arn, allow("s3:Get*"), set_as_default=False, created=NOW)
        unchanged = await store.identities.managed_policy(policy.arn)
        assert unchanged is not None
        assert unchanged.document == allow("s3:*")


async def test_a_bucket_comes_with_its_policy(engine: Engine) -> None:
    async with engine.open() as store:
        document = allow("s3:GetObject").replace('"Resource":"*"', '"Principal":"*","Resource":"arn:aws:s3:::b/*"')
        await store.directory.create_bucket("b", ACCOUNT, "eu-west-1", NOW)
        bare = await store.identities.bucket("b")
        assert bare is not None
        assert (bare.account_id, bare.region, bare.created, bare.policy) == (ACCOUNT, "eu-west-1", NOW, None)
        await store.directory.set_bucket_policy("b", document)
        bucket = await store.identities.bucket("b")
        assert bucket is not None
        assert bucket.policy is not None
        assert (bucket.policy.kind, bucket.policy.text) == (PolicyKind.RESOURCE, document)


# --- changes ---
# Each row: what prepares a store, what then changes it, and what is asked of a worker. A worker is asked before and
# after the change; the answers must be the two given.

Ask = Callable[[Store], Awaitable[Any]]
Changes = Callable[[Store], Awaitable[None]]


async def a_key_is_deactivated(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)
    key_id = (await store.directory.create_access_key(user_id, SECRET, NOW)).access_key_id

    async def change(worker: Store) -> None:
        await worker.directory.set_access_key_active(user_id, key_id, active=False)

    async def ask(worker: Store) -> Any:
        key = await worker.identities.access_key(key_id)
        return key is not None and key.active

    return change, ask, True, False


async def a_key_is_deleted(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)
    key_id = (await store.directory.create_access_key(user_id, SECRET, NOW)).access_key_id

    async def change(worker: Store) -> None:
        await worker.directory.delete_access_key(user_id, key_id)

    async def ask(worker: Store) -> Any:
        return await worker.identities.access_key(key_id) is not None

    return change, ask, True, False


async def an_inline_policy_is_replaced(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)
    await store.directory.put_inline_policy(user_id, "p", allow("s3:GetObject"), 1)

    async def change(worker: Store) -> None:
        await worker.directory.put_inline_policy(user_id, "p", allow("s3:PutObject"), 1)

    async def ask(worker: Store) -> Any:
        user = await the_user(worker, user_id)
        return may(user, "s3:GetObject"), may(user, "s3:PutObject")

    return change, ask, (True, False), (False, True)


async def an_inline_policy_is_deleted(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)
    await store.directory.put_inline_policy(user_id, "p", allow("s3:GetObject"), 1)

    async def change(worker: Store) -> None:
        await worker.directory.delete_inline_policy(user_id, "p")

    async def ask(worker: Store) -> Any:
        return may(await the_user(worker, user_id), "s3:GetObject")

    return change, ask, True, False


async def attached(store: Store) -> tuple[str, str]:
    user_id = await new_user(store)
    policy = await store.directory.create_policy(
        ACCOUNT, "m", path="/", description=None, tags={}, document=allow("s3:GetObject"), created=NOW
    )
    await store.directory.attach_policy(user_id, policy.arn)
    return user_id, policy.arn


async def a_managed_policy_gets_a_new_default(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id, arn = await attached(store)

    async def change(worker: Store) -> None:
        await worker.directory.create_policy_version(arn, allow("s3:PutObject"), set_as_default=True, created=NOW)

    async def ask(worker: Store) -> Any:
        policy = await worker.identities.managed_policy(arn)
        return may(await the_user(worker, user_id), "s3:GetObject"), policy is not None and policy.document

    return change, ask, (True, allow("s3:GetObject")), (False, allow("s3:PutObject"))


async def a_default_version_is_set_back(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id, arn = await attached(store)
    await store.directory.create_policy_version(arn, allow("s3:PutObject"), set_as_default=True, created=NOW)

    async def change(worker: Store) -> None:
        await worker.directory.set_default_policy_version(arn, "v1")

    async def ask(worker: Store) -> Any:
        return may(await the_user(worker, user_id), "s3:GetObject")

    return change, ask, False, True


async def a_managed_policy_is_detached(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id, arn = await attached(store)

    async def change(worker: Store) -> None:
        await worker.directory.detach_policy(user_id, arn)

    async def ask(worker: Store) -> Any:
        return may(await the_user(worker, user_id), "s3:GetObject")

    return change, ask, True, False


async def a_managed_policy_is_deleted(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id, arn = await attached(store)
    await store.directory.detach_policy(user_id, arn)

    async def change(worker: Store) -> None:
        await worker.directory.delete_policy(arn)

    async def ask(worker: Store) -> Any:
        return await worker.identities.managed_policy(arn) is not None

    return change, ask, True, False


async def a_user_is_renamed_and_moved(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)

    async def change(worker: Store) -> None:
        await worker.directory.update_user(user_id, name="bob", path="/")

    async def ask(worker: Store) -> Any:
        return (await the_user(worker, user_id)).arn

    return change, ask, f"arn:aws:iam::{ACCOUNT}:user/dev/alice", f"arn:aws:iam::{ACCOUNT}:user/bob"


async def a_users_tags_change(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)

    async def change(worker: Store) -> None:
        await worker.directory.tag(user_id, {"team": "blue", "more": "x"})
        await worker.directory.untag(user_id, ["MORE"])

    async def ask(worker: Store) -> Any:
        return (await the_user(worker, user_id)).tags

    return change, ask, {"Team": "red"}, {"team": "blue"}


async def a_user_is_deleted(store: Store) -> tuple[Changes, Ask, Any, Any]:
    user_id = await new_user(store)

    async def change(worker: Store) -> None:
        await worker.directory.delete_user(user_id)

    async def ask(worker: Store) -> Any:
        return await worker.identities.user(user_id) is not None

    return change, ask, True, False


async def a_bucket_policy_is_removed(store: Store) -> tuple[Changes, Ask, Any, Any]:
    document = allow("s3:*").replace('"Resource":"*"', '"Principal":"*","Resource":"arn:aws:s3:::b/*"')
    await store.directory.create_bucket("b", ACCOUNT, "us-east-1", NOW)
    await store.directory.set_bucket_policy("b", document)

    async def change(worker: Store) -> None:
        await worker.directory.set_bucket_policy("b", None)

    async def ask(worker: Store) -> Any:
        bucket = await worker.identities.bucket("b")
        return bucket is not None and bucket.policy is not None

    return change, ask, True, False


async def a_bucket_is_deleted(store: Store) -> tuple[Changes, Ask, Any, Any]:
    await store.directory.create_bucket("b", ACCOUNT, "us-east-1", NOW)

    async def change(worker: Store) -> None:
        await worker.directory.delete_bucket("b")

    async def ask(worker: Store) -> Any:
        return await worker.identities.bucket("b") is not None

    return change, ask, True, False


SCENARIOS = (
    a_key_is_deactivated,
    a_key_is_deleted,
    an_inline_policy_is_replaced,
    an_inline_policy_is_deleted,
    a_managed_policy_gets_a_new_default,
    a_default_version_is_set_back,
    a_managed_policy_is_detached,
    a_managed_policy_is_deleted,
    a_user_is_renamed_and_moved,
    a_users_tags_change,
    a_user_is_deleted,
    a_bucket_policy_is_removed,
    a_bucket_is_deleted,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_change_is_in_force_at_once_where_it_was_made_and_within_a_second_elsewhere(
    engine: Engine, scenario: Callable[[Store], Awaitable[tuple[Changes, Ask, Any, Any]]]
) -> None:
    async with engine.open() as here, engine.open() as there:
        change, ask, before, after = await scenario(here)
        assert await ask(here) == before
        assert await ask(there) == before  # both now hold it
        await change(here)
        changed = time.monotonic()
        assert await ask(here) == after
        asked = changed
        while await ask(there) != after:
            assert asked < changed + PROMISED_SECONDS
            await asyncio.sleep(0.01)
            asked = time.monotonic()


async def test_what_another_worker_made_just_now_is_found(engine: Engine) -> None:
    async with engine.open() as here, engine.open() as there:
        assert await there.identities.access_key(engine.root_key_id) is not None  # it is fresh
        user_id = await new_user(here)
        key = await here.directory.create_access_key(user_id, SECRET, NOW)
        await here.directory.create_bucket("b", ACCOUNT, "us-east-1", NOW)
        assert await there.identities.access_key(key.access_key_id) is not None
        assert await there.identities.user(user_id) is not None
        assert await there.identities.bucket("b") is not None


async def test_asking_for_what_is_not_there_does_not_hide_it_later(engine: Engine) -> None:
    async with engine.open() as here, engine.open() as there:
        assert await there.identities.bucket("b") is None
        await here.directory.create_bucket("b", ACCOUNT, "us-east-1", NOW)
        assert await there.identities.bucket("b") is not None
