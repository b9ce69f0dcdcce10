"""The backend as the gateway asks it: what is sent again, what is not, and when it is left alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvloop

from daypass import limits
from daypass.edge.upstream import Upstream, UpstreamFailure, UpstreamRequest
from daypass.names import Secret
from support.tls_front import tls_front

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass
class Backend:
    """Closes each connection after `exchanges` answers, without a word."""

    exchanges: int = 1
    requests: int = 0
    closes_before_answering: bool = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(self.exchanges):
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                if self.closes_before_answering:
                    return
                writer.write(OK)
            # As a server does whose patience ends just when the next request is on its way.
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def with_backend(backend: Backend, work: Callable[[Upstream], Awaitable[None]]) -> None:
    async def main() -> None:
        server = await asyncio.start_server(backend, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        upstream = Upstream(
            SimpleNamespace(
                url=f"http://127.0.0.1:{port}",
                access_key_id="A",
                secret=Secret("s"),
                region="us-east-1",
                takes_trailers=False,
            )
        )
        try:
            await work(upstream)
        finally:
            await upstream.close()
            server.close()

    uvloop.run(main())


def request(method: str = "GET", *, length: int | None = None, **changes: bytes) -> UpstreamRequest:
    return UpstreamRequest(
        method=method,
        path=changes.get("path", b"/bucket/key"),
        query=b"",
        headers=((b"x-amz-meta-colour", changes.get("value", b"blue")),),
        payload_hash=hashlib.sha256(b"").hexdigest(),
        content_length=length,
        at=AT,
    )


async def ask(upstream: Upstream, asked: UpstreamRequest, body: bytes | AsyncIterator[bytes] = b"") -> bytes:
    with await upstream.ask(asked, body) as answer:
        return await answer.read(100)


async def streamed() -> AsyncIterator[bytes]:
    yield b"body"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_request_that_an_idle_connection_swallowed_is_sent_once_more(method: str) -> None:
    backend = Backend(exchanges=1)

    async def work(upstream: Upstream) -> None:
        assert await ask(upstream, request()) == b"ok"
        await ask(upstream, request(method))

    with_backend(backend, work)
    assert backend.requests == 3


def test_what_must_not_be_done_twice_is_not_sent_twice() -> None:
    backend = Backend(exchanges=1)

    async def work(upstream: Upstream) -> None:
        await ask(upstream, request())
        with pytest.raises(UpstreamFailure):
            await ask(upstream, request("POST"))
        await ask(upstream, request())
        with pytest.raises(UpstreamFailure):
            await ask(upstream, request("PUT", length=4), streamed())

    with_backend(backend, work)
    assert backend.requests == 4


def test_a_request_that_a_new_connection_swallowed_is_not_sent_again() -> None:
    backend = Backend(closes_before_answering=True)

    async def work(upstream: Upstream) -> None:
        with pytest.raises(UpstreamFailure) as caught:
            await ask(upstream, request())
        assert caught.value.reached

    with_backend(backend, work)
    assert backend.requests == 1


def test_a_backend_that_does_not_answer_is_left_alone_and_then_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "BREAKER_OPEN_SECONDS", 0.1)
    backend = Backend(closes_before_answering=True)

    async def work(upstream: Upstream) -> None:
        for _ in range(limits.BREAKER_FAILURES):
            with pytest.raises(UpstreamFailure):
                await ask(upstream, request())
        with pytest.raises(UpstreamFailure) as caught:
            await ask(upstream, request())
        assert caught.value.busy
        assert not caught.value.reached
        await asyncio.sleep(0.15)
        backend.closes_before_answering = False
        assert await ask(upstream, request()) == b"ok"
        assert await ask(upstream, request()) == b"ok"

    with_backend(backend, work)
    opened, closed = [record.getMessage() for record in caplog.records]
    assert "is left alone" in opened
    assert closed.endswith("answers again")


def test_a_backend_over_tls_has_to_be_who_it_says_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend(exchanges=2)

    async def work(plain: Upstream) -> None:
        port = int(plain._host.rpartition(":")[2])
        with tls_front(tmp_path, port) as front:
            settings = SimpleNamespace(
                url=front.url, access_key_id="A", secret=Secret("s"), region="us-east-1", takes_trailers=False
            )
            stranger = Upstream(settings)
            with pytest.raises(UpstreamFailure, match="certificate") as caught:
                await ask(stranger, request())
            assert not caught.value.reached
            monkeypatch.setenv("SSL_CERT_FILE", str(front.ca))
            known = Upstream(settings)
            assert await ask(known, request()) == b"ok"
            await known.close()
            await stranger.close()

    with_backend(backend, work)
    assert backend.requests == 1


@pytest.mark.parametrize("value", [b"a\r\nx-amz-evil: b", b"a\nb", b"a\rb", b"a\r\n\r\nGET /other HTTP/1.1"])
def test_a_line_end_within_a_value_never_leaves(value: bytes) -> None:
    backend = Backend()

    async def work(upstream: Upstream) -> None:
        with pytest.raises(ValueError, match="line end"):
            await ask(upstream, request(value=value))

    with_backend(backend, work)
    assert backend.requests == 0


@pytest.mark.parametrize("path", [b"/b/k HTTP/1.1\r\nx: y", b"/b/k\r\n"])
def test_a_line_end_within_a_path_never_leaves(path: bytes) -> None:
    backend = Backend()

    async def work(upstream: Upstream) -> None:
        with pytest.raises(ValueError, match="line end"):
            await ask(upstream, request(path=path))

    with_backend(backend, work)
    assert backend.requests == 0
