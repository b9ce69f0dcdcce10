"""The authorizer as a service sees it: one question, one answer. Anything else than a clear yes is a no.

Source: docs/authorizer.md for the form of questions and answers.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

# (method, path) → (action, resource ARN); None: the service has nothing there. The path is the one that the service
# gets, decoded once, without its query: as it was sent it can name one thing in many ways, and a Deny names one.
Rule = Callable[[str, str], tuple[str, str] | None]

ANSWER_SECONDS: Final = 5  # the authorizer answers from memory; one that does not is down
_PATH: Final = "/_daypass/authorize"


class AuthorizerUnavailable(Exception):
    """No answer was to be had: nothing is allowed until there is one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """allowed: the decision. caller: arn, type, account and user_id; None if nobody was proven.

    status, code, message: what to tell a client that is refused.
    """

    allowed: bool
    caller: Mapping[str, str] | None
    request_id: str
    status: int
    code: str
    message: str


class Authorizer:
    """Where to ask: `unix:/path/of/the/socket`, `http://127.0.0.1:8421` with the token of its configuration, or
    `https://authorizer.internal:8421` with a TLS context that has one's certificate (`load_cert_chain`)."""

    def __init__(self, where: str, *, token: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._socket = where.removeprefix("unix:") if where.startswith("unix:") else None
        parts = urlsplit(where)
        if self._socket is None and (
            parts.scheme not in ("http", "https") or parts.hostname is None or parts.port is None
        ):
            raise ValueError("an authorizer is unix:/path, http://HOST:PORT or https://HOST:PORT")
        if (parts.scheme == "https") is not (tls is not None):
            raise ValueError("an authorizer with https, and no other, is asked with a TLS context")
        self._tls = tls
        self._host, self._port = parts.hostname or "localhost", parts.port or 80
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["X-Daypass-Authorizer-Token"] = token

    @property
    def where(self) -> str:
        """The socket's path, or HOST:PORT."""
        return self._socket or f"{self._host}:{self._port}"

    def __repr__(self) -> str:
        return f"Authorizer({self.where})"

    def ask(self, question: Mapping[str, Any]) -> Answer:
        """The answer to one question; blocks until it is there.

        Raises:
            AuthorizerUnavailable: no answer, or one that is no answer.
        """
        try:
            connection = self._connection()
            try:
                connection.request("POST", _PATH, json.dumps(question), self._headers)
                response = connection.getresponse()
                body = response.read()
            finally:
                connection.close()
            if response.status != 200:
                raise AuthorizerUnavailable(f"the authorizer answered {response.status}: {_text(_error(body))}")
            return _answer(json.loads(body))
        except OSError as error:
            raise AuthorizerUnavailable(f"the authorizer at {self.where} did not answer: {error}") from None
        except (http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise AuthorizerUnavailable(f"the authorizer did not answer: {type(error).__name__}") from None

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=ANSWER_SECONDS, context=self._tls)
        if self._socket is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_SECONDS)
        return _UnixConnection(self._socket)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(self._path)


def needed_by(rule: Rule, method: str, path: str) -> tuple[str, str] | None:
    """What the rule says. With `.` or `..` between slashes a path names what a service may find under another name, so
    there is nothing."""
    return rule(method, path) if {".", ".."}.isdisjoint(path.split("/")) else None


def question(
    *,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    payload_sha256: str,
    service: str,
    needed: tuple[str, str],
    source_ip: str,
    secure: bool,
) -> dict[str, Any]:
    """The question about one request of a client. needed: (action, resource)."""
    return {
        "signed_request": {
            "method": method,
            "target": target,
            "headers": [list(header) for header in headers],
            "payload_sha256": payload_sha256,
            "service": service,
        },
        "action": needed[0],
        "resource": needed[1],
        "source_ip": source_ip if _is_address(source_ip) else "",
        "secure": secure,
    }


def _is_address(text: str) -> bool:
    """A server that listens on a Unix socket has none to tell, or a name in its place."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _answer(decoded: Mapping[str, Any]) -> Answer:
    error = decoded["error"]
    decisions = decoded["decisions"]
    denied = next((decision for decision in decisions if decision["decision"] != "Allowed"), None)
    allowed = decoded["allowed"] is True and error is None and bool(decisions) and denied is None
    return Answer(
        allowed=allowed,
        caller=decoded["caller"],
        request_id=decoded["request_id"],
        status=200 if allowed else 403 if error is None else int(error["status"]),
        code="" if allowed else "AccessDenied" if error is None else error["code"],
        message="" if allowed else denied["reason"] if error is None and denied is not None else _text(error),
    )


def _error(body: bytes) -> Mapping[str, Any] | None:
    """What a refused question was answered with."""
    decoded = json.loads(body) if body else None
    return decoded["error"] if isinstance(decoded, dict) else None


def _text(error: Mapping[str, Any] | None) -> str:
    return "Access Denied" if error is None else str(error["message"])
