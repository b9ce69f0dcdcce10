"""What every engine of the Directory port does: roles, permissions boundaries, and who uses a policy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from daypass import limits
from daypass.names import account_of_id
from daypass.service.ports import (
    AlreadyExists,
    Directory,
    Entity,
    LimitReached,
    NotFound,
    RoleRecord,
    StillInUse,
    Usage,
)
from daypass.store import Store
from support.refusals import refusal
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, Engine

DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
TRUST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
ALL = (Entity.USER, Entity.GROUP, Entity.ROLE)
DENIAL = DOCUMENT.replace("Allow", "Deny")
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


async def new_role(store: Store, name: str, path: str = "/", account_id: str = ACCOUNT, **more: Any) -> RoleRecord:
    settings: dict[str, Any] = {
        "description": None,
        "trust_policy": TRUST,
        "max_session_seconds": 3600,
        "boundary": None,
        "tags": {},
        "created": NOW,
    } | more
    return await store.directory.create_role(account_id, name, path=path, **settings)


async def new_policy(store: Store, name: str) -> str:
    made = await store.directory.create_policy(
        ACCOUNT, name, path="/", description=None, tags={}, document=DOCUMENT, created=NOW
    )
    return made.arn


# --- roles ---


async def test_a_new_role_is_found_whole(engine: Engine) -> None:
    async with engine.open() as store:
        boundary = await new_policy(store, "boundary")
        role = await new_role(
            store,
            "Worker",
            "/app/",
            description="d",
            max_session_seconds=7200,
            boundary=boundary,
            tags={"team": "red"},
        )
        assert await store.directory.find_role(ACCOUNT, "Worker") == role
        assert await store.directory.find_role(ACCOUNT, "worker") is None
        assert role.arn == f"arn:aws:iam::{ACCOUNT}:role/app/Worker"
        assert (role.role_id[:4], account_of_id(role.role_id)) == ("AROA", ACCOUNT)
        assert (role.created, role.tags, role.description) == (NOW, {"team": "red"}, "d")
        for name in (role.role_id, role.arn):
            read = await store.identities.role(name)
            assert read is not None
            assert (read.role_id, read.arn, read.max_session_seconds, read.tags) == (
                role.role_id,
                role.arn,
                7200,
                {"team": "red"},
            )
            assert read.trust.text == TRUST
            assert read.boundary is not None
            assert read.boundary.id == boundary


async def test_role_names_are_unique_in_an_account_without_regard_to_case_and_path(engine: Engine) -> None:
    async with engine.open() as store:
        await store.directory.create_account(OTHER_ACCOUNT, NOW)
        role = await new_role(store, "worker")
        assert await refusal(new_role(store, "WORKER", "/x/")) == (AlreadyExists, Entity.ROLE)
        theirs = await new_role(store, "worker", account_id=OTHER_ACCOUNT)
        assert await store.directory.find_role(ACCOUNT, "worker") == role
        assert await store.directory.list_roles(OTHER_ACCOUNT, limit=10) == [theirs]


async def test_an_account_has_no_more_roles_than_the_quota(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROLES_PER_ACCOUNT", 1)
    async with engine.open() as store:
        await new_role(store, "a")
        assert await refusal(new_role(store, "b")) == (LimitReached, Entity.ROLE)


async def test_a_role_made_anew_is_another_role_also_to_who_knew_its_arn(engine: Engine) -> None:
    async with engine.open() as store:
        first = await new_role(store, "worker")
        assert await store.identities.role(first.arn) is not None
        await store.directory.delete_role(first.role_id)
        assert await store.identities.role(first.arn) is None
        assert await store.identities.role(first.role_id) is None
        second = await new_role(store, "worker")
        found = await store.identities.role(first.arn)
        assert found is not None
        assert found.role_id == second.role_id != first.role_id
        assert await store.identities.role(first.role_id) is None


async def test_roles_are_listed_by_name_without_case_below_a_path_prefix_page_by_page(engine: Engine) -> None:
    async with engine.open() as store:
        for name, path in (("d", "/x/"), ("B", "/x/y/"), ("a", "/x_/"), ("c", "/"), ("E", "/x/")):
            await new_role(store, name, path, tags={"name": name})

        async def names(**page: Any) -> list[str]:
            found = await store.directory.list_roles(ACCOUNT, **page)
            assert all(role.tags == {"name": role.name} for role in found)
            return [role.name for role in found]

        assert await names(limit=10) == ["a", "B", "c", "d", "E"]
        assert await names(path_prefix="/x/", limit=10) == ["B", "d", "E"]
        assert await names(path_prefix="/x/", after="b", limit=1) == ["d"]


async def test_an_update_of_a_role_is_read_at_once_and_keeps_what_it_does_not_name(engine: Engine) -> None:
    trust = TRUST.replace("Allow", "Deny")
    async with engine.open() as store:
        role = await new_role(store, "worker", description="old")
        for name in (role.role_id, role.arn):
            assert await store.identities.role(name) is not None  # cached
        await store.directory.update_role(role.role_id, max_session_seconds=43200)
        await store.directory.update_role(role.role_id, trust_policy=trust)
        await store.directory.update_role(role.role_id)
        for name in (role.role_id, role.arn):
            read = await store.identities.role(name)
            assert read is not None
            assert (read.max_session_seconds, read.trust.text) == (43200, trust)
        await store.directory.update_role(role.role_id, description="")
        found = await store.directory.find_role(ACCOUNT, "worker")
        assert found is not None
        assert (found.description, found.max_session_seconds) == ("", 43200)


async def test_the_policies_and_the_boundary_of_a_role_are_read_at_once(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        role = await new_role(store, "worker")
        arn = await new_policy(store, "readers")

        async def policies() -> tuple[list[str], str | None]:
            read = await store.identities.role(role.arn)
            assert read is not None
            return [policy.id for policy in read.policies], None if read.boundary is None else read.boundary.id

        assert await policies() == ([], None)
        await directory.put_inline_policy(role.role_id, "inline", DOCUMENT, len(DOCUMENT))
        assert await policies() == (["inline"], None)
        await directory.attach_policy(role.role_id, arn)
        assert await policies() == (["inline", arn], None)
        await directory.set_boundary(role.role_id, AWS_POLICY)
        assert await policies() == (["inline", arn], AWS_POLICY)
        await directory.set_boundary(role.role_id, None)
        await directory.detach_policy(role.role_id, arn)
        await directory.delete_inline_policy(role.role_id, "inline")
        assert await policies() == ([], None)


async def test_a_role_has_more_room_for_inline_policies_than_a_user(engine: Engine) -> None:
    async with engine.open() as store:
        role = await new_role(store, "worker")
        await store.directory.put_inline_policy(role.role_id, "a", DOCUMENT, limits.ROLE_INLINE_POLICIES_CHARS)
        over = store.directory.put_inline_policy(role.role_id, "b", DOCUMENT, 1)
        assert await refusal(over) == (LimitReached, Entity.INLINE_POLICY)


async def test_a_role_is_not_deleted_while_something_is_its(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        role = await new_role(store, "worker", tags={"a": "b"})
        arn = await new_policy(store, "readers")
        await directory.put_inline_policy(role.role_id, "inline", DOCUMENT, 1)
        await directory.attach_policy(role.role_id, arn)
        assert await refusal(directory.delete_role(role.role_id)) == (StillInUse, Entity.ATTACHMENT)
        await directory.detach_policy(role.role_id, arn)
        assert await refusal(directory.delete_role(role.role_id)) == (StillInUse, Entity.INLINE_POLICY)
        await directory.delete_inline_policy(role.role_id, "inline")
        await directory.delete_role(role.role_id)
        for change in (
            directory.delete_role(role.role_id),
            directory.update_role(role.role_id, description="d"),
            directory.tag(role.role_id, {"a": "b"}),
            directory.untag(role.role_id, ["a"]),
            directory.set_boundary(role.role_id, None),
            directory.attach_policy(role.role_id, arn),
            directory.put_inline_policy(role.role_id, "inline", DOCUMENT, 1),
        ):
            assert await refusal(change) == (NotFound, Entity.ROLE)


async def test_the_tags_of_a_role_are_read_at_once(engine: Engine) -> None:
    async with engine.open() as store:
        role = await new_role(store, "worker", tags={"Team": "red"})
        assert await store.identities.role(role.role_id) is not None
        await store.directory.tag(role.role_id, {"TEAM": "blue", "b": ""})
        await store.directory.untag(role.role_id, ["B", "none"])
        read = await store.identities.role(role.role_id)
        assert read is not None
        assert read.tags == {"TEAM": "blue"}


async def test_unique_ids_give_the_arns_of_who_is_still_there(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        user = await directory.create_user(OTHER_ACCOUNT, "alice", path="/dev/", tags={}, created=NOW)
        role, gone = await new_role(store, "worker", "/app/"), await new_role(store, "gone")
        await directory.delete_role(gone.role_id)
        found = await directory.find_arns([role.role_id, user.user_id, gone.role_id, role.role_id])
        assert found == {role.role_id: role.arn, user.user_id: user.arn}
        assert await directory.find_arns([]) == {}


# --- permissions boundaries ---


async def test_a_boundary_is_a_policy_that_exists(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        none = f"arn:aws:iam::{ACCOUNT}:policy/none"
        user = await directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW, boundary=AWS_POLICY)
        assert user.boundary == AWS_POLICY
        assert await refusal(directory.set_boundary(user.user_id, none)) == (NotFound, Entity.BOUNDARY)
        assert await refusal(new_role(store, "worker", boundary=none)) == (NotFound, Entity.BOUNDARY)
        made = directory.create_user(ACCOUNT, "bob", path="/", tags={}, created=NOW, boundary=none)
        assert await refusal(made) == (NotFound, Entity.BOUNDARY)
        assert await directory.find_user(ACCOUNT, "alice") == user
        assert (await directory.find_role(ACCOUNT, "worker"), await directory.find_user(ACCOUNT, "bob")) == (None, None)


async def test_a_policy_that_is_a_boundary_is_counted_and_not_deleted(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        arn = await new_policy(store, "boundary")
        role = await new_role(store, "worker", boundary=arn)
        await directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW, boundary=arn)
        policy = await directory.find_policy(ACCOUNT, arn)
        assert policy is not None
        assert (policy.attachments, policy.boundaries) == (0, 2)
        assert await refusal(directory.delete_policy(arn)) == (StillInUse, Entity.ATTACHMENT)
        await directory.set_boundary(role.role_id, None)
        assert await refusal(directory.delete_policy(arn)) == (StillInUse, Entity.ATTACHMENT)


# --- who uses a policy ---


async def test_policies_are_chosen_by_how_they_are_used(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        attached, boundary, both, unused = [
            await new_policy(store, name) for name in ("a-attached", "b-boundary", "c-both", "d-unused")
        ]
        await new_role(store, "first", boundary=boundary)
        role = await new_role(store, "second", boundary=both)
        for arn in (attached, both, AWS_POLICY):
            await directory.attach_policy(role.role_id, arn)

        async def chosen(**how: Any) -> list[str]:
            own = await directory.list_policies(ACCOUNT, limit=10, **how)
            of_aws = await directory.list_aws_policies(ACCOUNT, limit=100, **how)
            return [policy.arn for policy in own] + [policy.arn for policy in of_aws if policy.arn == AWS_POLICY]

        assert await chosen() == [attached, boundary, both, unused, AWS_POLICY]
        assert await chosen(only_attached=True) == [attached, both, AWS_POLICY]
        assert await chosen(usage=Usage.PERMISSIONS_BOUNDARY) == [boundary, both]
        assert await chosen(usage=Usage.PERMISSIONS_POLICY) == [attached, both, unused, AWS_POLICY]
        assert await chosen(usage=Usage.PERMISSIONS_POLICY, only_attached=True) == [attached, both, AWS_POLICY]


async def test_those_who_use_a_policy_are_listed_by_kind_and_name_page_by_page(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        arn = await new_policy(store, "readers")
        user = await directory.create_user(ACCOUNT, "b", path="/x/", tags={}, created=NOW)
        bounded = await directory.create_user(ACCOUNT, "A", path="/y/", tags={}, created=NOW, boundary=arn)
        group = await directory.create_group(ACCOUNT, "c", path="/x/", created=NOW)
        role = await new_role(store, "a", "/x/", boundary=arn)
        for entity in (user, group, role):
            await directory.attach_policy(entity.entity_id, arn)

        async def names(**how: Any) -> list[str]:
            asked: dict[str, Any] = {"entities": ALL, "limit": 10} | how
            return [holder.name for holder in await directory.list_policy_holders(ACCOUNT, arn, **asked)]

        assert await names() == [bounded.name, "b", "c", "a"]
        assert await names(usage=Usage.PERMISSIONS_POLICY) == ["b", "c", "a"]
        assert await names(usage=Usage.PERMISSIONS_BOUNDARY) == ["A", "a"]
        assert await names(entities=[Entity.ROLE]) == ["a"]
        assert await names(entities=[]) == []
        assert await names(path_prefix="/x/") == ["b", "c", "a"]
        assert await names(limit=2) == ["A", "b"]
        assert await names(after=(Entity.USER, "b"), limit=1) == ["c"]
        assert await names(after=(Entity.USER, "A"), limit=2) == ["b", "c"]
        assert await names(after=(Entity.GROUP, "c")) == ["a"]
        assert await names(after=(Entity.ROLE, "a")) == []
        await directory.create_account(OTHER_ACCOUNT, NOW)
        assert await directory.list_policy_holders(OTHER_ACCOUNT, arn, entities=ALL, limit=10) == []


async def test_a_new_version_of_a_policy_is_in_force_at_once_for_everybody_who_has_it(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        arn = await new_policy(store, "shared")
        attached, bounded, member = [
            (await directory.create_user(ACCOUNT, name, path="/", tags={}, created=NOW)).user_id
            for name in ("attached", "bounded", "member")
        ]
        group = await directory.create_group(ACCOUNT, "staff", path="/", created=NOW)
        await directory.add_member(group.group_id, member)
        with_role, bounded_role = await new_role(store, "with"), await new_role(store, "bounded", boundary=arn)
        for entity_id in (attached, group.group_id, with_role.role_id):
            await directory.attach_policy(entity_id, arn)
        await directory.set_boundary(bounded, arn)

        async def in_force() -> set[str]:
            texts = set()
            for user_id in (attached, bounded, member):
                user = await store.identities.user(user_id)
                assert user is not None
                texts |= {policy.text for policy in (*user.policies, user.boundary) if policy is not None}
            for name in (with_role.role_id, with_role.arn, bounded_role.role_id, bounded_role.arn):
                role = await store.identities.role(name)
                assert role is not None
                texts |= {policy.text for policy in (*role.policies, role.boundary) if policy is not None}
            return texts

        assert await in_force() == {DOCUMENT}
        await directory.create_policy_version(arn, DENIAL, set_as_default=True, created=NOW)
        assert await in_force() == {DENIAL}
        await directory.set_default_policy_version(arn, "v1")
        assert await in_force() == {DOCUMENT}


async def test_of_two_who_make_a_role_of_one_name_at_once_one_is_refused(engine: Engine) -> None:
    async with engine.open() as first, engine.open() as second:
        made = await asyncio.gather(new_role(first, "worker"), new_role(second, "WORKER"), return_exceptions=True)
        refused = [outcome for outcome in made if isinstance(outcome, AlreadyExists)]
        assert [outcome.entity for outcome in refused] == [Entity.ROLE]
        assert len(await first.directory.list_roles(ACCOUNT, limit=10)) == 1
        # Nor can a policy become a boundary while it is deleted: it is one, or it is gone and is none.
        arn = await new_policy(first, "boundary")
        (role,) = await first.directory.list_roles(ACCOUNT, limit=10)
        outcomes = await asyncio.gather(
            first.directory.set_boundary(role.role_id, arn), second.directory.delete_policy(arn), return_exceptions=True
        )
        (loser,) = [outcome for outcome in outcomes if outcome is not None]
        assert isinstance(loser, NotFound | StillInUse)
        found = await second.directory.find_role(ACCOUNT, role.name)
        assert found is not None
        assert (found.boundary == arn) is isinstance(loser, StillInUse)


# --- in force everywhere ---

PROMISED_SECONDS = 1.0

# Each a change of the role `worker`, which has an inline policy `inline`, the policy `attached` and a boundary.
CHANGES: dict[str, Callable[[Directory, RoleRecord, str], Awaitable[Any]]] = {
    "its trust": lambda d, role, arn: d.update_role(role.role_id, trust_policy=TRUST.replace("Allow", "Deny")),
    "its longest session": lambda d, role, arn: d.update_role(role.role_id, max_session_seconds=43200),
    "a tag of it": lambda d, role, arn: d.tag(role.role_id, {"team": "blue"}),
    "one tag less": lambda d, role, arn: d.untag(role.role_id, ["team"]),
    "an inline policy": lambda d, role, arn: d.put_inline_policy(role.role_id, "inline", DENIAL, 1),
    "one inline policy less": lambda d, role, arn: d.delete_inline_policy(role.role_id, "inline"),
    "one attached policy more": lambda d, role, arn: d.attach_policy(role.role_id, AWS_POLICY),
    "one attached policy less": lambda d, role, arn: d.detach_policy(role.role_id, arn),
    "another boundary": lambda d, role, arn: d.set_boundary(role.role_id, AWS_POLICY),
    "no boundary": lambda d, role, arn: d.set_boundary(role.role_id, None),
    "another version of what it has": lambda d, role, arn: d.create_policy_version(
        arn, DENIAL, set_as_default=True, created=NOW
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_of_a_role_is_in_force_at_once_where_it_was_made_and_within_a_second_elsewhere(
    engine: Engine, change: Callable[[Directory, RoleRecord, str], Awaitable[Any]]
) -> None:
    async with engine.open() as here, engine.open() as there:
        arn = await new_policy(here, "attached")
        role = await new_role(here, "worker", boundary=arn, tags={"team": "red"})
        await here.directory.put_inline_policy(role.role_id, "inline", DOCUMENT, 1)
        await here.directory.attach_policy(role.role_id, arn)

        async def seen(worker: Store) -> list[Any]:
            found = [await worker.identities.role(name) for name in (role.role_id, role.arn)]
            return [
                known
                and (
                    known.trust.text,
                    known.max_session_seconds,
                    known.tags,
                    [(policy.id, policy.text) for policy in known.policies],
                    known.boundary and (known.boundary.id, known.boundary.text),
                )
                for known in found
            ]

        before = await seen(here)
        assert await seen(there) == before  # both now hold it
        await change(here.directory, role, arn)
        changed = time.monotonic()
        after = await seen(here)
        assert after[0] == after[1] != before[0]
        asked = changed
        while await seen(there) != after:
            assert asked < changed + PROMISED_SECONDS
            await asyncio.sleep(0.01)
            asked = time.monotonic()


async def test_a_deleted_role_is_gone_within_a_second_elsewhere_by_its_id_and_by_its_arn(engine: Engine) -> None:
    async with engine.open() as here, engine.open() as there:
        role = await new_role(here, "worker")
        for name in (role.role_id, role.arn):
            assert await there.identities.role(name) is not None
        await here.directory.delete_role(role.role_id)
        again = await new_role(here, "worker")
        changed = time.monotonic()
        while True:
            by_arn, by_id = await there.identities.role(role.arn), await there.identities.role(role.role_id)
            if by_arn is not None and by_arn.role_id == again.role_id and by_id is None:
                break
            assert time.monotonic() < changed + PROMISED_SECONDS
            await asyncio.sleep(0.01)
