"""What the commands that work on the data directory itself have in common: opening it, and refusing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeVar
from uuid import UUID

import click

from daypass.edge.asgi import utc_now
from daypass.errors import ServiceError
from daypass.names import is_account_id
from daypass.service.ports import AuditRecord
from daypass.store import Store, StoreError, open_store
from daypass.store.audit import FileAuditLog
from daypass.store.data_directory import AUDIT_LOG

_T = TypeVar("_T")

data_option = click.option(
    "--data",
    required=True,
    envvar="DAYPASS_DATA",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory that `daypass init` made.  [DAYPASS_DATA]",
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


def record(store: Store, now: datetime, action: str, resource: str) -> None:
    """Put on record what was done here, before it is told: nobody has signed it, the operator of the machine did it.

    action: such as `CreateAccount`. resource: an account's root ARN, or a control policy's name.
    """
    entry = AuditRecord(
        time=now,
        request_id=str(UUID(bytes=store.entropy.bytes(16), version=4)),
        caller_arn=None,
        caller_type="operator",
        access_key_id=None,
        action=f"daypass:{action}",
        resource=resource,
        decision="Allowed",
        decided_by=None,
        statements=(),
        error=None,
        source_ip="",
    )
    try:
        log = FileAuditLog(store.path / AUDIT_LOG)
        try:
            log.write(entry)
        finally:
            log.close()
    except OSError as error:
        text = f"it was done, and could not be recorded in the audit log: {error.strerror or error}"
        raise click.ClickException(text) from None


def refuse(why: str) -> NoReturn:
    raise click.ClickException(f"{why}; nothing was changed")


def check_account_id(account_id: str | None) -> None:
    if account_id is not None and not is_account_id(account_id):
        raise click.BadParameter(f"`{account_id}` is not twelve digits")
