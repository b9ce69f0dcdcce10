"""Roles: their rows. Their policies are in store.inline_policies and store.policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.service.ports import AlreadyExists, Entity, LimitReached, RoleRecord, StillInUse
from daypass.store.accounts import new_id
from daypass.store.entities import entity_changed, require_entity
from daypass.store.policies import require_boundary
from daypass.store.tables import (
    Topic,
    attachments,
    inline_policies,
    instance_profiles,
    last_uses,
    name_key,
    roles,
    users,
)
from daypass.store.tags import put_tags, remove_all_tags, tags_of
from daypass.store.transactions import Transactions

# What a role may still have, in the order in which its removal is asked for.
_BELONGINGS = (
    (Entity.INSTANCE_PROFILE, instance_profiles.c.role_id),
    (Entity.ATTACHMENT, attachments.c.entity_id),
    (Entity.INLINE_POLICY, inline_policies.c.entity_id),
)


class Roles(Transactions):
    """The role part of the directory."""

    async def create_role(
        self,
        account_id: str,
        name: str,
        *,
        path: str,
        description: str | None,
        trust_policy: str,
        max_session_seconds: int,
        boundary: str | None,
        tags: Mapping[str, str],
        created: datetime,
    ) -> RoleRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            of_account = roles.c.account_id == account_id
            taken = select(roles.c.role_id).where(of_account, roles.c.name_key == name_key(name))
            if (await connection.execute(taken)).first() is not None:
                raise AlreadyExists(Entity.ROLE)
            count = await connection.scalar(select(func.count()).select_from(roles).where(of_account))
            if (count or 0) >= limits.ROLES_PER_ACCOUNT:
                raise LimitReached(Entity.ROLE)
            await require_boundary(connection, boundary)
            role_id = await new_id(connection, names.ROLE_ID, account_id, self._entropy)
            await connection.execute(
                insert(roles).values(
                    role_id=role_id,
                    account_id=account_id,
                    arn=names.role_arn(account_id, path, name),
                    name=name,
                    name_key=name_key(name),
                    path=path,
                    created=created,
                    trust_policy=trust_policy,
                    description=description,
                    max_session_seconds=max_session_seconds,
                    boundary=boundary,
                )
            )
            await put_tags(connection, role_id, tags)
            await entity_changed(write, role_id)
        return RoleRecord(
            role_id,
            account_id,
            name,
            path,
            created,
            dict(tags),
            trust_policy,
            max_session_seconds,
            description,
            boundary,
        )

    async def find_role(self, account_id: str, name: str) -> RoleRecord | None:
        async with self.read() as connection:
            found = await role_records(
                connection, select(roles).where(roles.c.account_id == account_id, roles.c.name == name)
            )
        return found[0] if found else None

    async def list_roles(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[RoleRecord]:
        query = (
            select(roles)
            .where(roles.c.account_id == account_id, roles.c.name_key > name_key(after))
            .where(func.substr(roles.c.path, 1, len(path_prefix)) == path_prefix)
            .order_by(roles.c.name_key)
            .limit(limit)
        )
        async with self.read() as connection:
            return await role_records(connection, query)

    async def update_role(
        self,
        role_id: str,
        *,
        description: str | None = None,
        max_session_seconds: int | None = None,
        trust_policy: str | None = None,
    ) -> None:
        asked = {
            "description": description,
            "max_session_seconds": max_session_seconds,
            "trust_policy": trust_policy,
        }
        new = {column: value for column, value in asked.items() if value is not None}
        async with self.write() as write:
            await require_entity(write.connection, role_id)
            if new:
                await write.connection.execute(update(roles).where(roles.c.role_id == role_id).values(new))
                await entity_changed(write, role_id)

    async def delete_role(self, role_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            role = await require_entity(connection, role_id)
            for entity, column in _BELONGINGS:
                if (await connection.execute(select(column).where(column == role_id).limit(1))).first() is not None:
                    raise StillInUse(entity)
            await remove_all_tags(connection, role_id)
            await connection.execute(delete(last_uses).where(last_uses.c.entity_id == role_id))
            await connection.execute(delete(roles).where(roles.c.role_id == role_id))
            write.changed(Topic.ROLE, role_id)
            write.changed(Topic.ROLE, role.arn)

    async def find_arns(self, entity_ids: Iterable[str]) -> dict[str, str]:
        wanted = sorted(set(entity_ids))
        found: dict[str, str] = {}
        if not wanted:
            return found
        async with self.read() as connection:
            for row in await connection.execute(select(users).where(users.c.user_id.in_(wanted))):
                found[row.user_id] = names.user_arn(row.account_id, row.path, row.name)
            for row in await connection.execute(select(roles).where(roles.c.role_id.in_(wanted))):
                found[row.role_id] = row.arn
        return found


async def role_records(connection: AsyncConnection, query: Select[Any]) -> list[RoleRecord]:
    """The roles a query over `roles` finds, with their tags."""
    rows = (await connection.execute(query)).all()
    tags = await tags_of(connection, [row.role_id for row in rows])
    return [_record(row, tags[row.role_id]) for row in rows]


def _record(row: Row[Any], tags: Mapping[str, str]) -> RoleRecord:
    return RoleRecord(
        role_id=row.role_id,
        account_id=row.account_id,
        name=row.name,
        path=row.path,
        created=row.created,
        tags=tags,
        trust_policy=row.trust_policy,
        max_session_seconds=row.max_session_seconds,
        description=row.description,
        boundary=row.boundary,
    )
