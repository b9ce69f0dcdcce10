"""An action asked past the edge: its checks, or its result, whether it has to be waited for or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypass.service.actions import Action, Check, Exchange, Ports


async def checks_of(action: Action, ports: Ports, exchange: Exchange) -> Sequence[Check]:
    assert action.checks is not None
    found = action.checks(ports, exchange)
    return found if isinstance(found, tuple) else await found


async def perform(action: Action, ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    result = action.perform(ports, exchange)
    return result if isinstance(result, dict) else await result
