"""The pages that our own issuers of web identity tokens publish: discovery documents and key sets, for everybody.

What is in them is service.issuer's knowledge.

Source: OpenID Connect Discovery 1.0, 4; RFC 7517, 8.5.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from daypass.edge.asgi import Receive, Scope, Send
from daypass.errors import ServiceError
from daypass.service.issuer import PATH, Publication

_PREFIX: Final = PATH.encode("ascii")


class IssuerPages:
    """GET and HEAD below PATH; an underscore cannot begin a bucket name, so these collide with none.

    now: the clock, aware UTC.
    """

    def __init__(self, publication: Publication, now: Callable[[], datetime]) -> None:
        self._publication = publication
        self._now = now

    def is_meant(self, scope: Scope) -> bool:
        path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8")
        return path.startswith(_PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body = 405, b""
        if scope["method"] in ("GET", "HEAD"):
            status, body = await self._answer(scope["path"])
        headers = [(b"content-length", b"%d" % len(body)), (b"x-content-type-options", b"nosniff")]
        if status == 200:
            headers += [(b"content-type", b"application/json"), (b"cache-control", b"public, max-age=60")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, path: str) -> tuple[int, bytes]:
        try:
            document = await self._publication.document(path, self._now())
        except ServiceError as error:  # the store cannot be read
            return error.status, b""
        return (404, b"") if document is None else (200, document)
