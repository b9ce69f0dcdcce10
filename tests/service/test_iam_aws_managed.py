"""AWS managed policies through boto3: read, attached, and nobody's to change.

Answers: LocalStack's AWS-validated IAM snapshots of February 2026; IAM User Guide, "AWS managed policies".
"""

from __future__ import annotations

from typing import Any

import pytest

from support.api import InProcess, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, TRUST_TEXT, refusal, user_arn

READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
IAM_READ = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
VIEW = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
ROOT = "arn:aws:iam::123456789012:root"


def test_a_policy_of_awss_is_read_as_any_other(iam: Any) -> None:
    policy = iam.get_policy(PolicyArn=READ)["Policy"]
    assert (policy["PolicyName"], policy["PolicyId"]) == ("AmazonS3ReadOnlyAccess", "ANPAIZTJ4DXE7G6AGAE6M")
    assert (policy["Path"], policy["DefaultVersionId"], policy["IsAttachable"]) == ("/", "v3", True)
    assert (policy["Tags"], policy["CreateDate"].year) == ([], 2015)
    version = iam.get_policy_version(PolicyArn=READ, VersionId="v3")["PolicyVersion"]
    assert version["IsDefaultVersion"] is True
    assert version["Document"]["Statement"][0]["Action"][:2] == ["s3:Get*", "s3:List*"]
    assert [found["VersionId"] for found in iam.list_policy_versions(PolicyArn=READ)["Versions"]] == ["v3"]
    assert iam.list_policy_tags(PolicyArn=READ)["Tags"] == []


def test_a_version_that_is_not_known_is_none(iam: Any) -> None:
    assert refusal(iam.get_policy_version, PolicyArn=READ, VersionId="v1") == (
        404,
        "NoSuchEntity",
        f"Policy {READ} version v1 does not exist or is not attachable.",
    )
    unknown = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
    assert refusal(iam.get_policy, PolicyArn=unknown) == (404, "NoSuchEntity", f"Policy {unknown} was not found.")


@pytest.mark.parametrize(
    ("call", "action", "parameters"),
    [
        ("delete_policy", "DeletePolicy", {}),
        ("create_policy_version", "CreatePolicyVersion", {"PolicyDocument": DOCUMENT_TEXT}),
        ("set_default_policy_version", "SetDefaultPolicyVersion", {"VersionId": "v3"}),
        ("delete_policy_version", "DeletePolicyVersion", {"VersionId": "v3"}),
        ("tag_policy", "TagPolicy", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_policy", "UntagPolicy", {"TagKeys": ["a"]}),
    ],
)
def test_nobody_changes_a_policy_of_awss(iam: Any, call: str, action: str, parameters: dict[str, Any]) -> None:
    before = iam.get_policy(PolicyArn=READ)["Policy"]
    assert refusal(getattr(iam, call), PolicyArn=READ, **parameters) == (
        403,
        "AccessDenied",
        f"User: {ROOT} is not authorized to perform: iam:{action} on resource: policy {READ}",
    )
    assert iam.get_policy(PolicyArn=READ)["Policy"] == before


def test_they_are_listed_by_scope(iam: Any, iam_server: InProcess, name: str) -> None:
    own = iam_server.managed_policy("AdministratorAccess", {"Version": "2012-10-17", "Statement": []} | allow("s3:*"))
    of_aws = [policy["Arn"] for policy in iam.list_policies(Scope="AWS")["Policies"]]
    assert {READ, VIEW, "arn:aws:iam::aws:policy/AdministratorAccess"} <= {*of_aws}
    assert own not in of_aws
    local = [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    assert own in local
    assert not {*local} & {*of_aws}
    pages = iam.get_paginator("list_policies").paginate(Scope="All", PaginationConfig={"PageSize": 1})
    everything = [policy["Arn"] for page in pages for policy in page["Policies"]]
    assert sorted(everything) == sorted([*local, *of_aws])
    below = iam.list_policies(Scope="AWS", PathPrefix="/job-function/")["Policies"]
    assert [policy["Arn"] for policy in below] == [VIEW]
    iam.delete_policy(PolicyArn=own)


def test_whoever_it_is_attached_to_may_what_it_allows(iam: Any, iam_server: InProcess, name: str) -> None:
    user = client(iam_server, iam_server.user(name))
    assert refusal(user.list_users)[:2] == (403, "AccessDenied")
    iam.attach_user_policy(UserName=name, PolicyArn=IAM_READ)
    assert user.list_users()["Users"]
    assert iam_server.audit()[-1]["statements"] == [f"identity-based policy/{IAM_READ}/0"]
    assert refusal(user.create_user, UserName="x")[:2] == (403, "AccessDenied")
    assert iam.list_attached_user_policies(UserName=name)["AttachedPolicies"] == [
        {"PolicyName": "IAMReadOnlyAccess", "PolicyArn": IAM_READ}
    ]
    holders = iam.list_entities_for_policy(PolicyArn=IAM_READ)
    assert [holder["UserName"] for holder in holders["PolicyUsers"]] == [name]
    assert iam.get_policy(PolicyArn=IAM_READ)["Policy"]["AttachmentCount"] == 1
    attached = [policy["Arn"] for policy in iam.list_policies(Scope="AWS", OnlyAttached=True)["Policies"]]
    assert attached == [IAM_READ]
    iam.detach_user_policy(UserName=name, PolicyArn=IAM_READ)
    assert refusal(user.list_users)[:2] == (403, "AccessDenied")


def test_it_is_attached_to_roles_and_bounds_what_others_allow(iam: Any, iam_server: InProcess, name: str) -> None:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT)
    iam.attach_role_policy(RoleName=name, PolicyArn=VIEW)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": "ViewOnlyAccess", "PolicyArn": VIEW}]
    user = client(iam_server, iam_server.user(name, allow("iam:*")))
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=IAM_READ)
    assert user.get_user(UserName=name)["User"]["Arn"] == user_arn(name)
    status, code, message = refusal(user.create_user, UserName="x")
    assert (status, code) == (403, "AccessDenied")
    assert "no permissions boundary allows" in message
    assert iam.get_policy(PolicyArn=IAM_READ)["Policy"]["PermissionsBoundaryUsageCount"] == 1


def test_it_narrows_a_federated_session(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name, allow(["sts:GetFederationToken", "s3:*"]))
    answer = iam_server.call(key, "GetFederationToken", {"Name": "Bob", "PolicyArns.member.1.arn": READ})
    assert answer.status == 200, answer.body
    unknown = {"Name": "Bob", "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/Unknown"}
    assert iam_server.call(key, "GetFederationToken", unknown).status == 400
