"""Users: their rows. What belongs to them is in store.inline_policies, store.policies, store.access_keys and others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.service.ports import AlreadyExists, Entity, LimitReached, NotFound, StillInUse, UserRecord
from daypass.store.accounts import new_id
from daypass.store.policies import require_boundary
from daypass.store.tables import (
    Topic,
    access_keys,
    attachments,
    group_members,
    inline_policies,
    login_profiles,
    mfa_devices,
    name_key,
    users,
)
from daypass.store.tags import put_tags, remove_all_tags, tags_of
from daypass.store.transactions import Transactions

# What a user may still have, in the order in which its removal is asked for.
_BELONGINGS = (
    (Entity.ATTACHMENT, attachments.c.entity_id),
    (Entity.INLINE_POLICY, inline_policies.c.entity_id),
    (Entity.ACCESS_KEY, access_keys.c.user_id),
    (Entity.MEMBERSHIP, group_members.c.user_id),
    (Entity.LOGIN_PROFILE, login_profiles.c.user_id),
    (Entity.MFA_DEVICE, mfa_devices.c.owner_id),
)


class Users(Transactions):
    """The user part of the directory."""

    async def create_user(
        self,
        account_id: str,
        name: str,
        *,
        path: str,
        tags: Mapping[str, str],
        created: datetime,
        boundary: str | None = None,
    ) -> UserRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            await _require_free_name(connection, account_id, name)
            count = await connection.scalar(
                select(func.count()).select_from(users).where(users.c.account_id == account_id)
            )
            if (count or 0) >= limits.USERS_PER_ACCOUNT:
                raise LimitReached(Entity.USER)
            await require_boundary(connection, boundary)
            user_id = await new_id(connection, names.USER_ID, account_id, self._entropy)
            await connection.execute(
                insert(users).values(
                    user_id=user_id,
                    account_id=account_id,
                    name=name,
                    name_key=name_key(name),
                    path=path,
                    created=created,
                    boundary=boundary,
                )
            )
            await put_tags(connection, user_id, tags)
            write.changed(Topic.USER, user_id)
        return UserRecord(user_id, account_id, name, path, created, dict(tags), boundary)

    async def find_user(self, account_id: str, name: str) -> UserRecord | None:
        async with self.read() as connection:
            found = await user_records(
                connection, select(users).where(users.c.account_id == account_id, users.c.name == name)
            )
        return found[0] if found else None

    async def list_users(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[UserRecord]:
        query = (
            select(users)
            .where(users.c.account_id == account_id, users.c.name_key > name_key(after))
            .where(func.substr(users.c.path, 1, len(path_prefix)) == path_prefix)
            .order_by(users.c.name_key)
            .limit(limit)
        )
        async with self.read() as connection:
            return await user_records(connection, query)

    async def update_user(self, user_id: str, *, name: str | None = None, path: str | None = None) -> None:
        async with self.write() as write:
            user = await require_user(write.connection, user_id)
            new: dict[str, str] = {}
            if name is not None:
                await _require_free_name(write.connection, user.account_id, name, but=user_id)
                new |= {"name": name, "name_key": name_key(name)}
            if path is not None:
                new["path"] = path
            if new:
                await write.connection.execute(update(users).where(users.c.user_id == user_id).values(new))
                write.changed(Topic.USER, user_id)

    async def delete_user(self, user_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            await require_user(connection, user_id)
            for entity, column in _BELONGINGS:
                if (await connection.execute(select(column).where(column == user_id).limit(1))).first() is not None:
                    raise StillInUse(entity)
            await remove_all_tags(connection, user_id)
            await connection.execute(delete(users).where(users.c.user_id == user_id))
            write.changed(Topic.USER, user_id)


async def user_records(connection: AsyncConnection, query: Select[Any]) -> list[UserRecord]:
    """The users a query over `users` finds, with their tags."""
    rows = (await connection.execute(query)).all()
    tags = await tags_of(connection, [row.user_id for row in rows])
    return [
        UserRecord(row.user_id, row.account_id, row.name, row.path, row.created, tags[row.user_id], row.boundary)
        for row in rows
    ]


async def require_user(connection: AsyncConnection, user_id: str) -> Row[Any]:
    """The user's row.

    Raises:
        NotFound: there is none.
    """
    row = (await connection.execute(select(users).where(users.c.user_id == user_id))).first()
    if row is None:
        raise NotFound(Entity.USER)
    return row


async def _require_free_name(connection: AsyncConnection, account_id: str, name: str, but: str = "") -> None:
    """Raises AlreadyExists if another user than `but` has the name, in whatever case."""
    taken = select(users.c.user_id).where(
        users.c.account_id == account_id, users.c.name_key == name_key(name), users.c.user_id != but
    )
    if (await connection.execute(taken)).first() is not None:
        raise AlreadyExists(Entity.USER)
