"""The Query protocol from the client's side: parameters → a signed form; XML → values, or the error it tells of.

Pure: the time is told, and sending is transport's work. Parameters are checked against the service's published model
before anything is sent, by the very code that a Daypass server checks them with, and refused in AWS's words.

Source: STS API Reference, "Making query requests"; IAM User Guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from daypass import limits
from daypass.client.credentials import Credentials
from daypass.client.errors import TokenServiceError, Unreachable, error_of
from daypass.errors import ServiceError
from daypass.wire import model, sigv4
from daypass.wire.model import BooleanShape, IntegerShape, ListShape, Operation, Shape, StructureShape, TimestampShape
from daypass.wire.query import Form, parse_call

_CONTENT_TYPE: Final = "application/x-www-form-urlencoded; charset=utf-8"

Parameters = Mapping[str, Any]  # nested dict, list, str and int under the model's member names


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a token service is. authority: host and port, without credentials."""

    url: str
    authority: str
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Raises ValueError for anything that is not an http or https address."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"the STS endpoint `{url}` is not an http or https address")
        authority = parts.netloc.rpartition("@")[2]
        path = parts.path or "/"
        return cls(f"{parts.scheme}://{authority}{path}", authority, path)


def check(operation: str, parameters: Parameters) -> None:
    """Holds the parameters against the model's constraints.

    Raises:
        TokenServiceError: ValidationError, in AWS's words; MalformedInput.
    """
    service = model.load("sts")
    try:
        parse_call(service, Form(operation, service.api_version, dict(_flat(parameters))))
    except ServiceError as fault:
        raise error_of(fault.code, fault.status, fault.message) from None


def signed_request(
    endpoint: Endpoint,
    operation: str,
    parameters: Parameters,
    credentials: Credentials | None,
    region: str,
    now: datetime,
) -> tuple[bytes, dict[str, str]]:
    """The body to POST and its headers. Without credentials, or where the operation takes no signature, unsigned."""
    service = model.load("sts")
    body = urlencode([("Action", operation), ("Version", service.api_version), *_flat(parameters)]).encode("ascii")
    headers = {"Content-Type": _CONTENT_TYPE, "Host": endpoint.authority}
    if credentials is None or service.operations[operation].unsigned:
        return body, headers
    headers["X-Amz-Date"] = sigv4.amz_date(now)
    if credentials.session_token is not None:
        headers["X-Amz-Security-Token"] = credentials.session_token.reveal()
    headers["Authorization"] = sigv4.sign(
        "POST",
        endpoint.path.encode(),
        b"",
        tuple((name.lower().encode(), value.encode()) for name, value in headers.items()),
        hashlib.sha256(body).hexdigest(),
        credentials.access_key_id,
        credentials.secret_access_key,
        region,
        "sts",
        now,
    )
    return body, headers


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested parameters as a form's: `Tags.member.1.Key`."""
    match value:
        case Mapping():
            for key, item in value.items():
                yield from _flat(item, f"{name}.{key}" if name else key)
        case list() | tuple():
            for number, item in enumerate(value, start=1):
                yield from _flat(item, f"{name}.member.{number}")
        case _:
            yield name, str(value)


# --- answers -----------------------------------------------------------------------------------------------------


def read_answer(operation: str, status: int, request_id: str | None, body: bytes) -> dict[str, Any]:
    """The result of an operation under the model's member names.

    request_id: of the answer's header. body: at most limits.CLIENT_ANSWER_BYTES; one byte more is refused.

    Raises:
        TokenServiceError: the service said no.
        Unreachable: what answered is no STS.
    """
    if status != 200:
        raise _refusal(status, request_id, body)
    described = model.load("sts").operations[operation]
    result = _parse(body).find(f"{operation}Result")
    if result is None or described.output is None:
        raise Unreachable(f"the answer is not of STS: it holds no {operation}Result")
    return _structure(result, described.output, described)


def _refusal(status: int, request_id: str | None, body: bytes) -> TokenServiceError | Unreachable:
    try:
        root = _parse(body)
    except Unreachable:
        root = ElementTree.Element("Nothing")
    code = root.findtext(".//Error/Code")
    if not code:
        return Unreachable(f"the endpoint answered {status}, and not as STS does")
    message = root.findtext(".//Error/Message")
    return error_of(code, status, message or None, request_id or root.findtext(".//RequestId"))


def _parse(body: bytes) -> ElementTree.Element:
    """The answer's XML with its namespaces taken off: STS implementations differ in them."""
    if len(body) > limits.CLIENT_ANSWER_BYTES:
        raise Unreachable("the answer is too long to be of STS")
    # A document type could define entities that grow without end; STS sends none.
    if b"<!DOCTYPE" in body:
        raise Unreachable("the answer is not of STS")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  no document type, a bounded length
    except ElementTree.ParseError:
        raise Unreachable("the answer is not of STS: not XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _structure(element: ElementTree.Element, shape: StructureShape, operation: Operation) -> dict[str, Any]:
    values = {}
    for name, member in shape.members.items():
        found = element.find(name)
        if found is not None:
            values[name] = _value(found, member.shape, operation)
        elif member.required:
            raise Unreachable(f"the answer to {operation.name} is not of STS: it holds no {name}")
    return values


def _value(element: ElementTree.Element, shape: Shape, operation: Operation) -> Any:
    text = element.text or ""
    try:
        match shape:
            case StructureShape():
                return _structure(element, shape, operation)
            case ListShape():
                return [_value(item, shape.element, operation) for item in element.findall("member")]
            case IntegerShape():
                return int(text)
            case BooleanShape():
                return {"true": True, "false": False}[text]
            case TimestampShape():
                moment = datetime.fromisoformat(text)
                if moment.tzinfo is None:
                    raise ValueError(text)
                return moment
            case _:
                return text
    except (ValueError, KeyError):
        raise Unreachable(f"the answer to {operation.name} is not of STS: {element.tag} has no such value") from None
