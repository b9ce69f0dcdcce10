"""What belongs to many users, groups, roles and policies, read together: for the one call that answers all of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from daypass.service.ports.policies import PolicyVersionRecord
from daypass.service.ports.roles import InstanceProfileRecord


@dataclass(frozen=True, slots=True)
class EntityPolicies:
    """The policies of a user, a group or a role. inline: name → document. attached: ARNs, by name without case."""

    inline: Mapping[str, str]
    attached: tuple[str, ...]


class Details(Protocol):
    """The part of the directory for reading much at once. Everything asked for is a key of the answer."""

    async def policies_of(self, entity_ids: Collection[str]) -> Mapping[str, EntityPolicies]:
        """Of users, groups and roles."""

    async def group_names_of(self, user_ids: Collection[str]) -> Mapping[str, list[str]]:
        """By name without case."""

    async def instance_profiles_of(self, role_ids: Collection[str]) -> Mapping[str, list[InstanceProfileRecord]]:
        """By name without case."""

    async def versions_of(self, arns: Collection[str]) -> Mapping[str, list[PolicyVersionRecord]]:
        """Of managed policies, AWS's own too; newest first."""
