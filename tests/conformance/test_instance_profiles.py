"""What every engine of the Directory port does: instance profiles."""

from __future__ import annotations

from typing import Any

import pytest

from daypass import limits
from daypass.names import account_of_id
from daypass.service.ports import AlreadyExists, Entity, InstanceProfileRecord, LimitReached, NotFound, StillInUse
from daypass.store import Store
from support.refusals import refusal
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, Engine

TRUST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'


async def new_profile(store: Store, name: str, path: str = "/", **tags: str) -> InstanceProfileRecord:
    return await store.directory.create_instance_profile(ACCOUNT, name, path=path, tags=tags, created=NOW)


async def new_role(store: Store, name: str) -> Any:
    return await store.directory.create_role(
        ACCOUNT,
        name,
        path="/",
        description=None,
        trust_policy=TRUST,
        max_session_seconds=3600,
        boundary=None,
        tags={},
        created=NOW,
    )


async def test_a_new_instance_profile_is_found_whole(engine: Engine) -> None:
    async with engine.open() as store:
        profile = await new_profile(store, "Box", "/app/", team="red")
        assert await store.directory.find_instance_profile(ACCOUNT, "Box") == profile
        assert await store.directory.find_instance_profile(ACCOUNT, "box") is None
        assert await store.directory.find_instance_profile(OTHER_ACCOUNT, "Box") is None
        assert profile.arn == f"arn:aws:iam::{ACCOUNT}:instance-profile/app/Box"
        assert (profile.instance_profile_id[:4], account_of_id(profile.instance_profile_id)) == ("AIPA", ACCOUNT)
        assert (profile.created, profile.tags, profile.role) == (NOW, {"team": "red"}, None)
        assert await refusal(new_profile(store, "BOX", "/x/")) == (AlreadyExists, Entity.INSTANCE_PROFILE)


async def test_an_account_has_no_more_instance_profiles_than_the_quota(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INSTANCE_PROFILES_PER_ACCOUNT", 1)
    async with engine.open() as store:
        await new_profile(store, "a")
        assert await refusal(new_profile(store, "b")) == (LimitReached, Entity.INSTANCE_PROFILE)


async def test_an_instance_profile_holds_one_role(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        profile = await new_profile(store, "box")
        first, second = await new_role(store, "first"), await new_role(store, "second")
        none = directory.remove_role_from_instance_profile(profile.instance_profile_id, first.role_id)
        assert await refusal(none) == (NotFound, Entity.PROFILE_ROLE)
        await directory.add_role_to_instance_profile(profile.instance_profile_id, first.role_id)
        for role in (first, second):
            again = directory.add_role_to_instance_profile(profile.instance_profile_id, role.role_id)
            assert await refusal(again) == (LimitReached, Entity.PROFILE_ROLE)
        found = await directory.find_instance_profile(ACCOUNT, "box")
        assert found is not None
        assert found.role == first
        other = directory.remove_role_from_instance_profile(profile.instance_profile_id, second.role_id)
        assert await refusal(other) == (NotFound, Entity.PROFILE_ROLE)
        assert await refusal(directory.delete_instance_profile(profile.instance_profile_id)) == (
            StillInUse,
            Entity.PROFILE_ROLE,
        )
        assert await refusal(directory.delete_role(first.role_id)) == (StillInUse, Entity.INSTANCE_PROFILE)
        await directory.remove_role_from_instance_profile(profile.instance_profile_id, first.role_id)
        await directory.delete_role(first.role_id)
        gone = directory.add_role_to_instance_profile(profile.instance_profile_id, first.role_id)
        assert await refusal(gone) == (NotFound, Entity.ROLE)


async def test_a_deleted_instance_profile_is_gone_with_its_tags(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        profile = await new_profile(store, "box", team="red")
        await directory.tag(profile.instance_profile_id, {"TEAM": "blue", "b": ""})
        await directory.untag(profile.instance_profile_id, ["B"])
        found = await directory.find_instance_profile(ACCOUNT, "box")
        assert found is not None
        assert found.tags == {"TEAM": "blue"}
        await directory.delete_instance_profile(profile.instance_profile_id)
        role = await new_role(store, "worker")
        for change in (
            directory.delete_instance_profile(profile.instance_profile_id),
            directory.tag(profile.instance_profile_id, {"a": "b"}),
            directory.untag(profile.instance_profile_id, ["a"]),
            directory.add_role_to_instance_profile(profile.instance_profile_id, role.role_id),
            directory.remove_role_from_instance_profile(profile.instance_profile_id, role.role_id),
        ):
            assert await refusal(change) == (NotFound, Entity.INSTANCE_PROFILE)
        assert (await new_profile(store, "box")).tags == {}


async def test_instance_profiles_are_listed_by_name_below_a_path_and_by_role_page_by_page(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        role = await new_role(store, "worker")
        for name, path in (("d", "/x/"), ("B", "/x/y/"), ("c", "/"), ("E", "/x/")):
            profile = await new_profile(store, name, path)
            if name in "BE":
                await directory.add_role_to_instance_profile(profile.instance_profile_id, role.role_id)

        async def names(**page: Any) -> list[str]:
            return [found.name for found in await directory.list_instance_profiles(ACCOUNT, **{"limit": 10, **page})]

        assert await names() == ["B", "c", "d", "E"]
        assert await names(path_prefix="/x/") == ["B", "d", "E"]
        assert await names(path_prefix="/x/", after="b", limit=1) == ["d"]
        assert await names(role_id=role.role_id) == ["B", "E"]
        assert await names(role_id=role.role_id, after="B") == ["E"]
        assert await names(role_id="AROANONE") == []
