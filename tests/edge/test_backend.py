"""The gateway's own questions to a backend about buckets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import uvloop

from daypass.edge.backend import BackendBuckets
from daypass.edge.upstream import Upstream
from daypass.names import Secret

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def asked_of_one_that_answers(status: bytes) -> tuple[bool, bool]:
    """Whether the gateway reaches a bucket there, and whether the backend has one of that name."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        writer.close()

    async def main() -> tuple[bool, bool]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = SimpleNamespace(
            url=url, access_key_id="A", secret=Secret("s"), region="us-east-1", takes_trailers=False
        )
        upstream = Upstream(settings)
        buckets = BackendBuckets(lambda _: upstream)
        try:
            return await buckets.reaches_bucket("logs", AT), await buckets.has_bucket("logs", AT)
        finally:
            await upstream.close()
            server.close()

    return uvloop.run(main())


def test_a_backend_that_refuses_the_gateway_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Or a wrong key would look to everybody as if there was no bucket."""
    assert asked_of_one_that_answers(b"403 Forbidden") == (False, True)
    assert [record.getMessage() for record in caplog.records] == [
        "the S3 backend answered 403 about bucket logs: it is another's, or the gateway's key is wrong"
    ] * 2


@pytest.mark.parametrize(("status", "reached_and_had"), [(b"200 OK", (True, True)), (b"404 Not Found", (False, False))])
def test_a_backend_that_answers_is_not(
    caplog: pytest.LogCaptureFixture, status: bytes, reached_and_had: tuple[bool, bool]
) -> None:
    assert asked_of_one_that_answers(status) == reached_and_had
    assert caplog.records == []
