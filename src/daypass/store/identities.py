"""What a request needs of a user, a role, a policy, a bucket and the like: read whole, at one instant, compiled."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daypass import names
from daypass.names import group_arn, managed_policy_arn, user_arn
from daypass.policy import Policy, PolicyKind
from daypass.service.ports import Bucket, Entropy, ManagedPolicy, MfaDevice, OidcProvider, Role, SamlProvider, User
from daypass.store.aws_managed import aws_managed_policies
from daypass.store.sealing import SealedSecret, open_secret
from daypass.store.stored_policies import StoredPolicies
from daypass.store.tables import (
    attachments,
    buckets,
    group_members,
    groups,
    inline_policies,
    mfa_devices,
    oidc_providers,
    policies,
    policy_versions,
    roles,
    saml_providers,
    users,
)
from daypass.store.tags import tags_of
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
            tags = (await tags_of(connection, [user_id]))[user_id]
            arn = user_arn(row.account_id, row.path, row.name)
            in_force = await self._policies_of(connection, user_id, arn)
            member_of = (
                select(groups)
                .join(group_members, group_members.c.group_id == groups.c.group_id)
                .where(group_members.c.user_id == user_id)
                .order_by(groups.c.name_key)
            )
            for group in (await connection.execute(member_of)).all():
                in_force += await self._policies_of(
                    connection,
                    group.group_id,
                    group_arn(group.account_id, group.path, group.name),
                    called=f"{{}} of group {group.name}",
                )
            boundary = await self._boundary(connection, row.boundary, arn)
        return User(user_id, row.account_id, row.name, row.path, arn, row.created, tags, tuple(in_force), boundary)

    async def group_policies(self, group_id: str) -> tuple[Policy, ...]:
        async with self.read() as connection:
            return tuple(await self._policies_of(connection, group_id, group_id))

    async def role(self, role: str) -> Role | None:
        column = roles.c.arn if role.startswith("arn:") else roles.c.role_id
        async with self.read() as connection:
            row = (await connection.execute(select(roles).where(column == role))).first()
            if row is None:
                return None
            tags = (await tags_of(connection, [row.role_id]))[row.role_id]
            in_force = await self._policies_of(connection, row.role_id, row.arn)
            boundary = await self._boundary(connection, row.boundary, row.arn)
        trust = self._stored_policies.compile(
            row.trust_policy, PolicyKind.ROLE_TRUST, id=f"trust policy of {row.name}", owner=row.arn
        )
        return Role(
            role_id=row.role_id,
            account_id=row.account_id,
            name=row.name,
            path=row.path,
            arn=row.arn,
            created=row.created,
            tags=tags,
            trust=trust,
            max_session_seconds=row.max_session_seconds,
            policies=tuple(in_force),
            boundary=boundary,
        )

    async def mfa_device(self, serial_number: str) -> MfaDevice | None:
        query = select(mfa_devices).where(
            mfa_devices.c.serial_number == serial_number, mfa_devices.c.owner_id.is_not(None)
        )
        async with self.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        sealed = SealedSecret(row.key_id, row.salt, row.sealed)
        seed = open_secret(sealed, serial_number, self._key_ring)
        return MfaDevice(serial_number, row.account_id, row.owner_id, seed, row.last_counter)

    async def oidc_provider(self, arn: str) -> OidcProvider | None:
        async with self.read() as connection:
            row = (await connection.execute(select(oidc_providers).where(oidc_providers.c.arn == arn))).first()
        if row is None:
            return None
        return OidcProvider(
            arn, row.account_id, row.url, tuple(json.loads(row.client_ids)), tuple(json.loads(row.thumbprints))
        )

    async def saml_provider(self, arn: str) -> SamlProvider | None:
        async with self.read() as connection:
            row = (await connection.execute(select(saml_providers).where(saml_providers.c.arn == arn))).first()
        return None if row is None else SamlProvider(arn, row.account_id, row.name, row.metadata, row.created)

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        of_aws = aws_managed_policies().get(arn)
        if of_aws is not None:
            return ManagedPolicy(arn, names.AWS, of_aws.document, self._aws_policy(arn, PolicyKind.SESSION))
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
        return Bucket(
            name,
            row.account_id,
            row.region,
            row.created,
            policy,
            row.public_access_block,
            row.cors,
        )

    async def _policies_of(
        self, connection: AsyncConnection, entity_id: str, arn: str, called: str = "{}"
    ) -> list[Policy]:
        """The inline policies of a user, a group or a role, then those attached to it.

        called: the id of an inline policy of that name; no policy's name has a blank.
        """
        inline = (
            select(inline_policies).where(inline_policies.c.entity_id == entity_id).order_by(inline_policies.c.name)
        )
        found = [
            self._stored_policies.compile(row.document, PolicyKind.IDENTITY, id=called.format(row.name), owner=arn)
            for row in await connection.execute(inline)
        ]
        of_entity = select(attachments.c.policy_arn).where(attachments.c.entity_id == entity_id)
        attached = _default_versions().where(policies.c.arn.in_(of_entity)).order_by(policies.c.name_key)
        found += [self._version(row, PolicyKind.IDENTITY) for row in await connection.execute(attached)]
        of_aws = of_entity.where(attachments.c.policy_arn.startswith(_OF_AWS, autoescape=True))
        arns = await connection.scalars(of_aws.order_by(attachments.c.policy_arn))
        return found + [self._aws_policy(arn, PolicyKind.IDENTITY) for arn in arns]

    async def _boundary(self, connection: AsyncConnection, arn: str | None, owner: str) -> Policy | None:
        """The permissions boundary of that ARN; one that is not there any more allows nothing."""
        if arn is None:
            return None
        if arn.startswith(_OF_AWS):
            return self._aws_policy(arn, PolicyKind.BOUNDARY)
        row = (await connection.execute(_default_versions().where(policies.c.arn == arn))).first()
        if row is None:
            return self._stored_policies.compile("", PolicyKind.BOUNDARY, id=arn, owner=owner)
        return self._version(row, PolicyKind.BOUNDARY)

    def _aws_policy(self, arn: str, kind: PolicyKind) -> Policy:
        """The AWS managed policy of that ARN; one that this Daypass does not know denies everything."""
        policy = aws_managed_policies().get(arn)
        if policy is None:
            return self._stored_policies.compile("", kind, id=arn, owner=arn)
        return self._stored_policies.version(policy.policy_id, policy.version, policy.document, kind, arn=arn)

    def _version(self, row: Row[Any], kind: PolicyKind) -> Policy:
        return self._stored_policies.version(row.policy_id, row.default_version, row.document, kind, arn=row.arn)


_OF_AWS: Final = managed_policy_arn(names.AWS, "/", "")  # how the ARN of every AWS managed policy begins


def _default_versions() -> Select[Any]:
    """Managed policies with the document in force."""
    in_force = (policy_versions.c.policy_id == policies.c.policy_id) & (
        policy_versions.c.version == policies.c.default_version
    )
    return select(policies, policy_versions.c.document).join(policy_versions, in_force)
