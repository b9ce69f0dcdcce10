"""A virtual MFA device of somebody's, put into the store, and the codes it shows."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from daypass import totp
from daypass.names import Secret
from daypass.store import Store, open_store

_SEED = bytes(range(totp.SEED_BYTES))


@dataclass(frozen=True)
class Device:
    """serial_number: as calls name it."""

    serial_number: str
    seed: Secret

    def code(self, steps: int = 0) -> str:
        """What it shows that many time steps from now. Near the end of a step it waits for the next, so that the code
        is used in the step it was made in."""
        if time.time() % totp.STEP_SECONDS > totp.STEP_SECONDS - 2:
            time.sleep(2)
        return totp.code(self.seed, totp.counter_at(datetime.now(UTC)) + steps)

    def wrong_code(self) -> str:
        """One that is none of the codes around now."""
        shown = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in shown)

    def form(self, code: str) -> dict[str, str]:
        return {"SerialNumber": self.serial_number, "TokenCode": code}


def new_device(data: Path, account_id: str, name: str, owner: str | None = None) -> Device:
    """A device in use. owner: the user's name; None for root. None of its codes were used."""
    seed = totp.make_seed(_SEED)

    async def work(store: Store) -> Device:
        made = await store.directory.create_mfa_device(account_id, name, path="/", seed=seed, tags={})
        owner_id = account_id
        if owner is not None:
            user = await store.directory.find_user(account_id, owner)
            assert user is not None
            owner_id = user.user_id
        assert await store.directory.enable_mfa_device(made.serial_number, owner_id, 1, datetime.now(UTC))
        return Device(made.serial_number, seed)

    async def on_store() -> Device:
        store = await open_store(data)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(on_store())
