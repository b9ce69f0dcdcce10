"""service.iam.simulation_source: whose policies are simulated, beside a user's own.

IAM API Reference, SimulatePrincipalPolicy: the policies of a user's groups count; an attached permissions boundary
holds unless another is passed; service control policies that apply to the account count.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daypass.names import root_arn
from daypass.policy import PolicyKind, Principal, PrincipalKind
from daypass.service.actions import Exchange, Ports
from daypass.service.caller import Caller
from daypass.service.iam import ACTIONS
from daypass.wire.http import RawRequest
from support.actions import perform
from support.api import ACCOUNT, allow
from support.boto3_in_process import client
from support.iam import TRUST_TEXT, policy_arn, refusal, role_arn, user_arn
from support.stores import OTHER_ACCOUNT, SqliteEngine

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GET, PUT = json.dumps(allow("s3:GetObject")), json.dumps(allow("s3:PutObject"))
EVERYTHING = json.dumps(allow("*"))
READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
BUCKET = "arn:aws:s3:::files/a"


def group_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:group{path}{name}"


def simulated(iam: Any, arn: str, *actions: str, **more: Any) -> list[tuple[str, list[str]]]:
    """The decision on each action, and the policies whose statements made it."""
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)
    return [
        (result["EvalDecision"], [found["SourcePolicyId"] for found in result["MatchedStatements"]])
        for result in answer["EvaluationResults"]
    ]


@pytest.fixture
def member(iam: Any, name: str) -> str:
    """A user without policies, in a group with an inline policy and one of AWS's."""
    iam.create_user(UserName=name)
    iam.create_group(GroupName=f"{name}-group")
    iam.add_user_to_group(GroupName=f"{name}-group", UserName=name)
    iam.put_group_policy(GroupName=f"{name}-group", PolicyName="writing", PolicyDocument=PUT)
    iam.attach_group_policy(GroupName=f"{name}-group", PolicyArn=READ)
    return name


@pytest.fixture
def role(iam: Any, name: str) -> str:
    """A role with an inline policy and a tag, below a path."""
    iam.create_role(
        RoleName=name, Path="/app/", AssumeRolePolicyDocument=TRUST_TEXT, Tags=[{"Key": "Team", "Value": "red"}]
    )
    iam.put_role_policy(RoleName=name, PolicyName="reading", PolicyDocument=GET)
    return name


# --- groups ---


def test_a_members_simulation_counts_its_groups_policies(iam: Any, member: str) -> None:
    assert simulated(iam, user_arn(member), "s3:GetObject", "s3:PutObject", "s3:DeleteObject") == [
        ("allowed", ["AmazonS3ReadOnlyAccess"]),
        ("allowed", [f"group_{member}-group_writing"]),
        ("implicitDeny", []),
    ]


def test_a_groups_own_policies_are_simulated(iam: Any, member: str) -> None:
    arn = group_arn(f"{member}-group")
    assert simulated(iam, arn, "s3:GetObject", "s3:PutObject", "s3:DeleteObject") == [
        ("allowed", ["AmazonS3ReadOnlyAccess"]),
        ("allowed", [f"group_{member}-group_writing"]),
        ("implicitDeny", []),
    ]
    iam.put_group_policy(
        GroupName=f"{member}-group",
        PolicyName="own",
        PolicyDocument=json.dumps(allow("s3:ListBucket", Condition={"StringLike": {"s3:prefix": "${aws:username}/*"}})),
    )
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"]
    assert keys == ["s3:prefix", "aws:username"]


def test_a_groups_simulation_has_no_caller(iam: Any, member: str) -> None:
    """IAM API Reference: CallerArn is needed with a ResourcePolicy unless the source is a user."""
    document = json.dumps(allow("s3:GetObject", BUCKET, Principal={"AWS": ACCOUNT}))
    asked = {"ActionNames": ["s3:GetObject"], "ResourceArns": [BUCKET], "ResourcePolicy": document}
    arn = group_arn(f"{member}-group")
    assert refusal(iam.simulate_principal_policy, PolicySourceArn=arn, **asked) == (
        400,
        "InvalidInput",
        "Invalid caller - Caller cannot be null or empty.",
    )
    assert iam.simulate_principal_policy(PolicySourceArn=arn, CallerArn=user_arn("any"), **asked)["EvaluationResults"]


@pytest.mark.parametrize(
    ("identifier", "left"),
    [
        ({"PolicyType": "inline"}, ["allowed", "implicitDeny"]),
        ({"PolicyType": "aws-managed"}, ["implicitDeny", "allowed"]),
        ({"PolicyType": "user-managed"}, ["allowed", "allowed"]),
        ({"PolicyArn": READ}, ["implicitDeny", "allowed"]),
        ({"InlinePolicyIdentifier": ("group", "{name}-group", "writing")}, ["allowed", "implicitDeny"]),
        ({"InlinePolicyIdentifier": ("group", "{name}-group", "other")}, ["allowed", "allowed"]),
        ({"InlinePolicyIdentifier": ("user", "{name}", "writing")}, ["allowed", "allowed"]),
    ],
)
def test_a_groups_policies_can_be_excluded(iam: Any, member: str, identifier: dict[str, Any], left: list[str]) -> None:
    match identifier:
        case {"InlinePolicyIdentifier": (kind, attached, policy)}:
            named = {"AttachmentType": kind, "AttachmentName": attached.format(name=member), "PolicyName": policy}
            identifier = {"InlinePolicyIdentifier": named}
    found = simulated(iam, user_arn(member), "s3:GetObject", "s3:PutObject", PolicyExclusionList=[identifier])
    assert [decision for decision, _ in found] == left


# --- roles ---


def test_a_roles_policies_are_simulated(iam: Any, role: str) -> None:
    arn = role_arn(role, "/app/")
    assert simulated(iam, arn, "s3:GetObject", "s3:PutObject") == [
        ("allowed", [f"role_{role}_reading"]),
        ("implicitDeny", []),
    ]
    missing = (404, "NoSuchEntity", "Unable to retrieve specified IAM entity.")
    assert (
        refusal(iam.simulate_principal_policy, PolicySourceArn=role_arn(role), ActionNames=["s3:GetObject"]) == missing
    )


@pytest.mark.parametrize(
    ("key", "value", "decision"),
    [
        ("aws:PrincipalArn", "{arn}", "allowed"),
        ("aws:PrincipalTag/team", "red", "allowed"),
        ("aws:PrincipalType", "AssumedRole", "allowed"),
        ("aws:PrincipalAccount", ACCOUNT, "allowed"),
        ("aws:username", "{name}", "implicitDeny"),
    ],
)
def test_a_roles_simulation_has_the_keys_that_all_its_sessions_have(
    iam: Any, role: str, key: str, value: str, decision: str
) -> None:
    arn = role_arn(role, "/app/")
    condition = {"StringEquals": {key: value.format(arn=arn, name=role)}}
    document = json.dumps(allow("sqs:SendMessage", Condition=condition))
    assert simulated(iam, arn, "sqs:SendMessage", PolicyInputList=[document])[0][0] == decision


def test_who_may_simulate_can_be_limited_to_roles_by_their_tags(iam: Any, iam_server: Any, role: str) -> None:
    arn = role_arn(role, "/app/")
    statement = allow("iam:SimulatePrincipalPolicy", Condition={"StringEquals": {"iam:ResourceTag/Team": "red"}})
    asking = client(iam_server, iam_server.user(f"asking-{role}", statement))
    assert simulated(asking, arn, "s3:GetObject")[0][0] == "allowed"
    iam.untag_role(RoleName=role, TagKeys=["Team"])
    refused = refusal(asking.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["s3:GetObject"])
    assert refused[:2] == (403, "AccessDenied")


# --- boundaries ---


def test_an_attached_boundary_holds_unless_another_is_passed_or_it_is_excluded(iam: Any, member: str) -> None:
    arn = user_arn(member)
    iam.put_user_permissions_boundary(UserName=member, PermissionsBoundary=READ)
    assert [decision for decision, _ in simulated(iam, arn, "s3:GetObject", "s3:PutObject")] == [
        "allowed",
        "implicitDeny",
    ]
    (result,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:PutObject"])["EvaluationResults"]
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    passed = {"PermissionsBoundaryPolicyInputList": [EVERYTHING]}
    assert simulated(iam, arn, "s3:PutObject", **passed)[0][0] == "allowed"
    excluded = {"PolicyExclusionList": [{"PolicyType": "permission-boundary"}]}
    assert simulated(iam, arn, "s3:PutObject", **excluded)[0][0] == "allowed"


def test_a_roles_boundary_counts_too(iam: Any, role: str) -> None:
    made = iam.create_policy(PolicyName=f"{role}-nothing", PolicyDocument=PUT)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=made)
    assert made == policy_arn(f"{role}-nothing")
    assert simulated(iam, role_arn(role, "/app/"), "s3:GetObject") == [("implicitDeny", [])]


# --- service control policies ---


async def test_the_accounts_service_control_policies_count_unless_others_are_passed_or_they_are_excluded(
    tmp_path: Path,
) -> None:
    """They do not bind the management account, whose simulations are the ones above."""
    async with SqliteEngine(tmp_path).open() as store:
        directory = store.directory
        await directory.create_account(OTHER_ACCOUNT, NOW)
        await directory.attach_control_policy("reading", PolicyKind.SERVICE_CONTROL, GET, NOW, account_id=None)
        for account_id in (ACCOUNT, OTHER_ACCOUNT):
            user = await directory.create_user(account_id, "alice", path="/", tags={}, created=NOW)
            await directory.put_inline_policy(user.user_id, "all", EVERYTHING, 1)

        async def decision(account_id: str, action: str, **more: Any) -> tuple[str, Any]:
            account = await store.identities.account(account_id)
            assert account is not None
            root = Principal(PrincipalKind.ROOT, root_arn(account_id), account_id)
            caller = Caller(root, account_id, "AKIAIOSFODNN7EXAMPLE", account, None, None)
            request = RawRequest("POST", b"/", b"", (), b"", "127.0.0.1", False, NOW)
            arn = f"arn:aws:iam::{account_id}:user/alice"
            parameters = {"PolicySourceArn": arn, "ActionNames": [action]} | more
            ports = Ports(store.identities, directory, store.entropy, store.key_ring)
            exchange = Exchange(request, "request-id", caller, parameters)
            answer = await perform(ACTIONS["SimulatePrincipalPolicy"], ports, exchange)
            (result,) = answer["EvaluationResults"]
            return result["EvalDecision"], result["OrganizationsDecisionDetail"]

        assert await decision(OTHER_ACCOUNT, "s3:GetObject") == ("allowed", {"AllowedByOrganizations": True})
        assert await decision(OTHER_ACCOUNT, "s3:PutObject") == ("implicitDeny", {"AllowedByOrganizations": False})
        assert await decision(ACCOUNT, "s3:PutObject") == ("allowed", None)
        excluded = {"PolicyExclusionList": [{"PolicyType": "scp"}]}
        assert await decision(OTHER_ACCOUNT, "s3:PutObject", **excluded) == ("allowed", None)
        passed = {"OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": [PUT]}]}
        assert await decision(OTHER_ACCOUNT, "s3:GetObject", **passed) == (
            "implicitDeny",
            {"AllowedByOrganizations": False},
        )
