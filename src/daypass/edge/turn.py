"""Requests of the control plane, answered a turn of the event loop at a time.

What came since the loop last looked at its sockets is decided one after the other, put on record in one write to the
audit log, and answered. No answer leaves before that write; if it fails, nothing of the turn is issued. A request
that has to wait, for the store say, is finished in the turn in which it can be, and holds nobody up.

Owns who is answered when. What an answer says is edge.api's, which requests come here edge.control_protocol's.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from daypass import limits
from daypass.edge.api import Api
from daypass.edge.asgi import service_of
from daypass.edge.forwarded import Networks, UnreadableAddress, true_source
from daypass.edge.trail import Prepared
from daypass.names import make_request_id
from daypass.service.ports import Entropy
from daypass.wire import sigv4
from daypass.wire.http import Headers, RawRequest, RawResponse
from daypass.wire.s3_address import bucket_of_host
from daypass.wire.sigv4 import Claim, SignatureFault

_BAD_REQUEST: Final = RawResponse(400, ((b"content-length", b"0"),), b"")
_log: Final = logging.getLogger("daypass")


class Asked(Protocol):
    """A whole POST to `/`, of HTTP/1.1, and who waits for its answer: it may have gone away, which is its own affair.

    headers: names in lower case, none of them twice. keep_alive: whether more may be asked on its connection.
    """

    keep_alive: bool

    @property
    def headers(self) -> Headers: ...

    @property
    def body(self) -> bytes: ...

    @property
    def source_ip(self) -> str: ...

    @property
    def secure(self) -> bool: ...

    def answer(self, response: RawResponse | None) -> None:
        """None: there is none, for a fault of ours that is logged."""


class Turn:
    """What one event loop answers. One for each worker."""

    def __init__(
        self,
        *,
        api: Api,
        entropy: Entropy,
        now: Callable[[], datetime],
        s3_domains: tuple[str, ...] = (),
        trusted_proxies: Networks = (),
    ) -> None:
        """As edge.asgi's Application: what is the same for both ways is given to both."""
        self._api = api
        self._trusted_proxies = trusted_proxies
        self._s3_domains = s3_domains
        self._entropy = entropy
        self._now = now
        self._asked: deque[Asked] = deque()
        self._ready: list[tuple[Prepared, Asked]] = []
        self._number = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_begun = False

    def is_meant(self, host: bytes) -> bool:
        """Whether requests to that Host are for the control plane."""
        return not self._s3_domains or bucket_of_host(host.decode("latin-1"), self._s3_domains) is None

    def ask(self, asked: Asked, tasks: set[asyncio.Task[None]]) -> None:
        """Have it answered. tasks: those that the server waits for before it ends."""
        self._asked.append(asked)
        if not self._is_begun:
            self._is_begun = True
            self._begin(tasks)

    def _begin(self, tasks: set[asyncio.Task[None]]) -> None:
        """Both are called in the loop's next round, the task first: `_end` finds it waiting, or through."""
        loop = self._loop = self._loop or asyncio.get_running_loop()  # asking costs a system call
        tasks.add(loop.create_task(self._work(loop, tasks)))
        loop.call_soon(self._end, tasks)

    async def _work(self, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        """One request after the other. The first that has to wait is this task's last; `_end` begins another."""
        number = self._number
        try:
            for _ in range(limits.TURN_REQUESTS):
                if not self._asked or self._number != number:
                    break
                await self._prepare(self._asked.popleft())
            self._give()
        finally:
            # Not by a callback of the task, which would take the loop round once more.
            task = asyncio.current_task(loop)
            if task is not None:
                tasks.discard(task)

    def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        self._number += 1
        self._give()
        self._is_begun = bool(self._asked)
        if self._is_begun:
            self._begin(tasks)

    async def _prepare(self, asked: Asked) -> None:
        """Everything about a request but its record and the sending of its answer, which are the turn's."""
        try:
            request = self._request(asked)
            claim: Claim | SignatureFault | None
            try:
                claim = sigv4.read_claim(request)
            except SignatureFault as fault:
                claim = fault
            service, request_id = service_of(request, claim), make_request_id(self._entropy.bytes(16))
            prepared = await self._api.prepare(request, claim, service, request_id)
        except UnreadableAddress:
            asked.keep_alive = False
            asked.answer(_BAD_REQUEST)
        except Exception:  # noqa: BLE001  ours, and of this request alone: its connection is closed without an answer
            _log.exception("a request failed before it had an answer")
            asked.answer(None)
        else:
            self._ready.append((prepared, asked))

    def _request(self, asked: Asked) -> RawRequest:
        source_ip, secure = asked.source_ip, asked.secure
        if self._trusted_proxies:
            source_ip, secure = true_source(source_ip, secure, asked.headers, self._trusted_proxies)
        return RawRequest("POST", b"/", b"", asked.headers, asked.body, source_ip, secure, self._now())

    def _give(self) -> None:
        if not self._ready:
            return
        ready, self._ready = self._ready, []
        try:
            responses: Sequence[RawResponse | None] = self._api.commit([prepared for prepared, _ in ready])
        except Exception:  # noqa: BLE001  a record that cannot be written down is one request's fault, not the others'
            responses = [self._alone(prepared) for prepared, _ in ready]
        for response, (_, asked) in zip(responses, ready, strict=True):
            try:
                asked.answer(response)
            except Exception:  # noqa: BLE001  one connection's fault; the others get their answers
                _log.exception("an answer could not be sent")

    def _alone(self, prepared: Prepared) -> RawResponse | None:
        try:
            return self._api.commit([prepared])[0]
        except Exception:  # noqa: BLE001  logged here once; what is not recorded is not issued
            _log.exception("the record of a request could not be made")
            return None
