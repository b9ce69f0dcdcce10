"""What every engine of the Directory port does: what belongs to many entities, read together."""

from __future__ import annotations

from typing import Any

from daypass.service.ports import EntityPolicies
from daypass.store import Store
from support.stores import ACCOUNT, NOW, Engine

DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
OTHER_DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}'
TRUST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


async def new_user(store: Store, name: str) -> Any:
    return await store.directory.create_user(ACCOUNT, name, path="/", tags={}, created=NOW)


async def new_policy(store: Store, name: str, path: str = "/") -> str:
    made = await store.directory.create_policy(
        ACCOUNT, name, path=path, description=None, tags={}, document=DOCUMENT, created=NOW
    )
    return made.arn


async def test_the_policies_of_many_entities_are_read_together(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        user, other = await new_user(store, "alice"), await new_user(store, "bob")
        group = await directory.create_group(ACCOUNT, "staff", path="/", created=NOW)
        first, second = await new_policy(store, "b"), await new_policy(store, "A", "/z/")
        for arn in (first, AWS_POLICY, second):
            await directory.attach_policy(user.user_id, arn)
        await directory.attach_policy(group.group_id, first)
        await directory.put_inline_policy(user.user_id, "y", DOCUMENT, 1)
        await directory.put_inline_policy(user.user_id, "x", OTHER_DOCUMENT, 1)
        await directory.put_inline_policy(other.user_id, "z", DOCUMENT, 1)
        assert await directory.policies_of([user.user_id, group.group_id]) == {
            user.user_id: EntityPolicies({"x": OTHER_DOCUMENT, "y": DOCUMENT}, (second, AWS_POLICY, first)),
            group.group_id: EntityPolicies({}, (first,)),
        }
        assert await directory.policies_of([]) == {}


async def test_the_groups_of_many_users_are_read_together(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        user, other = await new_user(store, "alice"), await new_user(store, "bob")
        for name in ("b", "A"):
            group = await directory.create_group(ACCOUNT, name, path="/", created=NOW)
            await directory.add_member(group.group_id, user.user_id)
        assert await directory.group_names_of([user.user_id, other.user_id]) == {
            user.user_id: ["A", "b"],
            other.user_id: [],
        }


async def test_the_instance_profiles_of_many_roles_are_read_together(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        roles = [
            await directory.create_role(
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
            for name in ("first", "second")
        ]
        made = {}
        for name in ("b", "A", "empty"):
            made[name] = await directory.create_instance_profile(ACCOUNT, name, path="/", tags={}, created=NOW)
            if name != "empty":
                await directory.add_role_to_instance_profile(made[name].instance_profile_id, roles[0].role_id)
        found = await directory.instance_profiles_of([role.role_id for role in roles])
        assert [profile.name for profile in found[roles[0].role_id]] == ["A", "b"]
        assert all(profile.role == roles[0] for profile in found[roles[0].role_id])
        assert found[roles[1].role_id] == []


async def test_the_versions_of_many_policies_are_read_together(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        first, second = await new_policy(store, "first"), await new_policy(store, "second")
        await directory.create_policy_version(first, OTHER_DOCUMENT, set_as_default=True, created=NOW)
        found = await directory.versions_of([first, second, AWS_POLICY])
        assert [(version.version_id, version.document, version.is_default) for version in found[first]] == [
            ("v2", OTHER_DOCUMENT, True),
            ("v1", DOCUMENT, False),
        ]
        assert found[second] == await directory.list_policy_versions(second)
        assert found[AWS_POLICY] == await directory.list_policy_versions(AWS_POLICY)
        assert len(found[AWS_POLICY]) == 1
