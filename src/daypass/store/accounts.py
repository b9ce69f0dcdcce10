"""Accounts, and the ids the store gives: none twice, not even after what had it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass.names import ID_ENTROPY_BYTES, make_id
from daypass.policy import PolicyKind
from daypass.service.ports import Account, Entropy, Levels
from daypass.store.stored_policies import StoredPolicies
from daypass.store.tables import Topic, accounts, control_policies, identifiers
from daypass.store.transactions import Transactions


class Accounts(Transactions):
    """The account part of the store."""

    _stored_policies: StoredPolicies

    async def create_account(self, account_id: str, created: datetime) -> Account:
        """account_id: twelve digits that no account has."""
        async with self.write() as write:
            await write.connection.execute(
                insert(accounts).values(account_id=account_id, created=created, management=False)
            )
            write.changed(Topic.ACCOUNT, account_id)
        return Account(account_id, created.replace(microsecond=0))

    async def account(self, account_id: str) -> Account | None:
        async with self.read() as connection:
            row = (await connection.execute(select(accounts).where(accounts.c.account_id == account_id))).first()
            if row is None:
                return None
            applying = (control_policies.c.account_id == account_id) | control_policies.c.account_id.is_(None)
            query = select(control_policies).where(applying).order_by(control_policies.c.name)
            found = (await connection.execute(query)).all()
        return Account(
            row.account_id,
            row.created,
            row.alias,
            row.management,
            row.closed,
            self._levels(found, PolicyKind.SERVICE_CONTROL),
            self._levels(found, PolicyKind.RESOURCE_CONTROL),
        )

    def _levels(self, rows: Sequence[Row[Any]], kind: PolicyKind) -> Levels | None:
        """What is attached to all accounts, then what is attached to the one; None if nothing is. A level without
        any policy is left out: it does not restrict."""
        levels = []
        for for_all in (True, False):
            level = tuple(
                self._stored_policies.compile(row.document, kind, id=row.name, owner=row.account_id or "all accounts")
                for row in rows
                if row.kind == kind.value and (row.account_id is None) is for_all
            )
            if level:
                levels.append(level)
        return tuple(levels) or None


async def new_id(connection: AsyncConnection, prefix: str, account_id: str, entropy: Entropy) -> str:
    """An id that was never given before, noted as given in the same transaction."""
    while True:
        identifier = make_id(prefix, account_id, entropy.bytes(ID_ENTROPY_BYTES))
        known = select(identifiers).where(identifiers.c.identifier == identifier)
        if (await connection.execute(known)).first() is None:
            await connection.execute(insert(identifiers).values(identifier=identifier))
            return identifier
