"""Values that satisfy a model's shapes: every member set, or the required ones alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from daypass.wire.model import (
    BlobShape,
    BooleanShape,
    IntegerShape,
    ListShape,
    MapShape,
    Shape,
    StringShape,
    StructureShape,
    TimestampShape,
    pattern_of,
)

# For each pattern of the models there is one here, repeated if it must be longer, that satisfies it.
_TEXTS = (
    "Ab7 <&>'\" größe\r\n\t",
    "a b&<>=é",
    "Ab7",
    "a",
    "7",
    "123456789012",
    "/",
    "/a/",
    "/team/alice/",
    "v1",
    "v10.beta-2",
    "A",
    "ABC234",
    "o-abcdefghij",
    "o-abcdefghij/r-abcd/",
    "p-FullAWSAccess",
    "https://example.com/a?b=c&d=e#f",
)


def sample(shape: Shape, *, whole: bool = True) -> Any:
    """A value of the shape. whole: with every optional member; of a union, one."""
    match shape:
        case StructureShape():
            chosen = [member for member in shape.members.values() if whole or member.required]
            if shape.union:
                chosen = [next(iter(shape.members.values()))]
            # A form cannot hold a structure without members: one within another has some.
            return {member.name: sample(member.shape, whole=whole) or sample(member.shape) for member in chosen}
        case ListShape():
            # More than nine of what is small, so that `member.10` is sent after `member.9`.
            most = 2 if isinstance(shape.element, StructureShape) else 12
            count = max(shape.min or 0, min(shape.max or most, most)) if whole else max(shape.min or 0, 1)
            return [sample(shape.element, whole=True) for _ in range(count)]
        case MapShape():
            return {sample(shape.key): sample(shape.value)}
        case StringShape():
            return _text(shape)
        case IntegerShape():
            return shape.max if shape.max is not None and whole else shape.min or 0
        case BooleanShape():
            return whole
        case TimestampShape():
            return datetime(2026, 9, 30, 20, 43, 17, tzinfo=UTC)
        case BlobShape():
            return bytes(range(256))


def _text(shape: StringShape) -> str:
    if shape.enum:
        return shape.enum[-1]
    low, high = shape.min or 0, shape.max or 10_000
    for text in _TEXTS:
        for candidate in (text, text * (-(-low // len(text))), (text * low)[:low], text[:high]):
            if low <= len(candidate) <= high and (
                shape.pattern is None or pattern_of(shape.pattern).fullmatch(candidate)
            ):
                return candidate
    raise AssertionError(f"no sample for {shape.name}: {shape.min}–{shape.max} {shape.pattern}")
