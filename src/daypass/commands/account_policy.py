"""`daypass account policy`: service and resource control policies, attached to an account or to all.

Source: AWS Organizations User Guide, "Service control policies", "Resource control policies".
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import click

from daypass import limits
from daypass.commands.account_store import check_account_id, data_option, json_option, record, refuse, run
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.service.ports import ControlPolicyRecord, DirectoryError, LimitReached
from daypass.store import Store

_KINDS: Final = {"service-control": PolicyKind.SERVICE_CONTROL, "resource-control": PolicyKind.RESOURCE_CONTROL}
_FULL_ACCESS: Final = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_ALL: Final = "all accounts"


@click.group()
def policy() -> None:
    """Service and resource control policies: what nobody of an account may do, its root user included.

    Each level that has service control policies must allow what is asked: those attached to all accounts are one
    level, those attached to an account itself another. Neither ever applies to the management account.
    """


@policy.command()
@click.argument("name")
@click.argument("document", type=click.File("r", encoding="utf-8"), required=False)
@data_option
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
    check_account_id(account_id)
    policy_kind = _KINDS[kind]
    if full_access and policy_kind is PolicyKind.RESOURCE_CONTROL:
        raise click.UsageError("resource control policies only deny; everything else is allowed without one")
    text = _FULL_ACCESS if document is None else document.read()
    _check_document(text, policy_kind)

    async def work(store: Store, now: datetime) -> list[ControlPolicyRecord]:
        if account_id is not None:
            found = await store.identities.account(account_id)
            if found is None:
                refuse(f"there is no account {account_id}")
            if found.management:
                refuse(f"{account_id} is the management account: no control policy ever applies to it")
        try:
            await store.directory.attach_control_policy(name, policy_kind, text, now, account_id=account_id)
        except DirectoryError as error:
            refuse(_why(error, name))
        record(store, now, "AttachControlPolicy", f"{name} to {account_id or _ALL}")
        return await store.directory.list_control_policies()

    records = run(data, work)
    click.echo(f"Attached {name} to {account_id or _ALL}.")
    if policy_kind is PolicyKind.SERVICE_CONTROL and not _allows_anything(records, account_id):
        click.echo(
            f"Nothing is allowed in {account_id or _ALL} now: none of the service control policies there has an Allow. "
            "Attach one with --full-access, unless that is meant.",
            err=True,
        )


@policy.command()
@click.argument("name")
@data_option
def detach(name: str, data: Path) -> None:
    """Detach a control policy; its document is gone with it."""

    async def work(store: Store, now: datetime) -> None:
        try:
            await store.directory.detach_control_policy(name)
        except DirectoryError:
            refuse(f"there is no control policy `{name}`")
        record(store, now, "DetachControlPolicy", name)

    run(data, work)
    click.echo(f"Detached {name}.")


@policy.command("list")
@data_option
@json_option
def list_policies(data: Path, as_json: bool) -> None:
    """List the control policies; with --json their documents too."""

    async def work(store: Store, now: datetime) -> list[ControlPolicyRecord]:
        return await store.directory.list_control_policies()

    names = {kind: name for name, kind in _KINDS.items()}
    records = run(data, work)
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


def _why(error: DirectoryError, name: str) -> str:
    if isinstance(error, LimitReached):
        return f"there are {limits.CONTROL_POLICIES_PER_TARGET} of that kind already, and there may be no more"
    return f"there is a control policy `{name}` already"


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
