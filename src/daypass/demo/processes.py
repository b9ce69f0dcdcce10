"""The demo's processes: started with their output in a file, waited for, and ended by their ids whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_START_SECONDS: Final = 60  # a cold disk and one busy core
_STOP_SECONDS: Final = 10
_ENVIRONMENT: Final = os.environ  # noqa: TID251  what the demo's processes inherit, and boto3 reads
DAYPASS: Final = (sys.executable, "-m", "daypass.cli")


class DemoFault(Exception):
    """The demo cannot be played; its text says what to do."""


@contextmanager
def ending_in_order() -> Iterator[Callable[[], None]]:
    """SIGTERM and SIGHUP unwind the stack as Ctrl-C does, so that every process we started is ended by its id.

    Yields what raises KeyboardInterrupt once more if there was one: where it reaches us in a finalizer or a callback
    of a library, the interpreter or the library drops it.
    """
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    def go_on() -> None:
        if interrupted:
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield go_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    output: Path


@contextmanager
def process(command: Sequence[str], output: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """A process with its output in a file; on leaving it is asked to end, and waited for."""
    with output.open("wb") as sink:
        started = subprocess.Popen(  # noqa: S603  our own commands, no shell
            command,
            env={**_ENVIRONMENT, **settings},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end them in order
        )
    try:
        yield Server(started, output)
    finally:
        started.terminate()
        try:
            started.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def alone() -> Iterator[None]:
    """Takes the settings of AWS and of another Daypass out of the environment: the demo is on its own."""
    before = {name: value for name, value in _ENVIRONMENT.items() if name.startswith(("AWS_", "DAYPASS_"))}
    for name in before:
        del _ENVIRONMENT[name]
    # boto3 would read the user's own profile, and ask the network for more settings.
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    _ENVIRONMENT.update(nowhere)
    try:
        yield
    finally:
        for name in nowhere:
            del _ENVIRONMENT[name]
        _ENVIRONMENT.update(before)


def run_to_end(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  our own command, no shell
        [*DAYPASS, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise DemoFault(f"`daypass {arguments[0]}` failed: {done.stderr.strip()}")
    return done.stdout


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def wait_until_answers(address: str, server: Server) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    last_words = server.output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise DemoFault("a server did not start:\n" + "\n".join(last_words))
