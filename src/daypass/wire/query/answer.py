"""A result or an error as the Query protocol writes it: XML as AWS lays it out, or JSON where the caller asks.

Each operation is compiled once into writers that know their tags and indentation.

Source: recorded answers of AWS STS (no XML declaration, two spaces, a newline at the end, apostrophes as they
are); the JSON form as clients that ask for it record it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from daypass.errors import ServiceError
from daypass.wire.model import (
    BlobShape,
    BooleanShape,
    IntegerShape,
    ListShape,
    MapShape,
    Operation,
    Service,
    Shape,
    StringShape,
    StructureShape,
    TimestampShape,
)
from daypass.wire.query.template import CONTROLS, Template, compile_template, iso8601, order

FAULT_NAMESPACE: Final = "http://webservices.amazon.com/AWSFault/2005-15-09"  # sic; AWS uses it for InvalidAction

# XML 1.0 has no characters for these, not even by reference. A carriage return it has by reference only.
_WITHOUT_CONTROLS: Final = bytes.maketrans(CONTROLS, b"?" * len(CONTROLS))

Writer = Callable[[Any], str]


def render_result(
    service: Service, operation: Operation, result: Mapping[str, Any], request_id: str, json: bool = False
) -> bytes:
    """The answer to a call that succeeded.

    result: by the model's member names; None members are left out.

    Raises:
        KeyError: a member that the model does not know.
    """
    if json:
        answer = {"ResponseMetadata": {"RequestId": request_id}}
        if operation.output is not None and operation.result_wrapper is not None:
            answer = {operation.result_wrapper: _plain(operation.output, result)} | answer
        return _json({f"{operation.name}Response": answer})
    return _result_writer(service, operation)(result, request_id)


def render_error(namespace: str, error: ServiceError, request_id: str, json: bool = False) -> bytes:
    """The answer to a call that failed. namespace: of the service; InvalidAction has its own."""
    if json:
        said = {"Code": error.code, "Message": error.message, "Type": error.fault}
        return _json(
            {"Error": {key: value for key, value in said.items() if value is not None}, "RequestId": request_id}
        )
    if error.code == "InvalidAction":
        namespace = FAULT_NAMESPACE
    message = "" if error.message is None else f"    <Message>{_escape(error.message)}</Message>\n"
    return _xml(
        f'<ErrorResponse xmlns="{namespace}">\n'
        "  <Error>\n"
        f"    <Type>{error.fault}</Type>\n"
        f"    <Code>{_escape(error.code)}</Code>\n"
        f"{message}"
        "  </Error>\n"
        f"  <RequestId>{request_id}</RequestId>\n"
        "</ErrorResponse>\n"
    )


@cache
def _result_writer(service: Service, operation: Operation) -> Callable[[Mapping[str, Any], str], bytes]:
    """Writes the whole answer from a result and a request id."""
    head = f'<{operation.name}Response xmlns="{service.namespace}">\n'
    body = "  <ResponseMetadata>\n    <RequestId>"
    foot = f"</RequestId>\n  </ResponseMetadata>\n</{operation.name}Response>\n"
    output, wrapper = operation.output, operation.result_wrapper
    if output is None or wrapper is None:

        def write_empty(result: Mapping[str, Any], request_id: str) -> bytes:
            if result:
                raise KeyError(f"{operation.name} has no result")
            return _xml(f"{head}{body}{request_id}{foot}")

        return write_empty
    write_result = _writer(output, wrapper, "  ")
    # By the members that are there. What a result holds is ours to say, so there are few of them.
    templates: dict[tuple[str, ...], Template | None] = {}

    def write(result: Mapping[str, Any], request_id: str) -> bytes:
        present = tuple(result)
        if present not in templates:
            templates[present] = compile_template(output, wrapper, present, head, f"{body}%s{foot}")
        template = templates[present]
        document = None if template is None else template.document(result, request_id)
        if document is None:
            document = _xml(f"{head}{write_result(result)}{body}{request_id}{foot}")
        return document

    return write


def _writer(shape: Shape, tag: str, indent: str) -> Writer:
    """Writes a value of the shape as an element at that depth."""
    match shape:
        case StructureShape():
            return _structure_writer(shape, tag, indent)
        case ListShape():
            return _list_writer(_writer(shape.element, "member", indent + "  "), tag, indent)
        case MapShape():
            return _map_writer(shape, tag, indent)
        case StringShape():
            return _string_writer(f"{indent}<{tag}>", f"</{tag}>\n")
        case _:
            return _leaf_writer(_text_of(shape), f"{indent}<{tag}>", f"</{tag}>\n")


def _structure_writer(shape: StructureShape, tag: str, indent: str) -> Writer:
    first, last = f"{indent}<{tag}>\n", f"{indent}</{tag}>\n"
    names = frozenset(shape.members)
    members = [(name, _writer(shape.members[name].shape, name, indent + "  ")) for name in order(shape)]

    def write(value: Mapping[str, Any]) -> str:
        if not names.issuperset(value):
            raise KeyError(f"{shape.name} has no {', '.join(value.keys() - names)}")
        parts = [first]
        for name, write_member in members:
            item = value.get(name)
            if item is not None:
                parts.append(write_member(item))
        parts.append(last)
        return "".join(parts)

    return write


def _list_writer(write_element: Writer, tag: str, indent: str) -> Writer:
    empty, first, last = f"{indent}<{tag}/>\n", f"{indent}<{tag}>\n", f"{indent}</{tag}>\n"

    def write(value: Sequence[Any]) -> str:
        return "".join([first, *map(write_element, value), last]) if value else empty

    return write


def _map_writer(shape: MapShape, tag: str, indent: str) -> Writer:
    first, last = f"{indent}  <entry>\n", f"{indent}  </entry>\n"
    write_key, write_value = _writer(shape.key, "key", indent + "    "), _writer(shape.value, "value", indent + "    ")

    def write_entry(entry: tuple[Any, Any]) -> str:
        return f"{first}{write_key(entry[0])}{write_value(entry[1])}{last}"

    write_entries = _list_writer(write_entry, tag, indent)

    def write(value: Mapping[Any, Any]) -> str:
        return write_entries(tuple(value.items()))

    return write


def _string_writer(first: str, last: str) -> Writer:
    def write(text: str) -> str:
        if "&" in text or "<" in text or ">" in text:
            text = _escape(text)
        return f"{first}{text}{last}"

    return write


def _leaf_writer(text_of: Callable[[Any], str], first: str, last: str) -> Writer:
    def write(value: Any) -> str:
        return f"{first}{text_of(value)}{last}"

    return write


def _text_of(shape: Shape) -> Callable[[Any], str]:
    match shape:
        case TimestampShape():
            return iso8601
        case BooleanShape():
            return _boolean
        case BlobShape():
            return _base64
        case IntegerShape():
            return str
        case _:
            raise ValueError(f"no writing of `{shape.name}` in an answer")


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _xml(text: str) -> bytes:
    """The document as UTF-8. A character that XML 1.0 cannot hold becomes `?`."""
    if text.isascii():
        document = text.encode("ascii")
    else:
        # "replace" turns a lone surrogate into `?`.
        document = text.replace("\ufffe", "?").replace("\uffff", "?").encode("utf-8", "replace")
    document = document.translate(_WITHOUT_CONTROLS)
    return document.replace(b"\r", b"&#13;") if b"\r" in document else document


def _plain(shape: Shape, value: Any) -> Any:
    """The value as JSON has it: times are seconds since the epoch."""
    match shape:
        case StructureShape():
            if not shape.members.keys() >= value.keys():
                raise KeyError(f"{shape.name} has no {', '.join(value.keys() - shape.members.keys())}")
            present = [name for name in order(shape) if value.get(name) is not None]
            return {name: _plain(shape.members[name].shape, value[name]) for name in present}
        case ListShape():
            return [_plain(shape.element, element) for element in value]
        case MapShape():
            return {key: _plain(shape.value, item) for key, item in value.items()}
        case TimestampShape():
            return int(value.timestamp())
        case BlobShape():
            return _base64(value)
        case _:
            return value


def _json(answer: object) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:
        # A lone surrogate, which a JSON policy can hold as an escape, has no UTF-8.
        return msgspec.json.encode(_without_surrogates(answer))


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case dict():
            return {key: _without_surrogates(item) for key, item in value.items()}
        case list():
            return [_without_surrogates(item) for item in value]
        case _:
            return value
