"""`daypass bucket`: whose the buckets are. Adopts buckets that a backend had before Daypass knew them, and lists all.

Works on the store itself, beside a running server, which knows of the change within a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import click

from daypass import config
from daypass.config import Backend, SettingsError
from daypass.edge.asgi import utc_now
from daypass.edge.backend import BackendBuckets
from daypass.edge.backends import Backends, ChosenBackend
from daypass.edge.upstream import Upstream
from daypass.errors import ServiceError
from daypass.names import is_account_id
from daypass.service.ports import BucketExists, BucketRecord, LimitReached
from daypass.store import Store, StoreError, open_store
from daypass.wire.s3_address import is_bucket_name

_T = TypeVar("_T")

_data = click.option(
    "--data",
    required=True,
    envvar="DAYPASS_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory that `daypass init` made.  [DAYPASS_DATA]",
)


@click.group(short_help="Adopt buckets that the backend has, and list all.")
def bucket() -> None:
    """Whose the buckets are: adopt those that the backend had before, and list all."""


@bucket.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--account", required=True, metavar="N", help="The account whose the buckets become; twelve digits.")
@_data
@click.option("--unchecked", is_flag=True, help="Do not ask the backend whether it has the buckets.")
def adopt(names: Sequence[str], account: str, data: Path, unchecked: bool) -> None:
    """Make buckets that the backend has already an account's.

    From then on the account's policies, and the bucket's own, say who may do what in them; the objects stay where they
    are. Adopting a bucket that is the account's already changes nothing. A backend is found in the settings that
    `daypass serve` has: the environment, and daypass.toml in the data directory.

    \b
    Example:
      daypass bucket adopt reports invoices --account 123456789012 --data ./data
    """
    _check_account(account)
    for name in names:
        if not is_bucket_name(name):
            raise click.BadParameter(f"`{name}` is no bucket's name", param_hint="NAME")
    backends = _backends(data)
    if not backends and not unchecked:
        raise click.ClickException(
            "no S3 backend is configured here to ask; set DAYPASS_S3_BACKEND and its keys, or pass --unchecked"
        )
    _run(_adopt(names, account, data, () if unchecked else backends))


@bucket.command(name="list")
@click.option("--account", metavar="N", help="Only this account's; twelve digits.")
@_data
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(account: str | None, data: Path, as_json: bool) -> None:
    """List the buckets that Daypass knows, with the accounts whose they are."""
    if account is not None:
        _check_account(account)
    found = _run(_listed(data))
    for record in found:
        if account is not None and record.account_id != account:
            continue
        created = record.created.strftime("%Y-%m-%dT%H:%M:%SZ")
        if as_json:
            facts = {"Name": record.name, "AccountId": record.account_id, "Region": record.region, "Created": created}
            click.echo(json.dumps(facts))
        else:
            click.echo(f"{record.account_id}  {created}  {record.region:<14}  {record.name}")


def _check_account(account: str) -> None:
    if not is_account_id(account):
        raise click.BadParameter(f"`{account}` is not twelve digits", param_hint="--account")


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(work)
    except (StoreError, ServiceError) as error:
        raise click.ClickException(str(error)) from None


def _backends(data: Path) -> tuple[Backend, ...]:
    try:
        return config.load({"data": str(data)}).backends
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


async def _adopt(names: Sequence[str], account: str, data: Path, backends: Sequence[Backend]) -> None:
    async with AsyncExitStack() as running:
        store = await open_store(data)
        running.push_async_callback(store.close)
        if await store.identities.account(account) is None:
            raise StoreError(f"there is no account {account}; `daypass init` made the first one")
        chosen = []
        for backend in backends:
            upstream = Upstream(backend)
            running.push_async_callback(upstream.close)
            chosen.append(ChosenBackend(upstream, backend.buckets, backend.keeps_dots))
        for name in names:
            await _adopt_one(store, name, account, Backends(chosen))


async def _adopt_one(store: Store, name: str, account: str, backends: Backends) -> None:
    region, now = "us-east-1", utc_now()
    if not backends.none:
        at_backend = BackendBuckets(backends.of)
        region = at_backend.region_of(name)
        if not await at_backend.reaches_bucket(name, now):
            raise StoreError(f"the backend has no bucket `{name}` that the gateway's key may use")
    try:
        await store.directory.create_bucket(name, account, region, now)
    except BucketExists as existing:
        if existing.owner_account != account:
            raise StoreError(f"`{name}` is the bucket of account {existing.owner_account}") from None
        click.echo(f"{name} is {account}'s already")
        return
    except LimitReached:
        raise StoreError(f"account {account} has as many buckets as it may have") from None
    click.echo(f"{name} is {account}'s now")


async def _listed(data: Path) -> list[BucketRecord]:
    store = await open_store(data)
    try:
        return await store.directory.list_all_buckets()
    finally:
        await store.close()
