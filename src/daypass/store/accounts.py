"""Accounts, and the ids the store gives: none twice, not even after what had it is gone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass.names import ID_ENTROPY_BYTES, make_id
from daypass.service.ports import Account, Entropy
from daypass.store.tables import Topic, accounts, identifiers
from daypass.store.transactions import Transactions


class Accounts(Transactions):
    """The account part of the store."""

    async def create_account(self, account_id: str, created: datetime) -> Account:
        """account_id: twelve digits that no account has."""
        async with self.write() as write:
            await write.connection.execute(insert(accounts).values(account_id=account_id, created=created))
            write.changed(Topic.ACCOUNT, account_id)
        return Account(account_id, created.replace(microsecond=0))

    async def account(self, account_id: str) -> Account | None:
        async with self.read() as connection:
            row = (await connection.execute(select(accounts).where(accounts.c.account_id == account_id))).first()
        return None if row is None else Account(row.account_id, row.created)


async def new_id(connection: AsyncConnection, prefix: str, account_id: str, entropy: Entropy) -> str:
    """An id that was never given before, noted as given in the same transaction."""
    while True:
        identifier = make_id(prefix, account_id, entropy.bytes(ID_ENTROPY_BYTES))
        known = select(identifiers).where(identifiers.c.identifier == identifier)
        if (await connection.execute(known)).first() is None:
            await connection.execute(insert(identifiers).values(identifier=identifier))
            return identifier
