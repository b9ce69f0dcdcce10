"""Running Daypass: what a change costs in time, how it starts, how it stops, and what it says when it cannot.

Servers here are a test's own, since it changes how they run.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.backends import Backend, free_port
from support.commands import daypass_command
from support.plain_http import connection, fetch, received
from support.server import COMMAND, Daypass, Keys, allow, clean_environment, deny, end, init, policy, running

FRESHNESS_SECONDS = 1.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, moto_backend: Backend) -> Iterator[Daypass]:
    """Two worker processes on one port: each answers some of the requests."""
    with running(tmp_path_factory.mktemp("fleet") / "data", "--workers", "2", backend=moto_backend) as server:
        yield server


def outcomes(call: Callable[[], Any], count: int = 24) -> set[str]:
    """What the calls come to: "ok" or error codes. Each makes its own connection, so that both workers answer."""
    found = set()
    for _ in range(count):
        try:
            call()
            found.add("ok")
        except ClientError as refusal:
            found.add(refusal.response["Error"]["Code"])
    return found


# --- freshness -----------------------------------------------------------------------------------------------


def test_a_new_access_key_works_at_once_on_every_worker(fleet: Daypass) -> None:
    keys = fleet.new_user("fresh-key")
    assert outcomes(lambda: fleet.client("sts", keys).get_caller_identity()) == {"ok"}


def test_a_policy_given_is_in_force_within_a_second_on_every_worker(fleet: Daypass) -> None:
    keys = fleet.new_user("fresh-allow")

    def ask() -> Any:
        return fleet.client("sts", keys).get_federation_token(Name="Bob")

    assert outcomes(ask) == {"AccessDenied"}
    fleet.client("iam", fleet.root).put_user_policy(
        UserName="fresh-allow", PolicyName="p", PolicyDocument=policy(allow("sts:GetFederationToken", "*"))
    )
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(ask) == {"ok"}


def test_credentials_that_are_out_are_worth_nothing_a_second_after_their_user_lost_the_permission(
    fleet: Daypass,
) -> None:
    fleet.client("s3", fleet.root).create_bucket(Bucket="fresh-bucket")
    keys = fleet.new_user("fresh-deny", allow(["sts:GetFederationToken", "s3:*"], "*"))
    sts = fleet.client("sts", keys)
    bob = Keys.of(sts.get_federation_token(Name="Bob", Policy=policy(allow("s3:*", "*")))["Credentials"])

    def look() -> Any:
        return fleet.client("s3", bob).list_objects_v2(Bucket="fresh-bucket")

    assert outcomes(look) == {"ok"}
    fleet.client("iam", fleet.root).put_user_policy(
        UserName="fresh-deny", PolicyName="lock", PolicyDocument=policy(deny("s3:*", "*"))
    )
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(look) == {"AccessDenied"}


def test_a_managed_session_policy_narrows_as_it_is_now_not_as_it_was(fleet: Daypass) -> None:
    fleet.client("s3", fleet.root).create_bucket(Bucket="fresh-managed")
    keys = fleet.new_user("fresh-managed", allow(["sts:GetFederationToken", "s3:*"], "*"))
    iam = fleet.client("iam", fleet.root)
    arn = iam.create_policy(PolicyName="fresh-managed", PolicyDocument=policy(allow("s3:*", "*")))["Policy"]["Arn"]
    issued = fleet.client("sts", keys).get_federation_token(Name="Bob", PolicyArns=[{"arn": arn}])
    bob = Keys.of(issued["Credentials"])

    def look() -> Any:
        return fleet.client("s3", bob).list_objects_v2(Bucket="fresh-managed")

    assert outcomes(look) == {"ok"}
    iam.delete_policy(PolicyArn=arn)
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(look) == {"AccessDenied"}


def test_an_inactive_key_is_refused_within_a_second_on_every_worker(fleet: Daypass) -> None:
    keys = fleet.new_user("fresh-inactive")

    def ask() -> Any:
        return fleet.client("sts", keys).get_caller_identity()

    assert outcomes(ask) == {"ok"}
    fleet.client("iam", fleet.root).update_access_key(
        UserName="fresh-inactive", AccessKeyId=keys.access_key_id, Status="Inactive"
    )
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(ask) == {"InvalidClientTokenId"}


def test_sessions_outlive_the_key_that_issued_them_but_not_the_user(fleet: Daypass) -> None:
    iam = fleet.client("iam", fleet.root)
    keys = fleet.new_user("fresh-deleted", allow("sts:GetFederationToken", "*"))
    bob = Keys.of(fleet.client("sts", keys).get_federation_token(Name="Bob")["Credentials"])

    def who() -> Any:
        return fleet.client("sts", bob).get_caller_identity()

    iam.delete_access_key(UserName="fresh-deleted", AccessKeyId=keys.access_key_id)
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(who) == {"ok"}
    iam.delete_user_policy(UserName="fresh-deleted", PolicyName="fresh-deleted-policy")
    iam.delete_user(UserName="fresh-deleted")
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(who) == {"InvalidClientTokenId"}
    # A user of the same name is another user: the old sessions stay dead.
    iam.create_user(UserName="fresh-deleted")
    time.sleep(FRESHNESS_SECONDS)
    assert outcomes(who) == {"InvalidClientTokenId"}


def test_a_worker_that_crashes_is_replaced_and_the_log_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2") as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        (worker, *_) = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(worker), signal.SIGSEGV)
        said = f" ERROR worker {worker} ended with -11; worker "
        deadline = time.monotonic() + 20
        while said not in server.output.read_text():
            assert time.monotonic() < deadline, server.output.read_text()
            time.sleep(0.1)
        assert fetch("GET", f"{server.url}/_daypass/health").status == 200


# --- stopping ------------------------------------------------------------------------------------------------


def test_told_to_stop_it_finishes_the_request_in_flight(tmp_path: Path, moto_backend: Backend) -> None:
    with running(tmp_path / "data", backend=moto_backend) as server:
        s3 = server.client("s3", server.root)
        s3.create_bucket(Bucket="in-flight")
        url = s3.generate_presigned_url("put_object", {"Bucket": "in-flight", "Key": "slow"})
        body = os.urandom(1 << 20)
        connected, target = connection(url)
        connected.putrequest("PUT", target)
        connected.putheader("Content-Length", str(len(body)))
        connected.endheaders()
        connected.send(body[: len(body) // 2])
        time.sleep(0.3)

        server.process.terminate()
        time.sleep(0.5)
        assert server.process.poll() is None
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=2).close()
        connected.send(body[len(body) // 2 :])
        assert received(connected).status == 200
        connected.close()
        assert server.process.wait(15) == 0
    # What was put in its last second is there for the next server.
    with running(tmp_path / "data", backend=moto_backend) as again:
        got = again.client("s3", again.root).get_object(Bucket="in-flight", Key="slow")
        assert hashlib.sha256(got["Body"].read()).digest() == hashlib.sha256(body).digest()


def test_with_workers_a_stop_is_as_clean(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--workers", "2") as server:
        assert fetch("GET", f"{server.url}/_daypass/health").status == 200
        assert end(server.process) == 0
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=2).close()


def test_what_was_made_is_there_after_a_restart_and_sessions_go_on(tmp_path: Path) -> None:
    with running(tmp_path / "data") as first:
        keys = first.new_user("stays", allow("sts:GetFederationToken", "*"))
        bob = Keys.of(first.client("sts", keys).get_federation_token(Name="Bob")["Credentials"])
    with running(tmp_path / "data") as second:
        assert second.client("sts", keys).get_caller_identity()["Arn"].endswith("user/stays")
        assert second.client("sts", bob).get_caller_identity()["Arn"].endswith("federated-user/Bob")


# --- what it says ---------------------------------------------------------------------------------------------


def test_it_says_what_it_serves_and_which_settings_do_nothing(tmp_path: Path) -> None:
    asked_at = tmp_path / "authorizer.sock"
    options = ("--authorizer-listen", f"unix:{asked_at}", "--s3-adopt", "logs-*=999999999999")
    backend = Backend("down", f"http://127.0.0.1:{free_port()}", "any", "any")
    environment = {"DAYPASS_S3_DOMAIN": "s3.test", "DAYPASS_SERVICE_HOST": "10.0.0.1"}
    with running(tmp_path / "data", *options, backend=backend, environment=environment) as server:
        said = server.output.read_text().splitlines()
    assert said == [
        f"Daypass serves {server.url} (workers: 1). AWS_ENDPOINT_URL={server.url}",
        f"  S3 buckets * at {backend.endpoint}",
        f"  Decisions for proxies and services at unix:{asked_at}",
        "  Warning: there is no account 999999999999; until there is, buckets logs-* are not adopted",
        "  Warning: DAYPASS_S3_DOMAIN is no setting and does nothing; is DAYPASS_S3_DOMAINS meant?",
    ]


# --- what it says when it cannot -----------------------------------------------------------------------------


def serve_to_end(data: Path, *options: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
    return daypass_command("serve", "--data", str(data), "--listen", f"127.0.0.1:{port or free_port()}", *options)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed says: one line, and no traceback."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def digests(directory: Path) -> dict[str, bytes]:
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in directory.iterdir() if path.is_file()}


def test_init_makes_a_directory_for_its_owner_alone_and_an_account_of_the_number_asked_for(tmp_path: Path) -> None:
    account_id, root = init(tmp_path / "data", "--account-id", "111122223333")
    assert account_id == "111122223333"
    assert root.access_key_id.startswith("AKIA")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "data").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_init_for_people_prints_the_key_once_as_lines_for_a_shell(tmp_path: Path) -> None:
    done = daypass_command("init", "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "export AWS_ACCESS_KEY_ID=AKIA" in done.stdout
    assert "export AWS_SECRET_ACCESS_KEY=" in done.stdout


def test_init_of_a_directory_that_is_initialised_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path / "data")
    before = digests(tmp_path / "data")
    done = daypass_command("init", "--data", str(tmp_path / "data"), "--json")
    assert "already" in one_line(done)
    assert done.stdout == ""
    assert digests(tmp_path / "data") == before


@pytest.mark.parametrize("account_id", ["1", "11112222333a", "1111222233334"])
def test_an_account_id_that_is_not_twelve_digits_makes_nothing(account_id: str, tmp_path: Path) -> None:
    done = daypass_command("init", "--data", str(tmp_path / "data"), "--account-id", account_id)
    assert done.returncode == 2
    assert not (tmp_path / "data").exists()


def test_serve_without_init_says_what_to_do(tmp_path: Path) -> None:
    assert "daypass init" in one_line(serve_to_end(tmp_path / "nothing"))


def test_a_key_ring_open_to_others_is_refused(tmp_path: Path) -> None:
    init(tmp_path / "data")
    (tmp_path / "data" / "keys.json").chmod(0o640)
    assert "chmod 600" in one_line(serve_to_end(tmp_path / "data"))


def test_a_store_that_is_none_is_one_line(tmp_path: Path) -> None:
    init(tmp_path / "data")
    store = tmp_path / "data" / "daypass.sqlite3"
    for extra in store.parent.glob("daypass.sqlite3-*"):
        extra.unlink()
    store.write_bytes(b"this is no database " * 500)
    assert str(store) in one_line(serve_to_end(tmp_path / "data"))


def test_a_port_in_use_is_one_line_that_names_it(tmp_path: Path) -> None:
    init(tmp_path / "data")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port: int = taken.getsockname()[1]
        said = one_line(serve_to_end(tmp_path / "data", port=port))
    assert f"127.0.0.1:{port}" in said
    assert "--listen" in said


def test_a_backend_without_keys_is_one_line_that_names_the_variables(tmp_path: Path) -> None:
    init(tmp_path / "data")
    said = one_line(serve_to_end(tmp_path / "data", "--s3-backend", "http://127.0.0.1:9000"))
    assert "DAYPASS_S3_BACKEND_ACCESS_KEY_ID" in said


def test_every_option_can_stand_in_the_environment_or_in_the_file(tmp_path: Path) -> None:
    init(tmp_path / "data")
    port = free_port()
    (tmp_path / "data" / "daypass.toml").write_text(f'listen = "127.0.0.1:{port}"\nworkers = 1\n')
    process = subprocess.Popen(
        [*COMMAND, "serve"],
        env=clean_environment(DAYPASS_DATA=str(tmp_path / "data"), DAYPASS_REGIONS="eu-west-1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert fetch("GET", f"http://127.0.0.1:{port}/_daypass/health").status == 200
                break
            except ConnectionError:
                time.sleep(0.1)
        else:
            pytest.fail("not ready")
    finally:
        end(process)


def test_regions_that_are_not_listed_are_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--regions", "eu-west-1,eu-west-2") as server:
        assert server.client("sts", server.root, region="eu-west-2").get_caller_identity()["Account"]
        with pytest.raises(ClientError) as caught:
            server.client("sts", server.root, region="us-east-1").get_caller_identity()
        assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
        assert caught.value.response["Error"]["Message"].startswith("Credential should be scoped to a valid region.")


def test_a_backend_that_is_down_is_a_503_that_a_client_may_try_again(tmp_path: Path) -> None:
    down = Backend("down", f"http://127.0.0.1:{free_port()}", "any", "any")
    with running(tmp_path / "data", backend=down) as server:
        s3 = server.client("s3", server.root)
        for call in (
            lambda: s3.create_bucket(Bucket="nowhere"),
            lambda: s3.put_object(Bucket="nowhere", Key="a", Body=b"x" * 100_000),
        ):
            with pytest.raises(ClientError) as caught:
                call()
        # The bucket that could not be made at the backend is not ours either: nothing is half made.
        assert s3.list_buckets()["Buckets"] == []
        assert server.client("sts", server.root).get_caller_identity()["Account"] == server.account_id
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 503)


def test_a_backend_that_goes_down_under_a_bucket_is_a_503(tmp_path: Path, moto_backend: Backend) -> None:
    with running(tmp_path / "data", backend=moto_backend) as server:
        server.client("s3", server.root).create_bucket(Bucket="orphaned")
    down = Backend("down", f"http://127.0.0.1:{free_port()}", "any", "any")
    with running(tmp_path / "data", backend=down) as server:
        s3 = server.client("s3", server.root)
        for call in (
            lambda: s3.get_object(Bucket="orphaned", Key="a"),
            lambda: s3.put_object(Bucket="orphaned", Key="a", Body=b"x" * 100_000),
            lambda: s3.list_objects_v2(Bucket="orphaned"),
        ):
            with pytest.raises(ClientError) as caught:
                call()
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            assert caught.value.response["Error"]["Code"] in ("SlowDown", "ServiceUnavailable")
        last = server.output.read_text().splitlines()[-1]
    place = re.escape(down.endpoint.removeprefix("http://"))
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ ERROR the S3 backend gave no answer: no connection to {place}: .*", last
    )


def test_without_a_backend_s3_is_refused_and_the_rest_is_served(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        with pytest.raises(ClientError) as caught:
            server.client("s3", server.root).create_bucket(Bucket="no-backend")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (501, 503)
        assert server.client("iam", server.root).list_users()["Users"] == []


# --- bodies --------------------------------------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded; charset=utf-8"
# What the server takes for the API; AWS's largest parameter needs less.
API_BODY_BYTES = 1_048_576


def test_an_api_body_over_the_limit_is_413_and_is_not_read_to_its_end(daypass: Daypass) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15&x=" + b"a" * API_BODY_BYTES
    assert fetch("POST", f"{daypass.url}/", body, Content_Type=FORM).status == 413

    # A body without end: the answer comes while it is still being sent.
    connected, target = connection(f"{daypass.url}/")
    connected.putrequest("POST", target)
    connected.putheader("Content-Type", FORM)
    connected.putheader("Content-Length", str(1 << 40))
    connected.endheaders()
    sent = 0
    while not select.select([connected.sock], [], [], 0)[0] and sent < 64 * API_BODY_BYTES:
        connected.send(b"a" * 65_536)
        sent += 65_536
    assert received(connected).status == 413
    assert sent < 64 * API_BODY_BYTES
    connected.close()


def test_objects_larger_than_any_api_body_pass_and_the_server_does_not_grow_with_them(
    tmp_path: Path, moto_backend: Backend
) -> None:
    """Streamed: 96 MiB through a server whose resident memory stays far below that growth."""
    size = 96 << 20
    with running(tmp_path / "data", backend=moto_backend) as server:
        s3 = server.client("s3", server.root)
        s3.create_bucket(Bucket="large-objects")
        s3.put_object(Bucket="large-objects", Key="small", Body=b"x")
        peak = resident_peak(server)
        source = tmp_path / "large"
        source.write_bytes(os.urandom(1 << 20) * 96)
        with source.open("rb") as body:
            s3.put_object(Bucket="large-objects", Key="large", Body=body)
        got = hashlib.sha256()
        for part in s3.get_object(Bucket="large-objects", Key="large")["Body"].iter_chunks(1 << 20):
            got.update(part)
        assert got.digest() == hashlib.sha256(source.read_bytes()).digest()
        assert resident_peak(server) - peak < size // 3
        s3.delete_object(Bucket="large-objects", Key="large")


def resident_peak(server: Daypass) -> int:
    """Bytes; the most the process has had resident, by the operating system's account."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def test_concurrent_users_get_their_own_answers(daypass: Daypass) -> None:
    keys = daypass.new_user("concurrent", allow("sts:GetFederationToken", "*"))
    sts = daypass.client("sts", keys, max_pool_connections=16)
    found: dict[str, str] = {}

    def ask(name: str) -> None:
        issued = Keys.of(sts.get_federation_token(Name=name)["Credentials"])
        found[name] = daypass.client("sts", issued).get_caller_identity()["Arn"]

    threads = [threading.Thread(target=ask, args=(f"user-{number:02}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = f"arn:aws:sts::{daypass.account_id}:federated-user/"
    assert found == {f"user-{number:02}": f"{expected}user-{number:02}" for number in range(16)}
