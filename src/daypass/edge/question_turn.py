"""Questions to the authorizer, answered a turn of the event loop at a time, past ASGI.

What came since the loop last looked at its sockets is decided one after the other, put on record in one write to the
audit log, and answered. No answer leaves before that write; if it fails, nothing of the turn is allowed. A question
that has to wait, for the store say, gets a task of its own and is finished in a later turn: it holds nobody up.

Owns which questions come here and who is answered when. What an answer says is edge.proxies' and edge.json_questions';
how a connection is read is edge.control_protocol's. edge.turn does the same for the control plane.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from daypass import limits
from daypass.edge.askers import check_asker, recorded, refusal, unwritten
from daypass.edge.json_questions import AUTHORIZE_PATH, JsonQuestions
from daypass.edge.proxies import ENVOY_PREFIX, NGINX_PATH, ProxyQuestions
from daypass.edge.told import Told
from daypass.names import Secret, make_request_id
from daypass.service.ports import AuditLog, Entropy
from daypass.wire.http import Headers, RawRequest, RawResponse

_log: Final = logging.getLogger("daypass")
_BELOW_ENVOY: Final = ENVOY_PREFIX + b"/"
# Those that Envoy asks with are its client's; no operation that a proxy can carry has another.
_METHODS: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"POST", b"PUT"})
_LENGTH_DIGITS: Final = len(str(limits.AUTHORIZE_AT_ONCE_BYTES))


class Asked(Protocol):
    """A question that came whole, and who waits for its answer: it may have gone away, which is its own affair.

    target: as it was sent. headers: names in lower case, none of them twice.
    """

    @property
    def method(self) -> str: ...

    @property
    def target(self) -> bytes: ...

    @property
    def headers(self) -> Headers: ...

    @property
    def body(self) -> bytes: ...

    def answer(self, response: RawResponse | None) -> None:
        """None: there is none, for a fault of ours that is logged."""


class QuestionTurn:
    """What one event loop answers. One for each worker."""

    def __init__(
        self,
        *,
        proxies: ProxyQuestions,
        json: JsonQuestions,
        audit: AuditLog,
        entropy: Entropy,
        now: Callable[[], datetime],
        token: Secret | None,
    ) -> None:
        """As edge.authorizer's DecisionListener: what is the same for both ways is given to both."""
        self._proxies = proxies
        self._json = json
        self._audit = audit
        self._entropy = entropy
        self._now = now
        self._token = token
        self._asked: deque[Asked] = deque()
        self._ready: list[tuple[Told, str, Asked]] = []  # with the request id
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_begun = False

    def takes(self, method: bytes, target: bytes, content_length: bytes | None) -> bool:
        """Whether a question with that head comes here: a proxy's, with no body; as JSON, with a small one."""
        if target == AUTHORIZE_PATH:
            return method == b"POST" and content_length is not None and _is_small(content_length)
        return (
            (target == NGINX_PATH or (target.startswith(_BELOW_ENVOY) and b"#" not in target))
            and (content_length is None or content_length == b"0")
            and method in _METHODS
        )

    def ask(self, asked: Asked, tasks: set[asyncio.Task[None]]) -> None:
        """Have it answered. tasks: those that the server waits for before it ends."""
        self._asked.append(asked)
        if not self._is_begun:
            self._is_begun = True
            # Asking for the loop costs a system call.
            loop = self._loop = self._loop or asyncio.get_running_loop()
            loop.call_soon(self._work, loop, tasks)

    def _work(self, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        """One question after the other, and then the answers."""
        try:
            for _ in range(min(limits.TURN_REQUESTS, len(self._asked))):
                self._decide(self._asked.popleft(), loop, tasks)
            self._give()
        finally:  # whatever one question does, there is a turn after it
            self._is_begun = bool(self._asked)
            if self._is_begun:
                loop.call_soon(self._work, loop, tasks)

    def _decide(self, asked: Asked, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        """Everything about a question but its record and the sending of its answer, which are the turn's."""
        request_id = make_request_id(self._entropy.bytes(16))
        told: Told | None
        try:
            question = _question(asked, self._now())
            check_asker(question.headers, self._token)
            told = self._questions(question).held(question, request_id)
        except Exception as error:  # noqa: BLE001  whatever it is, there is an answer to it
            told = _refused(error, asked.method, request_id)
        else:
            if told is None:
                task = loop.create_task(self._wait(asked, question, request_id, tasks))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                return
        self._ready.append((told, request_id, asked))

    def _questions(self, question: RawRequest) -> ProxyQuestions | JsonQuestions:
        return self._json if question.path == AUTHORIZE_PATH else self._proxies

    async def _wait(self, asked: Asked, question: RawRequest, request_id: str, tasks: set[asyncio.Task[None]]) -> None:
        """A question whose decision needs more than is at hand."""
        try:
            told = await self._questions(question).told(question, request_id)
        except Exception as error:  # noqa: BLE001  whatever it is, there is an answer to it
            told = _refused(error, asked.method, request_id)
        self._ready.append((told, request_id, asked))
        if not self._is_begun:  # else the turn that is begun gives it, too
            self._give()

    def _give(self) -> None:
        """The answers to what is ready, now that their records are written, all in one write."""
        if not self._ready:
            return
        ready, self._ready = self._ready, []
        try:
            self._audit.write_all([record for told, _, _ in ready for record in told.records])
            responses = [told.response for told, _, _ in ready]
        except OSError as error:
            unwritten(error)
            responses = [
                told.unrecorded(request_id) if told.records else told.response for told, request_id, _ in ready
            ]
        except Exception:  # noqa: BLE001  a record that cannot be written down is one question's fault, not the others'
            responses = [recorded(told, request_id, self._audit) for told, request_id, _ in ready]
        for response, (_, _, asked) in zip(responses, ready, strict=True):
            try:
                asked.answer(response)
            except Exception:  # noqa: BLE001  one connection's fault; the others get their answers
                _log.exception("an answer could not be sent")


def _question(asked: Asked, received: datetime) -> RawRequest:
    path, _, query = asked.target.partition(b"?")
    return RawRequest(asked.method, path, query, asked.headers, asked.body, "", False, received)


def _is_small(content_length: bytes) -> bool:
    return (
        len(content_length) <= _LENGTH_DIGITS
        and content_length.isdigit()
        and 0 < int(content_length) <= limits.AUTHORIZE_AT_ONCE_BYTES
    )


def _refused(error: Exception, method: str, request_id: str) -> Told:
    return Told(refusal(error, method, request_id), (), _never)


def _never(_: str) -> RawResponse:
    raise ValueError("a refusal has no record that could be missing")
