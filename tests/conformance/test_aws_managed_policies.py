"""What every engine of the store does with AWS managed policies: whoever they are attached to has them."""

from __future__ import annotations

from typing import Any

from daypass.names import AWS
from daypass.service.ports import Entity, NotFound, UserRecord
from daypass.store import Store
from daypass.store.tables import attachments
from support.refusals import refusal
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, Engine

READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
VIEW = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
UNKNOWN = "arn:aws:iam::aws:policy/NoSuchPolicy"
DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'


async def new_user(store: Store, name: str, account_id: str = ACCOUNT) -> UserRecord:
    return await store.directory.create_user(account_id, name, path="/", tags={}, created=NOW)


async def policies_of(store: Store, user: UserRecord) -> list[str]:
    found = await store.identities.user(user.user_id)
    assert found is not None
    return [policy.id for policy in found.policies]


async def test_an_aws_managed_policy_is_found_in_every_account(engine: Engine) -> None:
    async with engine.open() as store:
        policy = await store.directory.find_policy(ACCOUNT, READ)
        assert policy is not None
        assert (policy.arn, policy.account_id, policy.default_version) == (READ, AWS, "v3")
        assert await store.directory.find_policy(OTHER_ACCOUNT, READ) == policy
        assert await store.directory.find_policy(ACCOUNT, UNKNOWN) is None
        managed = await store.identities.managed_policy(READ)
        assert managed is not None
        assert managed.account_id == AWS
        assert await store.identities.managed_policy(UNKNOWN) is None


async def test_its_one_version_is_the_default(engine: Engine) -> None:
    async with engine.open() as store:
        versions = await store.directory.list_policy_versions(READ)
        assert [(version.version_id, version.is_default) for version in versions] == [("v3", True)]
        assert await store.directory.find_policy_version(READ, "v3") == versions[0]
        assert await store.directory.find_policy_version(READ, "v1") is None


async def test_whoever_it_is_attached_to_has_it_beside_its_other_policies(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        user = await new_user(store, "alice")
        own = await directory.create_policy(
            ACCOUNT, "own", path="/", description=None, tags={}, document=DOCUMENT, created=NOW
        )
        assert await policies_of(store, user) == []
        for arn in (READ, own.arn, ADMIN, READ):
            await directory.attach_policy(user.user_id, arn)
        assert await policies_of(store, user) == [own.arn, ADMIN, READ]
        listed = await directory.list_attached_policies(user.user_id)
        assert [(policy.name, policy.attachments) for policy in listed] == [
            ("AdministratorAccess", 1),
            ("AmazonS3ReadOnlyAccess", 1),
            ("own", 1),
        ]
        await directory.detach_policy(user.user_id, READ)
        assert await policies_of(store, user) == [own.arn, ADMIN]
        assert await refusal(directory.detach_policy(user.user_id, READ)) == (NotFound, Entity.ATTACHMENT)


async def test_a_group_passes_it_on_to_its_members(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        group = await store.directory.create_group(ACCOUNT, "readers", path="/", created=NOW)
        await store.directory.add_member(group.group_id, user.user_id)
        assert await policies_of(store, user) == []
        await store.directory.attach_policy(group.group_id, READ)
        assert await policies_of(store, user) == [READ]


async def test_it_can_be_a_boundary(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        await store.directory.set_boundary(user.user_id, READ)
        found = await store.identities.user(user.user_id)
        assert found is not None
        assert found.boundary is not None
        assert found.boundary.id == READ
        policy = await store.directory.find_policy(ACCOUNT, READ)
        assert policy is not None
        assert (policy.attachments, policy.boundaries) == (0, 1)


async def test_one_that_is_not_there_is_not_attached(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        attaching = store.directory.attach_policy(user.user_id, UNKNOWN)
        assert await refusal(attaching) == (NotFound, Entity.MANAGED_POLICY)


async def test_one_that_a_newer_daypass_attached_denies_everything(engine: Engine) -> None:
    """It may have been a Deny: what is unknown is not left out."""
    async with engine.open() as store:
        user = await new_user(store, "alice")
        async with store.directory.write() as write:
            await write.connection.execute(attachments.insert().values(entity_id=user.user_id, policy_arn=UNKNOWN))
        found = await store.identities.user(user.user_id)
        assert found is not None
        assert [policy.id for policy in found.policies] == [UNKNOWN]
        assert '"Effect":"Deny","Action":"*","Resource":"*"' in found.policies[0].text


async def test_an_account_sees_its_own_attachments_only(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        ours, theirs = await new_user(store, "alice"), await new_user(store, "mallory", OTHER_ACCOUNT)
        await directory.attach_policy(theirs.user_id, READ)
        await directory.set_boundary(theirs.user_id, READ)
        policy = await directory.find_policy(ACCOUNT, READ)
        assert policy is not None
        assert (policy.attachments, policy.boundaries) == (0, 0)
        users: dict[str, Any] = {"entities": [Entity.USER], "limit": 10}
        assert await directory.list_policy_holders(ACCOUNT, READ, **users) == []
        await directory.attach_policy(ours.user_id, READ)
        assert [holder.name for holder in await directory.list_policy_holders(ACCOUNT, READ, **users)] == ["alice"]


async def test_they_are_listed_by_name_below_a_path(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        first = await directory.list_aws_policies(ACCOUNT, limit=3)
        assert [policy.name for policy in first] == [
            "AdministratorAccess",
            "AmazonS3FullAccess",
            "AmazonS3ReadOnlyAccess",
        ]
        after = await directory.list_aws_policies(ACCOUNT, after="amazons3fullaccess", limit=1)
        assert [policy.arn for policy in after] == [READ]
        below = await directory.list_aws_policies(ACCOUNT, path_prefix="/job-function/", limit=100)
        assert [policy.arn for policy in below] == [VIEW]
        own = await directory.list_policies(ACCOUNT, limit=100)
        assert own == []
