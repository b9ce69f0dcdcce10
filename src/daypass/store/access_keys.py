"""Access keys of users and of root users. Their secrets enter and leave encrypted (store.sealing)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.names import Secret, is_account_id
from daypass.service.ports import AccessKey, AccessKeyRecord, Entity, LimitReached, NotFound
from daypass.store.accounts import insert_account, new_id
from daypass.store.sealing import SealedSecret, open_secret, seal_secret
from daypass.store.tables import Topic, access_keys, accounts
from daypass.store.transactions import Transactions, Write
from daypass.store.users import require_user


class AccessKeys(Transactions):
    """The access key part of the directory."""

    async def create_access_key(self, owner_id: str, secret: Secret, created: datetime) -> AccessKeyRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            account_id, user_id = await _owner(connection, owner_id)
            count = await connection.scalar(select(func.count()).select_from(access_keys).where(_owned_by(owner_id)))
            if (count or 0) >= limits.ACCESS_KEYS_PER_USER:
                raise LimitReached(Entity.ACCESS_KEY)
            access_key_id = await self._insert_access_key(write, account_id, user_id, secret, created)
        return AccessKeyRecord(access_key_id, account_id, owner_id, True, created)

    async def open_account(
        self, account_id: str, created: datetime, *, name: str | None, root_secret: Secret
    ) -> AccessKeyRecord:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            await insert_account(write, account_id, created, name)
            access_key_id = await self._insert_access_key(write, account_id, None, root_secret, created)
        return AccessKeyRecord(access_key_id, account_id, account_id, True, created)

    async def _insert_access_key(
        self, write: Write, account_id: str, user_id: str | None, secret: Secret, created: datetime
    ) -> str:
        """An active key. user_id: None for root."""
        access_key_id = await new_id(write.connection, names.LONG_TERM_KEY, account_id, self._entropy)
        sealed = seal_secret(secret, access_key_id, self._key_ring, self._entropy)
        await write.connection.execute(
            insert(access_keys).values(
                access_key_id=access_key_id,
                account_id=account_id,
                user_id=user_id,
                active=True,
                created=created,
                **sealed._asdict(),
            )
        )
        write.changed(Topic.ACCESS_KEY, access_key_id)
        return access_key_id

    async def list_access_keys(self, owner_id: str) -> list[AccessKeyRecord]:
        query = (
            select(access_keys).where(_owned_by(owner_id)).order_by(access_keys.c.created, access_keys.c.access_key_id)
        )
        async with self.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            AccessKeyRecord(row.access_key_id, row.account_id, _owner_id(row), row.active, row.created) for row in rows
        ]

    async def set_access_key_active(self, owner_id: str, access_key_id: str, *, active: bool) -> None:
        async with self.write() as write:
            done = await write.connection.execute(
                update(access_keys).where(_key_of(owner_id, access_key_id)).values(active=active)
            )
            if done.rowcount == 0:
                raise NotFound(Entity.ACCESS_KEY)
            write.changed(Topic.ACCESS_KEY, access_key_id)

    async def delete_access_key(self, owner_id: str, access_key_id: str) -> None:
        async with self.write() as write:
            done = await write.connection.execute(delete(access_keys).where(_key_of(owner_id, access_key_id)))
            if done.rowcount == 0:
                raise NotFound(Entity.ACCESS_KEY)
            write.changed(Topic.ACCESS_KEY, access_key_id)

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        """The key with its secret in the clear, for whoever verifies a signature.

        Raises:
            StoreError: its secret cannot be opened.
        """
        async with self.read() as connection:
            row = (
                await connection.execute(select(access_keys).where(access_keys.c.access_key_id == access_key_id))
            ).first()
        if row is None:
            return None
        secret = open_secret(SealedSecret(row.key_id, row.salt, row.sealed), access_key_id, self._key_ring)
        return AccessKey(access_key_id, row.account_id, _owner_id(row), secret, row.active)


async def _owner(connection: AsyncConnection, owner_id: str) -> tuple[str, str | None]:
    """(account id, user id or None for root).

    Raises:
        NotFound: there is no such user or account.
    """
    if not is_account_id(owner_id):
        user = await require_user(connection, owner_id)
        return user.account_id, owner_id
    known = select(accounts.c.account_id).where(accounts.c.account_id == owner_id)
    if (await connection.execute(known)).first() is None:
        raise NotFound(Entity.USER)
    return owner_id, None


def _owned_by(owner_id: str) -> ColumnElement[bool]:
    if is_account_id(owner_id):
        return and_(access_keys.c.account_id == owner_id, access_keys.c.user_id.is_(None))
    return access_keys.c.user_id == owner_id


def _key_of(owner_id: str, access_key_id: str) -> ColumnElement[bool]:
    return and_(access_keys.c.access_key_id == access_key_id, _owned_by(owner_id))


def _owner_id(row: Row[Any]) -> str:
    owner_id: str = row.account_id if row.user_id is None else row.user_id
    return owner_id
