"""Roles and sessions by an unmodified boto3 and AWS CLI: they assume, chain and refresh by themselves.

Source: STS API Reference; AWS SDKs and Tools Reference Guide, "Assume role credential provider"; AWS CLI User Guide,
"Using an IAM role in the AWS CLI".
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from support.commands import aws_command, aws_environment
from support.mfa import new_device
from support.server import REGION, Daypass, Keys, allow, policy

SESSION = "jan"


@pytest.fixture(scope="module")
def caller(daypass: Daypass) -> Keys:
    return daypass.new_user("role-caller", allow("sts:*", "*"))


@pytest.fixture(scope="module")
def roles(daypass: Daypass, caller: Keys) -> dict[str, str]:
    """Two roles: the first for the caller, the second for the first; both may list users."""
    iam = daypass.client("iam", daypass.root)
    arns: dict[str, str] = {}
    for name, principal in (("SdkFirst", f"arn:aws:iam::{daypass.account_id}:user/role-caller"), ("SdkSecond", "")):
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": principal or arns["SdkFirst"]},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arns[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.put_role_policy(
            RoleName=name, PolicyName="p", PolicyDocument=policy(allow(["iam:ListUsers", "sts:*"], "*"))
        )
    return arns


@pytest.fixture
def config(tmp_path: Path, daypass: Daypass, caller: Keys, roles: dict[str, str]) -> dict[str, str]:
    """The environment of somebody whose AWS configuration names the roles as profiles."""
    file = tmp_path / "config"
    file.write_text(
        f"[profile caller]\naws_access_key_id = {caller.access_key_id}\n"
        f"aws_secret_access_key = {caller.secret_access_key}\n"
        f"[profile first]\nrole_arn = {roles['SdkFirst']}\nsource_profile = caller\nrole_session_name = {SESSION}\n"
        f"[profile second]\nrole_arn = {roles['SdkSecond']}\nsource_profile = first\nrole_session_name = {SESSION}\n"
    )
    return {
        "AWS_ENDPOINT_URL": daypass.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(file),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def test_boto3_reads_every_field_of_an_assumed_role(daypass: Daypass, caller: Keys, roles: dict[str, str]) -> None:
    sts = daypass.client("sts", caller)
    answer = sts.assume_role(
        RoleArn=roles["SdkFirst"],
        RoleSessionName=SESSION,
        Policy=policy(allow("iam:ListUsers", "*")),
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}],
        DurationSeconds=900,
        Tags=[{"Key": "Team", "Value": "red"}],
        TransitiveTagKeys=["Team"],
        ExternalId="unlock",
        SourceIdentity="ann",
        MinimumSessionTokenSize=2000,
    )
    assert answer["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/SdkFirst/{SESSION}")
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(f":{SESSION}")
    assert answer["SourceIdentity"] == "ann"
    assert answer["SessionTokenSize"] == len(answer["Credentials"]["SessionToken"]) >= 2000
    assert answer["PackedPolicySize"] == answer["SessionTokenUtilization"]
    keys = Keys.of(answer["Credentials"])
    assert daypass.client("sts", keys).get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert daypass.client("iam", keys).list_users()["Users"]


def test_boto3_has_the_errors_as_its_own_exceptions(daypass: Daypass, caller: Keys, roles: dict[str, str]) -> None:
    sts = daypass.client("sts", caller)
    named = {"RoleArn": roles["SdkFirst"], "RoleSessionName": SESSION}
    with pytest.raises(sts.exceptions.MalformedPolicyDocumentException):
        sts.assume_role(**named, Policy="{}")
    with pytest.raises(sts.exceptions.PackedPolicyTooLargeException):
        sts.assume_role(**named, Policy=policy(allow([f"s3:Get{n:030}" for n in range(80)], "*")))
    with pytest.raises(sts.exceptions.InvalidAuthorizationMessageException):
        sts.decode_authorization_message(EncodedMessage="nothing")
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=roles["SdkSecond"], RoleSessionName=SESSION)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_boto3_assumes_a_chain_of_profiles_by_itself(config: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in config.items():
        monkeypatch.setenv(name, value)
    for profile, role in (("first", "SdkFirst"), ("second", "SdkSecond")):
        session = boto3.Session(profile_name=profile)
        who = session.client("sts").get_caller_identity()
        assert who["Arn"].endswith(f":assumed-role/{role}/{SESSION}")
        assert session.client("iam").list_users()["Users"]


def test_the_aws_cli_assumes_a_profile_s_role_by_itself(config: dict[str, str]) -> None:
    told = aws_command("sts", "get-caller-identity", "--profile", "second", environment=config)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["Arn"].endswith(f":assumed-role/SdkSecond/{SESSION}")


def test_boto3_asks_for_the_mfa_code_of_a_profile_that_names_a_device(
    daypass: Daypass, caller: Keys, roles: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = new_device(daypass.data, daypass.account_id, "sdk-caller", "role-caller")
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{daypass.account_id}:user/role-caller"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = daypass.client("iam", daypass.root).create_role(RoleName="SdkMfa", AssumeRolePolicyDocument=document)
    file = tmp_path / "config"
    file.write_text(
        f"[profile caller]\naws_access_key_id = {caller.access_key_id}\n"
        f"aws_secret_access_key = {caller.secret_access_key}\n"
        f"[profile safe]\nrole_arn = {role['Role']['Arn']}\nsource_profile = caller\n"
        f"mfa_serial = {device.serial_number}\nrole_session_name = {SESSION}\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", daypass.url)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    session = boto3.Session(profile_name="safe")
    provider = session._session.get_component("credential_provider").get_provider("assume-role")
    provider._prompter = lambda _: device.code()
    assert session.client("sts").get_caller_identity()["Arn"].endswith(f":assumed-role/SdkMfa/{SESSION}")


def test_the_aws_cli_does_each_of_the_other_actions(daypass: Daypass, caller: Keys) -> None:
    environment = aws_environment(daypass, caller)

    def told(*arguments: str, keys: Keys | None = None) -> Any:
        spoken = environment if keys is None else aws_environment(daypass, keys)
        ended = aws_command("sts", *arguments, environment=spoken)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    session = Keys.of(told("get-session-token", "--duration-seconds", "900")["Credentials"])
    assert told("get-caller-identity", keys=session)["Arn"].endswith(":user/role-caller")
    info = told("get-access-key-info", "--access-key-id", caller.access_key_id)
    assert info == {"Account": daypass.account_id}
    with pytest.raises(ClientError) as refused:
        daypass.client("iam", caller).list_users()
    message = refused.value.response["ResponseMetadata"]["HTTPHeaders"]["x-daypass-authorization-message"]
    decoded = json.loads(told("decode-authorization-message", "--encoded-message", message)["DecodedMessage"])
    assert decoded["context"]["action"] == "iam:ListUsers"
    root = aws_command(
        "sts", "assume-root", "--target-principal", "999999999999", "--task-policy-arn",
        "arn=arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy", environment=environment,
    )  # fmt: skip
    assert "AccessDenied" in root.stderr
