"""Small S3 requests over real sockets: straight to the gateway or by ASGI, what a client sees is the same."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daypass import limits
from daypass.edge.control_protocol import ControlProtocol
from support.api import Key, allow, in_process
from support.raw_s3 import signed_headers
from support.recording_backend import NOT_FOUND, Recorded, RecordingBackend, recording
from support.server import Keys
from support.serving import Serving, answers

HOST = "s3.example"
BUCKET = "straight-bucket"
LARGE = bytes(range(256)) * 4_096
BY_ASGI = (b"x-remark: 1", b"x-remark: 2")  # a name that is there twice, and means nothing


class Counting(ControlProtocol):
    """Counts what it hands over to ASGI."""

    handed_over: ClassVar[int] = 0

    def _hand_over(self) -> None:
        Counting.handed_over += 1
        super()._hand_over()


@dataclass
class Running:
    """user: may do everything below `in/`, and list the bucket."""

    server: Serving
    backend: RecordingBackend
    user: Keys

    def request(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None, **how: str
    ) -> bytes:
        """how: key and secret, of another signer; payload_hash."""
        keys = Keys(how.get("key", self.user.access_key_id), how.get("secret", self.user.secret_access_key))
        signed = signed_headers(
            keys, method, f"http://{HOST}{target}", headers, body=body, payload_hash=how.get("payload_hash")
        )
        return sent(method, target, {**signed, "host": HOST}, body)

    def asked(self, request: bytes, *more: bytes) -> bytes:
        """The whole answer to one request, which its connection ends with. more: header lines."""
        head, _, body = request.partition(b"\r\n\r\n")
        with self.server.connect() as connection:
            connection.sendall(b"\r\n".join([head, *more, b"connection: close", b"", body]))
            return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def sent(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if body or method == "PUT":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def answered(request: Recorded) -> bytes:
    """What the backend answers, by what is asked for."""
    if request.target.startswith(f"/{BUCKET}?"):
        page = b"<ListBucketResult><Name>n</Name></ListBucketResult>"
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page
    key = request.target.rpartition("/")[2]
    if key == "missing":
        return NOT_FOUND
    if key == "chunked":
        return b'HTTP/1.1 200 OK\r\nETag: "c"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
    if key == "broken":
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * len(LARGE)) + LARGE
    if request.method == "PUT":
        return b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'
    if request.method == "DELETE":
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    content = {"large": LARGE, "huge": 32 * LARGE}.get(key, b"small content")
    status, ranged = b"200 OK", b""
    if "range" in request.headers:
        status, ranged, content = b"206 Partial Content", b"Content-Range: bytes 0-1/13\r\n", content[:2]
    lines = b'ETag: "e"\r\nServer: its own\r\n%bContent-Length: %d\r\n\r\n' % (ranged, len(content))
    return b"HTTP/1.1 %b\r\n%b%b" % (status, lines, content)


@contextmanager
def serving(data: Path, *, full: bool = False, trusted_proxies: str = "") -> Iterator[Running]:
    """full: there is no room for the audit log."""
    with recording() as backend:
        options = {
            "s3_backend": f"http://127.0.0.1:{backend.port}",
            "s3_backend_access_key_id": "BACKENDKEY",
            "s3_backend_secret_access_key": "backend-secret",
            **({"trusted_proxies": trusted_proxies} if trusted_proxies else {}),
        }
        with in_process(data, options=options) as first:
            resources = [f"arn:aws:s3:::{BUCKET}/in/*", f"arn:aws:s3:::{BUCKET}"]
            user = first.user("user", allow(["s3:*"], resources))
            root = keys_of(first.root)
            head = signed_headers(root, "PUT", f"http://{HOST}/{BUCKET}")
            assert first.send("PUT", f"/{BUCKET}", [("host", HOST), *head.items()]).status == 200
        if full:
            (data / "audit.jsonl").unlink()
            os.symlink("/dev/full", data / "audit.jsonl")
        backend.reset()
        backend.answer = answered
        server = Serving(data, options, protocol=Counting)
        try:
            yield Running(server, backend, keys_of(user))
        finally:
            server.tell_to_stop()
            server.wait_until_stopped()


def keys_of(key: Key) -> Keys:
    return Keys(key.access_key_id, key.secret)


@pytest.fixture(scope="module")
def module_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("objects") / "data") as running:
        yield running


@pytest.fixture
def running(module_running: Running) -> Running:
    module_running.backend.reset()
    module_running.backend.answer = answered
    return module_running


def without_what_changes(answer: bytes) -> bytes:
    answer = re.sub(rb"(\r\n(?:date|x-amz-request-id|x-amz-id-2)): [^\r]*", rb"\1", answer)
    return re.sub(rb"<(RequestId|HostId|ServerTime)>[^<]*<", rb"<\1><", answer)


IN = f"/{BUCKET}/in"

# What is asked, and the beginning of the answer.
REQUESTS: dict[str, tuple[Callable[[Running], bytes], bytes]] = {
    "a small object": (lambda r: r.request("GET", f"{IN}/a%20b"), b"HTTP/1.1 200 "),
    "a part of one": (lambda r: r.request("GET", f"{IN}/a", headers={"Range": "bytes=0-1"}), b"HTTP/1.1 206 "),
    "a large object": (lambda r: r.request("GET", f"{IN}/large"), b"HTTP/1.1 200 "),
    "one whose length the backend does not say": (lambda r: r.request("GET", f"{IN}/chunked"), b"HTTP/1.1 200 "),
    "one that is missing": (lambda r: r.request("GET", f"{IN}/missing"), b"HTTP/1.1 404 "),
    "a head": (lambda r: r.request("HEAD", f"{IN}/a"), b"HTTP/1.1 200 "),
    "the head of one that is missing": (lambda r: r.request("HEAD", f"{IN}/missing"), b"HTTP/1.1 404 "),
    "a new object": (lambda r: r.request("PUT", f"{IN}/a", b"body"), b"HTTP/1.1 200 "),
    "an empty object": (lambda r: r.request("PUT", f"{IN}/a"), b"HTTP/1.1 200 "),
    "one with another hash than declared": (
        lambda r: r.request("PUT", f"{IN}/a", b"body", payload_hash="0" * 64),
        b"HTTP/1.1 400 ",
    ),
    "a deletion": (lambda r: r.request("DELETE", f"{IN}/a"), b"HTTP/1.1 204 "),
    "a listing": (lambda r: r.request("GET", f"/{BUCKET}?list-type=2"), b"HTTP/1.1 200 "),
    "the bucket's policy, which it has not": (lambda r: r.request("GET", f"/{BUCKET}?policy"), b"HTTP/1.1 404 "),
    "what is not allowed": (lambda r: r.request("GET", f"/{BUCKET}/out/a"), b"HTTP/1.1 403 "),
    "the head of what is not allowed": (lambda r: r.request("HEAD", f"/{BUCKET}/out/a"), b"HTTP/1.1 403 "),
    "a bucket that is not there": (lambda r: r.request("GET", "/other-bucket/in/a"), b"HTTP/1.1 403 "),
    "a forged signature": (lambda r: r.request("GET", f"{IN}/a", secret="x" * 40), b"HTTP/1.1 403 "),
    "a key that is not known": (lambda r: r.request("GET", f"{IN}/a", key="AKIA" + "A" * 16), b"HTTP/1.1 403 "),
    "a parameter that is not served": (lambda r: r.request("GET", f"{IN}/a?torrent"), b"HTTP/1.1 501 "),
    "a key with dots": (lambda r: r.request("GET", f"{IN}/../a"), b"HTTP/1.1 400 "),
    "a method that no object has": (lambda r: r.request("PUT", f"{IN}/a?made-up", b"b"), b"HTTP/1.1 501 "),
    "a GET with a body": (lambda r: r.request("GET", f"{IN}/a", b"body"), b"HTTP/1.1 400 "),
    "an origin that no rule allows": (
        lambda r: r.request("GET", f"{IN}/a", headers={"Origin": "https://elsewhere.example"}),
        b"HTTP/1.1 200 ",
    ),
}


@pytest.mark.parametrize(("request_of", "beginning"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_request_is_answered_alike_straight_and_by_asgi(
    running: Running, request_of: Callable[[Running], bytes], beginning: bytes
) -> None:
    request = request_of(running)
    before = Counting.handed_over
    straight = running.asked(request)
    assert Counting.handed_over == before
    asked_straight = [(one.method, one.target, one.body) for one in running.backend.requests]
    running.backend.requests.clear()

    by_asgi = running.asked(request, *BY_ASGI)
    assert Counting.handed_over == before + 1
    assert straight.startswith(beginning)
    assert without_what_changes(straight) == without_what_changes(by_asgi)
    assert asked_straight == [(one.method, one.target, one.body) for one in running.backend.requests]


def test_what_is_decided_straight_is_on_record_as_ever(running: Running) -> None:
    def recorded(*more: bytes) -> list[dict[str, object]]:
        lines = len(running.server.audit().splitlines())
        for target in (f"{IN}/a", f"/{BUCKET}/out/a", f"{IN}/../a"):
            running.asked(running.request("GET", target), *more)
        records = [json.loads(line) for line in running.server.audit().splitlines()[lines:]]
        return [{name: record[name] for name in record if name not in ("time", "request_id")} for record in records]

    straight = recorded()
    assert [record["decision"] for record in straight] == ["Allowed", "ImplicitlyDenied", "Refused"]
    assert straight == recorded(*BY_ASGI)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda r: sent("GET", f"{IN}/a", {"host": HOST}),
        lambda r: r.request("POST", f"{IN}/a?uploads"),
        lambda r: r.request("GET", "/federation-of-buckets/a"),
        lambda r: r.request("PUT", f"{IN}/a", b"x" * (limits.UPSTREAM_WHOLE_BODY_BYTES + 1)),
        lambda r: r.request("GET", f"{IN}/a").replace(b"HTTP/1.1", b"HTTP/1.0"),
        lambda r: r.request("GET", f"{IN}/a").replace(b"/s3/aws4_request", b"/s3/aws4_request/sts/aws4_request"),
        lambda r: r.request("GET", f"{IN}/a").replace(b"/in/a", b"/in/a#fragment"),
        lambda r: r.request("GET", f"{IN}/a").replace(b" /", b" http://s3.example/"),
    ],
    ids=["unsigned", "POST", "a page's", "large", "HTTP/1.0", "two scopes", "a fragment", "an absolute target"],
)
def test_all_else_goes_by_asgi(running: Running, request_of: Callable[[Running], bytes]) -> None:
    before = Counting.handed_over
    assert running.asked(request_of(running)).startswith(b"HTTP/1.1 ")
    assert Counting.handed_over == before + 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 700), max_size=3))
def test_a_request_in_pieces_is_answered(running: Running, cuts: list[int]) -> None:
    request = running.request("PUT", f"{IN}/pieces", b"body" * 20)
    with running.server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(request)], strict=True):
            connection.sendall(request[begin:end])
            time.sleep(0.002)
        assert answers(connection, 1)[0].startswith(b"HTTP/1.1 200 ")
    assert running.backend.requests[-1].body == b"body" * 20


def test_answers_to_pipelined_requests_come_in_their_order(running: Running) -> None:
    keys = ["one", "large", "two", "large", "three"]
    with running.server.connect() as connection:
        connection.sendall(b"".join([running.request("GET", f"{IN}/{key}") for key in keys]))
        bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers(connection, 5)]
    assert [body == LARGE for body in bodies] == [key == "large" for key in keys]
    assert [one.target.rpartition("/")[2] for one in running.backend.requests] == keys


def test_requests_after_each_other_on_a_connection_are_answered(running: Running) -> None:
    before = Counting.handed_over
    with running.server.connect() as connection:
        for method, key in (("GET", "a"), ("PUT", "b"), ("GET", "large"), ("GET", "missing"), ("GET", "a")):
            connection.sendall(running.request(method, f"{IN}/{key}", b"body" if method == "PUT" else b""))
            assert answers(connection, 1)[0].startswith(b"HTTP/1.1 404 " if key == "missing" else b"HTTP/1.1 200 ")
    assert Counting.handed_over == before


def test_an_answer_that_breaks_off_ends_the_connection(running: Running) -> None:
    def break_off() -> None:
        assert running.backend.wait_for(lambda: bool(running.backend.requests))
        time.sleep(0.05)
        running.backend.hang_up()

    breaker = threading.Thread(target=break_off)
    breaker.start()
    got = running.asked(running.request("GET", f"{IN}/broken"))
    breaker.join()
    assert got.startswith(b"HTTP/1.1 200 ")
    assert len(got) < 2 * len(LARGE)


def test_a_client_that_leaves_in_the_middle_of_an_answer_ends_the_backends(running: Running) -> None:
    connection = running.server.connect()
    connection.sendall(running.request("GET", f"{IN}/huge"))
    assert connection.recv(10)
    connection.close()
    assert running.backend.wait_for(lambda: running.backend.connections_closed > 0)


def test_a_client_that_leaves_before_its_answer_does_no_harm(running: Running) -> None:
    asked, left = threading.Event(), threading.Event()

    def late(request: Recorded) -> bytes:
        asked.set()
        left.wait(10)
        return answered(request)

    running.backend.answer = late
    connection = running.server.connect()
    connection.sendall(running.request("GET", f"{IN}/a"))
    assert asked.wait(10)
    connection.close()
    left.set()
    running.backend.answer = answered
    assert running.asked(running.request("GET", f"{IN}/a")).endswith(b"small content")


def test_a_trusted_proxys_word_counts_both_ways(tmp_path: Path) -> None:
    with serving(tmp_path / "data", trusted_proxies="127.0.0.0/8") as running:
        request = running.request("GET", f"{IN}/a")
        for more in ((), BY_ASGI):
            assert running.asked(request, b"x-forwarded-for: 198.51.100.7", *more).startswith(b"HTTP/1.1 200 ")
            assert json.loads(running.server.audit().splitlines()[-1])["source_ip"] == "198.51.100.7"
            answer = running.asked(request, b"x-forwarded-for: nowhere", *more)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"\r\nconnection: close\r\n" in answer


def test_nothing_is_asked_of_the_backend_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    with serving(tmp_path / "data", full=True) as running:
        before = Counting.handed_over
        assert running.asked(running.request("GET", f"{IN}/a")).startswith(b"HTTP/1.1 503 ")
        assert running.asked(running.request("PUT", f"{IN}/a", b"body")).startswith(b"HTTP/1.1 503 ")
        assert (Counting.handed_over, running.backend.requests) == (before, [])


def test_a_server_that_is_told_to_stop_answers_first(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as running:
        asked, told = threading.Event(), threading.Event()

        def late(request: Recorded) -> bytes:
            asked.set()
            told.wait(10)
            return answered(request)

        running.backend.answer = late
        with running.server.connect() as connection:
            connection.sendall(running.request("GET", f"{IN}/a"))
            assert asked.wait(10)
            running.server.tell_to_stop()
            time.sleep(0.3)
            told.set()
            got = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert got.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nconnection: close\r\n" in got
        assert got.endswith(b"small content")
