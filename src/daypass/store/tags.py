"""Tags: the same statements for every kind of entity that has them.

Keys that differ only in case are one key, on all. (AWS tells them apart on policies; but a condition on
aws:RequestTag/key cannot, so there a second tag could stand in for the one that the condition is about.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits
from daypass.service.ports import Entity, LimitReached
from daypass.store.tables import name_key, tags


async def put_tags(connection: AsyncConnection, entity_id: str, new: Mapping[str, str]) -> None:
    """Add tags, replacing those of equal keys.

    Raises:
        LimitReached: the entity would have too many.
    """
    if not new:
        return
    await remove_tags(connection, entity_id, [*new])
    rows = [
        {"entity_id": entity_id, "tag_key": name_key(key), "key": key, "value": value} for key, value in new.items()
    ]
    await connection.execute(insert(tags), rows)
    count = await connection.scalar(select(func.count()).select_from(tags).where(tags.c.entity_id == entity_id))
    if (count or 0) > limits.TAGS_PER_ENTITY:
        raise LimitReached(Entity.TAG)


async def remove_tags(connection: AsyncConnection, entity_id: str, keys: Sequence[str]) -> None:
    folded = [name_key(key) for key in keys]
    await connection.execute(delete(tags).where(tags.c.entity_id == entity_id, tags.c.tag_key.in_(folded)))


async def remove_all_tags(connection: AsyncConnection, entity_id: str) -> None:
    await connection.execute(delete(tags).where(tags.c.entity_id == entity_id))


async def tags_of(connection: AsyncConnection, entity_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Entity id → its tags, by key. Every entity asked for is in the answer."""
    found: dict[str, dict[str, str]] = {entity_id: {} for entity_id in entity_ids}
    query = select(tags.c.entity_id, tags.c.key, tags.c.value).where(tags.c.entity_id.in_(found)).order_by(tags.c.key)
    for entity_id, key, value in await connection.execute(query):
        found[entity_id][key] = value
    return found
