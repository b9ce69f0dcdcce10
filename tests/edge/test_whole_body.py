"""edge.whole_body: a small body within its bounds, or a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from daypass import limits
from daypass.edge.whole_body import ClientGone, whole_body
from daypass.errors import ServiceError


def saying(*messages: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    """A client that sends these, and then nothing more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


async def read(receive: Callable[[], Awaitable[Any]]) -> bytes:
    return await whole_body(receive, 3)


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces_is_put_together() -> None:
    assert asyncio.run(read(saying(piece(b"ab", more=True), piece(b"c", more=False)))) == b"abc"


def test_a_body_over_its_bound_is_refused_before_it_has_ended() -> None:
    with pytest.raises(ServiceError) as caught:
        asyncio.run(read(saying(piece(b"ab", more=True), piece(b"cd", more=True))))
    assert (caught.value.status, caught.value.code) == (413, "RequestEntityTooLarge")


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "API_BODY_SECONDS", 0.01)
    with pytest.raises(ServiceError) as caught:
        asyncio.run(read(saying(piece(b"a", more=True))))
    assert caught.value.status == 408


def test_a_client_that_leaves_is_not_answered() -> None:
    with pytest.raises(ClientGone):
        asyncio.run(read(saying(piece(b"a", more=True), {"type": "http.disconnect"})))
