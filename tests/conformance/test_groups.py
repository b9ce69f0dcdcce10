"""What every engine of the Directory port does with groups, and what a member's identity has of them."""

from __future__ import annotations

import pytest

from daypass import limits
from daypass.names import account_of_id
from daypass.service.ports import AlreadyExists, Entity, GroupRecord, LimitReached, NotFound, StillInUse, UserRecord
from daypass.store import Store
from support.refusals import refusal
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, Engine

DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
NOBODY = "AIDAQAAAAAAAAAAAAAAAA"
NO_GROUP = "AGPAQAAAAAAAAAAAAAAAA"


async def new_user(store: Store, name: str) -> UserRecord:
    return await store.directory.create_user(ACCOUNT, name, path="/", tags={}, created=NOW)


async def new_group(store: Store, name: str, path: str = "/") -> GroupRecord:
    return await store.directory.create_group(ACCOUNT, name, path=path, created=NOW)


async def policies_of(store: Store, user: UserRecord) -> list[str]:
    found = await store.identities.user(user.user_id)
    assert found is not None
    return [policy.id for policy in found.policies]


async def test_a_new_group_is_found_whole(engine: Engine) -> None:
    async with engine.open() as store:
        group = await new_group(store, "Readers", "/dev/")
        assert await store.directory.find_group(ACCOUNT, "Readers") == group
        assert group.arn == f"arn:aws:iam::{ACCOUNT}:group/dev/Readers"
        assert group.group_id.startswith("AGPA")
        assert account_of_id(group.group_id) == ACCOUNT
        assert await store.directory.find_group(ACCOUNT, "readers") is None
        assert await store.directory.find_group(OTHER_ACCOUNT, "Readers") is None


async def test_a_groups_name_is_unique_without_regard_to_case_and_within_its_account(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        readers, writers = await new_group(store, "Readers"), await new_group(store, "writers")
        assert await refusal(new_group(store, "READERS")) == (AlreadyExists, Entity.GROUP)
        renaming = directory.update_group(writers.group_id, name="rEADERS")
        assert await refusal(renaming) == (AlreadyExists, Entity.GROUP)
        await directory.update_group(readers.group_id, name="READERS")
        await directory.create_group(OTHER_ACCOUNT, "readers", path="/", created=NOW)
        await new_user(store, "readers")


async def test_groups_are_listed_by_name_below_a_path(engine: Engine) -> None:
    async with engine.open() as store:
        for name, path in (("b", "/x/"), ("A", "/x/y/"), ("c", "/"), ("d", "/xx/")):
            await new_group(store, name, path)
        listed = await store.directory.list_groups(ACCOUNT, limit=10)
        assert [group.name for group in listed] == ["A", "b", "c", "d"]
        below = await store.directory.list_groups(ACCOUNT, path_prefix="/x/", limit=10)
        assert [group.name for group in below] == ["A", "b"]
        after = await store.directory.list_groups(ACCOUNT, after="a", limit=2)
        assert [group.name for group in after] == ["b", "c"]
        assert await store.directory.list_groups(OTHER_ACCOUNT, limit=10) == []


async def test_a_group_keeps_its_id_when_it_is_renamed_or_moved(engine: Engine) -> None:
    async with engine.open() as store:
        group = await new_group(store, "old")
        await store.directory.update_group(group.group_id, name="new", path="/moved/")
        moved = await store.directory.find_group(ACCOUNT, "new")
        assert moved == GroupRecord(group.group_id, ACCOUNT, "new", "/moved/", NOW)
        assert await refusal(store.directory.update_group(NO_GROUP, name="x")) == (NotFound, Entity.GROUP)


async def test_an_account_has_no_more_groups_than_the_quota(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GROUPS_PER_ACCOUNT", 2)
    async with engine.open() as store:
        await new_group(store, "one")
        await new_group(store, "two")
        assert await refusal(new_group(store, "three")) == (LimitReached, Entity.GROUP)


async def test_a_group_is_deleted_only_when_nothing_belongs_to_it_any_more(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        group, user = await new_group(store, "readers"), await new_user(store, "alice")
        policy = await directory.create_policy(
            ACCOUNT, "p", path="/", description=None, tags={}, document=DOCUMENT, created=NOW
        )
        await directory.add_member(group.group_id, user.user_id)
        await directory.put_inline_policy(group.group_id, "inline", DOCUMENT, 10)
        await directory.attach_policy(group.group_id, policy.arn)
        assert await refusal(directory.delete_group(group.group_id)) == (StillInUse, Entity.MEMBERSHIP)
        assert await refusal(directory.delete_user(user.user_id)) == (StillInUse, Entity.MEMBERSHIP)
        await directory.remove_member(group.group_id, user.user_id)
        assert await refusal(directory.delete_group(group.group_id)) == (StillInUse, Entity.ATTACHMENT)
        await directory.detach_policy(group.group_id, policy.arn)
        assert await refusal(directory.delete_group(group.group_id)) == (StillInUse, Entity.INLINE_POLICY)
        await directory.delete_inline_policy(group.group_id, "inline")
        await directory.delete_group(group.group_id)
        assert await refusal(directory.delete_group(group.group_id)) == (NotFound, Entity.GROUP)
        assert (await new_group(store, "readers")).group_id != group.group_id


async def test_membership_is_seen_from_both_sides_and_changing_it_twice_changes_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        readers, admins = await new_group(store, "Readers"), await new_group(store, "admins")
        alice, bob = await new_user(store, "Alice"), await new_user(store, "bob")
        for group, user in ((readers, bob), (readers, alice), (admins, alice), (admins, alice)):
            await directory.add_member(group.group_id, user.user_id)
        assert await directory.list_members(readers.group_id, limit=10) == [alice, bob]
        assert await directory.list_members(readers.group_id, after="alice", limit=10) == [bob]
        assert await directory.list_members(readers.group_id, limit=1) == [alice]
        assert await directory.list_groups_of(alice.user_id) == [admins, readers]
        for _ in range(2):
            await directory.remove_member(admins.group_id, alice.user_id)
        assert await directory.list_groups_of(alice.user_id) == [readers]


async def test_who_or_what_is_not_there_is_not_made_a_member(engine: Engine) -> None:
    async with engine.open() as store:
        group, user = await new_group(store, "readers"), await new_user(store, "alice")
        directory = store.directory
        assert await refusal(directory.add_member(group.group_id, NOBODY)) == (NotFound, Entity.USER)
        assert await refusal(directory.add_member(NO_GROUP, user.user_id)) == (NotFound, Entity.GROUP)
        assert await refusal(directory.remove_member(NO_GROUP, user.user_id)) == (NotFound, Entity.GROUP)


async def test_a_user_is_in_no_more_groups_than_the_quota(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GROUPS_PER_USER", 1)
    async with engine.open() as store:
        one, two, user = await new_group(store, "one"), await new_group(store, "two"), await new_user(store, "alice")
        await store.directory.add_member(one.group_id, user.user_id)
        await store.directory.add_member(one.group_id, user.user_id)  # in it already: no new one
        over = store.directory.add_member(two.group_id, user.user_id)
        assert await refusal(over) == (LimitReached, Entity.MEMBERSHIP)


async def test_a_groups_policies_are_its_members_policies_from_the_next_look_on(engine: Engine) -> None:
    """Each change is seen although the identity was held in the cache before."""
    async with engine.open() as store:
        directory = store.directory
        group, user = await new_group(store, "readers"), await new_user(store, "alice")
        assert await policies_of(store, user) == []
        await directory.put_inline_policy(group.group_id, "inline", DOCUMENT, 10)
        await directory.add_member(group.group_id, user.user_id)
        assert await policies_of(store, user) == ["inline of group readers"]
        policy = await directory.create_policy(
            ACCOUNT, "p", path="/", description=None, tags={}, document=DOCUMENT, created=NOW
        )
        await directory.attach_policy(group.group_id, policy.arn)
        assert await policies_of(store, user) == ["inline of group readers", policy.arn]
        await directory.update_group(group.group_id, name="Lectors")
        assert await policies_of(store, user) == ["inline of group Lectors", policy.arn]
        await directory.detach_policy(group.group_id, policy.arn)
        await directory.delete_inline_policy(group.group_id, "inline")
        assert await policies_of(store, user) == []
        await directory.put_inline_policy(group.group_id, "other", DOCUMENT, 10)
        assert await policies_of(store, user) == ["other of group Lectors"]
        await directory.remove_member(group.group_id, user.user_id)
        assert await policies_of(store, user) == []


async def test_a_groups_own_policies_are_read_compiled(engine: Engine) -> None:
    async with engine.open() as store:
        directory, group = store.directory, await new_group(store, "readers")
        assert await directory.group_policies(group.group_id) == ()
        await directory.put_inline_policy(group.group_id, "inline", DOCUMENT, 10)
        await directory.attach_policy(group.group_id, "arn:aws:iam::aws:policy/ReadOnlyAccess")
        found = await directory.group_policies(group.group_id)
        assert [policy.id for policy in found] == ["inline", "arn:aws:iam::aws:policy/ReadOnlyAccess"]
        assert await directory.group_policies(NO_GROUP) == ()


async def test_a_groups_inline_policies_have_a_limit_of_their_own(engine: Engine) -> None:
    async with engine.open() as store:
        group = await new_group(store, "readers")
        directory = store.directory
        await directory.put_inline_policy(group.group_id, "big", DOCUMENT, limits.GROUP_INLINE_POLICIES_CHARS)
        over = directory.put_inline_policy(group.group_id, "more", DOCUMENT, 1)
        assert await refusal(over) == (LimitReached, Entity.INLINE_POLICY)
