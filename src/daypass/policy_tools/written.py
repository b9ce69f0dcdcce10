"""A policy document as its author wrote it: every value with its path. What the values mean is the engine's.

Only of documents that daypass.policy has accepted, so that nothing here has to ask what is what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from daypass.policy import PolicyKind
from daypass.policy.conditions import OPERATORS, Comparison

CURRENT_VERSION: Final = "2012-10-17"
ANYONE: Final = "*"


@dataclass(frozen=True, slots=True)
class Value:
    """One of an element's values. A boolean or number is its JSON text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Element:
    """X or NotX, whichever the statement has."""

    name: str
    path: str
    values: tuple[Value, ...]

    @property
    def negated(self) -> bool:
        return self.name.startswith("Not")

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple([value.text for value in self.values])


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator, both as written."""

    path: str
    operator: str
    comparison: Comparison
    key: str
    values: tuple[Value, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple([value.text for value in self.values])

    @property
    def negated(self) -> bool:
        operator = OPERATORS.get(self.comparison.operator)
        return operator is not None and operator.negated

    @property
    def when_absent(self) -> bool | None:
        """Whether it holds of a request without the key; None of `Null`, which asks just that."""
        if self.comparison.operator == "Null":
            return None
        if self.comparison.qualifier == "ForAnyValue:":
            return self.comparison.if_exists
        return self.comparison.qualifier == "ForAllValues:" or self.comparison.if_exists or self.negated


@dataclass(frozen=True, slots=True)
class Statement:
    """principal: its values are those of every type of principal together."""

    index: int
    path: str
    sid: str | None
    allow: bool
    action: Element
    resource: Element | None
    principal: Element | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """variables: whether `${…}` is special in it. elements: the names at its top."""

    kind: PolicyKind
    version: str | None
    statements: tuple[Statement, ...]
    elements: tuple[str, ...]

    @property
    def variables(self) -> bool:
        return self.version == CURRENT_VERSION


def read(text: str, kind: PolicyKind) -> Document:
    """text: a document that Policy.parse(text, kind) has accepted."""
    # Numbers stay as written: their text is what is compared.
    decoded = json.loads(text, parse_int=str, parse_float=str)
    statements = decoded["Statement"]
    listed = [statements] if isinstance(statements, dict) else statements
    return Document(
        kind,
        decoded.get("Version"),
        tuple([_statement(statement, index) for index, statement in enumerate(listed)]),
        tuple(decoded),
    )


def _statement(statement: dict[str, Any], index: int) -> Statement:
    path = f"Statement[{index}]"
    action = _element(statement, "Action", path)
    assert action is not None  # noqa: S101  the grammar asks for one
    return Statement(
        index,
        path,
        statement.get("Sid") or None,
        statement["Effect"].capitalize() == "Allow",
        action,
        _element(statement, "Resource", path),
        _principal(statement, path),
        tuple(_conditions(statement.get("Condition", {}), f"{path}.Condition")),
    )


def _element(statement: dict[str, Any], name: str, path: str) -> Element | None:
    for written in (name, f"Not{name}"):
        if written in statement:
            return Element(written, f"{path}.{written}", tuple(_values(statement[written], f"{path}.{written}")))
    return None


def _principal(statement: dict[str, Any], path: str) -> Element | None:
    for written in ("Principal", "NotPrincipal"):
        if written in statement:
            element, path = statement[written], f"{path}.{written}"
            types = {path: element} if isinstance(element, str) else {f"{path}.{key}": element[key] for key in element}
            return Element(written, path, tuple([value for at in types for value in _values(types[at], at)]))
    return None


def _conditions(block: dict[str, Any], path: str) -> Iterator[Condition]:
    for operator, keys in block.items():
        comparison = Comparison.parse(operator)
        if comparison is None:
            continue  # an operator that does not exist is let pass where it has no keys
        for key, element in keys.items():
            at = f"{path}.{operator}.{key}"
            yield Condition(at, operator, comparison, key, tuple(_values(element, at)))


def _values(element: Any, path: str) -> Iterator[Value]:
    if not isinstance(element, list):
        yield Value(path, _text(element))
        return
    for index, value in enumerate(element):
        if value is not None:
            yield Value(f"{path}[{index}]", _text(value))


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
