"""service.iam.boundaries through boto3: permissions boundaries of users and roles.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, TRUST_TEXT, policy_arn, refusal, user_arn
from support.stores import OTHER_ACCOUNT


@dataclass
class Bounded:
    """The calls about the boundary of one kind of entity, and what they ask for."""

    iam: Any
    noun: str

    @property
    def kind(self) -> str:
        return self.noun.lower()

    def parameters(self, name: str) -> dict[str, str]:
        return {f"{self.noun}Name": name}

    def create(self, name: str, **more: Any) -> Any:
        given = self.parameters(name) | ({"AssumeRolePolicyDocument": TRUST_TEXT} if self.noun == "Role" else {})
        return getattr(self.iam, f"create_{self.kind}")(**given, **more)[self.noun]

    def get(self, name: str) -> Any:
        return getattr(self.iam, f"get_{self.kind}")(**self.parameters(name))[self.noun]

    @property
    def put(self) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self.iam, f"put_{self.kind}_permissions_boundary")
        return call

    @property
    def delete(self) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self.iam, f"delete_{self.kind}_permissions_boundary")
        return call


@pytest.fixture(params=["User", "Role"])
def bounded(request: pytest.FixtureRequest, iam: Any) -> Bounded:
    return Bounded(iam, request.param)


@pytest.fixture
def arn(iam: Any, name: str) -> str:
    made: str = iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    return made


def shown(arn: str) -> dict[str, str]:
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def test_a_boundary_is_set_shown_replaced_and_removed(bounded: Bounded, iam: Any, name: str, arn: str) -> None:
    assert bounded.create(name, PermissionsBoundary=arn)["PermissionsBoundary"] == shown(arn)
    assert bounded.get(name)["PermissionsBoundary"] == shown(arn)
    listed = getattr(iam, f"list_{bounded.kind}s")(MaxItems=1000)[f"{bounded.noun}s"]
    assert "PermissionsBoundary" not in next(row for row in listed if row[f"{bounded.noun}Name"] == name)
    aws = "arn:aws:iam::aws:policy/PowerUserAccess"
    bounded.put(**bounded.parameters(name), PermissionsBoundary=aws)
    assert bounded.get(name)["PermissionsBoundary"] == shown(aws)
    bounded.delete(**bounded.parameters(name))
    assert "PermissionsBoundary" not in bounded.get(name)
    bounded.delete(**bounded.parameters(name))  # again changes nothing


@pytest.mark.parametrize(
    ("boundary", "status", "code", "message"),
    [
        (
            f"arn:aws:iam::{ACCOUNT}:not_a_policy/invalid",
            400,
            "InvalidInput",
            f"ARN arn:aws:iam::{ACCOUNT}:not_a_policy/invalid is not valid.",
        ),
        *[
            (missing, 404, "NoSuchEntity", f"Scope ARN: {missing} does not exist or is not attachable.")
            for missing in (
                policy_arn("nonexistent-policy"),
                f"arn:aws:iam::{OTHER_ACCOUNT}:policy/theirs",
                "arn:aws:iam::aws:policy/Nonexistent",
            )
        ],
    ],
)
def test_what_is_no_policy_of_the_account_is_no_boundary(
    bounded: Bounded, name: str, boundary: str, status: int, code: str, message: str
) -> None:
    bounded.create(name)
    refused = (status, code, message)
    assert refusal(bounded.put, **bounded.parameters(name), PermissionsBoundary=boundary) == refused
    assert "PermissionsBoundary" not in bounded.get(name)
    assert refusal(bounded.create, name=f"{name}-2", PermissionsBoundary=boundary) == refused
    assert refusal(bounded.get, name=f"{name}-2")[1] == "NoSuchEntity"


def test_nobody_has_no_boundary(bounded: Bounded, arn: str) -> None:
    missing = (404, "NoSuchEntity", f"The {bounded.kind} with name nobody cannot be found.")
    assert refusal(bounded.put, **bounded.parameters("nobody"), PermissionsBoundary=arn) == missing
    assert refusal(bounded.delete, **bounded.parameters("nobody")) == missing


def test_a_policy_that_is_a_boundary_is_counted_and_not_deleted(
    bounded: Bounded, iam: Any, name: str, arn: str
) -> None:
    bounded.create(name, PermissionsBoundary=arn)
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (0, 1)
    assert refusal(iam.delete_policy, PolicyArn=arn) == (
        409,
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    bounded.delete(**bounded.parameters(name))
    iam.delete_policy(PolicyArn=arn)


def test_a_boundary_limits_a_user_from_the_next_request_on(iam: Any, iam_server: InProcess, name: str) -> None:
    own = client(iam_server, iam_server.user(name, allow("iam:*")))
    own.get_user()
    arn = iam_server.managed_policy(name, allow("iam:ListUsers"))
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=arn)
    own.list_users(MaxItems=1)
    assert refusal(own.get_user) == (
        403,
        "AccessDenied",
        f"User: {user_arn(name)} is not authorized to perform: iam:GetUser on resource: {user_arn(name)} "
        "because no permissions boundary allows the iam:GetUser action",
    )
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("iam:Get*")), SetAsDefault=True)
    own.get_user()
    iam.delete_user_permissions_boundary(UserName=name)
    own.list_users(MaxItems=1)


def test_who_may_make_users_only_within_a_boundary_makes_no_others(
    iam: Any, iam_server: InProcess, name: str, arn: str
) -> None:
    """IAM User Guide, "Permissions boundaries for IAM entities", "Delegating responsibility to others"."""
    within = {"StringEquals": {"iam:PermissionsBoundary": arn}}
    delegate = client(
        iam_server,
        iam_server.user(
            name,
            allow(["iam:CreateUser", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary"], Condition=within),
            allow(["iam:CreateUser", "iam:TagUser"], "arn:aws:iam::*:user/never/*"),
        ),
    )
    other = iam.create_policy(PolicyName=f"{name}-other", PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    assert refusal(delegate.create_user, UserName=f"{name}-2")[1] == "AccessDenied"
    assert refusal(delegate.create_user, UserName=f"{name}-2", PermissionsBoundary=other)[1] == "AccessDenied"
    delegate.create_user(UserName=f"{name}-2", PermissionsBoundary=arn)
    delegate.put_user_policy(UserName=f"{name}-2", PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    iam.create_user(UserName=f"{name}-3", PermissionsBoundary=other)
    denied = refusal(delegate.put_user_policy, UserName=f"{name}-3", PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    assert denied[1] == "AccessDenied"
    change = delegate.put_user_permissions_boundary
    assert refusal(change, UserName=f"{name}-2", PermissionsBoundary=other)[1] == "AccessDenied"
