"""service.iam.instance_profiles through boto3.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import TRUST_TEXT, refusal, role_arn

NO_SUCH_PROFILE = (404, "NoSuchEntity", "Instance Profile nothing cannot be found.")


def profile_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:instance-profile{path}{name}"


@pytest.fixture
def profile(iam: Any, name: str) -> str:
    iam.create_instance_profile(InstanceProfileName=name)
    return name


@pytest.fixture
def role(iam: Any, name: str) -> str:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT)
    return name


@pytest.mark.parametrize("path", [None, "/some/path/"])
def test_an_instance_profile_is_made_found_listed_and_removed(iam: Any, name: str, path: str | None) -> None:
    made = iam.create_instance_profile(InstanceProfileName=name, **({"Path": path} if path else {}))["InstanceProfile"]
    path = path or "/"
    assert {key: value for key, value in made.items() if key not in ("InstanceProfileId", "CreateDate")} == {
        "Path": path,
        "InstanceProfileName": name,
        "Arn": profile_arn(name, path),
        "Roles": [],
    }
    assert made["InstanceProfileId"].startswith("AIPA")
    assert iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"] == made | {"Tags": []}
    assert made in iam.list_instance_profiles(PathPrefix=path, MaxItems=1000)["InstanceProfiles"]
    iam.delete_instance_profile(InstanceProfileName=name)
    assert refusal(iam.get_instance_profile, InstanceProfileName=name) == (
        404,
        "NoSuchEntity",
        f"Instance Profile {name} cannot be found.",
    )


def test_a_name_is_taken_in_whatever_case(iam: Any, profile: str) -> None:
    for taken in (profile, profile.upper()):
        assert refusal(iam.create_instance_profile, InstanceProfileName=taken, Path="/x/") == (
            409,
            "EntityAlreadyExists",
            f"Instance Profile {taken} already exists.",
        )


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("get_instance_profile", {}),
        ("delete_instance_profile", {}),
        ("add_role_to_instance_profile", {"RoleName": "nobody"}),
        ("remove_role_from_instance_profile", {"RoleName": "nobody"}),
        ("tag_instance_profile", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_instance_profile", {"TagKeys": ["a"]}),
        ("list_instance_profile_tags", {}),
    ],
)
def test_a_profile_that_is_not_there_cannot_be_found(iam: Any, call: str, more: dict[str, Any]) -> None:
    assert refusal(getattr(iam, call), InstanceProfileName="nothing", **more) == NO_SUCH_PROFILE


def test_a_profile_holds_one_role_which_is_then_not_removed(iam: Any, profile: str, role: str) -> None:
    in_profile = {"InstanceProfileName": profile, "RoleName": role}
    assert refusal(iam.remove_role_from_instance_profile, **in_profile) == (
        404,
        "NoSuchEntity",
        f"Role {role} in Instance Profile {profile} cannot be found.",
    )
    iam.add_role_to_instance_profile(**in_profile)
    (held,) = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
    assert {*held} == {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}
    assert held["Arn"] == role_arn(role)
    other = iam.create_role(RoleName=f"{role}-2", AssumeRolePolicyDocument=TRUST_TEXT)["Role"]["RoleName"]
    assert refusal(iam.add_role_to_instance_profile, InstanceProfileName=profile, RoleName=other) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    )
    conflict = (409, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    assert refusal(iam.delete_instance_profile, InstanceProfileName=profile) == conflict
    assert refusal(iam.delete_role, RoleName=role) == conflict
    iam.remove_role_from_instance_profile(**in_profile)
    assert iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"] == []
    iam.delete_instance_profile(InstanceProfileName=profile)
    iam.delete_role(RoleName=role)


@pytest.mark.parametrize("call", ["add_role_to_instance_profile", "remove_role_from_instance_profile"])
def test_a_role_that_is_not_there_cannot_be_found(iam: Any, profile: str, call: str) -> None:
    missing = (404, "NoSuchEntity", "The role with name nobody cannot be found.")
    assert refusal(getattr(iam, call), InstanceProfileName=profile, RoleName="nobody") == missing
    assert refusal(iam.list_instance_profiles_for_role, RoleName="nobody") == missing


def test_profiles_are_listed_by_role_and_by_path_page_by_page(iam: Any, role: str) -> None:
    for letter, path in (("b", "/x/"), ("A", "/x/y/"), ("c", "/")):
        iam.create_instance_profile(InstanceProfileName=f"{letter}{role}", Path=f"/{role}{path}")
    for letter in "bc":
        iam.add_role_to_instance_profile(InstanceProfileName=f"{letter}{role}", RoleName=role)

    def letters(page: Any) -> str:
        return "".join(row["InstanceProfileName"][0] for row in page["InstanceProfiles"])

    assert letters(iam.list_instance_profiles(PathPrefix=f"/{role}/")) == "Abc"
    assert letters(iam.list_instance_profiles(PathPrefix=f"/{role}/x/")) == "Ab"
    assert letters(iam.list_instance_profiles(PathPrefix="/nonexistent/")) == ""
    assert letters(iam.list_instance_profiles_for_role(RoleName=role)) == "bc"
    first = iam.list_instance_profiles_for_role(RoleName=role, MaxItems=1)
    assert (letters(first), first["IsTruncated"]) == ("b", True)
    rest = iam.list_instance_profiles_for_role(RoleName=role, Marker=first["Marker"])
    assert (letters(rest), rest["IsTruncated"]) == ("c", False)
    assert rest["InstanceProfiles"][0]["Roles"][0]["RoleName"] == role


def test_a_profile_is_tagged_and_untagged(iam: Any, name: str) -> None:
    tags = [{"Key": "InitialKey", "Value": "InitialValue"}]
    assert iam.create_instance_profile(InstanceProfileName=name, Tags=tags)["InstanceProfile"]["Tags"] == tags
    assert iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Tags"] == tags
    iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "second", "Value": ""}])
    iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["initialkey"])
    assert iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"] == [{"Key": "second", "Value": ""}]
    listed = iam.list_instance_profiles(MaxItems=1000)["InstanceProfiles"]
    assert "Tags" not in next(row for row in listed if row["InstanceProfileName"] == name)


def test_a_profile_has_fifty_tags_at_most(iam: Any, profile: str) -> None:
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    iam.tag_instance_profile(InstanceProfileName=profile, Tags=tags)
    more = [{"Key": "one-more", "Value": "v"}]
    assert refusal(iam.tag_instance_profile, InstanceProfileName=profile, Tags=more) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for TagsPerInstanceProfile: 50",
    )


def test_a_role_is_put_into_a_profile_only_by_who_may_pass_it_to_ec2(
    iam: Any, iam_server: InProcess, profile: str, role: str
) -> None:
    """Service Authorization Reference: AddRoleToInstanceProfile depends on iam:PassRole."""
    adding = allow("iam:AddRoleToInstanceProfile", profile_arn("*"))
    passing = allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})
    own = client(iam_server, iam_server.user(f"{role}-user", adding, passing))
    refused = refusal(own.add_role_to_instance_profile, InstanceProfileName=profile, RoleName=role)
    assert refused[1] == "AccessDenied"
    assert f"perform: iam:PassRole on resource: {role_arn(role)} " in refused[2]
    passing = allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})
    iam_server.put_policy(f"{role}-user", "policy-1", passing)
    own.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
