"""Accounts, users, access keys, policies, buckets and the change log.

Column types are spelled out here and not taken from tables.py: a revision says what was, whatever comes later.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
    )
    op.create_table(
        "identifiers",
        sa.Column("identifier", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("identifier", name="pk_identifiers"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_users_account_id"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_users_account_id_name_key"),
    )
    op.create_table(
        "user_tags",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("tag_key", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "tag_key", name="pk_user_tags"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_user_tags_user_id"),
    )
    op.create_table(
        "access_keys",
        sa.Column("access_key_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=True),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("access_key_id", name="pk_access_keys"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_access_keys_account_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_access_keys_user_id"),
    )
    op.create_index("ix_access_keys_account_id_user_id", "access_keys", ["account_id", "user_id"])
    op.create_table(
        "user_policies",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "name", name="pk_user_policies"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_user_policies_user_id"),
    )
    op.create_table(
        "policies",
        sa.Column("policy_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("arn", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("default_version", sa.Integer, nullable=False),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", name="pk_policies"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_policies_account_id"),
        sa.UniqueConstraint("arn", name="uq_policies_arn"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_policies_account_id_name_key"),
    )
    op.create_table(
        "policy_tags",
        sa.Column("policy_id", sa.Text, nullable=False),
        sa.Column("tag_key", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "tag_key", name="pk_policy_tags"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], name="fk_policy_tags_policy_id"),
    )
    op.create_table(
        "policy_versions",
        sa.Column("policy_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "version", name="pk_policy_versions"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], name="fk_policy_versions_policy_id"),
    )
    op.create_table(
        "attachments",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("policy_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "policy_id", name="pk_attachments"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_attachments_user_id"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.policy_id"], name="fk_attachments_policy_id"),
    )
    op.create_index("ix_attachments_policy_id", "attachments", ["policy_id"])
    op.create_table(
        "buckets",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("policy", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_buckets"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_buckets_account_id"),
    )
    op.create_index("ix_buckets_account_id", "buckets", ["account_id"])
    op.create_table(
        "changes",
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_changes"),
        sqlite_autoincrement=True,
    )
