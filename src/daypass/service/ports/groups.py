"""Groups and who belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.names import group_arn
from daypass.policy import Policy
from daypass.service.ports.users import UserRecord


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """An IAM group, without its policies and members. group_id: `AGPA…`; never used again."""

    group_id: str
    account_id: str
    name: str
    path: str
    created: datetime

    @property
    def arn(self) -> str:
        return group_arn(self.account_id, self.path, self.name)

    @property
    def entity_id(self) -> str:
        return self.group_id

    @property
    def tags(self) -> Mapping[str, str]:
        """IAM does not tag groups."""
        return {}

    @property
    def boundary(self) -> None:
        """Groups have no permissions boundary."""
        return None


class Groups(Protocol):
    """The part of the directory for groups."""

    # --- groups ---

    async def create_group(self, account_id: str, name: str, *, path: str, created: datetime) -> GroupRecord:
        """Raises AlreadyExists(GROUP), LimitReached(GROUP)."""

    async def find_group(self, account_id: str, name: str) -> GroupRecord | None: ...

    async def group_policies(self, group_id: str) -> tuple[Policy, ...]:
        """Inline ones, then attached managed ones, as a member has them, the inline ones by their own names. None of a
        group that is not there."""

    async def list_groups(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[GroupRecord]: ...

    async def update_group(self, group_id: str, *, name: str | None = None, path: str | None = None) -> None:
        """None keeps what is there. Raises NotFound(GROUP), AlreadyExists(GROUP)."""

    async def delete_group(self, group_id: str) -> None:
        """Raises NotFound(GROUP), StillInUse(MEMBERSHIP | ATTACHMENT | INLINE_POLICY)."""

    # --- members ---

    async def add_member(self, group_id: str, user_id: str) -> None:
        """Adding twice changes nothing. Raises NotFound(GROUP | USER), LimitReached(MEMBERSHIP)."""

    async def remove_member(self, group_id: str, user_id: str) -> None:
        """Removing who is no member changes nothing. Raises NotFound(GROUP)."""

    async def list_members(self, group_id: str, *, after: str = "", limit: int) -> list[UserRecord]: ...

    async def list_groups_of(self, user_id: str) -> list[GroupRecord]:
        """By name without case."""
