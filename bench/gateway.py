"""What the S3 gateway costs: beside nginx `proxy_pass` before the same backend, and beside the backend asked directly.

    python bench/gateway.py [--rounds 3] [--seconds 1.5] [--transfers 9] [--streams 100] [--json FILE]

The backend is nginx with static files (Debian: nginx-core), the fastest there is, on the load's core; the gateway (one
worker, audit on, an IAM user with an identity policy) and the proxy are on the other, and so are nginx and the
authorizer of `auth_request`, configured as docs/authorizer.md shows. Rounds alternate between them:
GET and PUT of 1 KiB at 1 and 32 connections, and one 64 MiB object each way. Every request to the gateway is signed;
medians are printed, and the ratios that are goals. Where there is no nginx, it says so and does nothing. With
--streams so many large objects move at a time, for the gateway's memory: 100 uploads need 7 GB of /dev/shm. With
--swift, ten multipart uploads of 16 MiB at a time go to OpenStack Swift as well, by boto3, directly and through
the gateway.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from support.accounting import peak_resident_mib, usage
from support.s3_requests import head
from support.servers import DaypassData, Server
from support.signed import Keys, client

from support import form, nginx, servers

KEYS: Final = 200  # objects of 1 KiB, asked for in turn
SMALL: Final = b"x" * 1_024
LARGE_BYTES: Final = 64 * 1024**2
CONNECTIONS: Final = (1, 32)
UPLOADS: Final = 10  # at a time
PARTS: Final = 2
PART_BYTES: Final = 8 * 1024**2
GOAL_CPU_US: Final = 250.0  # of the gateway for a small request, at most
GOAL_MEMORY_MIB: Final = 200  # resident, with 100 large objects at a time, at most
GOAL_SHARE: Final = 0.6  # of proxy_pass's throughput with a large object, at least
GOAL_FRONT_SHARE: Final = 0.95  # the same, of nginx with auth_request
GOAL_FRONT_REQUESTS: Final = 10_000  # small requests a second through nginx with auth_request, at least
SERVERS: Final = ("direct", "proxy_pass", "gateway", "auth_request")
_BENCH: Final = Path(__file__).parent
_BUCKET: Final = "benchmark-files"


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, and whether it wants signatures. asks: the server that it asks in turn, whose CPU counts too."""

    server: Server
    keys: Keys | None
    asks: Server | None = None

    def cpu_seconds(self) -> float:
        """Of the server that is asked in turn, so far."""
        return 0.0 if self.asks is None else usage(self.asks.process.pid).cpu_seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=1.5, help="timed part of one round")
    arguments.add_argument("--transfers", type=int, default=9, help="of a large object, each way")
    arguments.add_argument(
        "--streams", type=int, default=0, help="large objects at a time, for memory; each takes 64 MiB of /dev/shm"
    )
    arguments.add_argument("--swift", action="store_true", help="multipart uploads to OpenStack Swift, too")
    arguments.add_argument("--json", type=Path, help="write every round there")
    given = arguments.parse_args()
    print(form.told())
    if not nginx.is_there():
        print("nginx is not on this machine (Debian: apt install nginx-core): nothing is measured")
        return
    with (
        tempfile.TemporaryDirectory(prefix="daypass-bench-", dir=_memory()) as scratch,
        _running(Path(scratch)) as all_,
    ):
        timed = _small(Path(scratch), all_, given.rounds, given.seconds)
        moved = _large(Path(scratch), all_, given.transfers)
        memory = [peak_resident_mib(all_["gateway"].server.process.pid)]
        if given.streams:
            memory += _streams(Path(scratch), all_["gateway"], given.streams)
    _print(timed, moved, memory[0])
    for method, peak in zip(("GETs", "PUTs"), memory[1:], strict=False):
        print(
            f"the same after {given.streams:>4} {method} of 64 MiB at a time {peak:>9.1f}       ≤ {GOAL_MEMORY_MIB:g}"
        )
    if given.swift:
        _multipart(given.transfers)
    if given.json:
        given.json.write_text(json.dumps({"small": timed, "large": moved}, indent=1))


def _memory() -> str | None:
    """Where files are in memory, if that is anywhere: the disk is not what is measured."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a directory of our own is made in it


@contextmanager
def _running(scratch: Path) -> Iterator[dict[str, Target]]:
    files = scratch / "files"
    (files / _BUCKET / "homes").mkdir(parents=True)
    for index in range(KEYS):
        (files / _BUCKET / "homes" / f"{index:06d}").write_bytes(SMALL)
    (files / _BUCKET / "homes" / "large").write_bytes(b"\0" * LARGE_BYTES)
    data = servers.init_daypass(scratch / "data")
    running: list[Server] = []
    try:
        running.append(static := nginx.start_static(scratch / "static", files, servers.LOAD_CORE))
        running.append(proxy := nginx.start_proxy(scratch / "proxy", static.port))
        _adopt(data)
        socket = scratch / "authorizer.sock"
        environment = {**_backend(static), "DAYPASS_AUTHORIZER_LISTEN": f"unix:{socket}"}
        running.append(gateway := servers.start_daypass(data, scratch, environment))
        running.append(front := nginx.start_front(scratch / "front", static.port, gateway.port, socket))
        keys = servers.make_user(gateway, data.root)
        yield {
            "direct": Target(static, None),
            "proxy_pass": Target(proxy, None),
            "gateway": Target(gateway, keys),
            "auth_request": Target(front, keys, gateway),
        }
    finally:
        for server in reversed(running):
            server.stop()


def _adopt(data: DaypassData) -> None:
    command = [sys.executable, "-m", "daypass.cli", "bucket", "adopt", _BUCKET, "--account", data.account_id]
    subprocess.run([*command, "--data", str(data.directory), "--unchecked"], check=True, capture_output=True)


def _backend(static: Server) -> dict[str, str]:
    return {
        "DAYPASS_S3_BACKEND": static.url,
        "DAYPASS_S3_BACKEND_ACCESS_KEY_ID": "benchmark",
        "DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY": "nginx-looks-at-none",
    }


# ---- small requests ----------------------------------------------------------------------------------------


def _small(scratch: Path, targets: dict[str, Target], rounds: int, seconds: float) -> list[dict[str, Any]]:
    timed = []
    for method in ("GET", "PUT"):
        for name, target in targets.items():
            requests = [_request(target, method, f"homes/{index:06d}") for index in range(KEYS)]
            (scratch / f"{name}-{method}").write_bytes(b"\0".join(requests))
    for _ in range(rounds):
        for method in ("GET", "PUT"):
            for connections in CONNECTIONS:
                for name, target in targets.items():
                    before = target.cpu_seconds()
                    one = _load(target.server, scratch / f"{name}-{method}", connections, seconds)
                    one["cpu_seconds"] += target.cpu_seconds() - before
                    timed.append({"server": name, "method": method, "connections": connections, **one})
    return timed


def _request(target: Target, method: str, key: str) -> bytes:
    body = SMALL if method == "PUT" else b""
    return _head(target, method, key, hashlib.sha256(body).hexdigest(), len(body)) + body


def _head(target: Target, method: str, key: str, payload_hash: str, length: int) -> bytes:
    return head(target.server.port, target.keys, method, f"/{_BUCKET}/{key}", payload_hash, length)


def _load(server: Server, requests: Path, connections: int, seconds: float) -> dict[str, Any]:
    """One Round of support/load.py."""
    command = [sys.executable, "-m", "support.load", "--port", str(server.port)]
    command += ["--server-pid", str(server.process.pid), "--requests", str(requests)]
    command += ["--connections", str(connections), "--seconds", str(seconds), "--core", str(servers.LOAD_CORE)]
    finished = subprocess.run(command, cwd=_BENCH, check=False, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"the load on {server.name} failed:\n{finished.stderr}\n{server.log.read_text()[-4000:]}")
    one: dict[str, Any] = json.loads(finished.stdout)
    if not set(one["statuses"]) <= {"200", "204"} or one["lost"]:
        raise SystemExit(f"{server.name} answered {one['statuses']}, lost {one['lost']}: {one['samples'][:1]}")
    return one


# ---- large objects -----------------------------------------------------------------------------------------


def _large(scratch: Path, targets: dict[str, Target], transfers: int) -> list[dict[str, Any]]:
    moved = []
    digest = hashlib.sha256(b"\0" * LARGE_BYTES).hexdigest()
    for _ in range(transfers):
        for method, length, declared in (("GET", 0, hashlib.sha256(b"").hexdigest()), ("PUT", LARGE_BYTES, digest)):
            for name, target in targets.items():
                head = _head(target, method, "homes/large", declared, length)
                (scratch / "transfer").write_bytes(head)
                before, asked = usage(target.server.process.pid), target.cpu_seconds()
                seconds = _transfer(target, scratch / "transfer", length)
                cpu = usage(target.server.process.pid).since(before).cpu_seconds + target.cpu_seconds() - asked
                moved.append({"server": name, "method": method, "seconds": seconds, "cpu_seconds": cpu})
    return moved


def _streams(scratch: Path, gateway: Target, count: int) -> list[float]:
    """The gateway's peak resident MiB after so many downloads at a time, and then after so many uploads."""
    peaks = []
    digest = hashlib.sha256(b"\0" * LARGE_BYTES).hexdigest()
    for method, length, declared in (("GET", 0, hashlib.sha256(b"").hexdigest()), ("PUT", LARGE_BYTES, digest)):
        (scratch / "transfer").write_bytes(_head(gateway, method, "homes/large", declared, length))
        _transfer(gateway, scratch / "transfer", length, "--parallel", str(count))
        peaks.append(peak_resident_mib(gateway.server.process.pid))
    return peaks


def _transfer(target: Target, request: Path, length: int, *options: str) -> float:
    """Seconds. length: of the body that is sent."""
    command = [sys.executable, "-m", "support.transfer", "--port", str(target.server.port), "--requests", str(request)]
    command += ["--bytes", str(length), "--core", str(servers.LOAD_CORE), *options]
    finished = subprocess.run(command, cwd=_BENCH, check=False, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"a large object to or from {target.server.name} failed:\n{finished.stderr}")
    return float(json.loads(finished.stdout)["seconds"])


# ---- multipart uploads -------------------------------------------------------------------------------------


def _multipart(rounds: int) -> None:
    """Ten at a time, to Swift directly and through the gateway in turn: megabytes a second."""
    command = [sys.executable, str(_BENCH / "support" / "swift_backend.py")]
    with (
        tempfile.TemporaryDirectory(prefix="daypass-bench-") as scratch,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as swift,
    ):
        assert swift.stdout is not None
        assert swift.stdin is not None
        said = json.loads(swift.stdout.readline())
        data = servers.init_daypass(Path(scratch) / "data")
        names = {"": "endpoint", "_ACCESS_KEY_ID": "access_key_id", "_SECRET_ACCESS_KEY": "secret_access_key"}
        environment = {f"DAYPASS_S3_BACKEND{name}": said[key] for name, key in names.items()}
        gateway = servers.start_daypass(data, Path(scratch), environment)
        try:
            own = Keys(said["access_key_id"], said["secret_access_key"])
            clients = {"direct": client("s3", said["endpoint"], own), "gateway": client("s3", gateway.url, data.root)}
            speed: dict[str, list[float]] = {name: [] for name in clients}
            for name, s3 in clients.items():
                s3.create_bucket(Bucket=f"multipart-{name}")
            for _ in range(rounds):
                for name, s3 in clients.items():
                    speed[name].append(_uploads(s3, f"multipart-{name}"))
        finally:
            gateway.stop()
            swift.stdin.close()
    direct, through = median(speed["direct"]), median(speed["gateway"])
    print(
        f"\n10 multipart uploads at a time to Swift: direct {direct:,.0f} MB/s, through the gateway {through:,.0f} MB/s"
    )


def _uploads(s3: Any, bucket: str) -> float:
    part = b"\0" * PART_BYTES

    def one(index: int) -> None:
        key = f"upload-{index}"
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        parts = []
        for number in range(1, PARTS + 1):
            answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    began = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS) as threads:
        list(threads.map(one, range(UPLOADS)))
    return UPLOADS * PARTS * PART_BYTES / (time.perf_counter() - began) / 1e6


# ---- what is printed ---------------------------------------------------------------------------------------


def _print(timed: list[dict[str, Any]], moved: list[dict[str, Any]], memory: float) -> None:
    print("1 KiB          conns      req/s   CPU µs  lowest   p50 ms   p99 ms  foreign")
    cpu: list[float] = []
    fronted: list[float] = []
    for method in ("GET", "PUT"):
        for connections in CONNECTIONS:
            for name in SERVERS:
                rounds = [
                    one
                    for one in timed
                    if (one["server"], one["method"], one["connections"]) == (name, method, connections)
                ]
                each = [one["cpu_seconds"] / one["requests"] * 1e6 for one in rounds]
                if name == "gateway":
                    cpu.append(median(each))
                if name == "auth_request" and connections == max(CONNECTIONS):
                    fronted.append(median(one["requests"] / one["seconds"] for one in rounds))
                print(
                    f"{method} {name:<12} {connections:>3}"
                    f" {median(one['requests'] / one['seconds'] for one in rounds):>10,.0f}"
                    f" {median(each):>8.1f} {min(each):>7.1f}"
                    f" {median(one['p50_ms'] for one in rounds):>8.3f} {median(one['p99_ms'] for one in rounds):>8.3f}"
                    f" {median(one['foreign_cores'] for one in rounds):>8.2f}"
                )
    print("\n64 MiB               MB/s   CPU s a GB")
    speed: dict[tuple[str, str], float] = {}
    for method in ("GET", "PUT"):
        for name in SERVERS:
            rounds = [one for one in moved if (one["server"], one["method"]) == (name, method)]
            speed[method, name] = median(LARGE_BYTES / one["seconds"] / 1e6 for one in rounds)
            gigabyte = median(one["cpu_seconds"] for one in rounds) / (LARGE_BYTES / 1e9)
            print(f"{method} {name:<12} {speed[method, name]:>9,.0f} {gigabyte:>12.2f}")
    print("foreign: cores that anything else kept busy, the backend with it; it shares the load's core.")
    print(f"\ngateway's CPU a small request, at worst      {max(cpu):>8.0f} µs    ≤ {GOAL_CPU_US:g}")
    print(f"requests a second through auth_request, at worst {min(fronted):>4,.0f}       ≥ {GOAL_FRONT_REQUESTS:,}")
    for method in ("GET", "PUT"):
        share = speed[method, "gateway"] / speed[method, "proxy_pass"]
        print(f"{method} of 64 MiB ÷ proxy_pass's                 {share:>8.2f}       ≥ {GOAL_SHARE:g}")
        share = speed[method, "auth_request"] / speed[method, "proxy_pass"]
        print(f"the same through auth_request                {share:>8.2f}       ≥ {GOAL_FRONT_SHARE:g}")
    print(f"gateway's peak resident MiB                  {memory:>8.1f}")


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\n{time.monotonic() - started:.0f} s")
