"""Virtual MFA devices. Their seeds enter and leave encrypted (store.sealing); codes are let through by
store.mfa_counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits, names
from daypass.names import Secret, is_account_id
from daypass.service.ports import AlreadyExists, Entity, LimitReached, MfaDeviceRecord, NotFound, StillInUse
from daypass.store.sealing import SealedSecret, open_secret, seal_secret
from daypass.store.tables import Topic, mfa_devices
from daypass.store.tags import put_tags, remove_all_tags, remove_tags, tags_of
from daypass.store.transactions import Transactions
from daypass.store.users import require_user

_NONE_ACCEPTED = 0  # last_counter of a new device: the epoch's first half minute, whose code nobody can show any more


class MfaDevices(Transactions):
    """The MFA device part of the directory."""

    async def create_mfa_device(
        self, account_id: str, name: str, *, path: str, seed: Secret, tags: Mapping[str, str]
    ) -> MfaDeviceRecord:
        serial_number = names.mfa_device_arn(account_id, path, name)
        async with self.write() as write:
            connection = write.connection
            if await _row(connection, serial_number) is not None:
                raise AlreadyExists(Entity.MFA_DEVICE)
            of_account = mfa_devices.c.account_id == account_id
            count = await connection.scalar(select(func.count()).select_from(mfa_devices).where(of_account))
            if (count or 0) >= limits.MFA_DEVICES_PER_ACCOUNT:
                raise LimitReached(Entity.MFA_DEVICE)
            sealed = seal_secret(seed, serial_number, self._key_ring, self._entropy)
            await connection.execute(
                insert(mfa_devices).values(
                    serial_number=serial_number,
                    account_id=account_id,
                    name=name,
                    path=path,
                    last_counter=_NONE_ACCEPTED,
                    **sealed._asdict(),
                )
            )
            await put_tags(connection, serial_number, tags)
        return MfaDeviceRecord(serial_number, account_id, name, path, seed, None, None, _NONE_ACCEPTED, dict(tags))

    async def find_mfa_device(self, account_id: str, serial_number: str) -> MfaDeviceRecord | None:
        found = await self._records(
            select(mfa_devices).where(
                mfa_devices.c.account_id == account_id, mfa_devices.c.serial_number == serial_number
            )
        )
        return found[0] if found else None

    async def list_mfa_devices(
        self, account_id: str, *, assigned: bool | None = None, after: str = "", limit: int
    ) -> list[MfaDeviceRecord]:
        query = select(mfa_devices).where(mfa_devices.c.account_id == account_id, mfa_devices.c.serial_number > after)
        if assigned is not None:
            query = query.where(mfa_devices.c.owner_id.is_not(None) if assigned else mfa_devices.c.owner_id.is_(None))
        return await self._records(query.order_by(mfa_devices.c.serial_number).limit(limit))

    async def list_mfa_devices_of(self, owner_id: str) -> list[MfaDeviceRecord]:
        query = select(mfa_devices).where(mfa_devices.c.owner_id == owner_id)
        return await self._records(query.order_by(mfa_devices.c.serial_number))

    async def enable_mfa_device(self, serial_number: str, owner_id: str, counter: int, enabled: datetime) -> bool:
        async with self.write() as write:
            connection = write.connection
            device = await _require(connection, serial_number)
            if not is_account_id(owner_id):
                await require_user(connection, owner_id)
            if device.owner_id is not None:
                raise AlreadyExists(Entity.MFA_DEVICE)
            of_owner = mfa_devices.c.owner_id == owner_id
            count = await connection.scalar(select(func.count()).select_from(mfa_devices).where(of_owner))
            if (count or 0) >= limits.MFA_DEVICES_PER_USER:
                raise LimitReached(Entity.MFA_DEVICE)
            if counter <= device.last_counter:
                return False
            await connection.execute(
                update(mfa_devices)
                .where(mfa_devices.c.serial_number == serial_number)
                .values(owner_id=owner_id, enabled=enabled, last_counter=counter)
            )
            write.changed(Topic.MFA_DEVICE, serial_number)
        return True

    async def deactivate_mfa_device(self, serial_number: str, owner_id: str) -> None:
        await self._update(serial_number, owner_id, {"owner_id": None, "enabled": None})

    async def resync_mfa_device(self, serial_number: str, owner_id: str, counter: int) -> None:
        await self._update(serial_number, owner_id, {"last_counter": counter})

    async def delete_mfa_device(self, serial_number: str) -> None:
        async with self.write() as write:
            device = await _require(write.connection, serial_number)
            if device.owner_id is not None:
                raise StillInUse(Entity.MFA_DEVICE)
            await remove_all_tags(write.connection, serial_number)
            await write.connection.execute(delete(mfa_devices).where(mfa_devices.c.serial_number == serial_number))
            write.changed(Topic.MFA_DEVICE, serial_number)

    async def tag_mfa_device(self, serial_number: str, tags: Mapping[str, str]) -> None:
        async with self.write() as write:
            await _require(write.connection, serial_number)
            await put_tags(write.connection, serial_number, tags)

    async def untag_mfa_device(self, serial_number: str, keys: Sequence[str]) -> None:
        async with self.write() as write:
            await _require(write.connection, serial_number)
            await remove_tags(write.connection, serial_number, keys)

    async def _update(self, serial_number: str, owner_id: str, new: Mapping[str, Any]) -> None:
        """Change a device of that owner. Raises NotFound(MFA_DEVICE)."""
        async with self.write() as write:
            done = await write.connection.execute(
                update(mfa_devices)
                .where(mfa_devices.c.serial_number == serial_number, mfa_devices.c.owner_id == owner_id)
                .values(new)
            )
            if done.rowcount == 0:
                raise NotFound(Entity.MFA_DEVICE)
            write.changed(Topic.MFA_DEVICE, serial_number)

    async def _records(self, query: Select[Any]) -> list[MfaDeviceRecord]:
        async with self.read() as connection:
            rows = (await connection.execute(query)).all()
            tags = await tags_of(connection, [row.serial_number for row in rows])
        return [
            MfaDeviceRecord(
                serial_number=row.serial_number,
                account_id=row.account_id,
                name=row.name,
                path=row.path,
                seed=open_secret(SealedSecret(row.key_id, row.salt, row.sealed), row.serial_number, self._key_ring),
                owner_id=row.owner_id,
                enabled=row.enabled,
                last_counter=row.last_counter,
                tags=tags[row.serial_number],
            )
            for row in rows
        ]


async def _row(connection: AsyncConnection, serial_number: str) -> Row[Any] | None:
    query = select(mfa_devices).where(mfa_devices.c.serial_number == serial_number)
    return (await connection.execute(query)).first()


async def _require(connection: AsyncConnection, serial_number: str) -> Row[Any]:
    """The device's row.

    Raises:
        NotFound: there is none.
    """
    row = await _row(connection, serial_number)
    if row is None:
        raise NotFound(Entity.MFA_DEVICE)
    return row
