"""`daypass init`: makes a data directory with its store, its key ring and the root user's access key."""

from __future__ import annotations

import json
from pathlib import Path

import click

from daypass.edge.asgi import utc_now
from daypass.names import is_account_id
from daypass.store import StoreError, initialise
from daypass.store.entropy import SystemEntropy


@click.command(short_help="Make a data directory and print the root user's access key.")
@click.option(
    "--data",
    required=True,
    envvar="DAYPASS_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to make; holds the store, the key ring and the audit log.  [DAYPASS_DATA]",
)
@click.option("--account-id", metavar="N", help="Twelve digits; made up at random if not given.")
@click.option("--json", "as_json", is_flag=True, help='Print {"AccountId","AccessKeyId","SecretAccessKey"}.')
def init(data: Path, account_id: str | None, as_json: bool) -> None:
    """Make a data directory: an SQLite store, a key ring, and an account with its root user.

    The root user's access key is printed once and kept nowhere in the clear. Use it to make an IAM user,
    give that user a policy, and then let it rest.

    \b
    Example:
      daypass init --data ./daypass-data
      daypass serve --data ./daypass-data
    """
    if account_id is not None and not is_account_id(account_id):
        raise click.BadParameter(f"`{account_id}` is not twelve digits", param_hint="--account-id")
    try:
        account, access_key_id, secret = initialise(data, account_id, SystemEntropy(), utc_now())
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"AccountId": account, "AccessKeyId": access_key_id, "SecretAccessKey": secret.reveal()}))
        return
    click.echo(f"Made {data} for account {account}. The root user's access key, shown this once:\n")
    click.echo(f"  export AWS_ACCESS_KEY_ID={access_key_id}")
    click.echo(f"  export AWS_SECRET_ACCESS_KEY={secret.reveal()}")
    click.echo(f"\nNext: daypass serve --data {data}", err=True)
