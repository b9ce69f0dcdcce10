"""Managing users, keys and policies with the AWS CLI, unmodified, given only an endpoint and keys.

Source: AWS CLI Command Reference, `aws iam` and `aws sts`; IAM API Reference for codes and texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.commands import aws_command, aws_environment
from support.server import Daypass, Keys, allow, policy

Aws = Callable[..., Any]


def caller(daypass: Daypass, keys: Keys) -> Aws:
    """`aws …` with these keys: its JSON, or None where it prints nothing. A failure is an AssertionError."""

    def aws(*arguments: str) -> Any:
        done = aws_command(*arguments, environment=aws_environment(daypass, keys))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return aws


@pytest.fixture(scope="module")
def aws(daypass: Daypass) -> Aws:
    return caller(daypass, daypass.root)


def refusal(daypass: Daypass, keys: Keys, *arguments: str) -> str:
    """What `aws …` says on stderr when it is refused."""
    done = aws_command(*arguments, environment=aws_environment(daypass, keys))
    assert done.returncode != 0, done.stdout
    return done.stderr.strip().removeprefix("aws: [ERROR]: ")


def test_a_user_is_made_given_a_key_and_a_policy_used_and_removed(daypass: Daypass, aws: Aws) -> None:
    made = aws(
        *("iam", "create-user", "--user-name", "cli-proxy", "--path", "/robots/", "--tags", "Key=team,Value=blue")
    )["User"]
    assert made["Arn"] == f"arn:aws:iam::{daypass.account_id}:user/robots/cli-proxy"
    key = aws("iam", "create-access-key", "--user-name", "cli-proxy")["AccessKey"]
    assert key["Status"] == "Active"
    keys = Keys.of(key)
    document = policy(allow(["sts:GetFederationToken", "iam:GetUser"], "*"))
    aws(
        *("iam", "put-user-policy", "--user-name", "cli-proxy"),
        *("--policy-name", "federate", "--policy-document", document),
    )

    # The user itself: who it is, what it may see, and the credentials that it is there for.
    own = caller(daypass, keys)
    assert own("sts", "get-caller-identity")["UserId"] == made["UserId"]
    assert own("iam", "get-user")["User"]["UserName"] == "cli-proxy"
    issued = own(
        *("sts", "get-federation-token", "--name", "Bob", "--duration-seconds", "900"),
        *("--policy", policy(allow("s3:*", "*"))),
    )
    assert issued["FederatedUser"]["Arn"] == f"arn:aws:sts::{daypass.account_id}:federated-user/Bob"
    federated = caller(daypass, Keys.of(issued["Credentials"]))
    assert federated("sts", "get-caller-identity")["UserId"] == f"{daypass.account_id}:Bob"

    # What is there can be read back.
    assert aws("iam", "list-user-policies", "--user-name", "cli-proxy")["PolicyNames"] == ["federate"]
    got = aws("iam", "get-user-policy", "--user-name", "cli-proxy", "--policy-name", "federate")
    assert got["PolicyDocument"] == json.loads(document)
    listed = aws("iam", "list-access-keys", "--user-name", "cli-proxy")["AccessKeyMetadata"]
    assert [entry["AccessKeyId"] for entry in listed] == [keys.access_key_id]

    # A user that still has something cannot be deleted; without it, it can.
    assert "(DeleteConflict)" in refusal(daypass, daypass.root, "iam", "delete-user", "--user-name", "cli-proxy")
    aws("iam", "delete-user-policy", "--user-name", "cli-proxy", "--policy-name", "federate")
    aws("iam", "delete-access-key", "--user-name", "cli-proxy", "--access-key-id", keys.access_key_id)
    aws("iam", "delete-user", "--user-name", "cli-proxy")
    assert "(NoSuchEntity)" in refusal(daypass, daypass.root, "iam", "get-user", "--user-name", "cli-proxy")
    assert "(InvalidClientTokenId)" in refusal(daypass, keys, "sts", "get-caller-identity")


def test_a_managed_policy_is_made_attached_used_detached_and_removed(daypass: Daypass, aws: Aws) -> None:
    keys = daypass.new_user("cli-managed")
    assert "(AccessDenied)" in refusal(daypass, keys, "iam", "list-users")

    document = policy(allow("iam:List*", "*"))
    made = aws("iam", "create-policy", "--policy-name", "cli-listing", "--policy-document", document)["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{daypass.account_id}:policy/cli-listing"
    assert (made["DefaultVersionId"], made["AttachmentCount"]) == ("v1", 0)
    aws("iam", "attach-user-policy", "--user-name", "cli-managed", "--policy-arn", made["Arn"])

    own = caller(daypass, keys)
    attached = own("iam", "list-attached-user-policies", "--user-name", "cli-managed")["AttachedPolicies"]
    assert attached == [{"PolicyName": "cli-listing", "PolicyArn": made["Arn"]}]
    assert any(user["UserName"] == "cli-managed" for user in own("iam", "list-users")["Users"])

    assert "(DeleteConflict)" in refusal(daypass, daypass.root, "iam", "delete-policy", "--policy-arn", made["Arn"])
    aws("iam", "detach-user-policy", "--user-name", "cli-managed", "--policy-arn", made["Arn"])
    aws("iam", "delete-policy", "--policy-arn", made["Arn"])
    assert "(NoSuchEntity)" in refusal(daypass, daypass.root, "iam", "get-policy", "--policy-arn", made["Arn"])


def test_a_role_is_made_trusted_used_bounded_and_removed(daypass: Daypass, aws: Aws) -> None:
    keys = daypass.new_user("cli-assumes", allow("sts:AssumeRole", "*"))
    user_arn = f"arn:aws:iam::{daypass.account_id}:user/cli-assumes"
    trust = policy({"Effect": "Allow", "Principal": {"AWS": user_arn}, "Action": "sts:AssumeRole"})
    role = aws(
        *("iam", "create-role", "--role-name", "cli-role", "--path", "/cli/", "--description", "by hand"),
        *("--max-session-duration", "7200", "--tags", "Key=team,Value=blue"),
        *("--assume-role-policy-document", trust),
    )["Role"]
    assert role["Arn"] == f"arn:aws:iam::{daypass.account_id}:role/cli/cli-role"
    got = aws("iam", "get-role", "--role-name", "cli-role")["Role"]
    assert (got["MaxSessionDuration"], got["Description"], got["RoleLastUsed"]) == (7200, "by hand", {})
    assert got["AssumeRolePolicyDocument"] == json.loads(trust)
    aws(
        *("iam", "put-role-policy", "--role-name", "cli-role", "--policy-name", "see"),
        *("--policy-document", policy(allow(["iam:GetRole", "iam:ListRoles"], "*"))),
    )
    read_only = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    aws("iam", "attach-role-policy", "--role-name", "cli-role", "--policy-arn", read_only)

    own = caller(daypass, keys)
    issued = own("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "cli")["Credentials"]
    session = caller(daypass, Keys.of(issued))
    assert session("sts", "get-caller-identity")["Arn"].endswith(":assumed-role/cli-role/cli")
    assert session("iam", "list-roles", "--path-prefix", "/cli/")["Roles"][0]["RoleName"] == "cli-role"
    entities = session("iam", "list-entities-for-policy", "--policy-arn", read_only, "--entity-filter", "Role")
    assert "cli-role" in [entity["RoleName"] for entity in entities["PolicyRoles"]]

    boundary = aws(
        *("iam", "create-policy", "--policy-name", "cli-boundary"),
        *("--policy-document", policy(allow("iam:GetRole", "*"))),
    )["Policy"]["Arn"]
    aws("iam", "put-role-permissions-boundary", "--role-name", "cli-role", "--permissions-boundary", boundary)
    session("iam", "get-role", "--role-name", "cli-role")
    said = refusal(daypass, Keys.of(issued), "iam", "list-roles")
    assert "because no permissions boundary allows the iam:ListRoles action" in said

    aws("iam", "create-instance-profile", "--instance-profile-name", "cli-profile")
    in_profile = ("--instance-profile-name", "cli-profile", "--role-name", "cli-role")
    aws("iam", "add-role-to-instance-profile", *in_profile)
    details = aws("iam", "get-account-authorization-details", "--filter", "Role", "--page-size", "1")
    detail = next(row for row in details["RoleDetailList"] if row["RoleName"] == "cli-role")
    assert [profile["InstanceProfileName"] for profile in detail["InstanceProfileList"]] == ["cli-profile"]
    assert detail["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary

    # A role that still has something cannot be deleted; without it, it can, and its sessions end.
    assert "(DeleteConflict)" in refusal(daypass, daypass.root, "iam", "delete-role", "--role-name", "cli-role")
    aws("iam", "remove-role-from-instance-profile", *in_profile)
    aws("iam", "delete-instance-profile", "--instance-profile-name", "cli-profile")
    aws("iam", "detach-role-policy", "--role-name", "cli-role", "--policy-arn", read_only)
    aws("iam", "delete-role-policy", "--role-name", "cli-role", "--policy-name", "see")
    assert "(DeleteConflict)" in refusal(daypass, daypass.root, "iam", "delete-policy", "--policy-arn", boundary)
    aws("iam", "delete-role", "--role-name", "cli-role")
    aws("iam", "delete-policy", "--policy-arn", boundary)
    assert "(InvalidClientTokenId)" in refusal(daypass, Keys.of(issued), "sts", "get-caller-identity")


def test_a_list_longer_than_a_page_is_followed_to_its_end(daypass: Daypass, aws: Aws) -> None:
    iam = daypass.client("iam", daypass.root)
    names = [f"cli-page-{number:02}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path="/pages/")

    whole = aws("iam", "list-users", "--path-prefix", "/pages/", "--page-size", "3")["Users"]
    assert [user["UserName"] for user in whole] == names

    first = aws("iam", "list-users", "--path-prefix", "/pages/", "--page-size", "3", "--max-items", "4")
    rest = aws(
        *("iam", "list-users", "--path-prefix", "/pages/", "--page-size", "3"),
        *("--starting-token", first["NextToken"]),
    )
    assert [user["UserName"] for user in first["Users"] + rest["Users"]] == names

    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]


def test_a_key_made_inactive_is_refused_and_works_again_once_active(daypass: Daypass, aws: Aws) -> None:
    keys = daypass.new_user("cli-inactive")
    for status, works in (("Inactive", False), ("Active", True)):
        aws(
            *("iam", "update-access-key", "--user-name", "cli-inactive"),
            *("--access-key-id", keys.access_key_id, "--status", status),
        )
        # `aws` needs longer to start than a change needs to be in force.
        if works:
            assert caller(daypass, keys)("sts", "get-caller-identity")["Account"] == daypass.account_id
        else:
            said = refusal(daypass, keys, "sts", "get-caller-identity")
            assert "(InvalidClientTokenId)" in said
            assert "The security token included in the request is invalid." in said


REFUSALS = [
    (
        "a user that is there already",
        ("iam", "create-user", "--user-name", "cli-twice"),
        "(EntityAlreadyExists) when calling the CreateUser operation: User with name cli-twice already exists.",
    ),
    (
        "a user that is not there",
        ("iam", "create-access-key", "--user-name", "cli-nobody"),
        "(NoSuchEntity) when calling the CreateAccessKey operation: The user with name cli-nobody cannot be found.",
    ),
    (
        "a policy that is none",
        ("iam", "create-policy", "--policy-name", "cli-malformed", "--policy-document", '{"Statement": 1}'),
        "(MalformedPolicyDocument) when calling the CreatePolicy operation: Syntax errors in policy.",
    ),
    (
        "an action that is not served",
        ("iam", "create-service-linked-role", "--aws-service-name", "example.amazonaws.com"),
        "(InvalidAction) when calling the CreateServiceLinkedRole operation: CreateServiceLinkedRole is not served",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_a_refusal_is_what_aws_would_say(arguments: tuple[str, ...], text: str, daypass: Daypass) -> None:
    if "cli-twice" in arguments:
        daypass.client("iam", daypass.root).create_user(UserName="cli-twice")
    assert text in refusal(daypass, daypass.root, *arguments)


def test_a_user_manages_others_only_as_far_as_its_policies_allow(daypass: Daypass) -> None:
    team = f"arn:aws:iam::{daypass.account_id}:user/team/*"
    keys = daypass.new_user("cli-lead", allow(["iam:CreateUser", "iam:DeleteUser"], team))
    own = caller(daypass, keys)
    assert own("iam", "create-user", "--user-name", "cli-member", "--path", "/team/")["User"]["Path"] == "/team/"
    said = refusal(daypass, keys, "iam", "create-user", "--user-name", "cli-outsider")
    assert (
        f"User: arn:aws:iam::{daypass.account_id}:user/cli-lead is not authorized to perform: iam:CreateUser on "
        f"resource: arn:aws:iam::{daypass.account_id}:user/cli-outsider "
        "because no identity-based policy allows the iam:CreateUser action" in said
    )
