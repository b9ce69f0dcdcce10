"""Who somebody is: GetCallerIdentity, and whose an access key is: GetAccessKeyInfo.

Source: AWS Security Token Service API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daypass.service.actions import Exchange, Ports


async def get_caller_identity(ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    """Who signed the request. Needs no permission, and no policy can deny it."""
    caller = exchange.caller
    return {
        "Arn": caller.principal.arn,
        "UserId": caller.user_id,
        "Account": caller.account.account_id,
    }
