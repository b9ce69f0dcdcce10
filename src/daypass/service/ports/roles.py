"""Roles and instance profiles, as the directory keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.names import instance_profile_arn, role_arn


@dataclass(frozen=True, slots=True)
class RoleRecord:
    """An IAM role as the directory keeps it, without its policies. Fields as in Role; boundary: its ARN.

    trust_policy: the document as it is kept: users and roles stand in it as their unique ids.
    """

    role_id: str
    account_id: str
    name: str
    path: str
    created: datetime
    tags: Mapping[str, str]
    trust_policy: str
    max_session_seconds: int
    description: str | None = None
    boundary: str | None = None

    @property
    def arn(self) -> str:
        return role_arn(self.account_id, self.path, self.name)

    @property
    def entity_id(self) -> str:
        return self.role_id


@dataclass(frozen=True, slots=True)
class InstanceProfileRecord:
    """An instance profile. role: the one that is in it; None if it is empty."""

    instance_profile_id: str
    account_id: str
    name: str
    path: str
    created: datetime
    tags: Mapping[str, str]
    role: RoleRecord | None = None

    @property
    def arn(self) -> str:
        return instance_profile_arn(self.account_id, self.path, self.name)

    @property
    def entity_id(self) -> str:
        return self.instance_profile_id


class Roles(Protocol):
    """The part of the directory for roles and instance profiles."""

    # --- roles ---

    async def create_role(
        self,
        account_id: str,
        name: str,
        *,
        path: str,
        description: str | None,
        trust_policy: str,
        max_session_seconds: int,
        boundary: str | None,
        tags: Mapping[str, str],
        created: datetime,
    ) -> RoleRecord:
        """Raises AlreadyExists(ROLE), LimitReached(ROLE | TAG), NotFound(BOUNDARY)."""

    async def find_role(self, account_id: str, name: str) -> RoleRecord | None: ...

    async def list_roles(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[RoleRecord]: ...

    async def update_role(
        self,
        role_id: str,
        *,
        description: str | None = None,
        max_session_seconds: int | None = None,
        trust_policy: str | None = None,
    ) -> None:
        """None keeps what is there. Raises NotFound(ROLE)."""

    async def delete_role(self, role_id: str) -> None:
        """Raises NotFound(ROLE), StillInUse(INSTANCE_PROFILE | ATTACHMENT | INLINE_POLICY)."""

    async def find_arns(self, entity_ids: Iterable[str]) -> dict[str, str]:
        """Unique id → ARN of each of these users and roles that exists, in whatever account."""

    # --- instance profiles ---

    async def create_instance_profile(
        self, account_id: str, name: str, *, path: str, tags: Mapping[str, str], created: datetime
    ) -> InstanceProfileRecord:
        """Raises AlreadyExists(INSTANCE_PROFILE), LimitReached(INSTANCE_PROFILE | TAG)."""

    async def find_instance_profile(self, account_id: str, name: str) -> InstanceProfileRecord | None: ...

    async def list_instance_profiles(
        self, account_id: str, *, path_prefix: str = "/", role_id: str | None = None, after: str = "", limit: int
    ) -> list[InstanceProfileRecord]:
        """role_id: those that the role is in."""

    async def delete_instance_profile(self, instance_profile_id: str) -> None:
        """Raises NotFound(INSTANCE_PROFILE), StillInUse(PROFILE_ROLE)."""

    async def add_role_to_instance_profile(self, instance_profile_id: str, role_id: str) -> None:
        """Raises NotFound(INSTANCE_PROFILE | ROLE), LimitReached(PROFILE_ROLE): one is in it."""

    async def remove_role_from_instance_profile(self, instance_profile_id: str, role_id: str) -> None:
        """Raises NotFound(INSTANCE_PROFILE | PROFILE_ROLE)."""
