from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from daypass import limits
from daypass.edge.client import Client, ClientGone
from daypass.errors import ServiceError


class Wire:
    """ASGI's two callables. After its messages the client says nothing more, but stays."""

    def __init__(self, *chunks: bytes, leaves: bool = False, seconds_between: float = 0) -> None:
        last = len(chunks) - 1
        self._messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": leaves or n < last} for n, chunk in enumerate(chunks)
        ]
        if leaves:
            self._messages.append({"type": "http.disconnect"})
        self._seconds_between = seconds_between
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.Event().wait()
        await asyncio.sleep(self._seconds_between)
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def client(self, content_length: int | None, *, waits_for_continue: bool = False) -> Client:
        return Client(self.receive, self.send, content_length=content_length, waits_for_continue=waits_for_continue)

    @property
    def connection_closes(self) -> bool:
        return (b"connection", b"close") in self.sent[0]["headers"]

    @property
    def unread(self) -> int:
        return len(self._messages)


async def received(client: Client) -> tuple[list[bytes], BaseException | None]:
    """What came of the body, and what broke it off."""
    chunks: list[bytes] = []
    try:
        async for chunk in client.body():
            chunks.append(chunk)
    except (ServiceError, ClientGone) as fault:
        return chunks, fault
    return chunks, None


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_a_body_is_received_piece_by_piece() -> None:
    async def work() -> None:
        assert await received(Wire(b"hello ", b"", b"world").client(11)) == ([b"hello ", b"world"], None)
        assert await received(Wire().client(0)) == ([], None)

    run(work)


def test_a_body_shorter_than_promised_is_incomplete() -> None:
    async def work() -> None:
        chunks, fault = await received(Wire(b"hello ", b"world").client(20))
        assert chunks == [b"hello ", b"world"]
        assert isinstance(fault, ServiceError)
        assert fault.code == "IncompleteBody"

    run(work)


def test_a_client_that_leaves_breaks_its_body_off() -> None:
    async def work() -> None:
        chunks, fault = await received(Wire(b"hello ", leaves=True).client(11))
        assert chunks == [b"hello "]
        assert isinstance(fault, ClientGone)

    run(work)


def test_a_body_of_unknown_length_cannot_be_read() -> None:
    async def work() -> None:
        with pytest.raises(ServiceError, match="MissingContentLength"):
            [chunk async for chunk in Wire(b"x").client(None).body()]

    run(work)


def test_a_client_that_falls_silent_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """MinIO CVE-2022-31028: no read timeout."""
    monkeypatch.setattr(limits, "CLIENT_IDLE_SECONDS", 0.05)

    async def work() -> None:
        silent = Wire(b"hello", b"never sent", seconds_between=0)
        silent._messages.pop()
        chunks, fault = await received(silent.client(11))
        assert isinstance(fault, ServiceError)
        assert (fault.code, chunks) == ("RequestTimeout", [b"hello"])

    run(work)


def test_a_client_that_drips_is_cut_off_though_it_is_never_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_IDLE_SECONDS", 0.2)
    monkeypatch.setattr(limits, "CLIENT_BODY_BYTES_PER_SECOND", 1_000_000)

    async def work() -> None:
        _, fault = await received(Wire(*[b"x"] * 100, seconds_between=0.02).client(100))
        assert isinstance(fault, ServiceError)
        assert fault.code == "RequestTimeout"

    run(work)


def test_the_rest_of_a_refused_body_is_read_so_that_the_client_sees_the_refusal() -> None:
    async def work() -> None:
        wire = Wire(b"hello ", b"world")
        await wire.client(11).answer(403, ())
        assert wire.unread == 0
        assert not wire.connection_closes
        assert wire.sent[0]["status"] == 403

    run(work)


def test_a_refused_body_that_is_too_long_to_read_ends_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_DRAIN_BYTES", 10)

    async def work() -> None:
        wire = Wire(*[b"hello"] * 10)
        await wire.client(50).answer(403, ())
        assert wire.unread == 8
        assert wire.connection_closes

    run(work)


def test_a_refused_body_that_does_not_come_ends_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_DRAIN_SECONDS", 0.05)

    async def work() -> None:
        wire = Wire()
        await wire.client(50).answer(403, ())
        assert wire.connection_closes

    run(work)


def test_a_client_that_waits_to_be_told_to_go_on_is_not_told_by_a_refusal() -> None:
    """To ask for the body would say 100 Continue; not to close would take the next request for the body."""

    async def work() -> None:
        wire = Wire(b"hello world")
        await wire.client(11, waits_for_continue=True).answer(403, ())
        assert wire.unread == 1
        assert wire.connection_closes

    run(work)


def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_IDLE_SECONDS", 0.05)

    async def work() -> None:
        async def stuck(_: Any) -> None:
            await asyncio.Event().wait()

        client = Client(Wire().receive, stuck, content_length=0, waits_for_continue=False)
        with pytest.raises(ClientGone):
            await client.send(b"x", more=True)

    run(work)


def test_a_client_that_sips_is_given_up_though_it_takes_a_little_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_IDLE_SECONDS", 0.1)
    monkeypatch.setattr(limits, "CLIENT_BODY_BYTES_PER_SECOND", 1_000_000)

    async def work() -> None:
        async def slowly(_: Any) -> None:
            await asyncio.sleep(0.03)

        client = Client(Wire().receive, slowly, content_length=0, waits_for_continue=False)

        async def answer() -> None:
            for _ in range(100):
                await client.send(b"x", more=True)

        with pytest.raises(ClientGone):
            await answer()

    run(work)


def test_a_backend_that_is_slow_is_not_held_against_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_IDLE_SECONDS", 0.1)
    monkeypatch.setattr(limits, "CLIENT_BODY_BYTES_PER_SECOND", 1_000_000)

    async def work() -> None:
        client = Wire().client(0)
        for _ in range(6):
            await client.send(b"x", more=True)
            await asyncio.sleep(0.04)

    run(work)


def test_a_client_that_leaves_while_an_answer_streams_is_noticed() -> None:
    async def work() -> None:
        wire = Wire(leaves=True)
        client = wire.client(0)
        async with client.watched() as has_left:
            assert not has_left()
            await asyncio.sleep(0.05)
            assert has_left()
        staying = Wire().client(0)
        async with staying.watched() as has_left:
            await asyncio.sleep(0.01)
            assert not has_left()

    run(work)
