"""How a directory refuses."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from daypass.service.ports import DirectoryError, Entity


async def refusal(change: Awaitable[Any]) -> tuple[type[DirectoryError], Entity]:
    """How the directory refused the change."""
    with pytest.raises(DirectoryError) as refused:
        await change
    return type(refused.value), refused.value.entity
