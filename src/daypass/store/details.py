"""What belongs to many entities, each kind of it in one query."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from daypass.service.ports import EntityPolicies, InstanceProfileRecord, PolicyVersionRecord
from daypass.store.aws_managed import aws_managed_policies, aws_version
from daypass.store.instance_profiles import profile_records
from daypass.store.policy_versions import version_id
from daypass.store.tables import (
    attachments,
    group_members,
    groups,
    inline_policies,
    instance_profiles,
    name_key,
    policies,
    policy_versions,
)
from daypass.store.transactions import Transactions


class Details(Transactions):
    """The part of the directory for reading much at once."""

    async def policies_of(self, entity_ids: Collection[str]) -> dict[str, EntityPolicies]:
        inline: dict[str, dict[str, str]] = {entity_id: {} for entity_id in entity_ids}
        attached: dict[str, list[str]] = {entity_id: [] for entity_id in entity_ids}
        its_inline = (
            select(inline_policies).where(inline_policies.c.entity_id.in_(entity_ids)).order_by(inline_policies.c.name)
        )
        its_attached = select(attachments).where(attachments.c.entity_id.in_(entity_ids))
        async with self.read() as connection:
            for row in await connection.execute(its_inline):
                inline[row.entity_id][row.name] = row.document
            for row in await connection.execute(its_attached):
                attached[row.entity_id].append(row.policy_arn)
        return {
            entity_id: EntityPolicies(inline[entity_id], tuple(sorted(attached[entity_id], key=_by_name)))
            for entity_id in entity_ids
        }

    async def group_names_of(self, user_ids: Collection[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
        query = (
            select(group_members.c.user_id, groups.c.name)
            .join(groups, groups.c.group_id == group_members.c.group_id)
            .where(group_members.c.user_id.in_(user_ids))
            .order_by(groups.c.name_key)
        )
        async with self.read() as connection:
            for user_id, name in await connection.execute(query):
                found[user_id].append(name)
        return found

    async def instance_profiles_of(self, role_ids: Collection[str]) -> dict[str, list[InstanceProfileRecord]]:
        found: dict[str, list[InstanceProfileRecord]] = {role_id: [] for role_id in role_ids}
        query = (
            select(instance_profiles)
            .where(instance_profiles.c.role_id.in_(role_ids))
            .order_by(instance_profiles.c.name_key)
        )
        async with self.read() as connection:
            for profile in await profile_records(connection, query):
                if profile.role is not None:
                    found[profile.role.role_id].append(profile)
        return found

    async def versions_of(self, arns: Collection[str]) -> dict[str, list[PolicyVersionRecord]]:
        found: dict[str, list[PolicyVersionRecord]] = {arn: [] for arn in arns}
        for arn in found.keys() & aws_managed_policies().keys():
            found[arn].append(aws_version(aws_managed_policies()[arn]))
        query = (
            select(policy_versions, policies.c.arn, policies.c.default_version)
            .join(policies, policies.c.policy_id == policy_versions.c.policy_id)
            .where(policies.c.arn.in_(arns))
            .order_by(policy_versions.c.version.desc())
        )
        async with self.read() as connection:
            for row in await connection.execute(query):
                is_default = row.version == row.default_version
                version = PolicyVersionRecord(version_id(row.version), row.document, is_default, row.created)
                found[row.arn].append(version)
        return found


def _by_name(arn: str) -> tuple[str, str]:
    return name_key(arn.rpartition("/")[2]), arn
