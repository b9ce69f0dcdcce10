"""What the commands that work on the data directory itself have in common: opening it, and refusing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from daypass.edge.asgi import utc_now
from daypass.errors import ServiceError
from daypass.names import is_account_id
from daypass.store import Store, StoreError, open_store

_T = TypeVar("_T")

data_option = click.option(
    "--data",
    required=True,
    envvar="DAYPASS_DATA",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data directory that `daypass init` made.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def run(data: Path, work: Callable[[Store, datetime], Awaitable[_T]]) -> _T:
    """What the work comes to, on the opened data directory."""

    async def on_store() -> _T:
        store = await open_store(data)
        try:
            return await work(store, utc_now())
        finally:
            await store.close()

    try:
        return asyncio.run(on_store())
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except ServiceError as error:
        raise click.ClickException(error.message or error.code) from None


def refuse(why: str) -> NoReturn:
    raise click.ClickException(f"{why}; nothing was changed")


def check_account_id(account_id: str | None) -> None:
    if account_id is not None and not is_account_id(account_id):
        raise click.BadParameter(f"`{account_id}` is not twelve digits")
