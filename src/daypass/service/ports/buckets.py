"""Buckets: who owns a name, and what Daypass keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BucketRecord:
    """A bucket as it is listed, without its policy."""

    name: str
    account_id: str
    region: str
    created: datetime


class Buckets(Protocol):
    """The part of the directory for buckets."""

    # --- buckets ---

    async def create_bucket(self, name: str, account_id: str, region: str, created: datetime) -> None:
        """Raises BucketExists, LimitReached(BUCKET)."""

    async def list_buckets(self, account_id: str) -> list[BucketRecord]:
        """By name."""

    async def list_all_buckets(self) -> list[BucketRecord]:
        """Those of every account, by name."""

    async def set_bucket_policy(self, name: str, document: str | None) -> None:
        """None removes it. Raises NotFound(BUCKET)."""

    async def set_public_access_block(self, name: str, document: str | None) -> None:
        """None removes it. Raises NotFound(BUCKET)."""

    async def set_bucket_cors(self, name: str, document: str | None) -> None:
        """None removes it. Raises NotFound(BUCKET)."""

    async def delete_bucket(self, name: str) -> None:
        """With its policy and all else that is kept of it. Raises NotFound(BUCKET)."""
