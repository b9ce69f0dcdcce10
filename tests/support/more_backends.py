"""Two more S3 backends, for the long run of the tests: Ceph's RADOS Gateway from Debian, versitygw from the Go proxy.

Ceph is one monitor, one OSD that keeps its objects in memory, and one radosgw, all on loopback; no manager, because
nothing here asks for statistics. versitygw keeps objects as files, on a file system with user extended attributes.

Source: Ceph's documentation, "Manual deployment" and "Ceph Object Gateway config reference"; versitygw's README.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.backends import START_SECONDS, Backend, free_port, running
from support.sdks import CACHE, PREPARE_SECONDS, execute

CEPH_ATTEMPTS = 5
OSD_SECONDS = 15  # it takes three, or does not come at all
CEPH_PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

_CEPH = """\
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{monitor}
mon_initial_members = a
ms_bind_msgr2 = false
public_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = {directory}/keyring
run_dir = {directory}
admin_socket = {directory}/$name.$pid.asok
pid_file = {directory}/$name.pid
log_file = {directory}/$name.log
mon_data = {directory}/mon
mon_data_avail_warn = 1
mon_data_avail_crit = 1
osd_data = {directory}/osd
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_class_load_list = *
osd_class_default_list = *
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
rgw_data = {directory}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
"""


def missing_for_ceph() -> list[str]:
    """The programs that are not here (Debian: ceph-mon, ceph-osd, radosgw)."""
    return [program for program in CEPH_PROGRAMS if shutil.which(program) is None]


class OsdStayedDown(Exception):
    """An OSD that keeps its objects in memory now and then forgets, before it starts, which one it is."""


@contextlib.contextmanager
def ceph(directory: Path) -> Iterator[Backend]:
    with contextlib.ExitStack() as stack:
        for attempt in range(CEPH_ATTEMPTS):
            (directory / str(attempt)).mkdir()
            try:
                backend = stack.enter_context(_ceph(directory / str(attempt)))
                break
            except OsdStayedDown:
                continue
        else:
            raise RuntimeError(f"no OSD came up in {CEPH_ATTEMPTS} attempts")
        yield backend


def _is_up(of: Sequence[str]) -> bool:
    """Whether the OSD has told the monitor that it is there, within some seconds."""
    deadline = time.monotonic() + OSD_SECONDS
    while time.monotonic() < deadline:
        told = subprocess.run(["ceph", *of, "osd", "stat"], capture_output=True, timeout=START_SECONDS, check=False)
        if b"1 up" in told.stdout:
            return True
        time.sleep(0.2)
    return False


@contextlib.contextmanager
def _ceph(directory: Path) -> Iterator[Backend]:
    fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
    monitor, gateway = free_port(), free_port()
    for name in ("mon", "osd", "rgw"):
        (directory / name).mkdir()
    configuration = directory / "ceph.conf"
    configuration.write_text(_CEPH.format(fsid=fsid, monitor=monitor, gateway=gateway, directory=directory))
    of = ["-c", str(configuration)]
    keyring, monmap = str(directory / "keyring"), str(directory / "monmap")
    everything = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"]
    _run(["ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"])
    _run(["ceph-authtool", keyring, "--gen-key", "-n", "client.admin", *everything])
    _run(["monmaptool", "--create", "--addv", "a", f"[v1:127.0.0.1:{monitor}]", "--fsid", fsid, monmap])
    _run(["ceph-mon", *of, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring])
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(["ceph-mon", *of, "-i", "a", "-f"], monitor, directory / "mon.out"))
        # The store of the OSD takes its id from this file; of two ids made apart, the monitor would refuse the second.
        (directory / "osd" / "fsid").write_text(f"{osd}\n")
        _run(["ceph-osd", *of, "-i", "0", "--mkfs", "--osd-uuid", osd])
        _run(["ceph", *of, "--connect-timeout", str(START_SECONDS), "osd", "new", osd])
        stack.enter_context(_alive(["ceph-osd", *of, "-i", "0", "-f"], directory / "osd.out"))
        if not _is_up(of):
            raise OsdStayedDown
        radosgw = ["radosgw", *of, "-n", "client.admin", "-f"]
        stack.enter_context(running(radosgw, gateway, directory / "rgw.out"))
        endpoint = f"http://127.0.0.1:{gateway}"
        _wait_for_answer(endpoint)
        user = ["--uid", "gateway", "--display-name", "gateway", "--access-key", "CEPHBACKENDKEY"]
        _run(["radosgw-admin", *of, "user", "create", *user, "--secret", "ceph-backend-secret"])
        yield Backend("ceph", endpoint, "CEPHBACKENDKEY", "ceph-backend-secret")


@contextlib.contextmanager
def versitygw(directory: Path) -> Iterator[Backend]:
    """Built once, into the folder of the other real clients and servers."""
    binary = CACHE / "versitygw" / "versitygw"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        places = {"GOBIN": str(binary.parent), "GOMODCACHE": str(CACHE / "gomod"), "GOCACHE": str(CACHE / "gobuild")}
        execute(["go", "install", VERSITYGW], places | {"GOFLAGS": "-modcacherw"}, PREPARE_SECONDS)
    port, objects, versions = free_port(), directory / "objects", directory / "versions"
    objects.mkdir()
    versions.mkdir()
    key, secret = "VERSITYBACKENDKEY", "versity-backend-secret"
    where = ["posix", "--versioning-dir", str(versions), str(objects)]
    with running(
        [str(binary), "--access", key, "--secret", secret, "--port", f"127.0.0.1:{port}", *where],
        port,
        directory / "versitygw.log",
    ):
        yield Backend("versitygw", f"http://127.0.0.1:{port}", key, secret)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}")


@contextlib.contextmanager
def _alive(command: Sequence[str], log: Path) -> Iterator[None]:
    """A process that listens where nobody has to know."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ})
    try:
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _wait_for_answer(endpoint: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            opener.open(endpoint, timeout=START_SECONDS).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
