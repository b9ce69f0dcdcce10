"""One large object each way over one connection, or several at a time: the client's side, in a process of its own.

    python -m support.transfer --port 8420 --requests FILE --bytes 67108864 --parallel 4 --core 1

FILE holds the head of one request; with --bytes above 0 so many bytes follow it as its body. Prints JSON: seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Final

from support.accounting import pin

_PIECE: Final = b"\0" * 262_144


def _one(port: int, head: bytes, length: int, failures: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        while length:
            connection.sendall(_PIECE[:length] if length < len(_PIECE) else _PIECE)
            length -= min(length, len(_PIECE))
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536) or _broken(received)
        answer, _, body = received.partition(b"\r\n\r\n")
        if answer[9:10] != b"2":
            failures.append(received.decode("latin-1"))
            return
        lengths = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        missing = (int(lengths[0].partition(b":")[2]) if lengths else 0) - len(body)
        buffer = bytearray(1_048_576)
        while missing > 0:
            missing -= connection.recv_into(buffer) or len(_broken(answer))


def _broken(received: bytes) -> bytes:
    raise SystemExit(f"the answer broke off: {received[:500]!r}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--requests", type=Path, required=True)
    arguments.add_argument("--bytes", type=int, default=0)
    arguments.add_argument("--parallel", type=int, default=1)
    arguments.add_argument("--core", type=int, default=-1)
    given = arguments.parse_args()
    if given.core >= 0:
        pin(os.getpid(), given.core)
    failures: list[str] = []
    head = given.requests.read_bytes()
    threads = [
        threading.Thread(target=_one, args=(given.port, head, given.bytes, failures)) for _ in range(given.parallel)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if failures:
        raise SystemExit(failures[0])
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
