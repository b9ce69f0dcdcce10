"""Tests that are coroutines: `from support.asynchronous import pytest_pyfunc_call` in a conftest.py runs them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine

import pytest

TEST_SECONDS = 60  # a coroutine that waits for what never comes fails, and does not hang the run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test on an event loop of its own; leave others to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(_bounded(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})))
    return True


async def _bounded(test: Coroutine[object, object, None]) -> None:
    async with asyncio.timeout(TEST_SECONDS):
        await test
