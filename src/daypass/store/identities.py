"""What a request needs of a user, a managed policy or a bucket: read whole, at one instant, policies compiled."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daypass.names import user_arn
from daypass.policy import Policy, PolicyKind
from daypass.service.ports import Bucket, Entropy, ManagedPolicy, User
from daypass.store.stored_policies import StoredPolicies
from daypass.store.tables import attachments, buckets, policies, policy_versions, user_policies, users
from daypass.store.tags import USER_TAGS, tags_of
from daypass.store.transactions import Transactions
from daypass.token import KeyRing


class Identities(Transactions):
    """The part of the store that store.cache loads from, beside Accounts.account and AccessKeys.access_key."""

    def __init__(self, engine: AsyncEngine, key_ring: KeyRing, entropy: Entropy) -> None:
        super().__init__(engine, key_ring, entropy)
        self._stored_policies = StoredPolicies()

    async def user(self, user_id: str) -> User | None:
        async with self.read() as connection:
            row = (await connection.execute(select(users).where(users.c.user_id == user_id))).first()
            if row is None:
                return None
            tags = (await tags_of(connection, USER_TAGS, [user_id]))[user_id]
            arn = user_arn(row.account_id, row.path, row.name)
            in_force = [
                *await self._inline_policies(connection, user_id, arn),
                *await self._attached_policies(connection, user_id),
            ]
        return User(user_id, row.account_id, row.name, row.path, arn, row.created, tags, tuple(in_force))

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        async with self.read() as connection:
            row = (await connection.execute(_default_versions().where(policies.c.arn == arn))).first()
        if row is None:
            return None
        return ManagedPolicy(arn, row.account_id, row.document, self._version(row, PolicyKind.SESSION))

    async def bucket(self, name: str) -> Bucket | None:
        async with self.read() as connection:
            row = (await connection.execute(select(buckets).where(buckets.c.name == name))).first()
        if row is None:
            return None
        policy = None
        if row.policy is not None:
            policy = self._stored_policies.compile(
                row.policy, PolicyKind.RESOURCE, id=f"bucket policy of {name}", owner=name
            )
        return Bucket(name, row.account_id, row.region, row.created, policy)

    async def _inline_policies(self, connection: AsyncConnection, user_id: str, arn: str) -> list[Policy]:
        query = select(user_policies).where(user_policies.c.user_id == user_id).order_by(user_policies.c.name)
        return [
            self._stored_policies.compile(row.document, PolicyKind.IDENTITY, id=row.name, owner=arn)
            for row in await connection.execute(query)
        ]

    async def _attached_policies(self, connection: AsyncConnection, user_id: str) -> list[Policy]:
        query = (
            _default_versions()
            .join(attachments, attachments.c.policy_id == policies.c.policy_id)
            .where(attachments.c.user_id == user_id)
            .order_by(policies.c.name_key)
        )
        return [self._version(row, PolicyKind.IDENTITY) for row in await connection.execute(query)]

    def _version(self, row: Row[Any], kind: PolicyKind) -> Policy:
        return self._stored_policies.version(row.policy_id, row.default_version, row.document, kind, arn=row.arn)


def _default_versions() -> Select[Any]:
    """Managed policies with the document in force."""
    in_force = (policy_versions.c.policy_id == policies.c.policy_id) & (
        policy_versions.c.version == policies.c.default_version
    )
    return select(policies, policy_versions.c.document).join(policy_versions, in_force)
