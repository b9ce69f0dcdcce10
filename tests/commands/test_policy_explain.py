"""`daypass policy explain` as people run it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.commands import daypass_command
from support.server import COMMAND, clean_environment

ACCOUNT = "111122223333"
PROXY = f"arn:aws:iam::{ACCOUNT}:user/proxy"
BOB = f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
OBJECT = "arn:aws:s3:::reports/bob/1"


class Files:
    """Policies as files, one statement each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, **elements: Any) -> str:
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"} | elements
        path = self.directory / name
        path.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        return str(path)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def explained(*options: str, resource: str = OBJECT) -> dict[str, Any]:
    ran = daypass_command(
        *("policy", "explain", "--action", "s3:GetObject", "--resource", resource, "--output", "json"), *options
    )
    assert ran.returncode == 0, ran.stderr
    drawn: dict[str, Any] = json.loads(ran.stdout)
    return drawn


def test_the_flow_is_drawn_plain_when_piped(files: Files) -> None:
    ran = daypass_command(
        *("policy", "explain", "--action", "s3:GetObject", "--resource", OBJECT, "--principal", BOB),
        *("--issuer", PROXY, "--identity", files.write("proxy.json")),
        *("--session", files.write("bob.json", Sid="Own", Resource="arn:aws:s3:::reports/alice/*")),
    )
    assert ran.returncode == 0
    assert "\x1b" not in ran.stdout
    assert f"caller   {BOB} (federated-user), issued by {PROXY}" in ran.stdout
    assert " ✗ Session policies           denies: no statement allows it" in ran.stdout
    assert "bob.json, statement 0 (Own), Allow: does not match" in ran.stdout
    assert "expected `arn:aws:s3:::reports/alice/*`" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("   ImplicitlyDenied: User: ")


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["", "NO_COLOR"])
def test_the_flow_is_coloured_on_a_terminal_that_wants_colour(variables: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    command = [*COMMAND, "policy", "explain", "--action", "s3:GetObject", "--resource", OBJECT]
    subprocess.run(command, stdout=theirs, env=clean_environment(**variables), timeout=60, check=True)
    os.close(theirs)
    written = b""
    while chunk := _read(ours):
        written += chunk
    os.close(ours)
    assert (b"\x1b[31mImplicitlyDenied\x1b[0m" in written) is coloured
    assert b"ImplicitlyDenied" in written


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed, and all has been read
        return b""


@pytest.mark.parametrize(
    ("principal", "options", "outcome"),
    [
        (PROXY, (), "Allowed"),
        (f"arn:aws:iam::{ACCOUNT}:root", (), "Allowed"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/job/run", (), "Allowed"),
        (BOB, ("--issuer", PROXY), "ImplicitlyDenied"),
        ("anonymous", (), "ImplicitlyDenied"),
        ("logs.amazonaws.com", (), "ImplicitlyDenied"),
        (PROXY, ("--resource-account", "444455556666"), "ImplicitlyDenied"),
    ],
)
def test_every_kind_of_caller_is_told_by_the_arn(
    files: Files, principal: str, options: tuple[str, ...], outcome: str
) -> None:
    identity = files.write("identity.json")
    assert explained("--principal", principal, "--identity", identity, *options)["Outcome"] == outcome


def test_every_kind_of_policy_takes_part(files: Files) -> None:
    allow = files.write("allow.json")
    bucket = files.write("bucket.json", Principal="*", Action="s3:GetObject", Resource="arn:aws:s3:::reports/*")
    rcp = files.write("rcp.json", Principal="*")
    ec2 = files.write("ec2.json", Action="ec2:*")
    caller = ("--principal", PROXY)

    def decided(*options: str) -> tuple[str, str | None]:
        drawn = explained(*caller, *options)
        return drawn["Outcome"], drawn["DecidedBy"]

    assert decided("--identity", allow, "--boundary", ec2) == ("ImplicitlyDenied", "permissions boundary")
    assert decided("--identity", allow, "--scp", allow, "--scp", ec2) == ("ImplicitlyDenied", "service control policy")
    assert decided("--identity", allow, "--scp", allow, "--scp", f"{ec2},{allow}", "--rcp", rcp)[0] == "Allowed"
    assert decided("--resource-policy", bucket) == ("Allowed", "resource-based policy")
    assert decided("--identity", ec2, "--identity", allow) == ("Allowed", "identity-based policy")


def test_the_context_is_given_and_what_follows_from_the_caller_is_there_already(files: Files) -> None:
    home = files.write("home.json", Resource="arn:aws:s3:::reports/${aws:username}/*")
    assert explained("--principal", PROXY, "--identity", home, resource="arn:aws:s3:::reports/proxy/1")["Outcome"] == (
        "Allowed"
    )
    tagged = files.write("tagged.json", Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "b"}})
    options = ("--principal", PROXY, "--identity", tagged)
    assert explained(*options, "--context", "aws:TagKeys=a")["Outcome"] == "ImplicitlyDenied"
    assert explained(*options, "--context", "aws:TagKeys=a", "--context", "aws:tagkeys=b")["Outcome"] == "Allowed"
    dated = files.write("dated.json", Condition={"DateGreaterThan": {"aws:CurrentTime": "2020-01-01"}})
    assert explained("--principal", PROXY, "--identity", dated)["Outcome"] == "Allowed"
    past = ("--context", "aws:CurrentTime=2019-01-01")
    assert explained("--principal", PROXY, "--identity", dated, *past)["Outcome"] == "ImplicitlyDenied"


def test_a_role_is_decided_by_its_trust_policy(files: Files) -> None:
    trust = files.directory / "trust.json"
    statement = {"Effect": "Allow", "Principal": {"AWS": PROXY}, "Action": "sts:AssumeRole"}
    trust.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    ran = daypass_command(
        *("policy", "explain", "--action", "sts:AssumeRole", "--resource", f"arn:aws:iam::{ACCOUNT}:role/job"),
        *("--principal", PROXY, "--resource-policy", str(trust)),
    )
    assert " ✓ Role trust policy          passes" in ran.stdout
    assert "Allowed" in ran.stdout


def test_a_file_that_is_no_policy_is_an_error_with_aws_text(files: Files) -> None:
    ran = daypass_command(
        *("policy", "explain", "--action", "s3:GetObject", "--resource", OBJECT, "--principal", PROXY),
        *("--identity", files.write("broken.json", Efect="Allow")),
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("Error: ")
    assert "broken.json is no identity-based policy: Statement[0].Efect: Syntax errors in policy." in ran.stderr


def test_a_file_that_aws_would_refuse_but_that_means_something_is_used_with_a_warning(files: Files) -> None:
    path = files.write("sid.json", Sid="not alphanumeric")
    ran = daypass_command(
        *("policy", "explain", "--action", "s3:GetObject", "--resource", OBJECT, "--principal", PROXY),
        *("--identity", path),
    )
    assert ran.returncode == 0
    assert "Warning: AWS would refuse" in ran.stderr
    assert "Allowed" in ran.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--principal", "bob"), "`bob` is no ARN"),
        (("--context", "novalue"), "`novalue` is not of the form key=value"),
        (("--identity", "nowhere.json"), "does not exist"),
        (("--scp", "nowhere.json,nothing.json"), "does not exist"),
        (("--principal-kind", "wizard"), "'wizard' is not one of"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(options: tuple[str, ...], text: str) -> None:
    ran = daypass_command("policy", "explain", "--action", "s3:GetObject", "--resource", OBJECT, *options)
    assert ran.returncode == 2
    assert text in ran.stderr
