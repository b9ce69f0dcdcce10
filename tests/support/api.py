"""The control plane in one process, over a real store in a temporary directory: for tests of answers, byte by byte.

Requests are signed by botocore's own signer and go through the ASGI application, as a server would pass them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from daypass.app import Daypass
from daypass.config import load
from daypass.edge.question_turn import QuestionTurn
from daypass.edge.turn import Turn
from daypass.store import initialise
from daypass.store.entropy import SystemEntropy

ACCOUNT = "123456789012"
HOST = "127.0.0.1:8420"
VERSIONS = {"sts": "2011-06-15", "iam": "2010-05-08"}
Parameters = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Key:
    """Credentials as a client holds them."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answer:
    """status, headers by lower-case name, and the body as bytes."""

    status: int
    headers: dict[str, str]
    body: bytes

    def text(self, name: str) -> str | None:
        """The text of the first element of that name, whatever its namespace; None if there is none."""
        for element in ElementTree.fromstring(self.body).iter():  # noqa: S314  our own answer
            if element.tag.rpartition("}")[2] == name:
                return element.text or ""
        return None

    @property
    def fault(self) -> tuple[int, str | None, str | None]:
        """(status, code, message) of an error answer."""
        return self.status, self.text("Code"), self.text("Message")

    @property
    def key(self) -> Key:
        """The credentials that the answer carries."""
        values = [self.text(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        assert values[0] is not None
        assert values[1] is not None
        return Key(values[0], values[1], values[2])


class InProcess:
    """A Daypass without a port. Its requests run on an event loop of its own."""

    def __init__(self, directory: Path, root: Key, options: Mapping[str, str] | None = None) -> None:
        """options: settings beside the data directory."""
        self.directory = directory
        self.root = root
        self._loop = asyncio.new_event_loop()
        self._app = Daypass(load({"data": str(directory), **(options or {})}, {}))
        self._lifespan: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._lifespan_said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = self._loop.create_task(
            self._app({"type": "lifespan"}, self._lifespan.get, self._lifespan_said.put)
        )
        self._tell("lifespan.startup")

    def _tell(self, event: str) -> None:
        async def exchange() -> dict[str, Any]:
            await self._lifespan.put({"type": event})
            return await self._lifespan_said.get()

        said = self._loop.run_until_complete(exchange())
        assert said["type"] == f"{event}.complete", said

    def turn(self, server: tuple[str, int | None] | None = ("127.0.0.1", 8420)) -> Turn | None:
        """What answers requests of the control plane to that listener that come past ASGI."""
        turn = self._app.turn_of(server)
        return turn if isinstance(turn, Turn) else None

    def question_turn(self, server: tuple[str, int | None] | None = ("127.0.0.1", 8421)) -> QuestionTurn | None:
        """What answers questions to that listener that come past ASGI."""
        turn = self._app.turn_of(server)
        return turn if isinstance(turn, QuestionTurn) else None

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it on the event loop that requests run on."""
        self._loop.run_until_complete(work)

    def close(self) -> None:
        self._tell("lifespan.shutdown")
        self._loop.run_until_complete(self._task)
        self._loop.close()

    def send(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        *,
        peer: str = "127.0.0.1",
        chunks: Sequence[bytes] | None = None,
        server: tuple[str, int] = ("127.0.0.1", 8420),
    ) -> Answer:
        """As `exchange`, for an answer that has no header twice."""
        status, received, content = self.exchange(
            method, target, headers, body, peer=peer, chunks=chunks, server=server
        )
        names = [name for name, _ in received]
        assert len(names) == len(set(names)), "no header is sent twice"
        return Answer(status, dict(received), content)

    def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        *,
        peer: str = "127.0.0.1",
        chunks: Sequence[bytes] | None = None,
        server: tuple[str, int] = ("127.0.0.1", 8420),
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request as it is, signed or not. chunks: the body in several messages instead of one. server: the
        address at which it comes in."""
        parts = urlsplit(target)
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode("latin-1"),
            "query_string": parts.query.encode("latin-1"),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "client": (peer, 50000),
            "server": server,
        }
        pieces = list(chunks) if chunks is not None else [body]
        messages = [
            {"type": "http.request", "body": piece, "more_body": n < len(pieces) - 1} for n, piece in enumerate(pieces)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        assert [message["type"] for message in sent[:1]] == ["http.response.start"], "every request is answered"
        return (
            sent[0]["status"],
            [(name.decode().lower(), value.decode("latin-1")) for name, value in sent[0]["headers"]],
            b"".join(message.get("body", b"") for message in sent[1:]),
        )

    def call(
        self,
        key: Key,
        action: str,
        parameters: Parameters = (),
        *,
        service: str = "sts",
        region: str = "us-east-1",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One action as an SDK sends it: a signed POST of a form."""
        pairs = list(parameters.items()) if isinstance(parameters, Mapping) else list(parameters)
        body = urlencode([("Action", action), ("Version", VERSIONS[service]), *pairs])
        request = AWSRequest("POST", f"http://{HOST}/", data=body, headers=dict(headers or {}))
        request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        SigV4Auth(Credentials(key.access_key_id, key.secret, key.token), service, region).add_auth(request)
        return self.send("POST", "/", [("Host", HOST), *request.headers.items()], body.encode("ascii"))

    def get(self, key: Key, query: str, *, service: str = "sts", region: str = "us-east-1") -> Answer:
        """A presigned GET, as a URL that somebody was handed."""
        request = AWSRequest("GET", f"http://{HOST}/?{query}")
        SigV4QueryAuth(Credentials(key.access_key_id, key.secret, key.token), service, region).add_auth(request)
        target = request.url.removeprefix(f"http://{HOST}")
        return self.send("GET", target, [("Host", HOST)])

    def user(self, name: str, *documents: object, tags: Mapping[str, str] | None = None) -> Key:
        """A new IAM user with these inline policies, and its access key."""
        form = [("UserName", name)]
        for n, (tag, value) in enumerate((tags or {}).items(), 1):
            form += [(f"Tags.member.{n}.Key", tag), (f"Tags.member.{n}.Value", value)]
        assert self.call(self.root, "CreateUser", form, service="iam").status == 200
        for n, document in enumerate(documents):
            self.put_policy(name, f"policy-{n}", document)
        return self.call(self.root, "CreateAccessKey", {"UserName": name}, service="iam").key

    def put_policy(self, user: str, name: str, document: object) -> None:
        form = {"UserName": user, "PolicyName": name, "PolicyDocument": json.dumps(document)}
        answer = self.call(self.root, "PutUserPolicy", form, service="iam")
        assert answer.status == 200, answer.body

    def managed_policy(self, name: str, document: object) -> str:
        """A new managed policy's ARN."""
        form = {"PolicyName": name, "PolicyDocument": json.dumps(document)}
        arn = self.call(self.root, "CreatePolicy", form, service="iam").text("Arn")
        assert arn is not None
        return arn

    def role(self, name: str, trust: object, *documents: object, key: Key | None = None, **more: str) -> str:
        """A new role's ARN. trust: its trust policy; documents: inline policies; key: of who makes it; more: form."""
        form = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust), **more}
        made = self.call(key or self.root, "CreateRole", form, service="iam")
        assert made.status == 200, made.body
        for n, document in enumerate(documents):
            form = {"RoleName": name, "PolicyName": f"policy-{n}", "PolicyDocument": json.dumps(document)}
            assert self.call(key or self.root, "PutRolePolicy", form, service="iam").status == 200
        arn = made.text("Arn")
        assert arn is not None
        return arn

    def audit(self) -> list[dict[str, Any]]:
        """Every record written so far, oldest first."""
        return [json.loads(line) for line in (self.directory / "audit.jsonl").read_text().splitlines()]


def allow(action: str | list[str], resource: str | list[str] = "*", **more: object) -> dict[str, object]:
    """A policy of one Allow statement."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def trust(principal: object, action: str | list[str] = "sts:AssumeRole", **more: object) -> dict[str, object]:
    """A role's trust policy of one Allow statement. principal: an ARN or account, or a Principal element."""
    named = {"AWS": principal} if isinstance(principal, str) else principal
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": named, "Action": action, **more}]}


@contextmanager
def in_process(
    directory: Path, root: Key | None = None, options: Mapping[str, str] | None = None
) -> Iterator[InProcess]:
    """A running Daypass. root: of the directory, if it is initialised already."""
    if root is None:
        _, access_key_id, secret = initialise(directory, ACCOUNT, SystemEntropy(), datetime.now(UTC))
        root = Key(access_key_id, secret.reveal())
    daypass = InProcess(directory, root, options)
    try:
        yield daypass
    finally:
        daypass.close()
