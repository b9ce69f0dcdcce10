"""What belongs to an account as a whole: its alias, password policy, credential report, and how much it has of what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.service.ports.credentials import LastUse, LoginProfile
from daypass.service.ports.users import AccessKeyRecord, UserRecord


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """An account's password policy, with UpdateAccountPasswordPolicy's defaults.

    allow_users_to_change: every user may call ChangePassword for itself.
    max_age_days: None: passwords do not expire. reuse_prevention: how many former passwords are not taken again.
    """

    minimum_length: int = 6
    require_symbols: bool = False
    require_numbers: bool = False
    require_uppercase: bool = False
    require_lowercase: bool = False
    allow_users_to_change: bool = False
    max_age_days: int | None = None
    reuse_prevention: int | None = None
    hard_expiry: bool | None = None


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """generated: when. content: CSV."""

    generated: datetime
    content: str


@dataclass(frozen=True, slots=True)
class UserCredentials:
    """What a credential report says of one user. access_keys: oldest first."""

    user: UserRecord
    login_profile: LoginProfile | None
    access_keys: tuple[AccessKeyRecord, ...]
    has_mfa: bool
    last_uses: dict[str, LastUse]


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """How much there is in an account. root_…: of its root user."""

    users: int
    groups: int
    roles: int
    instance_profiles: int
    policies: int
    policy_versions: int
    mfa_devices: int
    mfa_devices_in_use: int
    providers: int
    root_access_keys: int
    root_mfa_devices: int


class AccountSettings(Protocol):
    """The part of the directory for what belongs to an account as a whole."""

    async def set_account_alias(self, account_id: str, alias: str | None) -> None:
        """Replaces the one that is there; None removes it. Raises AlreadyExists(ALIAS) if any account has it."""

    async def find_password_policy(self, account_id: str) -> PasswordPolicy | None: ...

    async def set_password_policy(self, account_id: str, policy: PasswordPolicy | None) -> None:
        """None removes it."""

    async def find_credential_report(self, account_id: str) -> CredentialReport | None: ...

    async def set_credential_report(self, account_id: str, report: CredentialReport) -> None: ...

    async def list_credentials(self, account_id: str) -> list[UserCredentials]:
        """Of all users, by name without case, as they are at one instant."""

    async def count_entities(self, account_id: str) -> AccountCounts: ...
