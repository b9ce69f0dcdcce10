"""service.iam.credential_report through boto3.

Columns and values: IAM User Guide, "Generate credential reports for your AWS account"; errors as LocalStack recorded
them of AWS in February 2026.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daypass import limits
from support.api import ACCOUNT, InProcess, allow, in_process
from support.boto3_in_process import client
from support.iam import user_arn

HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("report") / "data") as server:
        yield server


def moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def lines_of(report: Any) -> dict[str, dict[str, str]]:
    return {line["user"]: line for line in csv.DictReader(io.StringIO(report["Content"].decode()))}


def test_there_is_no_report_until_one_is_made(server: InProcess) -> None:
    iam = client(server, server.root)
    assert refusal_without_text(iam.get_credential_report) == (410, "ReportNotPresent")
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    assert report["ReportFormat"] == "text/csv"
    assert report["Content"].decode().splitlines()[0] == HEADER


def test_a_line_says_what_credentials_a_user_has(server: InProcess) -> None:
    iam = client(server, server.root)
    created = iam.create_user(UserName="alice", Path="/dev/")["User"]["CreateDate"]
    iam.create_user(UserName="bob")
    profile = iam.create_login_profile(UserName="alice", Password="TestPassword123!")["LoginProfile"]
    iam.update_account_password_policy(MaxPasswordAge=90)
    first = iam.create_access_key(UserName="alice")["AccessKey"]
    second = iam.create_access_key(UserName="alice")["AccessKey"]
    iam.update_access_key(UserName="alice", AccessKeyId=first["AccessKeyId"], Status="Inactive")
    iam.generate_credential_report()
    lines = lines_of(iam.get_credential_report())
    assert [*lines] == ["<root_account>", "alice", "bob"]
    keys = sorted(
        [(first, "false"), (second, "true")], key=lambda pair: (pair[0]["CreateDate"], pair[0]["AccessKeyId"])
    )
    assert lines["alice"] == {
        "user": "alice",
        "arn": user_arn("alice", "/dev/"),
        "user_creation_time": moment(created),
        "password_enabled": "true",
        "password_last_used": "no_information",
        "password_last_changed": moment(profile["CreateDate"]),
        "password_next_rotation": moment(profile["CreateDate"] + timedelta(days=90)),
        "mfa_active": "false",
        "access_key_1_active": keys[0][1],
        "access_key_1_last_rotated": moment(keys[0][0]["CreateDate"]),
        "access_key_1_last_used_date": "N/A",
        "access_key_1_last_used_region": "N/A",
        "access_key_1_last_used_service": "N/A",
        "access_key_2_active": keys[1][1],
        "access_key_2_last_rotated": moment(keys[1][0]["CreateDate"]),
        "access_key_2_last_used_date": "N/A",
        "access_key_2_last_used_region": "N/A",
        "access_key_2_last_used_service": "N/A",
        "cert_1_active": "false",
        "cert_1_last_rotated": "N/A",
        "cert_2_active": "false",
        "cert_2_last_rotated": "N/A",
    }
    bob = {key: value for key, value in lines["bob"].items() if key not in ("user", "arn", "user_creation_time")}
    assert {*bob.values()} == {"false", "N/A"}
    root = lines["<root_account>"]
    assert root["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert (root["password_enabled"], root["password_last_used"]) == ("not_supported", "no_information")
    assert (root["password_last_changed"], root["password_next_rotation"]) == ("not_supported", "not_supported")
    assert (root["access_key_1_active"], root["access_key_2_active"], root["mfa_active"]) == ("true", "false", "false")


def test_a_report_tells_when_keys_were_used(server: InProcess) -> None:
    iam = client(server, server.root)
    client(server, server.user("alice", allow("iam:GetUser"))).get_user()
    iam.generate_credential_report()
    lines = lines_of(iam.get_credential_report())
    for user in ("alice", "<root_account>"):
        line = lines[user]
        assert (line["access_key_1_last_used_service"], line["access_key_1_last_used_region"]) == ("iam", "us-east-1")
        assert line["access_key_1_last_used_date"] >= line["access_key_1_last_rotated"]


def test_for_four_hours_no_other_report_is_made_and_then_it_is_over(server: InProcess, monkeypatch: Any) -> None:
    """IAM API Reference, GenerateCredentialReport. (The four hours are shortened.)"""
    iam = client(server, server.root)
    iam.generate_credential_report()
    iam.create_user(UserName="late")
    iam.generate_credential_report()
    assert "late" not in lines_of(iam.get_credential_report())
    monkeypatch.setattr(limits, "CREDENTIAL_REPORT_SECONDS", 0)
    assert refusal_without_text(iam.get_credential_report) == (410, "ReportExpired")
    iam.generate_credential_report()
    monkeypatch.undo()
    assert "late" in lines_of(iam.get_credential_report())


def refusal_without_text(call: Any) -> tuple[int, str]:
    """AWS sends no message with these errors."""
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    assert not answer["Error"].get("Message")
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
