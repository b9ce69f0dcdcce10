"""Accounts and their control policies, as every engine of the store keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daypass import limits
from daypass.names import Secret
from daypass.policy import PolicyKind
from daypass.service.ports import AlreadyExists, DirectoryError, Entity, LimitReached, NotFound, StillInUse
from support.stores import ACCOUNT, Engine

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
OTHER = "210987654321"
THIRD = "310987654321"
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
DENY = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}'
SERVICE, RESOURCE = PolicyKind.SERVICE_CONTROL, PolicyKind.RESOURCE_CONTROL


async def test_an_opened_account_has_a_root_key_that_works_and_a_name(engine: Engine) -> None:
    async with engine.open() as store:
        key = await store.directory.open_account(OTHER, NOW, name="sandbox", root_secret=Secret("s" * 40))
        found = await store.identities.access_key(key.access_key_id)
        assert found is not None
        assert (found.account_id, found.owner_id, found.active) == (OTHER, OTHER, True)
        assert found.secret == Secret("s" * 40)
        listed = await store.directory.list_accounts()
        assert [(each.account_id, each.name, each.management) for each in listed] == [
            (ACCOUNT, None, True),
            (OTHER, "sandbox", False),
        ]


async def test_an_account_id_is_given_once(engine: Engine) -> None:
    async with engine.open() as store:
        for account_id in (ACCOUNT, OTHER):
            if account_id == OTHER:
                await store.directory.create_account(OTHER, NOW)
            with pytest.raises(AlreadyExists) as refused:
                await store.directory.open_account(account_id, NOW, name=None, root_secret=Secret("s" * 40))
            assert refused.value.entity is Entity.ACCOUNT
            assert len(await store.directory.list_access_keys(account_id)) == (1 if account_id == ACCOUNT else 0)


async def test_a_closed_account_is_closed_for_every_reader_and_keeps_its_day(engine: Engine) -> None:
    async with engine.open() as store:
        await store.directory.create_account(OTHER, NOW)
        before = await store.identities.account(OTHER)
        assert before is not None
        assert before.closed is None
        await store.directory.close_account(OTHER, NOW)
        await store.directory.close_account(OTHER, NOW + timedelta(days=1))
        after = await store.identities.account(OTHER)
        assert after is not None
        assert after.closed == NOW


async def test_the_management_account_and_one_that_is_not_there_are_not_closed(engine: Engine) -> None:
    async with engine.open() as store:
        with pytest.raises(StillInUse):
            await store.directory.close_account(ACCOUNT, NOW)
        with pytest.raises(NotFound):
            await store.directory.close_account(OTHER, NOW)


async def test_control_policies_come_as_levels_first_those_of_all_accounts(engine: Engine) -> None:
    async with engine.open() as store:
        for account_id in (OTHER, THIRD):
            await store.directory.create_account(account_id, NOW)
            account = await store.identities.account(account_id)
            assert account is not None
            assert account.service_control is None
        await store.directory.attach_control_policy("mine", SERVICE, ALLOW, NOW, account_id=OTHER)
        await store.directory.attach_control_policy("everybody's", SERVICE, ALLOW, NOW, account_id=None)
        await store.directory.attach_control_policy("data", RESOURCE, DENY, NOW, account_id=OTHER)
        account, third = await store.identities.account(OTHER), await store.identities.account(THIRD)
        assert account is not None
        assert third is not None
        assert account.service_control is not None
        assert account.resource_control is not None
        assert [[each.id for each in level] for level in account.service_control] == [["everybody's"], ["mine"]]
        # AWS's own, which nobody can detach, is beside: resource control policies only ever deny.
        assert [[each.id for each in level] for level in account.resource_control] == [["data", "RCPFullAWSAccess"]]
        assert third.service_control is not None
        assert [[each.id for each in level] for level in third.service_control] == [["everybody's"]]
        assert third.resource_control is None


async def test_a_detached_control_policy_is_out_of_force_at_once(engine: Engine) -> None:
    async with engine.open() as store:
        await store.directory.attach_control_policy("everybody's", SERVICE, ALLOW, NOW, account_id=None)
        before = await store.identities.account(ACCOUNT)
        (record,) = await store.directory.list_control_policies()
        assert (record.name, record.kind, record.account_id, record.document) == ("everybody's", SERVICE, None, ALLOW)
        await store.directory.detach_control_policy("everybody's")
        after = await store.identities.account(ACCOUNT)
        assert before is not None
        assert before.service_control is not None
        assert after is not None
        assert after.service_control is None
        with pytest.raises(NotFound):
            await store.directory.detach_control_policy("everybody's")


async def test_what_cannot_be_attached_is_refused_and_changes_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await store.directory.create_account(OTHER, NOW)
        attach = store.directory.attach_control_policy
        for number in range(limits.CONTROL_POLICIES_PER_TARGET):
            await attach(f"p{number}", SERVICE, ALLOW, NOW, account_id=OTHER)
        refusals: list[tuple[str, PolicyKind, str | None, type[DirectoryError], Entity]] = [
            ("p9", SERVICE, OTHER, LimitReached, Entity.CONTROL_POLICY),
            ("p0", RESOURCE, None, AlreadyExists, Entity.CONTROL_POLICY),
            ("p9", SERVICE, THIRD, NotFound, Entity.ACCOUNT),
        ]
        for name, kind, account_id, error, entity in refusals:
            with pytest.raises(error) as refused:
                await attach(name, kind, ALLOW, NOW, account_id=account_id)
            assert refused.value.entity is entity
        await attach("p9", SERVICE, ALLOW, NOW, account_id=None)
        await attach("p10", RESOURCE, DENY, NOW, account_id=OTHER)
        assert len(await store.directory.list_control_policies()) == limits.CONTROL_POLICIES_PER_TARGET + 2
