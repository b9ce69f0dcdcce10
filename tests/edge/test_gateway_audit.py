"""What cannot be put on record does not happen: the gateway over a real store, with an audit log on a full disk."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daypass.config import Backend
from daypass.edge.backends import Backends, ChosenBackend
from daypass.edge.gateway import Gateway
from daypass.edge.upstream import Upstream
from daypass.names import Secret
from daypass.service.actions import Ports
from daypass.service.authenticate import Authenticator
from daypass.service.authorize import Authorizer
from daypass.service.ports import AuditRecord
from daypass.store.entropy import SystemEntropy
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from support import raw_s3
from support.recording_backend import NOT_FOUND, RecordingBackend, recording
from support.server import Keys
from support.stores import SqliteEngine


class Disk:
    """An AuditLog. full: from which record on there is no room."""

    def __init__(self, full: int) -> None:
        self.full = full
        self.records: list[AuditRecord] = []

    def write(self, record: AuditRecord) -> None:
        if len(self.records) >= self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.records.append(record)


@dataclass
class Answer:
    status: int
    body: bytes


async def ask(gateway: Gateway, method: str, target: str, headers: Mapping[str, str]) -> Answer:
    path, _, query = target.encode().partition(b"?")
    pairs = ((b"host", b"daypass"), *((name.lower().encode(), value.encode()) for name, value in headers.items()))
    request = RawRequest(method, path, query, pairs, b"", "192.0.2.1", False, datetime.now(UTC))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        claim: Any = sigv4.read_claim(request)
    except sigv4.SignatureFault as fault:
        claim = fault
    await gateway.handle(request, claim, "request-id", receive, send)
    return Answer(sent[0]["status"], sent[1]["body"])


def exchange(
    tmp_path: Path, full: int, method: str, target: str, *, signed: bool = True, missing: bool = False
) -> tuple[Answer, Disk, RecordingBackend]:
    """One request to a gateway whose disk is full after so many records."""

    async def main() -> tuple[Answer, Disk, RecordingBackend]:
        engine, disk = SqliteEngine(tmp_path), Disk(full)
        with recording() as recorder:
            if missing:
                recorder.answer = lambda _: NOT_FOUND
            backend = recorder.backend
            upstream = Upstream(
                Backend(backend.endpoint, backend.access_key_id, Secret(backend.secret_access_key), backend.region)
            )
            async with engine.open() as store:
                await store.directory.create_bucket("bucket", engine.account_id, "us-east-1", datetime.now(UTC))
                gateway = Gateway(
                    ports=Ports(store.identities, store.directory, SystemEntropy(), store.key_ring),
                    authenticator=Authenticator(store.identities, store.key_ring),
                    authorizer=Authorizer(store.identities),
                    audit=disk,
                    backends=Backends([ChosenBackend(upstream)]),
                )
                keys = Keys(engine.root_key_id, engine.root_secret.reveal())
                headers = raw_s3.signed_headers(keys, method, f"http://daypass{target}") if signed else {}
                answer = await ask(gateway, method, target, headers)
            await upstream.close()
            return answer, disk, recorder

    return asyncio.run(main())


def test_an_allowed_request_that_cannot_be_recorded_does_not_reach_the_backend(tmp_path: Path) -> None:
    answer, disk, recorder = exchange(tmp_path, 0, "DELETE", "/bucket/key")
    assert answer.status == 503
    assert b"<Code>ServiceUnavailable</Code>" in answer.body
    assert (disk.records, recorder.requests) == ([], [])


def test_a_refusal_that_cannot_be_recorded_is_not_answered_either(tmp_path: Path) -> None:
    answer, _, _ = exchange(tmp_path, 0, "GET", "/bucket/key", signed=False)
    assert answer.status == 503
    answer, _, _ = exchange(tmp_path / "other", 0, "GET", "/bucket?acl&policy")
    assert answer.status == 503


def test_a_record_is_written_before_the_backend_is_asked(tmp_path: Path) -> None:
    answer, disk, recorder = exchange(tmp_path, 1, "DELETE", "/bucket/key")
    assert answer.status == 204
    assert [record.decision for record in disk.records] == ["Allowed"]
    assert [request.method for request in recorder.requests] == ["DELETE"]


def test_that_a_key_is_missing_is_not_said_unless_the_decision_to_say_it_is_on_record(tmp_path: Path) -> None:
    answer, disk, _ = exchange(tmp_path, 1, "GET", "/bucket/key", missing=True)
    assert answer.status == 503
    assert [record.action for record in disk.records] == ["s3:GetObject"]
    answer, disk, _ = exchange(tmp_path / "other", 2, "GET", "/bucket/key", missing=True)
    assert answer.status == 404
    assert [record.action for record in disk.records] == ["s3:GetObject", "s3:ListBucket"]
