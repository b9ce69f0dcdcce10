"""Groups, passwords, MFA devices, reports and AWS's managed policies by the AWS CLI, unmodified.

Source: AWS CLI Command Reference, `aws iam`.
"""

from __future__ import annotations

import csv
import io
import json
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

from daypass import totp
from daypass.names import Secret
from support.commands import aws_command, aws_environment
from support.server import Daypass, Keys, allow

READ = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"


def aws(daypass: Daypass, *arguments: str, keys: Keys | None = None) -> Any:
    """`aws …` with these keys, root's if none are given: its JSON, or None where it prints nothing."""
    done = aws_command(*arguments, environment=aws_environment(daypass, keys or daypass.root))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_a_group_with_a_policy_of_awss_lets_its_members_in(daypass: Daypass) -> None:
    keys, group = daypass.new_user("cli-reader"), ("--group-name", "cli-readers")
    aws(daypass, "iam", "create-group", *group, "--path", "/teams/")
    aws(daypass, "iam", "add-user-to-group", *group, "--user-name", "cli-reader")
    aws(daypass, "iam", "attach-group-policy", *group, "--policy-arn", READ)
    assert aws(daypass, "iam", "list-users", keys=keys)["Users"]
    found = aws(daypass, "iam", "get-group", *group)
    assert [member["UserName"] for member in found["Users"]] == ["cli-reader"]
    assert found["Group"]["Arn"].endswith(":group/teams/cli-readers")
    attached = aws(daypass, "iam", "list-attached-group-policies", *group)["AttachedPolicies"]
    assert attached == [{"PolicyName": "IAMReadOnlyAccess", "PolicyArn": READ}]
    used = aws(daypass, "iam", "get-access-key-last-used", "--access-key-id", keys.access_key_id)
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("cli-reader", "iam")


def test_the_qr_code_of_a_device_is_written_to_a_file(daypass: Daypass, tmp_path: Path) -> None:
    made = aws(
        *(daypass, "iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "cli-qr"),
        *("--outfile", str(tmp_path / "code.png"), "--bootstrap-method", "QRCodePNG"),
    )
    assert made["VirtualMFADevice"]["SerialNumber"].endswith(":mfa/cli-qr")
    assert (tmp_path / "code.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_user_enables_its_own_device_and_gets_a_session_with_it(daypass: Daypass, tmp_path: Path) -> None:
    own = f"arn:aws:iam::{daypass.account_id}:user/cli-mfa"
    keys = daypass.new_user("cli-mfa", allow(["iam:EnableMFADevice", "iam:ListMFADevices"], own))
    made = aws(
        *(daypass, "iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "cli-mfa"),
        *("--outfile", str(tmp_path / "seed"), "--bootstrap-method", "Base32StringSeed"),
    )
    serial, seed = made["VirtualMFADevice"]["SerialNumber"], Secret((tmp_path / "seed").read_text())
    step = int(time.time()) // totp.STEP_SECONDS
    aws(
        *(daypass, "iam", "enable-mfa-device", "--user-name", "cli-mfa", "--serial-number", serial),
        *("--authentication-code1", totp.code(seed, step - 1), "--authentication-code2", totp.code(seed, step)),
        keys=keys,
    )
    assert [device["SerialNumber"] for device in aws(daypass, "iam", "list-mfa-devices", keys=keys)["MFADevices"]] == [
        serial
    ]
    # The next code: it is taken already, and still is when the next half minute has begun meanwhile.
    session = ("sts", "get-session-token", "--serial-number", serial, "--token-code", totp.code(seed, step + 1))
    credentials = aws(daypass, *session, keys=keys)["Credentials"]
    assert aws(daypass, "sts", "get-caller-identity", keys=Keys.of(credentials))["Arn"] == own


def test_a_user_changes_its_password_and_the_report_tells_of_it(daypass: Daypass) -> None:
    keys = daypass.new_user("cli-password")
    aws(daypass, "iam", "create-login-profile", "--user-name", "cli-password", "--password", "First-Password-1")
    aws(daypass, "iam", "update-account-password-policy", "--allow-users-to-change-password")
    change = ("change-password", "--old-password", "First-Password-1", "--new-password", "Second-Password-2")
    aws(daypass, "iam", *change, keys=keys)
    daypass.client("iam", daypass.root).delete_account_password_policy()
    assert aws(daypass, "iam", "generate-credential-report")["State"] == "COMPLETE"
    report = aws(daypass, "iam", "get-credential-report")
    lines = {line["user"]: line for line in csv.DictReader(io.StringIO(b64decode(report["Content"]).decode()))}
    assert (lines["cli-password"]["password_enabled"], lines["cli-password"]["access_key_1_active"]) == ("true", "true")
