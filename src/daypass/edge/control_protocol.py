"""One connection as `daypass serve` reads it: what can be answered at once goes straight to a turn, all else to ASGI.

Straight goes, on a connection that owes no other answer, what came whole and in one piece: on the public port a form
to `/` that is signed for STS or IAM or not at all, to edge.turn, and a small request signed for S3, to
edge.object_turn; on the authorizer's listener a proxy's question, to edge.question_turn. For it uvicorn makes neither
scope, nor messages, nor cycle; everything else it does as ever, and so do its bounds. A request that turns out to be
another in the middle is handed to it from its beginning.

Source: RFC 9112, "Message format" and "Connection management"; uvicorn's HttpToolsProtocol, whose callbacks these are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from daypass.edge.client import Receive, Send
from daypass.edge.http_protocol import BoundedHttpProtocol
from daypass.edge.object_turn import ObjectTurn
from daypass.edge.question_turn import QuestionTurn
from daypass.edge.straight import Fields, answer_bytes, is_of_control_plane, plain
from daypass.edge.turn import Turn
from daypass.wire.http import Headers, RawResponse

_log: Final = logging.getLogger("daypass")
_NOBODY_WAITS: Final = asyncio.Event()


class _Owed(msgspec.Struct, eq=False):
    """A request whose answer its connection owes, in the place of uvicorn's cycle: it has what is asked of one.

    keep_alive: uvicorn takes it back when the server stops.
    """

    connection: ControlProtocol
    method: str
    target: bytes
    headers: Headers
    body: bytes
    source_ip: str
    secure: bool
    keep_alive: bool
    disconnected: bool = False
    response_complete: bool = False
    message_event: asyncio.Event = _NOBODY_WAITS
    messages: Any = None  # uvicorn's cycle, if the answer is not given whole

    def __repr__(self) -> str:
        """Target, headers and body stay out: a token, a signature or a policy may be among them."""
        return f"_Owed({self.method}, {len(self.body)} bytes, response_complete={self.response_complete})"

    def answer(self, response: RawResponse | None) -> None:
        self.response_complete = True
        if not self.disconnected:
            self.connection.send(response, self.keep_alive)

    def by_messages(self) -> tuple[Receive, Send]:
        self.messages = self.connection.give_way(self)
        return self.messages.receive, self.messages.send

    def leave(self) -> None:
        if self.messages is not None:
            self.response_complete = self.messages.response_complete
        if not self.response_complete:
            self.answer(None)


class ControlProtocol(BoundedHttpProtocol):
    """For an application whose `turn_of` names a turn for the listener. For any other it is its base."""

    cycle: Any  # uvicorn's, or an _Owed

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._fields = Fields()
        # Before the parser is made, which looks for it once.
        self.on_header = self._fields.take  # type: ignore[method-assign]  # because it is called for every header
        super().__init__(*arguments, **named)
        self._turn: Turn | QuestionTurn | None = None
        self._objects: ObjectTurn | None = None
        self._source_ip = ""
        self._straight: Turn | QuestionTurn | ObjectTurn | None = None  # where the request goes that is being received
        self._method = ""
        self._body = b""
        self._idle_since: float | None = None  # since the last straight answer; None: since none
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # because uvicorn's is
        super().connection_made(transport)
        turn_of = getattr(self.app, "turn_of", None)
        self._turn = None if turn_of is None else turn_of(self.server)
        objects_of = getattr(self.app, "objects_of", None)
        self._objects = None if objects_of is None else objects_of(self.server)
        self._source_ip = self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._straight is not None and not self.transport.is_closing():
            # Its body is still to come: somebody has to wait for it, with a bound on size and time.
            self._hand_over()

    def on_message_begin(self) -> None:
        self._idle_since = None
        self.begin_head()
        self.url = b""
        self.headers = self._fields.begin()

    def on_headers_complete(self) -> None:
        turn = self._turn if self._objects is None or self.url == b"/" else self._objects
        if turn is not None and self._may_go_straight(turn):
            self._straight = turn
            self._body = b""
            self.end_head()
        else:
            self._hand_over()

    def on_body(self, body: bytes) -> None:
        if self._straight is not None:
            self._body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        turn, self._straight = self._straight, None
        if turn is None:
            super().on_message_complete()
            return
        self.cycle = owed = _Owed(
            self,
            self._method,
            self.url,
            tuple(self.headers),
            self._body,
            self._source_ip,
            self.scheme == "https",
            self.parser.should_keep_alive(),
        )
        turn.ask(owed, self.tasks)

    def _may_go_straight(self, turn: Turn | QuestionTurn | ObjectTurn) -> bool:
        """Whether all that is known of the request when its head is whole is as it should be."""
        method = self.parser.get_method()
        self._method = method.decode("ascii")
        named = plain(self.headers)
        return (
            named is not None
            and self._is_for(turn, method, named)
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
        )

    def _is_for(self, turn: Turn | QuestionTurn | ObjectTurn, method: bytes, named: Mapping[bytes, bytes]) -> bool:
        if isinstance(turn, ObjectTurn):
            return turn.takes(method, self.url, named)
        if isinstance(turn, QuestionTurn):
            return turn.takes(method, self.url, named.get(b"content-length"))
        return method == b"POST" and self.url == b"/" and is_of_control_plane(named) and turn.is_meant(named[b"host"])

    def _hand_over(self) -> None:
        """The request as uvicorn would have it by now."""
        straight, self._straight = self._straight, None
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers += headers  # the scope has this list, too
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        super().on_headers_complete()
        if straight is not None and self._body:
            super().on_body(self._body)

    def give_way(self, owed: _Owed) -> RequestResponseCycle:
        """uvicorn's cycle in the place of the request that went straight, for an answer that is given in pieces."""
        cycle = RequestResponseCycle(
            scope={"method": owed.method},  # type: ignore[typeddict-item]  # because it is all that an answer reads
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=owed.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        cycle.disconnected = owed.disconnected
        if self.cycle is owed:  # and no other request after it
            self.cycle = cycle
        return cycle

    def send(self, response: RawResponse | None, keep_alive: bool) -> None:
        """The answer to the request that went straight. None: there is none."""
        if self.transport.is_closing():
            return
        if response is None:
            self.transport.close()
            return
        answer = answer_bytes(
            STATUS_LINE[response.status], self.server_state.default_headers, response, keep_alive=keep_alive
        )
        if answer is None:
            _log.error("an answer has a line end in a header; it is not sent")
            self.transport.close()
            return
        self.one_piece.write_whole(answer)
        if not keep_alive:
            self.transport.close()
        elif self.pipeline:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._idle_since = self.loop.time()
            if self._idle_timer is None:
                self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _look_whether_idle(self) -> None:
        """Close a connection on which nothing has come for uvicorn's time; one timer serves all answers within it."""
        self._idle_timer = None
        if self._idle_since is None:
            return  # a request has begun; its answer starts the timer anew
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._look_whether_idle)
        else:
            self.timeout_keep_alive_handler()
