"""A small request body, read whole within a bound on its size and on the time it takes."""

from __future__ import annotations

import asyncio

from daypass import limits
from daypass.edge.asgi import Receive
from daypass.errors import ServiceError


class ClientGone(Exception):
    """The client closed the connection before its body was whole: nobody is left to answer."""


async def whole_body(receive: Receive, max_bytes: int) -> bytes:
    """The body.

    Raises:
        ServiceError: 413, over max_bytes; 408, not here within limits.API_BODY_SECONDS.
        ClientGone: the client has left.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(limits.API_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise ServiceError("RequestEntityTooLarge", 413, f"The body has at most {max_bytes} bytes.")
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise ServiceError("RequestTimeout", 408, "The body was not received in time.") from None
