"""The files in examples/ do what they say, run as a reader runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import aws_environment, daypass_command, run
from support.server import Daypass, Keys, allow

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
BUCKET = "examples-job"


def test_the_django_view_answers_and_refuses_as_the_policies_say() -> None:
    ran = run((sys.executable,), str(EXAMPLES / "django_view.py"))
    assert ran.stdout.splitlines() == [
        "alice    10.0.0.7     finance/june        the report june of finance",
        "alice    10.0.0.7     sales/june          403 Forbidden",
        "alice    10.0.0.7     finance/draft-july  the report draft-july of finance",
        "alice    203.0.113.9  finance/draft-july  403 Forbidden",
        "eve      10.0.0.7     finance/june        the report june of finance",
        "mallory  10.0.0.7     finance/june        403 Forbidden",
    ]
    # The log says why, to those who run the application.
    assert "ExplicitlyDenied: User: arn:aws:iam::111122223333:user/alice" in ran.stderr
    assert "NobodyReadsDraftsFromOutside" in ran.stderr


def pytest_of_its_own(file: Path) -> subprocess.CompletedProcess[str]:
    return run((sys.executable, "-m", "pytest"), "-c", os.devnull, "-p", "no:cacheprovider", str(file))


def test_the_policies_are_found_sound_and_their_tests_pass() -> None:
    ran = pytest_of_its_own(EXAMPLES / "test_my_policies.py")
    assert ran.returncode == 0, ran.stdout
    assert "8 passed" in ran.stdout
    policies = sorted([str(path) for path in (EXAMPLES / "policies").iterdir()])
    checked = daypass_command("policy", "check", "--strict", *policies)
    assert checked.stdout == f"{len(policies)} files checked: 0 errors, 0 warnings, 0 notes\n"


def test_the_tests_of_policies_can_fail(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    for name in ("proxy.json", "bob.json"):
        text = (EXAMPLES / "policies" / name).read_text()
        (tmp_path / "policies" / name).write_text(text.replace("reports/bob/*", "reports/bob*"))
    copied = tmp_path / "test_my_policies.py"
    copied.write_text((EXAMPLES / "test_my_policies.py").read_text())
    ran = pytest_of_its_own(copied)
    assert ran.returncode == 1
    assert "FAILED" in ran.stdout
    assert "bobby" in ran.stdout


def test_the_cases_pass() -> None:
    ran = daypass_command("policy", "test", str(EXAMPLES / "cases.jsonl"))
    assert ran.stdout == "3 cases: 3 passed, 0 failed\n"


# --- the data job, against a real Daypass -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def job(daypass: Daypass) -> Keys:
    s3 = daypass.client("s3", daypass.root)
    s3.create_bucket(Bucket=BUCKET)
    for key, body in {"june/a": b"12345", "june/b": b"678", "july/a": b"elsewhere"}.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return daypass.new_user("examples-job", allow("sts:GetFederationToken", "*"), allow("s3:*", "*"))


def test_the_data_job_reads_its_prefix_and_leaves_a_summary(daypass: Daypass, job: Keys) -> None:
    ran = run(
        (sys.executable,), str(EXAMPLES / "data_job.py"), BUCKET, "june/", environment=aws_environment(daypass, job)
    )
    assert (ran.stdout, ran.returncode) == ("{'objects': 2, 'bytes': 8}\n", 0), ran.stderr
    summary = daypass.client("s3", daypass.root).get_object(Bucket=BUCKET, Key="june/_summary.json")
    assert json.loads(summary["Body"].read()) == {"objects": 2, "bytes": 8}


def test_the_data_jobs_credentials_reach_nothing_beside_its_prefix(daypass: Daypass, job: Keys) -> None:
    script = f"""
import runpy, botocore.exceptions
job = runpy.run_path({str(EXAMPLES / "data_job.py")!r})
s3 = job["narrowed"]({BUCKET!r}, "june/")
print(s3.get_object(Bucket={BUCKET!r}, Key="june/a")["Body"].read().decode())
for refused in (
    lambda: s3.get_object(Bucket={BUCKET!r}, Key="july/a"),
    lambda: s3.put_object(Bucket={BUCKET!r}, Key="june/a", Body=b""),
    lambda: s3.delete_object(Bucket={BUCKET!r}, Key="june/a"),
    lambda: s3.list_objects_v2(Bucket={BUCKET!r}),
):
    try:
        print("reached", refused())
    except botocore.exceptions.ClientError as error:
        print(error.response["Error"]["Code"])
"""
    ran = run((sys.executable, "-c", script), environment=aws_environment(daypass, job))
    assert ran.stdout.splitlines() == ["12345", *["AccessDenied"] * 4], ran.stderr


# --- credentials for a folder, against a real Daypass ---------------------------------------------------------------


def test_credentials_for_a_folder_are_what_the_example_says(daypass: Daypass) -> None:
    daypass.client("s3", daypass.root).create_bucket(Bucket="examples-folder")
    hub = daypass.new_user("examples-hub", allow("sts:GetFederationToken", "*"), allow("s3:*", "*"))
    ran = run(
        (sys.executable,),
        str(EXAMPLES / "folder_credentials.py"),
        "examples-folder",
        "bob",
        environment=aws_environment(daypass, hub),
    )
    assert ran.stdout.splitlines() == [
        "listed ['bob/note.txt']",
        "the whole bucket: AccessDenied",
        f"they are arn:aws:sts::{daypass.account_id}:federated-user/bob",
    ], ran.stderr
