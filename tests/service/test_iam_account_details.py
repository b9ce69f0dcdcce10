"""service.iam.account_details through boto3.

Answers: LocalStack's AWS-validated IAM snapshots of February 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.api import ACCOUNT, in_process
from support.boto3_in_process import client
from support.iam import DOCUMENT, DOCUMENT_TEXT, TRUST, TRUST_TEXT, policy_arn, refusal, role_arn, user_arn

LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
INLINE = [{"PolicyName": "inline", "PolicyDocument": DOCUMENT}]
ATTACHED = [{"PolicyName": "readers", "PolicyArn": policy_arn("readers")}]
TAGS = [{"Key": "somekey", "Value": "somevalue"}]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An IAM client of an account with one of each, and with a user, a role and a group that have nothing."""
    with in_process(tmp_path_factory.mktemp("iam") / "data") as server:
        iam = client(server, server.root)
        iam.create_policy(PolicyName="readers", PolicyDocument=DOCUMENT_TEXT, Description="d")
        iam.create_user(UserName="alice", Tags=TAGS, PermissionsBoundary=policy_arn("readers"))
        iam.create_role(
            RoleName="worker", Path="/my-path/", AssumeRolePolicyDocument=TRUST_TEXT, Tags=TAGS, Description="d"
        )
        iam.create_group(GroupName="staff")
        iam.add_user_to_group(GroupName="staff", UserName="alice")
        for kind, name in (("user", "alice"), ("role", "worker"), ("group", "staff")):
            target = {f"{kind.capitalize()}Name": name}
            getattr(iam, f"put_{kind}_policy")(**target, PolicyName="inline", PolicyDocument=DOCUMENT_TEXT)
            getattr(iam, f"attach_{kind}_policy")(**target, PolicyArn=policy_arn("readers"))
        iam.create_instance_profile(InstanceProfileName="box")
        iam.add_role_to_instance_profile(InstanceProfileName="box", RoleName="worker")
        iam.create_user(UserName="nothing")
        iam.create_group(GroupName="nothing")
        iam.create_role(RoleName="nothing", AssumeRolePolicyDocument=TRUST_TEXT)
        iam.attach_role_policy(RoleName="nothing", PolicyArn=AWS_POLICY)
        yield iam


def named(listed: Any, key: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in listed if row[key] == name)
    return {key: value for key, value in found.items() if key not in ("CreateDate", "UpdateDate")}


def filtered(account: Any, entity: str) -> Any:
    answer = account.get_account_authorization_details(Filter=[entity])
    assert answer["IsTruncated"] is False
    return answer


def test_of_a_user_everything_is_listed_and_nothing_else(account: Any) -> None:
    answer = filtered(account, "User")
    assert [len(answer[name]) for name in LISTS] == [2, 0, 0, 0]
    user = named(answer["UserDetailList"], "UserName", "alice")
    assert user == {
        "Path": "/",
        "UserName": "alice",
        "UserId": account.get_user(UserName="alice")["User"]["UserId"],
        "Arn": user_arn("alice"),
        "UserPolicyList": INLINE,
        "GroupList": ["staff"],
        "AttachedManagedPolicies": ATTACHED,
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": policy_arn("readers"),
        },
        "Tags": TAGS,
    }
    nothing = named(answer["UserDetailList"], "UserName", "nothing")
    assert (nothing["UserPolicyList"], nothing["GroupList"], nothing["AttachedManagedPolicies"]) == ([], [], [])


def test_of_a_group_everything_is_listed_and_nothing_else(account: Any) -> None:
    answer = filtered(account, "Group")
    assert [len(answer[name]) for name in LISTS] == [0, 2, 0, 0]
    assert named(answer["GroupDetailList"], "GroupName", "staff") == {
        "Path": "/",
        "GroupName": "staff",
        "GroupId": account.get_group(GroupName="staff")["Group"]["GroupId"],
        "Arn": f"arn:aws:iam::{ACCOUNT}:group/staff",
        "GroupPolicyList": INLINE,
        "AttachedManagedPolicies": ATTACHED,
    }


def test_of_a_role_everything_is_listed_and_nothing_else(account: Any) -> None:
    answer = filtered(account, "Role")
    assert [len(answer[name]) for name in LISTS] == [0, 0, 2, 0]
    role = named(answer["RoleDetailList"], "RoleName", "worker")
    profiles = role.pop("InstanceProfileList")
    assert role == {
        "Path": "/my-path/",
        "RoleName": "worker",
        "RoleId": account.get_role(RoleName="worker")["Role"]["RoleId"],
        "Arn": role_arn("worker", "/my-path/"),
        "AssumeRolePolicyDocument": TRUST,
        "RolePolicyList": INLINE,
        "AttachedManagedPolicies": ATTACHED,
        "Tags": TAGS,
        "RoleLastUsed": {},
    }
    assert [profile["InstanceProfileName"] for profile in profiles] == ["box"]
    assert [held["Arn"] for held in profiles[0]["Roles"]] == [role_arn("worker", "/my-path/")]
    nothing = named(answer["RoleDetailList"], "RoleName", "nothing")
    assert (nothing["RolePolicyList"], nothing["InstanceProfileList"]) == ([], [])


def test_of_a_policy_every_version_is_listed(account: Any) -> None:
    answer = filtered(account, "LocalManagedPolicy")
    assert [len(answer[name]) for name in LISTS] == [0, 0, 0, 1]
    policy = named(answer["Policies"], "PolicyName", "readers")
    (version,) = policy.pop("PolicyVersionList")
    assert (policy["Arn"], policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (
        policy_arn("readers"),
        3,
        1,
    )
    assert (version["VersionId"], version["IsDefaultVersion"], version["Document"]) == ("v1", True, DOCUMENT)


def test_of_the_policies_of_aws_those_in_use_are_listed(account: Any) -> None:
    answer = filtered(account, "AWSManagedPolicy")
    assert [len(answer[name]) for name in LISTS] == [0, 0, 0, 1]
    policy = answer["Policies"][0]
    assert (policy["Arn"], policy["AttachmentCount"]) == (AWS_POLICY, 1)
    assert policy["PolicyVersionList"][0]["Document"]["Statement"]


def test_without_a_filter_everything_is_listed_page_by_page(account: Any) -> None:
    whole = account.get_account_authorization_details()
    assert [len(whole[name]) for name in LISTS] == [2, 2, 2, 2]
    for size in (1, 3, 7, 8):
        paged: dict[str, list[Any]] = {name: [] for name in LISTS}
        marker: dict[str, str] = {}
        while True:
            page = account.get_account_authorization_details(MaxItems=size, **marker)
            assert sum(len(page[name]) for name in LISTS) <= size
            for name in LISTS:
                paged[name] += page[name]
            if not page["IsTruncated"]:
                break
            marker = {"Marker": page["Marker"]}
        assert paged == {name: whole[name] for name in LISTS}


def test_filters_are_put_together(account: Any) -> None:
    answer = account.get_account_authorization_details(Filter=["Role", "LocalManagedPolicy", "Role"])
    assert [len(answer[name]) for name in LISTS] == [0, 0, 2, 1]
    first = account.get_account_authorization_details(Filter=["Group", "LocalManagedPolicy"], MaxItems=2)
    assert [len(first[name]) for name in LISTS] == [0, 2, 0, 0]
    rest = account.get_account_authorization_details(Filter=["Group", "LocalManagedPolicy"], Marker=first["Marker"])
    assert [len(rest[name]) for name in LISTS] == [0, 0, 0, 1]


@pytest.mark.parametrize("marker", ["eA==", "Tm9ib2R5L3g=", "not base64!"])
def test_a_marker_of_another_listing_is_refused(account: Any, marker: str) -> None:
    refused = refusal(account.get_account_authorization_details, Marker=marker)
    assert refused == (400, "ValidationError", "Invalid Marker.")


def test_a_filter_that_is_none_is_refused(account: Any) -> None:
    refused = refusal(account.get_account_authorization_details, Filter=["Everything"])
    assert refused[:2] == (400, "ValidationError")
