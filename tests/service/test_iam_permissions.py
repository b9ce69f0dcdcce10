"""service.iam: what each action is checked on, and that nothing is done without it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from daypass.policy import Principal, PrincipalKind
from daypass.service.actions import Exchange, Ports
from daypass.service.caller import Caller
from daypass.service.iam import ACTIONS
from daypass.store import open_store
from daypass.wire.http import RawRequest
from support.actions import checks_of
from support.api import ACCOUNT, InProcess, allow, in_process
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, TRUST_TEXT, policy_arn, refusal, user_arn
from support.saml_metadata import metadata, signer
from support.stores import OTHER_ACCOUNT, SECRET, SqliteEngine

# One file for each family of actions, all with one world.
FILES = sorted((Path(__file__).parents[1] / "vectors").glob("iam_checks*.json"))
VECTORS = [row for file in FILES for row in json.loads(file.read_text())["rows"]]
ROWS = [pytest.param(row, id=f"{row['action']} {row['case']}".strip()) for row in VECTORS]
# What there is none of in the world of the rows.
THERE_IS_NONE = {
    "GetAccountPasswordPolicy",
    "GetGroupPolicy",
    "GetLoginProfile",
    "GetMFADevice",
    "GetRolePolicy",
    "GetUserPolicy",
}
NOW = datetime(2026, 11, 22, tzinfo=UTC)
REQUEST = RawRequest("POST", b"/", b"", (), b"", "127.0.0.1", False, NOW)


def test_every_action_that_is_served_has_a_row_and_needs_a_permission() -> None:
    assert {row["action"] for row in VECTORS} == {*ACTIONS}
    assert all(action.checks is not None for action in ACTIONS.values())


@pytest.mark.parametrize("row", ROWS)
async def test_an_action_is_checked_on_its_resource_with_its_condition_keys(row: Any, tmp_path: Path) -> None:
    async with SqliteEngine(tmp_path).open() as store:
        directory = store.directory
        carol = await directory.create_user(ACCOUNT, "carol", path="/", tags={"Own": "yes"}, created=NOW)
        alice = await directory.create_user(ACCOUNT, "alice", path="/dev/", tags={"Team": "red"}, created=NOW)
        key = await directory.create_access_key(alice.user_id, SECRET, NOW)
        await directory.create_mfa_device(ACCOUNT, "phone", path="/phones/", seed=SECRET, tags={"Kind": "phone"})
        await directory.create_account(OTHER_ACCOUNT, NOW)
        for account_id in (ACCOUNT, OTHER_ACCOUNT):
            await directory.create_policy(
                account_id,
                "readers",
                path="/team/",
                description=None,
                tags={"Stage": "prod"},
                document=DOCUMENT_TEXT,
                created=NOW,
            )
        await directory.create_role(
            ACCOUNT,
            "worker",
            path="/app/",
            description=None,
            trust_policy=TRUST_TEXT,
            max_session_seconds=3600,
            boundary=policy_arn("readers", "/team/"),
            tags={"Team": "blue"},
            created=NOW,
        )
        await directory.create_instance_profile(ACCOUNT, "box", path="/app/", tags={"Team": "blue"}, created=NOW)
        await directory.create_group(ACCOUNT, "crew", path="/ops/", created=NOW)
        account = await store.identities.account(ACCOUNT)
        assert account is not None
        caller = Caller(
            principal=Principal(PrincipalKind.USER, carol.arn, ACCOUNT, carol.user_id),
            user_id=carol.user_id,
            access_key_id="AKIAIOSFODNN7EXAMPLE",
            account=account,
            user=await store.identities.user(carol.user_id),
            session=None,
        )
        ports = Ports(store.identities, directory, store.entropy, store.key_ring)
        parameters = with_key(row["parameters"], key.access_key_id)
        exchange = Exchange(REQUEST, "request-id", caller, parameters)
        found = await checks_of(ACTIONS[row["action"]], ports, exchange)
        assert [
            [check.action, check.resource, {key: listed(value) for key, value in check.context.items()}]
            for check in found
        ] == row["checks"]


def with_key(parameters: dict[str, Any], access_key_id: str) -> dict[str, Any]:
    """The parameters of a row, with alice's access key where they name it."""
    return {name: access_key_id if value == "AKIA-OF-ALICE" else value for name, value in parameters.items()}


def listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# --- the same, from outside ---


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """The world of the rows, and two more users: one who may do nothing, one who may do what a test says."""
    options = {"public_url": "https://sts.example.com"}
    with in_process(tmp_path_factory.mktemp("iam") / "data", options=options) as server:
        iam = client(server, server.root)
        iam.enable_outbound_web_identity_federation()
        iam.create_user(UserName="alice", Path="/dev/", Tags=[{"Key": "Team", "Value": "red"}])
        server.key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]  # type: ignore[attr-defined]  # because the test adds it
        iam.create_virtual_mfa_device(
            VirtualMFADeviceName="phone", Path="/phones/", Tags=[{"Key": "Kind", "Value": "phone"}]
        )
        iam.create_policy(
            PolicyName="readers",
            Path="/team/",
            PolicyDocument=DOCUMENT_TEXT,
            Tags=[{"Key": "Stage", "Value": "prod"}],
        )
        iam.create_role(
            RoleName="worker",
            Path="/app/",
            AssumeRolePolicyDocument=TRUST_TEXT,
            PermissionsBoundary=policy_arn("readers", "/team/"),
            Tags=[{"Key": "Team", "Value": "blue"}],
        )
        iam.create_instance_profile(InstanceProfileName="box", Path="/app/", Tags=[{"Key": "Team", "Value": "blue"}])
        iam.create_group(GroupName="crew", Path="/ops/")
        iam.generate_credential_report()
        iam.create_open_id_connect_provider(Url="https://idp.example.com/realm")
        iam.create_saml_provider(Name="corporate", SAMLMetadataDocument=metadata(signer()))
        server.powerless = server.user("powerless")  # type: ignore[attr-defined]  # because the test adds it
        server.carol = server.user("carol", tags={"Own": "yes"})  # type: ignore[attr-defined]  # because the test adds it
        yield server


@pytest.mark.parametrize("row", ROWS)
def test_an_action_without_its_permission_is_denied_on_the_resource_it_is_checked_on(row: Any, world: Any) -> None:
    call = getattr(client(world, world.powerless), xform_name(row["action"]))
    action, resource, _ = row["checks"][0]
    status, code, message = refusal(call, **with_key(row["parameters"], world.key))
    assert (status, code) == (403, "AccessDenied")
    assert message == (
        f"User: {user_arn('powerless')} is not authorized to perform: {action} "
        f"on resource: {resource.replace('user/carol', 'user/powerless')} "
        f"because no identity-based policy allows the {action} action"
    )


@pytest.mark.parametrize("row", [row for row in ROWS if len(row.values[0]["checks"]) == 2])
def test_of_two_permissions_the_first_alone_is_not_enough(row: Any, world: Any) -> None:
    first, second = row["checks"] if isinstance(row, dict) else row.values[0]["checks"]
    statement = allow(first[0], first[1])
    world.put_policy("carol", "only", statement)
    status, code, message = refusal(getattr(client(world, world.carol), xform_name(row["action"])), **row["parameters"])
    assert (status, code) == (403, "AccessDenied")
    assert f"to perform: {second[0]} on resource: {second[1]} " in message


@pytest.mark.parametrize("action", [action for action in ACTIONS if action.startswith(("Get", "List"))])
def test_the_permission_on_the_very_resource_is_enough(action: str, world: Any) -> None:
    row = next(row for row in VECTORS if row["action"] == action)
    (check,) = row["checks"]
    world.put_policy("carol", "only", allow(check[0], check[1]))
    call = getattr(client(world, world.carol), xform_name(action))
    parameters = with_key(row["parameters"], world.key)
    if action in THERE_IS_NONE:
        assert refusal(call, **parameters)[1] == "NoSuchEntity"  # allowed to learn that there is none
    else:
        call(**parameters)


def test_who_may_not_see_users_does_not_learn_which_names_exist(world: Any) -> None:
    """At the root path; below another path the denial names the path, which the caller did not know."""
    client(world, world.root).create_user(UserName="present")
    call = client(world, world.powerless).get_user
    answers = [refusal(call, UserName=name) for name in ("present", "missing")]
    assert re.sub("present", "missing", answers[0][2]) == answers[1][2]
    assert answers[0][:2] == answers[1][:2]


def test_a_user_may_manage_its_own_keys_when_it_is_allowed_to(world: Any) -> None:
    key = world.user(
        "self", allow(["iam:*AccessKey*", "iam:GetUser"], f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    )
    own = client(world, key)
    assert own.get_user()["User"]["UserName"] == "self"
    second = own.create_access_key()["AccessKey"]
    assert second["UserName"] == "self"
    assert {row["AccessKeyId"] for row in own.list_access_keys()["AccessKeyMetadata"]} == {
        key.access_key_id,
        second["AccessKeyId"],
    }
    own.update_access_key(AccessKeyId=second["AccessKeyId"], Status="Inactive")
    own.delete_access_key(AccessKeyId=second["AccessKeyId"])
    assert refusal(own.create_access_key, UserName="alice")[1] == "AccessDenied"


def test_the_policy_that_may_be_attached_can_be_limited(world: Any) -> None:
    statement = allow(
        ["iam:AttachUserPolicy", "iam:DetachUserPolicy"],
        f"arn:aws:iam::{ACCOUNT}:user/dev/*",
        Condition={"ArnLike": {"iam:PolicyARN": policy_arn("*", "/team/")}},
    )
    client(world, world.root).create_policy(PolicyName="admin", PolicyDocument=DOCUMENT_TEXT)
    limited = client(world, world.user("limited", statement))
    limited.attach_user_policy(UserName="alice", PolicyArn=policy_arn("readers", "/team/"))
    limited.detach_user_policy(UserName="alice", PolicyArn=policy_arn("readers", "/team/"))
    assert refusal(limited.attach_user_policy, UserName="alice", PolicyArn=policy_arn("admin"))[1] == "AccessDenied"


def test_the_users_that_may_be_changed_can_be_limited_by_their_tags(world: Any) -> None:
    statement = allow("iam:TagUser", Condition={"StringEquals": {"iam:ResourceTag/team": "red"}})
    limited = client(world, world.user("by-tag", statement))
    limited.tag_user(UserName="alice", Tags=[{"Key": "seen", "Value": "yes"}])
    tags = [{"Key": "Team", "Value": "red"}]
    assert refusal(limited.tag_user, UserName="by-tag", Tags=tags)[1] == "AccessDenied"
    client(world, world.root).untag_user(UserName="alice", TagKeys=["seen"])


def test_a_users_move_into_a_path_needs_permission_there_too(world: Any) -> None:
    """Else who may change users below /dev/ could make one of /admins/."""
    statement = allow("iam:UpdateUser", f"arn:aws:iam::{ACCOUNT}:user/dev/*")
    limited = client(world, world.user("mover", statement))
    denied = refusal(limited.update_user, UserName="alice", NewPath="/admins/")
    assert denied[1] == "AccessDenied"
    assert f"on resource: {user_arn('alice', '/admins/')} " in denied[2]
    limited.update_user(UserName="alice", NewPath="/dev/x/")
    client(world, world.root).update_user(UserName="alice", NewPath="/dev/")


def test_federated_credentials_cannot_call_iam_whatever_they_may_do(world: Any) -> None:
    everything = json.dumps(allow("*"))
    key = world.user("issuer", allow("*"))
    answer = world.call(key, "GetFederationToken", {"Name": "Bob", "Policy": everything})
    assert answer.status == 200
    assert refusal(client(world, answer.key).list_users)[:2] == (403, "InvalidClientTokenId")


def test_another_accounts_policy_is_as_if_it_were_not_there_even_for_root(world: Any) -> None:
    root, theirs = client(world, world.root), f"arn:aws:iam::{OTHER_ACCOUNT}:policy/team/readers"

    async def make_it() -> None:
        store = await open_store(world.directory)
        await store.directory.create_account(OTHER_ACCOUNT, NOW)
        made = await store.directory.create_policy(
            OTHER_ACCOUNT,
            "readers",
            path="/team/",
            description=None,
            tags={},
            document=DOCUMENT_TEXT,
            created=NOW,
        )
        assert made.arn == theirs
        await store.close()

    asyncio.run(make_it())
    missing = (404, "NoSuchEntity", f"Policy {theirs} was not found.")
    assert refusal(root.get_policy, PolicyArn=theirs) == missing
    assert refusal(root.delete_policy, PolicyArn=theirs) == missing
    assert refusal(root.attach_user_policy, UserName="alice", PolicyArn=theirs)[:2] == (404, "NoSuchEntity")
    assert refusal(root.get_policy_version, PolicyArn=theirs, VersionId="v1")[:2] == (404, "NoSuchEntity")
    assert theirs not in [policy["Arn"] for policy in root.list_policies()["Policies"]]
