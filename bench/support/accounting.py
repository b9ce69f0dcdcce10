"""What a process has used, by the operating system's accounts under /proc. Linux only.

Source: proc(5), proc_pid_stat(5), proc_pid_io(5), proc_pid_status(5).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """The account of a process with its descendants, since they began.

    cpu_seconds: user and system time of all threads, reaped children included; granular to one tick (10 ms).
    read_calls, read_bytes: read-like system calls on files and stream sockets, whatever answered them.
    """

    cpu_seconds: float
    read_calls: int
    read_bytes: int

    def since(self, before: Usage) -> Usage:
        return Usage(
            cpu_seconds=self.cpu_seconds - before.cpu_seconds,
            read_calls=self.read_calls - before.read_calls,
            read_bytes=self.read_bytes - before.read_bytes,
        )


def usage(pid: int) -> Usage:
    """The account of this process and its descendants, now."""
    ticks = read_calls = read_bytes = 0
    for member in _with_descendants(pid):
        ticks += _ticks(member)
        counters = _colon_table(_PROC / str(member) / "io")
        read_calls += int(counters["syscr"])
        read_bytes += int(counters["rchar"])
    return Usage(ticks / _TICKS_PER_SECOND, read_calls, read_bytes)


def peak_resident_mib(pid: int) -> float:
    """The most memory it ever had resident (VmHWM), its descendants' added. Shared pages count in each."""
    kib = sum(
        int(_colon_table(_PROC / str(member) / "status")["VmHWM"].split()[0]) for member in _with_descendants(pid)
    )
    return kib / 1024


def busy_core_seconds() -> float:
    """What all cores together have spent on anything but waiting, since the machine began."""
    fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq = (int(field) for field in fields[:7])
    return (user + nice + system + irq + softirq) / _TICKS_PER_SECOND


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, where the machine has that core at all; 0 is the calling process."""
    if core in os.sched_getaffinity(0) or core in range(os.cpu_count() or 1):
        os.sched_setaffinity(pid, {core})


def _with_descendants(pid: int) -> list[int]:
    members = [pid]
    for member in members:
        for children in (_PROC / str(member) / "task").glob("*/children"):
            try:
                members.extend(int(child) for child in children.read_text().split())
            except FileNotFoundError:  # the thread has ended meanwhile
                continue
    return members


def _ticks(pid: int) -> int:
    # The command's name, in parentheses, may hold spaces: the fields are counted from its end. They are
    # utime, stime, cutime and cstime, the 14th to 17th of proc_pid_stat(5).
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _colon_table(path: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in path.read_text().splitlines())
