"""A policy as simulations speak of it: where each of its statements stands, and which context keys it asks for.

Only of documents that daypass.policy has accepted, so that nothing here asks what is what.

Source: IAM API Reference, "Statement", "Position" and "GetContextKeysForCustomPolicy"; where AWS counts a statement's
place from is taken from answers of SimulateCustomPolicy recorded in public in 2025 and 2026.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final

from daypass.policy import Policy
from daypass.policy.conditions import Comparison
from daypass.policy.document import CURRENT_VERSION
from daypass.policy.match import ARN_PARTS, Variable, tokenize
from daypass.policy.statement import texts

Span = tuple[int, int]  # offsets of a beginning and of the character after an end

_TOKEN: Final = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_WITH_VARIABLES: Final = ("String", "Arn")  # the operators in whose values `${…}` is special


class Source:
    """One policy of a simulation. id, type: how results name it."""

    __slots__ = ("_lines", "_spans", "id", "policy", "type")

    def __init__(self, policy: Policy, id: str, type: str) -> None:
        self.policy = policy
        self.id = id
        self.type = type
        self._spans: list[Span] | None = None
        self._lines: list[int] = []

    def statement(self, index: int) -> dict[str, Any]:
        """The statement of that index, from 0, as results refer to it."""
        if self._spans is None:
            text = self.policy.text
            self._spans = statement_spans(text)
            self._lines = [0, *[found.end() for found in _LINE_BREAK.finditer(text)]]
        start, end = self._spans[index]
        return {
            "SourcePolicyId": self.id,
            "SourcePolicyType": self.type,
            "StartPosition": self._position(start),
            "EndPosition": self._position(end),
        }

    def _position(self, offset: int) -> dict[str, int]:
        """Both from 1; a column is counted in characters."""
        line = bisect_right(self._lines, offset)
        return {"Line": line, "Column": offset - self._lines[line - 1] + 1}


def statement_spans(text: str) -> list[Span]:
    """Where each statement begins and ends, as AWS counts it.

    It begins right after what was read before it: the `[` of the list or the statement before, so that a comma and
    white space belong to it; of a Statement that is no list, its own `{`. It ends after its `}`.
    """
    spans: list[Span] = []
    depth = start = closing = 0
    element = before = ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("{", "["):
            depth += 1
            if depth == 2 and element == "Statement":
                start, closing = token.end(), 2 if mark == "{" else 3
        elif mark in ("}", "]"):
            if depth == closing and mark == "}":
                spans.append((start, token.end()))
                start = token.end()
            depth -= 1
            if depth == 1:
                closing = 0
        elif depth == 1 and before in ("{", ","):
            element = json.loads(mark)
        before = mark
    return spans


def context_keys(policy: Policy) -> list[str]:
    """The context keys that the policy names, each spelling once: in conditions, and in variables where they count."""
    document = _decoded(policy)
    variables = document.get("Version") == CURRENT_VERSION
    keys: dict[str, None] = {}
    for statement in _statements(document):
        if variables:
            for pattern in _resources(statement):
                parts = pattern.split(":", ARN_PARTS - 1)
                keys |= dict.fromkeys(_variables(parts[-1]) if len(parts) == ARN_PARTS else ())
        for operator, block in statement.get("Condition", {}).items():
            comparison = Comparison.parse(operator)
            for key, value in block.items():
                keys[key] = None
                if variables and comparison is not None and comparison.operator.startswith(_WITH_VARIABLES):
                    keys |= dict.fromkeys(key for text in texts(value) for key in _variables(text))
    return [*keys]


def resource_patterns(policy: Policy) -> Iterator[str]:
    """Every value of its Resource and NotResource elements."""
    for statement in _statements(_decoded(policy)):
        yield from _resources(statement)


def _decoded(policy: Policy) -> dict[str, Any]:
    # Numbers stay texts: one of a million digits is no more work than another text.
    decoded: dict[str, Any] = json.loads(policy.text, parse_int=str, parse_float=str)
    return decoded


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    statements = document["Statement"]
    return [statements] if isinstance(statements, dict) else statements


def _resources(statement: dict[str, Any]) -> tuple[str, ...]:
    return texts(statement.get("Resource", statement.get("NotResource")))


def _variables(pattern: str) -> Iterator[str]:
    """The keys of the pattern's variables, as it spells them."""
    for token in tokenize(pattern):
        if isinstance(token, Variable):
            written = re.search(re.escape(token.key), pattern, re.IGNORECASE)
            yield token.key if written is None else written[0]
