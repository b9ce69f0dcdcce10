"""What an account says of itself: alias, password policy, credential report, counts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from sqlalchemy import Row, Select, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass.service.ports import (
    AccessKeyRecord,
    AccountCounts,
    AlreadyExists,
    CredentialReport,
    Entity,
    PasswordPolicy,
    UserCredentials,
)
from daypass.store.last_uses import LastUses
from daypass.store.login_profiles import login_profile
from daypass.store.tables import (
    Topic,
    access_keys,
    accounts,
    credential_reports,
    groups,
    instance_profiles,
    login_profiles,
    mfa_devices,
    oidc_providers,
    policies,
    policy_versions,
    roles,
    saml_providers,
    users,
)
from daypass.store.users import user_records


class AccountSettings(LastUses):
    """The part of the directory for what belongs to an account as a whole."""

    async def set_account_alias(self, account_id: str, alias: str | None) -> None:
        async with self.write() as write:
            taken = select(accounts.c.account_id).where(accounts.c.alias == alias)
            if alias is not None and (await write.connection.execute(taken)).first() is not None:
                raise AlreadyExists(Entity.ALIAS)
            await write.connection.execute(
                update(accounts).where(accounts.c.account_id == account_id).values(alias=alias)
            )
            write.changed(Topic.ACCOUNT, account_id)

    async def find_password_policy(self, account_id: str) -> PasswordPolicy | None:
        query = select(accounts.c.password_policy).where(accounts.c.account_id == account_id)
        async with self.read() as connection:
            text: str | None = await connection.scalar(query)
        return None if text is None else msgspec.json.decode(text, type=PasswordPolicy)

    async def set_password_policy(self, account_id: str, policy: PasswordPolicy | None) -> None:
        text = None if policy is None else msgspec.json.encode(policy).decode()
        async with self.write() as write:
            await write.connection.execute(
                update(accounts).where(accounts.c.account_id == account_id).values(password_policy=text)
            )

    async def find_credential_report(self, account_id: str) -> CredentialReport | None:
        query = select(credential_reports).where(credential_reports.c.account_id == account_id)
        async with self.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else CredentialReport(row.generated, row.content)

    async def set_credential_report(self, account_id: str, report: CredentialReport) -> None:
        of_account = credential_reports.c.account_id == account_id
        async with self.write() as write:
            await write.connection.execute(delete(credential_reports).where(of_account))
            await write.connection.execute(
                insert(credential_reports).values(
                    account_id=account_id, generated=report.generated, content=report.content
                )
            )

    async def list_credentials(self, account_id: str) -> list[UserCredentials]:
        """A query for each kind of credentials, not for each user."""
        async with self.read() as connection:
            query = select(users).where(users.c.account_id == account_id).order_by(users.c.name_key)
            found = await user_records(connection, query)
            of_account = select(users.c.user_id).where(users.c.account_id == account_id)
            passwords = {
                row.user_id: login_profile(row)
                for row in await connection.execute(
                    select(login_profiles).where(login_profiles.c.user_id.in_(of_account))
                )
            }
            keys: dict[str, list[AccessKeyRecord]] = defaultdict(list)
            for row in await connection.execute(
                select(access_keys)
                .where(access_keys.c.account_id == account_id, access_keys.c.user_id.is_not(None))
                .order_by(access_keys.c.created, access_keys.c.access_key_id)
            ):
                keys[row.user_id].append(_key(row))
            with_mfa = {*await connection.scalars(_owners(account_id))}
        used = await self.last_uses(
            [user.user_id for user in found] + [key.access_key_id for some in keys.values() for key in some]
        )
        return [
            UserCredentials(
                user=user,
                login_profile=passwords.get(user.user_id),
                access_keys=tuple(keys[user.user_id]),
                has_mfa=user.user_id in with_mfa,
                last_uses={
                    entity_id: used[entity_id]
                    for entity_id in (user.user_id, *(key.access_key_id for key in keys[user.user_id]))
                    if entity_id in used
                },
            )
            for user in found
        ]

    async def count_entities(self, account_id: str) -> AccountCounts:
        async with self.read() as connection:
            versions = (
                select(func.count())
                .select_from(policy_versions.join(policies))
                .where(policies.c.account_id == account_id)
            )
            return AccountCounts(
                users=await _count(connection, users, account_id),
                groups=await _count(connection, groups, account_id),
                roles=await _count(connection, roles, account_id),
                instance_profiles=await _count(connection, instance_profiles, account_id),
                policies=await _count(connection, policies, account_id),
                policy_versions=await connection.scalar(versions) or 0,
                mfa_devices=await _count(connection, mfa_devices, account_id),
                mfa_devices_in_use=await _count(
                    connection, mfa_devices, account_id, mfa_devices.c.owner_id.is_not(None)
                ),
                providers=await _count(connection, oidc_providers, account_id)
                + await _count(connection, saml_providers, account_id),
                root_access_keys=await _count(connection, access_keys, account_id, access_keys.c.user_id.is_(None)),
                root_mfa_devices=await _count(
                    connection, mfa_devices, account_id, mfa_devices.c.owner_id == account_id
                ),
            )


def _owners(account_id: str) -> Select[Any]:
    return select(mfa_devices.c.owner_id).where(
        mfa_devices.c.account_id == account_id, mfa_devices.c.owner_id.is_not(None)
    )


async def _count(connection: AsyncConnection, table: Table, account_id: str, *further: Any) -> int:
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id, *further)
    return await connection.scalar(query) or 0


def _key(row: Row[Any]) -> AccessKeyRecord:
    return AccessKeyRecord(row.access_key_id, row.account_id, row.user_id, row.active, row.created)
