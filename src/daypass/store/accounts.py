"""Accounts, and the ids the store gives: none twice, not even after what had it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits
from daypass.names import ID_ENTROPY_BYTES, make_id
from daypass.policy import Policy, PolicyKind
from daypass.service.ports import (
    Account,
    AccountRecord,
    AlreadyExists,
    ControlPolicyRecord,
    Entity,
    Entropy,
    Levels,
    LimitReached,
    NotFound,
    StillInUse,
)
from daypass.store.stored_policies import StoredPolicies
from daypass.store.tables import Topic, accounts, control_policies, identifiers
from daypass.store.transactions import Transactions, Write

# AWS attaches it to everything and nobody can detach it: resource control policies only ever deny.
# (AWS Organizations User Guide, "RCP evaluation")
_ALWAYS_ATTACHED: Final = {
    PolicyKind.RESOURCE_CONTROL: (
        Policy.parse(
            '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}',
            PolicyKind.RESOURCE_CONTROL,
            id="RCPFullAWSAccess",
        ),
    )
}


class Accounts(Transactions):
    """The account part of the store."""

    _stored_policies: StoredPolicies

    async def create_account(self, account_id: str, created: datetime) -> Account:
        async with self.write() as write:
            await insert_account(write, account_id, created, None)
        return Account(account_id, created.replace(microsecond=0))

    async def list_accounts(self) -> list[AccountRecord]:
        async with self.read() as connection:
            rows = (await connection.execute(select(accounts).order_by(accounts.c.account_id))).all()
        return [
            AccountRecord(row.account_id, row.created, row.name, row.alias, row.management, row.closed) for row in rows
        ]

    async def close_account(self, account_id: str, closed: datetime) -> None:
        async with self.write() as write:
            account = await _require_account(write, account_id)
            if account.management:
                raise StillInUse(Entity.ACCOUNT)
            if account.closed is None:
                its = accounts.c.account_id == account_id
                await write.connection.execute(update(accounts).where(its).values(closed=closed))
                write.changed(Topic.ACCOUNT, account_id)

    async def attach_control_policy(
        self, name: str, kind: PolicyKind, document: str, created: datetime, *, account_id: str | None
    ) -> None:
        async with self.write() as write:
            connection = write.connection
            if account_id is not None:
                await _require_account(write, account_id)
            taken = select(control_policies.c.name).where(control_policies.c.name == name)
            if (await connection.execute(taken)).first() is not None:
                raise AlreadyExists(Entity.CONTROL_POLICY)
            beside = select(func.count()).where(
                control_policies.c.kind == kind.value, control_policies.c.account_id.is_not_distinct_from(account_id)
            )
            if (await connection.scalar(beside) or 0) >= limits.CONTROL_POLICIES_PER_TARGET:
                raise LimitReached(Entity.CONTROL_POLICY)
            row = {"name": name, "kind": kind.value, "account_id": account_id, "document": document, "created": created}
            await connection.execute(insert(control_policies).values(row))
            await _controlled_changed(write, account_id)

    async def detach_control_policy(self, name: str) -> None:
        async with self.write() as write:
            its = control_policies.c.name == name
            row = (await write.connection.execute(select(control_policies).where(its))).first()
            if row is None:
                raise NotFound(Entity.CONTROL_POLICY)
            await write.connection.execute(delete(control_policies).where(its))
            await _controlled_changed(write, row.account_id)

    async def list_control_policies(self) -> list[ControlPolicyRecord]:
        async with self.read() as connection:
            rows = (await connection.execute(select(control_policies).order_by(control_policies.c.name))).all()
        return [
            ControlPolicyRecord(row.name, PolicyKind(row.kind), row.account_id, row.document, row.created)
            for row in rows
        ]

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
            row.web_identity_issuer,
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
                levels.append(level + _ALWAYS_ATTACHED.get(kind, ()))
        return tuple(levels) or None


async def insert_account(write: Write, account_id: str, created: datetime, name: str | None) -> None:
    """Raises AlreadyExists(ACCOUNT)."""
    known = select(accounts.c.account_id).where(accounts.c.account_id == account_id)
    if (await write.connection.execute(known)).first() is not None:
        raise AlreadyExists(Entity.ACCOUNT)
    row = {"account_id": account_id, "created": created, "name": name, "management": False}
    await write.connection.execute(insert(accounts).values(row))
    write.changed(Topic.ACCOUNT, account_id)


async def _require_account(write: Write, account_id: str) -> Row[Any]:
    """Raises NotFound(ACCOUNT)."""
    row = (await write.connection.execute(select(accounts).where(accounts.c.account_id == account_id))).first()
    if row is None:
        raise NotFound(Entity.ACCOUNT)
    return row


async def _controlled_changed(write: Write, account_id: str | None) -> None:
    """Log a change of the account, or of all."""
    ids = [account_id] if account_id is not None else await write.connection.scalars(select(accounts.c.account_id))
    for changed in ids:
        write.changed(Topic.ACCOUNT, changed)


async def new_id(connection: AsyncConnection, prefix: str, account_id: str, entropy: Entropy) -> str:
    """An id that was never given before, noted as given in the same transaction."""
    while True:
        identifier = make_id(prefix, account_id, entropy.bytes(ID_ENTROPY_BYTES))
        known = select(identifiers).where(identifiers.c.identifier == identifier)
        if (await connection.execute(known)).first() is None:
            await connection.execute(insert(identifiers).values(identifier=identifier))
            return identifier
