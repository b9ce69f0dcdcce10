"""Which question is answered when, and what is on record by then; over a real store, in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from daypass import limits
from daypass.edge.question_turn import QuestionTurn
from daypass.wire.http import RawResponse
from support.api import InProcess, Key, allow
from support.proxy_questions import BUCKET, TOKEN, Askable, askable, client_headers, nginx_asks


class Asking:
    """nginx with one question, and what came of it. on_record: lines of the audit log when the answer came."""

    def __init__(self, daypass: InProcess, key: Key, name: str, *, token: str = TOKEN) -> None:
        path = f"/{BUCKET}/in/{name}".encode()
        self.method = "GET"
        self.body = b""
        self.name = name
        self.target, self.headers = nginx_asks(b"GET", path, client_headers(key, b"GET", path), token=token)
        self.response: RawResponse | None = None
        self.on_record = -1
        self._daypass = daypass
        self.answered = asyncio.Event()

    def answer(self, response: RawResponse | None) -> None:
        assert not self.answered.is_set(), "nobody is answered twice"
        self.response = response
        self.on_record = self._on_record()
        self.answered.set()

    def _on_record(self) -> int:
        return len(self._daypass.audit())

    @property
    def route(self) -> bytes | None:
        return None if self.response is None else dict(self.response.headers).get(b"x-daypass-route")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Askable]]:
    with askable(tmp_path_factory.mktemp("questions") / "data") as running:
        yield running


@pytest.fixture
def daypass(asked: tuple[InProcess, Askable]) -> InProcess:
    return asked[0]


@pytest.fixture
def bob(asked: tuple[InProcess, Askable]) -> Key:
    return asked[1].bob


def turn_of(daypass: InProcess) -> QuestionTurn:
    turn = daypass.question_turn()
    assert turn is not None
    return turn


def ask_together(daypass: InProcess, asking: Sequence[Asking]) -> list[Asking]:
    """They ask before the event loop comes round; back come they in the order in which they were answered."""
    turn = turn_of(daypass)
    answered: list[Asking] = []

    async def waits(one: Asking) -> None:
        await one.answered.wait()
        answered.append(one)

    async def work() -> None:
        tasks: set[asyncio.Task[None]] = set()
        waiting = [asyncio.create_task(waits(one)) for one in asking]
        await asyncio.sleep(0)
        for one in asking:
            turn.ask(one, tasks)
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)
            await asyncio.sleep(0)
        assert not tasks, "the server waits for nothing any more"

    daypass.run(work())
    return answered


def warm(daypass: InProcess, *keys: Key) -> None:
    """After it, their questions wait for nothing: the change log was read just now, and they were looked up since."""
    daypass.run(asyncio.sleep(limits.CHANGE_POLL_SECONDS * 1.5))
    for key in keys:
        ask_together(daypass, [Asking(daypass, key, "warm")])


def test_all_of_a_turn_is_on_record_before_the_first_answer_leaves(daypass: InProcess, bob: Key) -> None:
    warm(daypass, bob)
    before = len(daypass.audit())
    asking = [Asking(daypass, bob, f"object{number}") for number in range(12)]
    ask_together(daypass, asking)
    assert {one.route for one in asking} == {b"backend"}
    assert {one.on_record for one in asking} == {before + 12}
    resources = [record["resource"].rpartition("/")[2] for record in daypass.audit()[before:]]
    assert resources == [one.name for one in asking]


def test_a_turn_is_bounded_and_the_rest_follows(daypass: InProcess, bob: Key) -> None:
    warm(daypass, bob)
    before = len(daypass.audit())
    more = limits.TURN_REQUESTS + 6
    asking = [Asking(daypass, bob, f"object{number}") for number in range(more)]
    assert ask_together(daypass, asking) == asking
    assert {one.on_record - before for one in asking} == {limits.TURN_REQUESTS, more}


def test_one_that_has_to_wait_holds_nobody_up_and_is_answered(daypass: InProcess, bob: Key) -> None:
    """Nobody has asked for the new users yet: they are looked up in the store."""
    unknown = [Asking(daypass, daypass.user(f"new{number}", allow("s3:*")), f"of-new{number}") for number in range(3)]
    warm(daypass, bob)
    known = [Asking(daypass, bob, f"object{number}") for number in range(6)]
    mixed = [unknown[0], known[0], known[1], unknown[1], known[2], unknown[2], *known[3:]]
    answered = ask_together(daypass, mixed)
    assert {one.route for one in mixed} == {b"backend"}
    assert answered[:6] == known


def test_a_refusal_is_its_own_and_leaves_no_record(daypass: InProcess, bob: Key) -> None:
    """The gateway, where it goes, records it."""
    warm(daypass, bob)
    before = len(daypass.audit())
    forged = Asking(daypass, Key(bob.access_key_id, "x" * 40, bob.token), "forged")
    stranger = Asking(daypass, bob, "stranger", token="another")
    silent = Asking(daypass, bob, "silent")
    silent.headers = tuple(header for header in silent.headers if header[0] != b"x-original-peer")
    right = [Asking(daypass, bob, "first"), Asking(daypass, bob, "last")]
    ask_together(daypass, [right[0], forged, stranger, silent, right[1]])
    assert [one.route for one in (*right, forged)] == [b"backend", b"backend", b"gateway"]
    assert stranger.response is not None
    assert silent.response is not None
    assert (stranger.response.status, silent.response.status) == (403, 500)
    assert len(daypass.audit()) == before + 2


def test_one_who_fails_to_take_the_answer_takes_it_from_nobody_else(daypass: InProcess, bob: Key) -> None:
    class Broken(Asking):
        def answer(self, response: RawResponse | None) -> None:
            super().answer(response)
            raise OSError("the connection is gone")

    asking = [Asking(daypass, bob, "first"), Broken(daypass, bob, "broken"), Asking(daypass, bob, "last")]
    ask_together(daypass, asking)
    assert {one.route for one in asking} == {b"backend"}


def test_nothing_is_allowed_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    """/dev/full is a device that refuses every write. Who waited for the store is told no more than the others."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")

    class Unrecorded(Asking):
        def _on_record(self) -> int:
            return 0  # what is read of that device never ends

    with askable(tmp_path / "data") as (running, keys):
        warm(running, keys.bob)
        (running.directory / "audit.jsonl").unlink()
        os.symlink("/dev/full", running.directory / "audit.jsonl")
        running.run(asyncio.sleep(limits.AUDIT_ROTATION_SECONDS + 0.1))
        asking = [Unrecorded(running, key, f"object{n}") for n, key in enumerate((keys.bob, keys.root, keys.bob))]
        ask_together(running, asking)
        assert {one.route for one in asking} == {b"gateway"}
        assert not any(b"authorization" in name for one in asking if one.response for name, _ in one.response.headers)


def test_the_public_port_has_no_such_turn(daypass: InProcess) -> None:
    assert daypass.question_turn(("127.0.0.1", 8420)) is None
    assert daypass.turn(("127.0.0.1", 8421)) is None
