"""Tags of what IAM knows by a unique id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Tags(Protocol):
    """The part of the directory for tags. entity_id: of a user, a role, a managed policy or an instance profile."""

    async def tag(self, entity_id: str, tags: Mapping[str, str]) -> None:
        """Adds tags; one whose key differs only in case is replaced.
        Raises NotFound(USER | ROLE | MANAGED_POLICY | INSTANCE_PROFILE), LimitReached(TAG)."""

    async def untag(self, entity_id: str, keys: Sequence[str]) -> None:
        """Removes the tags of these keys, compared without case; a key without a tag is no error.
        Raises NotFound(USER | ROLE | MANAGED_POLICY | INSTANCE_PROFILE)."""
