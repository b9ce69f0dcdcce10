"""The authorizer: decisions for those who carry the bytes themselves, on a listener of its own.

Who can reach it can ask about anybody, so it listens on a Unix socket, guarded by the file's permissions, or on a
loopback address, guarded by a token as well. Its answers hold decisions and reasons; no key and no session token.

    POST /_daypass/authorize    a question, or a batch of them, as JSON (service.decisions)
    GET  /_daypass/nginx        nginx's question about an S3 request (edge.proxies)
    any  /_daypass/envoy/…      Envoy's question about an S3 request (edge.proxies)
    GET  /_daypass/health       200 when ready

Source: the form of a question is Daypass's own; docs/authorizer.md shows it.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from daypass import limits
from daypass.edge.asgi import HEALTH_PATH, Receive, Scope, Send, make_request_id
from daypass.edge.front import Front
from daypass.edge.proxies import ENVOY_PREFIX, NGINX_PATH, Misconfigured, ask_for_envoy, ask_for_nginx
from daypass.edge.whole_body import ClientGone, whole_body
from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.service.decisions import Decider, QuestionError, all_allowed, read_questions
from daypass.service.ports import Entropy
from daypass.wire.http import RawResponse

AUTHORIZE_PATH: Final = "/_daypass/authorize"
TOKEN_HEADER: Final = b"x-daypass-authorizer-token"

_log: Final = logging.getLogger("daypass")


class DecisionListener:
    """Answers on the authorizer's listener, and nowhere else.

    front: None if no S3 backend is configured.
    port: of a loopback listener; None for a Unix socket.
    token: what an asker over TCP proves itself with.
    """

    def __init__(
        self,
        *,
        decider: Decider,
        front: Front | None,
        entropy: Entropy,
        now: Callable[[], datetime],
        port: int | None,
        token: Secret | None,
    ) -> None:
        if port is not None and token is None:
            raise ValueError("an authorizer on TCP has a token")
        self._decider = decider
        self._front = front
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
            routed = await self._route(scope, request_id)
            if routed is not None:
                await send({"type": "http.response.start", "status": routed.status, "headers": routed.headers})
                await send({"type": "http.response.body", "body": routed.body})
                return
            status, answer = await self._answer(scope, receive, request_id)
        except ClientGone:
            return
        except Misconfigured as error:
            _log.error("a proxy in front of S3 is not configured as it must be: %s", error)
            status, answer = 500, _error("Misconfigured", str(error), request_id)
        except QuestionError as error:
            status, answer = 400, _error("ValidationError", str(error), request_id)
        except ServiceError as error:
            status, answer = error.status, _error(error.code, error.message or "", request_id)
        except Exception:  # noqa: BLE001  our fault, whatever it is: logged here once, its details never sent
            _log.exception("request %s failed", request_id)
            status, answer = 500, _error("InternalFailure", "The question could not be answered.", request_id)
        body = json.dumps(answer).encode() + b"\n"
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"x-amzn-requestid", request_id.encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _route(self, scope: Scope, request_id: str) -> RawResponse | None:
        """The answer to a proxy's question; None if it is none."""
        path: bytes = scope["raw_path"]
        is_nginx = path == NGINX_PATH
        if not is_nginx and path != ENVOY_PREFIX and not path.startswith(ENVOY_PREFIX + b"/"):
            return None
        self._check_asker(scope)
        if self._front is None:
            raise Misconfigured("Daypass has no S3 backend; set --s3-backend")
        ask = ask_for_nginx if is_nginx else ask_for_envoy
        return await ask(self._front, scope, request_id, self._now())

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> tuple[int, Mapping[str, Any]]:
        if scope["path"].encode() == HEALTH_PATH:
            return 200, {"status": "ok"}
        self._check_asker(scope)
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

    def _check_asker(self, scope: Scope) -> None:
        if self._token is None:
            return
        given = [value for name, value in scope["headers"] if name == TOKEN_HEADER]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._token.reveal().encode()):
            raise ServiceError("AccessDenied", 403, f"the header {TOKEN_HEADER.decode()} is missing or wrong")


def _error(code: str, message: str, request_id: str) -> dict[str, Any]:
    return {"request_id": request_id, "error": {"code": code, "message": message}}
