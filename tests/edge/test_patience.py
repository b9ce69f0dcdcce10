"""Waiting for a bounded time, and not at all where nothing has to be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from daypass.edge.patience import Begun, within


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            await work()

    uvloop.run(main())


async def at_once() -> str:
    return "here"


async def in_steps(seen: list[str]) -> str:
    for number in range(3):
        await asyncio.sleep(0.001)
        seen.append(str(number))
    return "there"


def test_what_need_not_wait_is_over_when_it_has_begun() -> None:
    begun = Begun(at_once())
    assert (begun.is_over, begun.result) == (True, "here")


def test_what_is_over_may_still_be_awaited() -> None:
    async def work() -> None:
        assert await within(1, Begun(at_once())) == "here"

    run(work)


def test_what_waits_is_continued_where_it_was() -> None:
    async def work() -> None:
        seen: list[str] = []
        begun = Begun(in_steps(seen))
        assert not begun.is_over
        assert await within(5, begun) == "there"
        assert seen == ["0", "1", "2"]

    run(work)


def test_an_error_comes_from_where_it_is_begun_or_awaited() -> None:
    async def fails(waiting: bool) -> None:
        if waiting:
            await asyncio.sleep(0)
        raise ValueError("wrong")

    async def work() -> None:
        with pytest.raises(ValueError, match="wrong"):
            Begun(fails(False))
        begun = Begun(fails(True))
        with pytest.raises(ValueError, match="wrong"):
            await within(1, begun)

    run(work)


def test_a_wait_that_takes_too_long_ends_and_what_was_waited_for_is_told() -> None:
    async def work() -> None:
        told = []

        async def waits() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0)  # as what has to be tidied up would
                told.append("cancelled")
                raise

        with pytest.raises(TimeoutError):
            await within(0.01, Begun(waits()))
        assert told == ["cancelled"]

    run(work)


def test_a_cancelled_task_cancels_what_it_had_begun() -> None:
    async def work() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def waits() -> None:
            await within(60, Begun(future))

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert future.cancelled()

    run(work)
