from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from daypass.config import Backend
from daypass.edge.backends import Backends, ChosenBackend
from daypass.edge.object_tags import ObjectTags
from daypass.edge.upstream import Upstream
from daypass.errors import ServiceError
from daypass.names import Secret
from support.recording_backend import Recorded, RecordingBackend, recording

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER = "<Tagging><TagSet><Tag><Key>class</Key><Value>%s</Value></Tag></TagSet></Tagging>"


def tagged(value: str) -> bytes:
    body = (ANSWER % value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def asking(recorder: RecordingBackend, *steps: tuple[float, str | None]) -> list[str]:
    """What is known of the object's tag at each of the seconds; None: something is written to it first."""
    backend = recorder.backend
    secret = Secret(backend.secret_access_key)
    upstream = Upstream(Backend(backend.endpoint, backend.access_key_id, secret, backend.region))
    tags = ObjectTags(Backends([ChosenBackend(upstream)]))
    known = []
    try:
        for seconds, version_id in steps:
            if version_id == "written":
                tags.forget("bucket", "k")
                version_id = None
            found = await tags.of("bucket", "k", version_id, NOW + timedelta(seconds=seconds))
            known.append(found.get("class", "none"))
    finally:
        await upstream.close()
    return known


def test_an_answer_is_believed_for_less_than_a_second() -> None:
    with recording() as recorder:
        recorder.answer = lambda _: tagged(str(len(recorder.requests)))
        assert asyncio.run(asking(recorder, (0, None), (0.5, None), (0.9, None), (1.0, None))) == ["1", "1", "2", "2"]
        assert {request.target for request in recorder.requests} == {"/bucket/k?tagging="}


def test_a_version_is_another_object_and_a_write_ends_what_was_believed() -> None:
    with recording() as recorder:
        recorder.answer = lambda _: tagged(str(len(recorder.requests)))
        assert asyncio.run(asking(recorder, (0, None), (0, "v1"), (0, None), (0, "written"), (0, "v1"))) == [
            "1",
            "2",
            "1",
            "3",
            "2",
        ]


def test_no_answer_is_not_believed_to_be_no_tags() -> None:
    def answer(_: Recorded) -> bytes:
        return (
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
            if len(recorder.requests) == 1
            else tagged("x")
        )

    with recording() as recorder:
        recorder.answer = answer
        with pytest.raises(ServiceError):
            asyncio.run(asking(recorder, (0, None)))
        assert asyncio.run(asking(recorder, (0, None))) == ["x"]
