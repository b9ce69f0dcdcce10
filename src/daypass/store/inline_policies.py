"""Inline policies of users, groups and roles."""

from __future__ import annotations

from sqlalchemy import Delete, delete, func, insert, select

from daypass.service.ports import Entity, LimitReached, NotFound
from daypass.store.entities import entity_changed, kind_of, require_entity
from daypass.store.tables import inline_policies
from daypass.store.transactions import Transactions


class InlinePolicies(Transactions):
    """The inline policy part of the directory."""

    async def put_inline_policy(self, entity_id: str, name: str, document: str, size: int) -> None:
        async with self.write() as write:
            connection = write.connection
            await require_entity(connection, entity_id)
            await connection.execute(_delete(entity_id, name))
            others = await connection.scalar(
                select(func.sum(inline_policies.c.size)).where(inline_policies.c.entity_id == entity_id)
            )
            if (others or 0) + size > kind_of(entity_id).inline_chars:
                raise LimitReached(Entity.INLINE_POLICY)
            await connection.execute(
                insert(inline_policies).values(entity_id=entity_id, name=name, document=document, size=size)
            )
            await entity_changed(write, entity_id)

    async def find_inline_policy(self, entity_id: str, name: str) -> str | None:
        async with self.read() as connection:
            document: str | None = await connection.scalar(
                select(inline_policies.c.document).where(
                    inline_policies.c.entity_id == entity_id, inline_policies.c.name == name
                )
            )
        return document

    async def list_inline_policies(self, entity_id: str) -> list[str]:
        query = (
            select(inline_policies.c.name)
            .where(inline_policies.c.entity_id == entity_id)
            .order_by(inline_policies.c.name)
        )
        async with self.read() as connection:
            return [*(await connection.scalars(query))]

    async def delete_inline_policy(self, entity_id: str, name: str) -> None:
        async with self.write() as write:
            done = await write.connection.execute(_delete(entity_id, name))
            if done.rowcount == 0:
                raise NotFound(Entity.INLINE_POLICY)
            await entity_changed(write, entity_id)


def _delete(entity_id: str, name: str) -> Delete:
    return delete(inline_policies).where(inline_policies.c.entity_id == entity_id, inline_policies.c.name == name)
