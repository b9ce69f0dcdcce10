"""Buckets that the backend had before Daypass knew them, and whose they become by a rule of the configuration.

Owns that nothing is adopted but what a rule names and the backend has, and that a name which the backend has not is
not asked for again and again. A bucket that no rule fits is adopted by `daypass bucket adopt` alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from daypass import limits
from daypass.service.ports import Bucket, BucketExists, Directory, IdentityReader, LimitReached


class AdoptionRule(Protocol):
    """buckets: a pattern of names, in which `*` stands for any characters and `?` for one."""

    @property
    def buckets(self) -> str: ...

    @property
    def account_id(self) -> str: ...


class AdoptableBuckets(Protocol):
    """The backend's buckets. Any method raises ServiceError if the backend does not answer."""

    async def reaches_bucket(self, name: str, at: datetime) -> bool:
        """Whether the backend has a bucket of that name that Daypass's own key may use."""

    def region_of(self, name: str) -> str:
        """The region of the backend that a bucket of the name is on."""


class KnownBuckets:
    """The buckets of the store, and those that become known when they are first asked for."""

    def __init__(
        self,
        rules: Sequence[AdoptionRule],
        identities: IdentityReader,
        directory: Directory,
        backend: AdoptableBuckets,
    ) -> None:
        self._rules: Final = [(_pattern(rule.buckets), rule.account_id) for rule in rules]
        self._identities = identities
        self._directory = directory
        self._backend = backend
        self._absent: Final[dict[str, datetime]] = {}  # names that the backend had not → until when that is believed

    def held(self, name: str) -> Bucket | None:
        """The bucket, if it is known without waiting. None says nothing: ask `find`."""
        return self._identities.held_bucket(name)

    async def find(self, name: str, now: datetime) -> Bucket | None:
        """The bucket; adopted now if a rule fits it and the backend has it."""
        found = await self._identities.bucket(name)
        if found is not None or not self._rules:
            return found
        account_id = next((account_id for pattern, account_id in self._rules if pattern.fullmatch(name)), None)
        if account_id is None or await self._identities.account(account_id) is None:
            return None
        if self._absent.get(name, now) > now:
            return None
        if not await self._backend.reaches_bucket(name, now):
            self._remember_absent(name, now)
            return None
        try:
            await self._directory.create_bucket(name, account_id, self._backend.region_of(name), now)
        except (BucketExists, LimitReached):
            pass  # somebody was quicker; or the account has no room, and the bucket stays unknown
        return await self._identities.bucket(name)

    def _remember_absent(self, name: str, now: datetime) -> None:
        if len(self._absent) >= limits.ABSENT_BUCKETS:
            self._absent.clear()
        self._absent[name] = now + timedelta(seconds=limits.ABSENT_BUCKET_SECONDS)


def _pattern(buckets: str) -> re.Pattern[str]:
    return re.compile("".join([{"*": ".*", "?": "."}.get(character, re.escape(character)) for character in buckets]))
