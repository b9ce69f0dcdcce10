"""Proxies' questions over real sockets: straight to the turn or by ASGI, what a proxy is told is the same."""

from __future__ import annotations

import json
import os
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

from daypass import limits
from daypass.edge.control_protocol import ControlProtocol
from daypass.wire.http import Headers
from support.api import ACCOUNT, Key, allow
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
from support.signing import sha256

Question = tuple[bytes, bytes, Headers]  # method, target, headers


class Counting(ControlProtocol):
    """Counts what it hands over to ASGI."""

    handed_over: ClassVar[int] = 0

    def _hand_over(self) -> None:
        Counting.handed_over += 1
        super()._hand_over()


@contextmanager
def serving(data: Path, *, full: bool = False, keep_alive_seconds: int = 5) -> Iterator[tuple[Serving, Askable]]:
    """full: there is no room for the audit log."""
    with askable(data) as (_, keys):
        pass
    if full:
        (data / "audit.jsonl").unlink()
        os.symlink("/dev/full", data / "audit.jsonl")
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
    answer = re.sub(rb"(\r\n(?:date|x-amzn-requestid|x-daypass-request-id)): [^\r]*", rb"\1", answer)
    answer = re.sub(rb"(x-(?:daypass|amz)-date): [^\r]*", rb"\1", answer)
    answer = re.sub(rb'"request_id":"[^"]*"', rb"", answer)
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


def as_json(body: object, *more: bytes, token: str = TOKEN) -> bytes:
    """The question as bytes. more: header lines."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [b"POST /_daypass/authorize HTTP/1.1", b"Host: authorizer", b"Content-Length: %d" % len(text)]
    return b"\r\n".join([*head, b"X-Daypass-Authorizer-Token: " + token.encode(), *more]) + b"\r\n\r\n" + text


def of(principal: str, action: str = "s3:GetObject", **more: object) -> dict[str, object]:
    named = principal if principal == "anonymous" else f"arn:aws:iam::{ACCOUNT}:{principal}"
    return {"principal": named, "action": action, "resource": f"arn:aws:s3:::{BUCKET}/in/a", **more}


def signed_by(key: Key, **changes: object) -> dict[str, object]:
    """What a service asks about a request that it got for S3."""
    headers = [(name.decode(), value.decode()) for name, value in client_headers(key, b"GET", IN)]
    request = {
        "method": "GET",
        "target": IN.decode(),
        "headers": headers,
        "payload_sha256": sha256(b""),
        "service": "s3",
    }
    resource = f"arn:aws:s3:::{BUCKET}/in/a b"
    return {"signed_request": {**request, **changes}, "action": "s3:GetObject", "resource": resource}


OWN_POLICY = allow("reports:Read", Principal="*")

# What is asked as JSON, and a part of the answer.
AS_JSON: dict[str, tuple[Callable[[Askable], object], bytes]] = {
    "a user": (lambda _: of("user/reader"), b'"allowed":true'),
    "a user who may not": (lambda _: of("user/reader", "iam:GetUser"), b'"decision":"ImplicitlyDenied"'),
    "the root user": (lambda _: of("root", "iam:GetUser"), b'"allowed":true'),
    "nobody": (lambda _: of("anonymous"), b'"allowed":false'),
    "a user who is not there": (lambda _: of("user/nobody"), b'"code":"InvalidClientTokenId"'),
    "a session by its name": (lambda _: of("role/nobody"), b"HTTP/1.1 400 "),
    "a federated user's request": (lambda keys: signed_by(keys.bob), b"federated-user/Bob"),
    "a forged request": (
        lambda keys: signed_by(Key(keys.user.access_key_id, "x" * 40)),
        b'"code":"SignatureDoesNotMatch"',
    ),
    "a request for another service": (
        lambda keys: signed_by(keys.bob, service="reports"),
        b'"code":"SignatureDoesNotMatch"',
    ),
    "a resource with a policy": (
        lambda _: {**of("anonymous", "reports:Read", resource_policy=OWN_POLICY), "resource": "arn:aws:reports:::1"},
        b'"decided_by":"resource-based policy"',
    ),
    "a policy of a bucket that is ours": (
        lambda _: of("user/reader", resource_policy=OWN_POLICY),
        b"Daypass's own to know",
    ),
    "several at once": (
        lambda _: {"questions": [of("user/reader"), of("anonymous")]},
        b'"allowed":false,"answers":[',
    ),
    "none at once": (lambda _: {"questions": []}, b'"allowed":false,"answers":[]'),
    "no JSON": (lambda _: b"{", b"HTTP/1.1 400 "),
    "a field that is unknown": (lambda _: of("anonymous", resources="*"), b"HTTP/1.1 400 "),
}


@pytest.mark.parametrize(("question", "part"), AS_JSON.values(), ids=AS_JSON.keys())
def test_a_question_as_json_is_answered_alike_straight_and_by_asgi(
    server: Serving, keys: Askable, question: Callable[[Askable], object], part: bytes
) -> None:
    body = question(keys)
    before = Counting.handed_over
    first, straight = asked(server, as_json(body)), asked(server, as_json(body))
    assert Counting.handed_over == before
    by_asgi = asked(server, as_json(body, b"Accept: */*", b"Accept: */*"))
    assert Counting.handed_over == before + 1
    assert part in straight
    assert without_what_changes(first) == without_what_changes(straight) == without_what_changes(by_asgi)


def test_a_question_as_json_without_the_token_is_refused_either_way(server: Serving) -> None:
    for more in ((), (b"Accept: */*", b"Accept: */*")):
        answer = asked(server, as_json(of("user/reader"), *more, token=TOKEN + "x"))
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"allowed" not in answer


def test_a_long_question_and_one_whose_body_comes_later_go_by_asgi(server: Serving) -> None:
    long = as_json({**of("user/reader"), "context": {"aws:RequestTag/a": "x" * limits.AUTHORIZE_AT_ONCE_BYTES}})
    before = Counting.handed_over
    assert b'"allowed":true' in asked(server, long)
    assert Counting.handed_over == before + 1
    head, end, body = as_json(of("user/reader")).partition(b"\r\n\r\n")
    with server.connect_to_authorizer() as connection:
        connection.sendall(head + end)
        time.sleep(0.05)
        connection.sendall(body)
        assert b'"allowed":true' in answers(connection, 1)[0]
    assert Counting.handed_over == before + 2


def test_a_decision_as_json_is_on_record_once(server: Serving) -> None:
    answer = asked(server, as_json(of("user/reader", "s3:GetObjectAcl")))
    request_id = re.search(rb'"request_id":"([^"]*)"', answer)[1].decode()  # type: ignore[index]  # because it is there
    records = [
        record for line in server.audit().splitlines() if (record := json.loads(line))["request_id"] == request_id
    ]
    assert [(record["action"], record["decision"]) for record in records] == [("s3:GetObjectAcl", "Allowed")]


def test_a_decision_as_json_that_cannot_be_recorded_is_not_told(tmp_path: Path) -> None:
    """/dev/full is a device that refuses every write."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with serving(tmp_path / "data", full=True) as (server, keys):
        for more in ((), (b"Accept: */*", b"Accept: */*")):
            for body in (of("user/reader"), {"questions": [of("user/reader")]}):
                answer = asked(server, as_json(body, *more))
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"allowed" not in answer
            routed = asked(server, sent(nginx(keys.bob, b"GET", IN), *more))
            assert b"x-daypass-route: gateway" in routed
            assert b"x-daypass-authorization" not in routed


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
