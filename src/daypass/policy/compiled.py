"""Policy: one document, parsed."""

from __future__ import annotations

import json

from daypass.policy.faults import PolicyError, PolicyFault, PolicyKind


class Policy:
    """One document of one kind, checked when made. id: how a Decision names it, a policy name or ARN."""

    __slots__ = ("document", "id", "kind", "text")

    def __init__(self, text: str, kind: PolicyKind, id: str, document: object) -> None:
        self.text = text
        self.kind = kind
        self.id = id
        self.document = document

    @classmethod
    def parse(cls, text: str | bytes, kind: PolicyKind, *, id: str = "") -> Policy:
        """The policy in a JSON text.

        Raises:
            PolicyError: it is no policy of that kind.
        """
        try:
            text = text.decode() if isinstance(text, bytes) else text
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise PolicyError(PolicyFault.NOT_JSON, "", "Syntax errors in policy.") from None
        if not isinstance(document, dict) or "Statement" not in document:
            raise PolicyError(PolicyFault.SYNTAX, "Statement", "Syntax errors in policy.")
        return cls(text, kind, id, document)
