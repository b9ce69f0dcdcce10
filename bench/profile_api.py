"""Where one GetFederationToken spends its time: the application alone, in this process, without HTTP.

    python bench/profile_api.py [--requests 4000] [--lines 40]

First it is timed undisturbed (the logic's cost a request), then run once more under cProfile, whose own cost per
call makes many small functions look dearer than they are: compare rows, believe only the first line's microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from support.accounting import pin
from support.signed import federation_requests

from daypass import app, limits
from support import servers

_UNYIELDING: Final = 100  # requests


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--requests", type=int, default=limits.SESSIONS_CACHED + 808)
    arguments.add_argument("--lines", type=int, default=40)
    arguments.add_argument("--sort", default="tottime", help="tottime or cumtime")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="daypass-bench-") as scratch:
        data = servers.init_daypass(Path(scratch) / "data")
        server = servers.start_daypass(data, Path(scratch))
        try:
            keys = servers.make_user(server, data.root)
        finally:
            server.stop()
        scopes = [_as_asgi(request) for request in federation_requests(server.url, keys, given.requests)]
        os.environ["DAYPASS_DATA"] = str(data.directory)
        if (os.cpu_count() or 1) > 1:
            pin(os.getpid(), servers.SERVER_CORE)
        uvloop.run(_profile(scopes, given.lines, given.sort))


async def _profile(scopes: Sequence[tuple[dict[str, Any], dict[str, Any]]], lines: int, sort: str) -> None:
    application = app.create()
    phases = _Lifespan()
    lifespan = asyncio.ensure_future(application({"type": "lifespan"}, phases.receive, phases.send))
    await phases.started.wait()
    await _all(application, scopes[:_UNYIELDING])

    micros = []
    for at in range(0, len(scopes), 500):
        chunk = scopes[at : at + 500]
        began = time.process_time()
        await _all(application, chunk)
        micros.append((time.process_time() - began) / len(chunk) * 1e6)
    print(
        f"{median(micros):.1f} µs a request without HTTP (lowest {min(micros):.1f}), medians of {len(micros)} chunks\n"
    )

    profile = cProfile.Profile()
    profile.enable()
    await _all(application, scopes)
    profile.disable()
    pstats.Stats(profile).strip_dirs().sort_stats(sort).print_stats(lines)
    phases.stopping.set()
    await lifespan


async def _all(application: app.Daypass, scopes: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for index, (scope, message) in enumerate(scopes):
        if index % _UNYIELDING == 0:
            await asyncio.sleep(0)  # the store's poller gets its turn, as it does between a server's requests
        answer = _Answer(message)
        await application(scope, answer.receive, answer.send)
        assert answer.status == 200, answer.status


class _Answer:
    """The two callables of one ASGI exchange."""

    __slots__ = ("message", "status")

    def __init__(self, message: dict[str, Any]) -> None:
        self.message = message
        self.status = 0

    async def receive(self) -> dict[str, Any]:
        return self.message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


class _Lifespan:
    """An ASGI server's part in starting and stopping an application."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.stopping = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self.started.is_set():
            await self.stopping.wait()
            return {"type": "lifespan.shutdown"}
        return {"type": "lifespan.startup"}

    async def send(self, message: Any) -> None:
        assert not message["type"].endswith("failed"), message
        self.started.set()


def _as_asgi(request: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """(scope, its one body message) as uvicorn makes them of these bytes."""
    head, _, body = request.partition(b"\r\n\r\n")
    request_line, *lines = head.split(b"\r\n")
    method, target, _version = request_line.split(b" ")
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8420),
        "client": ("127.0.0.1", 50_000),
        "scheme": "http",
        "method": method.decode("ascii"),
        "root_path": "",
        "path": path.decode("ascii"),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)],
        "state": {},
    }
    return scope, {"type": "http.request", "body": body, "more_body": False}


if __name__ == "__main__":
    main()
