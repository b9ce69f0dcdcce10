"""Policy: one document, checked when it is made and compiled when it is first asked.

Owns the index from an action to the statements about it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from daypass import limits
from daypass.policy import document
from daypass.policy.candidates import NONE, Candidates
from daypass.policy.faults import PolicyKind
from daypass.policy.statement import Statement

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
    _by_action: dict[str, Candidates]

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
            checked = self._document
            compiled = [
                Statement(
                    source,
                    kind=self.kind,
                    policy_id=self.id,
                    index=index,
                    principals=checked.principals[index],
                    variables=checked.variables,
                )
                for index, source in enumerate(checked.statements)
            ]
            _set(self, "_statements", tuple(compiled))
        assert self._statements is not None  # noqa: S101  it was set above
        return self._statements

    def about(self, action: str) -> Candidates:
        """The statements about an action in lower case. For daypass.policy alone."""
        found = self._by_action.get(action)
        if found is None:
            found = Candidates([statement for statement in self.statements() if statement.matches_action(action)])
            if len(self._by_action) >= limits.POLICY_ACTIONS_CACHED:
                self._by_action.clear()
            self._by_action[action] = found
        return found


def candidates(policies: tuple[Policy, ...], action: str) -> Candidates:
    """The statements of all the policies about an action in lower case."""
    if len(policies) == 1:
        return policies[0].about(action)
    return _together(policies, action) if policies else NONE


@lru_cache(limits.POLICY_LISTS_CACHED)
def _together(policies: tuple[Policy, ...], action: str) -> Candidates:
    # A user's policies come as the same tuple in every request until one of them changes.
    return Candidates(
        [statement for policy in policies for statement in policy.statements() if statement.matches_action(action)]
    )
