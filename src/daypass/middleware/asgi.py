"""The middleware for ASGI applications (FastAPI, Starlette, Litestar, Quart, …).

Source: ASGI specification 3.0, "HTTP connection scope".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

from daypass.middleware.authorizer import Answer, Authorizer, Rule, needed_by, question
from daypass.middleware.refusal import BODY_BYTES_MAX, NOT_FOUND, TOO_LARGE, answer_to, refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class SigV4Middleware:
    """Lets through what the authorizer allows, with `scope["daypass"]`, the Answer, beside it.

    service: the name in the credential scope, as the clients' SDKs are told it.
    rule: which permission a request needs. A request that needs none is for another middleware: this one asks always.
    """

    def __init__(self, app: Application, authorizer: Authorizer, *, service: str, rule: Rule) -> None:
        self._app = app
        self._authorizer = authorizer
        self._service = service
        self._rule = rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # a handshake has no signed form that we know
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        needed = needed_by(self._rule, scope["method"], scope["path"])
        if needed is None:
            await _refuse(send, NOT_FOUND)
            return
        body = await _whole_body(receive)
        if body is None:
            await _refuse(send, TOO_LARGE)
            return
        answer = await self._ask(scope, needed, body)
        if not answer.allowed:
            await _refuse(send, answer)
            return
        scope["daypass"] = answer
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> MutableMapping[str, Any]:
            return unread.pop() if unread else await receive()

        await self._app(scope, again, send)

    async def _ask(self, scope: Scope, needed: tuple[str, str], body: bytes) -> Answer:
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        query = scope.get("query_string", b"").decode("latin-1")
        client = scope.get("client")
        asked = question(
            method=scope["method"],
            target=f"{path}?{query}" if query else path,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            payload_sha256=sha256(body).hexdigest(),
            service=self._service,
            needed=needed,
            source_ip=client[0] if client else "",
            secure=scope.get("scheme") == "https",
        )
        return await asyncio.to_thread(answer_to, asked, self._authorizer)


async def _whole_body(receive: Receive) -> bytes | None:
    """None if it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _refuse(send: Send, answer: Answer) -> None:
    status, headers, body = refusal(answer)
    raw = [(name.lower().encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
