"""Versions of customer managed policies, and which of them is in force."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits
from daypass.service.ports import Entity, LimitReached, NotFound, PolicyVersionRecord, StillInUse
from daypass.store.aws_managed import aws_managed_policies, aws_version
from daypass.store.entities import policy_holders_changed
from daypass.store.tables import Topic, policies, policy_versions
from daypass.store.transactions import Transactions, Write

_DIGITS_MAX: Final = 9  # of a version number; more would not be one that was ever given


class PolicyVersions(Transactions):
    """The policy version part of the directory."""

    async def create_policy_version(
        self, arn: str, document: str, *, set_as_default: bool, created: datetime
    ) -> PolicyVersionRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            policy = await require_policy(connection, arn)
            of_policy = policy_versions.c.policy_id == policy.policy_id
            count = await connection.scalar(select(func.count()).select_from(policy_versions).where(of_policy))
            if (count or 0) >= limits.MANAGED_POLICY_VERSIONS:
                raise LimitReached(Entity.POLICY_VERSION)
            version = policy.latest_version + 1
            await connection.execute(
                insert(policy_versions).values(
                    policy_id=policy.policy_id, version=version, document=document, created=created
                )
            )
            await connection.execute(
                update(policies)
                .where(policies.c.policy_id == policy.policy_id)
                .values(latest_version=version, updated=created)
            )
            write.changed(Topic.MANAGED_POLICY, arn)
            if set_as_default:
                await _set_default(write, policy, version)
        return PolicyVersionRecord(version_id(version), document, set_as_default, created)

    async def find_policy_version(self, arn: str, version_id: str) -> PolicyVersionRecord | None:
        found = await self._versions(arn)
        return next((version for version in found if version.version_id == version_id), None)

    async def list_policy_versions(self, arn: str) -> list[PolicyVersionRecord]:
        return await self._versions(arn)

    async def set_default_policy_version(self, arn: str, version_id: str) -> None:
        async with self.write() as write:
            policy = await require_policy(write.connection, arn)
            number = await _require_version(write.connection, policy, version_id)
            await _set_default(write, policy, number)

    async def delete_policy_version(self, arn: str, version_id: str) -> None:
        async with self.write() as write:
            policy = await require_policy(write.connection, arn)
            number = await _require_version(write.connection, policy, version_id)
            if number == policy.default_version:
                raise StillInUse(Entity.DEFAULT_VERSION)
            await write.connection.execute(
                delete(policy_versions).where(
                    policy_versions.c.policy_id == policy.policy_id, policy_versions.c.version == number
                )
            )
            write.changed(Topic.MANAGED_POLICY, arn)

    async def _versions(self, arn: str) -> list[PolicyVersionRecord]:
        of_aws = aws_managed_policies().get(arn)
        if of_aws is not None:
            return [aws_version(of_aws)]
        query = (
            select(policy_versions, policies.c.default_version)
            .join(policies, policies.c.policy_id == policy_versions.c.policy_id)
            .where(policies.c.arn == arn)
            .order_by(policy_versions.c.version.desc())
        )
        async with self.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            PolicyVersionRecord(version_id(row.version), row.document, row.version == row.default_version, row.created)
            for row in rows
        ]


def version_id(number: int) -> str:
    """A version number as IAM writes it."""
    return f"v{number}"


async def require_policy(connection: AsyncConnection, arn: str) -> Row[Any]:
    """The policy's row.

    Raises:
        NotFound: there is none.
    """
    row = (await connection.execute(select(policies).where(policies.c.arn == arn))).first()
    if row is None:
        raise NotFound(Entity.MANAGED_POLICY)
    return row


async def _require_version(connection: AsyncConnection, policy: Row[Any], wanted: str) -> int:
    """The number of a version that exists.

    Raises:
        NotFound: there is none of that id.
    """
    digits = wanted.removeprefix("v")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX and version_id(int(digits)) == wanted:
        number: int | None = await connection.scalar(
            select(policy_versions.c.version).where(
                policy_versions.c.policy_id == policy.policy_id, policy_versions.c.version == int(digits)
            )
        )
        if number is not None:
            return number
    raise NotFound(Entity.POLICY_VERSION)


async def _set_default(write: Write, policy: Row[Any], version: int) -> None:
    """Put a version in force, for the policy itself and for every entity it is attached to."""
    await write.connection.execute(
        update(policies).where(policies.c.policy_id == policy.policy_id).values(default_version=version)
    )
    write.changed(Topic.MANAGED_POLICY, policy.arn)
    await policy_holders_changed(write, policy.arn)
