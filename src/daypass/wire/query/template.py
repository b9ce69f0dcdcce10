"""Answers of one shape written all at once: texts, numbers and times, in structures with nothing missing.

Nearly every answer of STS is one. What is missing, has to be escaped or is of a shape of its own is left to
wire.query.answer, which writes any answer piece by piece; where both write an answer, they write the same.

Source: as wire.query.answer's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from daypass.wire.model import IntegerShape, Shape, StringShape, StructureShape, TimestampShape

# Where AWS's recorded order of elements is not the model's. Members not named here follow in the model's order.
# GetFederationToken's is by analogy with AssumeRole's; no SDK depends on the order.
_RECORDED_ORDER: Final = {
    "GetCallerIdentityResponse": ("Arn", "UserId", "Account"),
    "AssumeRoleResponse": ("AssumedRoleUser", "Credentials"),
    "AssumeRoleWithSAMLResponse": ("AssumedRoleUser", "Credentials"),
    "AssumeRoleWithWebIdentityResponse": ("AssumedRoleUser", "Credentials"),
    "GetFederationTokenResponse": ("FederatedUser", "Credentials"),
}

# XML 1.0 has no characters for these, not even by reference.
CONTROLS: Final = bytes(range(9)) + b"\x0b\x0c" + bytes(range(14, 32))
_UNUSUAL: Final = CONTROLS + b"\r&<>"  # in a text: to be replaced or escaped
# None is left out, a bool has words of its own, and anything else has no business here.
_WRITTEN_AS_THEY_ARE: Final = frozenset({str, int})

# The structure's member name, or None for the result itself; how many members it has; what takes the values from it.
_Group = tuple[str | None, int, Callable[[Mapping[str, Any]], tuple[Any, ...]]]


class Template:
    """Writes an answer of texts, numbers and times, in structures with nothing missing, all at once."""

    __slots__ = ("_groups", "_text", "_times")

    def __init__(self, text: str, groups: Sequence[_Group], times: Sequence[int]) -> None:
        """text: ASCII, with a `%s` for each value and the last for the request id.
        groups: where the values come from, in order. times: which of them are times."""
        self._text = text
        self._groups = groups
        self._times = times

    def document(self, result: Mapping[str, Any], request_id: str) -> bytes | None:
        """None: this result is not one that the template is for, or something in it cannot stand as it is."""
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
                values[place] = iso8601(values[place])
        if not _WRITTEN_AS_THEY_ARE.issuperset(map(type, values)):
            return None
        values.append(request_id)
        texts = tuple(map(str, values))
        joined = "".join(texts)
        if not joined.isascii() or len(joined.encode("ascii").translate(None, _UNUSUAL)) != len(joined):
            return None
        return (self._text % texts).encode("ascii")


def compile_template(shape: StructureShape, tag: str, present: Sequence[str], head: str, foot: str) -> Template | None:
    """For results with these members. None: some are of shapes that have to be written piece by piece."""
    if not shape.members.keys() >= set(present):
        return None
    places: list[tuple[str | None, str, Shape]] = []
    sizes: dict[str | None, int] = {None: len(present)}
    parts = [head, f"  <{tag}>\n"]
    for name in [name for name in order(shape) if name in present]:
        inner = shape.members[name].shape
        if isinstance(inner, StructureShape):
            sizes[name] = len(inner.members)
            places += [(name, leaf, inner.members[leaf].shape) for leaf in order(inner)]
            leaves = "".join([f"      <{leaf}>%s</{leaf}>\n" for leaf in order(inner)])
            parts.append(f"    <{name}>\n{leaves}    </{name}>\n")
        else:
            places.append((None, name, inner))
            parts.append(f"    <{name}>%s</{name}>\n")
    parts += [f"  </{tag}>\n", foot]
    if not all(isinstance(leaf, StringShape | IntegerShape | TimestampShape) for _, _, leaf in places):
        return None
    groups = [(owner, sizes[owner], _taker([name for _, name, _ in run])) for owner, run in groupby(places, _owner)]
    times = [place for place, (_, _, leaf) in enumerate(places) if isinstance(leaf, TimestampShape)]
    return Template("".join(parts), groups, times)


def _owner(place: tuple[str | None, str, Shape]) -> str | None:
    return place[0]


def _taker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    (only,) = names
    return lambda structure: (structure[only],)


def order(shape: StructureShape) -> list[str]:
    recorded = _RECORDED_ORDER.get(shape.name, ())
    return [*recorded, *(name for name in shape.members if name not in recorded)]


def iso8601(value: datetime) -> str:
    """Whole seconds, cut off, as STS sends them."""
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError("a naive time in a result")
        value = value.astimezone(UTC)
    # msgspec writes a time as a JSON string in a sixth of isoformat's time.
    return msgspec.json.encode(value)[1:20].decode("ascii") + "Z"
