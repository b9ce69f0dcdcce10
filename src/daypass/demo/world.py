"""The world that the demo's story plays in: the two servers, who has which keys, and an attempt made for real."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3  # type: ignore[import-untyped]  # because boto3 ships no types
from botocore import xform_name  # type: ignore[import-untyped]  # because botocore ships no types
from botocore.config import Config  # type: ignore[import-untyped]  # because botocore ships no types
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # because botocore ships no types

from daypass import names, token
from daypass.demo.processes import DAYPASS, DemoFault, free_ports, process, run_to_end, wait_until_answers
from daypass.names import Secret
from daypass.store import key_ring

ACCOUNT_ID: Final = "111122223333"
REGION: Final = "us-east-1"


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
class Keys:
    access_key_id: str
    secret: Secret
    session_token: Secret | None = None

    @classmethod
    def of(cls, answer: Mapping[str, str]) -> Keys:
        held = answer.get("SessionToken")
        return cls(answer["AccessKeyId"], Secret(answer["SecretAccessKey"]), Secret(held) if held else None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """decided_by: the kind of policy that the story says decides; None if no policy is asked."""

    credentials: str
    keys: Keys
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
        return " ".join([self.operation, *[str(value) for value in arguments.values()]])


_OUTCOMES: Final = {
    "ExplicitlyDenied": "denied",
    "ImplicitlyDenied": "denied",
    "Refused": "refused",
    # Not a denial by any policy: the request failed after it was allowed.
    "Allowed": "failed",
}


class World:
    """The two servers, and who has which keys."""

    proxy: Keys
    proxy_id: str
    bob: Keys

    def __init__(self, url: str, data: Path, root: Keys) -> None:
        self.url = url
        self.data = data
        self.root = root
        self._audited: dict[str, Mapping[str, Any]] = {}

    @classmethod
    def start(cls, stack: ExitStack, directory: Path) -> World:
        """Both servers, ended in reverse order when the stack unwinds."""
        data = directory / "data"
        answer = json.loads(run_to_end("init", "--data", str(data), "--account-id", ACCOUNT_ID, "--json"))
        backend_port, port = free_ports(2)
        backend, url = f"http://127.0.0.1:{backend_port}", f"http://127.0.0.1:{port}"
        moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(backend_port)]
        serve = [*DAYPASS, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}", "--s3-backend", backend]
        keys = {"DAYPASS_S3_BACKEND_ACCESS_KEY_ID": "demo", "DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY": "demo"}
        servers = {
            f"{backend}/moto-api/": stack.enter_context(process(moto, directory / "backend.log", {})),
            f"{url}/_daypass/health": stack.enter_context(process(serve, directory / "daypass.log", keys)),
        }
        for address, server in servers.items():
            wait_until_answers(address, server)
        return cls(url, data, Keys.of(answer))

    def client(self, service: str, keys: Keys) -> Any:
        """An unmodified boto3 client of this Daypass; no retries, so that one call is one request."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret.reveal(),
            aws_session_token=None if keys.session_token is None else keys.session_token.reveal(),
            config=Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}),
        )

    def federation_token(self, name: str, policy: Mapping[str, Any] | None) -> Keys:
        arguments = {} if policy is None else {"Policy": json.dumps(policy, separators=(",", ":"))}
        sts = self.client("sts", self.proxy)
        return Keys.of(sts.get_federation_token(Name=name, DurationSeconds=3600, **arguments)["Credentials"])

    def tampered(self, keys: Keys) -> Keys:
        """The same credentials with one letter in the middle of the token changed."""
        text = keys.session_token.reveal() if keys.session_token is not None else ""
        middle = len(text) // 2
        letter = "A" if text[middle] != "A" else "B"
        return Keys(keys.access_key_id, keys.secret, Secret(text[:middle] + letter + text[middle + 1 :]))

    def expired(self, name: str, policy: Mapping[str, Any]) -> Keys:
        """Credentials of a session that ended an hour ago, sealed here with the server's key ring."""
        now = datetime.now(UTC)  # noqa: TID251  the demo is no server: it asks the clock like any client
        issued = now.replace(microsecond=0) - timedelta(hours=2)
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
            session_policy=json.dumps(policy),
        )
        sealed = token.seal(session, key_ring.load(self.data / "keys.json"), os.urandom(token.SALT_BYTES))
        return Keys(access_key_id, secret, Secret(sealed))

    def perform(self, number: int, attempt: Attempt) -> Row:
        """Makes the request, and looks up in the audit log who decided it."""
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
