"""`daypass token`: GetFederationToken for people, and for a profile's credential_process.

Owns the options and how the answer is printed; the request itself is daypass.client's.

Source: AWS SDKs and Tools Reference Guide, "Process credential provider", for the form of `process`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

if TYPE_CHECKING:
    from daypass.client import FederationToken

_DURATION: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?", re.ASCII)


class Duration(click.ParamType[int]):
    """Seconds, from `15m`, `1h`, `1h30m`, `3600s` or `3600`. Which durations are allowed is the server's to say."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if not value or match is None:
            self.fail(f"`{value}` is not a duration such as 15m, 1h, 1h30m or 3600s", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds


class Tag(click.ParamType[tuple[str, str]]):
    """A session tag, from `Key=Value`; the value may be empty and may hold further `=`."""

    name = "key=value"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"`{value}` is not of the form Key=Value", param, ctx)
        return key, text


def as_env(token: FederationToken) -> str:
    """Lines for `eval "$(daypass token …)"`: quoted, whatever the values are."""
    variables = token.credentials.environment()
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def as_json(token: FederationToken) -> str:
    """The answer as `aws sts get-federation-token` prints it."""
    answer: dict[str, object] = {
        "Credentials": _credentials(token),
        "FederatedUser": {"FederatedUserId": token.federated_user_id, "Arn": token.arn},
    }
    if token.token_size.packed_policy_percent is not None:
        answer["PackedPolicySize"] = token.token_size.packed_policy_percent
    return json.dumps(answer, indent=2)


def as_process(token: FederationToken) -> str:
    """What an SDK reads from a profile's credential_process."""
    return json.dumps({"Version": 1, **_credentials(token)})


def _credentials(token: FederationToken) -> dict[str, str]:
    """Under the names that AWS's answers have for them."""
    variables = token.credentials.environment()
    return {
        "AccessKeyId": variables["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": variables["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": variables["AWS_SESSION_TOKEN"],
        "Expiration": variables["AWS_CREDENTIAL_EXPIRATION"],
    }


OUTPUTS: Final[dict[str, Callable[[FederationToken], str]]] = {
    "env": as_env,
    "json": as_json,
    "process": as_process,
}


@click.command("token", short_help="Get narrowed credentials for a federated user (GetFederationToken).")
@click.argument("name")
@click.option(
    "--policy",
    "policy_file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Session policy that narrows what the credentials may do; `-` reads standard input.",
)
@click.option(
    "--policy-arn",
    "policy_arns",
    multiple=True,
    metavar="ARN",
    help="Managed policy as a session policy; may be repeated.",
)
@click.option(
    "--duration",
    "duration_seconds",
    type=Duration(),
    metavar="TIME",
    help="How long they last: 15m, 1h, 36h, 3600s. Without it the server decides: 12 hours, for root one.",
)
@click.option("--tag", "tags", type=Tag(), multiple=True, metavar="KEY=VALUE", help="Session tag; may be repeated.")
@click.option(
    "--output",
    type=click.Choice([*OUTPUTS]),
    default="env",
    show_default=True,
    help="env: lines for eval; json: the whole answer; process: for a profile's credential_process.",
)
def token(
    name: str,
    policy_file: TextIO | None,
    policy_arns: tuple[str, ...],
    duration_seconds: int | None,
    tags: tuple[tuple[str, str], ...],
    output: str,
) -> None:
    """Get narrowed, short-lived credentials for the federated user NAME.

    Who asks, and where, is your ordinary AWS environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a
    profile with a user's access key, AWS_REGION, and AWS_ENDPOINT_URL for the address of Daypass. The credentials
    may do what you may do AND what the session policies allow; without a session policy they may do nothing,
    unless a bucket policy names them.

    \b
    eval "$(daypass token Bob --policy reports.json --duration 1h)"
    aws s3 ls s3://reports/bob/

    In ~/.aws/config, for any AWS SDK:

    \b
    [profile bob]
    credential_process = daypass token Bob --policy /etc/bob.json --output process
    """
    # Not for `--help`: they take half the start.
    from daypass import client
    from daypass.commands import aws_environment

    try:
        policy = policy_file.read() if policy_file is not None else None
        environment = aws_environment.read(os.environ, Path.home())  # noqa: TID251  it is this command's input
        request = client.GetFederationTokenRequest(name, policy, duration_seconds, policy_arns, tags)
        service = client.TokenService(
            environment.endpoint,
            client.Credentials(environment.access_key_id, environment.secret, environment.session_token),
            region=environment.region,
            ca_bundle=environment.ca_bundle,
        )
        answer = service.get_federation_token(request)
    except UnicodeDecodeError:  # which is a ValueError too
        raise click.ClickException("the policy file is not UTF-8 text") from None
    except (aws_environment.EnvironmentFault, client.TokenServiceError, client.Unreachable, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(OUTPUTS[output](answer))
