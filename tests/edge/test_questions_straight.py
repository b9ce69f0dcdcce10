"""Proxies' questions over real sockets: straight to the turn or by ASGI, what a proxy is told is the same."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daypass.edge.control_protocol import ControlProtocol
from daypass.wire.http import Headers
from support.api import Key
from support.proxy_questions import (
    BACKEND_OPTIONS,
    BUCKET,
    NGINX,
    TOKEN,
    Askable,
    askable,
    client_headers,
    envoy_asks,
    nginx_asks,
)
from support.serving import Serving, answers

Question = tuple[bytes, bytes, Headers]  # method, target, headers


class Counting(ControlProtocol):
    """Counts what it hands over to ASGI."""

    handed_over: ClassVar[int] = 0

    def _hand_over(self) -> None:
        Counting.handed_over += 1
        super()._hand_over()


@contextmanager
def serving(data: Path, keep_alive_seconds: int = 5) -> Iterator[tuple[Serving, Askable]]:
    with askable(data) as (_, keys):
        pass
    server = Serving(
        data,
        BACKEND_OPTIONS,
        authorizer_token=TOKEN,
        keep_alive_seconds=keep_alive_seconds,
        protocol=Counting,
    )
    try:
        yield server, keys
    finally:
        server.tell_to_stop()
        server.wait_until_stopped()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Askable]]:
    with serving(tmp_path_factory.mktemp("questions") / "data") as running:
        yield running


@pytest.fixture
def server(running: tuple[Serving, Askable]) -> Serving:
    return running[0]


@pytest.fixture
def keys(running: tuple[Serving, Askable]) -> Askable:
    return running[1]


def sent(question: Question, *more: bytes, version: bytes = b"1.1") -> bytes:
    """The question as bytes. more: header lines."""
    method, target, headers = question
    lines = [b"%b: %b" % header for header in headers]
    return b"\r\n".join([b"%b %b HTTP/%b" % (method, target, version), *lines, *more]) + b"\r\n\r\n"


def asked(server: Serving, request: bytes) -> bytes:
    with server.connect_to_authorizer() as connection:
        connection.sendall(request)
        if request.startswith(b"HEAD "):
            return connection.recv(65_536)
        return answers(connection, 1)[0]


def without_what_changes(answer: bytes) -> bytes:
    answer = re.sub(rb"(\r\n(?:date|x-amzn-requestid)): [^\r]*", rb"\1", answer)
    answer = re.sub(rb"(x-(?:daypass|amz)-date): [^\r]*", rb"\1", answer)
    answer = re.sub(rb'("request_id"): "[^"]*"', rb"\1", answer)
    return re.sub(rb"Signature=[0-9a-f]{64}", b"Signature", answer)


def nginx(
    key: Key | None, method: bytes, path: bytes, query: bytes = b"", body: bytes = b"", *, length: bytes = b""
) -> Question:
    headers = ((b"host", b"s3.example"),) if key is None else client_headers(key, method, path, query, body)
    return b"GET", *nginx_asks(method, path + (b"?" + query if query else b""), headers, length=length)


def envoy(key: Key | None, method: bytes, path: bytes, query: bytes = b"") -> Question:
    headers = ((b"host", b"s3.example"),) if key is None else client_headers(key, method, path, query)
    return method, *envoy_asks(path + (b"?" + query if query else b""), headers)


def changed(question: Question, header: bytes, value: bytes | None) -> Question:
    """With another value of that header, or without it."""
    method, target, headers = question
    kept = tuple([(name, given if name != header else value) for name, given in headers])
    return method, target, tuple([(name, given) for name, given in kept if given is not None])


IN = f"/{BUCKET}/in/a%20b".encode()
OUT = f"/{BUCKET}/out/a".encode()
LIST = f"/{BUCKET}".encode()

# What is asked, and a part of the answer.
QUESTIONS: dict[str, tuple[Callable[[Askable], Question], bytes]] = {
    "nginx about what is allowed": (lambda keys: nginx(keys.bob, b"GET", IN), b"x-daypass-route: backend"),
    "nginx about HEAD": (lambda keys: nginx(keys.user, b"HEAD", IN), b"x-daypass-uri: " + IN),
    "nginx about a new object": (
        lambda keys: nginx(keys.bob, b"PUT", IN, body=b"body", length=b"4"),
        b"x-daypass-route: backend",
    ),
    "nginx about a version": (
        lambda keys: nginx(keys.root, b"GET", IN, b"versionId=null"),
        b"x-daypass-uri: " + IN + b"?versionId=null",
    ),
    "nginx about a deletion": (lambda keys: nginx(keys.bob, b"DELETE", IN), b"x-daypass-route: backend"),
    "nginx about what is not allowed": (lambda keys: nginx(keys.bob, b"GET", OUT), b"x-daypass-route: gateway"),
    "nginx about a list": (
        lambda keys: nginx(keys.user, b"GET", LIST, b"list-type=2"),
        b"x-daypass-route: gateway",
    ),
    "nginx about another bucket": (lambda keys: nginx(keys.user, b"GET", b"/other/a"), b"x-daypass-route: gateway"),
    "nginx about what nobody signed": (lambda _: nginx(None, b"GET", IN), b"x-daypass-route: gateway"),
    "nginx about a forged signature": (
        lambda keys: nginx(Key(keys.user.access_key_id, "x" * 40), b"GET", IN),
        b"x-daypass-route: gateway",
    ),
    "nginx about a key with dots": (
        lambda keys: nginx(keys.user, b"GET", f"/{BUCKET}/in/../a".encode()),
        b"x-daypass-route: gateway",
    ),
    "nginx about a header that a store might obey": (
        lambda keys: (*(one := nginx(keys.user, b"GET", IN))[:2], (*one[2], (b"x-auth-token", b"t"))),
        b"x-daypass-route: gateway",
    ),
    "nginx without the method": (
        lambda keys: changed(nginx(keys.user, b"GET", IN), b"x-original-method", None),
        b"x-original-method is missing",
    ),
    "nginx with a target that is none": (
        lambda keys: changed(nginx(keys.user, b"GET", IN), b"x-original-uri", b"in"),
        b"begins with a slash",
    ),
    "nginx with another token": (
        lambda keys: changed(nginx(keys.user, b"GET", IN), b"x-daypass-authorizer-token", TOKEN[:-1].encode()),
        b"HTTP/1.1 403 ",
    ),
    "nginx without the token": (
        lambda keys: changed(nginx(keys.user, b"GET", IN), b"x-daypass-authorizer-token", None),
        b"HTTP/1.1 403 ",
    ),
    "Envoy about what is allowed": (lambda keys: envoy(keys.bob, b"GET", IN), b"x-daypass-route: backend"),
    "Envoy about HEAD": (lambda keys: envoy(keys.bob, b"HEAD", IN), b"x-daypass-route: backend"),
    "Envoy about a deletion": (lambda keys: envoy(keys.bob, b"DELETE", IN), b"x-daypass-route: backend"),
    "Envoy about a path that Daypass writes otherwise": (
        lambda keys: envoy(keys.user, b"GET", f"/{BUCKET}/in/a%2Db".encode()),
        b"x-daypass-route: gateway",
    ),
    "Envoy about what is not allowed": (lambda keys: envoy(keys.bob, b"GET", OUT), b"x-daypass-route: gateway"),
    "Envoy about the root": (lambda keys: envoy(keys.user, b"GET", b"/"), b"x-daypass-route: gateway"),
    "Envoy about a form": (lambda keys: envoy(keys.user, b"POST", LIST), b"x-daypass-route: gateway"),
    "Envoy with another token": (
        lambda keys: changed(envoy(keys.user, b"HEAD", IN), b"x-daypass-authorizer-token", b"t"),
        b"HTTP/1.1 403 ",
    ),
}


@pytest.mark.parametrize(("question", "part"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_is_answered_alike_straight_and_by_asgi(
    server: Serving, keys: Askable, question: Callable[[Askable], Question], part: bytes
) -> None:
    """A second Accept header is enough to go by ASGI. The first question may have to wait for the store, the second has
    not."""
    request = question(keys)
    before = Counting.handed_over
    first, straight = asked(server, sent(request, b"Accept: */*")), asked(server, sent(request, b"Accept: */*"))
    assert Counting.handed_over == before
    by_asgi = asked(server, sent(request, b"Accept: */*", b"Accept: */*"))
    assert Counting.handed_over == before + 1
    assert part in straight
    assert without_what_changes(first) == without_what_changes(straight) == without_what_changes(by_asgi)


@pytest.mark.parametrize(
    "question",
    [
        lambda keys: (b"GET", b"/_daypass/health", ()),
        lambda keys: (b"GET", b"/_daypass/authorize", ((b"x-daypass-authorizer-token", TOKEN.encode()),)),
        lambda keys: (b"GET", NGINX + b"?more", nginx(keys.user, b"GET", IN)[2]),
        lambda keys: (b"GET", NGINX + b"/more", nginx(keys.user, b"GET", IN)[2]),
        lambda keys: (b"GET", b"/_daypass/envoy", envoy(keys.user, b"GET", b"/")[2]),
        lambda keys: (*envoy(keys.user, b"GET", IN)[:2], (*envoy(keys.user, b"GET", IN)[2], (b"expect", b"nothing"))),
        lambda keys: (b"GET", IN, client_headers(keys.user, b"GET", IN)),
    ],
)
def test_all_else_goes_by_asgi(server: Serving, keys: Askable, question: Callable[[Askable], Question]) -> None:
    before = Counting.handed_over
    assert asked(server, sent(question(keys))).startswith(b"HTTP/1.1 ")
    assert Counting.handed_over == before + 1


def test_a_question_with_a_body_goes_by_asgi(server: Serving, keys: Askable) -> None:
    before = Counting.handed_over
    request = sent(nginx(keys.bob, b"GET", IN), b"Content-Length: 4") + b"body"
    assert b"x-daypass-route: backend" in asked(server, request)
    assert Counting.handed_over == before + 1


def test_the_public_port_answers_no_question_either_way(server: Serving, keys: Askable) -> None:
    for more in ((), (b"Accept: */*", b"Accept: */*")):
        with server.connect() as connection:
            connection.sendall(sent(nginx(keys.bob, b"GET", IN), *more))
            answer = answers(connection, 1)[0]
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"x-daypass-route" not in answer


def test_the_authorizer_s_port_issues_nothing(server: Serving) -> None:
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n" % len(form)
    with server.connect_to_authorizer() as connection:
        connection.sendall(head + b"X-Daypass-Authorizer-Token: " + TOKEN.encode() + b"\r\n\r\n" + form)
        assert answers(connection, 1)[0].startswith(b"HTTP/1.1 404 ")


def test_answers_to_pipelined_questions_come_in_their_order(server: Serving, keys: Askable) -> None:
    paths = [f"/{BUCKET}/in/{number}".encode() for number in range(6)]
    with server.connect_to_authorizer() as connection:
        connection.sendall(b"".join([sent(nginx(keys.bob, b"GET", path)) for path in paths]))
        for path, answer in zip(paths, answers(connection, 6), strict=True):
            assert b"\r\nx-daypass-uri: " + path + b"\r\n" in answer


def test_questions_after_each_other_on_a_connection_are_answered(server: Serving, keys: Askable) -> None:
    with server.connect_to_authorizer() as connection:
        for _ in range(5):
            connection.sendall(sent(nginx(keys.bob, b"GET", IN)))
            assert b"x-daypass-route: backend" in answers(connection, 1)[0]


def test_many_connections_at_once_each_get_their_own_answer_and_a_record(server: Serving, keys: Askable) -> None:
    connections = [server.connect_to_authorizer() for _ in range(20)]
    for number, connection in enumerate(connections):
        connection.sendall(sent(nginx(keys.bob, b"GET", f"/{BUCKET}/in/many{number}".encode())))
    for number, connection in enumerate(connections):
        assert f"/in/many{number}\r\n".encode() in answers(connection, 1)[0]
        connection.close()
    recorded = server.audit()
    assert [recorded.count(f'/in/many{number}"') for number in range(20)] == [1] * 20


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 900), max_size=4))
@example(cuts=[])
def test_a_question_in_pieces_is_answered(server: Serving, keys: Askable, cuts: list[int]) -> None:
    request = sent(nginx(keys.user, b"GET", IN))
    with server.connect_to_authorizer() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = 0
        for cut in [*sorted(cuts), len(request)]:
            connection.sendall(request[start:cut])
            start = cut
            time.sleep(0.001)
        assert b"x-daypass-route: backend" in answers(connection, 1)[0]


@pytest.mark.parametrize(("version", "more"), [(b"1.0", ()), (b"1.1", (b"Connection: close",))])
def test_a_connection_that_is_to_end_ends_after_its_answer(
    server: Serving, keys: Askable, version: bytes, more: tuple[bytes, ...]
) -> None:
    with server.connect_to_authorizer() as connection:
        connection.sendall(sent(nginx(keys.bob, b"GET", IN), *more, version=version))
        assert b"\r\nconnection: close\r\n" in answers(connection, 1)[0].lower()
        assert connection.recv(1) == b""


def test_a_connection_that_is_left_idle_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path / "data", keep_alive_seconds=1) as (server, keys), server.connect_to_authorizer() as asker:
        asker.sendall(sent(nginx(keys.bob, b"GET", IN)))
        answers(asker, 1)
        before = time.monotonic()
        assert asker.recv(1) == b""
        assert 0.8 < time.monotonic() - before < 5
