"""A head's bounds, on real sockets: uvicorn with the protocol under test before an application that says hello."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daypass import limits
from daypass.edge.http_protocol import BoundedHttpProtocol

HELLO = b"GET / HTTP/1.1\r\nHost: h\r\n"


class Impatient(BoundedHttpProtocol):
    head_seconds = 0.4


async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    if scope["path"].startswith("/pieces/"):
        await in_pieces(scope, send)
        return
    if scope["path"] == "/later":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await asyncio.sleep(1)
        await send({"type": "http.response.body", "body": b"hello"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def in_pieces(scope: MutableMapping[str, Any], send: Any) -> None:
    """/pieces/5-0-20000: bodies of these sizes; some with a pause between."""
    sizes = [int(size) for size in scope["path"].removeprefix("/pieces/").split("-")]
    headers = [] if b"chunked" in scope["query_string"] else [(b"content-length", str(sum(sizes)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number, size in enumerate(sizes):
        if number % 3 == 2:
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": bytes([65 + number % 26]) * size, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(application, http=Impatient, loop="uvloop", ws="none", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection


def greeted(connected: socket.socket) -> bool:
    """Whether one whole answer comes; head and body may come apart."""
    received = b""
    while not received.endswith(b"hello") and (part := connected.recv(65_536)):
        received += part
    return received.startswith(b"HTTP/1.1 200") and received.endswith(b"hello")


def everything(connected: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = b""
    try:
        while part := connected.recv(65_536):
            received += part
    except ConnectionResetError:
        pass  # closed while we were still sending
    return received


def test_an_ordinary_head_passes_and_the_connection_stays_for_more(connected: socket.socket) -> None:
    for _ in range(3):
        connected.sendall(HELLO + b"\r\n")
        assert greeted(connected)


def test_a_head_in_pieces_passes_if_it_is_whole_in_time(connected: socket.socket) -> None:
    for byte in HELLO + b"Connection: close\r\n\r\n":
        connected.sendall(bytes([byte]))
    assert everything(connected).endswith(b"hello")


def test_a_head_of_nearly_the_limit_passes_in_pieces(connected: socket.socket) -> None:
    head = HELLO + b"X-Long: " + b"a" * (limits.REQUEST_HEAD_BYTES - 200) + b"\r\nConnection: close\r\n\r\n"
    for start in range(0, len(head), 8_000):
        connected.sendall(head[start : start + 8_000])
    assert everything(connected).endswith(b"hello")


@pytest.mark.parametrize("where", [b"GET /", HELLO + b"X-Long: ", HELLO + b"X-", HELLO])
def test_a_head_without_end_is_refused_and_not_gathered(where: bytes, connected: socket.socket) -> None:
    connected.sendall(where)
    filler = b"a" * 4_000 if where != HELLO else b"X-Many: a\r\n" * 400
    sent = 0
    try:
        while sent < 64 * limits.REQUEST_HEAD_BYTES:
            connected.sendall(filler)
            sent += len(filler)
    except ConnectionError:
        pass  # cut off, as it should be
    assert sent < 64 * limits.REQUEST_HEAD_BYTES
    assert not everything(connected).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("length", [b"Content-Length: 40", b"Transfer-Encoding: chunked"])
def test_a_body_after_an_upgrade_is_not_read_as_a_request(
    connected: socket.socket, protocol: bytes, length: bytes
) -> None:
    """HAProxy passes Upgrade on: the next client would get the answer to what the first one hid in its body."""
    hidden = HELLO + b"X-Hidden: 1\r\n\r\n"
    head = b"PUT / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n" + length + b"\r\n\r\n"
    connected.sendall(head)
    time.sleep(0.1)
    connected.sendall(hidden)
    answered = b""
    with contextlib.suppress(ConnectionError):
        while received := connected.recv(65_536):
            answered += received
    assert answered.count(b"HTTP/1.1") == 1
    assert answered.startswith(b"HTTP/1.1 400")


def test_a_wish_for_another_protocol_is_passed_over(connected: socket.socket) -> None:
    wish = HELLO + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    for request in (wish, HELLO + b"\r\n", wish):
        connected.sendall(request)
        assert connected.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_client_that_says_nothing_is_cut_off(connected: socket.socket) -> None:
    before = time.monotonic()
    assert everything(connected) == b""
    assert time.monotonic() - before < 3


def test_a_client_that_drips_its_head_is_cut_off(connected: socket.socket) -> None:
    before = time.monotonic()
    connected.sendall(HELLO)

    def drip() -> None:
        while time.monotonic() - before < 5:
            connected.sendall(b"X-A: b\r\n")
            time.sleep(0.1)

    with pytest.raises(ConnectionError):
        drip()
    assert time.monotonic() - before < 3


def test_the_next_head_on_a_connection_is_bounded_as_the_first_was(connected: socket.socket) -> None:
    connected.sendall(HELLO + b"\r\n")
    assert greeted(connected)
    before = time.monotonic()
    connected.sendall(HELLO)
    assert everything(connected) == b""
    assert time.monotonic() - before < 3


def test_an_answer_that_takes_longer_than_a_head_may_is_not_cut_off(connected: socket.socket) -> None:
    connected.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n" + HELLO)
    assert greeted(connected)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answers=st.lists(
        st.lists(st.sampled_from([0, 1, 5, 4_000, 8_192, 8_193, 70_000]), min_size=1, max_size=6),
        min_size=1,
        max_size=3,
    ),
    chunked=st.booleans(),
)
def test_answers_arrive_whole_and_in_order_however_they_are_written(
    port: int, answers: list[list[int]], chunked: bool
) -> None:
    """Pipelined, so that one answer's last piece and the next one's head may meet."""
    query = b"?chunked" if chunked else b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for sizes in answers:
            path = "-".join(map(str, sizes)).encode()
            connection.sendall(b"GET /pieces/" + path + query + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        stream = connection.makefile("rb")
        for sizes in answers:
            answer = http.client.HTTPResponse(_Reading(stream))  # type: ignore[arg-type]  # because it reads only
            answer.begin()
            assert answer.status == 200
            expected = b"".join(bytes([65 + number % 26]) * size for number, size in enumerate(sizes))
            assert answer.read() == expected


class _Reading:
    """What http.client wants of a socket, over a stream that several answers share."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> Any:
        stream = self._stream

        class Shared:
            def __getattr__(self, name: str) -> Any:
                return getattr(stream, name)

            def close(self) -> None:
                """The next answer is read from it."""

        return Shared()


def test_a_head_does_not_wait_for_a_body_that_is_long_in_coming(connected: socket.socket) -> None:
    connected.sendall(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n")
    assert connected.recv(65_536).endswith(b"\r\n\r\n")
    assert connected.recv(65_536) == b"hello"


def test_head_and_body_of_a_small_answer_leave_together(connected: socket.socket) -> None:
    connected.sendall(HELLO + b"\r\n")
    assert connected.recv(65_536).endswith(b"hello")


def test_what_is_written_before_a_close_still_leaves(connected: socket.socket) -> None:
    connected.sendall(HELLO + b"Connection: close\r\n\r\n")
    assert everything(connected).endswith(b"hello")
