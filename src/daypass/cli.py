"""`daypass`: the command line. Lists the commands; each is a module of daypass.commands, imported when called."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

from daypass import __version__, names

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    # name: (module:function, what `daypass --help` says)
    "init": ("daypass.commands.init:init", "Make a data directory and print the root user's access key."),
    "account": ("daypass.commands.account:account", "Make, list and close accounts, and attach control policies."),
    "serve": ("daypass.commands.serve:serve", "Serve STS, IAM and the S3 gateway on one port."),
    "token": ("daypass.commands.token:token", "Get narrowed, short-lived credentials for a federated user."),
    "bucket": ("daypass.commands.bucket:bucket", "Adopt buckets that the backend has, and list all."),
    "why": ("daypass.commands.why:why", "Say why a request was allowed or denied, from the audit log."),
    "policy": ("daypass.commands.policy:policy", "Check, explain and test policies; needs no server."),
    "check-proxy": (
        "daypass.commands.check_proxy:check_proxy",
        "See whether a proxy in front of S3 does what it must.",
    ),
    "demo": ("daypass.commands.demo:demo", "See the whole of it at work, in a minute."),
}

# A wheel holds the path of a request compiled, a checkout does not (docs/decisions/0009).
_FORM: Final = "interpreted" if names.__file__.endswith(".py") else "compiled"


class _Commands(click.Group):
    """Imports a command when it is called: `daypass token` runs at every start of an SDK and must be quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, function = _COMMANDS[cmd_name][0].partition(":")
        # What importing makes stays. The collector would look at it over and over, for a quarter of the time.
        gc.disable()
        try:
            command = getattr(import_module(module), function)
        finally:
            gc.enable()
        assert isinstance(command, click.Command)  # noqa: S101  the table above names commands only
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(f"{__version__} ({_FORM})", prog_name="daypass")
def main() -> None:
    """Daypass: short-lived, narrowed, AWS-compatible credentials for infrastructure you run yourself.

    \b
    A first round:
      daypass init --data ./data                 the store, the key ring, the root user's key
      daypass serve --data ./data --s3-backend http://127.0.0.1:9000
      export AWS_ENDPOINT_URL=http://127.0.0.1:8420
      aws iam create-user --user-name proxy      and a policy, and an access key
      daypass token Bob --policy bob.json        what Bob may do for an hour
    """


if __name__ == "__main__":
    main()
