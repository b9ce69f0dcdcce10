"""service.iam.groups through boto3: groups, their members, and what membership allows.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from daypass import limits
from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT, DOCUMENT_TEXT, policy_arn, refusal, user_arn

NO_SUCH_GROUP = (404, "NoSuchEntity", "The group with name nothing cannot be found.")
NO_SUCH_USER = (404, "NoSuchEntity", "The user with name nobody cannot be found.")


def group_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:group{path}{name}"


@pytest.mark.parametrize("path", [None, "/", "/some/location/"])
def test_a_group_is_made_found_listed_and_removed(iam: Any, name: str, path: str | None) -> None:
    made = iam.create_group(GroupName=name, **({"Path": path} if path else {}))["Group"]
    path = path or "/"
    assert {*made} == {"Arn", "CreateDate", "GroupId", "GroupName", "Path"}
    assert (made["GroupName"], made["Path"], made["Arn"]) == (name, path, group_arn(name, path))
    assert made["GroupId"].startswith("AGPA")
    found = iam.get_group(GroupName=name)
    assert (found["Group"], found["Users"], found["IsTruncated"]) == (made, [], False)
    assert made in iam.list_groups(MaxItems=1000)["Groups"]
    assert iam.list_groups(PathPrefix=path)["Groups"].count(made) == 1
    iam.delete_group(GroupName=name)
    assert refusal(iam.get_group, GroupName=name) == (
        404,
        "NoSuchEntity",
        f"The group with name {name} cannot be found.",
    )


def test_a_name_is_taken_in_whatever_case(iam: Any, name: str) -> None:
    iam.create_group(GroupName=name)
    iam.create_group(GroupName=f"other-{name}")
    taken = (409, "EntityAlreadyExists", f"Group with name {name} already exists.")
    assert refusal(iam.create_group, GroupName=name) == taken
    assert refusal(iam.update_group, GroupName=f"other-{name}", NewGroupName=name) == taken
    assert refusal(iam.create_group, GroupName=name.upper())[1] == "EntityAlreadyExists"


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        ("get_group", {}),
        ("delete_group", {}),
        ("update_group", {"NewGroupName": "other"}),
        ("list_group_policies", {}),
        ("list_attached_group_policies", {}),
        ("put_group_policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT_TEXT}),
        ("get_group_policy", {"PolicyName": "p"}),
        ("delete_group_policy", {"PolicyName": "p"}),
        ("attach_group_policy", {"PolicyArn": policy_arn("p")}),
        ("detach_group_policy", {"PolicyArn": policy_arn("p")}),
    ],
)
def test_a_group_that_is_not_there_cannot_be_found(iam: Any, call: str, parameters: dict[str, str]) -> None:
    assert refusal(getattr(iam, call), GroupName="nothing", **parameters) == NO_SUCH_GROUP


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"GroupName": "a b"},
            "1 validation error detected: Value at 'groupName' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            {"GroupName": "a" * 129},
            "1 validation error detected: Value at 'groupName' failed to satisfy constraint: Member must have length "
            "less than or equal to 128",
        ),
        (
            {},
            "1 validation error detected: Value at 'groupName' failed to satisfy constraint: Member must not be null",
        ),
    ],
)
def test_a_name_that_the_model_does_not_allow_is_refused(iam: Any, parameters: dict[str, str], message: str) -> None:
    status, code, text = refusal(iam.create_group, **parameters)
    assert (status, code) == (400, "ValidationError")
    assert text.replace(f"Value '{parameters.get('GroupName')}' at", "Value at") == message


def test_a_path_begins_and_ends_with_a_slash(iam: Any) -> None:
    for path in ("a/", "/a", "a"):
        assert refusal(iam.create_group, GroupName="misplaced", Path=path)[:2] == (400, "ValidationError")


def test_a_renamed_and_moved_group_is_the_same_group(iam: Any, name: str) -> None:
    made = iam.create_group(GroupName=name)["Group"]
    iam.update_group(GroupName=name, NewGroupName=f"new-{name}", NewPath="/new-path/")
    moved = iam.get_group(GroupName=f"new-{name}")["Group"]
    assert moved == made | {
        "GroupName": f"new-{name}",
        "Path": "/new-path/",
        "Arn": group_arn(f"new-{name}", "/new-path/"),
    }
    assert refusal(iam.get_group, GroupName=name)[1] == "NoSuchEntity"


def test_members_are_added_listed_and_removed(iam: Any, name: str) -> None:
    user = iam.create_user(UserName=name, Path="/dev/")["User"]
    group = iam.create_group(GroupName=name)["Group"]
    for _ in range(2):  # AWS answers both calls alike
        iam.add_user_to_group(GroupName=name, UserName=name)
        assert iam.get_group(GroupName=name)["Users"] == [user]
        assert iam.list_groups_for_user(UserName=name)["Groups"] == [group]
    for _ in range(2):
        iam.remove_user_from_group(GroupName=name, UserName=name)
        assert iam.get_group(GroupName=name)["Users"] == []
        assert iam.list_groups_for_user(UserName=name)["Groups"] == []


@pytest.mark.parametrize("call", ["add_user_to_group", "remove_user_from_group"])
def test_of_a_user_and_a_group_that_are_not_there_the_user_is_named(iam: Any, name: str, call: str) -> None:
    iam.create_group(GroupName=name)
    iam.create_user(UserName=name)
    change = getattr(iam, call)
    assert refusal(change, GroupName=name, UserName="nobody") == NO_SUCH_USER
    assert refusal(change, GroupName="nothing", UserName="nobody") == NO_SUCH_USER
    assert refusal(change, GroupName="nothing", UserName=name) == NO_SUCH_GROUP
    assert refusal(iam.list_groups_for_user, UserName="nobody") == NO_SUCH_USER


def test_members_and_groups_are_paged(iam: Any, name: str) -> None:
    iam.create_group(GroupName=name, Path=f"/{name}/")
    users = [f"{name}-{number}" for number in range(5)]
    for user in users:
        iam.create_user(UserName=user)
        iam.add_user_to_group(GroupName=name, UserName=user)
    pages = [*iam.get_paginator("get_group").paginate(GroupName=name, PaginationConfig={"PageSize": 2})]
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [users[:2], users[2:4], users[4:]]
    assert all(page["Group"]["GroupName"] == name for page in pages)

    for number in range(2):
        iam.create_group(GroupName=f"{name}-{number}", Path=f"/{name}/")
        iam.add_user_to_group(GroupName=f"{name}-{number}", UserName=users[0])
    expected = [name, f"{name}-0", f"{name}-1"]
    for paginator, parameters in (
        ("list_groups", {"PathPrefix": f"/{name}/"}),
        ("list_groups_for_user", {"UserName": users[0]}),
    ):
        found = iam.get_paginator(paginator).paginate(**parameters, PaginationConfig={"PageSize": 2})
        assert [[group["GroupName"] for group in page["Groups"]] for page in found] == [expected[:2], expected[2:]]
    assert refusal(iam.list_groups, Marker="nonsense!") == (400, "ValidationError", "Invalid Marker.")


def test_an_inline_policy_of_a_group_is_put_read_listed_and_deleted(iam: Any, name: str) -> None:
    iam.create_group(GroupName=name)
    assert refusal(iam.get_group_policy, GroupName=name, PolicyName="p") == (
        404,
        "NoSuchEntity",
        "The group policy with name p cannot be found.",
    )
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    found = iam.get_group_policy(GroupName=name, PolicyName="p")
    assert (found["GroupName"], found["PolicyName"], found["PolicyDocument"]) == (name, "p", DOCUMENT)
    assert iam.list_group_policies(GroupName=name)["PolicyNames"] == ["p"]
    iam.delete_group_policy(GroupName=name, PolicyName="p")
    assert iam.list_group_policies(GroupName=name)["PolicyNames"] == []


def test_a_groups_inline_policies_have_5120_characters_together(iam: Any, name: str) -> None:
    """IAM quotas; the text is in the pattern of AWS's for users."""
    iam.create_group(GroupName=name)
    long = DOCUMENT_TEXT.replace("s3:GetObject", "s3:" + "x" * 4000)
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=long)
    assert refusal(iam.put_group_policy, GroupName=name, PolicyName="q", PolicyDocument=long) == (
        409,
        "LimitExceeded",
        f"Maximum policy size of {limits.GROUP_INLINE_POLICIES_CHARS} bytes exceeded for group {name}",
    )


def test_managed_policies_are_attached_listed_and_detached(iam: Any, iam_server: InProcess, name: str) -> None:
    own, read = iam_server.managed_policy(name, DOCUMENT), "arn:aws:iam::aws:policy/ReadOnlyAccess"
    iam.create_group(GroupName=name)
    for arn in (own, read):
        iam.attach_group_policy(GroupName=name, PolicyArn=arn)
    attached = iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "ReadOnlyAccess", "PolicyArn": read},
        {"PolicyName": name, "PolicyArn": own},
    ]
    assert iam.get_policy(PolicyArn=own)["Policy"]["AttachmentCount"] == 1
    for arn in (own, read):
        iam.detach_group_policy(GroupName=name, PolicyArn=arn)
        assert refusal(iam.detach_group_policy, GroupName=name, PolicyArn=arn) == (
            404,
            "NoSuchEntity",
            f"Policy {arn} was not found.",
        )


def test_a_group_that_something_belongs_to_is_not_deleted(iam: Any, iam_server: InProcess, name: str) -> None:
    arn = iam_server.managed_policy(name, DOCUMENT)
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    members = (409, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
    assert refusal(iam.delete_group, GroupName=name) == members
    assert refusal(iam.delete_user, UserName=name) == members
    iam.remove_user_from_group(GroupName=name, UserName=name)
    iam.attach_group_policy(GroupName=name, PolicyArn=arn)
    assert refusal(iam.delete_group, GroupName=name) == (
        409,
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    )
    iam.detach_group_policy(GroupName=name, PolicyArn=arn)
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    assert refusal(iam.delete_group, GroupName=name) == (
        409,
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    )
    iam.delete_group_policy(GroupName=name, PolicyName="p")
    iam.delete_group(GroupName=name)


def test_quotas_of_groups(iam: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM quotas: 300 groups in an account, a user in 10 of them. (The quota is lowered, its text is not.)"""
    iam.create_user(UserName=name)
    for group in (name, f"{name}-2"):
        iam.create_group(GroupName=group)
    monkeypatch.setattr(limits, "GROUPS_PER_USER", 1)
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert refusal(iam.add_user_to_group, GroupName=f"{name}-2", UserName=name) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    )
    monkeypatch.setattr(limits, "GROUPS_PER_ACCOUNT", 1)
    assert refusal(iam.create_group, GroupName=f"{name}-3") == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerAccount: 300",
    )


def test_a_member_may_at_once_what_its_group_may_and_after_it_leaves_no_more(
    iam: Any, iam_server: InProcess, name: str
) -> None:
    alice = client(iam_server, iam_server.user(name))
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert refusal(alice.list_users)[:2] == (403, "AccessDenied")
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=json.dumps(allow("iam:ListUsers")))
    assert alice.list_users()["Users"]
    record = iam_server.audit()[-1]
    assert record["statements"] == [f"identity-based policy/p of group {name}/0"]
    iam.remove_user_from_group(GroupName=name, UserName=name)
    assert refusal(alice.list_users)[:2] == (403, "AccessDenied")
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert alice.list_users()["Users"]
    iam.delete_group_policy(GroupName=name, PolicyName="p")
    assert refusal(alice.list_users)[:2] == (403, "AccessDenied")
    iam.attach_group_policy(GroupName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    assert alice.get_user(UserName=name)["User"]["Arn"] == user_arn(name)


def test_an_explicit_deny_of_a_group_wins_over_every_allow_of_the_member(
    iam: Any, iam_server: InProcess, name: str
) -> None:
    alice = client(iam_server, iam_server.user(name, allow("iam:*")))
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert alice.list_users()["Users"]
    iam.attach_group_policy(GroupName=name, PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    status, code, message = refusal(alice.list_users)
    assert (status, code) == (403, "AccessDenied")
    assert message.endswith("with an explicit deny in an identity-based policy")
