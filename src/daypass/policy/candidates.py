"""From an action and a resource to the few statements that could match: the index that keeps decisions quick.

A statement whose every pattern is literal up to its first `/` can only match resources with that same head
(`arn:aws:s3:::bucket`), so it is kept under its heads; any other statement is looked at for every resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from daypass.policy.request import Request
from daypass.policy.statement import Element, Statement

Statements = tuple[Statement, ...]


def head_of(resource: str) -> str:
    """What a resource's ARN has before its first `/`: under it, statements about it are kept."""
    return resource.partition("/")[0]


class Candidates:
    """The statements about one action."""

    __slots__ = ("_allow", "_allow_by_head", "_deny", "_deny_by_head")

    def __init__(self, statements: Iterable[Statement]) -> None:
        listed = list(statements)
        self._deny, self._deny_by_head = _by_head([statement for statement in listed if not statement.allow])
        self._allow, self._allow_by_head = _by_head([statement for statement in listed if statement.allow])

    def denying(self, head: str, request: Request) -> list[Statement]:
        """The Deny statements that match; of a resource's policy, whomever they name. head: of the resource."""
        statements = self._deny_by_head.get(head, self._deny)
        return [statement for statement in statements if statement.applies(request)] if statements else []

    def allowing(self, head: str, request: Request) -> list[Statement]:
        """The Allow statements that match; of a resource's policy, whomever they name. head: of the resource."""
        statements = self._allow_by_head.get(head, self._allow)
        return [statement for statement in statements if statement.applies(request)] if statements else []


def _by_head(statements: list[Statement]) -> tuple[Statements, dict[str, Statements]]:
    """The statements kept under no head; and for each head its own together with those, in their order."""
    everywhere: list[tuple[int, Statement]] = []
    headed: dict[str, list[tuple[int, Statement]]] = {}
    for place, statement in enumerate(statements):
        heads = _heads(statement.resource)
        if heads is None:
            everywhere.append((place, statement))
        for head in heads or ():
            headed.setdefault(head, []).append((place, statement))
    by_head = {
        head: tuple([statement for _, statement in sorted(everywhere + found, key=_place)])
        for head, found in headed.items()
    }
    return tuple([statement for _, statement in everywhere]), by_head


def _place(placed: tuple[int, Statement]) -> int:
    return placed[0]


def _heads(resource: Element | None) -> set[str] | None:
    """The heads of the resources that the element can match; None if they are not literal."""
    if resource is None or resource.name != "Resource":
        return None
    heads = {head_of(pattern) for pattern in resource.values}
    # A head of fewer than six parts belongs to a short ARN, whose missing parts match anything.
    if any(head.count(":") < 5 or "*" in head or "?" in head or "$" in head for head in heads):
        return None
    return heads


NONE: Final = Candidates(())
