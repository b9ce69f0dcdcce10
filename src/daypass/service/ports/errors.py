"""What a directory refuses, in its own terms. The service gives it AWS's code and words."""

from __future__ import annotations

from enum import StrEnum


class Entity(StrEnum):
    """What a DirectoryError speaks of."""

    USER = "user"
    ACCESS_KEY = "access key"
    INLINE_POLICY = "inline policy"
    MANAGED_POLICY = "managed policy"
    POLICY_VERSION = "policy version"
    DEFAULT_VERSION = "default version"
    ATTACHMENT = "attachment"
    TAG = "tag"
    BUCKET = "bucket"
    ACCOUNT = "account"
    ALIAS = "account alias"
    GROUP = "group"
    MEMBERSHIP = "group membership"
    ROLE = "role"
    INSTANCE_PROFILE = "instance profile"
    PROFILE_ROLE = "role in an instance profile"
    BOUNDARY = "permissions boundary"
    LOGIN_PROFILE = "login profile"
    MFA_DEVICE = "MFA device"
    PROVIDER = "identity provider"
    CLIENT_ID = "client id"
    CONTROL_POLICY = "control policy"


class DirectoryError(Exception):
    """A change that the directory refused; nothing was changed. The service gives it AWS's code and words."""

    def __init__(self, entity: Entity) -> None:
        super().__init__(entity.value)
        self.entity = entity


class NotFound(DirectoryError):
    """entity: what does not exist."""


class AlreadyExists(DirectoryError):
    """entity: what has that name already, compared without case."""


class LimitReached(DirectoryError):
    """entity: what there would be too much of; the number is in daypass.limits."""


class StillInUse(DirectoryError):
    """entity: what has to be removed first."""


class BucketExists(DirectoryError):
    """owner_account: who has the bucket of that name; it may be the asking account itself."""

    def __init__(self, owner_account: str) -> None:
        super().__init__(Entity.BUCKET)
        self.owner_account = owner_account
