"""`daypass serve`: runs the server until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from daypass import config
from daypass.config import AuthorizerListener, Settings, SettingsError
from daypass.store import StoreError, open_store

_GRACE_SECONDS = 30  # for requests in flight when told to stop
_BACKLOG = 2048  # connections that wait to be accepted


@click.command(short_help="Serve STS, IAM and the S3 gateway on one port.")
@click.option("--data", metavar="DIR", help="The directory that `daypass init` made.  [DAYPASS_DATA]")
@click.option(
    "--listen", metavar="HOST:PORT", help=f"Where to listen; default {config.DEFAULT_LISTEN}.  [DAYPASS_LISTEN]"
)
@click.option("--workers", metavar="N", type=int, help="Worker processes; default 1.  [DAYPASS_WORKERS]")
@click.option("--s3-backend", metavar="URL", help="The S3-compatible store behind the gateway.  [DAYPASS_S3_BACKEND]")
@click.option(
    "--authorizer-listen",
    metavar="WHERE",
    help="Answer questions about decisions here: unix:/PATH, or a loopback HOST:PORT with DAYPASS_AUTHORIZER_TOKEN."
    "  [DAYPASS_AUTHORIZER_LISTEN]",
)
@click.option("--regions", metavar="LIST", help="Valid regions, by comma; default any.  [DAYPASS_REGIONS]")
def serve(**options: Any) -> None:
    """Serve STS, IAM and the S3 gateway on one port.

    A client needs nothing but AWS_ENDPOINT_URL=http://HOST:PORT and its keys. `GET /_daypass/health` answers 200
    when Daypass is ready.

    The S3 backend's own keys come from DAYPASS_S3_BACKEND_ACCESS_KEY_ID and DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY,
    its region from DAYPASS_S3_BACKEND_REGION. Every setting can also stand in daypass.toml in the data directory
    (or the file that DAYPASS_CONFIG names), as `listen = "127.0.0.1:8420"`, `s3_backend = "http://…"` and so on.
    """
    try:
        settings = config.load(options)
        asyncio.run(_check_store(settings))
        listener = _bind(settings.host, settings.port, "--listen")
        listeners = [listener]
        if settings.authorizer is not None:
            listeners.append(_bind_authorizer(settings.authorizer))
    except (SettingsError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    click.echo(f"Daypass serves {url} (workers: {settings.workers}). AWS_ENDPOINT_URL={url}", err=True)
    # Told to stop, the server finishes the requests in flight and then raises the signal again: that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config.export(options)
    _run(settings, listeners)


async def _check_store(settings: Settings) -> None:
    """Opens the store once, so that what is wrong with it is one line here and not a worker's traceback."""
    store = await open_store(settings.data)
    await store.close()


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
        loop="uvloop",
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
        Multiprocess(server_config, sockets=listeners).run()
