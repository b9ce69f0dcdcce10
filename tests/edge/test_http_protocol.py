"""A head's bounds, on real sockets: uvicorn with the protocol under test before an application that says hello."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import uvicorn

from daypass import limits
from daypass.edge.http_protocol import BoundedHttpProtocol

HELLO = b"GET / HTTP/1.1\r\nHost: h\r\n"


class Impatient(BoundedHttpProtocol):
    head_seconds = 0.4


async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


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
