"""Login profiles, virtual MFA devices, and when credentials were last used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from daypass.names import Secret


@dataclass(frozen=True, slots=True)
class LoginProfile:
    """A user's password. changed: when the password was set.

    password: its hash; former: the hashes of those before it, newest first.
    """

    user_id: str
    created: datetime
    changed: datetime
    password: str = field(repr=False)
    former: tuple[str, ...] = field(repr=False)
    reset_required: bool


@dataclass(frozen=True, slots=True)
class MfaDeviceRecord:
    """A virtual MFA device, in use or not.

    owner_id: the user's id, or the account id for root; None if the device is not in use, and so is `enabled`.
    seed: the TOTP key in base32.
    last_counter: of the time step whose code was accepted last.
    """

    serial_number: str
    account_id: str
    name: str
    path: str
    seed: Secret
    owner_id: str | None
    enabled: datetime | None
    last_counter: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LastUse:
    """When credentials were last used, for which service and in which region."""

    used: datetime
    service: str
    region: str


class Credentials(Protocol):
    """The part of the directory for passwords, MFA devices and last uses."""

    # --- login profiles ---

    async def create_login_profile(
        self, user_id: str, password: str, *, reset_required: bool, created: datetime
    ) -> LoginProfile:
        """password: its hash. Raises NotFound(USER), AlreadyExists(LOGIN_PROFILE)."""

    async def find_login_profile(self, user_id: str) -> LoginProfile | None: ...

    async def update_login_profile(
        self, user_id: str, changed: datetime, *, password: str | None = None, reset_required: bool | None = None
    ) -> None:
        """None keeps what is there. A password that is replaced is remembered with the former ones, the newest
        limits.PASSWORDS_REMEMBERED of them. Raises NotFound(LOGIN_PROFILE)."""

    async def delete_login_profile(self, user_id: str) -> None:
        """Raises NotFound(LOGIN_PROFILE)."""

    # --- virtual MFA devices ---

    async def create_mfa_device(
        self, account_id: str, name: str, *, path: str, seed: Secret, tags: Mapping[str, str]
    ) -> MfaDeviceRecord:
        """One that is not in use. Raises AlreadyExists(MFA_DEVICE), LimitReached(MFA_DEVICE | TAG)."""

    async def find_mfa_device(self, account_id: str, serial_number: str) -> MfaDeviceRecord | None: ...

    async def list_mfa_devices(
        self, account_id: str, *, assigned: bool | None = None, after: str = "", limit: int
    ) -> list[MfaDeviceRecord]:
        """By serial number, those after the one that is `after`. assigned: whether they are in use; None: all."""

    async def list_mfa_devices_of(self, owner_id: str) -> list[MfaDeviceRecord]:
        """By serial number. owner_id: a user's id, or the account id for root."""

    async def enable_mfa_device(self, serial_number: str, owner_id: str, counter: int, enabled: datetime) -> bool:
        """Put a device that is not in use to use. counter: of the newer of the two codes; False, and nothing is
        changed, if a code of that time step or a later one was accepted before.
        Raises NotFound(MFA_DEVICE | USER), AlreadyExists(MFA_DEVICE): it is in use, LimitReached(MFA_DEVICE)."""

    async def deactivate_mfa_device(self, serial_number: str, owner_id: str) -> None:
        """Raises NotFound(MFA_DEVICE) if it is not that owner's."""

    async def resync_mfa_device(self, serial_number: str, owner_id: str, counter: int) -> None:
        """Take the time step as the one whose code was accepted last, even if it is an older one.
        Raises NotFound(MFA_DEVICE) if it is not that owner's."""

    async def accept_mfa_counter(self, serial_number: str, counter: int) -> bool:
        """Note that the code of a time step was accepted. False, and it is not, if one of that step or a later one
        was accepted before: of several callers with one code at once, one is told True."""

    async def delete_mfa_device(self, serial_number: str) -> None:
        """Raises NotFound(MFA_DEVICE), StillInUse(MFA_DEVICE)."""

    async def tag_mfa_device(self, serial_number: str, tags: Mapping[str, str]) -> None:
        """As tag_user. Raises NotFound(MFA_DEVICE), LimitReached(TAG)."""

    async def untag_mfa_device(self, serial_number: str, keys: Sequence[str]) -> None:
        """As untag_user. Raises NotFound(MFA_DEVICE)."""

    # --- last uses ---

    async def last_uses(self, entity_ids: Iterable[str]) -> dict[str, LastUse]:
        """Of access keys, roles, and users as regards their passwords; those never used are left out. What another
        worker saw may be missing for limits.LAST_USE_FLUSH_SECONDS."""


class UseLog(Protocol):
    """Told of every use of credentials, as a request is answered."""

    def used(self, entity_id: str, service: str, region: str, at: datetime) -> None:
        """entity_id: an access key's, a role's, or for a password a user's. It costs next to nothing, and never
        fails. It is in `last_uses` of the same worker at once."""
