"""The client side of HTTP/1.1, on the event loop that servers use, against a peer that says what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from daypass import limits
from daypass.edge.http_client import Connection, HttpFailure, Pool

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Name: value\r\n\r\nhello"
ASKED = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


def with_peer(talk: Talk, work: Callable[[Pool], Awaitable[None]]) -> list[int]:
    """Runs the work against the peer. The list counts its connections."""
    connections: list[int] = []

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(1)
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        pool = Pool("127.0.0.1", server.sockets[0].getsockname()[1], None)
        try:
            async with asyncio.timeout(20):
                await work(pool)
        finally:
            pool.close()
            server.close()

    uvloop.run(main())
    return connections


def answering(*answers: bytes, then_close: bool = False) -> Talk:
    """A peer that reads a head and gives its next answer, on each connection anew."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        if not then_close:
            await reader.read()

    return talk


async def body_of(connection: Connection) -> bytes:
    return b"".join([piece async for piece in connection.pieces()])


async def ask(pool: Pool, method: str = "GET") -> tuple[int, bytes]:
    connection = await pool.take()
    try:
        await connection.send(method, ASKED, b"", 0)
        return connection.status, await body_of(connection)
    finally:
        pool.give_back(connection)


def test_one_connection_serves_one_exchange_after_the_other() -> None:
    async def work(pool: Pool) -> None:
        assert [await ask(pool) for _ in range(3)] == [(200, b"hello")] * 3

    assert len(with_peer(answering(HELLO, HELLO, HELLO), work)) == 1


def test_exchanges_with_and_without_bodies_follow_one_another_on_one_connection() -> None:
    head_only, none = HELLO.removesuffix(b"hello"), b"HTTP/1.1 204 No Content\r\n\r\n"
    in_chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    async def work(pool: Pool) -> None:
        got = [await ask(pool, method) for method in ("GET", "HEAD", "GET", "DELETE", "GET", "HEAD", "GET")]
        hello, nothing = (200, b"hello"), (200, b"")
        assert got == [hello, nothing, hello, (204, b""), hello, nothing, hello]

    answers = (HELLO, head_only, in_chunks, none, HELLO, head_only, in_chunks)
    assert len(with_peer(answering(*answers), work)) == 1


def test_the_head_of_an_answer_is_what_was_sent() -> None:
    async def work(pool: Pool) -> None:
        connection = await pool.take()
        await connection.send("GET", ASKED, b"", 0)
        assert connection.headers == ((b"content-length", b"5"), (b"x-name", b"value"))
        assert connection.whole_body() == b"hello"
        pool.give_back(connection)

    with_peer(answering(HELLO), work)


@pytest.mark.parametrize(
    ("answer", "method", "expected"),
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, "GET", (200, b"hello"), id="after a 100"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", "GET", (204, b""), id="204"),
        pytest.param(b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n', "GET", (304, b""), id="304"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "HEAD", (200, b""), id="HEAD"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "GET",
            (200, b"hello"),
            id="in chunks",
        ),
    ],
)
def test_an_answer_ends_where_http_says(answer: bytes, method: str, expected: tuple[int, bytes]) -> None:
    async def work(pool: Pool) -> None:
        assert await ask(pool, method) == expected
        assert await ask(pool) == (200, b"hello")

    assert len(with_peer(answering(answer, HELLO), work)) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"nonsense\r\n\r\n", "not HTTP", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nhello", "no length", id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "closed", id="cut off"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "closed", id="cut off in a chunk"
        ),
        pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "not HTTP", id="101"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
            "not HTTP",
            id="two lengths",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 80_000, "too long", id="a head without end"),
        pytest.param(b"", "closed", id="nothing"),
    ],
)
def test_what_is_no_whole_answer_is_a_failure(answer: bytes, reason: str) -> None:
    async def work(pool: Pool) -> None:
        with pytest.raises(HttpFailure, match=reason) as caught:
            await ask(pool)
        assert caught.value.reached

    with_peer(answering(answer, then_close=True), work)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(HELLO + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", id="a second answer"),
        pytest.param(HELLO + b"junk", id="junk"),
        pytest.param(HELLO.replace(b"X-Name: value", b"Connection: close"), id="Connection: close"),
        pytest.param(HELLO.replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
    ],
)
def test_a_connection_with_something_on_it_is_not_used_again(answer: bytes) -> None:
    async def work(pool: Pool) -> None:
        assert await ask(pool) == (200, b"hello")
        await asyncio.sleep(0.02)
        assert await ask(pool) == (200, b"hello")

    assert len(with_peer(answering(answer), work)) == 2


def test_an_unasked_answer_between_two_exchanges_is_nobodys() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)
        await asyncio.sleep(0.05)
        writer.write(HELLO.replace(b"hello", b"evil!"))
        await reader.read()

    async def work(pool: Pool) -> None:
        assert await ask(pool) == (200, b"hello")
        await asyncio.sleep(0.15)
        assert await ask(pool) == (200, b"hello")

    assert len(with_peer(talk, work)) == 2


def test_a_body_that_was_asked_for_by_head_only_is_a_failure() -> None:
    async def work(pool: Pool) -> None:
        connection = await pool.take()
        await connection.send("HEAD", ASKED, b"", 0)
        await asyncio.sleep(0.02)
        assert not connection.may_be_used_again()
        pool.give_back(connection)

    with_peer(answering(HELLO), work)


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size
        await asyncio.sleep(0)


def test_a_streamed_body_arrives_whole() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(4_000_000) == b"x" * 4_000_000
        writer.write(HELLO)
        await reader.read()

    async def work(pool: Pool) -> None:
        connection = await pool.take()
        await connection.send("PUT", ASKED, pieces(40, 100_000), 4_000_000)
        assert await body_of(connection) == b"hello"
        assert connection.may_be_used_again()
        pool.give_back(connection)

    with_peer(talk, work)


def test_a_body_that_breaks_off_is_never_a_whole_request() -> None:
    got = bytearray()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        got.extend(await reader.read(-1))

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 10
        raise ValueError("broken")

    async def work(pool: Pool) -> None:
        connection = await pool.take()
        with pytest.raises(ValueError, match="broken"):
            await connection.send("PUT", ASKED, broken(), 20)
        assert not connection.is_open
        pool.give_back(connection)
        connection = await pool.take()
        with pytest.raises(RuntimeError, match="not as long"):
            await connection.send("PUT", ASKED, pieces(1, 10), 20)
        pool.give_back(connection)
        await asyncio.sleep(0.05)

    with_peer(talk, work)
    assert len(got) <= 20


def test_an_answer_that_comes_before_the_whole_body_ends_the_sending() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    async def work(pool: Pool) -> None:
        connection = await pool.take()
        sent = 0

        async def slowly() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1
                yield b"x" * 1_000
                await asyncio.sleep(0.01)

        await connection.send("PUT", ASKED, slowly(), 10**9)
        assert (connection.status, await body_of(connection)) == (403, b"no")
        assert sent < 100
        assert not connection.may_be_used_again()
        pool.give_back(connection)

    with_peer(talk, work)


def test_a_peer_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_IDLE_SECONDS", 0.05)

    async def work(pool: Pool) -> None:
        with pytest.raises(HttpFailure, match="stood still"):
            await ask(pool)

    with_peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), work)


def test_a_peer_that_stands_still_later_is_given_up_as_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that an exchange may wait begins when it begins to wait, however long its connection has been there."""
    monkeypatch.setattr(limits, "UPSTREAM_IDLE_SECONDS", 0.2)

    async def work(pool: Pool) -> None:
        await ask(pool)
        await asyncio.sleep(0.15)
        began = asyncio.get_running_loop().time()
        with pytest.raises(HttpFailure, match="stood still"):
            await ask(pool)
        assert 0.19 < asyncio.get_running_loop().time() - began < 2

    with_peer(answering(HELLO, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), work)


def test_a_peer_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_IDLE_SECONDS", 0.1)

    async def talk(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10)

    async def work(pool: Pool) -> None:
        connection = await pool.take()
        with pytest.raises(HttpFailure, match="stood still"):
            await connection.send("PUT", ASKED, pieces(1_000, 1_000_000), 10**9)
        pool.give_back(connection)

    with_peer(talk, work)


def test_a_reader_who_is_slow_holds_the_peer_back_and_not_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_BUFFER_BYTES", 100_000)
    size = 20_000_000

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(b"x" * size)
        await reader.read()

    async def work(pool: Pool) -> None:
        connection = await pool.take()
        await connection.send("GET", ASKED, b"", 0)
        await asyncio.sleep(0.1)
        assert connection._buffered < 1_000_000
        assert len(await body_of(connection)) == size
        pool.give_back(connection)

    with_peer(talk, work)


def test_a_connection_whose_reader_was_held_back_to_the_end_reads_its_next_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_BUFFER_BYTES", 2)
    monkeypatch.setattr(limits, "UPSTREAM_IDLE_SECONDS", 1)

    async def work(pool: Pool) -> None:
        assert [await ask(pool) for _ in range(2)] == [(200, b"hello")] * 2

    assert len(with_peer(answering(HELLO, HELLO), work)) == 1


def test_no_more_connections_than_allowed_and_no_endless_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_CONNECTIONS", 2)
    monkeypatch.setattr(limits, "UPSTREAM_QUEUE_SECONDS", 0.1)

    async def work(pool: Pool) -> None:
        first, second = await pool.take(), await pool.take()
        with pytest.raises(HttpFailure) as caught:
            await pool.take()
        assert caught.value.busy
        assert not caught.value.reached
        waiting = asyncio.create_task(pool.take())
        cancelled = asyncio.create_task(pool.take())
        await asyncio.sleep(0.01)
        cancelled.cancel()
        pool.give_back(first)
        third = await waiting
        pool.give_back(second)
        pool.give_back(third)
        assert await ask(pool) == (200, b"hello")

    with_peer(answering(HELLO), work)


def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPSTREAM_KEEP_SECONDS", 0.05)

    async def work(pool: Pool) -> None:
        connection = await pool.take()
        await connection.send("GET", ASKED, b"", 0)
        assert await body_of(connection) == b"hello"
        pool.give_back(connection)
        assert connection.is_open
        await asyncio.sleep(0.2)
        assert not connection.is_open

    with_peer(answering(HELLO), work)


def test_a_port_that_nobody_listens_on_is_not_reached() -> None:
    async def main() -> None:
        pool = Pool("127.0.0.1", 1, None)
        with pytest.raises(HttpFailure) as caught:
            await pool.take()
        assert not caught.value.reached

    uvloop.run(main())
