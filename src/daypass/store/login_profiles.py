"""Login profiles: whether a user has a password, and its hash."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from daypass import limits
from daypass.service.ports import AlreadyExists, Entity, LoginProfile, NotFound
from daypass.store.tables import login_profiles
from daypass.store.transactions import Transactions
from daypass.store.users import require_user


class LoginProfiles(Transactions):
    """The login profile part of the directory."""

    async def create_login_profile(
        self, user_id: str, password: str, *, reset_required: bool, created: datetime
    ) -> LoginProfile:
        created = created.replace(microsecond=0)
        async with self.write() as write:
            connection = write.connection
            await require_user(connection, user_id)
            taken = select(login_profiles.c.user_id).where(login_profiles.c.user_id == user_id)
            if (await connection.execute(taken)).first() is not None:
                raise AlreadyExists(Entity.LOGIN_PROFILE)
            await connection.execute(
                insert(login_profiles).values(
                    user_id=user_id,
                    created=created,
                    changed=created,
                    password=password,
                    former="[]",
                    reset_required=reset_required,
                )
            )
        return LoginProfile(user_id, created, created, password, (), reset_required)

    async def find_login_profile(self, user_id: str) -> LoginProfile | None:
        query = select(login_profiles).where(login_profiles.c.user_id == user_id)
        async with self.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else login_profile(row)

    async def update_login_profile(
        self, user_id: str, changed: datetime, *, password: str | None = None, reset_required: bool | None = None
    ) -> None:
        of_user = login_profiles.c.user_id == user_id
        async with self.write() as write:
            row = (await write.connection.execute(select(login_profiles).where(of_user))).first()
            if row is None:
                raise NotFound(Entity.LOGIN_PROFILE)
            new: dict[str, Any] = {}
            if password is not None:
                former = [row.password, *json.loads(row.former)][: limits.PASSWORDS_REMEMBERED]
                new |= {"password": password, "former": json.dumps(former), "changed": changed}
            if reset_required is not None:
                new["reset_required"] = reset_required
            if new:
                await write.connection.execute(update(login_profiles).where(of_user).values(new))

    async def delete_login_profile(self, user_id: str) -> None:
        async with self.write() as write:
            done = await write.connection.execute(delete(login_profiles).where(login_profiles.c.user_id == user_id))
            if done.rowcount == 0:
                raise NotFound(Entity.LOGIN_PROFILE)


def login_profile(row: Row[Any]) -> LoginProfile:
    former = tuple(json.loads(row.former))
    return LoginProfile(row.user_id, row.created, row.changed, row.password, former, row.reset_required)
