"""Requests of the control plane, answered a turn of the event loop at a time.

Every answer that is ready when the loop comes round leaves then: one write to the audit log has the records of all
of them, and none leaves before it. If it fails, nothing of the turn is issued. A request that has to wait, for the
store say, is a task of its own like any other and holds nobody up.

Owns who answers when. What an answer says is edge.api's, and which requests come here edge.control_protocol's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from daypass.edge.api import Api, Prepared
from daypass.edge.asgi import make_request_id, service_of
from daypass.service.ports import Entropy
from daypass.wire import sigv4
from daypass.wire.http import Headers, RawRequest, RawResponse
from daypass.wire.sigv4 import Claim, SignatureFault

_log: Final = logging.getLogger("daypass")


class Exchange(Protocol):
    """Who waits for an answer. It may have gone away: that is its own affair."""

    def answer(self, response: RawResponse | None) -> None:
        """None: there is none, for a fault of ours that is logged."""


class Asked(msgspec.Struct):
    """A whole POST to `/`, of HTTP/1.1. headers: names in lower case, none of them twice."""

    headers: Headers
    body: bytes
    source_ip: str
    secure: bool


class Turn:
    """What one event loop answers. One for each worker."""

    def __init__(self, *, api: Api, entropy: Entropy, now: Callable[[], datetime]) -> None:
        """now: the clock, aware UTC; read once a request."""
        self._api = api
        self._entropy = entropy
        self._now = now
        self._ready: list[tuple[Prepared, Exchange]] = []

    async def answer(self, asked: Asked, exchange: Exchange) -> None:
        """Everything about a request but its record and the sending of its answer, which are the turn's."""
        try:
            prepared = await self._prepare(asked)
        except Exception:  # noqa: BLE001  ours, and of this request alone: its connection is closed without an answer
            _log.exception("a request failed before it had an id")
            exchange.answer(None)
            return
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._give)
        self._ready.append((prepared, exchange))

    async def _prepare(self, asked: Asked) -> Prepared:
        request = RawRequest("POST", b"/", b"", asked.headers, asked.body, asked.source_ip, asked.secure, self._now())
        claim: Claim | SignatureFault | None
        try:
            claim = sigv4.read_claim(request)
        except SignatureFault as fault:
            claim = fault
        return await self._api.prepare(
            request, claim, service_of(request, claim), make_request_id(self._entropy.bytes(16))
        )

    def _give(self) -> None:
        ready, self._ready = self._ready, []
        try:
            responses: Sequence[RawResponse | None] = self._api.commit([prepared for prepared, _ in ready])
        except Exception:  # noqa: BLE001  a record that cannot be written down is one request's fault, not the others'
            responses = [self._alone(prepared) for prepared, _ in ready]
        for response, (_, exchange) in zip(responses, ready, strict=True):
            exchange.answer(response)

    def _alone(self, prepared: Prepared) -> RawResponse | None:
        try:
            return self._api.commit([prepared])[0]
        except Exception:  # noqa: BLE001  logged here once; what is not recorded is not issued
            _log.exception("the record of a request could not be made")
            return None
