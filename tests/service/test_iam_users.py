"""service.iam.users through boto3: users and their tags.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February and March 2026, unless a test says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from daypass import limits
from support.api import ACCOUNT, InProcess
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, refusal, user_arn

NO_SUCH_USER = (404, "NoSuchEntity", "The user with name nobody cannot be found.")


@pytest.mark.parametrize("path", [None, "/", "/some/path/"])
def test_a_user_is_made_found_listed_and_removed(iam: Any, name: str, path: str | None) -> None:
    made = iam.create_user(UserName=name, **({"Path": path} if path else {}))["User"]
    path = path or "/"
    assert {key: made[key] for key in ("UserName", "Path", "Arn")} == {
        "UserName": name,
        "Path": path,
        "Arn": user_arn(name, path),
    }
    assert made["UserId"].startswith("AIDA")
    assert "Tags" not in made
    assert iam.get_user(UserName=name)["User"] == made
    assert made in iam.list_users()["Users"]
    assert iam.list_users(PathPrefix=path[:-1] or "/", MaxItems=1000)["Users"].count(made) == 1
    iam.delete_user(UserName=name)
    assert refusal(iam.get_user, UserName=name) == (
        404,
        "NoSuchEntity",
        f"The user with name {name} cannot be found.",
    )


def test_a_name_is_taken_in_whatever_case(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    taken = (409, "EntityAlreadyExists", f"User with name {name} already exists.")
    assert refusal(iam.create_user, UserName=name) == taken
    assert refusal(iam.create_user, UserName=name.upper(), Path="/x/") == (
        409,
        "EntityAlreadyExists",
        f"User with name {name.upper()} already exists.",
    )


def test_root_without_a_user_name_gets_itself(iam: Any) -> None:
    """Without name and path, as users of the SDKs have met it (boto3 issue 4484)."""
    root = iam.get_user()["User"]
    assert (root["UserId"], root["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    assert {*root} == {"UserId", "Arn", "CreateDate"}


@pytest.mark.parametrize(
    "call", ["get_user", "update_user", "delete_user", "list_user_tags", "create_access_key", "list_access_keys"]
)
def test_a_user_that_is_not_there_cannot_be_found(iam: Any, call: str) -> None:
    assert refusal(getattr(iam, call), UserName="nobody") == NO_SUCH_USER


def test_a_renamed_and_moved_user_is_the_same_user(iam: Any, name: str) -> None:
    made = iam.create_user(UserName=name, Tags=[{"Key": "a", "Value": "b"}])["User"]
    iam.update_user(UserName=name, NewUserName=f"new-{name}", NewPath="/new/")
    moved = iam.get_user(UserName=f"new-{name}")["User"]
    assert moved == made | {"UserName": f"new-{name}", "Path": "/new/", "Arn": user_arn(f"new-{name}", "/new/")}
    assert refusal(iam.get_user, UserName=name)[1] == "NoSuchEntity"


def test_a_rename_keeps_the_path_and_a_move_keeps_the_name(iam: Any, name: str) -> None:
    iam.create_user(UserName=name, Path="/old/")
    iam.update_user(UserName=name, NewUserName=f"new-{name}")
    assert iam.get_user(UserName=f"new-{name}")["User"]["Path"] == "/old/"
    iam.update_user(UserName=f"new-{name}", NewPath="/new/")
    assert iam.get_user(UserName=f"new-{name}")["User"]["Arn"] == user_arn(f"new-{name}", "/new/")


def test_a_rename_to_a_taken_name_is_refused(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    iam.create_user(UserName=f"other-{name}")
    assert refusal(iam.update_user, UserName=name, NewUserName=f"Other-{name}") == (
        409,
        "EntityAlreadyExists",
        f"User with name Other-{name} already exists.",
    )


def test_a_renamed_user_is_still_who_its_keys_say(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name)
    sts = client(iam_server, key, "sts")
    before = sts.get_caller_identity()
    iam.update_user(UserName=name, NewUserName=f"new-{name}")
    after = sts.get_caller_identity()
    assert after["UserId"] == before["UserId"]
    assert after["Arn"] == user_arn(f"new-{name}")
    assert [row["UserName"] for row in iam.list_access_keys(UserName=f"new-{name}")["AccessKeyMetadata"]] == [
        f"new-{name}"
    ]


def test_a_user_is_deleted_only_without_belongings(iam: Any, name: str) -> None:
    """The text for access keys: issue aws-controllers-k8s/community 2229."""
    iam.create_user(UserName=name)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=DOCUMENT_TEXT)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)

    def conflict() -> str:
        status, code, message = refusal(iam.delete_user, UserName=name)
        assert (status, code) == (409, "DeleteConflict")
        return message

    assert conflict() == "Cannot delete entity, must detach all policies first."
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    assert conflict() == "Cannot delete entity, must delete policies first."
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    assert conflict() == "Cannot delete entity, must delete access keys first."
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    iam.delete_user(UserName=name)


def test_users_are_listed_page_by_page_without_their_tags(iam: Any, name: str) -> None:
    names = [f"{name}-{letter}" for letter in "EdCbA"]
    for each in names:
        iam.create_user(UserName=each, Path=f"/{name}/", Tags=[{"Key": "a", "Value": "b"}])
    first = iam.list_users(PathPrefix=f"/{name}/", MaxItems=2)
    assert [user["UserName"] for user in first["Users"]] == [f"{name}-A", f"{name}-b"]
    assert first["IsTruncated"] is True
    iam.delete_user(UserName=f"{name}-b")  # the next page goes on where it would have
    rest = iam.list_users(PathPrefix=f"/{name}/", Marker=first["Marker"])
    assert [user["UserName"] for user in rest["Users"]] == [f"{name}-C", f"{name}-d", f"{name}-E"]
    assert rest["IsTruncated"] is False
    assert "Marker" not in rest
    assert all("Tags" not in user for user in rest["Users"])


def test_a_full_last_page_is_not_truncated(iam: Any, name: str) -> None:
    for letter in "ab":
        iam.create_user(UserName=f"{name}-{letter}", Path=f"/{name}/")
    assert iam.list_users(PathPrefix=f"/{name}/", MaxItems=2)["IsTruncated"] is False


@pytest.mark.parametrize("marker", ["not a marker", "====", "YQ", "w7w=", "é"])
def test_a_marker_that_was_not_given_out_is_refused(iam: Any, marker: str) -> None:
    assert refusal(iam.list_users, Marker=marker) == (400, "ValidationError", "Invalid Marker.")


def test_a_paginator_sees_every_user_once(iam: Any, name: str) -> None:
    names = {f"{name}-{number}" for number in range(7)}
    for each in names:
        iam.create_user(UserName=each, Path=f"/{name}/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix=f"/{name}/", PaginationConfig={"PageSize": 3})
    seen = [user["UserName"] for page in pages for user in page["Users"]]
    assert sorted(seen) == sorted(names)


def test_an_account_at_its_quota_gets_no_more_users(iam: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text follows the recorded ones of other quotas."""
    monkeypatch.setattr(limits, "USERS_PER_ACCOUNT", 0)
    assert refusal(iam.create_user, UserName=name) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for UsersPerAccount: 5000",
    )


# --- tags ---


def test_tags_are_answered_by_the_calls_that_aws_answers_them_in(iam: Any, name: str) -> None:
    tags = [{"Key": "Environment", "Value": "Test"}, {"Key": "Team", "Value": ""}]
    assert iam.create_user(UserName=name, Tags=tags[::-1])["User"]["Tags"] == tags
    assert iam.get_user(UserName=name)["User"]["Tags"] == tags
    listed = iam.list_user_tags(UserName=name)
    assert (listed["Tags"], listed["IsTruncated"]) == (tags, False)


def test_tags_are_added_replaced_and_removed(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    iam.tag_user(UserName=name, Tags=[{"Key": "key-1", "Value": "1"}, {"Key": "key-2", "Value": "2"}])
    iam.tag_user(UserName=name, Tags=[{"Key": "KEY-1", "Value": "one"}])
    assert iam.list_user_tags(UserName=name)["Tags"] == [
        {"Key": "KEY-1", "Value": "one"},
        {"Key": "key-2", "Value": "2"},
    ]
    iam.untag_user(UserName=name, TagKeys=["key-1", "never there"])
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "key-2", "Value": "2"}]


@pytest.mark.parametrize("call", ["create_user", "tag_user"])
def test_a_key_twice_in_one_call_is_refused_without_regard_to_case(iam: Any, name: str, call: str) -> None:
    if call == "tag_user":
        iam.create_user(UserName=name)
    tags = [{"Key": "team", "Value": "1"}, {"Key": "TEAM", "Value": "2"}]
    assert refusal(getattr(iam, call), UserName=name, Tags=tags) == (
        400,
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )


@pytest.mark.parametrize(
    "tag", [{"Key": "aws:x", "Value": "1"}, {"Key": "AWS:x", "Value": "1"}, {"Key": "x", "Value": "aws:1"}]
)
def test_what_begins_with_aws_is_reserved(iam: Any, name: str, tag: dict[str, str]) -> None:
    """IAM User Guide, "Tagging IAM resources"; AWS's text was not found."""
    assert refusal(iam.create_user, UserName=name, Tags=[tag]) == (
        400,
        "InvalidInput",
        "tag keys and values that begin with `aws:` are reserved",
    )


def test_a_user_has_at_most_fifty_tags(iam: Any, name: str) -> None:
    iam.create_user(UserName=name, Tags=[{"Key": f"key-{number}", "Value": ""} for number in range(50)])
    assert refusal(iam.tag_user, UserName=name, Tags=[{"Key": "one more", "Value": ""}]) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for TagsPerUser: 50",
    )
    iam.tag_user(UserName=name, Tags=[{"Key": "key-7", "Value": "replaced"}])


def test_tags_are_listed_page_by_page_by_key_however_long_the_keys_are(iam: Any, name: str) -> None:
    """A marker has at most 320 characters, a key up to 128 of any alphabet."""
    keys = [f"{'字' * 127}{letter}" for letter in "abc"] + ["a", "b", "é" * 128]
    iam.create_user(UserName=name, Tags=[{"Key": key, "Value": ""} for key in keys])
    seen, more = [], {}
    while True:
        page = iam.list_user_tags(UserName=name, MaxItems=1, **more)
        seen += [tag["Key"] for tag in page["Tags"]]
        if not page["IsTruncated"]:
            break
        assert len(page["Marker"]) <= 320
        more = {"Marker": page["Marker"]}
    assert sorted(seen) == sorted(keys)
    assert seen[:2] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "parameters"),
    [("tag_user", {"Tags": [{"Key": "a", "Value": "b"}]}), ("untag_user", {"TagKeys": ["a"]})],
)
def test_a_user_that_is_not_there_cannot_be_tagged(iam: Any, call: str, parameters: Any) -> None:
    assert refusal(getattr(iam, call), UserName="nobody", **parameters) == NO_SUCH_USER
