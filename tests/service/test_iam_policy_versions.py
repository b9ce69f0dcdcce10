"""service.iam.policy_versions through boto3.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.api import InProcess, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, policy_arn, refusal


@pytest.fixture
def arn(iam: Any, name: str) -> str:
    made: str = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    return made


def versions(iam: Any, arn: str) -> list[tuple[str, bool]]:
    return [(row["VersionId"], row["IsDefaultVersion"]) for row in iam.list_policy_versions(PolicyArn=arn)["Versions"]]


def test_versions_are_made_got_and_listed_newest_first(iam: Any, arn: str) -> None:
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("s3:Put*")), SetAsDefault=True)
    assert (second["PolicyVersion"]["VersionId"], second["PolicyVersion"]["IsDefaultVersion"]) == ("v2", True)
    assert {*second["PolicyVersion"]} == {"VersionId", "IsDefaultVersion", "CreateDate"}
    third = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("s3:List*")))
    assert (third["PolicyVersion"]["VersionId"], third["PolicyVersion"]["IsDefaultVersion"]) == ("v3", False)
    got = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert (got["Document"], got["IsDefaultVersion"]) == (allow("s3:Put*"), True)
    assert versions(iam, arn) == [("v3", False), ("v2", True), ("v1", False)]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"


def test_a_sixth_version_is_refused_and_numbers_go_on_after_a_deletion(iam: Any, arn: str) -> None:
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT_TEXT)
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=DOCUMENT_TEXT) == (
        409,
        "LimitExceeded",
        "A managed policy can have up to 5 versions. "
        "Before you create a new version, you must delete an existing version.",
    )
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT_TEXT)["PolicyVersion"]["VersionId"] == "v6"


def test_the_default_version_is_not_deleted(iam: Any, arn: str) -> None:
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v1") == (
        409,
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )


@pytest.mark.parametrize("call", ["get_policy_version", "set_default_policy_version", "delete_policy_version"])
def test_a_version_and_a_policy_that_are_not_there_are_worded_alike(iam: Any, arn: str, call: str) -> None:
    for missing in (arn, policy_arn("none")):
        assert refusal(getattr(iam, call), PolicyArn=missing, VersionId="v9") == (
            404,
            "NoSuchEntity",
            f"Policy {missing} version v9 does not exist or is not attachable.",
        )


def test_a_new_version_of_a_policy_that_is_not_there_is_refused(iam: Any) -> None:
    """The text follows that of the other version calls."""
    arn = policy_arn("none")
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=DOCUMENT_TEXT) == (
        404,
        "NoSuchEntity",
        f"Policy {arn} does not exist or is not attachable.",
    )


@pytest.mark.parametrize("version_id", ["v0", "1", "v", "V1", "v01"])
def test_what_is_no_version_id_is_refused_by_its_form(iam: Any, arn: str, version_id: str) -> None:
    status, code, message = refusal(iam.get_policy_version, PolicyArn=arn, VersionId=version_id)
    assert (status, code) == (400, "ValidationError")
    assert r"Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?" in message


def test_a_document_that_is_no_policy_is_refused(iam: Any, arn: str) -> None:
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument="{}")[1] == "MalformedPolicyDocument"
    assert versions(iam, arn) == [("v1", True)]


def test_the_default_version_is_what_an_attached_user_may_do_from_the_next_request_on(
    iam: Any, iam_server: InProcess, name: str, arn: str
) -> None:
    own = client(iam_server, iam_server.user(name))
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    assert refusal(own.get_user)[1] == "AccessDenied"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("iam:GetUser")))
    assert refusal(own.get_user)[1] == "AccessDenied"  # made, not in force
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    own.get_user()
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert refusal(own.get_user)[1] == "AccessDenied"


def test_versions_are_listed_page_by_page(iam: Any, arn: str) -> None:
    for _ in range(2):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT_TEXT)
    first = iam.list_policy_versions(PolicyArn=arn, MaxItems=2)
    assert [row["VersionId"] for row in first["Versions"]] == ["v3", "v2"]
    rest = iam.list_policy_versions(PolicyArn=arn, Marker=first["Marker"])
    assert [row["VersionId"] for row in rest["Versions"]] == ["v1"]
    assert (first["IsTruncated"], rest["IsTruncated"]) == (True, False)
