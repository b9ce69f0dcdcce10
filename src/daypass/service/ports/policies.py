"""Inline policies, customer managed policies, and what these are attached to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from daypass.names import managed_policy_arn
from daypass.service.ports.errors import Entity


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A managed policy without its documents; account_id is names.AWS for one of AWS's own.

    policy_id: `ANPA…`; never used again.
    default_version: `v1` and so on; a number is never used again within a policy.
    attachments: how many users, groups and roles it is attached to.
    boundaries: of how many users and roles it is the permissions boundary.
    updated: when its newest version was made (IAM API Reference, "Policy").
    """

    policy_id: str
    account_id: str
    name: str
    path: str
    description: str | None
    default_version: str
    attachments: int
    created: datetime
    updated: datetime
    tags: Mapping[str, str]
    boundaries: int = 0

    @property
    def arn(self) -> str:
        return managed_policy_arn(self.account_id, self.path, self.name)

    @property
    def entity_id(self) -> str:
        return self.policy_id


@dataclass(frozen=True, slots=True)
class PolicyVersionRecord:
    """One version of a customer managed policy."""

    version_id: str
    document: str
    is_default: bool
    created: datetime


class Usage(StrEnum):
    """What a managed policy is used as, by the values of the model's PolicyUsageType."""

    PERMISSIONS_POLICY = "PermissionsPolicy"
    PERMISSIONS_BOUNDARY = "PermissionsBoundary"


@dataclass(frozen=True, slots=True)
class PolicyHolder:
    """A user, group or role that a managed policy is attached to, or whose permissions boundary it is."""

    entity: Entity
    entity_id: str
    name: str
    path: str


class Policies(Protocol):
    """The part of the directory for policies. An entity is a user, a group or a role, by its unique id."""

    # --- inline policies ---

    async def put_inline_policy(self, entity_id: str, name: str, document: str, size: int) -> None:
        """Creates or replaces. size: what the document counts towards the entity's limit of all its inline policies
        (limits.USER_INLINE_POLICIES_CHARS and its like).
        Raises NotFound(USER | GROUP | ROLE), LimitReached(INLINE_POLICY)."""

    async def find_inline_policy(self, entity_id: str, name: str) -> str | None:
        """The document."""

    async def list_inline_policies(self, entity_id: str) -> list[str]:
        """The names, sorted."""

    async def delete_inline_policy(self, entity_id: str, name: str) -> None:
        """Raises NotFound(INLINE_POLICY)."""

    # --- customer managed policies ---

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
        """The document becomes version `v1`, the default.
        Raises AlreadyExists(MANAGED_POLICY), LimitReached(MANAGED_POLICY | TAG)."""

    async def find_policy(self, account_id: str, arn: str) -> PolicyRecord | None:
        """The account's own, or one of AWS's, whose attachments are counted in the account."""

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
        """The account's own.

        usage: PERMISSIONS_BOUNDARY finds those that are one, attached or not; PERMISSIONS_POLICY all but those that are
            nothing else.
        """

    async def list_aws_policies(
        self,
        account_id: str,
        *,
        path_prefix: str = "/",
        only_attached: bool = False,
        usage: Usage | None = None,
        after: str = "",
        limit: int,
    ) -> list[PolicyRecord]:
        """AWS's own, as find_policy has them, chosen as list_policies does."""

    async def delete_policy(self, arn: str) -> None:
        """Raises NotFound(MANAGED_POLICY), StillInUse(ATTACHMENT | POLICY_VERSION): every version but the default
        has to be deleted first."""

    async def create_policy_version(
        self, arn: str, document: str, *, set_as_default: bool, created: datetime
    ) -> PolicyVersionRecord:
        """Raises NotFound(MANAGED_POLICY), LimitReached(POLICY_VERSION)."""

    async def find_policy_version(self, arn: str, version_id: str) -> PolicyVersionRecord | None: ...

    async def list_policy_versions(self, arn: str) -> list[PolicyVersionRecord]:
        """Newest first. Empty if there is no such policy: a policy always has a version."""

    async def set_default_policy_version(self, arn: str, version_id: str) -> None:
        """Raises NotFound(MANAGED_POLICY | POLICY_VERSION)."""

    async def delete_policy_version(self, arn: str, version_id: str) -> None:
        """Raises NotFound(MANAGED_POLICY | POLICY_VERSION), StillInUse(DEFAULT_VERSION)."""

    # --- attachments ---

    async def attach_policy(self, entity_id: str, arn: str) -> None:
        """Attaching twice changes nothing.
        Raises NotFound(USER | GROUP | ROLE | MANAGED_POLICY), LimitReached(ATTACHMENT)."""

    async def detach_policy(self, entity_id: str, arn: str) -> None:
        """Raises NotFound(ATTACHMENT)."""

    async def list_attached_policies(self, entity_id: str) -> list[PolicyRecord]:
        """By name without case."""

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
        """Who in the account uses a managed policy: users, then groups, then roles, each kind by name without case.

        entities: the kinds that are asked for. usage: None means either. after: the last one of the page before.
        """

    # --- permissions boundaries ---

    async def set_boundary(self, entity_id: str, arn: str | None) -> None:
        """The permissions boundary of a user or a role; None removes it.
        Raises NotFound(USER | ROLE | BOUNDARY): there is no policy of that ARN."""
