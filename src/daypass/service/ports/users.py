"""Users and access keys, as the directory keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.names import Secret, user_arn


@dataclass(frozen=True, slots=True)
class UserRecord:
    """An IAM user as the directory keeps it, without its policies. Fields as in User; boundary: its ARN."""

    user_id: str
    account_id: str
    name: str
    path: str
    created: datetime
    tags: Mapping[str, str]
    boundary: str | None = None

    @property
    def arn(self) -> str:
        return user_arn(self.account_id, self.path, self.name)

    @property
    def entity_id(self) -> str:
        return self.user_id


@dataclass(frozen=True, slots=True)
class AccessKeyRecord:
    """What may be listed of an access key: everything but its secret."""

    access_key_id: str
    account_id: str
    owner_id: str
    active: bool
    created: datetime


class Users(Protocol):
    """The part of the directory for users and their access keys."""

    # --- users ---

    async def create_user(
        self,
        account_id: str,
        name: str,
        *,
        path: str,
        tags: Mapping[str, str],
        created: datetime,
        boundary: str | None = None,
    ) -> UserRecord:
        """Raises AlreadyExists(USER), LimitReached(USER | TAG), NotFound(BOUNDARY)."""

    async def find_user(self, account_id: str, name: str) -> UserRecord | None: ...

    async def list_users(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[UserRecord]: ...

    async def update_user(self, user_id: str, *, name: str | None = None, path: str | None = None) -> None:
        """None keeps what is there. Raises NotFound(USER), AlreadyExists(USER)."""

    async def delete_user(self, user_id: str) -> None:
        """Raises NotFound(USER), StillInUse(ACCESS_KEY | INLINE_POLICY | ATTACHMENT | MEMBERSHIP | LOGIN_PROFILE |
        MFA_DEVICE)."""

    # --- access keys; owner_id is a user's id, or the account id for root ---

    async def create_access_key(self, owner_id: str, secret: Secret, created: datetime) -> AccessKeyRecord:
        """An active key. Raises NotFound(USER) if the owner is gone, LimitReached(ACCESS_KEY)."""

    async def list_access_keys(self, owner_id: str) -> list[AccessKeyRecord]:
        """By creation, oldest first."""

    async def set_access_key_active(self, owner_id: str, access_key_id: str, *, active: bool) -> None:
        """Raises NotFound(ACCESS_KEY) if that owner has no such key."""

    async def delete_access_key(self, owner_id: str, access_key_id: str) -> None:
        """Raises NotFound(ACCESS_KEY) if that owner has no such key."""
