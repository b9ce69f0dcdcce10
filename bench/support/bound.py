"""The bound: an ASGI application that answers 1.2 KB of constant XML to anything, under Daypass's own server.

What it costs is what HTTP itself costs here; no application under this server can cost less.

    python bench/support/bound.py PORT
"""

from __future__ import annotations

import sys
from typing import Any, Final

import uvicorn

# As long as a GetFederationToken answer with a session policy of 160 characters, and with its headers.
_BODY: Final = (b"<GetFederationTokenResponse>" + b"A" * 1_143 + b"</GetFederationTokenResponse>").ljust(1_200)
_START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"x-amzn-RequestId", b"01234567-89ab-cdef-0123-456789abcdef"),
        (b"x-amz-sts-extended-request-id", b"MTp1cy1lYXN0LTE6UzoxNzk1MzIwMDAwMDAwOlI6YWJjZDEyMzQ="),
        (b"Content-Type", b"text/xml"),
        (b"Content-Length", b"%d" % len(_BODY)),
    ],
}
_CONTENT: Final = {"type": "http.response.body", "body": _BODY}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers without reading the request's body: strictly less than any application that needs its parameters."""
    await send(_START)
    await send(_CONTENT)


def main() -> None:
    # The settings of `daypass serve`.
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="daypass.edge.http_protocol:BoundedHttpProtocol",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        backlog=2048,
    )


if __name__ == "__main__":
    main()
