"""Instance profiles, and the one role that each can hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.service.ports import AlreadyExists, Entity, InstanceProfileRecord, LimitReached, NotFound, StillInUse
from daypass.store.accounts import new_id
from daypass.store.entities import require_entity
from daypass.store.roles import role_records
from daypass.store.tables import instance_profiles, name_key, roles
from daypass.store.tags import put_tags, remove_all_tags, tags_of
from daypass.store.transactions import Transactions


class InstanceProfiles(Transactions):
    """The instance profile part of the directory."""

    async def create_instance_profile(
        self, account_id: str, name: str, *, path: str, tags: Mapping[str, str], created: datetime
    ) -> InstanceProfileRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            of_account = instance_profiles.c.account_id == account_id
            taken = select(instance_profiles.c.instance_profile_id).where(
                of_account, instance_profiles.c.name_key == name_key(name)
            )
            if (await connection.execute(taken)).first() is not None:
                raise AlreadyExists(Entity.INSTANCE_PROFILE)
            count = await connection.scalar(select(func.count()).select_from(instance_profiles).where(of_account))
            if (count or 0) >= limits.INSTANCE_PROFILES_PER_ACCOUNT:
                raise LimitReached(Entity.INSTANCE_PROFILE)
            profile_id = await new_id(connection, names.INSTANCE_PROFILE_ID, account_id, self._entropy)
            await connection.execute(
                insert(instance_profiles).values(
                    instance_profile_id=profile_id,
                    account_id=account_id,
                    name=name,
                    name_key=name_key(name),
                    path=path,
                    created=created,
                )
            )
            await put_tags(connection, profile_id, tags)
        return InstanceProfileRecord(profile_id, account_id, name, path, created, dict(tags))

    async def find_instance_profile(self, account_id: str, name: str) -> InstanceProfileRecord | None:
        query = select(instance_profiles).where(
            instance_profiles.c.account_id == account_id, instance_profiles.c.name == name
        )
        async with self.read() as connection:
            found = await profile_records(connection, query)
        return found[0] if found else None

    async def list_instance_profiles(
        self, account_id: str, *, path_prefix: str = "/", role_id: str | None = None, after: str = "", limit: int
    ) -> list[InstanceProfileRecord]:
        query = (
            select(instance_profiles)
            .where(instance_profiles.c.account_id == account_id, instance_profiles.c.name_key > name_key(after))
            .where(func.substr(instance_profiles.c.path, 1, len(path_prefix)) == path_prefix)
            .order_by(instance_profiles.c.name_key)
            .limit(limit)
        )
        if role_id is not None:
            query = query.where(instance_profiles.c.role_id == role_id)
        async with self.read() as connection:
            return await profile_records(connection, query)

    async def delete_instance_profile(self, instance_profile_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            profile = await _require(connection, instance_profile_id)
            if profile.role_id is not None:
                raise StillInUse(Entity.PROFILE_ROLE)
            await remove_all_tags(connection, instance_profile_id)
            await connection.execute(delete(instance_profiles).where(_is(instance_profile_id)))

    async def add_role_to_instance_profile(self, instance_profile_id: str, role_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            profile = await _require(connection, instance_profile_id)
            await require_entity(connection, role_id)
            if profile.role_id is not None:
                raise LimitReached(Entity.PROFILE_ROLE)
            await connection.execute(update(instance_profiles).where(_is(instance_profile_id)).values(role_id=role_id))

    async def remove_role_from_instance_profile(self, instance_profile_id: str, role_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            profile = await _require(connection, instance_profile_id)
            if profile.role_id != role_id:
                raise NotFound(Entity.PROFILE_ROLE)
            await connection.execute(update(instance_profiles).where(_is(instance_profile_id)).values(role_id=None))


def _is(instance_profile_id: str) -> ColumnElement[bool]:
    return instance_profiles.c.instance_profile_id == instance_profile_id


async def _require(connection: AsyncConnection, instance_profile_id: str) -> Row[Any]:
    """Raises NotFound if there is no such profile."""
    row = (await connection.execute(select(instance_profiles).where(_is(instance_profile_id)))).first()
    if row is None:
        raise NotFound(Entity.INSTANCE_PROFILE)
    return row


async def profile_records(connection: AsyncConnection, query: Select[Any]) -> list[InstanceProfileRecord]:
    """The instance profiles a query over `instance_profiles` finds, with their tags and roles."""
    rows = (await connection.execute(query)).all()
    tags = await tags_of(connection, [row.instance_profile_id for row in rows])
    held = {row.role_id for row in rows if row.role_id is not None}
    found = await role_records(connection, select(roles).where(roles.c.role_id.in_(held))) if held else []
    by_id = {role.role_id: role for role in found}
    return [
        InstanceProfileRecord(
            row.instance_profile_id,
            row.account_id,
            row.name,
            row.path,
            row.created,
            tags[row.instance_profile_id],
            None if row.role_id is None else by_id[row.role_id],
        )
        for row in rows
    ]
