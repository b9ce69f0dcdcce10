"""The tags that objects have at the backend, for policies that ask about them.

Owns how long an answer is believed, and how many are: as long as a change of a policy may take to be in force
everywhere. Without an answer nothing that depends on tags is allowed.

Source: S3 User Guide, "Tagging and access control policies" (s3:ExistingObjectTag).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from daypass import limits
from daypass.edge.backend import object_tags
from daypass.edge.backends import Backends

_BELIEVED: Final = timedelta(seconds=limits.OBJECT_TAGS_SECONDS)


class ObjectTags:
    """Asks the backend, and remembers for a moment what it said."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._known: Final[dict[tuple[str, str, str | None], tuple[datetime, Mapping[str, str]]]] = {}

    async def of(self, bucket: str, key: str, version_id: str | None, at: datetime) -> Mapping[str, str]:
        """The object's tags; none if there is no such object.

        Raises:
            ServiceError: the backend did not say.
        """
        named = (bucket, key, version_id)
        until, tags = self._known.get(named, (None, {}))
        if until is not None and at < until:
            return tags
        tags = await object_tags(self._backends.of(bucket), bucket, key, version_id, at)
        if len(self._known) >= limits.OBJECT_TAGS_CACHED:
            self._known.clear()
        self._known[named] = (at + _BELIEVED, tags)
        return tags

    def forget(self, bucket: str, key: str) -> None:
        """What was said of the object's current version: something may have been written to it since."""
        self._known.pop((bucket, key, None), None)
