"""service.iam.access_keys through boto3: keys of users and of root, and what becomes of requests signed with them.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.api import InProcess, Key
from support.boto3_in_process import client
from support.iam import refusal


def test_an_access_key_is_made_listed_and_deleted(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    assert iam.list_access_keys(UserName=name)["AccessKeyMetadata"] == []
    made = iam.create_access_key(UserName=name)["AccessKey"]
    assert {*made} == {"UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate"}
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made["AccessKeyId"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made["SecretAccessKey"])
    assert (made["UserName"], made["Status"]) == (name, "Active")
    listed = iam.list_access_keys(UserName=name)
    del made["SecretAccessKey"]
    assert (listed["AccessKeyMetadata"], listed["IsTruncated"]) == ([made], False)
    iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
    assert iam.list_access_keys(UserName=name)["AccessKeyMetadata"] == []


def test_the_secret_is_answered_once_and_is_another_each_time(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    secrets = {iam.create_access_key(UserName=name)["AccessKey"]["SecretAccessKey"] for _ in range(2)}
    assert len(secrets) == 2
    assert not secrets & {*str(iam.list_access_keys(UserName=name)).split("'")}


def test_a_third_access_key_is_refused(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    for _ in range(2):
        iam.create_access_key(UserName=name)
    assert refusal(iam.create_access_key, UserName=name) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )


def test_an_inactive_key_is_as_if_it_were_unknown_until_it_is_active_again(
    iam: Any, iam_server: InProcess, name: str
) -> None:
    key = iam_server.user(name)
    sts = client(iam_server, key, "sts")
    sts.get_caller_identity()
    iam.update_access_key(UserName=name, AccessKeyId=key.access_key_id, Status="Inactive")
    assert [row["Status"] for row in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]] == ["Inactive"]
    assert refusal(sts.get_caller_identity)[:2] == (403, "InvalidClientTokenId")
    iam.update_access_key(UserName=name, AccessKeyId=key.access_key_id, Status="Active")
    sts.get_caller_identity()


def test_a_deleted_key_is_unknown_at_once(iam: Any, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name)
    sts = client(iam_server, key, "sts")
    sts.get_caller_identity()
    iam.delete_access_key(UserName=name, AccessKeyId=key.access_key_id)
    assert refusal(sts.get_caller_identity)[:2] == (403, "InvalidClientTokenId")


def test_a_status_that_cannot_be_set_is_refused(iam: Any, iam_server: InProcess, name: str) -> None:
    """The model lists Expired, which no key of Daypass ever is."""
    key = iam_server.user(name)
    assert refusal(iam.update_access_key, UserName=name, AccessKeyId=key.access_key_id, Status="Expired") == (
        400,
        "InvalidInput",
        "the status of an access key can be set to `Active` or `Inactive` only",
    )


@pytest.mark.parametrize(("call", "more"), [("update_access_key", {"Status": "Inactive"}), ("delete_access_key", {})])
def test_a_key_is_not_found_with_anybody_but_its_owner(
    iam: Any, iam_server: InProcess, name: str, call: str, more: dict[str, str]
) -> None:
    key = iam_server.user(name)
    iam.create_user(UserName=f"other-{name}")
    missing = (404, "NoSuchEntity", f"The Access Key with id {key.access_key_id} cannot be found.")
    assert refusal(getattr(iam, call), UserName=f"other-{name}", AccessKeyId=key.access_key_id, **more) == missing
    assert refusal(getattr(iam, call), AccessKeyId=key.access_key_id, **more) == missing  # root's own keys
    client(iam_server, key, "sts").get_caller_identity()


def test_root_manages_its_own_keys_by_naming_no_user(iam: Any, iam_server: InProcess) -> None:
    """IAM API Reference: without UserName the caller is meant, and so root's keys can be managed."""
    second = iam.create_access_key()["AccessKey"]
    assert "UserName" not in second
    listed = {row["AccessKeyId"] for row in iam.list_access_keys()["AccessKeyMetadata"]}
    assert listed == {iam_server.root.access_key_id, second["AccessKeyId"]}
    rotated = client(iam_server, Key(second["AccessKeyId"], second["SecretAccessKey"]))
    assert rotated.get_user()["User"]["Arn"].endswith(":root")
    assert refusal(iam.create_access_key)[1] == "LimitExceeded"
    rotated.update_access_key(AccessKeyId=second["AccessKeyId"], Status="Inactive")
    assert refusal(rotated.get_user)[1] == "InvalidClientTokenId"
    iam.delete_access_key(AccessKeyId=second["AccessKeyId"])


def test_keys_are_listed_page_by_page(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    made = {iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for _ in range(2)}
    first = iam.list_access_keys(UserName=name, MaxItems=1)
    assert first["IsTruncated"] is True
    second = iam.list_access_keys(UserName=name, MaxItems=1, Marker=first["Marker"])
    assert second["IsTruncated"] is False
    assert {page["AccessKeyMetadata"][0]["AccessKeyId"] for page in (first, second)} == made


def test_no_secret_is_in_the_audit_log(iam: Any, iam_server: InProcess, name: str) -> None:
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    text = (iam_server.directory / "audit.jsonl").read_text()
    assert made["SecretAccessKey"] not in text
    assert iam_server.root.secret not in text


def test_what_is_not_served_is_said_not_to_be(iam: Any) -> None:
    status, code, message = refusal(iam.set_security_token_service_preferences, GlobalEndpointTokenVersion="v2Token")
    assert (status, code) == (400, "InvalidAction")
    assert message.startswith("SetSecurityTokenServicePreferences is not served by Daypass")
