"""Buckets: who owns a name, and its policy. Their objects are the backend's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from daypass import limits
from daypass.service.ports import BucketExists, BucketRecord, Entity, LimitReached, NotFound
from daypass.store.tables import Topic, buckets
from daypass.store.transactions import Transactions


class Buckets(Transactions):
    """The bucket part of the directory."""

    async def create_bucket(self, name: str, account_id: str, region: str, created: datetime) -> None:
        async with self.write() as write:
            connection = write.connection
            owner = await connection.scalar(select(buckets.c.account_id).where(buckets.c.name == name))
            if owner is not None:
                raise BucketExists(owner)
            count = await connection.scalar(
                select(func.count()).select_from(buckets).where(buckets.c.account_id == account_id)
            )
            if (count or 0) >= limits.BUCKETS_PER_ACCOUNT:
                raise LimitReached(Entity.BUCKET)
            await connection.execute(
                insert(buckets).values(name=name, account_id=account_id, region=region, created=created)
            )
            write.changed(Topic.BUCKET, name)

    async def list_buckets(self, account_id: str) -> list[BucketRecord]:
        return await self._listed(select(buckets).where(buckets.c.account_id == account_id))

    async def list_all_buckets(self) -> list[BucketRecord]:
        return await self._listed(select(buckets))

    async def _listed(self, query: Select[Any]) -> list[BucketRecord]:
        async with self.read() as connection:
            rows = (await connection.execute(query.order_by(buckets.c.name))).all()
        return [BucketRecord(row.name, row.account_id, row.region, row.created) for row in rows]

    async def set_bucket_policy(self, name: str, document: str | None) -> None:
        await self._set(name, policy=document)

    async def set_public_access_block(self, name: str, document: str | None) -> None:
        await self._set(name, public_access_block=document)

    async def set_bucket_cors(self, name: str, document: str | None) -> None:
        await self._set(name, cors=document)

    async def _set(self, name: str, **values: str | None) -> None:
        async with self.write() as write:
            done = await write.connection.execute(update(buckets).where(buckets.c.name == name).values(**values))
            if done.rowcount == 0:
                raise NotFound(Entity.BUCKET)
            write.changed(Topic.BUCKET, name)

    async def delete_bucket(self, name: str) -> None:
        async with self.write() as write:
            done = await write.connection.execute(delete(buckets).where(buckets.c.name == name))
            if done.rowcount == 0:
                raise NotFound(Entity.BUCKET)
            write.changed(Topic.BUCKET, name)
