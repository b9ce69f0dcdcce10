"""Tags of users and of managed policies: the same statements over two tables.

Keys that differ only in case are one key, on both. (AWS tells them apart on policies; but a condition on
aws:RequestTag/key cannot, so there a second tag could stand in for the one that the condition is about.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Column, Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits
from daypass.service.ports import Entity, LimitReached
from daypass.store.tables import name_key, policy_tags, user_tags


class Tags(NamedTuple):
    """Where one kind of entity keeps its tags."""

    table: Table
    owner: Column[str]
    limit: int


USER_TAGS: Final = Tags(user_tags, user_tags.c.user_id, limits.TAGS_PER_USER)
POLICY_TAGS: Final = Tags(policy_tags, policy_tags.c.policy_id, limits.TAGS_PER_POLICY)


async def put_tags(connection: AsyncConnection, tags: Tags, owner_id: str, new: Mapping[str, str]) -> None:
    """Add tags, replacing those of equal keys.

    Raises:
        LimitReached: the owner would have too many.
    """
    if not new:
        return
    await remove_tags(connection, tags, owner_id, [*new])
    rows = [
        {tags.owner.name: owner_id, "tag_key": name_key(key), "key": key, "value": value} for key, value in new.items()
    ]
    await connection.execute(insert(tags.table), rows)
    count = await connection.scalar(select(func.count()).select_from(tags.table).where(tags.owner == owner_id))
    if (count or 0) > tags.limit:
        raise LimitReached(Entity.TAG)


async def remove_tags(connection: AsyncConnection, tags: Tags, owner_id: str, keys: Sequence[str]) -> None:
    folded = [name_key(key) for key in keys]
    await connection.execute(delete(tags.table).where(tags.owner == owner_id, tags.table.c.tag_key.in_(folded)))


async def remove_all_tags(connection: AsyncConnection, tags: Tags, owner_id: str) -> None:
    await connection.execute(delete(tags.table).where(tags.owner == owner_id))


async def tags_of(connection: AsyncConnection, tags: Tags, owner_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Owner id → its tags, by key. Every owner asked for is in the answer."""
    found: dict[str, dict[str, str]] = {owner_id: {} for owner_id in owner_ids}
    table = tags.table
    query = select(tags.owner, table.c.key, table.c.value).where(tags.owner.in_(found)).order_by(table.c.key)
    for owner_id, key, value in await connection.execute(query):
        found[owner_id][key] = value
    return found
