"""GetDelegatedAccessToken, which Daypass refuses: what is traded in is a token of AWS's own.

Source: AWS Security Token Service API Reference, GetDelegatedAccessToken ("not available for general use").
"""

from __future__ import annotations

from typing import Any

from daypass.errors import access_denied
from daypass.service.actions import Exchange, Ports


def get_delegated_access_token(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    """Refused, whoever calls."""
    raise access_denied(
        "GetDelegatedAccessToken is not available: trade-in tokens are made by AWS for its own partners, and there is "
        "nothing here that one could be traded for."
    )
