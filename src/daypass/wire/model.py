"""The published service models, as frozen values: operations, shapes, constraints, where each member travels.

Owns reading wire/models/*.json (written by scripts/distill_models.py, but for overlays) and the reading of the models'
patterns, which are Java's. What a protocol does with a shape is query's and s3's work.

Source: AWS's service models for STS 2011-06-15, IAM 2010-05-08 and S3 2006-03-01, as botocore ships them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

ServiceName = Literal["sts", "iam", "s3"]
Location = Literal["uri", "querystring", "header", "headers", "statusCode", "payload", "body"]

_MODELS: Final = Path(__file__).parent / "models"


# Values of a model are compared by identity: one load makes one object of each, and a cache may be keyed by it.
@dataclass(frozen=True, slots=True, eq=False)
class StringShape:
    """pattern: as published, in Java's syntax; `pattern_of` compiles it. Lengths count code points."""

    name: str
    min: int | None
    max: int | None
    pattern: str | None
    enum: tuple[str, ...]
    sensitive: bool


@dataclass(frozen=True, slots=True, eq=False)
class IntegerShape:
    """bits: 32 for an integer, 64 for a long."""

    name: str
    min: int | None
    max: int | None
    bits: int


@dataclass(frozen=True, slots=True, eq=False)
class BooleanShape:
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TimestampShape:
    """format: `iso8601`, `rfc822` or `unixTimestamp`; None is the default of the protocol or the location."""

    name: str
    format: str | None


@dataclass(frozen=True, slots=True, eq=False)
class BlobShape:
    name: str
    min: int | None
    max: int | None
    sensitive: bool


@dataclass(frozen=True, slots=True, eq=False)
class ListShape:
    """element_name: what S3's XML calls an element; query protocols say `member`."""

    name: str
    element: Shape
    element_name: str | None
    min: int | None
    max: int | None
    flattened: bool


@dataclass(frozen=True, slots=True, eq=False)
class MapShape:
    name: str
    key: Shape
    value: Shape
    min: int | None
    max: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member of a structure.

    location: where it travels. `payload` is the whole body; `body` is an element of the body.
    wire_name: the query parameter, header, header prefix, URI label or XML element it travels under.
    flattened: a list without an element around it, whether the member or the list says so.
    streaming: a body that is not held in memory.
    """

    name: str
    shape: Shape
    required: bool
    location: Location
    wire_name: str
    flattened: bool
    streaming: bool
    xml_attribute: bool
    xml_namespace: str | None


@dataclass(frozen=True, slots=True, eq=False)
class StructureShape:
    """members: in the model's order. payload: the member that is the whole body, if one is.

    union: exactly one member is set.
    """

    name: str
    members: Mapping[str, Member] = field(repr=False)
    payload: str | None
    union: bool


Shape = StructureShape | ListShape | MapShape | StringShape | IntegerShape | BooleanShape | TimestampShape | BlobShape


@dataclass(frozen=True, slots=True, eq=False)
class ModelledError:
    """status: None where the model gives none."""

    code: str
    status: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation.

    path: the URI template without its query, such as `/{Bucket}/{Key+}`; `{Key+}` holds slashes too.
    fixed_query: the parameters that the template itself carries, in order: `?list-type=2` is
        (("list-type", "2"),), `?uploads` is (("uploads", ""),).
    response_status: of a success.
    unsigned: needs no signature (authtype `none`).
    input, output: None for an operation without members there.
    result_wrapper: the element around the result in a query protocol.
    body_checksum_required: the client must send a checksum of the body.
    checksum_algorithm_member: the input member that names the checksum's algorithm.
    """

    name: str
    http_method: str
    request_uri: str
    path: str
    fixed_query: tuple[tuple[str, str], ...]
    response_status: int
    unsigned: bool
    input: StructureShape | None
    output: StructureShape | None
    result_wrapper: str | None
    errors: tuple[ModelledError, ...] = field(repr=False)
    body_checksum_required: bool
    checksum_algorithm_member: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """namespace: of the XML of its answers."""

    name: ServiceName
    api_version: str
    namespace: str
    operations: Mapping[str, Operation] = field(repr=False)


@cache
def load(name: ServiceName) -> Service:
    """The service of that name; read once.

    An overlay, `<name>.overlay.json`, holds what AWS has announced and the distilled model lacks. It adds operations
    and shapes and never replaces one: once AWS's model has them, loading fails until the overlay is taken away.

    Raises:
        FileNotFoundError: no such service was distilled.
        ValueError: the overlay has what the model has too.
    """
    source = msgspec.json.decode((_MODELS / f"{name}.json").read_bytes())
    overlay = _MODELS / f"{name}.overlay.json"
    if overlay.exists():
        for part, added in msgspec.json.decode(overlay.read_bytes()).items():
            if source[part].keys() & added.keys():
                raise ValueError(f"the overlay of `{name}` has what the model has by now")
            source[part] |= added
    return _Linker(source["shapes"]).service(name, source)


class _Linker:
    """Replaces the names of shapes in a distilled model by the shapes."""

    def __init__(self, sources: dict[str, Any]) -> None:
        self._sources = sources
        self._made: dict[str, Shape] = {}

    def service(self, name: ServiceName, source: dict[str, Any]) -> Service:
        metadata = source["metadata"]
        operations = {key: self.operation(key, traits) for key, traits in source["operations"].items()}
        # S3's model has no namespace for the whole service: it names one on each input. All are this.
        namespace = metadata.get("xmlNamespace", "http://s3.amazonaws.com/doc/2006-03-01/")
        return Service(name, metadata["apiVersion"], namespace, MappingProxyType(operations))

    def operation(self, name: str, traits: dict[str, Any]) -> Operation:
        http = traits["http"]
        path, _, query = http["requestUri"].partition("?")
        fixed = [parameter.partition("=") for parameter in query.split("&") if parameter]
        checksum = traits.get("httpChecksum", {})
        return Operation(
            name=name,
            http_method=http["method"],
            request_uri=http["requestUri"],
            path=path,
            fixed_query=tuple((key, value) for key, _, value in fixed),
            response_status=http.get("responseCode", 200),
            unsigned=traits.get("authtype") == "none",
            input=self.side(traits.get("input")),
            output=self.side(traits.get("output")),
            result_wrapper=traits.get("output", {}).get("resultWrapper"),
            errors=tuple(self.error(shape) for shape in traits.get("errors", ())),
            body_checksum_required=checksum.get("requestChecksumRequired", False),
            checksum_algorithm_member=checksum.get("requestAlgorithmMember"),
        )

    def side(self, reference: dict[str, Any] | None) -> StructureShape | None:
        if reference is None:
            return None
        shape = self.shape(reference["shape"])
        if not isinstance(shape, StructureShape):
            raise ValueError(f"an input or output that is no structure: `{shape.name}`")
        return shape

    def error(self, name: str) -> ModelledError:
        error = self._sources[name]["error"]
        return ModelledError(error.get("code", name), error.get("httpStatusCode"))

    def shape(self, name: str) -> Shape:
        shape = self._made.get(name)
        if shape is None:
            # A shape that contains itself would recurse here without end; no model of ours has one, and a
            # test loads all of them.
            shape = self._made[name] = self.make(name, self._sources[name])
        return shape

    def make(self, name: str, traits: dict[str, Any]) -> Shape:
        low, high = traits.get("min"), traits.get("max")
        sensitive = traits.get("sensitive", False)
        match traits["type"]:
            case "string":
                return StringShape(name, low, high, traits.get("pattern"), tuple(traits.get("enum", ())), sensitive)
            case "structure":
                return self.structure(name, traits)
            case "list":
                element = traits["member"]
                flattened = traits.get("flattened", False)
                return ListShape(name, self.shape(element["shape"]), element.get("locationName"), low, high, flattened)
            case "map":
                key, value = self.shape(traits["key"]["shape"]), self.shape(traits["value"]["shape"])
                return MapShape(name, key, value, low, high)
            case "integer":
                return IntegerShape(name, low, high, 32)
            case "long":
                return IntegerShape(name, low, high, 64)
            case "boolean":
                return BooleanShape(name)
            case "timestamp":
                return TimestampShape(name, traits.get("timestampFormat"))
            case "blob":
                return BlobShape(name, low, high, sensitive)
            case other:
                raise ValueError(f"a shape of unknown type `{other}`: `{name}`")

    def structure(self, name: str, traits: dict[str, Any]) -> StructureShape:
        required = frozenset(traits.get("required", ()))
        payload = traits.get("payload")
        members = {
            member: self.member(member, reference, member in required, member == payload)
            for member, reference in traits["members"].items()
        }
        return StructureShape(name, MappingProxyType(members), payload, traits.get("union", False))

    def member(self, name: str, traits: dict[str, Any], required: bool, payload: bool) -> Member:
        shape = self.shape(traits["shape"])
        return Member(
            name=name,
            shape=shape,
            required=required,
            location="payload" if payload else traits.get("location", "body"),
            wire_name=traits.get("locationName", name),
            flattened=traits.get("flattened", False) or (isinstance(shape, ListShape) and shape.flattened),
            streaming=traits.get("streaming", False),
            xml_attribute=traits.get("xmlAttribute", False),
            xml_namespace=traits.get("xmlNamespace", {}).get("uri"),
        )


# \p{Z}: the separators of Unicode, all of them (Zs, Zl, Zp).
_SEPARATORS: Final = "\\x20\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
# In a Python class \w is \p{L}, \p{N} and `_` (str.isalnum), so these three together can be written. Alone they cannot.
_JAVA_LETTERS_SEPARATORS_NUMBERS: Final = "\\p{L}\\p{Z}\\p{N}_"


@cache
def pattern_of(java: str) -> re.Pattern[str]:
    """A published pattern, compiled; a value satisfies it if the pattern's `fullmatch` does.

    Java's and Python's syntax agree in what the models use, even in `\\u10000-\\u10FFFF`, where both read four
    digits: U+1000, the range from `0` to U+10FF, and `FF`. \\w and \\d are ASCII in Java.

    Raises:
        ValueError: it has a property class that Python's syntax lacks.
        re.error: it is no pattern.
    """
    if "\\p" not in java:
        return re.compile(java, re.ASCII)
    python = java.replace(_JAVA_LETTERS_SEPARATORS_NUMBERS, "\\w" + _SEPARATORS)
    if "\\p" in python or "\\w" in java or "\\d" in java:
        raise ValueError(f"no reading of the pattern `{java}`")
    return re.compile(python)
