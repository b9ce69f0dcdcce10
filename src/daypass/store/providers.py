"""Identity providers: their rows. A provider goes by its ARN, under which its tags are kept as well."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import limits
from daypass.names import oidc_provider_arn, saml_provider_arn
from daypass.service.ports import (
    AlreadyExists,
    Entity,
    LimitReached,
    NotFound,
    OidcProviderRecord,
    SamlProviderRecord,
)
from daypass.store.tables import Topic, name_key, oidc_providers, saml_providers
from daypass.store.tags import put_tags, remove_all_tags, remove_tags, tags_of
from daypass.store.transactions import Transactions, Write

# The part of an ARN that says which kind of provider it is.
_KINDS = (
    (":oidc-provider/", oidc_providers, Topic.OIDC_PROVIDER),
    (":saml-provider/", saml_providers, Topic.SAML_PROVIDER),
)


class Providers(Transactions):
    """The part of the directory for identity providers."""

    async def create_oidc_provider(
        self,
        account_id: str,
        url: str,
        *,
        client_ids: Sequence[str],
        thumbprints: Sequence[str],
        tags: Mapping[str, str],
        created: datetime,
    ) -> OidcProviderRecord:
        created, arn = created.replace(microsecond=0), oidc_provider_arn(account_id, url)
        if len(client_ids) > limits.CLIENT_IDS_PER_PROVIDER:
            raise LimitReached(Entity.CLIENT_ID)
        async with self.write() as write:
            await _require_room(write.connection, oidc_providers, account_id, arn)
            await write.connection.execute(
                insert(oidc_providers).values(
                    arn=arn,
                    account_id=account_id,
                    url=url,
                    client_ids=json.dumps([*client_ids]),
                    thumbprints=json.dumps([*thumbprints]),
                    created=created,
                )
            )
            await put_tags(write.connection, arn, tags)
            write.changed(Topic.OIDC_PROVIDER, arn)
        return OidcProviderRecord(arn, account_id, url, tuple(client_ids), tuple(thumbprints), created, dict(tags))

    async def find_oidc_provider(self, arn: str) -> OidcProviderRecord | None:
        async with self.read() as connection:
            found = await _oidc_records(connection, select(oidc_providers).where(oidc_providers.c.arn == arn))
        return found[0] if found else None

    async def list_oidc_providers(self, account_id: str) -> list[OidcProviderRecord]:
        query = select(oidc_providers).where(oidc_providers.c.account_id == account_id).order_by(oidc_providers.c.arn)
        async with self.read() as connection:
            return await _oidc_records(connection, query)

    async def set_thumbprints(self, arn: str, thumbprints: Sequence[str]) -> None:
        async with self.write() as write:
            await _change(write, arn, thumbprints=json.dumps([*thumbprints]))

    async def add_client_id(self, arn: str, client_id: str) -> None:
        async with self.write() as write:
            client_ids = json.loads((await _require(write.connection, arn)).client_ids)
            if client_id in client_ids:
                return
            if len(client_ids) >= limits.CLIENT_IDS_PER_PROVIDER:
                raise LimitReached(Entity.CLIENT_ID)
            await _change(write, arn, client_ids=json.dumps([*client_ids, client_id]))

    async def remove_client_id(self, arn: str, client_id: str) -> None:
        async with self.write() as write:
            client_ids = json.loads((await _require(write.connection, arn)).client_ids)
            kept = [registered for registered in client_ids if registered != client_id]
            await _change(write, arn, client_ids=json.dumps(kept))

    async def delete_oidc_provider(self, arn: str) -> None:
        async with self.write() as write:
            await _delete(write, arn)

    async def create_saml_provider(
        self,
        account_id: str,
        name: str,
        *,
        metadata: str,
        valid_until: datetime | None,
        tags: Mapping[str, str],
        created: datetime,
    ) -> SamlProviderRecord:
        created, arn = created.replace(microsecond=0), saml_provider_arn(account_id, name)
        async with self.write() as write:
            await _require_room(write.connection, saml_providers, account_id, arn)
            await write.connection.execute(
                insert(saml_providers).values(
                    arn=arn,
                    account_id=account_id,
                    name=name,
                    metadata=metadata,
                    created=created,
                    valid_until=valid_until,
                )
            )
            await put_tags(write.connection, arn, tags)
            write.changed(Topic.SAML_PROVIDER, arn)
        return SamlProviderRecord(arn, account_id, name, metadata, created, valid_until, dict(tags))

    async def find_saml_provider(self, arn: str) -> SamlProviderRecord | None:
        async with self.read() as connection:
            found = await _saml_records(connection, select(saml_providers).where(saml_providers.c.arn == arn))
        return found[0] if found else None

    async def list_saml_providers(self, account_id: str) -> list[SamlProviderRecord]:
        query = select(saml_providers).where(saml_providers.c.account_id == account_id).order_by(saml_providers.c.arn)
        async with self.read() as connection:
            return await _saml_records(connection, query)

    async def update_saml_provider(self, arn: str, metadata: str, valid_until: datetime | None) -> None:
        async with self.write() as write:
            await _change(write, arn, metadata=metadata, valid_until=valid_until)

    async def delete_saml_provider(self, arn: str) -> None:
        async with self.write() as write:
            await _delete(write, arn)

    async def tag_provider(self, arn: str, tags: Mapping[str, str]) -> None:
        async with self.write() as write:
            await _require(write.connection, arn)
            await put_tags(write.connection, arn, tags)
            write.changed(_kind(arn)[1], arn)

    async def untag_provider(self, arn: str, keys: Sequence[str]) -> None:
        async with self.write() as write:
            await _require(write.connection, arn)
            await remove_tags(write.connection, arn, keys)
            write.changed(_kind(arn)[1], arn)


def _kind(arn: str) -> tuple[Table, Topic]:
    """Raises NotFound for the ARN of something else."""
    for part, table, topic in _KINDS:
        if part in arn:
            return table, topic
    raise NotFound(Entity.PROVIDER)


async def _require(connection: AsyncConnection, arn: str) -> Row[Any]:
    """The row of a provider. Raises NotFound(PROVIDER)."""
    table, _ = _kind(arn)
    row = (await connection.execute(select(table).where(table.c.arn == arn))).first()
    if row is None:
        raise NotFound(Entity.PROVIDER)
    return row


async def _require_room(connection: AsyncConnection, table: Table, account_id: str, arn: str) -> None:
    """Raises AlreadyExists if a provider has that name in whatever case, LimitReached if one more is too many."""
    taken = [*await connection.scalars(select(table.c.arn).where(table.c.account_id == account_id))]
    if name_key(arn) in map(name_key, taken):
        raise AlreadyExists(Entity.PROVIDER)
    if len(taken) >= limits.PROVIDERS_PER_ACCOUNT:
        raise LimitReached(Entity.PROVIDER)


async def _change(write: Write, arn: str, **values: Any) -> None:
    """Raises NotFound(PROVIDER)."""
    table, topic = _kind(arn)
    done = await write.connection.execute(update(table).where(table.c.arn == arn).values(values))
    if done.rowcount == 0:
        raise NotFound(Entity.PROVIDER)
    write.changed(topic, arn)


async def _delete(write: Write, arn: str) -> None:
    """Raises NotFound(PROVIDER)."""
    table, topic = _kind(arn)
    done = await write.connection.execute(delete(table).where(table.c.arn == arn))
    if done.rowcount == 0:
        raise NotFound(Entity.PROVIDER)
    await remove_all_tags(write.connection, arn)
    write.changed(topic, arn)


async def _oidc_records(connection: AsyncConnection, query: Select[Any]) -> list[OidcProviderRecord]:
    rows = (await connection.execute(query)).all()
    tags = await tags_of(connection, [row.arn for row in rows])
    return [
        OidcProviderRecord(
            row.arn,
            row.account_id,
            row.url,
            tuple(json.loads(row.client_ids)),
            tuple(json.loads(row.thumbprints)),
            row.created,
            tags[row.arn],
        )
        for row in rows
    ]


async def _saml_records(connection: AsyncConnection, query: Select[Any]) -> list[SamlProviderRecord]:
    rows = (await connection.execute(query)).all()
    tags = await tags_of(connection, [row.arn for row in rows])
    return [
        SamlProviderRecord(row.arn, row.account_id, row.name, row.metadata, row.created, row.valid_until, tags[row.arn])
        for row in rows
    ]
