"""Small control-plane requests over real sockets: straight to the turn or by ASGI, what a client sees is the same."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daypass import limits
from daypass.wire.http import RawRequest
from support.api import ACCOUNT, VERSIONS, Key, allow, in_process
from support.serving import Serving, answers
from support.signing import Credentials, header_signed


class Running(Serving):
    """A server over a data directory of its own. user: who may issue federation tokens."""

    def __init__(self, data: Path, root: Key, user: Key, keep_alive_seconds: int) -> None:
        super().__init__(data, keep_alive_seconds=keep_alive_seconds)
        self.root = root
        self.user = user


@contextmanager
def serving(data: Path, *, full: bool = False, keep_alive_seconds: int = 5) -> Iterator[Running]:
    """full: there is no room for the audit log."""
    with in_process(data) as first:
        root = first.root
        user = first.user("proxy", allow(["sts:GetFederationToken"], f"arn:aws:sts::{ACCOUNT}:federated-user/*"))
    if full:
        (data / "audit.jsonl").unlink()
        os.symlink("/dev/full", data / "audit.jsonl")
    running = Running(data, root, user, keep_alive_seconds)
    try:
        yield running
    finally:
        running.tell_to_stop()
        running.wait_until_stopped()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("straight") / "data") as running:
        yield running


def form(action: str, service: str = "sts", **parameters: str) -> bytes:
    return urlencode({"Action": action, "Version": VERSIONS[service], **parameters}).encode()


def signed(key: Key, body: bytes, *, service: str = "sts") -> RawRequest:
    """A POST of the form, signed now."""
    headers = ((b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),)
    credentials = Credentials(key.access_key_id, key.secret, key.token)
    return header_signed(credentials, service, headers=headers, body=body, at=utc_now())


def utc_now() -> datetime:
    return datetime.now(UTC)


def sent(request: RawRequest, *more: bytes, version: bytes = b"1.1", target: bytes = b"/") -> bytes:
    """The request as bytes. more: header lines beyond the signed ones."""
    lines = [b"%b: %b" % header for header in request.headers]
    length = b"Content-Length: %d" % len(request.body)
    head = b"\r\n".join([b"%b %b HTTP/%b" % (request.method.encode(), target, version), *lines, length, *more])
    return head + b"\r\n\r\n" + request.body


def federation(server: Running, name: str) -> bytes:
    return sent(signed(server.user, form("GetFederationToken", Name=name)))


def asked(server: Running, request: bytes) -> bytes:
    with server.connect() as connection:
        connection.sendall(request)
        return answers(connection, 1)[0]


def status(answer: bytes) -> bytes:
    return answer[9:12]


def without_what_changes(answer: bytes) -> bytes:
    """Times, ids, tokens and the order of nothing."""
    head, _, body = answer.partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)(date|x-amzn-requestid|x-amz-sts-extended-request-id|content-length): [^\r]*", rb"\1", head)
    return head.lower() + re.sub(
        rb"<(RequestId|AccessKeyId|SecretAccessKey|SessionToken|Expiration)>[^<]*<", rb"<\1><", body
    )


@contextmanager
def store_locked(server: Running) -> Iterator[None]:
    """While it lasts, whoever writes to the store waits."""
    with closing(sqlite3.connect(server.data / "daypass.sqlite3", isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        yield
        store.execute("ROLLBACK")


def test_a_request_is_answered_alike_straight_and_by_asgi(server: Running) -> None:
    """A second Accept header, or the body in a packet of its own, is enough to go by ASGI."""
    for body in (form("GetCallerIdentity"), form("GetFederationToken", Name="Bob"), form("Nothing"), b"no form"):
        request = signed(server.user, body)
        straight = asked(server, sent(request))
        by_asgi = asked(server, sent(request, b"Accept: */*", b"Accept: */*"))
        assert without_what_changes(straight) == without_what_changes(by_asgi)
        # uvicorn writes names in lower case: these two did come different ways.
        assert (b"x-amzn-RequestId: " in straight, b"x-amzn-requestid: " in by_asgi) == (True, True)
    listing = signed(server.root, form("ListUsers", "iam"), service="iam")
    straight, by_asgi = asked(server, sent(listing)), asked(server, sent(listing, b"Accept: */*", b"Accept: */*"))
    assert b"user/proxy<" in straight
    assert without_what_changes(straight) == without_what_changes(by_asgi)
    denied = signed(server.user, form("CreateUser", "iam", UserName="mallory"), service="iam")
    assert status(asked(server, sent(denied))) == b"403"


def test_an_unsigned_form_goes_straight_as_well(server: Running) -> None:
    body = form("AssumeRoleWithWebIdentity", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/none", RoleSessionName="s")
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = asked(server, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert status(answer) == b"400"
    assert b"'webIdentityToken' failed to satisfy constraint" in answer
    assert b"x-amzn-RequestId: " in answer, "uvicorn writes names in lower case"


def test_answers_to_pipelined_requests_come_in_their_order(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"".join([federation(server, f"user{number}") for number in range(6)]))
        for number, answer in enumerate(answers(connection, 6)):
            assert f"federated-user/user{number}<".encode() in answer


def test_requests_after_each_other_on_a_connection_are_answered(server: Running) -> None:
    with server.connect() as connection:
        for number in range(5):
            connection.sendall(federation(server, f"user{number}"))
            assert f"federated-user/user{number}<".encode() in answers(connection, 1)[0]


def test_many_connections_at_once_each_get_their_own_answer_and_a_record(server: Running) -> None:
    connections = [server.connect() for _ in range(20)]
    for number, connection in enumerate(connections):
        connection.sendall(federation(server, f"batch{number}"))
    keys = []
    for number, connection in enumerate(connections):
        (answer,) = answers(connection, 1)
        assert f"federated-user/batch{number}<".encode() in answer
        keys.append(re.search(rb"<AccessKeyId>(\w+)<", answer)[1].decode())  # type: ignore[index]  # because it is there
        connection.close()
    recorded = server.audit()
    assert [recorded.count(f'"session_access_key_id":"{key}"') for key in keys] == [1] * len(keys)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 900), max_size=4))
@example(cuts=[])
def test_a_request_in_pieces_is_answered(server: Running, cuts: list[int]) -> None:
    request = federation(server, "Bob")
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = 0
        for cut in [*sorted(cuts), len(request)]:
            connection.sendall(request[start:cut])
            start = cut
            time.sleep(0.001)
        assert b"federated-user/Bob<" in answers(connection, 1)[0]


def test_a_body_after_its_head_is_waited_for(server: Running) -> None:
    head, end, body = federation(server, "Bob").partition(b"\r\n\r\n")
    with server.connect() as connection:
        connection.sendall(head + end)
        time.sleep(0.05)
        connection.sendall(body)
        assert b"federated-user/Bob<" in answers(connection, 1)[0]


def test_who_expects_a_100_continue_gets_it(server: Running) -> None:
    request = sent(signed(server.user, form("GetCallerIdentity")), b"Expect: 100-continue")
    head, end, body = request.partition(b"\r\n\r\n")
    with server.connect() as connection:
        connection.sendall(head + end)
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert status(answers(connection, 1)[0]) == b"200"


@pytest.mark.parametrize(("version", "more"), [(b"1.0", ()), (b"1.1", (b"Connection: close",))])
def test_a_connection_that_is_to_end_ends_after_its_answer(
    server: Running, version: bytes, more: tuple[bytes, ...]
) -> None:
    with server.connect() as connection:
        connection.sendall(sent(signed(server.user, form("GetCallerIdentity")), *more, version=version))
        (answer,) = answers(connection, 1)
        assert status(answer) == b"200"
        assert b"\r\nconnection: close\r\n" in answer.lower()
        assert connection.recv(1) == b""


def test_a_head_alone_is_answered_to_head(server: Running) -> None:
    request = signed(server.user, form("GetCallerIdentity"))
    with server.connect() as connection:
        connection.sendall(sent(request).replace(b"POST", b"HEAD", 1))
        assert connection.recv(65_536).partition(b"\r\n\r\n")[2] == b""


def test_a_body_over_the_limit_is_refused(server: Running) -> None:
    body = form("GetFederationToken", Name="Bob", Policy="x" * limits.API_BODY_BYTES)
    with server.connect() as connection:
        connection.sendall(sent(signed(server.user, body)))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "header", [b"Host: elsewhere.example", b"Authorization: Bearer x", b"X-Amz-Date: 20200101T000000Z"]
)
def test_a_header_that_counts_is_refused_if_it_comes_twice(server: Running, header: bytes) -> None:
    answer = asked(server, sent(signed(server.user, form("GetCallerIdentity")), header))
    assert status(answer) in (b"400", b"403")


def test_a_scope_that_names_two_services_opens_neither(server: Running) -> None:
    request = signed(server.user, form("GetCallerIdentity"), service="s3")
    both = sent(request).replace(b"/aws4_request, ", b"/aws4_request, Also=/sts/aws4_request, ", 1)
    assert both != sent(request)
    assert status(asked(server, both)) == b"400" or b"GetCallerIdentityResult" not in asked(server, both)
    ended = sent(request).replace(b"/aws4_request, ", b"/other, Also=/sts/aws4_request, ", 1)
    assert status(asked(server, ended)) in (b"400", b"403")


def test_a_request_that_waits_for_the_store_holds_nobody_up(server: Running) -> None:
    creation = sent(signed(server.root, form("CreateUser", "iam", UserName="waiting"), service="iam"))
    with server.connect() as waiting, server.connect() as other:
        with store_locked(server):
            waiting.sendall(creation)
            time.sleep(0.05)
            other.sendall(federation(server, "Quick"))
            assert b"federated-user/Quick<" in answers(other, 1)[0]
            waiting.settimeout(0.05)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
        waiting.settimeout(10)
        assert status(answers(waiting, 1)[0]) == b"200"


def test_what_follows_a_request_that_waits_is_answered_after_it(server: Running) -> None:
    creation = sent(signed(server.root, form("CreateUser", "iam", UserName="first"), service="iam"))
    with server.connect() as connection:
        with store_locked(server):
            connection.sendall(creation + federation(server, "Second"))
            time.sleep(0.05)
        first, second = answers(connection, 2)
        assert b"<CreateUserResult>" in first
        assert b"federated-user/Second<" in second


def test_a_client_that_has_gone_gets_no_answer_and_its_request_a_record(server: Running) -> None:
    creation = sent(signed(server.root, form("CreateUser", "iam", UserName="gone"), service="iam"))
    with store_locked(server):
        with server.connect() as connection:
            connection.sendall(creation)
            time.sleep(0.05)
        time.sleep(0.05)
    deadline = time.monotonic() + 5
    while "user/gone" not in server.audit() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "user/gone" in server.audit()
    assert b"federated-user/Bob<" in asked(server, federation(server, "Bob"))


def test_a_server_that_is_told_to_stop_answers_first(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        creation = sent(signed(server.root, form("CreateUser", "iam", UserName="last"), service="iam"))
        with server.connect() as connection:
            with store_locked(server):
                connection.sendall(creation)
                time.sleep(0.1)
                server.tell_to_stop()
                time.sleep(0.3)
            (answer,) = answers(connection, 1)
            assert status(answer) == b"200"
            assert b"\r\nconnection: close\r\n" in answer.lower()
            assert connection.recv(1) == b""
        server.wait_until_stopped()


def test_nothing_of_a_turn_is_issued_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    """/dev/full is a device that refuses every write."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with serving(tmp_path / "data", full=True) as server:
        connections = [server.connect() for _ in range(8)]
        for number, connection in enumerate(connections):
            connection.sendall(federation(server, f"user{number}"))
        for connection in connections:
            (answer,) = answers(connection, 1)
            assert status(answer) == b"503"
            assert b"<Code>ServiceUnavailable</Code>" in answer
            assert b"Credentials" not in answer
            connection.close()


def test_a_connection_that_is_left_idle_is_closed_and_one_in_use_is_not(tmp_path: Path) -> None:
    with serving(tmp_path / "data", keep_alive_seconds=1) as server, server.connect() as connection:
        for _ in range(4):
            time.sleep(0.4)
            connection.sendall(federation(server, "Bob"))
            answers(connection, 1)
        before = time.monotonic()
        assert connection.recv(1) == b""
        assert 0.8 < time.monotonic() - before < 5


def test_what_is_no_request_does_not_keep_a_connection(tmp_path: Path) -> None:
    """Empty lines before a request line are skipped (RFC 9112, 2.2)."""
    with serving(tmp_path / "data", keep_alive_seconds=1) as server, server.connect() as connection:
        connection.sendall(federation(server, "Bob"))
        answers(connection, 1)
        connection.sendall(b"\r\n")
        assert connection.recv(1) == b""
