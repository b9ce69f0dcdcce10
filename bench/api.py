"""What one GetFederationToken costs: Daypass beside the same server without logic, and beside moto.

    python bench/api.py [--rounds 5] [--seconds 2] [--json FILE]

One run starts `daypass serve` (one worker, audit on, an IAM user with an identity policy as the caller), the bound
(support/bound.py) and moto_server on one core, and the load generator (support/load.py) on another. Rounds alternate
between them, at 1 and at 32 connections; medians over the rounds are printed, and the ratios between them, since
on a shared machine only ratios of one run mean anything. Before that it is made sure that what is measured is the
real thing: the credentials work, a wrong signature is refused; and after it, that every answer was 200 and every
request has its line in the audit log.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from support.accounting import peak_resident_mib
from support.servers import DaypassData, Server
from support.signed import Keys, client, federated_name, federation_requests, tampered

from daypass import limits
from support import form, servers

REQUESTS: Final = limits.SESSIONS_CACHED + 1_808  # distinct, and cycled: none is in a cache of that size any more
CONNECTIONS: Final = (1, 32)
GOAL_CPU: Final = 3.0  # times the bound's CPU, at most
GOAL_THROUGHPUT: Final = 25.0  # times moto's, at least
GOAL_MIB: Final = 150.0  # resident, at most

_STS: Final = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_BENCH: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Medians:
    """Over the rounds of one server at one number of connections. Times per request."""

    requests_per_second: float
    cpu_us: float
    cpu_us_lowest: float
    p50_ms: float
    p99_ms: float
    read_calls: float
    read_bytes: float
    foreign_cores: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2.0, help="timed part of one round")
    arguments.add_argument("--json", type=Path, help="write every round there")
    given = arguments.parse_args()
    print(form.told())
    with tempfile.TemporaryDirectory(prefix="daypass-bench-") as scratch:
        rounds = _measure(Path(scratch), given.rounds, given.seconds)
    if given.json:
        given.json.write_text(json.dumps(rounds, indent=1))


def _measure(scratch: Path, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """1. Start the servers. 2. Make and check the requests. 3. Alternate. 4. Check again. 5. Print."""
    data = servers.init_daypass(scratch / "data")
    running: list[Server] = []
    try:
        running.append(daypass := servers.start_daypass(data, scratch))
        running.append(servers.start_bound(scratch))
        running.append(servers.start_moto(scratch))

        keys = servers.make_user(daypass, data.root)
        requests = federation_requests(daypass.url, keys, REQUESTS)
        (scratch / "requests").write_bytes(b"\0".join(requests))
        _check_signatures_count(daypass, requests)
        audited_before = _audit_lines(data)

        timed: list[dict[str, Any]] = []
        sent = {server.name: 0 for server in running}
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for server in running:
                    one = load(server, scratch / "requests", sent[server.name], connections, seconds)
                    sent[server.name] += one["sent"]
                    timed.append({"server": server.name, "connections": connections, **one})

        issued = [one for one in timed if one["server"] == "daypass"]
        _check_audited(data, issued, audited_before)
        _check_answers(daypass, data, issued)
        memory = {server.name: peak_resident_mib(server.process.pid) for server in running}
        _print(timed, memory)
        return timed
    finally:
        for server in running:
            server.stop()


def load(server: Server, requests: Path, first: int, connections: int, seconds: float) -> dict[str, Any]:
    """One Round of support/load.py. first: where in the cycle of requests to go on."""
    command = [sys.executable, "-m", "support.load", "--port", str(server.port)]
    command += ["--server-pid", str(server.process.pid), "--requests", str(requests), "--first", str(first)]
    command += ["--connections", str(connections), "--seconds", str(seconds), "--core", str(servers.LOAD_CORE)]
    finished = subprocess.run(command, cwd=_BENCH, check=False, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"the load on {server.name} failed:\n{finished.stderr}\n{server.log.read_text()[-4000:]}")
    one: dict[str, Any] = json.loads(finished.stdout)
    if set(one["statuses"]) != {"200"} or one["lost"]:
        raise SystemExit(
            f"{server.name} answered {one['statuses']} and lost {one['lost']} connections: {one['samples'][:1]}"
        )
    return one


def _check_signatures_count(daypass: Server, requests: list[bytes]) -> None:
    """A request is answered as signed, and refused with one digit of its signature changed."""
    assert len(set(requests)) == REQUESTS, "the requests are not distinct"
    for request, expected in ((requests[0], b"200"), (tampered(requests[0]), b"403")):
        with socket.create_connection(("127.0.0.1", daypass.port), timeout=10) as connection:
            connection.sendall(request)
            answer = connection.recv(65_536)
        if answer[9:12] != expected:
            raise SystemExit(f"expected {expected.decode()}, was answered:\n{answer.decode('latin-1')}")


def _check_answers(daypass: Server, data: DaypassData, issued: list[dict[str, Any]]) -> None:
    """The sampled answers are whole, their credentials differ, and one set of them works."""
    samples = [sample for one in issued for sample in one["samples"]]
    tokens: set[str] = set()
    for index, body in samples:
        result = _federation_result(body)
        arn = f"arn:aws:sts::{data.account_id}:federated-user/{federated_name(index)}"
        assert result["Arn"] == arn, (result["Arn"], arn)
        tokens.add(result["SessionToken"])
    assert len(tokens) == len(samples), "two answers carry the same token"

    index, body = samples[-1]
    result = _federation_result(body)
    keys = Keys(result["AccessKeyId"], result["SecretAccessKey"])
    identity = client("sts", daypass.url, keys, result["SessionToken"]).get_caller_identity()
    assert identity["Arn"] == result["Arn"], identity
    print(f"checked   {len(samples)} answers: whole, no token twice; GetCallerIdentity says {identity['Arn']}")


def _federation_result(body: str) -> dict[str, str]:
    """Every leaf of the answer by its element's name, `Arn` being the federated user's."""
    root = ElementTree.fromstring(body)  # noqa: S314  our own server's answer
    return {leaf.tag.removeprefix(_STS): leaf.text or "" for leaf in root.iter() if len(leaf) == 0}


def _audit_lines(data: DaypassData) -> int:
    with (data.directory / "audit.jsonl").open("rb") as log:
        return sum(1 for _ in log)


def _check_audited(data: DaypassData, issued: list[dict[str, Any]], before: int) -> None:
    answered = sum(one["statuses"]["200"] for one in issued)
    written = _audit_lines(data) - before
    assert written == answered, f"{answered} requests, {written} audit lines"
    print(f"audit     {written:,} lines for {answered:,} requests")


def _medians(timed: list[dict[str, Any]], name: str, connections: int) -> Medians:
    rounds = [one for one in timed if (one["server"], one["connections"]) == (name, connections)]

    def middle(value: Any) -> float:
        return float(median(value(one) for one in rounds))

    return Medians(
        requests_per_second=middle(lambda one: one["requests"] / one["seconds"]),
        cpu_us=middle(lambda one: one["cpu_seconds"] / one["requests"] * 1e6),
        cpu_us_lowest=min(one["cpu_seconds"] / one["requests"] * 1e6 for one in rounds),
        p50_ms=middle(lambda one: one["p50_ms"]),
        p99_ms=middle(lambda one: one["p99_ms"]),
        read_calls=middle(lambda one: one["read_calls"] / one["requests"]),
        read_bytes=middle(lambda one: one["read_bytes"] / one["requests"]),
        foreign_cores=middle(lambda one: one["foreign_cores"]),
    )


def _print(timed: list[dict[str, Any]], memory: dict[str, float]) -> None:
    table = {
        (name, connections): _medians(timed, name, connections)
        for connections in CONNECTIONS
        for name in ("daypass", "bound", "moto")
    }
    print("\nserver   conns    req/s   CPU µs  lowest   p50 ms   p99 ms  reads  bytes read  peak MiB  foreign")
    for (name, connections), row in table.items():
        print(
            f"{name:<8} {connections:>5} {row.requests_per_second:>8,.0f} {row.cpu_us:>8,.1f}"
            f" {row.cpu_us_lowest:>7,.1f}"
            f" {row.p50_ms:>8.3f} {row.p99_ms:>8.3f} {row.read_calls:>6.2f} {row.read_bytes:>11,.0f}"
            f" {memory[name]:>9.1f} {row.foreign_cores:>8.2f}"
        )
    print("CPU, reads and bytes are the server's, a request. foreign: cores that anything else on this machine")
    print("kept busy; above 0.1 all CPU times are too high, the longer ones the more, and so are their ratios.")

    print("\nratio                                       1 conn   32 conns    goal")
    ours, bound, moto = ([table[name, count] for count in CONNECTIONS] for name in ("daypass", "bound", "moto"))
    cpu = [mine.cpu_us / least.cpu_us for mine, least in zip(ours, bound, strict=True)]
    speed = [mine.requests_per_second / other.requests_per_second for mine, other in zip(ours, moto, strict=True)]
    reads = [mine.read_calls - least.read_calls for mine, least in zip(ours, bound, strict=True)]
    print(f"CPU a request ÷ the bound's               {cpu[0]:>8.2f} {cpu[1]:>10.2f}    ≤ {GOAL_CPU:g}")
    print(f"requests a second ÷ moto's                {speed[0]:>8.1f} {speed[1]:>10.1f}    ≥ {GOAL_THROUGHPUT:g}")
    print(f"read calls a request beyond the bound's   {reads[0]:>8.2f} {reads[1]:>10.2f}    0: no database is read")
    print(f"peak resident MiB, audit on               {memory['daypass']:>8.1f} {'':>10}    ≤ {GOAL_MIB:g}")


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\n{time.monotonic() - started:.0f} s")
