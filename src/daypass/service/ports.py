"""What the service needs of the world: identities, entropy, an audit log. Exactly what its modules call.

Engines live in daypass.store; every engine of a port passes the same conformance suite (tests/conformance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from daypass.names import Secret, managed_policy_arn, user_arn
from daypass.policy import Policy


@dataclass(frozen=True, slots=True)
class Account:
    """account_id: twelve digits."""

    account_id: str
    created: datetime


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user as it is now, with what a decision needs of it.

    user_id: `AIDA…`; never used again, so a user created anew under the same name is another user.
    path: begins and ends with `/`.
    tags: key as written → value; keys are compared without case.
    policies: identity-based policies in force: inline ones, then attached managed ones, compiled.
    """

    user_id: str
    account_id: str
    name: str
    path: str
    arn: str
    created: datetime
    tags: Mapping[str, str]
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A long-term access key. owner_id: the user's id, or the account id for a root key."""

    access_key_id: str
    account_id: str
    owner_id: str
    secret: Secret
    active: bool


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A customer managed policy: its default version, compiled once as an identity and once as a session policy."""

    arn: str
    account_id: str
    document: str
    session_policy: Policy


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's ownership and policy. policy: compiled; None if it has none."""

    name: str
    account_id: str
    region: str
    created: datetime
    policy: Policy | None


class IdentityReader(Protocol):
    """Reads for the path of a request. Answers come from a cache at most limits.FRESHNESS_SECONDS old;
    what the cache does not know is looked up in the store before None is answered."""

    async def account(self, account_id: str) -> Account | None: ...

    async def access_key(self, access_key_id: str) -> AccessKey | None: ...

    async def user(self, user_id: str) -> User | None: ...

    async def managed_policy(self, arn: str) -> ManagedPolicy | None: ...

    async def bucket(self, name: str) -> Bucket | None: ...


@dataclass(frozen=True, slots=True)
class UserRecord:
    """An IAM user as the directory keeps it, without its policies. Fields as in User."""

    user_id: str
    account_id: str
    name: str
    path: str
    created: datetime
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        return user_arn(self.account_id, self.path, self.name)


@dataclass(frozen=True, slots=True)
class AccessKeyRecord:
    """What may be listed of an access key: everything but its secret."""

    access_key_id: str
    account_id: str
    owner_id: str
    active: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A customer managed policy without its documents.

    policy_id: `ANPA…`; never used again.
    default_version: `v1` and so on; a number is never used again within a policy.
    attachments: how many users it is attached to.
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

    @property
    def arn(self) -> str:
        return managed_policy_arn(self.account_id, self.path, self.name)


@dataclass(frozen=True, slots=True)
class PolicyVersionRecord:
    """One version of a customer managed policy."""

    version_id: str
    document: str
    is_default: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class BucketRecord:
    """A bucket as it is listed, without its policy."""

    name: str
    account_id: str
    region: str
    created: datetime


class Entity(StrEnum):
    """What a DirectoryError speaks of."""

    USER = "user"
    ACCESS_KEY = "access key"
    USER_POLICY = "user policy"
    MANAGED_POLICY = "managed policy"
    POLICY_VERSION = "policy version"
    DEFAULT_VERSION = "default version"
    ATTACHMENT = "attachment"
    TAG = "tag"
    BUCKET = "bucket"


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


class Directory(Protocol):
    """Writes and lists for IAM and the gateway, straight from the store.

    Every write is one transaction, all or nothing, and IdentityReader of the same process sees it as soon as it
    returns. Quotas (daypass.limits) and uniqueness are decided inside that transaction, so that two callers at
    once cannot pass them together. The directory makes the ids; none is given twice, not even after a deletion.
    Names are found by their exact letters, but are unique without regard to case. A `list_…` with `after` and
    `limit` goes by name without case: those after the name `after`, at most `limit`. Times are aware UTC and are
    kept in whole seconds.

    Any method raises ServiceError (ServiceUnavailable) if the store cannot be read or written.
    """

    # --- users ---

    async def create_user(
        self, account_id: str, name: str, *, path: str, tags: Mapping[str, str], created: datetime
    ) -> UserRecord:
        """Raises AlreadyExists(USER), LimitReached(USER | TAG)."""

    async def find_user(self, account_id: str, name: str) -> UserRecord | None: ...

    async def list_users(
        self, account_id: str, *, path_prefix: str = "/", after: str = "", limit: int
    ) -> list[UserRecord]: ...

    async def update_user(self, user_id: str, *, name: str | None = None, path: str | None = None) -> None:
        """None keeps what is there. Raises NotFound(USER), AlreadyExists(USER)."""

    async def delete_user(self, user_id: str) -> None:
        """Raises NotFound(USER), StillInUse(ACCESS_KEY | USER_POLICY | ATTACHMENT)."""

    async def tag_user(self, user_id: str, tags: Mapping[str, str]) -> None:
        """Adds tags; one whose key differs only in case is replaced. Raises NotFound(USER), LimitReached(TAG)."""

    async def untag_user(self, user_id: str, keys: Sequence[str]) -> None:
        """Removes the tags of these keys, compared without case; a key without a tag is no error.
        Raises NotFound(USER)."""

    # --- access keys; owner_id is a user's id, or the account id for root ---

    async def create_access_key(self, owner_id: str, secret: Secret, created: datetime) -> AccessKeyRecord:
        """An active key. Raises NotFound(USER) if the owner is gone, LimitReached(ACCESS_KEY)."""

    async def list_access_keys(self, owner_id: str) -> list[AccessKeyRecord]:
        """By creation, oldest first."""

    async def set_access_key_active(self, owner_id: str, access_key_id: str, *, active: bool) -> None:
        """Raises NotFound(ACCESS_KEY) if that owner has no such key."""

    async def delete_access_key(self, owner_id: str, access_key_id: str) -> None:
        """Raises NotFound(ACCESS_KEY) if that owner has no such key."""

    # --- inline policies ---

    async def put_user_policy(self, user_id: str, name: str, document: str, size: int) -> None:
        """Creates or replaces. size: what the document counts towards limits.USER_INLINE_POLICIES_CHARS.
        Raises NotFound(USER), LimitReached(USER_POLICY)."""

    async def find_user_policy(self, user_id: str, name: str) -> str | None:
        """The document."""

    async def list_user_policies(self, user_id: str) -> list[str]:
        """The names, sorted."""

    async def delete_user_policy(self, user_id: str, name: str) -> None:
        """Raises NotFound(USER_POLICY)."""

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

    async def find_policy(self, arn: str) -> PolicyRecord | None: ...

    async def list_policies(
        self, account_id: str, *, path_prefix: str = "/", only_attached: bool = False, after: str = "", limit: int
    ) -> list[PolicyRecord]: ...

    async def delete_policy(self, arn: str) -> None:
        """Raises NotFound(MANAGED_POLICY), StillInUse(ATTACHMENT | POLICY_VERSION): every version but the default
        has to be deleted first."""

    async def tag_policy(self, arn: str, tags: Mapping[str, str]) -> None:
        """As tag_user. Raises NotFound(MANAGED_POLICY), LimitReached(TAG)."""

    async def untag_policy(self, arn: str, keys: Sequence[str]) -> None:
        """As untag_user. Raises NotFound(MANAGED_POLICY)."""

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

    async def attach_user_policy(self, user_id: str, arn: str) -> None:
        """Attaching twice changes nothing. Raises NotFound(USER | MANAGED_POLICY), LimitReached(ATTACHMENT)."""

    async def detach_user_policy(self, user_id: str, arn: str) -> None:
        """Raises NotFound(ATTACHMENT)."""

    async def list_attached_policies(self, user_id: str) -> list[PolicyRecord]:
        """By name without case."""

    async def list_policy_users(self, arn: str) -> list[UserRecord]:
        """The users it is attached to, by name without case."""

    # --- buckets ---

    async def create_bucket(self, name: str, account_id: str, region: str, created: datetime) -> None:
        """Raises BucketExists, LimitReached(BUCKET)."""

    async def list_buckets(self, account_id: str) -> list[BucketRecord]:
        """By name."""

    async def set_bucket_policy(self, name: str, document: str | None) -> None:
        """None removes it. Raises NotFound(BUCKET)."""

    async def delete_bucket(self, name: str) -> None:
        """With its policy. Raises NotFound(BUCKET)."""


class Entropy(Protocol):
    """Cryptographically strong randomness."""

    def bytes(self, count: int) -> bytes: ...


class AuditLog(Protocol):
    """One record a decision, durable as far as the operating system's write. Raises OSError if it cannot."""

    def write(self, record: AuditRecord) -> None: ...


class AuditRecord(msgspec.Struct, frozen=True):
    """What was asked, by whom, what was decided and why. Holds no secret, no token, no signature.

    decision: "Allowed", "ExplicitlyDenied", "ImplicitlyDenied", or "Refused" when no policy was asked:
        a bad signature, a malformed request, a rule of the action itself.
    statements: the determining statements, each `kind/policy id/sid or index`.
    error: the code answered; None if the request went on.
    session_access_key_id: of the credentials issued, if any were.
    """

    time: datetime
    request_id: str
    caller_arn: str | None
    caller_type: str
    access_key_id: str | None
    action: str
    resource: str | None
    decision: str
    decided_by: str | None
    statements: tuple[str, ...]
    error: str | None
    source_ip: str
    session_access_key_id: str | None = None
