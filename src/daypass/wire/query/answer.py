"""A result or an error as the Query protocol writes it: XML as AWS lays it out, or JSON where the caller asks.

Each operation is compiled once into writers that know their tags and indentation.

Source: recorded answers of AWS STS (no XML declaration, two spaces, a newline at the end, apostrophes as they
are); the JSON form as clients that ask for it record it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
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

FAULT_NAMESPACE: Final = "http://webservices.amazon.com/AWSFault/2005-15-09"  # sic; AWS uses it for InvalidAction

# Where AWS's recorded order of elements is not the model's. Members not named here follow in the model's order.
# GetFederationToken's is by analogy with AssumeRole's; no SDK depends on the order.
_RECORDED_ORDER: Final = {
    "GetCallerIdentityResponse": ("Arn", "UserId", "Account"),
    "AssumeRoleResponse": ("AssumedRoleUser", "Credentials"),
    "AssumeRoleWithSAMLResponse": ("AssumedRoleUser", "Credentials"),
    "AssumeRoleWithWebIdentityResponse": ("AssumedRoleUser", "Credentials"),
    "GetFederationTokenResponse": ("FederatedUser", "Credentials"),
}

# XML 1.0 has no characters for these, not even by reference. A carriage return it has by reference only.
_CONTROLS: Final = bytes(range(9)) + b"\x0b\x0c" + bytes(range(14, 32))
_WITHOUT_CONTROLS: Final = bytes.maketrans(_CONTROLS, b"?" * len(_CONTROLS))

# None is left out, a bool has words of its own, and anything else has no business here.
_WRITTEN_AS_THEY_ARE: Final = frozenset({str, int})

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
    return _xml(_result_writer(service, operation)(result, request_id))


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
def _result_writer(service: Service, operation: Operation) -> Callable[[Mapping[str, Any], str], str]:
    """Writes the whole answer from a result and a request id."""
    head = f'<{operation.name}Response xmlns="{service.namespace}">\n'
    body = "  <ResponseMetadata>\n    <RequestId>"
    foot = f"</RequestId>\n  </ResponseMetadata>\n</{operation.name}Response>\n"
    if operation.output is None or operation.result_wrapper is None:

        def write_empty(result: Mapping[str, Any], request_id: str) -> str:
            if result:
                raise KeyError(f"{operation.name} has no result")
            return f"{head}{body}{request_id}{foot}"

        return write_empty
    write_result = _writer(operation.output, operation.result_wrapper, "  ")
    output, wrapper = operation.output, operation.result_wrapper
    flat: dict[tuple[str, ...], _Flat | None] = {}

    def write(result: Mapping[str, Any], request_id: str) -> str:
        present = tuple(result)
        if present not in flat:
            # What a result holds is ours to say, so there are few of these.
            flat[present] = _flat(output, wrapper, present)
        writer = flat[present]
        inner = None if writer is None else writer.text(result)
        return f"{head}{write_result(result) if inner is None else inner}{body}{request_id}{foot}"

    return write


# The structure's member name, or None for the result itself; how many members it has; what takes the values from it.
_Group = tuple[str | None, int, Callable[[Mapping[str, Any]], tuple[Any, ...]]]


class _Flat:
    """Writes a result of texts, numbers and times, in structures with nothing missing, from one template."""

    __slots__ = ("_brackets", "_groups", "_template", "_times")

    def __init__(self, template: str, groups: Sequence[_Group], times: Sequence[int]) -> None:
        """groups: where the values for the template's places come from, in order. times: which places are times."""
        self._template = template
        self._groups = groups
        self._times = times
        self._brackets = template.count("<") + template.count(">")

    def text(self, result: Mapping[str, Any]) -> str | None:
        """None: this result is not one that the template is for, or something in it needs escaping."""
        values: list[Any] = []
        for name, size, take in self._groups:
            structure = result if name is None else result[name]
            try:
                values += take(structure)
            except KeyError:
                return None
            if len(structure) != size:
                return None
        for place in self._times:
            if values[place] is not None:
                values[place] = _iso8601(values[place])
        if not _WRITTEN_AS_THEY_ARE.issuperset(map(type, values)):
            return None
        text = self._template % tuple(values)
        if "&" in text or text.count("<") + text.count(">") != self._brackets:
            return None
        return text


def _flat(shape: StructureShape, tag: str, present: Sequence[str]) -> _Flat | None:
    """For results with these members. None: some are of shapes that have to be written piece by piece."""
    if not shape.members.keys() >= set(present):
        return None
    places: list[tuple[str | None, str, Shape]] = []
    sizes: dict[str | None, int] = {None: len(present)}
    parts = [f"  <{tag}>\n"]
    for name in [name for name in _order(shape) if name in present]:
        inner = shape.members[name].shape
        if isinstance(inner, StructureShape):
            sizes[name] = len(inner.members)
            places += [(name, leaf, inner.members[leaf].shape) for leaf in _order(inner)]
            leaves = "".join([f"      <{leaf}>%s</{leaf}>\n" for leaf in _order(inner)])
            parts.append(f"    <{name}>\n{leaves}    </{name}>\n")
        else:
            places.append((None, name, inner))
            parts.append(f"    <{name}>%s</{name}>\n")
    parts.append(f"  </{tag}>\n")
    if not all(isinstance(leaf, StringShape | IntegerShape | TimestampShape) for _, _, leaf in places):
        return None
    groups = [(owner, sizes[owner], _taker([name for _, name, _ in run])) for owner, run in groupby(places, _owner)]
    times = [place for place, (_, _, leaf) in enumerate(places) if isinstance(leaf, TimestampShape)]
    return _Flat("".join(parts), groups, times)


def _owner(place: tuple[str | None, str, Shape]) -> str | None:
    return place[0]


def _taker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    (only,) = names
    return lambda structure: (structure[only],)


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
    members = [(name, _writer(shape.members[name].shape, name, indent + "  ")) for name in _order(shape)]

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
            return _iso8601
        case BooleanShape():
            return _boolean
        case BlobShape():
            return _base64
        case IntegerShape():
            return str
        case _:
            raise ValueError(f"no writing of `{shape.name}` in an answer")


def _order(shape: StructureShape) -> list[str]:
    recorded = _RECORDED_ORDER.get(shape.name, ())
    return [*recorded, *(name for name in shape.members if name not in recorded)]


def _iso8601(value: datetime) -> str:
    """Whole seconds, cut off, as STS sends them."""
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError("a naive time in a result")
        value = value.astimezone(UTC)
    # msgspec writes a time as a JSON string in a sixth of isoformat's time.
    return msgspec.json.encode(value)[1:20].decode("ascii") + "Z"


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
            present = [name for name in _order(shape) if value.get(name) is not None]
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
