"""`daypass serve`: runs the server until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from daypass import config
from daypass.config import AuthorizerListener, Settings, SettingsError
from daypass.edge.mutual_tls import server_context
from daypass.log_lines import write_log_lines
from daypass.settings import GROUPS, SETTINGS, Kind, Setting
from daypass.store import StoreError, open_store

_log: Final = logging.getLogger("daypass")
_GRACE_SECONDS = 30  # for requests in flight when told to stop
_BACKLOG = 2048  # connections that wait to be accepted


class _Serve(click.Command):
    """Has an option for each setting that is no secret, and tells of them in their groups."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.params = [_option(setting) for setting in SETTINGS.values() if setting.kind is not Kind.SECRET]
        self.params.append(
            click.Option(
                ["--config"], metavar="FILE", help="Settings, as TOML. Default: daypass.toml in DIR.  [DAYPASS_CONFIG]"
            )
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        for title, group in GROUPS.items():
            with formatter.section(title):
                rows = [records.pop(setting.name, None) or _without_option(setting) for setting in group]
                formatter.write_dl(rows)
        with formatter.section("Other"):
            formatter.write_dl([row for row in records.values() if row is not None])


def _without_option(setting: Setting) -> tuple[str, str]:
    return setting.variable, f"{setting.help}  [environment or file]"


def _option(setting: Setting) -> click.Option:
    text = f"{setting.help}  [{setting.variable}]"
    if setting.kind is Kind.FLAG:
        return click.Option([f"{setting.option}/--no-{setting.option[2:]}"], default=None, help=text)
    return click.Option([setting.option], metavar=setting.value, help=text)


@click.command(cls=_Serve, short_help="Serve STS, IAM and the S3 gateway on one port.")
def serve(**options: Any) -> None:
    """Serve STS, IAM and the S3 gateway on one port.

    A client needs nothing but AWS_ENDPOINT_URL=http://HOST:PORT and its keys. `GET /_daypass/health` answers 200
    when Daypass is ready.

    \b
    A setting can be written in three ways; the first of them counts:
      the option                         --s3-backend http://127.0.0.1:9000
      the environment variable           DAYPASS_S3_BACKEND=http://127.0.0.1:9000
      a line of DIR/daypass.toml         s3_backend = "http://127.0.0.1:9000"

    Secrets have no option, because everybody on a machine can see its processes' arguments. A LIST has commas or
    spaces between its items; in the file it is one. Several stores are one [[backend]] each, in the file.
    """
    try:
        settings = config.load(options)
        doubts = asyncio.run(_check_store(settings))
        listener = _bind(settings.host, settings.port, "--listen")
        listeners = [listener]
        if settings.authorizer is not None:
            _check_tls(settings.authorizer)
            listeners.append(_bind_authorizer(settings.authorizer))
    except (SettingsError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    click.echo(f"Daypass serves {url} (workers: {settings.workers}). AWS_ENDPOINT_URL={url}", err=True)
    for line in [*_in_force(settings), *doubts, *_ignored(), *_exposed(options)]:
        click.echo(f"  {line}", err=True)
    # Told to stop, the server finishes the requests in flight and then raises the signal again: that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config.export(options)
    _run(settings, listeners)


def _check_tls(listener: AuthorizerListener) -> None:
    tls = listener.tls
    if tls is not None:
        try:
            server_context(tls.certificate, tls.key, tls.client_ca)
        except ValueError as error:
            raise SettingsError(f"the authorizer's TLS cannot be used: {error}") from None


def _in_force(settings: Settings) -> list[str]:
    """What is served beside STS and IAM, and from where."""
    if settings.backends:
        lines = [f"S3 buckets {', '.join(backend.buckets)} at {backend.url}" for backend in settings.backends]
    else:
        lines = ["S3 is refused: there is no --s3-backend"]
    authorizer = settings.authorizer
    if authorizer is not None:
        where = f"unix:{authorizer.socket}" if authorizer.socket else f"{authorizer.host}:{authorizer.port}"
        lines.append(f"Decisions for proxies and services at {where}{' over TLS' if authorizer.tls else ''}")
    return lines


def _ignored() -> list[str]:
    return [
        f"Warning: {variable} is no setting and does nothing; is {meant} meant?"
        for variable, meant in config.misspelt_variables().items()
    ]


def _exposed(options: dict[str, Any]) -> list[str]:
    file = config.exposed_file(options)
    return [] if file is None else [f"Warning: others can read {file}, and secrets are in it; run: chmod 600 {file}"]


async def _check_store(settings: Settings) -> list[str]:
    """Opens the store once, so that what is wrong with it is one line here and not a worker's traceback.

    What comes back are warnings: of rules that adopt nothing.
    """
    store = await open_store(settings.data)
    try:
        in_vain = [rule for rule in settings.adoptions if await store.identities.account(rule.account_id) is None]
    finally:
        await store.close()
    return [
        f"Warning: there is no account {rule.account_id}; until there is, buckets {rule.buckets} are not adopted"
        for rule in in_vain
    ]


def _bind_authorizer(settings: AuthorizerListener) -> socket.socket:
    """A Unix socket is for its owner and its group alone; one that a server before left behind is replaced."""
    if settings.socket is None:
        return _bind(settings.host, settings.port, "--authorizer-listen")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if settings.socket.is_socket():
            _refuse_if_answering(settings.socket)
            settings.socket.unlink()
        mask = os.umask(0o117)
        try:
            listener.bind(str(settings.socket))
        finally:
            os.umask(mask)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {settings.socket}: {error.strerror}; choose another with --authorizer-listen"
        ) from None
    listener.set_inheritable(True)
    return listener


def _refuse_if_answering(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise SettingsError(f"another server listens on {path}; choose another with --authorizer-listen")


def _bind(host: str, port: int, option: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        where = f"{host}:{port}"
        raise SettingsError(f"cannot listen on {where}: {error.strerror}; choose another with {option}") from None
    listener.set_inheritable(True)
    return listener


def _run(settings: Settings, listeners: list[socket.socket]) -> None:
    server_config = uvicorn.Config(
        "daypass.app:create",
        factory=True,
        workers=settings.workers,
        # On httptools, never the h11 fallback: that accepts what a strict parser refuses.
        http="daypass.edge.control_protocol:ControlProtocol",
        loop="daypass.app:new_event_loop",  # uvloop
        ws="none",
        lifespan="on",
        access_log=False,  # the audit log is the record; an access log would carry presigned signatures
        log_level="warning",
        proxy_headers=False,  # X-Forwarded-For is believed from nobody
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    if settings.workers == 1:
        gc.disable()  # as daypass.cli does; the application turns it on when it has started
        uvicorn.Server(server_config).run(sockets=listeners)
    else:
        write_log_lines()
        _Workers(server_config, sockets=listeners).run()


class _Workers(Multiprocess):
    """Starts another worker for one that ended, and says so: uvicorn does not, at this level of its log."""

    def keep_subprocess_alive(self) -> None:
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if new is not old:
                _log.error("worker %s ended with %s; worker %s takes its place", old.pid, old.exitcode, new.pid)
