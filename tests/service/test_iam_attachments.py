"""service.iam.attachments through boto3.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.api import InProcess, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, TRUST_TEXT, policy_arn, refusal


@pytest.fixture
def user(iam: Any, name: str) -> str:
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def arn(iam: Any, name: str) -> str:
    made: str = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    return made


def test_a_policy_is_attached_listed_from_both_sides_and_detached(iam: Any, user: str, arn: str) -> None:
    assert iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == []
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)  # again changes nothing
    listed = iam.list_attached_user_policies(UserName=user)
    assert (listed["AttachedPolicies"], listed["IsTruncated"]) == ([{"PolicyName": user, "PolicyArn": arn}], False)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert entities["PolicyUsers"] == [{"UserName": user, "UserId": iam.get_user(UserName=user)["User"]["UserId"]}]
    assert (entities["PolicyGroups"], entities["PolicyRoles"], entities["IsTruncated"]) == ([], [], False)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    assert iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == []


def test_an_attached_policy_is_in_force_at_the_next_request(iam: Any, iam_server: InProcess, name: str) -> None:
    own = client(iam_server, iam_server.user(name))
    arn = iam_server.managed_policy(name, allow("iam:GetUser"))
    assert refusal(own.get_user)[1] == "AccessDenied"
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    own.get_user()
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    assert refusal(own.get_user)[1] == "AccessDenied"


def test_a_policy_that_is_not_there_cannot_be_attached(iam: Any, user: str) -> None:
    arn = policy_arn("nonexistent")
    assert refusal(iam.attach_user_policy, UserName=user, PolicyArn=arn) == (
        404,
        "NoSuchEntity",
        f"Policy {arn} does not exist or is not attachable.",
    )


def test_a_policy_that_is_not_attached_cannot_be_detached(iam: Any, user: str, arn: str) -> None:
    for missing in (arn, policy_arn("nonexistent")):
        assert refusal(iam.detach_user_policy, UserName=user, PolicyArn=missing) == (
            404,
            "NoSuchEntity",
            f"Policy {missing} was not found.",
        )


@pytest.mark.parametrize("call", ["attach_user_policy", "detach_user_policy"])
def test_a_user_that_is_not_there_cannot_be_found(iam: Any, arn: str, call: str) -> None:
    missing = (404, "NoSuchEntity", "The user with name nobody cannot be found.")
    assert refusal(getattr(iam, call), UserName="nobody", PolicyArn=arn) == missing
    assert refusal(iam.list_attached_user_policies, UserName="nobody") == missing


def test_an_eleventh_policy_is_not_attached(iam: Any, user: str) -> None:
    """The text: many users' issues."""
    arns = [
        iam.create_policy(PolicyName=f"{user}-{number}", PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName=user, PolicyArn=arn)
    assert refusal(iam.attach_user_policy, UserName=user, PolicyArn=arns[10]) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerUser: 10",
    )


def test_attached_policies_are_listed_below_a_path_page_by_page(iam: Any, user: str) -> None:
    for letter, path in (("b", "/x/"), ("A", "/x/y/"), ("c", "/")):
        made = iam.create_policy(PolicyName=f"{user}-{letter}", Path=path, PolicyDocument=DOCUMENT_TEXT)
        iam.attach_user_policy(UserName=user, PolicyArn=made["Policy"]["Arn"])

    def names(page: Any) -> list[str]:
        return [row["PolicyName"].removeprefix(f"{user}-") for row in page["AttachedPolicies"]]

    assert names(iam.list_attached_user_policies(UserName=user, PathPrefix="/x/")) == ["A", "b"]
    first = iam.list_attached_user_policies(UserName=user, MaxItems=2)
    assert first["IsTruncated"] is True
    rest = iam.list_attached_user_policies(UserName=user, Marker=first["Marker"])
    assert sorted(names(first) + names(rest)) == ["A", "b", "c"]


def test_the_entities_of_a_policy_can_be_filtered(iam: Any, name: str, arn: str) -> None:
    for letter, path in (("a", "/x/"), ("b", "/y/")):
        iam.create_user(UserName=f"{name}-{letter}", Path=path)
        iam.attach_user_policy(UserName=f"{name}-{letter}", PolicyArn=arn)
    iam.create_role(RoleName=f"{name}-c", Path="/x/", AssumeRolePolicyDocument=TRUST_TEXT, PermissionsBoundary=arn)
    iam.create_role(RoleName=f"{name}-d", Path="/y/", AssumeRolePolicyDocument=TRUST_TEXT, PermissionsBoundary=arn)
    iam.attach_role_policy(RoleName=f"{name}-d", PolicyArn=arn)

    def letters(**filters: Any) -> str:
        page = iam.list_entities_for_policy(PolicyArn=arn, **filters)
        assert page["PolicyGroups"] == []
        found = [row["UserName"] for row in page["PolicyUsers"]] + [row["RoleName"] for row in page["PolicyRoles"]]
        return "".join(entity.removeprefix(f"{name}-") for entity in found)

    assert letters() == "abcd"
    assert letters(PolicyUsageFilter="PermissionsPolicy") == "abd"
    assert letters(PolicyUsageFilter="PermissionsBoundary") == "cd"
    assert letters(EntityFilter="User") == "ab"
    assert letters(EntityFilter="Role") == "cd"
    assert letters(EntityFilter="Role", PolicyUsageFilter="PermissionsPolicy", PathPrefix="/y/") == "d"
    assert letters(EntityFilter="Group") == letters(EntityFilter="LocalManagedPolicy") == ""
    assert letters(PathPrefix="/x/") == "ac"
    first = iam.list_entities_for_policy(PolicyArn=arn, MaxItems=3)
    assert (len(first["PolicyUsers"]), len(first["PolicyRoles"]), first["IsTruncated"]) == (2, 1, True)
    assert letters(Marker=first["Marker"]) == "d"
    one = iam.list_entities_for_policy(PolicyArn=arn, MaxItems=1)
    assert letters(Marker=one["Marker"]) == "bcd"


@pytest.mark.parametrize("marker", ["eA==", "YmFk", "bm8vbmFtZQ==", "not base64!"])
def test_a_marker_of_another_listing_is_refused(iam: Any, arn: str, marker: str) -> None:
    assert refusal(iam.list_entities_for_policy, PolicyArn=arn, Marker=marker) == (
        400,
        "ValidationError",
        "Invalid Marker.",
    )


def test_a_denying_policy_takes_away_what_an_inline_one_gives(iam: Any, iam_server: InProcess, name: str) -> None:
    own = client(iam_server, iam_server.user(name, allow("iam:GetUser")))
    own.get_user()
    deny = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}})
    arn = iam.create_policy(PolicyName=name, PolicyDocument=deny)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    refused = refusal(own.get_user)
    assert refused[1] == "AccessDenied"
    assert refused[2].endswith("with an explicit deny in an identity-based policy")
