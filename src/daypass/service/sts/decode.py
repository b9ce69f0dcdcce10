"""DecodeAuthorizationMessage: why a request of one's own account was denied.

Source: AWS Security Token Service API Reference, DecodeAuthorizationMessage.
"""

from __future__ import annotations

from typing import Any

from daypass.errors import ServiceError
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.authorization_messages import InvalidMessage, open_message


def decode_checks(ports: Ports, exchange: Exchange) -> tuple[Check, ...]:
    """sts:DecodeAuthorizationMessage, on no resource."""
    return (Check("sts:DecodeAuthorizationMessage", "*"),)


def decode_authorization_message(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    """What a message of the caller's account holds."""
    account_id, now = exchange.caller.account.account_id, exchange.request.received
    try:
        message = open_message(exchange.parameters["EncodedMessage"], ports.key_ring, account_id, now)
    except InvalidMessage:
        # AWS's text is not known. Another account's message is answered as one that is none.
        raise ServiceError("InvalidAuthorizationMessageException", 400, "Message is not valid") from None
    return {"DecodedMessage": message}
