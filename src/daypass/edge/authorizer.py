"""The authorizer: decisions for those who carry the bytes themselves, on a listener of its own.

Who can reach it can ask about anybody, so it listens on a Unix socket, guarded by the file's permissions, on a loopback
address, guarded by a token as well, or over TLS for those with a certificate (edge.mutual_tls). Its answers hold
decisions and reasons; no key and no session token.

    POST /_daypass/authorize    a question, or a batch of them, as JSON (edge.json_questions)
    GET  /_daypass/nginx        nginx's question about an S3 request (edge.proxies)
    any  /_daypass/envoy/…      Envoy's question about an S3 request (edge.proxies)
    GET  /_daypass/health       200 when ready

Most questions go past this, by edge.question_turn, and are answered alike.

Source: the form of a question is Daypass's own; docs/authorizer.md shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from daypass import limits
from daypass.edge.asgi import HEALTH_PATH, Receive, Scope, Send
from daypass.edge.askers import answer, check_asker, recorded, refusal
from daypass.edge.json_questions import AUTHORIZE_PATH, JsonQuestions
from daypass.edge.proxies import ProxyQuestions, is_proxy_s
from daypass.edge.told import Told
from daypass.edge.whole_body import ClientGone, whole_body
from daypass.errors import ServiceError
from daypass.names import Secret, make_request_id
from daypass.service.ports import AuditLog, Entropy
from daypass.wire.http import RawRequest, RawResponse


class DecisionListener:
    """Answers on the authorizer's listener, and nowhere else.

    port: of a loopback listener; None for a Unix socket.
    token: what an asker over TCP proves itself with; None over TLS: by its certificate alone (edge.mutual_tls).
    """

    def __init__(
        self,
        *,
        json: JsonQuestions,
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
        self._json = json
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
        if scope["path"].encode() == HEALTH_PATH:
            return answer(200, {"status": "ok"}, scope["method"], request_id)
        check_asker(tuple(scope["headers"]), self._token)
        if is_proxy_s(scope["raw_path"]):
            told = await self._proxies.told(_question(scope, b"", self._now()), request_id)
        else:
            told = await self._authorize(scope, receive, request_id)
        return recorded(told, request_id, self._audit)

    async def _authorize(self, scope: Scope, receive: Receive, request_id: str) -> Told:
        if scope["path"].encode() != AUTHORIZE_PATH:
            raise ServiceError("NotFound", 404, f"ask with POST {AUTHORIZE_PATH.decode()}")
        if scope["method"] != "POST":
            raise ServiceError("MethodNotAllowed", 405, f"ask with POST {AUTHORIZE_PATH.decode()}")
        body = await whole_body(receive, limits.AUTHORIZE_BODY_BYTES)
        return await self._json.told(_question(scope, body, self._now()), request_id)


def _question(scope: Scope, body: bytes, received: datetime) -> RawRequest:
    """The question as it came."""
    return RawRequest(
        method=scope["method"],
        path=scope["raw_path"],
        query=scope["query_string"],
        headers=tuple(scope["headers"]),
        body=body,
        source_ip="",
        secure=False,
        received=received,
    )
