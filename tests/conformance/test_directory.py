"""What every engine of the Directory port does: users, keys, policies, attachments, buckets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from daypass import limits
from daypass.names import account_of_id
from daypass.service.ports import (
    AlreadyExists,
    BucketExists,
    BucketRecord,
    Directory,
    Entity,
    LimitReached,
    NotFound,
    PolicyRecord,
    StillInUse,
    UserRecord,
)
from daypass.store import Store
from support.refusals import refusal
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, SECRET, Engine

DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
OTHER_DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}'


async def new_user(store: Store, name: str, path: str = "/", **tags: str) -> UserRecord:
    return await store.directory.create_user(ACCOUNT, name, path=path, tags=tags, created=NOW)


async def new_policy(store: Store, name: str, path: str = "/", **tags: str) -> PolicyRecord:
    return await store.directory.create_policy(
        ACCOUNT, name, path=path, description=None, tags=tags, document=DOCUMENT, created=NOW
    )


async def holders_of(store: Store, policy: PolicyRecord, **chosen: Any) -> list[str]:
    chosen = {"entities": (Entity.USER, Entity.GROUP, Entity.ROLE), "limit": 100} | chosen
    return [holder.entity_id for holder in await store.directory.list_policy_holders(ACCOUNT, policy.arn, **chosen)]


async def test_the_store_is_the_port(engine: Engine) -> None:
    async with engine.open() as store:
        directory: Directory = store.directory  # the type checker's word; the rest of this file is the proof
        assert await directory.find_user(ACCOUNT, "nobody") is None


# --- users ---


async def test_a_new_user_is_found_whole(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice", "/dev/", team="red")
        assert await store.directory.find_user(ACCOUNT, "alice") == user
        assert user.arn == f"arn:aws:iam::{ACCOUNT}:user/dev/alice"
        assert user.user_id.startswith("AIDA")
        assert account_of_id(user.user_id) == ACCOUNT
        assert (user.created, user.tags) == (NOW, {"team": "red"})


async def test_times_are_kept_in_whole_seconds(engine: Engine) -> None:
    async with engine.open() as store:
        later = NOW + timedelta(microseconds=999_999)
        created = await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=later)
        assert created.created == NOW
        assert await store.directory.find_user(ACCOUNT, "alice") == created


async def test_a_user_is_found_by_the_exact_letters_of_its_name(engine: Engine) -> None:
    async with engine.open() as store:
        await new_user(store, "Alice")
        assert await store.directory.find_user(ACCOUNT, "alice") is None


async def test_user_names_are_unique_without_regard_to_case_and_path(engine: Engine) -> None:
    async with engine.open() as store:
        await new_user(store, "alice")
        assert await refusal(new_user(store, "ALICE", "/dev/")) == (AlreadyExists, Entity.USER)


async def test_two_accounts_may_have_users_of_one_name(engine: Engine) -> None:
    async with engine.open() as store:
        await store.directory.create_account(OTHER_ACCOUNT, NOW)
        mine = await new_user(store, "alice")
        theirs = await store.directory.create_user(OTHER_ACCOUNT, "alice", path="/", tags={}, created=NOW)
        assert await store.directory.find_user(ACCOUNT, "alice") == mine
        assert await store.directory.find_user(OTHER_ACCOUNT, "alice") == theirs
        assert await store.directory.list_users(OTHER_ACCOUNT, limit=10) == [theirs]


async def test_a_user_created_anew_has_another_id(engine: Engine) -> None:
    async with engine.open() as store:
        first = await new_user(store, "alice")
        await store.directory.delete_user(first.user_id)
        assert (await new_user(store, "alice")).user_id != first.user_id


async def test_users_are_listed_by_name_without_case_below_a_path_prefix_page_by_page(engine: Engine) -> None:
    async with engine.open() as store:
        for name, path in (("d", "/x/"), ("B", "/x/y/"), ("a", "/x_/"), ("c", "/"), ("E", "/x/")):
            await new_user(store, name, path, tag=name)
        listed = store.directory.list_users
        assert [user.name for user in await listed(ACCOUNT, limit=10)] == ["a", "B", "c", "d", "E"]
        assert [user.name for user in await listed(ACCOUNT, path_prefix="/x/", limit=10)] == ["B", "d", "E"]
        # `_` and `%` of a prefix are letters, not wildcards; a prefix need not end at a `/`.
        assert [user.name for user in await listed(ACCOUNT, path_prefix="/x_", limit=10)] == ["a"]
        assert [user.name for user in await listed(ACCOUNT, path_prefix="/X", limit=10)] == []
        assert [user.name for user in await listed(ACCOUNT, after="b", limit=2)] == ["c", "d"]
        assert (await listed(ACCOUNT, limit=1))[0].tags == {"tag": "a"}


async def test_a_renamed_and_moved_user_keeps_its_id_and_its_old_name_is_free(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice", team="red")
        await store.directory.update_user(user.user_id, name="Bob", path="/dev/")
        moved = await store.directory.find_user(ACCOUNT, "Bob")
        assert moved == UserRecord(user.user_id, ACCOUNT, "Bob", "/dev/", NOW, {"team": "red"})
        assert await store.directory.find_user(ACCOUNT, "alice") is None
        await new_user(store, "alice")


async def test_a_user_may_be_renamed_to_another_case_of_its_own_name_but_not_to_anothers(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        await new_user(store, "bob")
        await store.directory.update_user(user.user_id, name="ALICE")
        assert await refusal(store.directory.update_user(user.user_id, name="BOB")) == (AlreadyExists, Entity.USER)
        found = await store.directory.find_user(ACCOUNT, "ALICE")
        assert found is not None
        assert found.path == "/"


async def test_what_is_not_there_cannot_be_changed(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        no_user, no_policy = (NotFound, Entity.USER), (NotFound, Entity.MANAGED_POLICY)
        arn = f"arn:aws:iam::{ACCOUNT}:policy/none"
        user = await new_user(store, "alice")
        assert await refusal(directory.update_user("AIDANONE", name="x")) == no_user
        assert await refusal(directory.delete_user("AIDANONE")) == no_user
        assert await refusal(directory.tag("AIDANONE", {"a": "b"})) == no_user
        assert await refusal(directory.untag("AIDANONE", ["a"])) == no_user
        assert await refusal(directory.create_access_key("AIDANONE", SECRET, NOW)) == no_user
        assert await refusal(directory.create_access_key(OTHER_ACCOUNT, SECRET, NOW)) == no_user
        assert await refusal(directory.put_inline_policy("AIDANONE", "p", DOCUMENT, 1)) == no_user
        assert await refusal(directory.delete_inline_policy(user.user_id, "p")) == (NotFound, Entity.INLINE_POLICY)
        assert await refusal(directory.attach_policy("AIDANONE", arn)) == no_user
        assert await refusal(directory.attach_policy(user.user_id, arn)) == no_policy
        assert await refusal(directory.detach_policy(user.user_id, arn)) == (NotFound, Entity.ATTACHMENT)
        assert await refusal(directory.delete_policy(arn)) == no_policy
        assert await refusal(directory.tag("ANPANONE", {"a": "b"})) == no_policy
        assert await refusal(directory.untag("ANPANONE", ["a"])) == no_policy
        version = directory.create_policy_version(arn, DOCUMENT, set_as_default=True, created=NOW)
        assert await refusal(version) == no_policy
        assert await refusal(directory.set_default_policy_version(arn, "v1")) == no_policy
        assert await refusal(directory.delete_policy_version(arn, "v1")) == no_policy
        assert await refusal(directory.set_bucket_policy("none", None)) == (NotFound, Entity.BUCKET)
        assert await refusal(directory.set_public_access_block("none", None)) == (NotFound, Entity.BUCKET)
        assert await refusal(directory.set_bucket_cors("none", None)) == (NotFound, Entity.BUCKET)
        assert await refusal(directory.delete_bucket("none")) == (NotFound, Entity.BUCKET)
        assert await directory.find_policy(ACCOUNT, arn) is None
        assert await directory.find_policy_version(arn, "v1") is None
        assert await directory.list_policy_versions(arn) == []


async def test_a_user_with_belongings_is_not_deleted(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        user, policy = await new_user(store, "alice", team="red"), await new_policy(store, "readers")
        key = await directory.create_access_key(user.user_id, SECRET, NOW)
        await directory.put_inline_policy(user.user_id, "inline", DOCUMENT, 1)
        await directory.attach_policy(user.user_id, policy.arn)
        assert await refusal(directory.delete_user(user.user_id)) == (StillInUse, Entity.ATTACHMENT)
        await directory.detach_policy(user.user_id, policy.arn)
        assert await refusal(directory.delete_user(user.user_id)) == (StillInUse, Entity.INLINE_POLICY)
        await directory.delete_inline_policy(user.user_id, "inline")
        assert await refusal(directory.delete_user(user.user_id)) == (StillInUse, Entity.ACCESS_KEY)
        await directory.delete_access_key(user.user_id, key.access_key_id)
        await directory.delete_user(user.user_id)  # its tags go with it
        assert await directory.find_user(ACCOUNT, "alice") is None


async def test_an_account_has_no_more_users_than_its_quota(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "USERS_PER_ACCOUNT", 2)
    async with engine.open() as store:
        await new_user(store, "a")
        await new_user(store, "b")
        assert await refusal(new_user(store, "c")) == (LimitReached, Entity.USER)


# --- tags ---


async def test_a_tag_replaces_the_one_whose_key_differs_only_in_case(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice", Team="red", stage="test")
        await store.directory.tag(user.user_id, {"TEAM": "blue", "new": ""})
        tagged = await store.directory.find_user(ACCOUNT, "alice")
        assert tagged is not None
        assert tagged.tags == {"TEAM": "blue", "stage": "test", "new": ""}


async def test_tags_are_removed_without_regard_to_case_and_a_key_without_a_tag_is_no_error(engine: Engine) -> None:
    async with engine.open() as store:
        user, policy = await new_user(store, "alice", Team="red", stage="test"), await new_policy(store, "p", A="1")
        await store.directory.untag(user.user_id, ["TEAM", "none"])
        await store.directory.untag(policy.policy_id, ["a"])
        left = await store.directory.find_user(ACCOUNT, "alice")
        assert left is not None
        assert left.tags == {"stage": "test"}
        untagged = await store.directory.find_policy(ACCOUNT, policy.arn)
        assert untagged is not None
        assert untagged.tags == {}


async def test_nothing_has_more_tags_than_its_quota(engine: Engine) -> None:
    async with engine.open() as store:
        full = {f"key-{number}": "" for number in range(limits.TAGS_PER_ENTITY)}
        user = await store.directory.create_user(ACCOUNT, "alice", path="/", tags=full, created=NOW)
        await store.directory.tag(user.user_id, {"KEY-0": "replaced"})
        assert await refusal(store.directory.tag(user.user_id, {"one more": ""})) == (LimitReached, Entity.TAG)
        unchanged = await store.directory.find_user(ACCOUNT, "alice")
        assert unchanged is not None
        del full["key-0"]
        assert unchanged.tags == full | {"KEY-0": "replaced"}
        policy = await new_policy(store, "readers", **full)
        await store.directory.tag(policy.policy_id, {"the last": ""})
        assert await refusal(store.directory.tag(policy.policy_id, {"one more": ""})) == (LimitReached, Entity.TAG)


# --- access keys ---


async def test_an_access_key_is_made_active_and_listed_without_its_secret(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        first = await store.directory.create_access_key(user.user_id, SECRET, NOW)
        second = await store.directory.create_access_key(user.user_id, SECRET, NOW + timedelta(seconds=1))
        assert first.access_key_id.startswith("AKIA")
        assert account_of_id(first.access_key_id) == ACCOUNT
        assert (first.owner_id, first.active, first.created) == (user.user_id, True, NOW)
        assert await store.directory.list_access_keys(user.user_id) == [first, second]


async def test_root_has_keys_of_its_own_under_the_account_id(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        await store.directory.create_access_key(user.user_id, SECRET, NOW)
        second = await store.directory.create_access_key(ACCOUNT, SECRET, NOW)
        listed = [key.access_key_id for key in await store.directory.list_access_keys(ACCOUNT)]
        assert sorted(listed) == sorted([engine.root_key_id, second.access_key_id])


async def test_nobody_has_more_access_keys_than_the_quota(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        for _ in range(limits.ACCESS_KEYS_PER_USER):
            key = await store.directory.create_access_key(user.user_id, SECRET, NOW)
        await store.directory.set_access_key_active(user.user_id, key.access_key_id, active=False)
        third = store.directory.create_access_key(user.user_id, SECRET, NOW)
        assert await refusal(third) == (LimitReached, Entity.ACCESS_KEY)  # an inactive key counts


async def test_an_access_key_is_changed_only_as_its_owners(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        alice, bob = await new_user(store, "alice"), await new_user(store, "bob")
        key = await directory.create_access_key(alice.user_id, SECRET, NOW)
        for stranger in (bob.user_id, ACCOUNT):
            change = directory.set_access_key_active(stranger, key.access_key_id, active=False)
            assert await refusal(change) == (NotFound, Entity.ACCESS_KEY)
            removal = directory.delete_access_key(stranger, key.access_key_id)
            assert await refusal(removal) == (NotFound, Entity.ACCESS_KEY)
        removal = directory.delete_access_key(alice.user_id, engine.root_key_id)
        assert await refusal(removal) == (NotFound, Entity.ACCESS_KEY)
        await directory.set_access_key_active(alice.user_id, key.access_key_id, active=False)
        assert [kept.active for kept in await directory.list_access_keys(alice.user_id)] == [False]
        await directory.delete_access_key(alice.user_id, key.access_key_id)
        assert await directory.list_access_keys(alice.user_id) == []


# --- inline policies ---


async def test_an_inline_policy_is_kept_letter_by_letter_and_replaced_whole(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        user = await new_user(store, "alice")
        await directory.put_inline_policy(user.user_id, "b", " \n" + DOCUMENT + " ÿ", 10)
        await directory.put_inline_policy(user.user_id, "a", DOCUMENT, 10)
        assert await directory.find_inline_policy(user.user_id, "b") == " \n" + DOCUMENT + " ÿ"
        await directory.put_inline_policy(user.user_id, "b", OTHER_DOCUMENT, 10)
        assert await directory.find_inline_policy(user.user_id, "b") == OTHER_DOCUMENT
        assert await directory.list_inline_policies(user.user_id) == ["a", "b"]
        assert await directory.find_inline_policy(user.user_id, "B") is None
        await directory.delete_inline_policy(user.user_id, "b")
        assert await directory.find_inline_policy(user.user_id, "b") is None


async def test_the_inline_policies_of_a_user_share_one_quota_and_a_replaced_one_no_longer_counts(
    engine: Engine,
) -> None:
    async with engine.open() as store:
        directory = store.directory
        user = await new_user(store, "alice")
        whole = limits.USER_INLINE_POLICIES_CHARS
        await directory.put_inline_policy(user.user_id, "a", DOCUMENT, whole - 100)
        await directory.put_inline_policy(user.user_id, "b", DOCUMENT, 100)
        over = directory.put_inline_policy(user.user_id, "b", OTHER_DOCUMENT, 101)
        assert await refusal(over) == (LimitReached, Entity.INLINE_POLICY)
        assert await directory.find_inline_policy(user.user_id, "b") == DOCUMENT
        await directory.put_inline_policy(user.user_id, "a", DOCUMENT, whole - 101)
        await directory.put_inline_policy(user.user_id, "b", OTHER_DOCUMENT, 101)


# --- managed policies ---


async def test_a_new_managed_policy_has_its_document_as_version_one(engine: Engine) -> None:
    async with engine.open() as store:
        policy = await store.directory.create_policy(
            ACCOUNT,
            "readers",
            path="/team/",
            description="may read",
            tags={"a": "1"},
            document=DOCUMENT,
            created=NOW,
        )
        assert await store.directory.find_policy(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:policy/team/readers") == policy
        assert policy.policy_id.startswith("ANPA")
        assert (policy.description, policy.tags) == ("may read", {"a": "1"})
        assert (policy.default_version, policy.attachments) == ("v1", 0)
        assert (policy.created, policy.updated) == (NOW, NOW)
        version = await store.directory.find_policy_version(policy.arn, "v1")
        assert version is not None
        assert (version.document, version.is_default, version.created) == (DOCUMENT, True, NOW)


async def test_policy_names_are_unique_without_regard_to_case_and_path(engine: Engine) -> None:
    async with engine.open() as store:
        await new_policy(store, "readers")
        assert await refusal(new_policy(store, "Readers", "/x/")) == (AlreadyExists, Entity.MANAGED_POLICY)


async def test_an_account_has_no_more_policies_than_its_quota(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MANAGED_POLICIES_PER_ACCOUNT", 1)
    async with engine.open() as store:
        await new_policy(store, "a")
        assert await refusal(new_policy(store, "b")) == (LimitReached, Entity.MANAGED_POLICY)


async def test_policies_are_listed_by_name_below_a_prefix_attached_or_not_page_by_page(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        for name, path in (("c", "/x/"), ("B", "/x/y/"), ("a", "/")):
            policy = await new_policy(store, name, path, tag=name)
        await store.directory.attach_policy(user.user_id, policy.arn)
        listed = store.directory.list_policies
        assert [policy.name for policy in await listed(ACCOUNT, limit=10)] == ["a", "B", "c"]
        assert [policy.name for policy in await listed(ACCOUNT, path_prefix="/x/", limit=10)] == ["B", "c"]
        assert [policy.name for policy in await listed(ACCOUNT, after="A", limit=1)] == ["B"]
        attached = await listed(ACCOUNT, only_attached=True, limit=10)
        assert [(policy.name, policy.attachments, policy.tags) for policy in attached] == [("a", 1, {"tag": "a"})]
        assert await listed(OTHER_ACCOUNT, limit=10) == []


async def test_version_numbers_only_rise_and_only_a_default_is_in_force(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        policy = await new_policy(store, "readers")
        later = NOW + timedelta(hours=1)
        second = await directory.create_policy_version(policy.arn, OTHER_DOCUMENT, set_as_default=False, created=later)
        assert (second.version_id, second.is_default, second.created) == ("v2", False, later)
        third = await directory.create_policy_version(policy.arn, DOCUMENT, set_as_default=True, created=later)
        assert await directory.find_policy_version(policy.arn, "v3") == third
        changed = await directory.find_policy(ACCOUNT, policy.arn)
        assert changed is not None
        assert (changed.default_version, changed.created, changed.updated) == ("v3", NOW, later)
        listed = [
            (version.version_id, version.is_default) for version in await directory.list_policy_versions(policy.arn)
        ]
        assert listed == [("v3", True), ("v2", False), ("v1", False)]
        await directory.delete_policy_version(policy.arn, "v2")
        fourth = await directory.create_policy_version(policy.arn, DOCUMENT, set_as_default=False, created=later)
        assert fourth.version_id == "v4"
        await directory.set_default_policy_version(policy.arn, "v1")
        restored = await directory.find_policy(ACCOUNT, policy.arn)
        assert restored is not None
        assert restored.default_version == "v1"


@pytest.mark.parametrize(
    "version_id", ["v2", "v01", "v1 ", "v", "1", "v1.x", "V1", "v99999999999999999999", "v-1", "v١"]
)
async def test_a_version_that_is_not_there_is_not_found(engine: Engine, version_id: str) -> None:
    async with engine.open() as store:
        policy = await new_policy(store, "readers")
        missing = (NotFound, Entity.POLICY_VERSION)
        assert await store.directory.find_policy_version(policy.arn, version_id) is None
        assert await refusal(store.directory.set_default_policy_version(policy.arn, version_id)) == missing
        assert await refusal(store.directory.delete_policy_version(policy.arn, version_id)) == missing


async def test_a_policy_has_no_more_versions_than_its_quota(engine: Engine) -> None:
    async with engine.open() as store:
        policy = await new_policy(store, "readers")

        async def another() -> None:
            await store.directory.create_policy_version(policy.arn, DOCUMENT, set_as_default=False, created=NOW)

        for _ in range(limits.MANAGED_POLICY_VERSIONS - 1):
            await another()
        assert await refusal(another()) == (LimitReached, Entity.POLICY_VERSION)
        await store.directory.delete_policy_version(policy.arn, "v2")
        await another()


async def test_the_default_version_is_deleted_only_with_its_policy(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        policy, user = await new_policy(store, "readers", a="1"), await new_user(store, "alice")
        await directory.create_policy_version(policy.arn, DOCUMENT, set_as_default=True, created=NOW)
        in_force = directory.delete_policy_version(policy.arn, "v2")
        assert await refusal(in_force) == (StillInUse, Entity.DEFAULT_VERSION)
        await directory.attach_policy(user.user_id, policy.arn)
        assert await refusal(directory.delete_policy(policy.arn)) == (StillInUse, Entity.ATTACHMENT)
        await directory.detach_policy(user.user_id, policy.arn)
        assert await refusal(directory.delete_policy(policy.arn)) == (StillInUse, Entity.POLICY_VERSION)
        await directory.delete_policy_version(policy.arn, "v1")
        await directory.delete_policy(policy.arn)
        assert await directory.find_policy(ACCOUNT, policy.arn) is None
        assert (await new_policy(store, "readers")).policy_id != policy.policy_id


# --- attachments ---


async def test_attachments_are_seen_from_both_sides(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        alice, bob = await new_user(store, "Alice", team="red"), await new_user(store, "bob")
        readers, writers = await new_policy(store, "Readers"), await new_policy(store, "writers")
        for user, policy in ((alice, writers), (alice, readers), (bob, readers), (bob, readers)):
            await directory.attach_policy(user.user_id, policy.arn)  # the last one changes nothing
        attached = await directory.list_attached_policies(alice.user_id)
        assert [(policy.name, policy.attachments) for policy in attached] == [("Readers", 2), ("writers", 1)]
        assert await holders_of(store, readers) == [alice.user_id, bob.user_id]
        await directory.detach_policy(alice.user_id, readers.arn)
        assert await holders_of(store, readers) == [bob.user_id]
        again = directory.detach_policy(alice.user_id, readers.arn)
        assert await refusal(again) == (NotFound, Entity.ATTACHMENT)


async def test_a_user_has_no_more_attached_policies_than_the_quota(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        for number in range(limits.MANAGED_POLICIES_PER_USER):
            policy = await new_policy(store, f"p{number}")
            await store.directory.attach_policy(user.user_id, policy.arn)
        await store.directory.attach_policy(user.user_id, policy.arn)  # attached already: no new one
        over = store.directory.attach_policy(user.user_id, (await new_policy(store, "more")).arn)
        assert await refusal(over) == (LimitReached, Entity.ATTACHMENT)


# --- buckets ---


async def test_a_bucket_name_belongs_to_one_account_of_all(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        await directory.create_bucket("photos", ACCOUNT, "eu-west-1", NOW)
        await directory.create_bucket("albums", ACCOUNT, "us-east-1", NOW)
        for account_id in (ACCOUNT, OTHER_ACCOUNT):
            with pytest.raises(BucketExists) as exists:
                await directory.create_bucket("photos", account_id, "us-east-1", NOW)
            assert exists.value.owner_account == ACCOUNT
        assert await directory.list_buckets(ACCOUNT) == [
            BucketRecord("albums", ACCOUNT, "us-east-1", NOW),
            BucketRecord("photos", ACCOUNT, "eu-west-1", NOW),
        ]
        assert await directory.list_buckets(OTHER_ACCOUNT) == []
        await directory.delete_bucket("photos")
        await directory.create_bucket("photos", OTHER_ACCOUNT, "us-east-1", NOW)


async def test_what_is_kept_of_a_bucket_is_set_apart_and_ends_with_it(engine: Engine) -> None:
    async with engine.open() as store:
        directory, identities = store.directory, store.identities
        await directory.create_account(OTHER_ACCOUNT, NOW)
        await directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        await directory.create_bucket("albums", OTHER_ACCOUNT, "us-east-1", NOW)
        assert [bucket.name for bucket in await directory.list_all_buckets()] == ["albums", "photos"]
        await directory.set_public_access_block("photos", "block")
        await directory.set_bucket_cors("photos", "cors")
        found, other = await identities.bucket("photos"), await identities.bucket("albums")
        assert found is not None
        assert (found.public_access_block, found.cors, found.policy) == ("block", "cors", None)
        assert other is not None
        assert (other.public_access_block, other.cors) == (None, None)
        await directory.set_public_access_block("photos", None)
        found = await identities.bucket("photos")
        assert found is not None
        assert (found.public_access_block, found.cors) == (None, "cors")
        await directory.delete_bucket("photos")
        await directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        found = await identities.bucket("photos")
        assert found is not None
        assert found.cors is None


async def test_an_account_has_no_more_buckets_than_its_quota(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUCKETS_PER_ACCOUNT", 1)
    async with engine.open() as store:
        await store.directory.create_bucket("one", ACCOUNT, "us-east-1", NOW)
        over = store.directory.create_bucket("two", ACCOUNT, "us-east-1", NOW)
        assert await refusal(over) == (LimitReached, Entity.BUCKET)


async def test_a_bucket_made_anew_does_not_inherit_a_policy(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        await directory.set_bucket_policy("photos", DOCUMENT.replace('"Effect"', '"Principal":"*","Effect"'))
        await directory.delete_bucket("photos")
        await directory.create_bucket("photos", ACCOUNT, "us-east-1", NOW)
        bucket = await store.identities.bucket("photos")
        assert bucket is not None
        assert bucket.policy is None


# --- several at once ---


async def test_of_many_writers_on_two_workers_none_is_lost_and_none_passes_a_quota_together(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        user = await new_user(one, "alice")
        workers = (one, two) * 4
        attempts = [worker.directory.create_access_key(user.user_id, SECRET, NOW) for worker in workers]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(outcome, LimitReached) for outcome in outcomes) == 8 - limits.ACCESS_KEYS_PER_USER
        assert len(await one.directory.list_access_keys(user.user_id)) == limits.ACCESS_KEYS_PER_USER

        names = [f"user-{number:02}" for number in range(16)]
        await asyncio.gather(*[new_user((one, two)[index % 2], name) for index, name in enumerate(names)])
        assert [found.name for found in await two.directory.list_users(ACCOUNT, after="alice", limit=99)] == names


async def test_of_two_workers_that_take_one_name_at_once_one_gets_it(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        outcomes = await asyncio.gather(new_user(one, "alice"), new_user(two, "ALICE"), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists", "UserRecord"]
