"""A real Daypass for end-to-end tests: `daypass init` and `daypass serve` as processes, ended by their ids.

Owns starting, waiting and ending. What a test asks of the server is the test's own, through boto3 or the AWS CLI.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from support.backends import Backend, free_port

REGION = "us-east-1"
START_SECONDS = 30
STOP_SECONDS = 15
COMMAND = (sys.executable, "-m", "daypass.cli")


@dataclass(frozen=True, slots=True)
class Keys:
    """One set of AWS credentials. session_token: None for long-term ones."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, answer: Mapping[str, str]) -> Keys:
        """From an AWS answer (AccessKey, Credentials) or that of `daypass init --json`."""
        return cls(answer["AccessKeyId"], answer["SecretAccessKey"], answer.get("SessionToken"))

    def environment(self) -> dict[str, str]:
        """As environment variables that any AWS client reads."""
        names = {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}
        if self.session_token is not None:
            names["AWS_SESSION_TOKEN"] = self.session_token
        return names


def clean_environment(**additions: str) -> dict[str, str]:
    """This process's environment without anything of AWS, Daypass or a proxy in it, and with the additions."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "DAYPASS_")) and not name.lower().endswith("_proxy")
    }
    nowhere = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return kept | nowhere | additions


def client(url: str, service: str, keys: Keys, region: str = REGION, **config: Any) -> Any:
    """An unmodified boto3 client with these keys; no retries, so that one call is one request."""
    settings: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "proxies": {}}
    if service == "s3":
        settings |= {"signature_version": "s3v4", "s3": {"addressing_style": "path"}}
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        config=Config(**settings | config),
    )


def wait_until_answers(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    """Returns when a GET of the url is answered with 2xx.

    Raises:
        RuntimeError: the process ended first, or START_SECONDS passed; carries the process's output.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} before it was ready:\n{output.read_text()}")
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise RuntimeError(f"not ready after {START_SECONDS} s:\n{output.read_text()}")


def end(process: subprocess.Popen[bytes]) -> int:
    """Asks the process to end (SIGTERM), and returns its exit status; kills it if it does not end in time."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@dataclass(slots=True)
class Daypass:
    """A running server. output: what it wrote to stdout and stderr."""

    url: str
    data: Path
    account_id: str
    root: Keys
    output: Path
    process: subprocess.Popen[bytes]

    def client(self, service: str, keys: Keys, region: str = REGION, **config: Any) -> Any:
        """A boto3 client of this server."""
        return client(self.url, service, keys, region, **config)

    def new_user(self, name: str, *statements: Mapping[str, Any]) -> Keys:
        """Makes an IAM user with an inline policy of these statements (none: no policy) and an access key."""
        iam = self.client("iam", self.root)
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName=f"{name}-policy", PolicyDocument=policy(*statements))
        return Keys.of(iam.create_access_key(UserName=name)["AccessKey"])

    def audit(self, request_id: str) -> list[dict[str, Any]]:
        """The audit records of one request."""
        records = [json.loads(line) for line in (self.data / "audit.jsonl").read_text().splitlines()]
        return [record for record in records if record["request_id"] == request_id]


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document of these statements, as small as JSON gets."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def allow(action: str | Sequence[str], resource: str | Sequence[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | Sequence[str], resource: str | Sequence[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def init(data: Path, *options: str) -> tuple[str, Keys]:
    """Runs `daypass init`: the account id and the root user's keys.

    Raises:
        RuntimeError: it failed; carries what it said.
    """
    done = subprocess.run(
        [*COMMAND, "init", "--data", str(data), "--json", *options],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"daypass init ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    return answer["AccountId"], Keys.of(answer)


def spawn(
    data: Path, port: int, output: Path, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts `daypass serve` without waiting for it."""
    with output.open("ab") as sink:
        return subprocess.Popen(
            [*COMMAND, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}", *options],
            env=clean_environment(**environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def running(
    data: Path,
    *options: str,
    backend: Backend | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Daypass]:
    """A Daypass of its own on a free port, made (`init`) if `data` does not exist yet; ended by its process id.

    options: further options of `daypass serve`, such as `--workers`, `2`.
    environment: further DAYPASS_… settings.
    """
    root_file = data.with_suffix(".root.json")
    if data.exists():
        account_id, keys = json.loads(root_file.read_text())
        root = Keys(**keys)
    else:
        account_id, root = init(data)
        root_file.write_text(
            json.dumps(
                [
                    account_id,
                    {
                        "access_key_id": root.access_key_id,
                        "secret_access_key": root.secret_access_key,
                    },
                ]
            )
        )
    port, output = free_port(), data.with_suffix(".log")
    settings = dict(environment or {})
    if backend is not None:
        options = (*options, "--s3-backend", backend.endpoint)
        settings["DAYPASS_S3_BACKEND_ACCESS_KEY_ID"] = backend.access_key_id
        settings["DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY"] = backend.secret_access_key
    url = f"http://127.0.0.1:{port}"
    process = spawn(data, port, output, *options, environment=settings)
    try:
        wait_until_answers(f"{url}/_daypass/health", process, output)
        yield Daypass(url, data, account_id, root, output, process)
    finally:
        if process.poll() is None:
            end(process)
