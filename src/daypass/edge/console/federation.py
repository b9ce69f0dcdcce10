"""The federation endpoint: its three actions, and the cookies that keep a console session.

A console session is longer than one cookie may be, so it is cut into several. They are of this host alone, out of
reach of scripts, and are not sent along from other sites' forms.

Source: IAM User Guide, "Enable custom identity broker access to the AWS console"; RFC 6265 for cookies.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from daypass import limits
from daypass.edge.asgi import Receive, Scope, Send
from daypass.edge.console import page
from daypass.edge.whole_body import ClientGone, whole_body
from daypass.errors import ServiceError
from daypass.names import make_request_id
from daypass.service.authorize import Authorizer
from daypass.service.ports import Entropy
from daypass.service.sign_in import SignIn, SignInRefused
from daypass.wire.http import Headers, RawRequest, RawResponse

CONSOLE_PATH: Final = "/_daypass/console"
_OWN_ENDPOINT: Final = "/_daypass/federation"
_AWS_ENDPOINT: Final = "/federation"
_ACTIONS: Final = ("getSigninToken", "login", "logout")
_COOKIE: Final = "daypass_console_"
_COOKIES: Final = 4  # cut into so many at most: a session token has 4,096 characters, sealed and encoded some 7,500

_log: Final = logging.getLogger("daypass")


class Console:
    """Answers the federation endpoint and the console's pages."""

    def __init__(
        self, *, sign_in: SignIn, authorizer: Authorizer, entropy: Entropy, now: Callable[[], datetime]
    ) -> None:
        self._sign_in = sign_in
        self._authorizer = authorizer
        self._entropy = entropy
        self._now = now

    def is_meant(self, scope: Scope) -> bool:
        """Whether a request on the public port is for the console and not for an API."""
        path = scope["path"]
        if path in (CONSOLE_PATH, _OWN_ENDPOINT):
            return True
        return path == _AWS_ENDPOINT and (
            _action_of(scope["query_string"].decode("latin-1")) in _ACTIONS
            or (scope["method"] == "POST" and not scope["query_string"] and _is_form(scope))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = make_request_id(self._entropy.bytes(16))
        try:
            answer = await self._answer(scope, receive, request_id)
        except ClientGone:
            return
        except SignInRefused:
            answer = page.refused()
        except ServiceError as error:
            answer = page.failed(error.status, error.message or "")
        except Exception:  # noqa: BLE001  our fault, whatever it is: logged here once, its details never sent
            _log.exception("request %s failed", request_id)
            answer = page.failed(500, "The page could not be made.")
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body)), *page.SECURITY_HEADERS]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> RawResponse:
        request = _request(scope, self._now())
        if scope["path"] == CONSOLE_PATH:
            return await self._console(scope, request)
        if scope["method"] not in ("GET", "POST", "HEAD"):
            return page.failed(405, "The federation endpoint takes GET and POST.")
        form = await _form(scope, receive)
        match form.get("Action"):
            case "getSigninToken":
                return await self._get_signin_token(form, request, request_id)
            case "login":
                return await self._log_in(form, request, request_id)
            case "logout":
                return _log_out(form, request)
            case _:
                return page.failed(400, "Action is one of getSigninToken, login and logout.")

    async def _get_signin_token(self, form: Mapping[str, str], request: RawRequest, request_id: str) -> RawResponse:
        if form.get("SessionType", "json") != "json":
            raise SignInRefused
        # AWS's samples have DurationSeconds in the place of SessionDuration.
        duration = form.get("SessionDuration", form.get("DurationSeconds"))
        signin_token = await self._sign_in.signin_token(form.get("Session", ""), duration, request, request_id)
        body = json.dumps({"SigninToken": signin_token}).encode()
        return RawResponse(200, ((b"content-type", b"application/json"),), body)

    async def _log_in(self, form: Mapping[str, str], request: RawRequest, request_id: str) -> RawResponse:
        destination = _destination(form.get("Destination", CONSOLE_PATH), request)
        issuer = form.get("Issuer", "")
        session, expires = await self._sign_in.log_in(
            form.get("SigninToken", ""), issuer if _is_web_address(issuer) else "", request, request_id
        )
        seconds = max(int((expires - request.received).total_seconds()), 0)
        return RawResponse(302, ((b"location", destination), *_cookies(session, seconds, request)), b"")

    async def _console(self, scope: Scope, request: RawRequest) -> RawResponse:
        if scope["method"] not in ("GET", "HEAD"):
            return page.failed(405, "The console is a page to look at.")
        try:
            session = await self._sign_in.open(_session_of(request), request)
        except SignInRefused:
            return page.signed_out()
        asked = dict(_pairs(request.query.decode("latin-1"), at_most=8))
        return await page.console(session, self._authorizer, request, asked)


def _log_out(form: Mapping[str, str], request: RawRequest) -> RawResponse:
    destination = _destination(form.get("redirect_uri", CONSOLE_PATH), request)
    return RawResponse(302, ((b"location", destination), *_cookies("", 0, request)), b"")


def _action_of(query: str) -> str:
    """The Action of a query; empty if it has none, or so many parameters that it is none of ours."""
    try:
        return next((value for name, value in _pairs(query, at_most=64) if name == "Action"), "")
    except SignInRefused:
        return ""


def _pairs(query: str, *, at_most: int) -> list[tuple[str, str]]:
    """Raises SignInRefused: there are more."""
    try:
        return parse_qsl(query, max_num_fields=at_most)
    except ValueError:
        raise SignInRefused from None


def _is_form(scope: Scope) -> bool:
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    signed = any(name == b"authorization" for name, _ in scope["headers"])
    return not signed and types[:1] != [] and types[0].startswith(b"application/x-www-form-urlencoded")


async def _form(scope: Scope, receive: Receive) -> dict[str, str]:
    """Query and body together; of a parameter given twice the first counts. Raises SignInRefused."""
    text = scope["query_string"].decode("latin-1")
    if scope["method"] == "POST":
        text += "&" + (await whole_body(receive, limits.SIGNIN_BODY_BYTES)).decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError:
        raise SignInRefused from None
    return dict(reversed(pairs))


def _request(scope: Mapping[str, Any], received: datetime) -> RawRequest:
    client = scope.get("client")
    return RawRequest(
        scope["method"],
        scope["path"].encode(),
        scope["query_string"],
        tuple(scope["headers"]),
        b"",
        client[0] if client else "",
        scope["scheme"] == "https",
        received,
    )


def _destination(text: str, request: RawRequest) -> bytes:
    """Where to go, if that is a page of our own console; anything else would make the endpoint an open redirect.

    Raises:
        SignInRefused: it is elsewhere.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise SignInRefused from None
    host = request.header(b"host") or ""
    elsewhere = (parts.scheme or parts.netloc) and (
        parts.scheme not in ("http", "https") or parts.netloc.lower() != host.lower()
    )
    if elsewhere or parts.path != CONSOLE_PATH:
        raise SignInRefused
    query = urlencode(_pairs(parts.query, at_most=8))
    return (CONSOLE_PATH + (f"?{query}" if query else "")).encode("ascii")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _cookies(session: str, seconds: int, request: RawRequest) -> Headers:
    """The session in as many cookies as it takes; those that it does not take are removed."""
    secure = "; Secure" if request.secure else ""
    pieces = [session[at : at + limits.COOKIE_CHARS] for at in range(0, len(session), limits.COOKIE_CHARS)]
    if len(pieces) > _COOKIES:
        raise SignInRefused
    cookies = []
    for number in range(_COOKIES):
        piece = pieces[number] if number < len(pieces) else ""
        age = seconds if piece else 0
        text = f"{_COOKIE}{number}={piece}; Path=/_daypass; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
        cookies.append((b"set-cookie", text.encode("ascii")))
    return tuple(cookies)


def _session_of(request: RawRequest) -> str:
    """The console session that the request's cookies hold; empty if there is none."""
    held: dict[str, str] = {}
    for header in request.header_values(b"cookie"):
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            held.setdefault(name, value)
    return "".join(held.get(f"{_COOKIE}{number}", "") for number in range(_COOKIES))
