"""service.iam.account through boto3: the account's alias, its password policy and its summary.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.api import ACCOUNT, InProcess
from support.iam import DOCUMENT, TRUST_TEXT, refusal

DEFAULTS = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
    "ExpirePasswords": False,
}


# --- alias ---


def test_an_account_has_no_alias_or_one(iam: Any) -> None:
    """That the second replaces the first is what users of AWS observed (floci pull request 2103)."""
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="acme")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme"]
    assert refusal(iam.create_account_alias, AccountAlias="acme") == (
        409,
        "EntityAlreadyExists",
        "The account alias acme already exists.",
    )
    iam.create_account_alias(AccountAlias="acme-2")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme-2"]
    assert refusal(iam.delete_account_alias, AccountAlias="acme") == (
        404,
        "NoSuchEntity",
        "The account alias with name acme cannot be found.",
    )
    iam.delete_account_alias(AccountAlias="acme-2")
    answer = iam.list_account_aliases()
    assert (answer["AccountAliases"], answer["IsTruncated"]) == ([], False)


@pytest.mark.parametrize("alias", ["ab", "-acme", "acme-", "ac--me", "Acme", "acme.com", "a" * 64])
def test_an_alias_is_a_label_of_small_letters(iam: Any, alias: str) -> None:
    for call in (iam.create_account_alias, iam.delete_account_alias):
        assert refusal(call, AccountAlias=alias)[:2] == (400, "ValidationError")


# --- password policy ---


def test_there_is_no_password_policy_until_one_is_set(iam: Any) -> None:
    assert refusal(iam.get_account_password_policy) == (
        404,
        "NoSuchEntity",
        f"The Password Policy with domain name {ACCOUNT} cannot be found.",
    )
    assert refusal(iam.delete_account_password_policy) == (
        404,
        "NoSuchEntity",
        "The account policy with name PasswordPolicy cannot be found.",
    )


def test_a_password_policy_is_set_as_a_whole(iam: Any) -> None:
    custom = {
        "MinimumPasswordLength": 10,
        "RequireSymbols": True,
        "RequireNumbers": True,
        "RequireUppercaseCharacters": True,
        "RequireLowercaseCharacters": True,
        "AllowUsersToChangePassword": True,
        "MaxPasswordAge": 60,
        "PasswordReusePrevention": 3,
        "HardExpiry": True,
    }
    iam.update_account_password_policy(**custom)
    assert iam.get_account_password_policy()["PasswordPolicy"] == custom | {"ExpirePasswords": True}
    iam.update_account_password_policy()
    assert iam.get_account_password_policy()["PasswordPolicy"] == DEFAULTS
    iam.delete_account_password_policy()
    assert refusal(iam.get_account_password_policy)[1] == "NoSuchEntity"


def test_numbers_out_of_range_are_named_all_at_once(iam: Any) -> None:
    over = {"MinimumPasswordLength": 129, "PasswordReusePrevention": 25, "MaxPasswordAge": 1096}
    status, code, message = refusal(iam.update_account_password_policy, **over)
    assert (status, code) == (400, "ValidationError")
    assert message.startswith("3 validation errors detected: ")
    for member, bound in (("minimumPasswordLength", 128), ("passwordReusePrevention", 24), ("maxPasswordAge", 1095)):
        assert (
            f"at '{member}' failed to satisfy constraint: Member must have value less than or equal to {bound}"
            in message
        )
    under = {"MinimumPasswordLength": 5, "PasswordReusePrevention": 0, "MaxPasswordAge": 0}
    assert refusal(iam.update_account_password_policy, **under)[2].startswith("3 validation errors detected: ")


# --- summary ---


def test_the_summary_has_awss_keys_and_quotas(iam: Any) -> None:
    summary = iam.get_account_summary()["SummaryMap"]
    quotas = {
        "AccessKeysPerUserQuota": 2,
        "AccountSigningCertificatesPresent": 0,
        "AssumeRolePolicySizeQuota": 2048,
        "AttachedPoliciesPerGroupQuota": 10,
        "AttachedPoliciesPerRoleQuota": 10,
        "AttachedPoliciesPerUserQuota": 10,
        "GlobalEndpointTokenVersion": 1,
        "GroupPolicySizeQuota": 5120,
        "GroupsPerUserQuota": 10,
        "GroupsQuota": 300,
        "InstanceProfilesQuota": 1000,
        "PoliciesQuota": 1500,
        "PolicySizeQuota": 6144,
        "PolicyVersionsInUseQuota": 10000,
        "RolePolicySizeQuota": 10240,
        "RolesQuota": 1000,
        "ServerCertificatesQuota": 20,
        "SigningCertificatesPerUserQuota": 2,
        "UserPolicySizeQuota": 2048,
        "UsersQuota": 5000,
        "VersionsPerPolicyQuota": 5,
    }
    assert {key: summary[key] for key in quotas} == quotas
    counted = {*summary} - {*quotas}
    assert counted == {
        "AccountAccessKeysPresent",
        "AccountMFAEnabled",
        "AccountPasswordPresent",
        "Groups",
        "InstanceProfiles",
        "MFADevices",
        "MFADevicesInUse",
        "Policies",
        "PolicyVersionsInUse",
        "Providers",
        "Roles",
        "ServerCertificates",
        "Users",
    }
    assert (summary["AccountAccessKeysPresent"], summary["AccountMFAEnabled"]) == (1, 0)


def test_the_summary_counts_what_is_there(iam: Any, iam_server: InProcess, name: str) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT)
    iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
    iam.create_open_id_connect_provider(Url="https://idp.example.com/summary")
    iam_server.managed_policy(name, DOCUMENT)
    after = iam.get_account_summary()["SummaryMap"]
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == {
        "Users": 1,
        "Groups": 1,
        "Roles": 1,
        "MFADevices": 1,
        "Providers": 1,
        "Policies": 1,
        "PolicyVersionsInUse": 1,
    }
