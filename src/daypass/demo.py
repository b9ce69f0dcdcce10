"""The demo: the main job of Daypass as a story, every step a real request by an unmodified boto3.

Starts a real Daypass and a moto server as its S3 backend on free loopback ports, in a temporary directory, plays the
story and ends both. What each attempt did is taken from the answer; who decided it, from Daypass's own audit log,
found by the answer's request id. Nothing is computed here about what should be allowed: the story only states it,
and an attempt that goes otherwise makes the run fail.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from daypass import names, token
from daypass.names import Secret

ACCOUNT_ID: Final = "111122223333"
REGION: Final = "us-east-1"
_START_SECONDS: Final = 60  # a cold disk and one busy core
_STOP_SECONDS: Final = 10
_FRESHNESS_SECONDS: Final = 1.0  # a change of a policy is in force within a second

PROXY_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ObtainCredentials",
            "Effect": "Allow",
            "Action": "sts:GetFederationToken",
            "Resource": f"arn:aws:sts::{ACCOUNT_ID}:federated-user/*",
        },
        {
            "Sid": "UseReports",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"],
        },
    ],
}
SESSION_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "OwnFolder",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::reports/bob/*",
        },
        {
            "Sid": "ListOwnFolder",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::reports",
            "Condition": {"StringLike": {"s3:prefix": "bob/*"}},
        },
    ],
}
BUCKET_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "BobReadsNotices",
            "Effect": "Allow",
            "Principal": {"AWS": names.federated_user_arn(ACCOUNT_ID, "Bob")},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::notices/*",
        },
        {
            "Sid": "NobodyReadsDrafts",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::notices/drafts/*",
        },
    ],
}
LOCK_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Locked", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}],
}


class DemoFault(Exception):
    """The demo cannot be played; its text says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt and what came of it.

    credentials: whose, in the story's words.
    outcome, expected: "allowed"; "denied", by a policy; or "refused", before any policy was asked.
    decided_by: the audit log's kind of policy; None if none was asked.
    statements: the audit log's determining statements; empty for an implicit denial.
    error: the AWS error code; None if the request succeeded.
    as_told: whether the outcome and the kind of policy are the story's.
    """

    number: int
    credentials: str
    tried: str
    outcome: str
    expected: str
    decided_by: str | None
    statements: tuple[str, ...]
    error: str | None
    request_id: str
    as_told: bool


@dataclass(frozen=True, slots=True)
class _Keys:
    access_key_id: str
    secret: Secret
    session_token: Secret | None = None

    @classmethod
    def of(cls, answer: Mapping[str, str]) -> _Keys:
        held = answer.get("SessionToken")
        return cls(answer["AccessKeyId"], Secret(answer["SecretAccessKey"]), Secret(held) if held else None)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """decided_by: the kind of policy that the story says decides; None if no policy is asked."""

    credentials: str
    keys: _Keys
    service: str
    operation: str
    arguments: Mapping[str, Any]
    expected: str
    decided_by: str | None

    @property
    def tried(self) -> str:
        arguments = self.arguments
        if "Bucket" in arguments:
            where = arguments.get("Key", arguments.get("Prefix"))
            return f"{self.operation} {arguments['Bucket']}" + (f"/{where}" if where is not None else "")
        return " ".join([f"{self.service}:{self.operation}", *[str(value) for value in arguments.values()]])


def play(report: Callable[[str], None], show: Callable[[Row], None]) -> bool:
    """Plays the whole story; whether every attempt went as told.

    report: receives the story's sentences. show: receives each attempt when it is done.

    Raises:
        DemoFault: what the demo needs is not installed, or a server did not start.
    """
    if find_spec("boto3") is None or find_spec("moto") is None:
        raise DemoFault("the demo needs boto3 and moto: pip install 'daypass[demo]'")
    with ExitStack() as stack:
        stack.enter_context(_alone())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daypass-demo-")))
        stack.enter_context(_ending_in_order())
        report("Starting Daypass and an S3 backend on this machine's loopback address …")
        world = _World.start(stack, directory)
        from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # because it ships no types

        try:
            return _tell(world, report, show)
        except ClientError as refusal:
            # An attempt's refusal is part of the story; this one came while the story was set up.
            raise DemoFault(f"the story cannot be told: {refusal}") from None


def _tell(world: _World, report: Callable[[str], None], show: Callable[[Row], None]) -> bool:
    """The story, chapter by chapter."""
    number, as_told = 0, True
    for chapter in (_set_up, _narrowed, _unnarrowed, _bucket_policy, _not_ours, _taken_back):
        title, attempts = chapter(world)
        report(title)
        for attempt in attempts:
            number += 1
            row = world.perform(number, attempt)
            as_told = as_told and row.as_told
            show(row)
    return as_told


# --- the chapters: what is set up, and what is then attempted ------------------------------------------------


def _set_up(world: _World) -> tuple[str, list[_Attempt]]:
    iam = world.client("iam", world.root)
    world.proxy_id = iam.create_user(UserName="proxy")["User"]["UserId"]
    iam.put_user_policy(UserName="proxy", PolicyName="ProxyPolicy", PolicyDocument=json.dumps(PROXY_POLICY))
    world.proxy = _Keys.of(iam.create_access_key(UserName="proxy")["AccessKey"])

    s3 = world.client("s3", world.root)
    for bucket, keys in {
        "reports": ("bob/june.txt", "alice/june.txt"),
        "notices": ("welcome.txt", "drafts/merger.txt"),
    }.items():
        s3.create_bucket(Bucket=bucket)
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=f"the text of {bucket}/{key}\n".encode())
    s3.put_bucket_policy(Bucket="notices", Policy=json.dumps(BUCKET_POLICY))
    time.sleep(_FRESHNESS_SECONDS)
    return (
        "The root user made an IAM user `proxy`. The policy ProxyPolicy lets it obtain credentials for others\n"
        "(ObtainCredentials) and get, put and list objects of the bucket `reports` (UseReports). Nothing else.",
        [
            _Attempt("proxy", world.proxy, "s3", "GetObject", _at("reports", "alice/june.txt"), *_ALLOWED_BY_IDENTITY),
            _Attempt("proxy", world.proxy, "s3", "DeleteObject", _at("reports", "bob/june.txt"), *_DENIED_BY_IDENTITY),
        ],
    )


def _narrowed(world: _World) -> tuple[str, list[_Attempt]]:
    world.bob = world.federation_token("Bob", SESSION_POLICY)
    bob, who = world.bob, "Bob"
    return (
        "Bob has no account anywhere. The proxy calls GetFederationToken for him, with a session policy: get, put\n"
        "and delete in reports/bob/ (OwnFolder), list that folder (ListOwnFolder). The credentials that come back\n"
        "may do what BOTH policies allow.",
        [
            _Attempt(who, bob, "sts", "GetCallerIdentity", {}, "allowed", None),
            _Attempt(who, bob, "s3", "GetObject", _at("reports", "bob/june.txt"), *_ALLOWED_BY_IDENTITY),
            _Attempt(who, bob, "s3", "PutObject", _at("reports", "bob/july.txt", b"sunny\n"), *_ALLOWED_BY_IDENTITY),
            _Attempt(who, bob, "s3", "ListObjectsV2", _under("reports", "bob/"), *_ALLOWED_BY_IDENTITY),
            _Attempt(who, bob, "s3", "GetObject", _at("reports", "alice/june.txt"), *_DENIED_BY_SESSION),
            _Attempt(who, bob, "s3", "ListObjectsV2", _under("reports", "alice/"), *_DENIED_BY_SESSION),
            # The session policy allows it; what the user itself may not do, no session of his may either.
            _Attempt(who, bob, "s3", "DeleteObject", _at("reports", "bob/june.txt"), *_DENIED_BY_IDENTITY),
            _Attempt(who, bob, "iam", "CreateUser", {"UserName": "mallory"}, "refused", None),
        ],
    )


def _unnarrowed(world: _World) -> tuple[str, list[_Attempt]]:
    carol, who = world.federation_token("Carol", None), "Carol (no policy)"
    return (
        'For Carol the proxy passes no session policy. That is not "everything the proxy may": it is nothing.',
        [
            _Attempt(who, carol, "s3", "GetObject", _at("reports", "bob/june.txt"), *_DENIED_BY_SESSION),
            _Attempt(who, carol, "s3", "PutObject", _at("reports", "carol/a.txt", b"x"), *_DENIED_BY_SESSION),
            _Attempt(who, carol, "s3", "ListObjectsV2", _under("reports", ""), *_DENIED_BY_SESSION),
        ],
    )


def _bucket_policy(world: _World) -> tuple[str, list[_Attempt]]:
    return (
        "The bucket `notices` has a policy of its own. It names federated-user/Bob (BobReadsNotices): a grant to\n"
        "the session itself reaches beyond the session policy. It also denies its drafts to all (NobodyReadsDrafts):\n"
        "an explicit Deny wins over every Allow.",
        [
            _Attempt("Bob", world.bob, "s3", "GetObject", _at("notices", "welcome.txt"), "allowed", _RESOURCE),
            _Attempt("Bob", world.bob, "s3", "GetObject", _at("notices", "drafts/merger.txt"), "denied", _RESOURCE),
        ],
    )


def _not_ours(world: _World) -> tuple[str, list[_Attempt]]:
    tampered, expired = world.tampered(world.bob), world.expired("Bob")
    key = _at("reports", "bob/june.txt")
    return (
        "A session token is sealed. One changed letter and it opens no more; and it ends when it says. (The shortest\n"
        "session is 15 minutes, so the expired one was sealed for this demo, two hours in the past, with the\n"
        "server's own key ring.)",
        [
            _Attempt("Bob, tampered", tampered, "s3", "GetObject", key, "refused", None),
            _Attempt("Bob, tampered", tampered, "sts", "GetCallerIdentity", {}, "refused", None),
            _Attempt("Bob, expired", expired, "s3", "GetObject", key, "refused", None),
        ],
    )


def _taken_back(world: _World) -> tuple[str, list[_Attempt]]:
    iam = world.client("iam", world.root)
    iam.put_user_policy(UserName="proxy", PolicyName="LockPolicy", PolicyDocument=json.dumps(LOCK_POLICY))
    time.sleep(_FRESHNESS_SECONDS)
    return (
        "Credentials that are out can be taken back: the user's policies are read at every use. The root user gives\n"
        "the proxy a second policy, LockPolicy, and a second later Bob's credentials, still valid, open nothing.",
        [_Attempt("Bob", world.bob, "s3", "GetObject", _at("reports", "bob/june.txt"), "denied", _IDENTITY)],
    )


_IDENTITY: Final = "identity-based policy"
_SESSION: Final = "session policy"
_RESOURCE: Final = "resource-based policy"
_ALLOWED_BY_IDENTITY: Final = ("allowed", _IDENTITY)
_DENIED_BY_IDENTITY: Final = ("denied", _IDENTITY)
_DENIED_BY_SESSION: Final = ("denied", _SESSION)


def _at(bucket: str, key: str, body: bytes | None = None) -> dict[str, Any]:
    return {"Bucket": bucket, "Key": key} | ({} if body is None else {"Body": body})


def _under(bucket: str, prefix: str) -> dict[str, Any]:
    return {"Bucket": bucket, "Prefix": prefix}


# --- the world the story plays in ----------------------------------------------------------------------------


class _World:
    """The two servers, and who has which keys."""

    proxy: _Keys
    proxy_id: str
    bob: _Keys

    def __init__(self, url: str, data: Path, root: _Keys) -> None:
        self.url = url
        self.data = data
        self.root = root
        self._audited: dict[str, Mapping[str, Any]] = {}

    @classmethod
    def start(cls, stack: ExitStack, directory: Path) -> _World:
        """Both servers, ended in reverse order when the stack unwinds."""
        data = directory / "data"
        answer = json.loads(_run_to_end("init", "--data", str(data), "--account-id", ACCOUNT_ID, "--json"))
        backend_port, port = _free_ports(2)
        backend, url = f"http://127.0.0.1:{backend_port}", f"http://127.0.0.1:{port}"
        moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(backend_port)]
        serve = [*_DAYPASS, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}", "--s3-backend", backend]
        keys = {"DAYPASS_S3_BACKEND_ACCESS_KEY_ID": "demo", "DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY": "demo"}
        servers = {
            f"{backend}/moto-api/": stack.enter_context(_process(moto, directory / "backend.log", {})),
            f"{url}/_daypass/health": stack.enter_context(_process(serve, directory / "daypass.log", keys)),
        }
        for address, server in servers.items():
            _wait_until_answers(address, server)
        return cls(url, data, _Keys.of(answer))

    def client(self, service: str, keys: _Keys) -> Any:
        """An unmodified boto3 client of this Daypass; no retries, so that one call is one request."""
        import boto3  # type: ignore[import-untyped]  # because boto3 ships no types
        from botocore.config import Config  # type: ignore[import-untyped]  # because botocore ships no types

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret.reveal(),
            aws_session_token=None if keys.session_token is None else keys.session_token.reveal(),
            config=Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}),
        )

    def federation_token(self, name: str, policy: Mapping[str, Any] | None) -> _Keys:
        arguments = {} if policy is None else {"Policy": json.dumps(policy, separators=(",", ":"))}
        sts = self.client("sts", self.proxy)
        return _Keys.of(sts.get_federation_token(Name=name, DurationSeconds=3600, **arguments)["Credentials"])

    def tampered(self, keys: _Keys) -> _Keys:
        """The same credentials with one letter in the middle of the token changed."""
        text = keys.session_token.reveal() if keys.session_token is not None else ""
        middle = len(text) // 2
        letter = "A" if text[middle] != "A" else "B"
        return _Keys(keys.access_key_id, keys.secret, Secret(text[:middle] + letter + text[middle + 1 :]))

    def expired(self, name: str) -> _Keys:
        """Credentials of a session that ended an hour ago, sealed here with the server's key ring."""
        from daypass.store import key_ring

        issued = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        access_key_id = names.make_id(names.TEMPORARY_KEY, ACCOUNT_ID, os.urandom(names.ID_ENTROPY_BYTES))
        secret = Secret(os.urandom(20).hex())
        session = token.Session(
            kind=token.FEDERATED_USER,
            account_id=ACCOUNT_ID,
            access_key_id=access_key_id,
            secret=secret,
            name=name,
            issuer_id=self.proxy_id,
            issued=issued,
            expires=issued + timedelta(hours=1),
            session_policy=json.dumps(SESSION_POLICY),
        )
        sealed = token.seal(session, key_ring.load(self.data / "keys.json"), os.urandom(token.SALT_BYTES))
        return _Keys(access_key_id, secret, Secret(sealed))

    def perform(self, number: int, attempt: _Attempt) -> Row:
        """Makes the request, and looks up in the audit log who decided it."""
        from botocore import xform_name  # type: ignore[import-untyped]  # because it ships no types
        from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # because it ships no types

        call = getattr(self.client(attempt.service, attempt.keys), xform_name(attempt.operation))
        try:
            answer, error = call(**attempt.arguments), None
        except ClientError as refusal:
            answer, error = refusal.response, refusal.response["Error"]["Code"]
        request_id = answer["ResponseMetadata"]["RequestId"]
        record = self._audit(request_id)
        outcome = "allowed" if error is None else _OUTCOMES[record["decision"]]
        decided_by = record["decided_by"] if outcome != "refused" else None
        return Row(
            number=number,
            credentials=attempt.credentials,
            tried=attempt.tried,
            outcome=outcome,
            expected=attempt.expected,
            decided_by=decided_by,
            statements=tuple(record["statements"]),
            error=error,
            request_id=request_id,
            as_told=(outcome, decided_by) == (attempt.expected, attempt.decided_by)
            and (record["decision"] == "Allowed") == (error is None),
        )

    def _audit(self, request_id: str) -> Mapping[str, Any]:
        """The audit record of a request: written before its answer left, so it is there."""
        if request_id not in self._audited:
            lines = (self.data / "audit.jsonl").read_text(encoding="utf-8").splitlines()
            self._audited = {record["request_id"]: record for record in map(json.loads, lines)}
        record = self._audited.get(request_id)
        if record is None:
            raise DemoFault(f"the audit log has no record of request {request_id}")
        return record


_OUTCOMES: Final = {
    "ExplicitlyDenied": "denied",
    "ImplicitlyDenied": "denied",
    "Refused": "refused",
    # Not a denial by any policy: the request failed after it was allowed.
    "Allowed": "failed",
}


# --- processes -----------------------------------------------------------------------------------------------

_DAYPASS: Final = (sys.executable, "-m", "daypass.cli")


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the stack as Ctrl-C does, so that every process we started is ended by its id."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class _Server:
    process: subprocess.Popen[bytes]
    output: Path


@contextmanager
def _process(command: Sequence[str], output: Path, settings: Mapping[str, str]) -> Iterator[_Server]:
    """A process with its output in a file; on leaving it is asked to end, and waited for."""
    with output.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603  our own commands, no shell
            command,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end them in order
        )
    try:
        yield _Server(process, output)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _alone() -> Iterator[None]:
    """Takes the settings of AWS and of another Daypass out of the environment: the demo is on its own."""
    before = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "DAYPASS_"))}
    for name in before:
        del os.environ[name]
    # boto3 would read the user's own profile, and ask the network for more settings.
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ |= nowhere
    try:
        yield
    finally:
        for name in nowhere:
            del os.environ[name]
        os.environ |= before


def _run_to_end(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  our own command, no shell
        [*_DAYPASS, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise DemoFault(f"`daypass {arguments[0]}` failed: {done.stderr.strip()}")
    return done.stdout


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def _wait_until_answers(address: str, server: _Server) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    last_words = server.output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise DemoFault("a server did not start:\n" + "\n".join(last_words))


def as_json(rows: Sequence[Row]) -> str:
    """The attempts for a program to read."""
    return json.dumps([asdict(row) for row in rows], indent=2)
