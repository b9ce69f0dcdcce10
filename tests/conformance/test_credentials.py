"""What every engine of the Directory port does with passwords, MFA devices, last uses and an account's settings."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import text

from daypass import limits
from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.service.ports import (
    AlreadyExists,
    CredentialReport,
    Entity,
    LastUse,
    LimitReached,
    MfaDeviceRecord,
    NotFound,
    PasswordPolicy,
    StillInUse,
    UserRecord,
)
from daypass.store import Store
from support.refusals import refusal
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, SECRET, Engine

NOBODY = "AIDAQAAAAAAAAAAAAAAAA"
SEED = Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'


async def new_user(store: Store, name: str, account_id: str = ACCOUNT) -> UserRecord:
    return await store.directory.create_user(account_id, name, path="/", tags={}, created=NOW)


async def new_device(store: Store, name: str, account_id: str = ACCOUNT, **tags: str) -> MfaDeviceRecord:
    return await store.directory.create_mfa_device(account_id, name, path="/", seed=SEED, tags=tags)


# --- login profiles ---


async def test_a_password_is_kept_as_its_hash_alone_with_its_dates(engine: Engine) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        assert await directory.find_login_profile(user.user_id) is None
        made = await directory.create_login_profile(user.user_id, "hash", reset_required=True, created=NOW)
        assert (made.password, made.former, made.reset_required) == ("hash", (), True)
        assert (made.created, made.changed) == (NOW, NOW)
        assert await directory.find_login_profile(user.user_id) == made
        assert "hash" not in repr(made)
        again = directory.create_login_profile(user.user_id, "other", reset_required=False, created=NOW)
        assert await refusal(again) == (AlreadyExists, Entity.LOGIN_PROFILE)
        nobody = directory.create_login_profile(NOBODY, "hash", reset_required=False, created=NOW)
        assert await refusal(nobody) == (NotFound, Entity.USER)


async def test_a_password_that_is_replaced_is_remembered_newest_first(engine: Engine) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        await directory.create_login_profile(user.user_id, "0", reset_required=True, created=NOW)
        later = NOW + timedelta(days=1)
        await directory.update_login_profile(user.user_id, later, reset_required=False)
        unchanged = await directory.find_login_profile(user.user_id)
        assert unchanged is not None
        assert (unchanged.password, unchanged.changed, unchanged.reset_required) == ("0", NOW, False)
        for number in range(1, limits.PASSWORDS_REMEMBERED + 3):
            await directory.update_login_profile(user.user_id, later, password=str(number))
        changed = await directory.find_login_profile(user.user_id)
        assert changed is not None
        assert (changed.password, changed.created, changed.changed) == ("26", NOW, later)
        assert changed.former == tuple(str(number) for number in range(25, 1, -1))
        assert not changed.reset_required


async def test_a_user_with_a_password_is_not_deleted_and_a_password_is_deleted_once(engine: Engine) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        await directory.create_login_profile(user.user_id, "hash", reset_required=False, created=NOW)
        assert await refusal(directory.delete_user(user.user_id)) == (StillInUse, Entity.LOGIN_PROFILE)
        await directory.delete_login_profile(user.user_id)
        gone = (NotFound, Entity.LOGIN_PROFILE)
        assert await refusal(directory.delete_login_profile(user.user_id)) == gone
        assert await refusal(directory.update_login_profile(user.user_id, NOW, password="x")) == gone
        await directory.delete_user(user.user_id)


# --- MFA devices ---


async def test_a_new_device_is_in_nobodys_use_and_its_seed_is_sealed_at_rest(engine: Engine) -> None:
    async with engine.open() as store:
        made = await store.directory.create_mfa_device(ACCOUNT, "Phone", path="/x/", seed=SEED, tags={"a": "b"})
        serial = f"arn:aws:iam::{ACCOUNT}:mfa/x/Phone"
        assert (made.serial_number, made.owner_id, made.enabled, made.tags) == (serial, None, None, {"a": "b"})
        found = await store.directory.find_mfa_device(ACCOUNT, serial)
        assert found == made
        assert found.seed.reveal() == SEED.reveal()
        assert await store.directory.find_mfa_device(OTHER_ACCOUNT, serial) is None
        assert await store.identities.mfa_device(serial) is None
        again = store.directory.create_mfa_device(ACCOUNT, "Phone", path="/x/", seed=SEED, tags={})
        assert await refusal(again) == (AlreadyExists, Entity.MFA_DEVICE)
    for file in engine.path.iterdir():
        assert SEED.reveal().encode() not in file.read_bytes()


async def test_a_device_in_use_is_its_owners_until_it_is_deactivated(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        alice, bob = await new_user(store, "alice"), await new_user(store, "bob")
        serial = (await new_device(store, "phone")).serial_number
        assert await directory.enable_mfa_device(serial, alice.user_id, 1000, NOW)
        found = await directory.find_mfa_device(ACCOUNT, serial)
        assert found is not None
        assert (found.owner_id, found.enabled, found.last_counter) == (alice.user_id, NOW, 1000)
        device = await store.identities.mfa_device(serial)
        assert device is not None
        assert (device.owner_id, device.last_counter, device.seed.reveal()) == (alice.user_id, 1000, SEED.reveal())
        assert await directory.list_mfa_devices_of(alice.user_id) == [found]
        assert await directory.list_mfa_devices_of(bob.user_id) == []

        taken = directory.enable_mfa_device(serial, bob.user_id, 1001, NOW)
        assert await refusal(taken) == (AlreadyExists, Entity.MFA_DEVICE)
        assert await refusal(directory.delete_mfa_device(serial)) == (StillInUse, Entity.MFA_DEVICE)
        assert await refusal(directory.delete_user(alice.user_id)) == (StillInUse, Entity.MFA_DEVICE)
        missing = (NotFound, Entity.MFA_DEVICE)
        assert await refusal(directory.deactivate_mfa_device(serial, bob.user_id)) == missing
        await directory.deactivate_mfa_device(serial, alice.user_id)
        assert await store.identities.mfa_device(serial) is None
        assert await refusal(directory.deactivate_mfa_device(serial, alice.user_id)) == missing
        await directory.delete_user(alice.user_id)
        await directory.delete_mfa_device(serial)
        assert await refusal(directory.delete_mfa_device(serial)) == missing


async def test_codes_that_enabled_a_device_once_do_not_enable_it_again(engine: Engine) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        serial = (await new_device(store, "phone")).serial_number
        assert await directory.enable_mfa_device(serial, user.user_id, 1000, NOW)
        await directory.deactivate_mfa_device(serial, user.user_id)
        assert not await directory.enable_mfa_device(serial, user.user_id, 1000, NOW)
        assert await directory.list_mfa_devices_of(user.user_id) == []
        assert await directory.enable_mfa_device(serial, user.user_id, 1001, NOW)


async def test_root_has_devices_too(engine: Engine) -> None:
    async with engine.open() as store:
        serial = (await new_device(store, "phone")).serial_number
        assert await store.directory.enable_mfa_device(serial, ACCOUNT, 1, NOW)
        assert [found.serial_number for found in await store.directory.list_mfa_devices_of(ACCOUNT)] == [serial]
        assert (await store.directory.count_entities(ACCOUNT)).root_mfa_devices == 1


async def test_a_device_is_enabled_for_somebody_who_is_there(engine: Engine) -> None:
    async with engine.open() as store:
        user = await new_user(store, "alice")
        serial = (await new_device(store, "phone")).serial_number
        assert await refusal(store.directory.enable_mfa_device(serial, NOBODY, 1, NOW)) == (NotFound, Entity.USER)
        missing = store.directory.enable_mfa_device(f"{serial}x", user.user_id, 1, NOW)
        assert await refusal(missing) == (NotFound, Entity.MFA_DEVICE)


async def test_of_one_code_presented_many_times_at_once_one_is_accepted(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        user = await new_user(one, "alice")
        serial = (await new_device(one, "phone")).serial_number
        assert not await one.directory.accept_mfa_counter(serial, 1000)  # in nobody's use
        await one.directory.enable_mfa_device(serial, user.user_id, 1000, NOW)
        attempts = [(one, two)[number % 2].directory.accept_mfa_counter(serial, 1001) for number in range(6)]
        assert sorted(await asyncio.gather(*attempts)) == [False] * 5 + [True]
        assert not await one.directory.accept_mfa_counter(serial, 1000)


async def test_resynchronising_takes_the_counter_as_it_is_shown(engine: Engine) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        serial = (await new_device(store, "phone")).serial_number
        missing = directory.resync_mfa_device(serial, user.user_id, 5)
        assert await refusal(missing) == (NotFound, Entity.MFA_DEVICE)
        await directory.enable_mfa_device(serial, user.user_id, 1000, NOW)
        await directory.resync_mfa_device(serial, user.user_id, 900)
        device = await store.identities.mfa_device(serial)
        assert device is not None
        assert device.last_counter == 900


async def test_devices_are_listed_by_serial_number_and_by_whether_they_are_in_use(engine: Engine) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        await directory.create_account(OTHER_ACCOUNT, NOW)
        serials = [(await new_device(store, name)).serial_number for name in ("a", "b", "c")]
        await new_device(store, "theirs", OTHER_ACCOUNT)
        await directory.enable_mfa_device(serials[1], user.user_id, 1, NOW)

        async def listed(**chosen: object) -> list[str]:
            found = await directory.list_mfa_devices(ACCOUNT, **{"limit": 10} | chosen)  # type: ignore[arg-type]  # because the parameters are of several types
            return [device.serial_number for device in found]

        assert await listed() == serials
        assert await listed(assigned=True) == [serials[1]]
        assert await listed(assigned=False) == [serials[0], serials[2]]
        assert await listed(after=serials[0], limit=1) == [serials[1]]


async def test_devices_have_tags_and_quotas(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine.open() as store:
        directory, user = store.directory, await new_user(store, "alice")
        serial = (await new_device(store, "phone", a="1")).serial_number
        await directory.tag_mfa_device(serial, {"A": "2", "b": "3"})
        await directory.untag_mfa_device(serial, ["B"])
        found = await directory.find_mfa_device(ACCOUNT, serial)
        assert found is not None
        assert found.tags == {"A": "2"}
        assert await refusal(directory.tag_mfa_device(f"{serial}x", {})) == (NotFound, Entity.MFA_DEVICE)
        assert await refusal(directory.untag_mfa_device(f"{serial}x", [])) == (NotFound, Entity.MFA_DEVICE)
        too_many = {str(number): "" for number in range(limits.TAGS_PER_ENTITY + 1)}
        assert await refusal(directory.tag_mfa_device(serial, too_many)) == (LimitReached, Entity.TAG)

        monkeypatch.setattr(limits, "MFA_DEVICES_PER_USER", 1)
        other = (await new_device(store, "other")).serial_number
        await directory.enable_mfa_device(serial, user.user_id, 1, NOW)
        over = directory.enable_mfa_device(other, user.user_id, 1, NOW)
        assert await refusal(over) == (LimitReached, Entity.MFA_DEVICE)
        monkeypatch.setattr(limits, "MFA_DEVICES_PER_ACCOUNT", 2)
        assert await refusal(new_device(store, "third")) == (LimitReached, Entity.MFA_DEVICE)


# --- last uses ---


async def test_a_use_is_answered_at_once_by_its_own_worker_and_by_others_once_it_is_written(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        first = NOW + timedelta(microseconds=5)
        one.directory.used("AKIA1", "s3", "us-east-1", first)
        assert await one.directory.last_uses(["AKIA1", "AKIA2"]) == {"AKIA1": LastUse(NOW, "s3", "us-east-1")}
        assert await two.directory.last_uses(["AKIA1"]) == {}
        await one.directory.write_last_uses()
        assert await two.directory.last_uses(["AKIA1"]) == {"AKIA1": LastUse(NOW, "s3", "us-east-1")}


async def test_of_two_workers_notes_the_later_use_stays(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        later = NOW + timedelta(seconds=9)
        one.directory.used("AKIA1", "sts", "eu-west-1", later)
        two.directory.used("AKIA1", "s3", "us-east-1", NOW)
        await one.directory.write_last_uses()
        await two.directory.write_last_uses()
        assert await two.directory.last_uses(["AKIA1"]) == {"AKIA1": LastUse(later, "sts", "eu-west-1")}


async def test_what_was_noted_is_written_when_the_store_is_closed(engine: Engine) -> None:
    async with engine.open() as store:
        store.directory.used("AROA1", "s3", "us-east-1", NOW)
    async with engine.open() as store:
        assert await store.directory.last_uses(["AROA1"]) == {"AROA1": LastUse(NOW, "s3", "us-east-1")}


async def test_what_was_noted_is_written_in_the_background(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LAST_USE_FLUSH_SECONDS", 0.01)
    async with engine.open() as one, engine.open() as two:
        one.directory.used("AKIA1", "s3", "us-east-1", NOW)
        for _ in range(500):
            if await two.directory.last_uses(["AKIA1"]):
                return
            await asyncio.sleep(0.01)
    raise AssertionError("nothing was written")


async def test_what_could_not_be_written_is_kept_until_it_can(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        later = NOW + timedelta(seconds=1)
        one.directory.used("AKIA1", "s3", "us-east-1", NOW)
        one.directory.used("AKIA2", "s3", "us-east-1", NOW)
        async with two.directory.write() as write:
            await write.connection.execute(text("ALTER TABLE last_uses RENAME TO elsewhere"))
        with pytest.raises(ServiceError) as unwritten:
            await one.directory.write_last_uses()
        assert unwritten.value.code == "ServiceUnavailable"
        one.directory.used("AKIA2", "sts", "us-east-1", later)
        async with two.directory.write() as write:
            await write.connection.execute(text("ALTER TABLE elsewhere RENAME TO last_uses"))
        await one.directory.write_last_uses()
        assert await two.directory.last_uses(["AKIA1", "AKIA2"]) == {
            "AKIA1": LastUse(NOW, "s3", "us-east-1"),
            "AKIA2": LastUse(later, "sts", "us-east-1"),
        }


async def test_any_number_of_last_uses_is_asked_for(engine: Engine) -> None:
    async with engine.open() as store:
        ids = [f"AKIA{number}" for number in range(1201)]
        for entity_id in ids:
            store.directory.used(entity_id, "s3", "us-east-1", NOW)
        await store.directory.write_last_uses()
        assert len(await store.directory.last_uses(ids)) == len(ids)


# --- what belongs to an account ---


async def test_an_alias_belongs_to_one_account_of_all_and_replaces_the_one_before(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory

        async def alias(account_id: str) -> str | None:
            account = await store.identities.account(account_id)
            assert account is not None
            return account.alias

        await directory.create_account(OTHER_ACCOUNT, NOW)
        assert await alias(ACCOUNT) is None
        await directory.set_account_alias(ACCOUNT, "acme")
        assert await alias(ACCOUNT) == "acme"
        for account_id in (ACCOUNT, OTHER_ACCOUNT):
            taken = directory.set_account_alias(account_id, "acme")
            assert await refusal(taken) == (AlreadyExists, Entity.ALIAS)
        await directory.set_account_alias(ACCOUNT, "acme-2")
        await directory.set_account_alias(OTHER_ACCOUNT, "acme")
        await directory.set_account_alias(ACCOUNT, None)
        assert (await alias(ACCOUNT), await alias(OTHER_ACCOUNT)) == (None, "acme")


async def test_a_password_policy_is_kept_whole_for_its_account(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        policy = PasswordPolicy(10, True, True, True, True, True, 60, 3, True)
        await directory.set_password_policy(ACCOUNT, policy)
        assert await directory.find_password_policy(ACCOUNT) == policy
        assert await directory.find_password_policy(OTHER_ACCOUNT) is None
        await directory.set_password_policy(ACCOUNT, PasswordPolicy())
        assert await directory.find_password_policy(ACCOUNT) == PasswordPolicy()
        await directory.set_password_policy(ACCOUNT, None)
        assert await directory.find_password_policy(ACCOUNT) is None


async def test_a_credential_report_is_seen_by_every_worker(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        assert await two.directory.find_credential_report(ACCOUNT) is None
        for content in ("a,b", "c,d"):
            report = CredentialReport(NOW, content)
            await one.directory.set_credential_report(ACCOUNT, report)
            assert await two.directory.find_credential_report(ACCOUNT) == report


async def test_the_credentials_of_all_users_are_listed_at_once(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        bob, alice = await new_user(store, "bob"), await new_user(store, "Alice")
        await new_user(store, "mallory", OTHER_ACCOUNT)
        keys = [await directory.create_access_key(alice.user_id, SECRET, NOW) for _ in range(2)]
        await directory.set_access_key_active(alice.user_id, keys[0].access_key_id, active=False)
        profile = await directory.create_login_profile(alice.user_id, "hash", reset_required=False, created=NOW)
        serial = (await new_device(store, "phone")).serial_number
        await directory.enable_mfa_device(serial, alice.user_id, 1, NOW)
        directory.used(keys[1].access_key_id, "s3", "us-east-1", NOW)
        of_alice, of_bob = await directory.list_credentials(ACCOUNT)
        assert (of_alice.user, of_bob.user) == (alice, bob)
        assert (of_alice.login_profile, of_alice.has_mfa) == (profile, True)
        listed = {key.access_key_id: key for key in of_alice.access_keys}
        assert listed == {
            keys[0].access_key_id: dataclasses.replace(keys[0], active=False),
            keys[1].access_key_id: keys[1],
        }
        assert of_alice.last_uses == {keys[1].access_key_id: LastUse(NOW, "s3", "us-east-1")}
        assert (of_bob.login_profile, of_bob.access_keys, of_bob.has_mfa, of_bob.last_uses) == (None, (), False, {})


async def test_an_accounts_counts_are_its_own(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        empty = await directory.count_entities(OTHER_ACCOUNT)
        assert {*dataclasses.astuple(empty)} == {0}
        user = await new_user(store, "alice")
        await directory.create_group(ACCOUNT, "readers", path="/", created=NOW)
        policy = await directory.create_policy(
            ACCOUNT, "p", path="/", description=None, tags={}, document=DOCUMENT, created=NOW
        )
        await directory.create_policy_version(policy.arn, DOCUMENT, set_as_default=False, created=NOW)
        for name in ("phone", "spare"):
            serial = (await new_device(store, name)).serial_number
        await directory.enable_mfa_device(serial, user.user_id, 1, NOW)
        counts = await directory.count_entities(ACCOUNT)
        assert (counts.users, counts.groups, counts.policies, counts.policy_versions) == (1, 1, 1, 2)
        assert (counts.mfa_devices, counts.mfa_devices_in_use, counts.root_mfa_devices) == (2, 1, 0)
        assert (counts.roles, counts.instance_profiles, counts.providers, counts.root_access_keys) == (0, 0, 0, 1)
        assert await directory.count_entities(OTHER_ACCOUNT) == empty
