"""The tables of the identity store, as SQLAlchemy Core sees them.

What a table means is said here; how it comes to be is migrations/versions, whose newest revision must give exactly
these tables (tests/store/test_migrations.py compares them).

Names are unique without regard to case, so each named row carries its name folded (`name_key`) beside the name.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


class Topic(StrEnum):
    """What a change log row speaks of; its key is the entity's id, the ARN of a policy, provider or device, or a
    bucket's name. A role is looked up by its id and by its ARN: its change is logged under both."""

    ACCOUNT = "account"
    ACCESS_KEY = "access key"
    USER = "user"
    MANAGED_POLICY = "managed policy"
    BUCKET = "bucket"
    ROLE = "role"
    MFA_DEVICE = "MFA device"
    OIDC_PROVIDER = "OIDC provider"
    SAML_PROVIDER = "SAML provider"


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, kept as whole seconds since the epoch."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


def name_key(name: str) -> str:
    """The form of a name or tag key in which two that differ only in case are equal."""
    return name.lower()


accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("created", Moment, nullable=False),
    Column("name", Text, nullable=True),
    Column("alias", Text, nullable=True, unique=True),
    Column("management", Boolean, nullable=False),
    Column("closed", Moment, nullable=True),
    Column("password_policy", Text, nullable=True),
    Column("web_identity_issuer", Text, nullable=True),
)

# Service and resource control policies. kind: the value of their daypass.policy.PolicyKind.
# account_id: null for one that is attached to all accounts.
control_policies = Table(
    "control_policies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=True, index=True),
    Column("document", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

# Every id ever given to a user, an access key, a policy, a group, a role or an instance profile. Rows are never
# deleted: an id in an old policy or an old audit record must never come to mean somebody else.
# (IAM User Guide, "IAM identifiers")
identifiers = Table("identifiers", metadata, Column("identifier", Text, primary_key=True))

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("boundary", Text, nullable=True, index=True),
    UniqueConstraint("account_id", "name_key"),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created", Moment, nullable=False),
    UniqueConstraint("account_id", "name_key"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Text, ForeignKey("groups.group_id"), primary_key=True),
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True, index=True),
)

# boundary: the ARN of the managed policy that is the permissions boundary, here and in users.
roles = Table(
    "roles",
    metadata,
    Column("role_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("trust_policy", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("max_session_seconds", Integer, nullable=False),
    Column("boundary", Text, nullable=True, index=True),
    UniqueConstraint("account_id", "name_key"),
)

instance_profiles = Table(
    "instance_profiles",
    metadata,
    Column("instance_profile_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("role_id", Text, ForeignKey("roles.role_id"), nullable=True, index=True),
    UniqueConstraint("account_id", "name_key"),
)

# entity_id: of a user, a role, a managed policy or an instance profile, or the ARN of a provider or MFA device.
tags = Table(
    "tags",
    metadata,
    Column("entity_id", Text, primary_key=True),
    Column("tag_key", Text, primary_key=True),  # the key folded
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
)

# user_id: null for a key of the account's root user.
# key_id, salt, sealed: the secret, encrypted (store.sealing); the plain secret is nowhere in the store.
access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("user_id", Text, ForeignKey("users.user_id"), nullable=True),
    Column("active", Boolean, nullable=False),
    Column("created", Moment, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "account_id", "user_id"),
)

# When credentials or a role were last used, and for what; written in the background, in no transaction of a request.
# entity_id: an access key id, a role id, or a user id for its password.
last_uses = Table(
    "last_uses",
    metadata,
    Column("entity_id", Text, primary_key=True),
    Column("used", Moment, nullable=False),
    Column("service", Text, nullable=True),
    Column("region", Text, nullable=True),
)

# password: an Argon2 hash. former: a JSON list of those before it, newest first, as far as reuse may be forbidden.
login_profiles = Table(
    "login_profiles",
    metadata,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True),
    Column("created", Moment, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("password", Text, nullable=False),
    Column("former", Text, nullable=False),
    Column("reset_required", Boolean, nullable=False),
)

# The credential report that was made last. content: CSV.
credential_reports = Table(
    "credential_reports",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("generated", Moment, nullable=False),
    Column("content", Text, nullable=False),
)

# owner_id: of the user, or the account id for root; null until the device is enabled, and so is `enabled`.
# key_id, salt, sealed: the seed, encrypted as the secret of an access key is.
# last_counter: of the time step whose code was accepted last; a code is accepted once.
mfa_devices = Table(
    "mfa_devices",
    metadata,
    Column("serial_number", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("owner_id", Text, nullable=True, index=True),
    Column("enabled", Moment, nullable=True),
    Column("last_counter", Integer, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

# client_ids, thumbprints: JSON lists, in the order of IAM's answers.
oidc_providers = Table(
    "oidc_providers",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("client_ids", Text, nullable=False),
    Column("thumbprints", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

saml_providers = Table(
    "saml_providers",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("valid_until", Moment, nullable=True),
)

# The keys that sign what GetWebIdentityToken issues. public: the JWK as published; the private key is sealed.
web_identity_keys = Table(
    "web_identity_keys",
    metadata,
    Column("key_name", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("public", Text, nullable=False),
    Column("key_id", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

# size: what the document counts towards the entity's limit of all its inline policies.
inline_policies = Table(
    "inline_policies",
    metadata,
    Column("entity_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("size", Integer, nullable=False),
)

# latest_version: the highest version number ever given; numbers are not used again.
policies = Table(
    "policies",
    metadata,
    Column("policy_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("default_version", Integer, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    UniqueConstraint("account_id", "name_key"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_id", Text, ForeignKey("policies.policy_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

# entity_id: of a user, a group or a role. policy_arn: of a customer managed policy, or of one of AWS's own, which
# are no rows here.
attachments = Table(
    "attachments",
    metadata,
    Column("entity_id", Text, primary_key=True),
    Column("policy_arn", Text, primary_key=True, index=True),
)

buckets = Table(
    "buckets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("region", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("policy", Text, nullable=True),
    Column("public_access_block", Text, nullable=True),
    Column("cors", Text, nullable=True),
)

# What changed, in the order of commits, written in the transaction of the change itself: how caches learn of it.
changes = Table(
    "changes",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    sqlite_autoincrement=True,  # a number is not used again after its row was pruned
)
