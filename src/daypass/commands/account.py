"""`daypass account`: the accounts of an installation, and the control policies attached to them.

It works on the data directory itself, whether a server is running or not; a running one sees a change within a second.
Nobody can make or close an account through an API: AWS's is AWS Organizations, which Daypass does not serve.

Source: AWS Organizations User Guide, "Service control policies", "Resource control policies".
"""

from __future__ import annotations

import binascii
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from daypass.commands.account_policy import policy
from daypass.commands.account_store import check_account_id, data_option, json_option, record, refuse, run
from daypass.names import Secret, root_arn
from daypass.service.ports import DirectoryError
from daypass.store import Store
from daypass.store.data_directory import SECRET_BYTES, random_account_id


@click.group(short_help="Make, list and close accounts, and attach control policies.")
def account() -> None:
    """Several accounts in one installation, apart from each other as AWS accounts are.

    \b
    Example:
      daypass account create --data ./data --name sandbox
      daypass account policy attach no-deletes no-deletes.json --data ./data --account 210987654321
    """


@account.command()
@data_option
@click.option("--account-id", metavar="N", help="Twelve digits; made up at random if not given.")
@click.option("--name", help="What to call it in lists.")
@json_option
def create(data: Path, account_id: str | None, name: str | None, as_json: bool) -> None:
    """Make an account and print its root user's access key, once."""
    check_account_id(account_id)

    async def work(store: Store, now: datetime) -> tuple[str, str, Secret]:
        chosen = account_id or random_account_id(store.entropy)
        secret = Secret(binascii.b2a_base64(store.entropy.bytes(SECRET_BYTES), newline=False).decode("ascii"))
        try:
            key = await store.directory.open_account(chosen, now, name=name, root_secret=secret)
        except DirectoryError:
            refuse(f"there is an account {chosen} already")
        record(store, now, "CreateAccount", root_arn(chosen))
        return chosen, key.access_key_id, secret

    made, access_key_id, secret = run(data, work)
    if as_json:
        shown = {"AccountId": made, "AccessKeyId": access_key_id, "SecretAccessKey": secret.reveal()}
        click.echo(json.dumps(shown))
        return
    click.echo(f"Made account {made}. Its root user's access key, shown this once:\n")
    click.echo(f"  export AWS_ACCESS_KEY_ID={access_key_id}")
    click.echo(f"  export AWS_SECRET_ACCESS_KEY={secret.reveal()}")


@account.command("list")
@data_option
@json_option
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

    listed = run(data, work)
    if as_json:
        click.echo(json.dumps(listed))
        return
    for one in listed:
        state = "management" if one["Management"] else ("closed " + one["Closed"] if one["Closed"] else "open")
        click.echo(f"{one['AccountId']}  {state:<10}  {one['Name'] or one['Alias'] or ''}".rstrip())


@account.command()
@click.argument("account_id")
@data_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def close(account_id: str, data: Path, yes: bool) -> None:
    """Close an account for good: nobody of it may do anything from then on."""
    check_account_id(account_id)
    if not yes:
        click.confirm(f"Close account {account_id}? It cannot be opened again.", abort=True)

    async def work(store: Store, now: datetime) -> None:
        try:
            await store.directory.close_account(account_id, now)
        except DirectoryError:
            refuse(f"there is no account {account_id}, or it is the management account, which stays open")
        record(store, now, "CloseAccount", root_arn(account_id))

    run(data, work)
    click.echo(f"Closed account {account_id}.")


account.add_command(policy)
