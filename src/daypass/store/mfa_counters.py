"""Which MFA codes were accepted: of each device the time step of the last one."""

from __future__ import annotations

from sqlalchemy import update

from daypass.store.tables import Topic, mfa_devices
from daypass.store.transactions import Transactions


class MfaCounters(Transactions):
    """The part of the directory that lets a code through once."""

    async def accept_mfa_counter(self, serial_number: str, counter: int) -> bool:
        async with self.write() as write:
            # One statement decides: of two callers with the same code at once, one finds no row.
            done = await write.connection.execute(
                update(mfa_devices)
                .where(
                    mfa_devices.c.serial_number == serial_number,
                    mfa_devices.c.owner_id.is_not(None),
                    mfa_devices.c.last_counter < counter,
                )
                .values(last_counter=counter)
            )
            if done.rowcount > 0:
                write.changed(Topic.MFA_DEVICE, serial_number)
        return done.rowcount > 0
