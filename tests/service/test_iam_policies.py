"""service.iam.policies through boto3: customer managed policies and their tags.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from daypass import limits
from support.iam import DOCUMENT, DOCUMENT_TEXT, policy_arn, refusal


def names_of(page: Any) -> list[str]:
    return [policy["PolicyName"] for policy in page["Policies"]]


@pytest.mark.parametrize("path", [None, "/", "/test/path/"])
def test_a_policy_is_made_got_listed_and_deleted(iam: Any, name: str, path: str | None) -> None:
    given = {"Path": path} if path else {}
    made = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT, Description="for tests", **given)["Policy"]
    assert made["PolicyId"].startswith("ANPA")
    assert made["CreateDate"] == made["UpdateDate"]
    facts = {key: value for key, value in made.items() if key not in {"PolicyId", "CreateDate", "UpdateDate"}}
    assert facts == {
        "PolicyName": name,
        "Arn": policy_arn(name, path or "/"),
        "Path": path or "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
    }
    got = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    assert got == made | {"Description": "for tests", "Tags": []}  # AWS answers these two in GetPolicy only
    assert made in iam.list_policies(Scope="Local")["Policies"]
    iam.delete_policy(PolicyArn=made["Arn"])
    assert refusal(iam.get_policy, PolicyArn=made["Arn"]) == (
        404,
        "NoSuchEntity",
        f"Policy {made['Arn']} was not found.",
    )


def test_a_name_is_taken_in_whatever_case_and_path(iam: Any, name: str) -> None:
    iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)
    upper = name.upper()
    assert refusal(iam.create_policy, PolicyName=upper, Path="/x/", PolicyDocument=DOCUMENT_TEXT) == (
        409,
        "EntityAlreadyExists",
        f"A policy called {upper} already exists. Duplicate names are not allowed.",
    )


def test_a_document_that_is_no_policy_is_refused(iam: Any, name: str) -> None:
    refused = refusal(iam.create_policy, PolicyName=name, PolicyDocument="{}")
    assert refused[:2] == (400, "MalformedPolicyDocument")
    assert refusal(iam.get_policy, PolicyArn=policy_arn(name))[1] == "NoSuchEntity"


@pytest.mark.parametrize("version", ["", '"Version":"2008-10-17",'])
def test_a_managed_policy_states_the_current_version(iam: Any, name: str, version: str) -> None:
    """Source: recorded answers of AWS IAM to CreatePolicy."""
    document = "{" + version + '"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
    assert refusal(iam.create_policy, PolicyName=name, PolicyDocument=document) == (
        400,
        "MalformedPolicyDocument",
        "Policy document must be version 2012-10-17 or greater.",
    )


def test_a_document_has_at_most_6144_characters_without_white_space(iam: Any, name: str) -> None:
    """The text: issues of terraform users, as ministryofjustice/cloud-platform-environments 14473."""
    whole = DOCUMENT_TEXT.replace(" ", "").replace('"*"', '["*",%s]')
    room = limits.MANAGED_POLICY_CHARS - len(whole) + len("%s")

    def resource(size: int) -> str:
        return f'"arn:aws:s3:::{"x" * (size - len(chr(34) + "arn:aws:s3:::" + chr(34)))}"'

    too_long = (409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refusal(iam.create_policy, PolicyName=name, PolicyDocument=whole % resource(room + 1)) == too_long
    spaced = (whole % resource(room)).replace(",", " ,\n ")
    arn = iam.create_policy(PolicyName=name, PolicyDocument=spaced)["Policy"]["Arn"]
    longer = refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=whole % resource(room + 1))
    assert longer == too_long


@pytest.mark.parametrize(
    "call",
    [
        "get_policy",
        "delete_policy",
        "list_policy_versions",
        "list_entities_for_policy",
        "list_policy_tags",
    ],
)
def test_a_policy_that_is_not_there_was_not_found(iam: Any, call: str) -> None:
    arn = policy_arn("none")
    assert refusal(getattr(iam, call), PolicyArn=arn) == (404, "NoSuchEntity", f"Policy {arn} was not found.")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:user/alice",
        "arn:aws:iam::123456789012:policy/",
        "arn:aws:iam:us-east-1:123456789012:policy/p",
        "arn:aws:s3::123456789012:policy/p",
        "arn:aws-cn:iam::123456789012:policy/p",
    ],
)
def test_what_cannot_be_the_arn_of_a_policy_is_refused(iam: Any, arn: str) -> None:
    """The text: aws-samples/aws-cdk-examples issue 287."""
    assert refusal(iam.get_policy, PolicyArn=arn) == (400, "InvalidInput", f"ARN {arn} is not valid.")


def test_what_is_no_arn_at_all_is_refused_with_another_code(iam: Any) -> None:
    text = "longpolicynamebutnoarn"
    refused = (400, "ValidationError", f"ARN {text} is not valid.")
    for call in (iam.get_policy, iam.delete_policy, iam.list_entities_for_policy):
        assert refusal(call, PolicyArn=text) == refused
    assert refusal(iam.attach_role_policy, RoleName="any", PolicyArn=text) == refused
    assert refusal(iam.put_role_permissions_boundary, RoleName="any", PermissionsBoundary=text) == refused


def test_policies_are_listed_by_scope_path_attachment_and_usage(iam: Any, name: str) -> None:
    prefix = f"/{name}/"
    for letter in "abc":
        iam.create_policy(PolicyName=f"{name}-{letter}", Path=prefix, PolicyDocument=DOCUMENT_TEXT)
    iam.create_user(UserName=name, PermissionsBoundary=policy_arn(f"{name}-c", prefix))
    iam.attach_user_policy(UserName=name, PolicyArn=policy_arn(f"{name}-a", prefix))
    every, one = [f"{name}-a", f"{name}-b", f"{name}-c"], [f"{name}-a"]
    assert names_of(iam.list_policies(PathPrefix=prefix)) == every
    assert names_of(iam.list_policies(PathPrefix=prefix, Scope="All")) == every
    assert names_of(iam.list_policies(PathPrefix=prefix, Scope="Local")) == every
    assert names_of(iam.list_policies(PathPrefix=prefix, Scope="AWS")) == []
    assert names_of(iam.list_policies(PathPrefix=prefix, OnlyAttached=False)) == every
    attached = iam.list_policies(PathPrefix=prefix, OnlyAttached=True)
    assert names_of(attached) == one
    assert attached["Policies"][0]["AttachmentCount"] == 1
    assert names_of(iam.list_policies(PathPrefix=prefix, PolicyUsageFilter="PermissionsPolicy")) == every[:2]
    bounding = iam.list_policies(PathPrefix=prefix, PolicyUsageFilter="PermissionsBoundary")
    assert names_of(bounding) == every[2:]
    assert bounding["Policies"][0]["PermissionsBoundaryUsageCount"] == 1
    assert names_of(iam.list_policies(PathPrefix=f"/{name}/x/")) == []


def test_policies_are_listed_page_by_page(iam: Any, name: str) -> None:
    for letter in "cBa":
        iam.create_policy(PolicyName=f"{name}-{letter}", Path=f"/{name}/", PolicyDocument=DOCUMENT_TEXT)
    first = iam.list_policies(PathPrefix=f"/{name}/", MaxItems=2)
    assert (names_of(first), first["IsTruncated"]) == ([f"{name}-a", f"{name}-B"], True)
    rest = iam.list_policies(PathPrefix=f"/{name}/", Marker=first["Marker"])
    assert (names_of(rest), rest["IsTruncated"]) == ([f"{name}-c"], False)


def test_the_own_policies_are_listed_and_then_those_of_aws_of_whatever_name(iam: Any) -> None:
    iam.create_policy(PolicyName="PowerUserAccess", PolicyDocument=DOCUMENT_TEXT)
    listed, marker = [], {}
    while True:
        page = iam.list_policies(MaxItems=3, **marker)
        listed += [policy["Arn"] for policy in page["Policies"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    own = [policy["Arn"] for policy in iam.list_policies(Scope="Local", MaxItems=1000)["Policies"]]
    of_aws = [policy["Arn"] for policy in iam.list_policies(Scope="AWS", MaxItems=1000)["Policies"]]
    assert listed == own + of_aws
    assert policy_arn("PowerUserAccess") in own
    assert "arn:aws:iam::aws:policy/PowerUserAccess" in of_aws


def test_an_attached_policy_is_not_deleted_nor_one_with_several_versions(iam: Any, name: str) -> None:
    """The texts: users' issues and manuals, not the snapshots."""
    arn = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT_TEXT)
    attached = (409, "DeleteConflict", "Cannot delete a policy attached to entities.")
    assert refusal(iam.delete_policy, PolicyArn=arn) == attached
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    assert refusal(iam.delete_policy, PolicyArn=arn) == (
        409,
        "DeleteConflict",
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
        "The default version is deleted with the policy.",
    )
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)


def test_an_account_at_its_quota_gets_no_more_policies(iam: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MANAGED_POLICIES_PER_ACCOUNT", 0)
    assert refusal(iam.create_policy, PolicyName=name, PolicyDocument=DOCUMENT_TEXT) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerAccount: 1500",
    )


# --- tags ---


def test_tags_are_put_listed_page_by_page_replaced_and_removed(iam: Any, name: str) -> None:
    tags = [{"Key": "somekey", "Value": "somevalue"}, {"Key": "someotherkey", "Value": ""}]
    made = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT, Tags=tags)["Policy"]
    assert made["Tags"] == tags
    arn = made["Arn"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["Tags"] == tags
    first = iam.list_policy_tags(PolicyArn=arn, MaxItems=1)
    assert (first["Tags"], first["IsTruncated"]) == (tags[:1], True)
    rest = iam.list_policy_tags(PolicyArn=arn, Marker=first["Marker"])
    assert (rest["Tags"], rest["IsTruncated"]) == (tags[1:], False)
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "somekey", "Value": "somenewvalue"}])
    iam.untag_policy(PolicyArn=arn, TagKeys=["someotherkey"])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "somekey", "Value": "somenewvalue"}]


def test_tag_keys_of_policies_are_compared_without_case(iam: Any, name: str) -> None:
    """AWS tells `a` and `A` apart here, but a condition on aws:RequestTag/a could then be met by either."""
    tags = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    refused = refusal(iam.create_policy, PolicyName=name, PolicyDocument=DOCUMENT_TEXT, Tags=tags)
    assert refused[:2] == (400, "InvalidInput")
    assert refused[2].startswith("Duplicate tag keys found.")


def test_a_policy_has_at_most_fifty_tags(iam: Any, name: str) -> None:
    tags = [{"Key": f"key-{number}", "Value": ""} for number in range(50)]
    arn = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT, Tags=tags)["Policy"]["Arn"]
    assert refusal(iam.tag_policy, PolicyArn=arn, Tags=[{"Key": "one more", "Value": ""}]) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for TagsPerPolicy: 50",
    )


def test_the_document_is_answered_by_get_policy_version_alone(iam: Any, name: str) -> None:
    arn = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    assert "Document" not in iam.list_policy_versions(PolicyArn=arn)["Versions"][0]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == DOCUMENT
