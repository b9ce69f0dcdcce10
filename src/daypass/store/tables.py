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
    """What a change log row speaks of; its key is the entity's id, a policy's ARN or a bucket's name."""

    ACCOUNT = "account"
    ACCESS_KEY = "access key"
    USER = "user"
    MANAGED_POLICY = "managed policy"
    BUCKET = "bucket"


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
)

# Every id ever given to a user, an access key or a managed policy. Rows are never deleted: an id in an old policy
# or an old audit record must never come to mean somebody else. (IAM User Guide, "IAM identifiers")
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
    UniqueConstraint("account_id", "name_key"),
)

user_tags = Table(
    "user_tags",
    metadata,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True),
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

# size: what the document counts towards limits.USER_INLINE_POLICIES_CHARS.
user_policies = Table(
    "user_policies",
    metadata,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True),
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

policy_tags = Table(
    "policy_tags",
    metadata,
    Column("policy_id", Text, ForeignKey("policies.policy_id"), primary_key=True),
    Column("tag_key", Text, primary_key=True),  # the key folded
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_id", Text, ForeignKey("policies.policy_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True),
    Column("policy_id", Text, ForeignKey("policies.policy_id"), primary_key=True, index=True),
)

buckets = Table(
    "buckets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("region", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("policy", Text, nullable=True),
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
