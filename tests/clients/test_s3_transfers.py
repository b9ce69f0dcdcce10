"""Objects of every size through the gateway, by clients as they are, with credentials that are good for one prefix:
what these permit works, all else is refused. boto3 with each of its checksums, over http and https, between which its
bodies differ; the AWS CLI's high-level commands; s5cmd (Go), s3cmd and obstore (Rust).

Source: S3 User Guide, "Checking object integrity for data uploads in Amazon S3"; each client's own documentation.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import obstore
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store

from support.backends import executable
from support.commands import aws_command, run
from support.server import REGION, Daypass, Keys, allow, policy
from support.tls_front import TlsFront, tls_front

BUCKET = "s3-transfers"
MIB = 1024 * 1024
ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
TRANSFER = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=5 * MIB)


@pytest.fixture(scope="module")
def daypass(daypass_before_each: Daypass) -> Daypass:
    return daypass_before_each


@pytest.fixture(scope="module")
def team(daypass: Daypass) -> Keys:
    """Good for everything below team/, and for nothing else."""
    owner = daypass.client("s3", daypass.root)
    owner.create_bucket(Bucket=BUCKET)
    owner.put_object(Bucket=BUCKET, Key="other/secret", Body=b"secret")
    bucket = f"arn:aws:s3:::{BUCKET}"
    issuer = daypass.new_user("transfers-issuer", allow(["s3:*", "sts:GetFederationToken"], "*"))
    session = policy(
        allow("s3:*", f"{bucket}/team/*"),
        allow("s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": "team/*"}}),
    )
    granted = daypass.client("sts", issuer).get_federation_token(Name="Team", Policy=session)
    return Keys.of(granted["Credentials"])


@pytest.fixture(scope="module")
def front(daypass: Daypass, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsFront]:
    with tls_front(tmp_path_factory.mktemp("front"), urlsplit(daypass.url).port or 0) as running:
        yield running


@pytest.fixture(scope="module")
def owner(daypass: Daypass) -> Any:
    return daypass.client("s3", daypass.root)


def team_client(url: str, keys: Keys, ca: Path | None = None, **config: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        verify=None if ca is None else str(ca),
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


# ---- boto3 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_boto3_puts_objects_with_each_of_its_checksums(
    daypass: Daypass, front: TlsFront, team: Keys, owner: Any, algorithm: str, scheme: str
) -> None:
    s3 = team_client(daypass.url, team) if scheme == "http" else team_client(front.url, team, front.ca)
    sent: list[Mapping[str, Any]] = []
    s3.meta.events.register("before-send.s3.PutObject", lambda request, **_: sent.append(dict(request.headers)))
    for body in (b"", b"small", os.urandom(300_000)):
        s3.put_object(Bucket=BUCKET, Key="team/sum", Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
        assert owner.get_object(Bucket=BUCKET, Key="team/sum")["Body"].read() == body
    trailed = [head.get("x-amz-trailer", head.get("X-Amz-Trailer")) for head in sent]
    expected = f"x-amz-checksum-{algorithm.lower()}".encode()
    assert [str(name).encode() if isinstance(name, str) else name for name in trailed] == (
        [None] * 3 if scheme == "http" else [expected] * 3
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("algorithm", [None, "CRC64NVME"])
def test_boto3_uploads_in_parts_and_downloads_in_ranges(
    daypass: Daypass, front: TlsFront, team: Keys, scheme: str, algorithm: str | None
) -> None:
    s3 = team_client(daypass.url, team) if scheme == "http" else team_client(front.url, team, front.ca)
    body = os.urandom(13 * MIB)
    extra = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
    s3.upload_fileobj(io.BytesIO(body), BUCKET, "team/parts", ExtraArgs=extra, Config=TRANSFER)
    back = io.BytesIO()
    s3.download_fileobj(BUCKET, "team/parts", back, Config=TRANSFER)
    assert back.getvalue() == body


@pytest.mark.deep
def test_boto3_uploads_100_mib_with_its_defaults(daypass: Daypass, front: TlsFront, team: Keys) -> None:
    body = os.urandom(100 * MIB)
    for s3 in (team_client(daypass.url, team), team_client(front.url, team, front.ca)):
        s3.upload_fileobj(io.BytesIO(body), BUCKET, "team/large")
        back = io.BytesIO()
        s3.download_fileobj(BUCKET, "team/large", back)
        assert back.getvalue() == body


def test_boto3_uploads_where_checksums_are_only_sent_when_required(daypass: Daypass, team: Keys, owner: Any) -> None:
    s3 = team_client(daypass.url, team, request_checksum_calculation="when_required")
    s3.put_object(Bucket=BUCKET, Key="team/plain", Body=b"plain")
    assert owner.get_object(Bucket=BUCKET, Key="team/plain")["Body"].read() == b"plain"


def test_boto3_is_refused_outside_its_prefix_in_every_body_mode(daypass: Daypass, front: TlsFront, team: Keys) -> None:
    for s3 in (team_client(daypass.url, team), team_client(front.url, team, front.ca)):
        for algorithm in (None, *ALGORITHMS):
            extra = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
            with pytest.raises(ClientError, match="AccessDenied"):
                s3.put_object(Bucket=BUCKET, Key="other/new", Body=io.BytesIO(b"x" * 300_000), **extra)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.create_multipart_upload(Bucket=BUCKET, Key="other/new")


# ---- the AWS CLI -------------------------------------------------------------------------------------------


def test_the_aws_cli_copies_synchronises_moves_and_removes(
    daypass: Daypass, front: TlsFront, team: Keys, owner: Any, tmp_path: Path
) -> None:
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/a.txt").write_bytes(b"a")
    (tmp_path / "tree/deep/b c.bin").write_bytes(os.urandom(9 * MIB))
    environment = {"AWS_DEFAULT_REGION": REGION, "AWS_CA_BUNDLE": str(front.ca), **team.environment()}
    for url in (front.url, daypass.url):

        def s3(*arguments: str, at: str = url) -> None:
            done = aws_command("s3", *arguments, environment={**environment, "AWS_ENDPOINT_URL": at})
            assert done.returncode == 0, done.stderr

        s3("sync", str(tmp_path / "tree"), f"s3://{BUCKET}/team/cli/")
        if url == front.url:
            continue
        s3("cp", f"s3://{BUCKET}/team/cli/a.txt", f"s3://{BUCKET}/team/cli/copied.txt")
        s3("mv", f"s3://{BUCKET}/team/cli/copied.txt", f"s3://{BUCKET}/team/cli/moved.txt")
        s3("cp", "--recursive", f"s3://{BUCKET}/team/cli/", str(tmp_path / "back"))
        assert (tmp_path / "back/moved.txt").read_bytes() == b"a"
        assert (tmp_path / "back/deep/b c.bin").read_bytes() == (tmp_path / "tree/deep/b c.bin").read_bytes()
        s3("rm", "--recursive", f"s3://{BUCKET}/team/cli/")
        assert owner.list_objects_v2(Bucket=BUCKET, Prefix="team/cli/")["KeyCount"] == 0
    refused = aws_command(
        "s3", "cp", f"s3://{BUCKET}/other/secret", "-", environment={**environment, "AWS_ENDPOINT_URL": daypass.url}
    )
    assert refused.returncode != 0
    assert "403" in refused.stderr


# ---- s5cmd, s3cmd, obstore ---------------------------------------------------------------------------------


def test_s5cmd_copies_lists_and_removes(daypass: Daypass, team: Keys, owner: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for n in range(20):
        (source / f"{n}.bin").write_bytes(os.urandom(1_000))
    (source / "large.bin").write_bytes(os.urandom(12 * MIB))
    environment = {"S3_ENDPOINT_URL": daypass.url, "AWS_REGION": REGION, **team.environment()}

    def s5cmd(*arguments: str) -> str:
        done = run((executable("s5cmd"),), *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    s5cmd("cp", "--part-size", "5", f"{source}/", f"s3://{BUCKET}/team/s5/")
    # Swift lists an object some time after it has it, where several are put at a time.
    until = time.monotonic() + 20
    while len(s5cmd("ls", f"s3://{BUCKET}/team/s5/").splitlines()) < 21 and time.monotonic() < until:
        time.sleep(0.2)
    assert len(s5cmd("ls", f"s3://{BUCKET}/team/s5/").splitlines()) == 21
    s5cmd("cp", f"s3://{BUCKET}/team/s5/*", f"{tmp_path}/back/")
    for file in source.iterdir():
        assert (tmp_path / "back" / file.name).read_bytes() == file.read_bytes()
    s5cmd("rm", f"s3://{BUCKET}/team/s5/*")
    while owner.list_objects_v2(Bucket=BUCKET, Prefix="team/s5/")["KeyCount"] and time.monotonic() < until:
        time.sleep(0.2)
    assert owner.list_objects_v2(Bucket=BUCKET, Prefix="team/s5/")["KeyCount"] == 0
    refused = run((executable("s5cmd"),), "cat", f"s3://{BUCKET}/other/secret", environment=environment)
    assert refused.returncode != 0
    assert "status code: 403" in refused.stderr


def test_s3cmd_puts_in_parts_gets_and_removes(daypass: Daypass, team: Keys, owner: Any, tmp_path: Path) -> None:
    host = urlsplit(daypass.url).netloc
    settings = tmp_path / "s3cfg"
    settings.write_text(
        f"[default]\naccess_key = {team.access_key_id}\nsecret_key = {team.secret_access_key}\n"
        f"access_token = {team.session_token}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\n"
        f"multipart_chunk_size_mb = 5\nsignature_v2 = False\nbucket_location = {REGION}\n"
    )
    body = os.urandom(12 * MIB)
    (tmp_path / "large.bin").write_bytes(body)

    def s3cmd(*arguments: str) -> Any:
        return run((executable("s3cmd"), "--config", str(settings), "--no-progress"), *arguments)

    put = s3cmd("put", str(tmp_path / "large.bin"), f"s3://{BUCKET}/team/s3cmd/large.bin")
    assert put.returncode == 0, put.stderr
    assert owner.get_object(Bucket=BUCKET, Key="team/s3cmd/large.bin")["Body"].read() == body
    got = s3cmd("get", f"s3://{BUCKET}/team/s3cmd/large.bin", str(tmp_path / "back.bin"))
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "back.bin").read_bytes() == body
    removed = s3cmd("rm", f"s3://{BUCKET}/team/s3cmd/large.bin")
    assert removed.returncode == 0, removed.stderr
    refused = s3cmd("get", f"s3://{BUCKET}/other/secret", str(tmp_path / "secret"))
    assert refused.returncode != 0
    assert not (tmp_path / "secret").exists() or (tmp_path / "secret").read_bytes() == b""


def test_obstore_streams_both_ways(daypass: Daypass, front: TlsFront, team: Keys) -> None:
    store = S3Store(
        BUCKET,
        endpoint=daypass.url,
        region=REGION,
        access_key_id=team.access_key_id,
        secret_access_key=team.secret_access_key,
        session_token=team.session_token,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    body = os.urandom(12 * MIB)
    obstore.put(store, "team/obstore/small", b"small")
    obstore.put(store, "team/obstore/large", io.BytesIO(body), use_multipart=True, chunk_size=5 * MIB)
    assert bytes(obstore.get(store, "team/obstore/large").bytes()) == body
    assert bytes(obstore.get_range(store, "team/obstore/large", start=5, end=9)) == body[5:9]
    names = [entry["path"] for page in obstore.list(store, "team/obstore/") for entry in page]
    assert sorted(names) == ["team/obstore/large", "team/obstore/small"]
    obstore.copy(store, "team/obstore/small", "team/obstore/copy")
    obstore.delete(store, names)
    assert [entry["path"] for page in obstore.list(store, "team/obstore/") for entry in page] == ["team/obstore/copy"]
    with pytest.raises((PermissionDeniedError, PermissionError)):
        obstore.get(store, "other/secret")
