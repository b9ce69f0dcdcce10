"""Inline policies of users."""

from __future__ import annotations

from sqlalchemy import Delete, delete, func, insert, select

from daypass import limits
from daypass.service.ports import Entity, LimitReached, NotFound
from daypass.store.tables import Topic, user_policies
from daypass.store.transactions import Transactions
from daypass.store.users import require_user


class UserPolicies(Transactions):
    """The inline policy part of the directory."""

    async def put_user_policy(self, user_id: str, name: str, document: str, size: int) -> None:
        async with self.write() as write:
            connection = write.connection
            await require_user(connection, user_id)
            await connection.execute(_delete(user_id, name))
            others = await connection.scalar(
                select(func.sum(user_policies.c.size)).where(user_policies.c.user_id == user_id)
            )
            if (others or 0) + size > limits.USER_INLINE_POLICIES_CHARS:
                raise LimitReached(Entity.USER_POLICY)
            await connection.execute(
                insert(user_policies).values(user_id=user_id, name=name, document=document, size=size)
            )
            write.changed(Topic.USER, user_id)

    async def find_user_policy(self, user_id: str, name: str) -> str | None:
        async with self.read() as connection:
            document: str | None = await connection.scalar(
                select(user_policies.c.document).where(user_policies.c.user_id == user_id, user_policies.c.name == name)
            )
        return document

    async def list_user_policies(self, user_id: str) -> list[str]:
        query = select(user_policies.c.name).where(user_policies.c.user_id == user_id).order_by(user_policies.c.name)
        async with self.read() as connection:
            return [*(await connection.scalars(query))]

    async def delete_user_policy(self, user_id: str, name: str) -> None:
        async with self.write() as write:
            done = await write.connection.execute(_delete(user_id, name))
            if done.rowcount == 0:
                raise NotFound(Entity.USER_POLICY)
            write.changed(Topic.USER, user_id)


def _delete(user_id: str, name: str) -> Delete:
    return delete(user_policies).where(user_policies.c.user_id == user_id, user_policies.c.name == name)
