"""The three servers a benchmark of the API starts: Daypass, the bound, and moto_server; each on the server's core."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.accounting import pin
from support.signed import Keys, client

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
_HERE: Final = Path(__file__).parent
_BIN: Final = Path(sys.executable).parent
_READY_SECONDS: Final = 30

# Four statements; the first is the one that permits the measured call, the others are what such a user has.
USER_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "IssueToUsers",
            "Effect": "Allow",
            "Action": "sts:GetFederationToken",
            "Resource": "arn:aws:sts::*:federated-user/user-*",
        },
        {
            "Sid": "Files",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::benchmark-files/homes/*",
        },
        {
            "Sid": "List",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::benchmark-files",
            "Condition": {"StringLike": {"s3:prefix": "homes/*"}},
        },
        {
            "Sid": "NoSecrets",
            "Effect": "Deny",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::benchmark-files/homes/*/private/*",
        },
    ],
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. log: what it wrote to its output and error streams."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class DaypassData:
    """An initialised data directory. account_id: its one account; root: that account's root key."""

    directory: Path
    account_id: str
    root: Keys


def start_bound(logs: Path) -> Server:
    port = free_port()
    return _start("bound", port, [sys.executable, str(_HERE / "bound.py"), str(port)], logs, "/")


def start_moto(logs: Path) -> Server:
    port = free_port()
    command = [str(_BIN / "moto_server"), "--host", "127.0.0.1", "--port", str(port)]
    return _start("moto", port, command, logs, "/moto-api/")


def init_daypass(directory: Path) -> DaypassData:
    command = [str(_BIN / "daypass"), "init", "--data", str(directory), "--json"]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    root = Keys(printed["AccessKeyId"], printed["SecretAccessKey"])
    return DaypassData(directory, printed["AccountId"], root)


def start_daypass(
    data: DaypassData,
    logs: Path,
    environment: Mapping[str, str] | None = None,
    *,
    workers: int = 1,
    core: int | None = SERVER_CORE,
) -> Server:
    """Audit on (it has no off), everything else as it comes. environment: settings beside these. core: None: any."""
    port = free_port()
    command = [str(_BIN / "daypass"), "serve", "--data", str(data.directory)]
    command += ["--listen", f"127.0.0.1:{port}", "--workers", str(workers)]
    return _start("daypass", port, command, logs, "/_daypass/health", environment, core=core)


def make_user(server: Server, root: Keys) -> Keys:
    """An IAM user with USER_POLICY, made through the IAM API; the keys it signs with."""
    iam = client("iam", server.url, root)
    iam.create_user(UserName="bench")
    iam.put_user_policy(UserName="bench", PolicyName="bench", PolicyDocument=json.dumps(USER_POLICY))
    made = iam.create_access_key(UserName="bench")["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


def _start(
    name: str,
    port: int,
    command: list[str],
    logs: Path,
    ready_path: str,
    environment: Mapping[str, str] | None = None,
    *,
    core: int | None = SERVER_CORE,
) -> Server:
    log = logs / f"{name}.log"
    variables = {**os.environ, **(environment or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=variables)
    if core is not None and (os.cpu_count() or 1) > 1:
        pin(process.pid, core)
    server = Server(name, port, process, log)
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(f"{server.url}{ready_path}"):
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise SystemExit(f"{name} did not start: {' '.join(command)}\n{log.read_text()}")
        time.sleep(0.05)
    return server


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  loopback, built above
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
