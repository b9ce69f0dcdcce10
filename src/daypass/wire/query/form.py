"""A request as a form, and which operation it asks for.

Owns everything that is decided before the operation's model is read: method, content type, decoding, Action and
Version. What a browser or a stray client sends is answered with a redirect or a page, as AWS does: Dispatched.

Source: recorded answers of AWS STS to unusual methods, content types, actions and versions; the wording of
MalformedQueryString as observed at AWS IAM.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from daypass.errors import ServiceError
from daypass.wire.http import Headers, RawRequest, RawResponse
from daypass.wire.model import Operation, Service
from daypass.wire.query.values import Form

_ELSEWHERE: Final = b"https://aws.amazon.com/iam"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_USUAL_TYPES: Final = frozenset({_FORM_TYPE, _FORM_TYPE + "; charset=utf-8"})  # as the SDKs send it
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})

_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})(..?)?", re.DOTALL)
_UNSAFE_IN_HEADER: Final = re.compile(rb"[^\x21-\x7e]")


class Dispatched(Exception):
    """The request is no call of the protocol and is sent elsewhere, or shown a page, as AWS does."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(f"status {status}")
        self._answer = status, headers, body

    def response(self, headers: Headers) -> RawResponse:
        """The whole answer. headers: what every answer carries, such as the request id."""
        status, own, body = self._answer
        length = (b"Content-Length", str(len(body)).encode("ascii"))
        return RawResponse(status, (*headers, *own, length), body)


def parse_form(request: RawRequest) -> Form:
    """The parameters of the query string, then those of the body; of a repeated one the first counts.

    Raises:
        Dispatched: another method than GET and POST, a POST of no form, or no Action at all.
        ServiceError: MalformedQueryString for what cannot be decoded; MalformedInput for a GET with a body.
    """
    if request.method == "POST":
        _require_form_type(request.header(b"content-type"))
        raw = b"&".join((request.query, request.body)) if request.query else request.body
    elif request.method == "GET":
        # AWS's answer is not known. Parameters in such a body would be ignored, so it is refused.
        if request.body:
            raise ServiceError("MalformedInput", 400, "a GET request has no body")
        raw = request.query
    else:
        raise _redirect(_ELSEWHERE)
    parameters = _decode(raw)
    action = parameters.get("Action")
    if action is None:
        raise _redirect(_with_query(_ELSEWHERE, request))
    return Form(action, parameters.get("Version"), parameters)


def operation_of(service: Service, form: Form) -> Operation:
    """The operation that Action and Version name.

    Raises:
        ServiceError: InvalidAction; the service has no such version, or the version no such operation.
    """
    operation = service.operations.get(form.action)
    if operation is None or form.version != service.api_version:
        raise _no_operation(form)
    return operation


def not_served(service: Service, form: Form) -> ServiceError:
    """InvalidAction for the form. An operation that AWS has is told as one that is not served here."""
    if form.version == service.api_version and form.action in service.operations:
        text = f"{form.action} is not served by Daypass; docs/compatibility.md says what is, and why the rest is not"
        return ServiceError("InvalidAction", 400, text)
    return _no_operation(form)


def _no_operation(form: Form) -> ServiceError:
    version = "NO_VERSION_SPECIFIED" if form.version is None else form.version
    return ServiceError("InvalidAction", 400, f"Could not find operation {form.action} for version {version}")


def _require_form_type(content_type: str | None) -> None:
    if content_type is None:
        raise _redirect(_ELSEWHERE)
    if content_type in _USUAL_TYPES:
        return
    media_type, *options = [part.strip().lower() for part in content_type.split(";")]
    charsets = [option[8:].strip('"') for option in options if option.startswith("charset=")]
    if media_type != _FORM_TYPE or not _CHARSETS.issuperset(charsets):
        body = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>\n"
        raise Dispatched(403, ((b"Content-Type", b"text/html"),), body)


def _redirect(location: bytes) -> Dispatched:
    return Dispatched(302, ((b"Location", location),), b"")


def _with_query(location: bytes, request: RawRequest) -> bytes:
    """The location with the query string of a GET; not if it is signed: a token is not for another host."""
    query = request.query
    if request.method != "GET" or not query or b"x-amz-" in unquote_to_bytes(query).lower():
        return location
    return location + b"?" + _UNSAFE_IN_HEADER.sub(lambda found: b"%%%02X" % found[0][0], query)


def _first_parse(text: str, keep_blank: bool) -> dict[str, str | list[str]]:
    """Imports the decoder and takes its place. A client checks its calls by this package too, and decodes no form: the
    import would be half of what `daypass token` takes."""
    global _parse
    from falcon.uri import parse_query_string

    _parse = parse_query_string
    return parse_query_string(text, keep_blank=keep_blank)


_parse: Callable[..., dict[str, str | list[str]]] = _first_parse


def _decode(raw: bytes) -> dict[str, str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _not_utf8() from None
    parsed = _parse(text, keep_blank=True)
    try:
        # One string of everything decoded: cheap to look through. A repeated name has a list and does not join.
        decoded = "".join(parsed) + "".join(parsed.values())  # type: ignore[arg-type]  # because a list is the point
    except TypeError:
        parsed = {name: value if isinstance(value, str) else value[0] for name, value in parsed.items()}
        decoded = "%"  # whatever the values dropped held is looked for as well
    # The decoder leaves a broken escape as it is, so that its `%` survives, and replaces what is not UTF-8.
    if "%" in decoded or not decoded.isascii():
        _refuse_broken_escapes(text)
    return parsed  # type: ignore[return-value]  # because the lists are gone


def _refuse_broken_escapes(text: str) -> None:
    broken = _BROKEN_ESCAPE.search(text)
    if broken is not None:
        pair = broken[1] or ""
        if len(pair) < 2 or "&" in pair or "=" in pair:
            raise ServiceError("MalformedQueryString", 400, "Incomplete trailing escape % sequence")
        raise ServiceError("MalformedQueryString", 400, f"Illegal hex character in escape % pattern: %{pair}")
    try:
        unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise _not_utf8() from None


def _not_utf8() -> ServiceError:
    return ServiceError("MalformedQueryString", 400, "the request's parameters are not UTF-8")
