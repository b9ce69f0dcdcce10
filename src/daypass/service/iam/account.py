"""The account as a whole: its alias, its password policy, and how much of its quotas it uses.

Source: IAM API Reference; the keys of the summary are those that AWS answered in a public recording of February 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass import limits
from daypass.service.actions import Action, Check, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import refusal, worded
from daypass.service.iam.targets import Checks, account_id
from daypass.service.ports import PasswordPolicy

Result = Mapping[str, Any]

# Quotas of what is not served: AWS answers them, and they are never reached.
_UNUSED_QUOTAS: Final = {
    "PolicyVersionsInUseQuota": 10_000,
    "ServerCertificates": 0,
    "ServerCertificatesQuota": 20,
    "SigningCertificatesPerUserQuota": 2,
    "AccountSigningCertificatesPresent": 0,
    "AccountPasswordPresent": 0,
}


def on_account(action: str) -> Checks:
    """The checks of an action without resource-level permissions."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (Check(action, "*"),)

    return checks


# --- alias ---


async def create_account_alias(ports: Ports, exchange: Exchange) -> Result:
    """It replaces the one that is there: an account has one."""
    alias = exchange.parameters["AccountAlias"]
    with worded(alias=alias):
        await ports.directory.set_account_alias(account_id(exchange), alias)
    return {}


async def delete_account_alias(ports: Ports, exchange: Exchange) -> Result:
    alias = exchange.parameters["AccountAlias"]
    if exchange.caller.account.alias != alias:
        raise refusal("NoSuchEntity", f"The account alias with name {alias} cannot be found.")
    await ports.directory.set_account_alias(account_id(exchange), None)
    return {}


async def list_account_aliases(ports: Ports, exchange: Exchange) -> Result:
    alias = exchange.caller.account.alias
    shown, more = pages.page(exchange.parameters, [] if alias is None else [alias], lambda name: name)
    return {"AccountAliases": shown, **more}


# --- password policy ---


async def update_account_password_policy(ports: Ports, exchange: Exchange) -> Result:
    """The policy as a whole: what is not passed becomes the default again."""
    passed = {member: exchange.parameters[name] for name, member in _MEMBERS.items() if name in exchange.parameters}
    await ports.directory.set_password_policy(account_id(exchange), PasswordPolicy(**passed))
    return {}


async def get_account_password_policy(ports: Ports, exchange: Exchange) -> Result:
    policy = await ports.directory.find_password_policy(account_id(exchange))
    if policy is None:
        text = f"The Password Policy with domain name {account_id(exchange)} cannot be found."
        raise refusal("NoSuchEntity", text)
    members = {name: getattr(policy, member) for name, member in _MEMBERS.items()}
    answered = {name: value for name, value in members.items() if value is not None}
    return {"PasswordPolicy": answered | {"ExpirePasswords": policy.max_age_days is not None}}


async def delete_account_password_policy(ports: Ports, exchange: Exchange) -> Result:
    if await ports.directory.find_password_policy(account_id(exchange)) is None:
        raise refusal("NoSuchEntity", "The account policy with name PasswordPolicy cannot be found.")
    await ports.directory.set_password_policy(account_id(exchange), None)
    return {}


# Parameter of UpdateAccountPasswordPolicy, and member of its answer → field of PasswordPolicy.
_MEMBERS: Final = {
    "MinimumPasswordLength": "minimum_length",
    "RequireSymbols": "require_symbols",
    "RequireNumbers": "require_numbers",
    "RequireUppercaseCharacters": "require_uppercase",
    "RequireLowercaseCharacters": "require_lowercase",
    "AllowUsersToChangePassword": "allow_users_to_change",
    "MaxPasswordAge": "max_age_days",
    "PasswordReusePrevention": "reuse_prevention",
    "HardExpiry": "hard_expiry",
}


# --- summary ---


async def get_account_summary(ports: Ports, exchange: Exchange) -> Result:
    counts = await ports.directory.count_entities(account_id(exchange))
    return {
        "SummaryMap": {
            "Users": counts.users,
            "UsersQuota": limits.USERS_PER_ACCOUNT,
            "Groups": counts.groups,
            "GroupsQuota": limits.GROUPS_PER_ACCOUNT,
            "GroupsPerUserQuota": limits.GROUPS_PER_USER,
            "Roles": counts.roles,
            "RolesQuota": limits.ROLES_PER_ACCOUNT,
            "InstanceProfiles": counts.instance_profiles,
            "InstanceProfilesQuota": limits.INSTANCE_PROFILES_PER_ACCOUNT,
            "Policies": counts.policies,
            "PoliciesQuota": limits.MANAGED_POLICIES_PER_ACCOUNT,
            "PolicyVersionsInUse": counts.policy_versions,
            "VersionsPerPolicyQuota": limits.MANAGED_POLICY_VERSIONS,
            "PolicySizeQuota": limits.MANAGED_POLICY_CHARS,
            "UserPolicySizeQuota": limits.USER_INLINE_POLICIES_CHARS,
            "GroupPolicySizeQuota": limits.GROUP_INLINE_POLICIES_CHARS,
            "RolePolicySizeQuota": limits.ROLE_INLINE_POLICIES_CHARS,
            "AssumeRolePolicySizeQuota": limits.TRUST_POLICY_CHARS,
            "AttachedPoliciesPerUserQuota": limits.MANAGED_POLICIES_PER_USER,
            "AttachedPoliciesPerGroupQuota": limits.MANAGED_POLICIES_PER_GROUP,
            "AttachedPoliciesPerRoleQuota": limits.MANAGED_POLICIES_PER_ROLE,
            "AccessKeysPerUserQuota": limits.ACCESS_KEYS_PER_USER,
            "MFADevices": counts.mfa_devices,
            "MFADevicesInUse": counts.mfa_devices_in_use,
            "Providers": counts.providers,
            "AccountMFAEnabled": int(counts.root_mfa_devices > 0),
            "AccountAccessKeysPresent": int(counts.root_access_keys > 0),
            "GlobalEndpointTokenVersion": 1,
            **_UNUSED_QUOTAS,
        }
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateAccountAlias": Action(create_account_alias, on_account("iam:CreateAccountAlias")),
    "DeleteAccountAlias": Action(delete_account_alias, on_account("iam:DeleteAccountAlias")),
    "ListAccountAliases": Action(list_account_aliases, on_account("iam:ListAccountAliases")),
    "UpdateAccountPasswordPolicy": Action(
        update_account_password_policy, on_account("iam:UpdateAccountPasswordPolicy")
    ),
    "GetAccountPasswordPolicy": Action(get_account_password_policy, on_account("iam:GetAccountPasswordPolicy")),
    "DeleteAccountPasswordPolicy": Action(
        delete_account_password_policy, on_account("iam:DeleteAccountPasswordPolicy")
    ),
    "GetAccountSummary": Action(get_account_summary, on_account("iam:GetAccountSummary")),
}
