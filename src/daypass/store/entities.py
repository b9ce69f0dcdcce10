"""Users, groups and roles as one thing: what policies, tags and boundaries belong to, by its unique id.

Owns which kind an id is of, and what the change log has to say when something of an entity changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Row, Table, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.service.ports import Entity, NotFound
from daypass.store.tables import Topic, attachments, group_members, groups, roles, users
from daypass.store.transactions import Write


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entity. inline_chars, attached: the limits of all its inline policies, and of attached ones."""

    entity: Entity
    table: Table
    id: Column[str]
    inline_chars: int
    attached: int


USER: Final = Kind(
    Entity.USER, users, users.c.user_id, limits.USER_INLINE_POLICIES_CHARS, limits.MANAGED_POLICIES_PER_USER
)
GROUP: Final = Kind(
    Entity.GROUP, groups, groups.c.group_id, limits.GROUP_INLINE_POLICIES_CHARS, limits.MANAGED_POLICIES_PER_GROUP
)
ROLE: Final = Kind(
    Entity.ROLE, roles, roles.c.role_id, limits.ROLE_INLINE_POLICIES_CHARS, limits.MANAGED_POLICIES_PER_ROLE
)

KINDS: Final = {names.USER_ID: USER, names.GROUP_ID: GROUP, names.ROLE_ID: ROLE}


def kind_of(entity_id: str) -> Kind:
    """Raises KeyError for an id of something else."""
    return KINDS[entity_id[:4]]


async def require_entity(connection: AsyncConnection, entity_id: str) -> Row[Any]:
    """The row of a user, a group or a role.

    Raises:
        NotFound: there is none.
    """
    kind = kind_of(entity_id)
    row = (await connection.execute(select(kind.table).where(kind.id == entity_id))).first()
    if row is None:
        raise NotFound(kind.entity)
    return row


async def entity_changed(write: Write, entity_id: str) -> None:
    """Log that an entity, or what it may do, changed: a group's change is one of each of its members."""
    match kind_of(entity_id).entity:
        case Entity.USER:
            write.changed(Topic.USER, entity_id)
        case Entity.ROLE:
            write.changed(Topic.ROLE, entity_id)
            arn = await write.connection.scalar(select(roles.c.arn).where(roles.c.role_id == entity_id))
            if arn is not None:
                write.changed(Topic.ROLE, arn)
        case Entity.GROUP:
            members = select(group_members.c.user_id).where(group_members.c.group_id == entity_id)
            for user_id in await write.connection.scalars(members):
                write.changed(Topic.USER, user_id)
        case entity:
            raise AssertionError(f"no policy belongs to a {entity}")


async def policy_holders_changed(write: Write, arn: str) -> None:
    """Log a change of every entity that a managed policy is attached to, or whose boundary it is, as entity_changed
    does: thousands may share one policy."""
    attached = select(attachments.c.entity_id).where(attachments.c.policy_arn == arn)
    members = select(group_members.c.user_id).where(group_members.c.group_id.in_(attached))
    user_ids = select(users.c.user_id).where(
        or_(users.c.user_id.in_(attached), users.c.boundary == arn, users.c.user_id.in_(members))
    )
    for user_id in await write.connection.scalars(user_ids):
        write.changed(Topic.USER, user_id)
    role_names = select(roles.c.role_id, roles.c.arn).where(or_(roles.c.role_id.in_(attached), roles.c.boundary == arn))
    for role_id, role_arn in await write.connection.execute(role_names):
        write.changed(Topic.ROLE, role_id)
        write.changed(Topic.ROLE, role_arn)
