"""Accounts of the installation, their aliases, and the control policies attached to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.names import Secret
from daypass.policy import PolicyKind
from daypass.service.ports.identities import Account
from daypass.service.ports.users import AccessKeyRecord


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as it is listed. name: whatever its maker called it. Other fields as in Account."""

    account_id: str
    created: datetime
    name: str | None
    alias: str | None
    management: bool
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class ControlPolicyRecord:
    """A service or resource control policy. account_id: None of one that is attached to all accounts."""

    name: str
    kind: PolicyKind
    account_id: str | None
    document: str
    created: datetime


class Accounts(Protocol):
    """The part of the directory for accounts."""

    # --- accounts ---

    async def create_account(self, account_id: str, created: datetime) -> Account:
        """One that nobody can sign in to yet. account_id: twelve digits. Raises AlreadyExists(ACCOUNT)."""

    async def open_account(
        self, account_id: str, created: datetime, *, name: str | None, root_secret: Secret
    ) -> AccessKeyRecord:
        """An account and an access key of its root user, both or neither. Raises AlreadyExists(ACCOUNT)."""

    async def list_accounts(self) -> list[AccountRecord]:
        """By account id."""

    async def close_account(self, account_id: str, closed: datetime) -> None:
        """From then on nobody of it may do anything. One that is closed stays as it is.
        Raises NotFound(ACCOUNT), StillInUse(ACCOUNT) for the management account."""

    # --- service and resource control policies ---

    async def attach_control_policy(
        self, name: str, kind: PolicyKind, document: str, created: datetime, *, account_id: str | None
    ) -> None:
        """account_id: None for all accounts. Raises NotFound(ACCOUNT), AlreadyExists(CONTROL_POLICY) for a name that
        any has, LimitReached(CONTROL_POLICY)."""

    async def detach_control_policy(self, name: str) -> None:
        """Raises NotFound(CONTROL_POLICY)."""

    async def list_control_policies(self) -> list[ControlPolicyRecord]:
        """By name."""
