"""Groups and their members. A group's policies are in store.inline_policies and store.policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.service.ports import AlreadyExists, Entity, GroupRecord, LimitReached, StillInUse, UserRecord
from daypass.store.accounts import new_id
from daypass.store.entities import entity_changed, require_entity
from daypass.store.tables import Topic, attachments, group_members, groups, inline_policies, name_key, users
from daypass.store.transactions import Transactions
from daypass.store.users import require_user, user_records

# What a group may still have, in the order in which its removal is asked for.
_BELONGINGS = (
    (Entity.MEMBERSHIP, group_members.c.group_id),
    (Entity.ATTACHMENT, attachments.c.entity_id),
    (Entity.INLINE_POLICY, inline_policies.c.entity_id),
)


class Groups(Transactions):
    """The group part of the directory."""

    async def create_group(self, account_id: str, name: str, *, path: str, created: datetime) -> GroupRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            await _require_free_name(connection, account_id, name)
            count = await connection.scalar(
                select(func.count()).select_from(groups).where(groups.c.account_id == account_id)
            )
            if (count or 0) >= limits.GROUPS_PER_ACCOUNT:
                raise LimitReached(Entity.GROUP)
            group_id = await new_id(connection, names.GROUP_ID, account_id, self._entropy)
            await connection.execute(
                insert(groups).values(
                    group_id=group_id,
                    account_id=account_id,
                    name=name,
                    name_key=name_key(name),
                    path=path,
                    created=created,
                )
            )
        return GroupRecord(group_id, account_id, name, path, created)

    async def find_group(self, account_id: str, name: str) -> GroupRecord | None:
        query = select(groups).where(groups.c.account_id == account_id, groups.c.name == name)
        async with self.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _record(row)

    async def list_groups(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[GroupRecord]:
        query = (
            select(groups)
            .where(groups.c.account_id == account_id, groups.c.name_key > name_key(after))
            .where(func.substr(groups.c.path, 1, len(path_prefix)) == path_prefix)
            .order_by(groups.c.name_key)
            .limit(limit)
        )
        async with self.read() as connection:
            return [_record(row) for row in await connection.execute(query)]

    async def update_group(self, group_id: str, *, name: str | None = None, path: str | None = None) -> None:
        async with self.write() as write:
            group = await require_entity(write.connection, group_id)
            new: dict[str, str] = {}
            if name is not None:
                await _require_free_name(write.connection, group.account_id, name, but=group_id)
                new |= {"name": name, "name_key": name_key(name)}
            if path is not None:
                new["path"] = path
            if new:
                await write.connection.execute(update(groups).where(groups.c.group_id == group_id).values(new))
                await entity_changed(write, group_id)

    async def delete_group(self, group_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            await require_entity(connection, group_id)
            for entity, column in _BELONGINGS:
                if (await connection.execute(select(column).where(column == group_id).limit(1))).first() is not None:
                    raise StillInUse(entity)
            await connection.execute(delete(groups).where(groups.c.group_id == group_id))

    async def add_member(self, group_id: str, user_id: str) -> None:
        async with self.write() as write:
            connection = write.connection
            await require_entity(connection, group_id)
            await require_user(connection, user_id)
            of_user = group_members.c.user_id == user_id
            member_of = {*await connection.scalars(select(group_members.c.group_id).where(of_user))}
            if group_id in member_of:
                return
            if len(member_of) >= limits.GROUPS_PER_USER:
                raise LimitReached(Entity.MEMBERSHIP)
            await connection.execute(insert(group_members).values(group_id=group_id, user_id=user_id))
            write.changed(Topic.USER, user_id)

    async def remove_member(self, group_id: str, user_id: str) -> None:
        async with self.write() as write:
            await require_entity(write.connection, group_id)
            await write.connection.execute(
                delete(group_members).where(group_members.c.group_id == group_id, group_members.c.user_id == user_id)
            )
            write.changed(Topic.USER, user_id)

    async def list_members(self, group_id: str, *, after: str = "", limit: int) -> list[UserRecord]:
        members = select(group_members.c.user_id).where(group_members.c.group_id == group_id)
        query = (
            select(users)
            .where(users.c.user_id.in_(members), users.c.name_key > name_key(after))
            .order_by(users.c.name_key)
            .limit(limit)
        )
        async with self.read() as connection:
            return await user_records(connection, query)

    async def list_groups_of(self, user_id: str) -> list[GroupRecord]:
        query = (
            select(groups)
            .join(group_members, group_members.c.group_id == groups.c.group_id)
            .where(group_members.c.user_id == user_id)
            .order_by(groups.c.name_key)
        )
        async with self.read() as connection:
            return [_record(row) for row in await connection.execute(query)]


async def _require_free_name(connection: AsyncConnection, account_id: str, name: str, but: str = "") -> None:
    """Raises AlreadyExists if another group than `but` has the name, in whatever case."""
    taken = select(groups.c.group_id).where(
        groups.c.account_id == account_id, groups.c.name_key == name_key(name), groups.c.group_id != but
    )
    if (await connection.execute(taken)).first() is not None:
        raise AlreadyExists(Entity.GROUP)


def _record(row: Row[Any]) -> GroupRecord:
    return GroupRecord(row.group_id, row.account_id, row.name, row.path, row.created)
