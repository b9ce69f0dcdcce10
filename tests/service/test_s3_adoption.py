from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daypass.config import Adoption
from daypass.service.s3_adoption import KnownBuckets
from daypass.wire.s3_errors import s3_error
from support.stores import ACCOUNT, NOW, SqliteEngine

RULES = [Adoption("data-lost?", "999999999999"), Adoption("data-*", ACCOUNT)]


@dataclass
class Backend:
    """AdoptableBuckets in memory. asked: the names, in order."""

    buckets: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    async def reaches_bucket(self, name: str, at: datetime) -> bool:
        self.asked.append(name)
        if self.down:
            raise s3_error("ServiceUnavailable", "down")
        return name in self.buckets

    def region_of(self, name: str) -> str:
        return "eu-central-1"


def run(tmp_path: Path, work: Callable[[KnownBuckets, Backend], Awaitable[None]]) -> None:
    async def main() -> None:
        async with SqliteEngine(tmp_path).open() as store:
            backend = Backend({"data-1", "data-lost1", "data-long", "other"})
            await work(KnownBuckets(RULES, store.identities, store.directory, backend), backend)

    asyncio.run(main())


def test_a_bucket_is_adopted_by_the_first_rule_that_fits_it(tmp_path: Path) -> None:
    async def work(known: KnownBuckets, backend: Backend) -> None:
        for name in ("data-1", "data-long"):
            found = await known.find(name, NOW)
            assert found is not None
            assert (found.account_id, found.region, found.policy) == (ACCOUNT, "eu-central-1", None)
            assert await known.find(name, NOW) == found
        assert backend.asked == ["data-1", "data-long"]

    run(tmp_path, work)


def test_nothing_else_is_adopted(tmp_path: Path) -> None:
    async def work(known: KnownBuckets, backend: Backend) -> None:
        assert await known.find("other", NOW) is None, "no rule fits"
        assert await known.find("data-lost1", NOW) is None, "its rule's account is not there"
        assert backend.asked == []
        assert await known.find("data-2", NOW) is None, "the backend has none"

    run(tmp_path, work)


def test_a_name_that_the_backend_has_not_is_asked_for_again_only_after_a_while(tmp_path: Path) -> None:
    async def work(known: KnownBuckets, backend: Backend) -> None:
        for _ in range(3):
            assert await known.find("data-2", NOW) is None
        assert backend.asked == ["data-2"]
        backend.buckets.add("data-2")
        found = await known.find("data-2", NOW + timedelta(seconds=6))
        assert found is not None
        assert found.account_id == ACCOUNT

    run(tmp_path, work)


def test_a_backend_that_does_not_answer_is_no_backend_without_the_bucket(tmp_path: Path) -> None:
    async def work(known: KnownBuckets, backend: Backend) -> None:
        backend.down = True
        with pytest.raises(Exception, match="down"):
            await known.find("data-1", NOW)
        backend.down = False
        assert await known.find("data-1", NOW) is not None

    run(tmp_path, work)
