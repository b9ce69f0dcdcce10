"""Waiting for a bounded time, which costs next to nothing where there is nothing to wait for.

Source: PEP 492, "Awaitable objects"; asyncio's timeouts, each of which is a timer of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Begun(Generic[_T]):
    """Something awaitable, as far as it got without waiting. What is not over then is awaited, in the same task.

    result: what it came to, once it is over.
    """

    __slots__ = ("_steps", "_waits_for", "is_over", "result")

    result: _T

    def __init__(self, awaitable: Awaitable[_T]) -> None:
        self._steps: Generator[Any, Any, _T] = awaitable.__await__()
        self.is_over = False
        try:
            self._waits_for: Any = next(self._steps)
        except StopIteration as end:
            self.result, self.is_over = end.value, True

    def __await__(self) -> Generator[Any, Any, _T]:
        while not self.is_over:
            try:
                try:
                    sent = yield self._waits_for
                except BaseException as thrown:  # noqa: BLE001  a cancellation, say: it is for what is waited for
                    self._waits_for = self._steps.throw(thrown)
                else:
                    self._waits_for = self._steps.send(sent)
            except StopIteration as end:
                self.result, self.is_over = end.value, True
        return self.result


async def within(seconds: float, begun: Begun[_T]) -> _T:
    """What was begun, to its end. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await begun
