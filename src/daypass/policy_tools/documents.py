"""Policy documents for a question: parsed once each, and kept even where AWS would refuse to store them anew.

A document that only a new one would be refused for (a repeated Sid, a size) still means something; it is used, and
what is wrong with it is told beside the answer.
"""

from __future__ import annotations

from collections.abc import Callable

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyKind

# Told of a document that is used though AWS would refuse it: its id and the error.
Warn = Callable[[str, PolicyError], None]


def kind_of_resource_policy(action: str, resource: str) -> PolicyKind:
    """What the policy of a resource is: STS reads a role's trust policy, all else a resource-based policy."""
    parts = resource.split(":", 5)
    of_role = action.lower().startswith("sts:") and parts[2:3] == ["iam"] and parts[-1].startswith("role/")
    return PolicyKind.ROLE_TRUST if of_role else PolicyKind.RESOURCE


class Documents:
    """Parses documents; an equal text for an equal use is parsed once, unless very many came between."""

    def __init__(self, warn: Warn) -> None:
        self._warn = warn
        self._parsed: dict[tuple[bytes, PolicyKind, str], Policy | PolicyError] = {}

    def policy(self, text: bytes, kind: PolicyKind, id: str) -> Policy:
        """The policy in a JSON text. id: how explanations name it.

        Raises:
            PolicyError: there is nothing in it that could be used.
        """
        key = (text, kind, id)
        found = self._parsed.get(key)
        if found is None:
            if len(self._parsed) >= limits.TESTED_DOCUMENTS_CACHED:
                self._parsed.clear()
            found = self._parsed[key] = self._parse(text, kind, id)
        if isinstance(found, PolicyError):
            raise found
        return found

    def _parse(self, text: bytes, kind: PolicyKind, id: str) -> Policy | PolicyError:
        try:
            return Policy.parse(text, kind, id=id)
        except PolicyError as fault:
            try:
                policy = Policy.parse(text, kind, id=id, stored=True)
            except PolicyError as error:
                return error
            self._warn(id, fault)
            return policy
