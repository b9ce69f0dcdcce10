"""`daypass account`: the accounts of an installation, and the control policies attached to them.

It works on the data directory itself, whether a server is running or not; a running one sees a change within a second.
Nobody can make or close an account through an API: AWS's is AWS Organizations, which Daypass does not serve.

Source: AWS Organizations User Guide, "Service control policies", "Resource control policies".
"""

from __future__ import annotations

import asyncio
import binascii
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO, TypeVar

import click

from daypass import limits
from daypass.edge.asgi import utc_now
from daypass.errors import ServiceError
from daypass.names import Secret, is_account_id
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.service.ports import ControlPolicyRecord, DirectoryError, LimitReached
from daypass.store import Store, StoreError, open_store
from daypass.store.data_directory import SECRET_BYTES, random_account_id

_T = TypeVar("_T")

_KINDS: Final = {"service-control": PolicyKind.SERVICE_CONTROL, "resource-control": PolicyKind.RESOURCE_CONTROL}
_FULL_ACCESS: Final = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_ALL: Final = "all accounts"

_data = click.option(
    "--data",
    required=True,
    envvar="DAYPASS_DATA",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The data directory that `daypass init` made.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(short_help="Make, list and close accounts, and attach control policies.")
def account() -> None:
    """Several accounts in one installation, apart from each other as AWS accounts are.

    \b
    Example:
      daypass account create --data ./data --name sandbox
      daypass account policy attach no-deletes no-deletes.json --data ./data --account 210987654321
    """


@account.command()
@_data
@click.option("--account-id", metavar="N", help="Twelve digits; made up at random if not given.")
@click.option("--name", help="What to call it in lists.")
@_json
def create(data: Path, account_id: str | None, name: str | None, as_json: bool) -> None:
    """Make an account and print its root user's access key, once."""
    _check_account_id(account_id)

    async def work(store: Store, now: datetime) -> tuple[str, str, Secret]:
        chosen = account_id or random_account_id(store.entropy)
        secret = Secret(binascii.b2a_base64(store.entropy.bytes(SECRET_BYTES), newline=False).decode("ascii"))
        try:
            key = await store.directory.open_account(chosen, now, name=name, root_secret=secret)
        except DirectoryError:
            _refuse(f"there is an account {chosen} already")
        return chosen, key.access_key_id, secret

    made, access_key_id, secret = _run(data, work)
    if as_json:
        shown = {"AccountId": made, "AccessKeyId": access_key_id, "SecretAccessKey": secret.reveal()}
        click.echo(json.dumps(shown))
        return
    click.echo(f"Made account {made}. Its root user's access key, shown this once:\n")
    click.echo(f"  export AWS_ACCESS_KEY_ID={access_key_id}")
    click.echo(f"  export AWS_SECRET_ACCESS_KEY={secret.reveal()}")


@account.command("list")
@_data
@_json
def list_accounts(data: Path, as_json: bool) -> None:
    """List the accounts."""

    async def work(store: Store, now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "AccountId": one.account_id,
                "Name": one.name,
                "Alias": one.alias,
                "Management": one.management,
                "Created": one.created.isoformat(),
                "Closed": None if one.closed is None else one.closed.isoformat(),
            }
            for one in await store.directory.list_accounts()
        ]

    listed = _run(data, work)
    if as_json:
        click.echo(json.dumps(listed))
        return
    for one in listed:
        state = "management" if one["Management"] else ("closed " + one["Closed"] if one["Closed"] else "open")
        click.echo(f"{one['AccountId']}  {state:<10}  {one['Name'] or one['Alias'] or ''}".rstrip())


@account.command()
@click.argument("account_id")
@_data
@click.option("--yes", is_flag=True, help="Do not ask.")
def close(account_id: str, data: Path, yes: bool) -> None:
    """Close an account for good: nobody of it may do anything from then on."""
    _check_account_id(account_id)
    if not yes:
        click.confirm(f"Close account {account_id}? It cannot be opened again.", abort=True)

    async def work(store: Store, now: datetime) -> None:
        try:
            await store.directory.close_account(account_id, now)
        except DirectoryError:
            _refuse(f"there is no account {account_id}, or it is the management account, which stays open")

    _run(data, work)
    click.echo(f"Closed account {account_id}.")


@account.group()
def policy() -> None:
    """Service and resource control policies: what nobody of an account may do, its root user included.

    Each level that has service control policies must allow what is asked: those attached to all accounts are one
    level, those attached to an account itself another. Neither ever applies to the management account.
    """


@policy.command()
@click.argument("name")
@click.argument("document", type=click.File("r", encoding="utf-8"), required=False)
@_data
@click.option("--account", "account_id", metavar="N", help="The account to attach it to.")
@click.option("--all", "for_all", is_flag=True, help="Attach it to every account, those to come included.")
@click.option("--kind", type=click.Choice(list(_KINDS)), default="service-control", show_default=True)
@click.option("--full-access", is_flag=True, help="Instead of a document: allow everything, as FullAWSAccess does.")
def attach(
    name: str,
    document: TextIO | None,
    data: Path,
    account_id: str | None,
    for_all: bool,
    kind: str,
    full_access: bool,
) -> None:
    """Attach a control policy under a NAME of its own, to an account or to all.

    A list of what is forbidden allows nothing by itself: attach one with --full-access beside it.
    """
    if for_all == (account_id is not None):
        raise click.UsageError("say where: --account N or --all")
    if full_access == (document is not None):
        raise click.UsageError("give a document, or --full-access")
    _check_account_id(account_id)
    policy_kind = _KINDS[kind]
    if full_access and policy_kind is PolicyKind.RESOURCE_CONTROL:
        raise click.UsageError("resource control policies only deny; everything else is allowed without one")
    text = _FULL_ACCESS if document is None else document.read()
    _check_document(text, policy_kind)

    async def work(store: Store, now: datetime) -> list[ControlPolicyRecord]:
        if account_id is not None:
            found = await store.identities.account(account_id)
            if found is None:
                _refuse(f"there is no account {account_id}")
            if found.management:
                _refuse(f"{account_id} is the management account: no control policy ever applies to it")
        try:
            await store.directory.attach_control_policy(name, policy_kind, text, now, account_id=account_id)
        except DirectoryError as error:
            _refuse(_why(error, name))
        return await store.directory.list_control_policies()

    records = _run(data, work)
    click.echo(f"Attached {name} to {account_id or _ALL}.")
    if policy_kind is PolicyKind.SERVICE_CONTROL and not _allows_anything(records, account_id):
        click.echo(
            f"Nothing is allowed in {account_id or _ALL} now: none of the service control policies there has an Allow. "
            "Attach one with --full-access, unless that is meant.",
            err=True,
        )


@policy.command()
@click.argument("name")
@_data
def detach(name: str, data: Path) -> None:
    """Detach a control policy; its document is gone with it."""

    async def work(store: Store, now: datetime) -> None:
        try:
            await store.directory.detach_control_policy(name)
        except DirectoryError:
            _refuse(f"there is no control policy `{name}`")

    _run(data, work)
    click.echo(f"Detached {name}.")


@policy.command("list")
@_data
@_json
def list_policies(data: Path, as_json: bool) -> None:
    """List the control policies; with --json their documents too."""

    async def work(store: Store, now: datetime) -> list[ControlPolicyRecord]:
        return await store.directory.list_control_policies()

    names = {kind: name for name, kind in _KINDS.items()}
    records = _run(data, work)
    if as_json:
        shown = [
            {
                "Name": one.name,
                "Kind": names[one.kind],
                "AccountId": one.account_id,
                "Created": one.created.isoformat(),
                "Document": json.loads(one.document),
            }
            for one in records
        ]
        click.echo(json.dumps(shown))
        return
    for one in records:
        click.echo(f"{one.name}  {names[one.kind]}  {one.account_id or _ALL}")


def _run(data: Path, work: Callable[[Store, datetime], Awaitable[_T]]) -> _T:
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


def _refuse(why: str) -> NoReturn:
    raise click.ClickException(f"{why}; nothing was changed")


def _why(error: DirectoryError, name: str) -> str:
    if isinstance(error, LimitReached):
        return f"there are {limits.CONTROL_POLICIES_PER_TARGET} of that kind already, and there may be no more"
    return f"there is a control policy `{name}` already"


def _check_account_id(account_id: str | None) -> None:
    if account_id is not None and not is_account_id(account_id):
        raise click.BadParameter(f"`{account_id}` is not twelve digits")


def _check_document(text: str, kind: PolicyKind) -> None:
    try:
        Policy.parse(text, kind)
    except PolicyError as error:
        raise click.ClickException(f"the document is no {kind.value}: {error}") from None
    if kind is PolicyKind.RESOURCE_CONTROL and _effects(text) != {"Deny"}:
        raise click.ClickException("the document is no resource control policy: each of its statements must be a Deny")


def _effects(document: str) -> set[str]:
    statements = json.loads(document)["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return {statement["Effect"].capitalize() for statement in listed}


def _allows_anything(records: list[ControlPolicyRecord], account_id: str | None) -> bool:
    level = [one for one in records if one.kind is PolicyKind.SERVICE_CONTROL and one.account_id == account_id]
    return any("Allow" in _effects(one.document) for one in level)
