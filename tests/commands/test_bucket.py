"""`daypass bucket` as an operator runs it, beside a running server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from click.testing import CliRunner

from daypass.commands.bucket import bucket
from support.backends import Backend
from support.server import Daypass, running


@pytest.fixture(scope="module")
def server(moto_backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("bucket") / "data", backend=moto_backend) as daypass:
        yield daypass


@pytest.fixture(scope="module")
def behind(moto_backend: Backend) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=moto_backend.endpoint,
        region_name=moto_backend.region,
        aws_access_key_id=moto_backend.access_key_id,
        aws_secret_access_key=moto_backend.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def run(server: Daypass, backend: Backend | None, *arguments: str) -> tuple[int, str, str]:
    environment = {"DAYPASS_DATA": str(server.data)}
    if backend is not None:
        environment["DAYPASS_S3_BACKEND"] = backend.endpoint
        environment["DAYPASS_S3_BACKEND_ACCESS_KEY_ID"] = backend.access_key_id
        environment["DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY"] = backend.secret_access_key
    done = CliRunner(env=environment).invoke(bucket, arguments, prog_name="daypass bucket")
    return done.exit_code, done.stdout, done.stderr


def test_a_bucket_of_the_backend_is_adopted_listed_and_served_within_a_second(
    server: Daypass, moto_backend: Backend, behind: Any
) -> None:
    behind.create_bucket(Bucket="was-there")
    behind.put_object(Bucket="was-there", Key="k", Body=b"before")
    owner = server.client("s3", server.root)
    with pytest.raises(ClientError) as caught:
        owner.get_object(Bucket="was-there", Key="k")
    assert caught.value.response["Error"]["Code"] == "NoSuchBucket"
    adopt = ("adopt", "was-there", "--account", server.account_id)
    assert run(server, moto_backend, *adopt) == (0, f"was-there is {server.account_id}'s now\n", "")
    time.sleep(1)
    assert owner.get_object(Bucket="was-there", Key="k")["Body"].read() == b"before"
    assert run(server, moto_backend, *adopt) == (0, f"was-there is {server.account_id}'s already\n", "")
    status, listed, _ = run(server, None, "list")
    assert status == 0
    assert listed.split()[::3] == [server.account_id, "was-there"]
    _, lines, _ = run(server, None, "list", "--json", "--account", server.account_id)
    assert json.loads(lines)["Name"] == "was-there"
    assert run(server, None, "list", "--account", "999999999999")[1] == ""


def test_what_cannot_be_adopted_is_said_in_one_line(server: Daypass, moto_backend: Backend) -> None:
    account = ("--account", server.account_id)
    for arguments, backend, says in (
        (("adopt", "not-there", *account), moto_backend, "no bucket `not-there`"),
        (("adopt", "not-there", "--account", "999999999999"), moto_backend, "no account 999999999999"),
        (("adopt", "not-there", *account), None, "no S3 backend is configured"),
        (("adopt", "Not_A_Name", *account), moto_backend, "no bucket's name"),
        (("adopt", "not-there", "--account", "1"), moto_backend, "not twelve digits"),
        (("list", "--account", "1"), None, "not twelve digits"),
    ):
        status, out, error = run(server, backend, *arguments)
        assert (status != 0, out) == (True, "")
        assert says in error
        assert "Traceback" not in error


def test_a_bucket_may_be_adopted_without_asking_the_backend(server: Daypass) -> None:
    status, _, error = run(server, None, "adopt", "later-there", "--account", server.account_id, "--unchecked")
    assert (status, error) == (0, "")
    assert "later-there" in run(server, None, "list")[1]
