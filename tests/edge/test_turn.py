"""Who is answered when, and what is on record by then; over a real store, in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from daypass import limits
from daypass.wire.http import Headers, RawResponse
from support.api import ACCOUNT, VERSIONS, InProcess, Key, allow, in_process
from support.signing import Credentials, header_signed


class Asking:
    """One who asks: a signed POST, and what came of it. on_record: lines of the audit log when the answer came."""

    def __init__(self, daypass: InProcess, key: Key, name: str, *, headers: Headers = ()) -> None:
        body = urlencode({"Action": "GetFederationToken", "Version": VERSIONS["sts"], "Name": name}).encode()
        credentials = Credentials(key.access_key_id, key.secret, key.token)
        form = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")
        request = header_signed(credentials, "sts", headers=(form,), body=body, at=datetime.now(UTC))
        self.name = name
        self.headers = (*request.headers, *headers)
        self.body = request.body
        self.source_ip = "192.0.2.1"
        self.secure = False
        self.keep_alive = True
        self.response: RawResponse | None = None
        self.on_record = -1
        self._daypass = daypass
        self.answered = asyncio.Event()

    def answer(self, response: RawResponse | None) -> None:
        assert not self.answered.is_set(), "nobody is answered twice"
        self.response = response
        self.on_record = len(self._daypass.audit())
        self.answered.set()

    @property
    def got_credentials(self) -> bool:
        return self.response is not None and f"federated-user/{self.name}<".encode() in self.response.body


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("turn") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(daypass: InProcess) -> Key:
    return new_user(daypass, "proxy")


def new_user(daypass: InProcess, name: str) -> Key:
    return daypass.user(name, allow("sts:GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/*"))


def ask_together(daypass: InProcess, asking: Sequence[Asking]) -> list[Asking]:
    """They ask before the event loop comes round; back come they in the order in which they were answered."""
    turn = daypass.turn()
    assert turn is not None
    answered: list[Asking] = []

    async def waits(one: Asking) -> None:
        await one.answered.wait()
        answered.append(one)

    async def work() -> None:
        tasks: set[asyncio.Task[None]] = set()
        waiting = [asyncio.create_task(waits(one)) for one in asking]
        for one in asking:
            turn.ask(one, tasks)
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)
            await asyncio.sleep(0)
        assert not tasks, "the server waits for nothing any more"

    daypass.run(work())
    return answered


def warm(daypass: InProcess, proxy: Key) -> None:
    """After it, the proxy's requests wait for nothing: the change log was read just now, and it was looked up since."""
    daypass.run(asyncio.sleep(limits.CHANGE_POLL_SECONDS * 1.5))
    ask_together(daypass, [Asking(daypass, proxy, "warm")])


def test_all_of_a_turn_is_on_record_before_the_first_answer_leaves(daypass: InProcess, proxy: Key) -> None:
    warm(daypass, proxy)
    before = len(daypass.audit())
    asking = [Asking(daypass, proxy, f"user{number}") for number in range(12)]
    ask_together(daypass, asking)
    assert all(one.got_credentials for one in asking)
    assert {one.on_record for one in asking} == {before + 12}


def test_a_turn_is_bounded_and_the_rest_follows(daypass: InProcess, proxy: Key) -> None:
    warm(daypass, proxy)
    before = len(daypass.audit())
    more = limits.TURN_REQUESTS + 6
    asking = [Asking(daypass, proxy, f"user{number}") for number in range(more)]
    assert ask_together(daypass, asking) == asking
    assert all(one.got_credentials for one in asking)
    assert {one.on_record - before for one in asking} == {limits.TURN_REQUESTS, more}


def test_one_that_has_to_wait_holds_nobody_up_and_is_answered(daypass: InProcess, proxy: Key) -> None:
    """Nobody has asked for the new users yet: they are looked up in the store."""
    unknown = [Asking(daypass, new_user(daypass, f"new{number}"), f"of-new{number}") for number in range(3)]
    warm(daypass, proxy)
    known = [Asking(daypass, proxy, f"user{number}") for number in range(6)]
    mixed = [unknown[0], known[0], known[1], unknown[1], known[2], unknown[2], *known[3:]]
    answered = ask_together(daypass, mixed)
    assert all(one.got_credentials for one in mixed)
    assert set(answered[:6]) == set(known)


def test_a_fault_in_one_request_is_its_own(daypass: InProcess, proxy: Key) -> None:
    wrong = Asking(daypass, Key(proxy.access_key_id, "x" * 40), "Mallory")
    right = [Asking(daypass, proxy, "Alice"), Asking(daypass, proxy, "Bob")]
    ask_together(daypass, [right[0], wrong, right[1]])
    assert wrong.response is not None
    assert wrong.response.status == 403
    assert all(one.got_credentials for one in right)


def test_one_who_fails_to_take_the_answer_takes_it_from_nobody_else(daypass: InProcess, proxy: Key) -> None:
    class Broken(Asking):
        def answer(self, response: RawResponse | None) -> None:
            super().answer(response)
            raise OSError("the connection is gone")

    asking = [Asking(daypass, proxy, "Alice"), Broken(daypass, proxy, "Bob"), Asking(daypass, proxy, "Carol")]
    ask_together(daypass, asking)
    assert all(one.got_credentials for one in asking)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    data = tmp_path_factory.mktemp("settled") / "data"
    with in_process(data) as first:
        root = first.root
    (data / "daypass.toml").write_text('s3_domains = ["s3.example.com"]\ntrusted_proxies = ["192.0.2.1/32"]\n')
    with in_process(data, root) as running:
        yield running


def test_a_trusted_proxys_word_about_the_client_is_believed(settled: InProcess) -> None:
    forwarded = ((b"x-forwarded-for", b"203.0.113.7"),)
    asking = Asking(settled, settled.root, "Bob", headers=forwarded)
    ask_together(settled, [asking])
    assert asking.got_credentials
    assert settled.audit()[-1]["source_ip"] == "203.0.113.7"
    stranger = Asking(settled, settled.root, "Bob", headers=forwarded)
    stranger.source_ip = "198.51.100.1"
    ask_together(settled, [stranger])
    assert settled.audit()[-1]["source_ip"] == "198.51.100.1"


def test_what_a_trusted_proxy_says_unreadably_is_refused_and_the_connection_ends(settled: InProcess) -> None:
    asking = Asking(settled, settled.root, "Bob", headers=((b"x-forwarded-for", b"nobody"),))
    ask_together(settled, [asking])
    assert asking.response is not None
    assert asking.response.status == 400
    assert not asking.keep_alive


def test_a_buckets_own_host_is_not_the_control_planes(settled: InProcess, daypass: InProcess) -> None:
    turn, without_domains = settled.turn(), daypass.turn()
    assert turn is not None
    assert without_domains is not None
    assert not turn.is_meant(b"reports.s3.example.com:8420")
    assert turn.is_meant(b"s3.example.com")
    assert without_domains.is_meant(b"reports.s3.example.com")


def test_the_authorizers_listener_has_no_such_turn(tmp_path: Path) -> None:
    options = {"authorizer_listen": "127.0.0.1:8421", "authorizer_token": "t" * 43}
    with in_process(tmp_path / "data", options=options) as running:
        assert running.turn(("127.0.0.1", 8421)) is None
        assert running.turn(("127.0.0.1", 8420)) is not None


def test_the_audit_log_has_one_whole_line_for_each_request(daypass: InProcess, proxy: Key) -> None:
    warm(daypass, proxy)
    before = len(daypass.audit())
    ask_together(daypass, [Asking(daypass, proxy, f"line{number}") for number in range(9)])
    lines = (daypass.directory / "audit.jsonl").read_text().splitlines()[before:]
    assert [json.loads(line)["resource"].rpartition("/")[2] for line in lines] == [f"line{n}" for n in range(9)]
