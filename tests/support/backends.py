"""Real S3 backends on free loopback ports: moto, which checks nothing, and OpenStack Swift, which checks all.

moto accepts any signature: what it never got to see, Daypass refused. Swift's s3api verifies Signature
Version 4 whole: what it accepts, Daypass signed rightly. Both come from PyPI and run as ordinary processes.

Source: Swift's "S3 API" and "SAIO" administration pages for the pipeline and the ring; no memcached is needed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 60  # until a backend must answer; two cores under load are slow
STOP_SECONDS = 10


@dataclass(frozen=True)
class Backend:
    """endpoint: `http://127.0.0.1:port`. The key is the backend's own: no client of Daypass ever holds it."""

    name: str
    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once something accepts connections on the port.

    Raises:
        RuntimeError: the process ended, or START_SECONDS passed; the text has the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}:\n{log.read_text(errors='replace')[-3000:]}")


@contextlib.contextmanager
def running(arguments: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on the port, for as long as the context lasts."""
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent)
    try:
        wait_until_listening(port, process, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def executable(name: str) -> str:
    """A program installed beside the interpreter that runs the tests."""
    return str(Path(sys.executable).with_name(name))


@contextlib.contextmanager
def moto(directory: Path) -> Iterator[Backend]:
    port = free_port()
    arguments = [executable("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running(arguments, port, directory / "moto.log"):
        yield Backend("moto", f"http://127.0.0.1:{port}", "MOTOBACKENDKEY", "moto-backend-secret")


SWIFT_COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {directory}
devices = {directory}/devices
mount_check = false
disable_fallocate = true
log_level = WARNING
log_address = /nonexistent
"""

SWIFT_PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink
    proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true

[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:symlink]
use = egg:swift#symlink
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_gateway_backend = swift-backend-secret .admin
"""

SWIFT_STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

SWIFT_RING_PARTITION_POWER = 2  # one device: four partitions are plenty
SWIFT_REPLICAS = 1


@contextlib.contextmanager
def swift(directory: Path) -> Iterator[Backend]:
    """directory: on a file system with user extended attributes, which Swift's object server needs."""
    from swift.common.ring import RingBuilder

    ports = {kind: free_port() for kind in ("account", "container", "object", "proxy")}
    (directory / "devices" / "d1").mkdir(parents=True)
    (directory / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = daypass\n[storage-policy:0]\nname = only\ndefault = yes\n"
    )
    for kind in ("account", "container", "object"):
        ring = RingBuilder(SWIFT_RING_PARTITION_POWER, SWIFT_REPLICAS, 1)
        device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind], "device": "d1", "weight": 1.0}
        ring.add_dev({**device, "replication_ip": "127.0.0.1", "replication_port": ports[kind], "meta": ""})
        ring.rebalance(seed="daypass")
        ring.get_ring().save(str(directory / f"{kind}.ring.gz"))
    with contextlib.ExitStack() as stack:
        for kind, port in ports.items():
            configuration = directory / f"{kind}-server.conf"
            common = SWIFT_COMMON.format(port=port, user=_user_name(), directory=directory)
            own = SWIFT_PROXY if kind == "proxy" else SWIFT_STORAGE.format(kind=kind)
            configuration.write_text(common + own)
            arguments = [executable(f"swift-{kind}-server"), str(configuration), "--verbose"]
            stack.enter_context(running(arguments, port, directory / f"{kind}.log"))
        yield Backend("swift", f"http://127.0.0.1:{ports['proxy']}", "gateway:backend", "swift-backend-secret")


def _user_name() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def _scratch(name: str) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"daypass-{name}-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def moto_backend() -> Iterator[Backend]:
    with _scratch("moto") as directory, moto(directory) as backend:
        yield backend


@pytest.fixture(scope="session")
def swift_backend() -> Iterator[Backend]:
    with _scratch("swift") as directory, swift(directory) as backend:
        yield backend
