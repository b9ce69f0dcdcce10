"""Requests that two readers could read in two ways, byte by byte into a real server: refused, or read in one way only.

Nothing of them reaches the backend that the signature does not cover.

Source: RFC 9112, 6.3 "Message body length", 2.2 and 5.1 "Field line parsing", 3.2 "Request target"; PortSwigger's "HTTP
request smuggling" for the classes; the servers' behaviours were tried out, see docs/decisions/0001-http-stack.md.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from support.raw_s3 import signed_headers
from support.recording_backend import RecordingBackend, recording
from support.server import Daypass, running

BUCKET = "smuggled"
OBJECT = b"hello"


@pytest.fixture(scope="module")
def record() -> Iterator[RecordingBackend]:
    with recording() as backend:
        yield backend


@pytest.fixture(scope="module")
def server(record: RecordingBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("smuggling") / "data", backend=record.backend) as daypass:
        daypass.client("s3", daypass.root).create_bucket(Bucket=BUCKET)
        yield daypass


@pytest.fixture(autouse=True)
def _fresh(record: RecordingBackend) -> None:
    record.reset()


def head(server: Daypass, method: str = "PUT", key: str = "key", **headers: str) -> list[str]:
    """The lines of a signed request's head, without its length."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = signed_headers(server.root, method, f"{server.url}/{BUCKET}/{key}", given, body=OBJECT)
    lines = [f"{name}: {value}" for name, value in signed.items() if name.lower() not in ("host", "content-length")]
    return [f"{method} /{BUCKET}/{key} HTTP/1.1", f"Host: {urlsplit(server.url).netloc}", *lines]


def said(server: Daypass, *pieces: bytes) -> bytes:
    """All that the server answers until it closes, or falls silent."""
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=5) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(0.5)
        answer = b""
        try:
            while data := connection.recv(65_536):
                answer += data
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


def whole(lines: list[str], body: bytes, end: str = "\r\n") -> bytes:
    return (end.join(lines) + end + end).encode("latin-1") + body


SMUGGLED = b"DELETE /smuggled/kept HTTP/1.1\r\nHost: x\r\n\r\n"

CASES = {
    "a length and chunks": (["Content-Length: 5", "Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n"),
    "chunks and a length": (["Transfer-Encoding: chunked", "Content-Length: 5"], b"5\r\nhello\r\n0\r\n\r\n"),
    "two lengths": (["Content-Length: 5", "Content-Length: 6"], OBJECT + b"!"),
    "two lengths in one": (["Content-Length: 5, 6"], OBJECT + b"!"),
    "a space before the colon": (["Content-Length : 5"], OBJECT),
    "a sign": (["Content-Length: +5"], OBJECT),
    "a folded line": (["X-Fold: a", " b", "Content-Length: 5"], OBJECT),
    "chunks that are not the last coding": (["Transfer-Encoding: chunked, identity"], b"5\r\nhello\r\n0\r\n\r\n"),
    "chunks by another name": (["Transfer-Encoding: xchunked"], b"5\r\nhello\r\n0\r\n\r\n"),
    "chunks twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"5\r\nhello\r\n0\r\n\r\n"),
    "a NUL in a value": (["X-Nul: a\0b", "Content-Length: 5"], OBJECT),
    "a second Host": (["Host: elsewhere", "Content-Length: 5"], OBJECT),
}


@pytest.mark.parametrize("name", CASES)
def test_a_head_that_can_be_read_in_two_ways_is_refused(server: Daypass, record: RecordingBackend, name: str) -> None:
    lines, body = CASES[name]
    answer = said(server, whole([*head(server), *lines], body + SMUGGLED))
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 411", b"HTTP/1.1 501")), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert record.requests == []


def test_bare_line_feeds_end_no_line(server: Daypass, record: RecordingBackend) -> None:
    answer = said(server, whole([*head(server), "Content-Length: 5"], OBJECT, end="\n"))
    assert not answer.startswith(b"HTTP/1.1 2"), answer
    assert record.requests == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"5;a\nb\r\nhello\r\n0\r\n\r\n", id="a line feed in a chunk's extension"),
        pytest.param(b"5\r\nhelloX\r\n0\r\n\r\n", id="a chunk longer than it says"),
        pytest.param(b"0x5\r\nhello\r\n0\r\n\r\n", id="a size with a prefix"),
        pytest.param(b"-5\r\nhello\r\n0\r\n\r\n", id="a negative size"),
        pytest.param(b"fffffffffffffffff\r\nhello", id="a size beyond 64 bits"),
    ],
)
def test_chunks_that_are_framed_wrongly_leave_nothing_behind(
    server: Daypass, record: RecordingBackend, body: bytes
) -> None:
    """Of HTTP's own chunks, in which SDKs send a body in S3's."""
    lines = [*head(server), "Transfer-Encoding: chunked"]
    answer = said(server, whole(lines, body))
    assert not answer.startswith(b"HTTP/1.1 2"), answer
    assert [request for request in record.requests if request.complete] == []


def test_a_target_in_absolute_form_is_read_as_its_path_and_no_other(server: Daypass, record: RecordingBackend) -> None:
    lines = head(server)
    honest = whole([*lines, "Content-Length: 5"], OBJECT)
    absolute = honest.replace(b"PUT /smuggled/key", b"PUT http://elsewhere/smuggled/key", 1)
    answer = said(server, absolute)
    if answer.startswith(b"HTTP/1.1 2"):
        assert [request.target for request in record.requests] == ["/smuggled/key"]
    else:
        assert record.requests == []
    other = honest.replace(b"PUT /smuggled/key", b"PUT http://elsewhere/smuggled/other", 1)
    assert not said(server, other).startswith(b"HTTP/1.1 2")


def test_the_rest_of_a_refused_body_is_no_request(server: Daypass, record: RecordingBackend) -> None:
    """What follows a refusal is still the refused request's body, even if it looks like another request."""
    wrong = [line.replace("Signature=", "Signature=0") for line in head(server)]
    inner = whole([*head(server, key="inner"), "Content-Length: 5"], OBJECT)
    answer = said(server, whole([*wrong, f"Content-Length: {len(inner)}"], inner))
    assert answer.startswith(b"HTTP/1.1 403")
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert record.requests == []


def test_a_client_that_promised_more_than_it_sends_gets_no_object(server: Daypass, record: RecordingBackend) -> None:
    answer = said(server, whole([*head(server), "Content-Length: 500000"], OBJECT))
    assert b"HTTP/1.1 2" not in answer
    assert [request for request in record.requests if request.complete] == []


def test_hop_by_hop_headers_end_here(server: Daypass, record: RecordingBackend) -> None:
    lines = head(server, Connection="x-secret, keep-alive", TE="trailers", Proxy_Authorization="Basic eA==")
    answer = said(
        server, whole([*lines, "X-Secret: 1", "Cookie: a=b", "X-Forwarded-For: 10.0.0.1", "Content-Length: 5"], OBJECT)
    )
    assert answer.startswith(b"HTTP/1.1 200"), answer
    # One that the test before broke off may be recorded as late as this.
    (request,) = [request for request in record.requests if request.complete]
    for name in ("connection", "te", "proxy-authorization", "x-secret", "cookie", "x-forwarded-for", "keep-alive"):
        assert name not in request.headers


def test_two_honest_requests_on_one_connection_are_two(server: Daypass, record: RecordingBackend) -> None:
    one, two = (whole([*head(server, key=key), "Content-Length: 5"], OBJECT) for key in ("one", "two"))
    answer = said(server, one + two)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert [request.target for request in record.requests if request.complete] == ["/smuggled/one", "/smuggled/two"]
