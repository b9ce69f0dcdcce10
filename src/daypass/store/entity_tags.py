"""Tags of users, roles, managed policies and instance profiles, by their unique ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import names
from daypass.service.ports import Entity, NotFound
from daypass.store.entities import KINDS, entity_changed, require_entity
from daypass.store.tables import instance_profiles, policies
from daypass.store.tags import put_tags, remove_tags
from daypass.store.transactions import Transactions

# What no decision about a caller looks at: its tags are in no cache.
_UNCACHED: Final[dict[str, tuple[Entity, Column[str]]]] = {
    names.MANAGED_POLICY_ID: (Entity.MANAGED_POLICY, policies.c.policy_id),
    names.INSTANCE_PROFILE_ID: (Entity.INSTANCE_PROFILE, instance_profiles.c.instance_profile_id),
}


class EntityTags(Transactions):
    """The tag part of the directory."""

    async def tag(self, entity_id: str, tags: Mapping[str, str]) -> None:
        async with self.write() as write:
            await _require(write.connection, entity_id)
            await put_tags(write.connection, entity_id, tags)
            if entity_id[:4] in KINDS:
                await entity_changed(write, entity_id)

    async def untag(self, entity_id: str, keys: Sequence[str]) -> None:
        async with self.write() as write:
            await _require(write.connection, entity_id)
            await remove_tags(write.connection, entity_id, keys)
            if entity_id[:4] in KINDS:
                await entity_changed(write, entity_id)


async def _require(connection: AsyncConnection, entity_id: str) -> None:
    """Raises NotFound if there is no such entity."""
    if entity_id[:4] in KINDS:
        await require_entity(connection, entity_id)
        return
    entity, column = _UNCACHED[entity_id[:4]]
    if await connection.scalar(select(column).where(column == entity_id)) is None:
        raise NotFound(entity)
