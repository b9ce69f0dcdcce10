"""Who and what a request speaks of, as it is now: read whole, cached, policies compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.names import Secret
from daypass.policy import Policy

Levels = tuple[tuple[Policy, ...], ...]


@dataclass(frozen=True, slots=True)
class Account:
    """account_id: twelve digits.

    alias: for sign-in pages; None if it has none.
    management: whether it may act on the others (AssumeRoot).
    closed: since when nobody of it may do anything; None of an open account.
    web_identity_issuer: its part of the address of its issuer of web identity tokens; None if it issues none.
    service_control, resource_control: levels as daypass.policy.PolicySet takes them; None where none is attached.
    """

    account_id: str
    created: datetime
    alias: str | None = None
    management: bool = False
    closed: datetime | None = None
    service_control: Levels | None = None
    resource_control: Levels | None = None
    web_identity_issuer: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user as it is now, with what a decision needs of it.

    user_id: `AIDA…`; never used again, so a user created anew under the same name is another user.
    path: begins and ends with `/`.
    tags: key as written → value; keys are compared without case.
    policies: identity-based policies in force: inline ones, then attached managed ones, then those of its groups.
    boundary: the permissions boundary.
    """

    user_id: str
    account_id: str
    name: str
    path: str
    arn: str
    created: datetime
    tags: Mapping[str, str]
    policies: tuple[Policy, ...]
    boundary: Policy | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role as it is now. Fields as in User.

    role_id: `AROA…`.
    trust: who may assume it (AssumeRolePolicyDocument), compiled as a role trust policy.
    max_session_seconds: MaxSessionDuration.
    """

    role_id: str
    account_id: str
    name: str
    path: str
    arn: str
    created: datetime
    tags: Mapping[str, str]
    trust: Policy
    max_session_seconds: int
    policies: tuple[Policy, ...]
    boundary: Policy | None = None


@dataclass(frozen=True, slots=True)
class MfaDevice:
    """A virtual MFA device in use. owner_id: a user's id, or the account id for root. seed: the TOTP key in base32.

    last_counter: of the time step whose code was accepted last: none up to it is accepted again.
    """

    serial_number: str
    account_id: str
    owner_id: str
    seed: Secret
    last_counter: int


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An OpenID Connect identity provider. url: without its scheme, as IAM keeps it."""

    arn: str
    account_id: str
    url: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """A SAML identity provider. metadata: its XML document, as it was checked and stored."""

    arn: str
    account_id: str
    name: str
    metadata: str
    created: datetime


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
    """A managed policy; account_id is names.AWS for one of AWS's own.

    document: the default version, compiled once as a session policy.
    """

    arn: str
    account_id: str
    document: str
    session_policy: Policy


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket's ownership and policy. policy: compiled; None if it has none.

    public_access_block, cors: the documents of those sub-resources as stored; None if it has none.
    """

    name: str
    account_id: str
    region: str
    created: datetime
    policy: Policy | None
    public_access_block: str | None = None
    cors: str | None = None


class IdentityReader(Protocol):
    """Reads for the path of a request. Answers come from a cache at most limits.FRESHNESS_SECONDS old;
    what the cache does not know is looked up in the store before None is answered."""

    async def account(self, account_id: str) -> Account | None: ...

    async def access_key(self, access_key_id: str) -> AccessKey | None: ...

    def held(self, access_key_id: str) -> tuple[AccessKey, Account, User | None] | None:
        """The key with its account and its user (none of root), if each would be answered without waiting.

        None says nothing: ask for each.
        """

    # Each as it would be answered without waiting. None says nothing: ask.

    def held_account(self, account_id: str) -> Account | None: ...

    def held_user(self, user_id: str) -> User | None: ...

    def held_role(self, role: str) -> Role | None: ...

    def held_managed_policy(self, arn: str) -> ManagedPolicy | None: ...

    def held_oidc_provider(self, arn: str) -> OidcProvider | None: ...

    def held_bucket(self, name: str) -> Bucket | None: ...

    async def user(self, user_id: str) -> User | None: ...

    async def role(self, role: str) -> Role | None:
        """role: its unique id, or its ARN."""

    async def mfa_device(self, serial_number: str) -> MfaDevice | None:
        """One that is enabled."""

    async def oidc_provider(self, arn: str) -> OidcProvider | None: ...

    async def saml_provider(self, arn: str) -> SamlProvider | None: ...

    async def managed_policy(self, arn: str) -> ManagedPolicy | None: ...

    async def bucket(self, name: str) -> Bucket | None: ...
