"""The authorizer: decisions for those who carry the bytes themselves, on a listener of its own.

Who can reach it can ask about anybody, so it listens on a Unix socket, guarded by the file's permissions, on a loopback
address, guarded by a token as well, or over TLS for those with a certificate (edge.mutual_tls). Its answers hold
decisions and reasons; no key and no session token.

    POST /_daypass/authorize    a question, or a batch of them, as JSON (service.decisions)
    GET  /_daypass/nginx        nginx's question about an S3 request (edge.proxies)
    any  /_daypass/envoy/…      Envoy's question about an S3 request (edge.proxies)
    GET  /_daypass/health       200 when ready

Most questions of proxies go past this, by edge.question_turn, and are answered alike.

Source: the form of a question is Daypass's own; docs/authorizer.md shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from daypass import limits
from daypass.edge.asgi import HEALTH_PATH, Receive, Scope, Send, make_request_id
from daypass.edge.askers import answer, check_asker, recorded, refusal
from daypass.edge.proxies import ProxyQuestions, is_proxy_s
from daypass.edge.whole_body import ClientGone, whole_body
from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.service.decisions import Decider, all_allowed, read_questions
from daypass.service.ports import AuditLog, Entropy
from daypass.wire.http import RawRequest, RawResponse

AUTHORIZE_PATH: Final = "/_daypass/authorize"


class DecisionListener:
    """Answers on the authorizer's listener, and nowhere else.

    port: of a loopback listener; None for a Unix socket.
    token: what an asker over TCP proves itself with; None over TLS: by its certificate alone (edge.mutual_tls).
    """

    def __init__(
        self,
        *,
        decider: Decider,
        proxies: ProxyQuestions,
        audit: AuditLog,
        entropy: Entropy,
        now: Callable[[], datetime],
        port: int | None,
        token: Secret | None,
        mutual_tls: bool = False,
    ) -> None:
        if port is not None and token is None and not mutual_tls:
            raise ValueError("an authorizer on TCP has a token, or TLS with its askers' certificates")
        self._decider = decider
        self._proxies = proxies
        self._audit = audit
        self._entropy = entropy
        self._now = now
        self._port = port
        self._token = token

    def is_meant(self, scope: Scope) -> bool:
        """Whether the connection came in at the authorizer's listener."""
        server = scope.get("server")
        return server is None or server[1] is None if self._port is None else bool(server and server[1] == self._port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer to one request of its listener, whatever it is."""
        request_id = make_request_id(self._entropy.bytes(16))
        try:
            response = await self._response(scope, receive, request_id)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  whatever it is, there is an answer to it
            response = refusal(error, scope["method"], request_id)
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _response(self, scope: Scope, receive: Receive, request_id: str) -> RawResponse:
        if is_proxy_s(scope["raw_path"]):
            check_asker(scope["headers"], self._token)
            return recorded(await self._proxies.told(_question(scope, self._now()), request_id), self._audit)
        status, told = await self._answer(scope, receive, request_id)
        return answer(status, told, scope["method"], request_id)

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> tuple[int, Mapping[str, Any]]:
        if scope["path"].encode() == HEALTH_PATH:
            return 200, {"status": "ok"}
        check_asker(scope["headers"], self._token)
        if scope["path"] != AUTHORIZE_PATH:
            raise ServiceError("NotFound", 404, f"ask with POST {AUTHORIZE_PATH}")
        if scope["method"] != "POST":
            raise ServiceError("MethodNotAllowed", 405, f"ask with POST {AUTHORIZE_PATH}")
        body = await whole_body(receive, limits.AUTHORIZE_BODY_BYTES)
        received = self._now()
        questions, is_batch = read_questions(body)
        answers = [await self._decider.answer(question, request_id, received) for question in questions]
        if not is_batch:
            return 200, answers[0]
        return 200, {"request_id": request_id, "allowed": all_allowed(answers), "answers": answers}


def _question(scope: Scope, received: datetime) -> RawRequest:
    """The question as it came."""
    return RawRequest(
        method=scope["method"],
        path=scope["raw_path"],
        query=scope["query_string"],
        headers=tuple(scope["headers"]),
        body=b"",
        source_ip="",
        secure=False,
        received=received,
    )
