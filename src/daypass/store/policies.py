"""Customer managed policies, their versions, their tags and what they are attached to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, exists, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.service.ports import (
    AlreadyExists,
    Entity,
    LimitReached,
    NotFound,
    PolicyHolder,
    PolicyRecord,
    StillInUse,
    Usage,
)
from daypass.store.accounts import new_id
from daypass.store.aws_managed import AwsManagedPolicies, aws_managed_policies, aws_records
from daypass.store.entities import GROUP, ROLE, USER, Kind, entity_changed, kind_of, require_entity
from daypass.store.policy_versions import PolicyVersions, require_policy, version_id
from daypass.store.tables import Topic, attachments, name_key, policies, policy_versions
from daypass.store.tags import put_tags, remove_all_tags, tags_of


class Policies(PolicyVersions, AwsManagedPolicies):
    """The managed policy part of the directory."""

    async def create_policy(
        self,
        account_id: str,
        name: str,
        *,
        path: str,
        description: str | None,
        tags: Mapping[str, str],
        document: str,
        created: datetime,
    ) -> PolicyRecord:
        created = created.replace(microsecond=0)
        arn = names.managed_policy_arn(account_id, path, name)
        async with self.write() as write:
            connection = write.connection
            of_account = policies.c.account_id == account_id
            taken = select(policies.c.policy_id).where(of_account, policies.c.name_key == name_key(name))
            if (await connection.execute(taken)).first() is not None:
                raise AlreadyExists(Entity.MANAGED_POLICY)
            count = await connection.scalar(select(func.count()).select_from(policies).where(of_account))
            if (count or 0) >= limits.MANAGED_POLICIES_PER_ACCOUNT:
                raise LimitReached(Entity.MANAGED_POLICY)
            policy_id = await new_id(connection, names.MANAGED_POLICY_ID, account_id, self._entropy)
            await connection.execute(
                insert(policies).values(
                    policy_id=policy_id,
                    account_id=account_id,
                    arn=arn,
                    name=name,
                    name_key=name_key(name),
                    path=path,
                    description=description,
                    default_version=1,
                    latest_version=1,
                    created=created,
                    updated=created,
                )
            )
            await connection.execute(
                insert(policy_versions).values(policy_id=policy_id, version=1, document=document, created=created)
            )
            await put_tags(connection, policy_id, tags)
            write.changed(Topic.MANAGED_POLICY, arn)
        return PolicyRecord(policy_id, account_id, name, path, description, "v1", 0, created, created, dict(tags))

    async def find_policy(self, account_id: str, arn: str) -> PolicyRecord | None:
        async with self.read() as connection:
            found = await _records_of(connection, account_id, [arn])
        return found[0] if found else None

    async def list_policies(
        self,
        account_id: str,
        *,
        path_prefix: str = "/",
        only_attached: bool = False,
        usage: Usage | None = None,
        after: str = "",
        limit: int,
    ) -> list[PolicyRecord]:
        query = (
            _policies()
            .where(policies.c.account_id == account_id, policies.c.name_key > name_key(after))
            .where(func.substr(policies.c.path, 1, len(path_prefix)) == path_prefix)
            .order_by(policies.c.name_key)
            .limit(limit)
        )
        is_attached = exists().where(attachments.c.policy_arn == policies.c.arn)
        is_boundary = or_(*[exists().where(kind.table.c.boundary == policies.c.arn) for kind in (USER, ROLE)])
        if usage is Usage.PERMISSIONS_BOUNDARY:
            query = query.where(is_boundary)
        elif only_attached:
            query = query.where(is_attached)
        elif usage is Usage.PERMISSIONS_POLICY:
            query = query.where(or_(is_attached, ~is_boundary))
        async with self.read() as connection:
            return await _policy_records(connection, query)

    async def delete_policy(self, arn: str) -> None:
        async with self.write() as write:
            connection = write.connection
            policy = await require_policy(connection, arn)
            if await _is_used(connection, arn):
                raise StillInUse(Entity.ATTACHMENT)
            of_policy = policy_versions.c.policy_id == policy.policy_id
            count = await connection.scalar(select(func.count()).select_from(policy_versions).where(of_policy))
            if (count or 0) > 1:
                raise StillInUse(Entity.POLICY_VERSION)
            await remove_all_tags(connection, policy.policy_id)
            await connection.execute(delete(policy_versions).where(of_policy))
            await connection.execute(delete(policies).where(policies.c.policy_id == policy.policy_id))
            write.changed(Topic.MANAGED_POLICY, arn)

    async def attach_policy(self, entity_id: str, arn: str) -> None:
        async with self.write() as write:
            connection = write.connection
            await require_entity(connection, entity_id)
            await require_attachable(connection, arn)
            of_entity = attachments.c.entity_id == entity_id
            attached = {*await connection.scalars(select(attachments.c.policy_arn).where(of_entity))}
            if arn in attached:
                return
            if len(attached) >= kind_of(entity_id).attached:
                raise LimitReached(Entity.ATTACHMENT)
            await connection.execute(insert(attachments).values(entity_id=entity_id, policy_arn=arn))
            await entity_changed(write, entity_id)

    async def detach_policy(self, entity_id: str, arn: str) -> None:
        async with self.write() as write:
            done = await write.connection.execute(
                delete(attachments).where(attachments.c.entity_id == entity_id, attachments.c.policy_arn == arn)
            )
            if done.rowcount == 0:
                raise NotFound(Entity.ATTACHMENT)
            await entity_changed(write, entity_id)

    async def list_attached_policies(self, entity_id: str) -> list[PolicyRecord]:
        async with self.read() as connection:
            of_entity = select(attachments.c.policy_arn).where(attachments.c.entity_id == entity_id)
            attached = [*await connection.scalars(of_entity)]
            found = await _records_of(connection, names.account_of_id(entity_id) or "", attached)
        return sorted(found, key=lambda policy: (name_key(policy.name), policy.arn))

    async def list_policy_holders(
        self,
        account_id: str,
        arn: str,
        *,
        entities: Collection[Entity],
        usage: Usage | None = None,
        path_prefix: str = "/",
        after: tuple[Entity, str] | None = None,
        limit: int,
    ) -> list[PolicyHolder]:
        kinds = [kind for kind in (USER, GROUP, ROLE) if kind.entity in entities]
        after_name = ""
        if after is not None:
            while kinds and kinds[0].entity is not after[0]:
                del kinds[0]
            after_name = after[1]
        found: list[PolicyHolder] = []
        async with self.read() as connection:
            for kind in kinds:
                table = kind.table
                query = (
                    select(table)
                    .where(table.c.account_id == account_id, table.c.name_key > name_key(after_name))
                    .where(func.substr(table.c.path, 1, len(path_prefix)) == path_prefix)
                    .where(_uses(kind, arn, usage))
                    .order_by(table.c.name_key)
                    .limit(limit - len(found))
                )
                for row in await connection.execute(query):
                    found.append(PolicyHolder(kind.entity, row._mapping[kind.id], row.name, row.path))
                after_name = ""
        return found

    async def set_boundary(self, entity_id: str, arn: str | None) -> None:
        kind = kind_of(entity_id)
        async with self.write() as write:
            await require_entity(write.connection, entity_id)
            await require_boundary(write.connection, arn)
            await write.connection.execute(update(kind.table).where(kind.id == entity_id).values(boundary=arn))
            await entity_changed(write, entity_id)


async def require_boundary(connection: AsyncConnection, arn: str | None) -> None:
    """Raises NotFound(BOUNDARY) if an ARN is given and there is no such policy."""
    if arn is not None:
        try:
            await require_attachable(connection, arn)
        except NotFound:
            raise NotFound(Entity.BOUNDARY) from None


async def require_attachable(connection: AsyncConnection, arn: str) -> None:
    """Raises NotFound(MANAGED_POLICY) if it is the ARN of no policy, neither of a customer's nor of one of AWS's."""
    if arn not in aws_managed_policies():
        await require_policy(connection, arn)


def _uses(kind: Kind, arn: str, usage: Usage | None) -> ColumnElement[bool]:
    """Whether an entity of the kind uses a managed policy so; None: in whatever way."""
    ways: list[ColumnElement[bool]] = []
    if usage is not Usage.PERMISSIONS_BOUNDARY:
        ways.append(kind.id.in_(select(attachments.c.entity_id).where(attachments.c.policy_arn == arn)))
    if usage is not Usage.PERMISSIONS_POLICY and kind is not GROUP:
        ways.append(kind.table.c.boundary == arn)
    return or_(false(), *ways)


async def _is_used(connection: AsyncConnection, arn: str) -> bool:
    """Whether a managed policy is attached to anything, or is anybody's permissions boundary."""
    ways = [select(attachments.c.entity_id).where(attachments.c.policy_arn == arn)]
    ways += [select(kind.id).where(kind.table.c.boundary == arn) for kind in (USER, ROLE)]
    for way in ways:
        if (await connection.execute(way.limit(1))).first() is not None:
            return True
    return False


def _policies() -> Select[Any]:
    """Policies, each with the number of its attachments, and of whom it is the boundary."""
    attached = select(func.count()).where(attachments.c.policy_arn == policies.c.arn).scalar_subquery()
    bounded = [
        select(func.count()).select_from(kind.table).where(kind.table.c.boundary == policies.c.arn).scalar_subquery()
        for kind in (USER, ROLE)
    ]
    return select(policies, attached.label("attachments"), (bounded[0] + bounded[1]).label("boundaries"))


async def _records_of(connection: AsyncConnection, account_id: str, arns: Sequence[str]) -> list[PolicyRecord]:
    """The policies of these ARNs that an account can attach: its own, and AWS's."""
    own = _policies().where(policies.c.account_id == account_id, policies.c.arn.in_(arns))
    of_aws = [policy for arn in arns if (policy := aws_managed_policies().get(arn)) is not None]
    records = await _policy_records(connection, own)
    return records + await aws_records(connection, account_id, of_aws) if of_aws else records


async def _policy_records(connection: AsyncConnection, query: Select[Any]) -> list[PolicyRecord]:
    rows = (await connection.execute(query)).all()
    tags = await tags_of(connection, [row.policy_id for row in rows])
    return [_record(row, tags[row.policy_id]) for row in rows]


def _record(row: Row[Any], tags: Mapping[str, str]) -> PolicyRecord:
    return PolicyRecord(
        policy_id=row.policy_id,
        account_id=row.account_id,
        name=row.name,
        path=row.path,
        description=row.description,
        default_version=version_id(row.default_version),
        attachments=row.attachments,
        created=row.created,
        updated=row.updated,
        tags=tags,
        boundaries=row.boundaries,
    )
