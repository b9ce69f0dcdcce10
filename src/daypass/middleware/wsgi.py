"""The middleware for WSGI applications (Django, Flask, …).

WSGI servers hand over a decoded path. The signature covers the path as it was sent, so the server has to give that as
well: gunicorn and Werkzeug as RAW_URI, uWSGI and mod_wsgi as REQUEST_URI. Without either, a request is refused.

Source: PEP 3333.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from daypass.middleware.authorizer import Answer, Authorizer, Rule, needed_by, question
from daypass.middleware.refusal import BODY_BYTES_MAX, NOT_FOUND, TOO_LARGE, answer_to, refusal, unavailable

Environment = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]


class SigV4WsgiMiddleware:
    """Lets through what the authorizer allows, with `environ["daypass"]`, the Answer, beside it.

    service, rule: as of SigV4Middleware.
    """

    def __init__(self, app: Application, authorizer: Authorizer, *, service: str, rule: Rule) -> None:
        self._app = app
        self._authorizer = authorizer
        self._service = service
        self._rule = rule

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
        if not target.startswith("/"):
            return _refuse(start_response, unavailable("the WSGI server says neither RAW_URI nor REQUEST_URI"))
        needed = needed_by(self._rule, environ["REQUEST_METHOD"], _path(environ))
        if needed is None:
            return _refuse(start_response, NOT_FOUND)
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            return _refuse(start_response, TOO_LARGE)
        body = environ["wsgi.input"].read(int(length)) if int(length) else b""
        answer = self._ask(environ, target, needed, body)
        if not answer.allowed:
            return _refuse(start_response, answer)
        environ["daypass"] = answer
        environ["wsgi.input"] = io.BytesIO(body)
        return self._app(environ, start_response)

    def _ask(self, environ: Environment, target: str, needed: tuple[str, str], body: bytes) -> Answer:
        asked = question(
            method=environ["REQUEST_METHOD"],
            target=target,
            headers=_headers(environ),
            payload_sha256=sha256(body).hexdigest(),
            service=self._service,
            needed=needed,
            source_ip=environ.get("REMOTE_ADDR", ""),
            secure=environ.get("wsgi.url_scheme") == "https",
        )
        return answer_to(asked, self._authorizer)


def _path(environ: Environment) -> str:
    """As the service gets it: decoded, and in the letters of WSGI, each of which is a byte."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1").decode("utf-8", "replace")


def _headers(environ: Environment) -> list[tuple[str, str]]:
    """WSGI joins a header that was sent twice, and one with `_` looks like one with `-`: neither is ever signed so."""
    headers = [(name[5:].replace("_", "-").lower(), value) for name, value in environ.items() if name[:5] == "HTTP_"]
    if environ.get("CONTENT_TYPE"):
        headers.append(("content-type", environ["CONTENT_TYPE"]))
    if environ.get("CONTENT_LENGTH"):
        headers.append(("content-length", environ["CONTENT_LENGTH"]))
    return headers


def _refuse(start_response: StartResponse, answer: Answer) -> Iterable[bytes]:
    status, headers, body = refusal(answer)
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
