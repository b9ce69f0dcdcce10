"""The load generator: requests made beforehand, kept-alive connections, one request in flight on each.

It runs as a process of its own, on a core of its own, and reads of an answer only the status and the length,
so that it costs a fraction of what it measures. It prints one JSON object (Round) and ends.

    python -m support.load --port 8420 --server-pid 4711 --requests FILE --connections 32 --seconds 2

FILE holds whole HTTP requests, separated by NUL. Each connection sends its next request when the last one is answered;
with --rate, when it is due, and latency runs from then: what a server keeps waiting is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

import uvloop

from support.accounting import busy_core_seconds, pin, usage

WARM_UP_SECONDS: Final = 0.4
SAMPLES: Final = 16  # answers kept whole, from the warm-up, for the caller to check
_CONNECT_SECONDS: Final = 0.1  # for all of them, before the first request is due
_STALLED_SECONDS: Final = 10  # after the last request was sent


@dataclass(frozen=True, slots=True)
class Round:
    """One timed run.

    requests: answered within the timed part; seconds: its length.
    cpu_seconds: the server's, with its descendants; cpu_seconds_here: the generator's own.
    foreign_cores: how many cores anything else on the machine kept busy meanwhile.
    read_calls, read_bytes: the server's.
    p50_ms, p99_ms: from the request's write (or its connection's beginning, if it needs one) to the answer's last byte.
    statuses: every answer by HTTP status, warm-up included.
    lost: connections that ended without the server's word for it.
    sent: requests, warm-up included.
    samples: [index of the request, body] of some answers.
    """

    requests: int
    seconds: float
    cpu_seconds: float
    cpu_seconds_here: float
    foreign_cores: float
    read_calls: int
    read_bytes: int
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int]
    lost: int
    sent: int
    samples: list[tuple[int, str]] = field(repr=False)


class _Run:
    """What the connections of one run share."""

    def __init__(self, requests: list[bytes], first: int, port: int, connections: int, rate: float) -> None:
        self.period = connections / rate if rate else 0.0
        self.due: list[tuple[float, int, _Connection]] = []  # a heap
        self.first_due = time.perf_counter() + _CONNECT_SECONDS
        self.requests = requests
        self.first = first
        self.port = port
        self.sent = 0
        self.lost = 0
        self.measuring = False
        self.stopping = False
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.samples: list[tuple[int, str]] = []
        self.connections = connections
        self.idle: set[_Connection] = set()
        self.all_idle = asyncio.Event()

    def next_index(self) -> int:
        self.sent += 1
        return (self.first + self.sent - 1) % len(self.requests)

    def rest(self, connection: _Connection) -> None:
        self.idle.add(connection)
        if len(self.idle) == self.connections:
            self.all_idle.set()

    def wait(self, connection: _Connection, until: float) -> None:
        heapq.heappush(self.due, (until, id(connection), connection))

    def send_what_is_due(self) -> None:
        now = time.perf_counter()
        while self.due and self.due[0][0] <= now:
            due, _, connection = heapq.heappop(self.due)
            connection.send(due)

    async def connect(self, connection: _Connection) -> None:
        await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self.port)


class _Connection(asyncio.Protocol):
    """One connection: writes a request, waits for the whole answer, writes the next."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._missing = 0
        self._index = 0
        self._began = 0.0
        self._closing = False
        self._reconnecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's does not inherit asyncio's
        run = self._run
        if run.period and self._began == 0.0:
            self._began = run.first_due
            run.first_due += run.period / run.connections  # not all in one moment
            run.wait(self, self._began)
        else:
            self.send(self._began or time.perf_counter())

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._received += data
            self._missing -= len(data)
        else:
            self._received = self._received + data if self._received else data
            head_end = self._received.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self._received[:head_end].lower()
            named = head.find(b"\r\ncontent-length:")
            line_end = head.find(b"\r\n", named + 17)
            # A 204 has no length, and no body.
            length = int(head[named + 17 :] if line_end < 0 else head[named + 17 : line_end]) if named >= 0 else 0
            self._closing = b"\r\nconnection: close" in head
            self._missing = head_end + 4 + length - len(self._received)
        if self._missing == 0:
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._run.idle:
            return
        if not self._closing:
            self._run.lost += 1
        self._reconnecting = asyncio.get_running_loop().create_task(self._run.connect(self))

    def _answered(self) -> None:
        run = self._run
        if run.measuring:
            run.latencies.append(time.perf_counter() - self._began)
        run.statuses[self._received[9:12].decode("latin-1")] += 1
        if len(run.samples) < SAMPLES:
            body = self._received.partition(b"\r\n\r\n")[2]
            run.samples.append((self._index, body.decode()))
        self._received = b""
        due, self._began = self._began + run.period, time.perf_counter()
        assert self._transport is not None
        if run.stopping:
            run.rest(self)
            self._transport.close()
        elif self._closing:
            # As HTTP clients do; a new connection follows, and its making counts as part of the next request.
            self._transport.close()
        elif run.period:
            run.wait(self, due)
        else:
            self.send(self._began)

    def send(self, due: float) -> None:
        """The next request. due: since when its latency runs."""
        assert self._transport is not None
        if self._run.stopping and self._run.period:
            self._run.rest(self)
            self._transport.close()
            return
        self._began = due
        self._index = self._run.next_index()
        self._transport.write(self._run.requests[self._index])


async def _load(run: _Run, server_pid: int, seconds: float, may_sleep: bool) -> Round:
    """Warm up, measure, stop: one Round."""
    loop = asyncio.get_running_loop()
    if run.period:
        _stay_awake(loop, run)
    for _ in range(run.connections):
        await run.connect(_Connection(run))
    await asyncio.sleep(WARM_UP_SECONDS)

    if not (run.period or may_sleep) and (os.cpu_count() or 1) > 1:
        _stay_awake(loop, run)
    run.measuring = True
    before, here_before, busy_before = usage(server_pid), time.process_time(), busy_core_seconds()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    run.measuring = False
    elapsed = time.perf_counter() - began
    here, busy = time.process_time() - here_before, busy_core_seconds() - busy_before
    used = usage(server_pid).since(before)

    run.stopping = True
    async with asyncio.timeout(_STALLED_SECONDS):
        await run.all_idle.wait()
    run.latencies.sort()
    return Round(
        requests=len(run.latencies),
        seconds=elapsed,
        cpu_seconds=used.cpu_seconds,
        cpu_seconds_here=here,
        foreign_cores=max(0.0, (busy - used.cpu_seconds - here) / elapsed),
        read_calls=used.read_calls,
        read_bytes=used.read_bytes,
        p50_ms=_quantile(run.latencies, 0.50) * 1000,
        p99_ms=_quantile(run.latencies, 0.99) * 1000,
        statuses=dict(run.statuses),
        lost=run.lost,
        sent=run.sent,
        samples=run.samples,
    )


def _stay_awake(loop: asyncio.AbstractEventLoop, run: _Run) -> None:
    """Keeps this process polling until the run stops, on the core of its own.

    A client that sleeps until its answer comes has to be woken, and the waking is charged to the server: in a
    virtual machine it takes longer than a small answer does, and only a slow server's clients sleep.
    """
    run.send_what_is_due()
    if not run.stopping or run.due:
        loop.call_soon(_stay_awake, loop, run)


def _quantile(ascending: list[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))] if ascending else float("nan")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--server-pid", type=int, required=True)
    arguments.add_argument("--requests", type=Path, required=True)
    arguments.add_argument("--first", type=int, default=0, help="the request to begin with")
    arguments.add_argument("--connections", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=2.0)
    arguments.add_argument("--core", type=int, default=-1, help="the core to stay on; -1: any")
    arguments.add_argument(
        "--rate", type=float, default=0.0, help="requests a second in all; 0: as fast as answers come"
    )
    arguments.add_argument("--may-sleep", action="store_true", help="where the servers use this core, too")
    given = arguments.parse_args()
    if given.core >= 0:
        pin(os.getpid(), given.core)
    run = _Run(given.requests.read_bytes().split(b"\0"), given.first, given.port, given.connections, given.rate)
    timed = uvloop.run(_load(run, given.server_pid, given.seconds, given.may_sleep))
    print(json.dumps(asdict(timed)))


if __name__ == "__main__":
    main()
