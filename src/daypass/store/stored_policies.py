"""Stored policy texts → compiled policies, once per version; and what becomes of a text that no longer parses.

Every document was parsed before it was stored, so one that does not parse now was damaged, or was accepted by a
Daypass that read policies differently. It may have held a Deny, so it fails closed: in its place stands a policy
that denies everything, which no other policy can outweigh, and the log says so once.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Final

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyKind

_log = logging.getLogger(__name__)

_DENY_ALL: Final = '{"Version":"2012-10-17","Statement":{"Sid":"StoredPolicyDoesNotParse","Effect":"Deny",%s}}'
_ALL: Final = {
    PolicyKind.RESOURCE: '"Principal":"*","Action":"*","Resource":"*"',
    PolicyKind.RESOURCE_CONTROL: '"Principal":"*","Action":"*","Resource":"*"',
    PolicyKind.ROLE_TRUST: '"Principal":"*","Action":"sts:*"',
}


class StoredPolicies:
    """Compiles, and keeps compiled managed policies: many users share one, and a version never changes."""

    def __init__(self) -> None:
        self._versions: dict[Hashable, Policy] = {}
        self._reported: set[tuple[str, str]] = set()

    def compile(self, text: str, kind: PolicyKind, *, id: str, owner: str) -> Policy:
        """id: as decisions name it. owner: whose it is, for the log."""
        try:
            # It was accepted once: a rule made stricter since does not take it out of force.
            return Policy.parse(text, kind, id=id, stored=True)
        except PolicyError as error:
            self._report(id, owner, error)
            return Policy.parse(_DENY_ALL % _ALL.get(kind, '"Action":"*","Resource":"*"'), kind, id=id)

    def version(self, policy_id: str, version: int, text: str, kind: PolicyKind, *, arn: str) -> Policy:
        """A version of a managed policy, compiled the first time it is asked for."""
        key = (policy_id, version, kind)
        policy = self._versions.get(key)
        if policy is None:
            policy = self.compile(text, kind, id=arn, owner=arn)
            if len(self._versions) >= limits.IDENTITIES_CACHED:
                del self._versions[next(iter(self._versions))]
            self._versions[key] = policy
        return policy

    def _report(self, id: str, owner: str, error: PolicyError) -> None:
        if (owner, id) not in self._reported and len(self._reported) < limits.IDENTITIES_CACHED:
            self._reported.add((owner, id))
            _log.error(
                "the stored policy %s of %s does not parse (%s); until it is replaced it denies everything",
                id,
                owner,
                error,
            )
