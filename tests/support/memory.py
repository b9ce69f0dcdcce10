"""IdentityReader over dictionaries: an engine for tests of what reads identities, without a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from daypass import names
from daypass.names import Secret
from daypass.policy import Policy, PolicyKind
from daypass.service.ports import (
    AccessKey,
    Account,
    Bucket,
    ManagedPolicy,
    MfaDevice,
    OidcProvider,
    Role,
    SamlProvider,
    User,
)
from support.values import replace

TRUSTS_ACCOUNT = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole"}}'
)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class MemoryIdentities:
    """Answers of what was added and not removed. Ids are made in order, and none is made twice.

    reads: the names of the lookups, in order, for tests of what must not be looked up.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    access_keys: dict[str, AccessKey] = field(default_factory=dict)
    managed_policies: dict[str, ManagedPolicy] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    mfa_devices: dict[str, MfaDevice] = field(default_factory=dict)
    oidc_providers: dict[str, OidcProvider] = field(default_factory=dict)
    saml_providers: dict[str, SamlProvider] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    _ids_made: int = 0

    # --- IdentityReader ---

    async def account(self, account_id: str) -> Account | None:
        self.reads.append("account")
        return self.accounts.get(account_id)

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        self.reads.append("access_key")
        return self.access_keys.get(access_key_id)

    def held(self, access_key_id: str) -> tuple[AccessKey, Account, User | None] | None:
        key = self.access_keys.get(access_key_id)
        account = None if key is None else self.accounts.get(key.account_id)
        if key is None or account is None:
            return None
        user = self.users.get(key.owner_id)
        return None if user is None and key.owner_id != key.account_id else (key, account, user)

    def held_account(self, account_id: str) -> Account | None:
        return self.accounts.get(account_id)

    def held_user(self, user_id: str) -> User | None:
        return self.users.get(user_id)

    def held_role(self, role: str) -> Role | None:
        return next((found for found in self.roles.values() if role in (found.role_id, found.arn)), None)

    def held_managed_policy(self, arn: str) -> ManagedPolicy | None:
        return self.managed_policies.get(arn)

    def held_oidc_provider(self, arn: str) -> OidcProvider | None:
        return self.oidc_providers.get(arn)

    def held_bucket(self, name: str) -> Bucket | None:
        return self.buckets.get(name)

    async def user(self, user_id: str) -> User | None:
        self.reads.append("user")
        return self.users.get(user_id)

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        self.reads.append("managed_policy")
        return self.managed_policies.get(arn)

    async def bucket(self, name: str) -> Bucket | None:
        self.reads.append("bucket")
        return self.buckets.get(name)

    async def role(self, role: str) -> Role | None:
        """The dictionary has its roles under their ids."""
        self.reads.append("role")
        return next((found for found in self.roles.values() if role in (found.role_id, found.arn)), None)

    async def mfa_device(self, serial_number: str) -> MfaDevice | None:
        self.reads.append("mfa_device")
        return self.mfa_devices.get(serial_number)

    async def oidc_provider(self, arn: str) -> OidcProvider | None:
        self.reads.append("oidc_provider")
        return self.oidc_providers.get(arn)

    async def saml_provider(self, arn: str) -> SamlProvider | None:
        self.reads.append("saml_provider")
        return self.saml_providers.get(arn)

    # --- what there is ---

    def make_id(self, prefix: str, account_id: str) -> str:
        self._ids_made += 1
        return names.make_id(prefix, account_id, self._ids_made.to_bytes(names.ID_ENTROPY_BYTES))

    def add_account(self, account_id: str) -> Account:
        account = self.accounts[account_id] = Account(account_id, CREATED)
        return account

    def add_user(
        self,
        account_id: str,
        name: str,
        *,
        path: str = "/",
        tags: Mapping[str, str] | None = None,
        policies: tuple[Policy, ...] = (),
    ) -> User:
        user = User(
            user_id=self.make_id(names.USER_ID, account_id),
            account_id=account_id,
            name=name,
            path=path,
            arn=names.user_arn(account_id, path, name),
            created=CREATED,
            tags=tags or {},
            policies=policies,
        )
        self.users[user.user_id] = user
        return user

    def add_role(
        self,
        account_id: str,
        name: str,
        *,
        path: str = "/",
        trust: Policy | None = None,
        tags: Mapping[str, str] | None = None,
        policies: tuple[Policy, ...] = (),
        boundary: Policy | None = None,
    ) -> Role:
        """trust: the account itself, unless said otherwise."""
        role = Role(
            role_id=self.make_id(names.ROLE_ID, account_id),
            account_id=account_id,
            name=name,
            path=path,
            arn=names.role_arn(account_id, path, name),
            created=CREATED,
            tags=tags or {},
            trust=trust or Policy.parse(TRUSTS_ACCOUNT % account_id, PolicyKind.ROLE_TRUST),
            max_session_seconds=3600,
            policies=policies,
            boundary=boundary,
        )
        self.roles[role.role_id] = role
        return role

    def add_access_key(self, account_id: str, owner_id: str, secret: str) -> AccessKey:
        """owner_id: a user's id, or the account id for root."""
        access_key_id = self.make_id(names.LONG_TERM_KEY, account_id)
        key = self.access_keys[access_key_id] = AccessKey(access_key_id, account_id, owner_id, Secret(secret), True)
        return key

    def change_access_key(self, access_key_id: str, *, active: bool | None = None, secret: str | None = None) -> None:
        key = self.access_keys[access_key_id]
        self.access_keys[access_key_id] = replace(
            key,
            active=key.active if active is None else active,
            secret=key.secret if secret is None else Secret(secret),
        )
