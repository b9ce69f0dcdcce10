"""Daypass as an issuer of web identity tokens: which accounts issue them, and the keys that sign them.

A private key is kept sealed like every secret, and is made when it is first needed, outside the transaction and the
event loop, since an RSA key takes a tenth of a second. Of two that are made at once, the later is dropped.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from sqlalchemy import Row, Select, insert, select, update

from daypass import limits
from daypass.names import Secret
from daypass.service.ports import AlreadyExists, Entity, NotFound, WebIdentityKey
from daypass.store.sealing import SealedSecret, open_secret, seal_secret
from daypass.store.tables import Topic, accounts, web_identity_keys
from daypass.store.transactions import Transactions
from daypass.wire import jwt
from daypass.wire.jwt import SigningKey

_KEY_NAME_BYTES: Final = 15
# After its last second of signing: the longest token, and what a verifier may give its clock.
_LAST_TOKENS: Final = timedelta(seconds=limits.WEB_IDENTITY_SECONDS_MAX + limits.WEB_IDENTITY_LEEWAY_SECONDS)


class WebIdentityKeys(Transactions):
    """The part of the directory for our own issuers."""

    async def set_web_identity_issuer(self, account_id: str, issuer: str | None) -> None:
        its = accounts.c.account_id == account_id
        async with self.write() as write:
            row = (await write.connection.execute(select(accounts.c.web_identity_issuer).where(its))).first()
            if row is None:
                raise NotFound(Entity.ACCOUNT)
            if issuer is None and row.web_identity_issuer is None:
                raise NotFound(Entity.PROVIDER)
            if issuer is not None and row.web_identity_issuer is not None:
                raise AlreadyExists(Entity.PROVIDER)
            await write.connection.execute(update(accounts).where(its).values(web_identity_issuer=issuer))
            write.changed(Topic.ACCOUNT, account_id)

    async def web_identity_key(self, algorithm: str, now: datetime) -> WebIdentityKey:
        async with self.read() as connection:
            row = (await connection.execute(_newest(algorithm))).first()
        return await self._make(algorithm, now) if row is None or _is_old(row, now) else self._open(row)

    async def published_keys(self, now: datetime) -> list[str]:
        query = select(web_identity_keys).order_by(web_identity_keys.c.created.desc(), web_identity_keys.c.key_name)
        async with self.read() as connection:
            rows = (await connection.execute(query)).all()
        published: list[str] = []
        replaced: dict[str, datetime] = {}
        for row in rows:  # the newest first: the one before it in its algorithm took its place
            if row.algorithm not in replaced or now < replaced[row.algorithm] + _LAST_TOKENS:
                published.append(row.public)
            replaced[row.algorithm] = row.created
        return published[::-1]

    async def _make(self, algorithm: str, now: datetime) -> WebIdentityKey:
        created = now.replace(microsecond=0)
        private = await asyncio.to_thread(jwt.make_private_key, algorithm)
        name = self._entropy.bytes(_KEY_NAME_BYTES).hex()
        public = json.dumps(jwt.public_jwk(SigningKey(name, algorithm, private)))
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        secret = Secret(pem.decode("ascii"))
        sealed = seal_secret(secret, name, self._key_ring, self._entropy)
        async with self.write() as write:
            first = (await write.connection.execute(_newest(algorithm))).first()
            if first is not None and not _is_old(first, now):  # somebody else was quicker
                return self._open(first)
            row = {"key_name": name, "algorithm": algorithm, "created": created, "public": public}
            await write.connection.execute(insert(web_identity_keys).values(row | sealed._asdict()))
        return WebIdentityKey(name, algorithm, created, public, secret)

    def _open(self, row: Row[Any]) -> WebIdentityKey:
        private = open_secret(SealedSecret(row.key_id, row.salt, row.sealed), row.key_name, self._key_ring)
        return WebIdentityKey(row.key_name, row.algorithm, row.created, row.public, private)


def _is_old(row: Row[Any], now: datetime) -> bool:
    created: datetime = row.created
    return now >= created + timedelta(seconds=limits.WEB_IDENTITY_KEY_SECONDS)


def _newest(algorithm: str) -> Select[Any]:
    its = web_identity_keys.c.algorithm == algorithm
    order = (web_identity_keys.c.created.desc(), web_identity_keys.c.key_name)
    return select(web_identity_keys).where(its).order_by(*order).limit(1)
