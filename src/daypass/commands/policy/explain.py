"""`daypass policy explain`: one decision, drawn as AWS's evaluation flow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from daypass.policy import Policy, PolicyKind, Request
    from daypass.policy_tools.documents import Documents

_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_PRINCIPAL_KINDS: Final = ("user", "role", "role-session", "federated-user", "root", "service", "anonymous")


class Setting(click.ParamType[tuple[str, str]]):
    """A condition key and a value, from `key=value`; the value may be empty and may hold further `=`."""

    name = "key=value"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"`{value}` is not of the form key=value", param, ctx)
        return key.lower(), text


class Level(click.ParamType[tuple[Path, ...]]):
    """The policies of one level, from `FILE` or `FILE,FILE`."""

    name = "file"

    def convert(
        self, value: str | tuple[Path, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Path, ...]:
        if isinstance(value, tuple):
            return value
        files = [_FILE.convert(name, param, ctx) for name in value.split(",")]
        return tuple([file for file in files if isinstance(file, Path)])


@click.command("explain", short_help="Draw a decision step by step, with what decided it.")
@click.option("--action", required=True, metavar="ACTION", help="Such as s3:GetObject.")
@click.option("--resource", required=True, metavar="ARN", help="`*` for an action without resources.")
@click.option(
    "--principal",
    metavar="ARN",
    default="anonymous",
    show_default=True,
    help="Who asks: a user, role, session or root user, or a service such as logs.amazonaws.com.",
)
@click.option("--principal-kind", type=click.Choice(_PRINCIPAL_KINDS), help="If the ARN does not tell.")
@click.option("--issuer", metavar="ARN", help="The role behind a role session, or the user behind a federated user.")
@click.option("--resource-account", metavar="N", help="Whose the resource is, if not the caller's account's.")
@click.option(
    "--identity", multiple=True, type=_FILE, help="Policy of the user or role, or of the issuer; may be repeated."
)
@click.option("--session", multiple=True, type=_FILE, help="Session policy; may be repeated.")
@click.option("--boundary", type=_FILE, help="Permissions boundary.")
@click.option("--resource-policy", type=_FILE, help="Bucket policy, or the trust policy of a role.")
@click.option(
    "--scp",
    "scps",
    multiple=True,
    type=Level(),
    help="Service control policies of one level, by comma; repeated for each level from the root to the account.",
)
@click.option("--rcp", "rcps", multiple=True, type=Level(), help="Resource control policies, likewise.")
@click.option(
    "--context",
    multiple=True,
    type=Setting(),
    metavar="KEY=VALUE",
    help="Condition key; one that is repeated has several values.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    action: str,
    resource: str,
    principal: str,
    principal_kind: str | None,
    issuer: str | None,
    resource_account: str | None,
    identity: tuple[Path, ...],
    session: tuple[Path, ...],
    boundary: Path | None,
    resource_policy: Path | None,
    scps: tuple[tuple[Path, ...], ...],
    rcps: tuple[tuple[Path, ...], ...],
    context: tuple[tuple[str, str], ...],
    output: str,
) -> None:
    """Decide one request and draw the decision: every step of AWS's evaluation flow with its verdict, the statements
    that gave it, and of those that came near, what kept them from matching.

    Keys that follow from the principal (aws:PrincipalArn, aws:username, …) and the time are in the context of
    themselves; --context adds others or says otherwise.

    \b
    daypass policy explain --action s3:GetObject --resource arn:aws:s3:::reports/bob/1 \\
        --principal arn:aws:sts::111122223333:federated-user/Bob \\
        --identity proxy.json --session bob.json --context aws:SourceIp=10.0.0.1
    """
    from daypass.commands.policy.terminal import paint
    from daypass.policy import PolicyKind, PolicySet
    from daypass.policy import explain as explain_decision
    from daypass.policy_tools.documents import Documents, kind_of_resource_policy
    from daypass.policy_tools.flow import draw, flow

    request = _request(action, resource, principal, principal_kind, issuer, resource_account, context)
    documents = Documents(
        lambda id, error: click.echo(f"Warning: AWS would refuse {id}: {error}; it is used as it stands", err=True)
    )
    kind_of_resource = kind_of_resource_policy(action, resource)
    policies = PolicySet(
        identity=_read(identity, PolicyKind.IDENTITY, documents),
        session=_read(session, PolicyKind.SESSION, documents) or None,
        boundary=_one(boundary, PolicyKind.BOUNDARY, documents),
        resource=_one(resource_policy, kind_of_resource, documents),
        service_control=tuple([_read(level, PolicyKind.SERVICE_CONTROL, documents) for level in scps]) or None,
        resource_control=tuple([_read(level, PolicyKind.RESOURCE_CONTROL, documents) for level in rcps]) or None,
    )
    drawn = flow(explain_decision(request, policies), policies)
    click.echo(json.dumps(drawn.to_dict(), indent=2, ensure_ascii=False) if output == "json" else draw(drawn, paint()))


def _request(
    action: str,
    resource: str,
    name: str,
    kind: str | None,
    issuer: str | None,
    resource_account: str | None,
    settings: Sequence[tuple[str, str]],
) -> Request:
    from daypass.policy import PrincipalKind, Request
    from daypass.policy_tools import callers

    try:
        principal = callers.principal(name, issuer, PrincipalKind(kind) if kind else None)
    except callers.UnknownCaller as error:
        raise click.BadParameter(str(error), param_hint="--principal") from None
    now = datetime.now(UTC)  # noqa: TID251  the one reading of the clock
    context: dict[str, str | tuple[str, ...]] = {
        **callers.context(principal),
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now.timestamp())),
    }
    given: dict[str, tuple[str, ...]] = {}
    for key, value in settings:
        given[key] = (*given.get(key, ()), value)
    context |= {key: values[0] if len(values) == 1 else values for key, values in given.items()}
    return Request(principal, action, resource, context, resource_account)


def _read(files: Sequence[Path], kind: PolicyKind, documents: Documents) -> tuple[Policy, ...]:
    from daypass.policy import PolicyError

    read = []
    for file in files:
        try:
            with click.open_file(str(file), "rb") as opened:
                read.append(documents.policy(opened.read(), kind, str(file)))
        except PolicyError as error:
            raise click.ClickException(f"{file} is no {kind.value}: {error}") from None
    return tuple(read)


def _one(file: Path | None, kind: PolicyKind, documents: Documents) -> Policy | None:
    return None if file is None else _read((file,), kind, documents)[0]
