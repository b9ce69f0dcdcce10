"""What counts as a use of credentials, from a signed request to GetAccessKeyLastUsed.

Answers: LocalStack's AWS-validated IAM snapshots of February 2026; IAM API Reference, GetAccessKeyLastUsed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.api import ACCOUNT, InProcess, Key, allow, in_process
from support.boto3_in_process import client
from support.iam import TRUST_TEXT, refusal, user_arn

NEVER = {"ServiceName": "N/A", "Region": "N/A"}


def last_used(iam: Any, key: Key) -> dict[str, Any]:
    answer = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)
    found: dict[str, Any] = answer["AccessKeyLastUsed"]
    return found


def test_a_key_that_was_never_used_says_so(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name)
    answer = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)
    assert (answer["UserName"], answer["AccessKeyLastUsed"]) == (name, NEVER)


def test_a_use_tells_when_for_which_service_and_in_which_region(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name)
    for service, region in (("sts", "eu-west-1"), ("iam", "us-east-1")):
        action = "GetCallerIdentity" if service == "sts" else "ListUsers"  # the second is denied: a use all the same
        iam_server.call(key, action, service=service, region=region)
        used = last_used(iam, key)
        assert (used["ServiceName"], used["Region"]) == (service, region)
        assert timedelta(0) <= datetime.now(UTC) - used["LastUsedDate"] < timedelta(minutes=1)


def test_a_signature_that_is_wrong_is_no_use(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name)
    assert iam_server.call(Key(key.access_key_id, "wrong"), "GetCallerIdentity").status == 403
    assert last_used(iam, key) == NEVER


def test_a_federated_session_is_no_use_of_the_key_that_made_it(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name, allow("sts:GetFederationToken"))
    session = iam_server.call(key, "GetFederationToken", {"Name": "Bob"}).key
    assert last_used(iam, key)["ServiceName"] == "sts"
    assert iam_server.call(session, "GetCallerIdentity", region="ap-south-1").status == 200
    assert last_used(iam, key)["Region"] == "us-east-1"


def test_a_root_key_has_no_user_name(iam: Any, iam_server: InProcess) -> None:
    answer = iam.get_access_key_last_used(AccessKeyId=iam_server.root.access_key_id)
    assert "UserName" not in answer
    assert answer["AccessKeyLastUsed"]["ServiceName"] == "iam"


def test_a_key_of_nobody_is_denied_in_the_words_for_a_key_of_somebody_else(iam: Any) -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    assert refusal(iam.get_access_key_last_used, AccessKeyId="AKIAIOSFODNN7EXAMPLE") == (
        403,
        "AccessDenied",
        f"User: {root} is not authorized to perform iam:GetAccessKeyLastUsed "
        "on resource: access key AKIAIOSFODNN7EXAMPLE",
    )


def test_a_deleted_key_is_a_key_of_nobody(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name)
    iam.delete_access_key(UserName=name, AccessKeyId=key.access_key_id)
    assert refusal(iam.get_access_key_last_used, AccessKeyId=key.access_key_id)[:2] == (403, "AccessDenied")


def test_the_permission_is_one_on_the_user_whose_key_it_is(iam: Any, iam_server: InProcess, name: str) -> None:
    owner = iam_server.user(name)
    asking = client(iam_server, iam_server.user(f"asking-{name}", allow("iam:GetAccessKeyLastUsed", user_arn("other"))))
    assert refusal(asking.get_access_key_last_used, AccessKeyId=owner.access_key_id)[:2] == (403, "AccessDenied")
    iam_server.put_policy(f"asking-{name}", "policy-0", allow("iam:GetAccessKeyLastUsed", user_arn(name)))
    assert last_used(asking, owner) == NEVER


def test_a_use_of_a_roles_session_is_one_of_the_role_and_outlives_the_server(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        iam = client(server, server.root)
        role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST_TEXT)["Role"]
        key = server.user("alice", allow("sts:AssumeRole"))
        session = server.call(key, "AssumeRole", {"RoleArn": role["Arn"], "RoleSessionName": "work"}).key
        assert server.call(session, "GetCallerIdentity", region="eu-central-1").status == 200
        root = server.root
    with in_process(tmp_path / "data", root) as server:
        iam = client(server, root)
        used = iam.get_role(RoleName="worker")["Role"]["RoleLastUsed"]
        assert used["Region"] == "eu-central-1"
        assert timedelta(0) <= datetime.now(UTC) - used["LastUsedDate"] < timedelta(minutes=1)
        assert last_used(iam, key)["ServiceName"] == "sts"
