"""What the authorizer costs: decisions asked for as JSON, and nginx's questions behind a real nginx.

    python bench/authorizer.py [--rounds 3] [--seconds 1.5] [--json FILE]

Decisions: POST /_daypass/authorize over loopback TCP, about 200 signed S3 requests of an IAM user in turn, or about
that user by its name; at 1 and at 32 connections as fast as answers come, and at 32 with RATE questions a second in
all. One worker is on one core, the load on the other; two workers share both cores with the load. With 32 questions
always under way each waits for 31 others, so that the median is 32 times what one costs; what a question takes in a
service that is not overrun is the row with the rate.

Small reads: GET of 1 KiB at 32 connections through nginx with `auth_request`, as docs/authorizer.md shows, before an
nginx with static files; the load, both nginx and Daypass share two cores. With one worker, which has one of them, and
with two, which have no more of them than anybody else; alternating.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from support.accounting import usage
from support.s3_requests import head, signature
from support.servers import DaypassData, Server
from support.signed import Keys

from support import form, nginx, servers

KEYS: Final = 200
SMALL: Final = b"x" * 1_024
RATE: Final = 2_000
GOAL_P99_MS: Final = 1.0  # of a decision, at most
GOAL_REQUESTS: Final = 10_000  # small requests a second through nginx with auth_request on two cores, at least
_ON_ONE_CORE: Final = ("--core", str(servers.LOAD_CORE))
# What is sent, by the number of workers that answer it.
LOADS: Final = {
    1: {
        "1 connection": ("--connections", "1", *_ON_ONE_CORE),
        "32 connections": ("--connections", "32", *_ON_ONE_CORE),
        f"32, {RATE:,} a second": ("--connections", "32", "--rate", str(RATE), *_ON_ONE_CORE),
    },
    2: {"32 connections": ("--connections", "32", "--may-sleep")},
}
_TOKEN: Final = "a-token-for-nothing-but-measuring"  # of a listener that lives for seconds
_BENCH: Final = Path(__file__).parent
_BUCKET: Final = "benchmark-files"
_EMPTY: Final = hashlib.sha256(b"").hexdigest()


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=1.5, help="timed part of one round")
    arguments.add_argument("--json", type=Path, help="write every round there")
    given = arguments.parse_args()
    print(form.told())
    asked: list[dict[str, Any]] = []
    for workers in LOADS:
        with tempfile.TemporaryDirectory(prefix="daypass-bench-", dir=_memory()) as scratch:
            asked += _decisions(Path(scratch), workers, given.rounds, given.seconds)
    _print_decisions(asked)
    read: list[dict[str, Any]] = []
    if nginx.is_there():
        with tempfile.TemporaryDirectory(prefix="daypass-bench-", dir=_memory()) as scratch:
            read = _reads(Path(scratch), given.rounds, given.seconds)
        _print_reads(read)
    else:
        print("nginx is not on this machine (Debian: apt install nginx-core): reads through it are not measured")
    if given.json:
        given.json.write_text(json.dumps({"decisions": asked, "reads": read}, indent=1))


def _memory() -> str | None:
    """Where files are in memory, if that is anywhere: the disk is not what is measured."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a directory of our own is made in it


def _load(server: Server, port: int, requests: Path, seconds: float, *options: str) -> dict[str, Any]:
    """One Round of support/load.py."""
    command = [sys.executable, "-m", "support.load", "--port", str(port), "--server-pid", str(server.process.pid)]
    command += ["--requests", str(requests), "--seconds", str(seconds), *options]
    finished = subprocess.run(command, cwd=_BENCH, check=False, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"the load on {server.name} failed:\n{finished.stderr}\n{server.log.read_text()[-4000:]}")
    one: dict[str, Any] = json.loads(finished.stdout)
    if set(one["statuses"]) != {"200"} or one["lost"]:
        raise SystemExit(f"{server.name} answered {one['statuses']}, lost {one['lost']}: {one['samples'][:1]}")
    return one


def _make(scratch: Path) -> DaypassData:
    """A data directory with the bucket."""
    data = servers.init_daypass(scratch / "data")
    command = [sys.executable, "-m", "daypass.cli", "bucket", "adopt", _BUCKET, "--account", data.account_id]
    subprocess.run([*command, "--data", str(data.directory), "--unchecked"], check=True, capture_output=True)
    return data


def _backend(url: str) -> dict[str, str]:
    return {
        "DAYPASS_S3_BACKEND": url,
        "DAYPASS_S3_BACKEND_ACCESS_KEY_ID": "benchmark",
        "DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY": "nginx-looks-at-none",
    }


# ---- decisions ---------------------------------------------------------------------------------------------


def _decisions(scratch: Path, workers: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    port, data = servers.free_port(), _make(scratch)
    environment = {
        **_backend("http://127.0.0.1:9"),  # which nobody asks for anything
        "DAYPASS_AUTHORIZER_LISTEN": f"127.0.0.1:{port}",
        "DAYPASS_AUTHORIZER_TOKEN": _TOKEN,
    }
    core = servers.SERVER_CORE if workers == 1 else None
    server = servers.start_daypass(data, scratch, environment, workers=workers, core=core)
    timed = []
    try:
        keys = servers.make_user(server, data.root)
        names = [f"homes/{index:06d}" for index in range(KEYS)]
        (scratch / "signed").write_bytes(b"\0".join([_question(_signed(keys, name)) for name in names]))
        (scratch / "named").write_bytes(b"\0".join([_question(_named(data.account_id, name)) for name in names]))
        for _ in range(rounds):
            for kind in ("signed", "named"):
                for load, options in LOADS[workers].items():
                    one = _load(server, port, scratch / kind, seconds, *options)
                    if not all(json.loads(body)["allowed"] for _, body in one["samples"]):
                        raise SystemExit(f"a decision is wrong: {one['samples'][:1]}")
                    timed.append({"kind": kind, "load": load, "workers": workers, **one})
    finally:
        server.stop()
    return timed


def _signed(keys: Keys, key: str) -> dict[str, Any]:
    """What a service asks about a GET that it got."""
    host, target = "s3.example", f"/{_BUCKET}/{key}"
    headers = {"Host": host, **signature(keys, "GET", f"http://{host}{target}", _EMPTY)}
    request = {"method": "GET", "target": target, "headers": list(headers.items()), "service": "s3"}
    return {"signed_request": {**request, "payload_sha256": _EMPTY}, **_about(key)}


def _named(account_id: str, key: str) -> dict[str, Any]:
    return {"principal": f"arn:aws:iam::{account_id}:user/bench", **_about(key)}


def _about(key: str) -> dict[str, Any]:
    return {"action": "s3:GetObject", "resource": f"arn:aws:s3:::{_BUCKET}/{key}", "source_ip": "192.0.2.7"}


def _question(question: dict[str, Any]) -> bytes:
    body = json.dumps(question).encode()
    lines = ["POST /_daypass/authorize HTTP/1.1", "Host: authorizer", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, f"X-Daypass-Authorizer-Token: {_TOKEN}", "", ""]).encode() + body


def _print_decisions(timed: list[dict[str, Any]]) -> None:
    goal = f"goal: p99 ≤ {GOAL_P99_MS:g} ms"
    print(f"workers, decision, load               a second   CPU µs   p50 ms   p99 ms    {goal}  foreign")
    for workers, kind, load in dict.fromkeys((one["workers"], one["kind"], one["load"]) for one in timed):
        rounds = [one for one in timed if (one["workers"], one["kind"], one["load"]) == (workers, kind, load)]
        p99 = median(one["p99_ms"] for one in rounds)
        print(
            f"{workers} {kind:<8} {load:<22} {median(one['requests'] / one['seconds'] for one in rounds):>12,.0f}"
            f" {median(one['cpu_seconds'] / one['requests'] * 1e6 for one in rounds):>8.1f}"
            f" {median(one['p50_ms'] for one in rounds):>8.3f} {p99:>8.3f}"
            f"    {'reached' if p99 <= GOAL_P99_MS else 'not reached':<16}"
            f" {median(one['foreign_cores'] for one in rounds):>8.2f}"
        )


# ---- nginx -------------------------------------------------------------------------------------------------


def _reads(scratch: Path, rounds: int, seconds: float) -> list[dict[str, Any]]:
    timed = []
    with _front(scratch / "one", 1) as one, _front(scratch / "two", 2) as two:
        for _ in range(rounds):
            for workers, (front, daypass, requests) in ((1, one), (2, two)):
                before = usage(daypass.process.pid).cpu_seconds
                options = ("--connections", "32", "--may-sleep", *(_ON_ONE_CORE if workers == 1 else ()))
                got = _load(front, front.port, requests, seconds, *options)
                asked = usage(daypass.process.pid).cpu_seconds - before
                timed.append({"workers": workers, "daypass_us": asked / got["sent"] * 1e6, **got})
    return timed


@contextmanager
def _front(scratch: Path, workers: int) -> Iterator[tuple[Server, Server, Path]]:
    """nginx, the Daypass that it asks, and the requests. One worker has a core of its own, all others use the other;
    two workers, and all others, use both."""
    own, others = (servers.SERVER_CORE, servers.LOAD_CORE) if workers == 1 else (None, None)
    files = scratch / "files" / _BUCKET / "homes"
    files.mkdir(parents=True)
    for index in range(KEYS):
        (files / f"{index:06d}").write_bytes(SMALL)
    data, socket = _make(scratch), scratch / "authorizer.sock"
    running: list[Server] = []
    try:
        running.append(static := nginx.start_static(scratch / "static", scratch / "files", others))
        environment = {**_backend(static.url), "DAYPASS_AUTHORIZER_LISTEN": f"unix:{socket}"}
        running.append(daypass := servers.start_daypass(data, scratch, environment, workers=workers, core=own))
        running.append(front := nginx.start_front(scratch / "front", static.port, daypass.port, socket, others))
        keys = servers.make_user(daypass, data.root)
        requests = [head(front.port, keys, "GET", f"/{_BUCKET}/homes/{index:06d}", _EMPTY, 0) for index in range(KEYS)]
        (scratch / "requests").write_bytes(b"\0".join(requests))
        yield front, daypass, scratch / "requests"
    finally:
        for server in reversed(running):
            server.stop()


def _print_reads(timed: list[dict[str, Any]]) -> None:
    print(f"\nGET of 1 KiB through nginx, 32 connections, two cores for all    goal ≥ {GOAL_REQUESTS:,} a second")
    print("workers    a second     best   Daypass CPU µs   nginx CPU µs   p50 ms   p99 ms")
    for workers in (1, 2):
        rounds = [one for one in timed if one["workers"] == workers]
        speed = [one["requests"] / one["seconds"] for one in rounds]
        print(
            f"{workers:>7} {median(speed):>11,.0f} {max(speed):>8,.0f}"
            f" {median(one['daypass_us'] for one in rounds):>16.1f}"
            f" {median(one['cpu_seconds'] / one['requests'] * 1e6 for one in rounds):>14.1f}"
            f" {median(one['p50_ms'] for one in rounds):>8.2f} {median(one['p99_ms'] for one in rounds):>8.2f}"
        )


if __name__ == "__main__":
    main()
