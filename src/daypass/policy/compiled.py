"""Policy: one document, checked when it is made and compiled when it is first asked.

Owns the index from an action to the statements about it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from daypass import limits
from daypass.policy import document
from daypass.policy.conditions import Comparison
from daypass.policy.decision import StatementReference
from daypass.policy.faults import PolicyKind
from daypass.policy.principals import Principals
from daypass.policy.statement import Element, Statement, make_statement

_set = object.__setattr__


class Policy:
    """One policy. It never changes; what it remembers of earlier questions is bounded.

    id: how a Decision names it, a policy name or ARN. text: the document as given.
    """

    __slots__ = ("_by_action", "_document", "_statements", "id", "kind", "text")

    id: str
    kind: PolicyKind
    text: str
    _document: document.Document
    _statements: tuple[Statement, ...] | None
    _by_action: dict[str, tuple[tuple[Statement, ...], tuple[Statement, ...]]]

    def __init__(self, id: str, kind: PolicyKind, text: str, checked: document.Document) -> None:
        _set(self, "id", id)
        _set(self, "kind", kind)
        _set(self, "text", text)
        _set(self, "_document", checked)
        _set(self, "_statements", None)
        _set(self, "_by_action", {})

    @classmethod
    def parse(
        cls, text: str | bytes, kind: PolicyKind, *, id: str = "", managed: bool = False, stored: bool = False
    ) -> Policy:
        """The policy in a JSON text.

        text: bytes are UTF-8.
        managed: whether it is to be a managed policy, which must state version 2012-10-17.
        stored: whether it was accepted before: what is asked of new documents only (faults.ASKED_OF_NEW) is not
            asked again, so that a stricter rule never takes a policy out of force.

        Raises:
            PolicyError: it is no policy of that kind.
        """
        decoded, checked = document.check(text, kind, managed=managed, stored=stored)
        return cls(id, kind, decoded, checked)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Policy does not change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Policy does not change: {name}")

    def __repr__(self) -> str:
        return f"Policy({self.id!r}, {self.kind.name})"

    def statements(self) -> tuple[Statement, ...]:
        """Every statement, compiled, in the document's order. For daypass.policy alone."""
        if self._statements is None:
            _set(self, "_statements", tuple(_compile(self)))
        assert self._statements is not None  # noqa: S101  it was set above
        return self._statements

    def about(self, action: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """The Deny statements about an action, and the Allow statements. For daypass.policy alone."""
        found = self._by_action.get(action)
        if found is None:
            name = action.lower()
            matching = [statement for statement in self.statements() if statement.matches_action(name)]
            found = (
                tuple([statement for statement in matching if not statement.allow]),
                tuple([statement for statement in matching if statement.allow]),
            )
            if len(self._by_action) >= limits.POLICY_ACTIONS_CACHED:
                self._by_action.clear()
            self._by_action[action] = found
        return found


def _compile(policy: Policy) -> list[Statement]:
    checked = policy._document
    return [
        _statement(policy, index, statement, principals, checked.variables)
        for index, (statement, principals) in enumerate(zip(checked.statements, checked.principals, strict=True))
    ]


def _statement(
    policy: Policy, index: int, statement: dict[str, Any], principals: Principals | None, variables: bool
) -> Statement:
    action = _element(statement, "Action")
    assert action is not None  # noqa: S101  the grammar asks for one
    return make_statement(
        StatementReference(policy.kind, policy.id, statement.get("Sid") or None, index),
        allow=statement["Effect"].capitalize() == "Allow",
        action=action,
        resource=_element(statement, "Resource"),
        principal=_element(statement, "Principal"),
        principals=principals,
        conditions=[
            (comparison, operator, key, document.values(value))
            for operator, keys in statement.get("Condition", {}).items()
            if (comparison := Comparison.parse(operator)) is not None
            for key, value in keys.items()
        ],
        variables=variables,
    )


def _element(statement: dict[str, Any], name: str) -> Element | None:
    """X or NotX, whichever the statement has; a Principal's values as they would be listed."""
    for written in (name, f"Not{name}"):
        if written in statement:
            value = statement[written]
            if isinstance(value, dict):
                return Element(written, tuple([one for listed in value.values() for one in document.values(listed)]))
            return Element(written, document.values(value))
    return None
