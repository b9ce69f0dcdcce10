"""Groups, roles, identity providers, passwords, MFA devices and control policies; what belongs to a user, a group or a
role is kept in the same tables for all three.

The account that was made first becomes the one that may act on the others.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _columns()
    _tables()
    _move()


def _columns() -> None:
    with op.batch_alter_table("accounts") as accounts:
        accounts.add_column(sa.Column("name", sa.Text, nullable=True))
        accounts.add_column(sa.Column("alias", sa.Text, nullable=True))
        accounts.add_column(sa.Column("management", sa.Boolean, nullable=False, server_default=sa.false()))
        accounts.add_column(sa.Column("closed", sa.Integer, nullable=True))
        accounts.add_column(sa.Column("password_policy", sa.Text, nullable=True))
        accounts.add_column(sa.Column("web_identity_issuer", sa.Text, nullable=True))
        accounts.create_unique_constraint("uq_accounts_alias", ["alias"])
    op.execute(
        "UPDATE accounts SET management = true WHERE account_id ="
        " (SELECT account_id FROM accounts ORDER BY created, account_id LIMIT 1)"
    )
    op.add_column("users", sa.Column("boundary", sa.Text, nullable=True))
    op.create_index("ix_users_boundary", "users", ["boundary"])
    for document in ("public_access_block", "cors"):
        op.add_column("buckets", sa.Column(document, sa.Text, nullable=True))


def _tables() -> None:
    op.create_table(
        "control_policies",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_control_policies"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_control_policies_account_id"),
    )
    op.create_index("ix_control_policies_account_id", "control_policies", ["account_id"])
    op.create_table(
        "tags",
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("tag_key", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "tag_key", name="pk_tags"),
    )
    op.create_table(
        "inline_policies",
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "name", name="pk_inline_policies"),
    )
    op.create_table(
        "groups",
        sa.Column("group_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("group_id", name="pk_groups"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_groups_account_id"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_groups_account_id_name_key"),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_group_members"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name="fk_group_members_group_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_group_members_user_id"),
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"])
    op.create_table(
        "roles",
        sa.Column("role_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("arn", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("trust_policy", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("max_session_seconds", sa.Integer, nullable=False),
        sa.Column("boundary", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("role_id", name="pk_roles"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_roles_account_id"),
        sa.UniqueConstraint("arn", name="uq_roles_arn"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_roles_account_id_name_key"),
    )
    op.create_index("ix_roles_boundary", "roles", ["boundary"])
    op.create_table(
        "instance_profiles",
        sa.Column("instance_profile_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("role_id", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("instance_profile_id", name="pk_instance_profiles"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_instance_profiles_account_id"),
        sa.ForeignKeyConstraint(["role_id"], ["roles.role_id"], name="fk_instance_profiles_role_id"),
        sa.UniqueConstraint("account_id", "name_key", name="uq_instance_profiles_account_id_name_key"),
    )
    op.create_index("ix_instance_profiles_role_id", "instance_profiles", ["role_id"])
    op.create_table(
        "last_uses",
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("service", sa.Text, nullable=True),
        sa.Column("region", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("entity_id", name="pk_last_uses"),
    )
    op.create_table(
        "login_profiles",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("former", sa.Text, nullable=False),
        sa.Column("reset_required", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_login_profiles"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_login_profiles_user_id"),
    )
    op.create_table(
        "credential_reports",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("generated", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_credential_reports"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_credential_reports_account_id"),
    )
    op.create_table(
        "mfa_devices",
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=True),
        sa.Column("enabled", sa.Integer, nullable=True),
        sa.Column("last_counter", sa.Integer, nullable=False),
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("serial_number", name="pk_mfa_devices"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_mfa_devices_account_id"),
    )
    op.create_index("ix_mfa_devices_account_id", "mfa_devices", ["account_id"])
    op.create_index("ix_mfa_devices_owner_id", "mfa_devices", ["owner_id"])
    op.create_table(
        "oidc_providers",
        sa.Column("arn", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("client_ids", sa.Text, nullable=False),
        sa.Column("thumbprints", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("arn", name="pk_oidc_providers"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_oidc_providers_account_id"),
    )
    op.create_index("ix_oidc_providers_account_id", "oidc_providers", ["account_id"])
    op.create_table(
        "saml_providers",
        sa.Column("arn", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("valid_until", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("arn", name="pk_saml_providers"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_saml_providers_account_id"),
    )
    op.create_index("ix_saml_providers_account_id", "saml_providers", ["account_id"])
    op.create_table(
        "web_identity_keys",
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key_name", name="pk_web_identity_keys"),
    )


def _move() -> None:
    """From the tables of one kind of entity to those of all kinds."""
    for kind, column in (("user", "user_id"), ("policy", "policy_id")):
        op.execute(
            f"INSERT INTO tags (entity_id, tag_key, key, value)"  # noqa: S608  constants of this function
            f" SELECT {column}, tag_key, key, value FROM {kind}_tags"
        )
        op.drop_table(f"{kind}_tags")
    op.execute(
        "INSERT INTO inline_policies (entity_id, name, document, size)"
        " SELECT user_id, name, document, size FROM user_policies"
    )
    op.drop_table("user_policies")
    op.rename_table("attachments", "user_attachments")
    op.drop_index("ix_attachments_policy_id", "user_attachments")
    op.create_table(
        "attachments",
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("policy_arn", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "policy_arn", name="pk_attachments"),
    )
    op.create_index("ix_attachments_policy_arn", "attachments", ["policy_arn"])
    op.execute(
        "INSERT INTO attachments (entity_id, policy_arn) SELECT user_attachments.user_id, policies.arn"
        " FROM user_attachments JOIN policies ON policies.policy_id = user_attachments.policy_id"
    )
    op.drop_table("user_attachments")
