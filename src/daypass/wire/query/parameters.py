"""A form's parameters by the operation's model: parsed, validated, under the model's names.

Each operation is compiled once into closures. Numbers that do not parse are MalformedInput at once; what the
model's constraints find is gathered, and reported together in AWS's words.

Known names whose shape does not fit the model are refused, so that nothing that narrows is dropped; unknown names
are ignored, as AWS does.

Source: recorded validation errors of AWS STS and IAM; the Query serialisation of lists (`.member.N`), maps
(`.entry.N.key`, `.entry.N.value`) and structures.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from daypass import limits
from daypass.errors import ServiceError, validation_error
from daypass.wire.model import (
    BooleanShape,
    IntegerShape,
    ListShape,
    MapShape,
    Member,
    Operation,
    Service,
    Shape,
    StringShape,
    StructureShape,
    pattern_of,
)
from daypass.wire.query.form import operation_of
from daypass.wire.query.values import Call, Form

# AWS's IAM stopped echoing values in 2025, its STS still does.
_ECHOING_SERVICES: Final = frozenset({"sts"})

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,99}")
_BOOLEANS: Final = {"true": True, "false": False}

# A dotted name is a path into a tree; the text at a node is under None, its branches under their names.
Node = dict[str | None, Any]
Faults = list[str]
TextReader = Callable[[str, str, Faults], Any]  # text, its path in messages, faults found → value
NodeReader = Callable[[Node, str, Faults], Any]  # likewise; None: nothing was sent


def parse_call(service: Service, form: Form) -> Call:
    """The call that the form makes.

    Raises:
        ServiceError: InvalidAction, MalformedInput or ValidationError.
    """
    operation = operation_of(service, form)
    return Call(operation, _reader(service, operation)(form.parameters))


@cache
def _reader(service: Service, operation: Operation) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    """The operation's input, compiled: form parameters → checked parameters."""
    compiler = _Compiler(echo=service.name in _ECHOING_SERVICES)
    members = operation.input.members if operation.input else {}
    fields = [compiler.field(member) for member in members.values()]
    compounds = [name for name, member in members.items() if _is_compound(member.shape)]
    texts = {name: (read_text, path) for name, path, read_text, _, _ in fields if read_text is not None}
    names = frozenset(texts)
    required = frozenset([name for name, _, _, _, missing in fields if missing is not None])
    none_of = frozenset(compounds)

    def read_texts(parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """The parameters of a call without lists, maps and structures; None if it is another, or wrong."""
        if "." in "".join(parameters) or not none_of.isdisjoint(parameters):
            return None
        faults: Faults = []
        values = {}
        try:
            for name in names.intersection(parameters):
                read, path = texts[name]
                values[name] = read(parameters[name], path, faults)
        except ServiceError:
            return None
        return None if faults or not required.issubset(values) else values

    def read_parameters(parameters: Mapping[str, str]) -> dict[str, Any]:
        # 0. Most calls have nothing of that; a fault is found again below, where faults have their order.
        plain = read_texts(parameters)
        if plain is not None:
            return plain
        # 1. Names with dots become trees, one a member.
        trees = _trees(parameters, members.keys(), compounds)
        # 2. Each member is read, in the model's order.
        faults: Faults = []
        values = {}
        for name, path, read_text, read_node, missing in fields:
            value = None
            if read_text is not None:
                text = parameters.get(name)
                if text is not None:
                    value = read_text(text, path, faults)
            elif name in trees:
                value = read_node(trees.pop(name), path, faults)
            if value is not None:
                values[name] = value
            elif missing is not None:
                faults.append(missing)
        # 3. A tree that is left was sent for a member that is a text.
        if trees:
            raise _malformed("Unexpected complex element termination")
        # 4. Faults are reported together.
        if faults:
            raise _refusal(faults)
        return values

    return read_parameters


def _trees(parameters: Mapping[str, str], known: Container[str], compounds: Sequence[str]) -> dict[str, Node]:
    """The parameters whose dotted names begin with a known one as a tree for each, and the bare texts of compounds."""
    trees: dict[str, Node] = {}
    for name in [name for name in parameters if "." in name]:
        head, _, rest = name.partition(".")
        if head not in known:
            continue
        if rest.count(".") >= limits.QUERY_NAME_PARTS:
            raise _malformed("Unexpected complex element termination")
        node = trees.setdefault(head, {})
        for part in rest.split("."):
            node = node.setdefault(part, {})
        node[None] = parameters[name]
    for name in compounds:
        if name in parameters:
            trees.setdefault(name, {})[None] = parameters[name]
    return trees


class _Compiler:
    """Makes readers of shapes. echo: whether messages repeat the value refused."""

    def __init__(self, *, echo: bool) -> None:
        self.echo = echo

    def field(self, member: Member) -> tuple[str, str, TextReader | None, NodeReader, str | None]:
        """A member of the input: its name, path, reader of a text or of a tree, and the fault of its absence."""
        path = _lower_camel(member.name)
        read_text = None if _is_compound(member.shape) else self.text_reader(member.shape)
        return (
            member.name,
            path,
            read_text,
            self.node_reader(member.shape),
            self.null_fault(path) if member.required else None,
        )

    def null_fault(self, path: str) -> str:
        null = " null" if self.echo else ""
        return f"Value{null} at '{path}' failed to satisfy constraint: Member must not be null"

    def fault(self, value: object, path: str, constraint: str, *, secret: bool = False) -> str:
        echoed = f" '{value}'" if self.echo and not secret else ""
        return f"Value{echoed} at '{path}' failed to satisfy constraint: Member must {constraint}"

    def text_reader(self, shape: Shape) -> TextReader:
        match shape:
            case StringShape():
                return self.string_reader(shape)
            case IntegerShape():
                return self.integer_reader(shape)
            case BooleanShape():
                return _read_boolean
            case _:
                raise ValueError(f"no reading of `{shape.name}` from a form")

    def node_reader(self, shape: Shape) -> NodeReader:
        match shape:
            case StructureShape():
                return self.structure_reader(shape)
            case ListShape():
                return self.list_reader(shape)
            case MapShape():
                return self.map_reader(shape)
            case _:
                return _leaf(self.text_reader(shape))

    def string_reader(self, shape: StringShape) -> TextReader:
        low, high = _bounds(shape)
        matches = pattern_of(shape.pattern).fullmatch if shape.pattern is not None else None
        enum = frozenset(shape.enum)

        def read(text: str, path: str, faults: Faults) -> str:
            if (matches is None or matches(text)) and low <= len(text) <= high and (not enum or text in enum):
                return text
            if enum and text not in enum:
                values = ", ".join(shape.enum)
                faults.append(self.fault(text, path, f"satisfy enum value set: [{values}]", secret=shape.sensitive))
            if matches is not None and not matches(text):
                constraint = f"satisfy regular expression pattern: {shape.pattern}"
                faults.append(self.fault(text, path, constraint, secret=shape.sensitive))
            faults.extend(self.length_faults(text, len(text), shape, path, secret=shape.sensitive))
            return text

        return read

    def length_faults(
        self, value: object, length: int, shape: StringShape | ListShape | MapShape, path: str, *, secret: bool
    ) -> Iterator[str]:
        low, high = _bounds(shape)
        if length < low:
            yield self.fault(value, path, f"have length greater than or equal to {low}", secret=secret)
        if length > high:
            yield self.fault(value, path, f"have length less than or equal to {high}", secret=secret)

    def integer_reader(self, shape: IntegerShape) -> TextReader:
        low, high = shape.min, shape.max
        bound = 1 << (shape.bits - 1)

        def read(text: str, path: str, faults: Faults) -> int:
            if not text:
                raise _malformed("missing value for decimal type")
            if _INTEGER.fullmatch(text) is None or not -bound <= int(text) < bound:
                raise _malformed(None)
            value = int(text)
            if low is not None and value < low:
                faults.append(self.fault(value, path, f"have value greater than or equal to {low}"))
            if high is not None and value > high:
                faults.append(self.fault(value, path, f"have value less than or equal to {high}"))
            return value

        return read

    def structure_reader(self, shape: StructureShape) -> NodeReader:
        fields = [
            (member.name, _lower_camel(member.name), self.node_reader(member.shape), member.required)
            for member in shape.members.values()
        ]
        known = shape.members.keys()

        def read(node: Node, path: str, faults: Faults) -> dict[str, Any] | None:
            _drop_empty_text(node, "Unexpected complex element termination")
            if not node:
                return None
            if not known >= node.keys():
                raise _malformed("Unexpected complex element termination")
            values = {}
            for name, last, read_member, required in fields:
                branch = node.get(name)
                value = None if branch is None else read_member(branch, f"{path}.{last}", faults)
                if value is not None:
                    values[name] = value
                elif required:
                    faults.append(self.null_fault(f"{path}.{last}"))
            if shape.union and len(values) != 1:
                raise _malformed(f"exactly one member of `{path}` must be set")
            return values

        return read

    def list_reader(self, shape: ListShape) -> NodeReader:
        read_element = self.node_reader(shape.element)
        secret = _holds_secret(shape)
        # Of a list of texts AWS does not say which one is wrong, but all that is asked of each. (recorded, IAM 2026)
        every = _constraints(shape.element) if isinstance(shape.element, StringShape) else None

        def read(node: Node, path: str, faults: Faults) -> list[Any] | None:
            elements = _elements(node, "member")
            if elements is None:
                return None
            own = len(faults)
            values = [
                read_element(element, f"{path}.{number}.member", faults)
                for number, element in enumerate(elements, start=1)
            ]
            if None in values:
                raise _malformed("Unexpected complex element termination")
            if every is not None and len(faults) > own:
                faults[own:] = [self.fault(_JavaText(values), path, every, secret=secret)]
            # The list's own faults come before its elements'.
            faults[own:own] = self.length_faults(_JavaText(values), len(values), shape, path, secret=secret)
            return values

        return read

    def map_reader(self, shape: MapShape) -> NodeReader:
        read_key, read_value = self.node_reader(shape.key), self.node_reader(shape.value)
        secret = _holds_secret(shape)

        def read(node: Node, path: str, faults: Faults) -> dict[str, Any] | None:
            entries = _elements(node, "entry")
            if entries is None:
                return None
            own = len(faults)
            values = {}
            for number, entry in enumerate(entries, start=1):
                if entry.keys() != {"key", "value"}:
                    raise _malformed("Unexpected map element termination")
                key = read_key(entry["key"], f"{path}.{number}.entry.key", faults)
                if key in values:
                    raise _malformed(f"a key of `{path}` is repeated")
                values[key] = read_value(entry["value"], f"{path}.{number}.entry.value", faults)
            if None in values.values():
                raise _malformed("Unexpected complex element termination")
            faults[own:own] = self.length_faults(_JavaText(values), len(values), shape, path, secret=secret)
            return values

        return read


def _leaf(read: TextReader) -> NodeReader:
    def read_leaf(node: Node, path: str, faults: Faults) -> Any:
        text = node.get(None)
        if text is None or len(node) != 1:
            raise _malformed("Unexpected complex element termination")
        return read(text, path, faults)

    return read_leaf


def _read_boolean(text: str, path: str, faults: Faults) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise _malformed(None)
    return value


def _elements(node: Node, name: str) -> list[Node] | None:
    """The branches `name.N` of a list or map in the order of N; None for a list that is absent or bare.

    Numbers may have gaps and begin anywhere: what was sent counts, in order.
    """
    _drop_empty_text(node, "Unexpected list element termination")
    if not node:
        return None
    if node.keys() != {name}:
        raise _malformed("Top level element may not be treated as a list")
    branches: Node = node[name]
    _drop_empty_text(branches, "Unexpected list element termination")
    if len(branches) > limits.QUERY_LIST_ELEMENTS:
        raise _malformed(f"a list has more than {limits.QUERY_LIST_ELEMENTS} elements")
    numbered = {}
    for key, branch in branches.items():
        if key is None or not (key.isascii() and key.isdigit() and len(key) < 10) or int(key) in numbered:
            raise _malformed("Top level element may not be treated as a list")
        numbered[int(key)] = branch
    return [numbered[number] for number in sorted(numbered)] or None


def _drop_empty_text(node: Node, otherwise: str) -> None:
    """Takes a bare empty text off a compound: SDKs send an empty list as `Tags=`.

    Raises:
        ServiceError: MalformedInput; the text is not empty.
    """
    if node.pop(None, ""):
        raise _malformed(otherwise)


def _is_compound(shape: Shape) -> bool:
    return isinstance(shape, StructureShape | ListShape | MapShape)


def _holds_secret(shape: Shape) -> bool:
    match shape:
        case StructureShape():
            return any(_holds_secret(member.shape) for member in shape.members.values())
        case ListShape():
            return _holds_secret(shape.element)
        case MapShape():
            return _holds_secret(shape.key) or _holds_secret(shape.value)
        case StringShape():
            return shape.sensitive
        case _:
            return False


def _bounds(shape: StringShape | ListShape | MapShape) -> tuple[int, int]:
    return shape.min or 0, sys.maxsize if shape.max is None else shape.max


def _constraints(shape: StringShape) -> str:
    """Everything that is asked of a text, as one constraint."""
    asked = []
    if shape.max is not None:
        asked.append(f"have length less than or equal to {shape.max}")
    if shape.min is not None:
        asked.append(f"have length greater than or equal to {shape.min}")
    if shape.pattern is not None:
        asked.append(f"satisfy regular expression pattern: {shape.pattern}")
    if shape.enum:
        asked.append(f"satisfy enum value set: [{', '.join(shape.enum)}]")
    return f"satisfy constraint: [{', '.join([f'Member must {one}' for one in [*asked, 'not be null']])}]"


def _lower_camel(name: str) -> str:
    return name[0].lower() + name[1:]


class _JavaText:
    """A list or map as Java prints it, `[{key=a, value=b}]`; made only if a message needs it.

    How AWS prints a list of structures is not established.
    """

    def __init__(self, value: object) -> None:
        self.value = value

    def __str__(self) -> str:
        return _java_text(self.value)


def _java_text(value: object) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_java_text, value))}]"
        case dict():
            return f"{{{', '.join(f'{_lower_camel(key)}={_java_text(item)}' for key, item in value.items())}}}"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _malformed(message: str | None) -> ServiceError:
    return ServiceError("MalformedInput", 400, message)


def _refusal(faults: Faults) -> ServiceError:
    count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
    return validation_error(f"{count}: {'; '.join(faults)}")
