"""The gateway loses nothing that the backend itself can do: the same round of boto3 at the backend and through the
gateway, before each S3 store that tests can run.

`make test-deep` runs it. With -s it prints what each backend lacks, as docs/gateway.md has it.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from support.backends import Backend, moto, swift
from support.more_backends import ceph, missing_for_ceph, versitygw
from support.server import Keys, client, running

pytestmark = pytest.mark.deep

PART = b"p" * (5 * 1024 * 1024)
ODD_KEYS = ["a b", "a+b", "a%2Fb", "a//b", "ü", "q?x=1", "h#h", "'()*!"]


def _objects(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789", ContentType="text/plain", Metadata={"m": "v"})
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"0123456789", "text/plain", {"m": "v"})
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 10
    s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def _ranges(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="r", Body=b"0123456789")
    assert s3.get_object(Bucket=bucket, Key="r", Range="bytes=2-4")["Body"].read() == b"234"
    assert s3.get_object(Bucket=bucket, Key="r", Range="bytes=-2")["Body"].read() == b"89"


def _odd_keys(s3: Any, bucket: str) -> None:
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=f"odd/{key}", Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=f"odd/{key}")["Body"].read() == key.encode()
    found = s3.list_objects_v2(Bucket=bucket, Prefix="odd/")["Contents"]
    assert sorted(one["Key"] for one in found) == sorted(f"odd/{key}" for key in ODD_KEYS)


def _conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="c", Body=b"c")["ETag"]
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket=bucket, Key="c", IfNoneMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.get_object(Bucket=bucket, Key="c", IfMatch='"0"')


def _write_conditions(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="wc", Body=b"c")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="wc", Body=b"d", IfNoneMatch="*")


def _copies(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from ü", Body=b"copied", Metadata={"m": "v"})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from ü"})
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Body"].read(), got["Metadata"]) == (b"copied", {"m": "v"})


def _lists(s3: Any, bucket: str) -> None:
    for key in ("l/1", "l/2", "l/d/3"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    one = s3.list_objects(Bucket=bucket, Prefix="l/", Delimiter="/")
    assert [found["Key"] for found in one["Contents"]] == ["l/1", "l/2"]
    assert [found["Prefix"] for found in one["CommonPrefixes"]] == ["l/d/"]
    first = s3.list_objects_v2(Bucket=bucket, Prefix="l/", MaxKeys=2)
    rest = s3.list_objects_v2(Bucket=bucket, Prefix="l/", ContinuationToken=first["NextContinuationToken"])
    assert [found["Key"] for found in first["Contents"] + rest["Contents"]] == ["l/1", "l/2", "l/d/3"]


def _multipart(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="mp", Metadata={"m": "v"})["UploadId"]
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    parts = []
    for number, body in ((1, PART), (2, b"end")):
        made = s3.upload_part(Bucket=bucket, Key="mp", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
    assert len(s3.list_parts(Bucket=bucket, Key="mp", UploadId=upload)["Parts"]) == 2
    s3.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket=bucket, Key="mp")["ContentLength"] == len(PART) + 3
    other = s3.create_multipart_upload(Bucket=bucket, Key="mp2")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="mp2", UploadId=other)


def _part_copies(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="whole", Body=PART)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="pc")["UploadId"]
    made = s3.upload_part_copy(
        Bucket=bucket, Key="pc", UploadId=upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "whole"}
    )
    parts = {"Parts": [{"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="pc", UploadId=upload, MultipartUpload=parts)
    assert s3.head_object(Bucket=bucket, Key="pc")["ContentLength"] == len(PART)


def _deletions_of_many(s3: Any, bucket: str) -> None:
    for key in ("d/1", "d/2 ü&<"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    wanted = {"Objects": [{"Key": "d/1"}, {"Key": "d/2 ü&<"}]}
    assert len(s3.delete_objects(Bucket=bucket, Delete=wanted)["Deleted"]) == 2
    assert s3.list_objects_v2(Bucket=bucket, Prefix="d/")["KeyCount"] == 0


def _object_tags(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="t", Body=b"", Tagging="a=b")
    assert s3.get_object_tagging(Bucket=bucket, Key="t")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.put_object_tagging(Bucket=bucket, Key="t", Tagging={"TagSet": [{"Key": "c", "Value": "d"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="t")["TagSet"] == [{"Key": "c", "Value": "d"}]


def _versions(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = s3.put_object(Bucket=bucket, Key="v", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="v", Body=b"2")
    assert s3.get_object(Bucket=bucket, Key="v", VersionId=first)["Body"].read() == b"1"
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="v")["Versions"]) == 2
    s3.delete_object(Bucket=bucket, Key="v", VersionId=first)


def _checksums(s3: Any, bucket: str) -> None:
    for algorithm in ("CRC32", "SHA256", "CRC32C"):
        s3.put_object(Bucket=bucket, Key=f"cs/{algorithm}", Body=b"checked", ChecksumAlgorithm=algorithm)
        assert s3.get_object(Bucket=bucket, Key=f"cs/{algorithm}")["Body"].read() == b"checked"


def _large_objects(s3: Any, bucket: str) -> None:
    body = hashlib.shake_128(b"large").digest(20_000_000)
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body


def _lifecycle(s3: Any, bucket: str) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert len(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]) == 1
    s3.delete_bucket_lifecycle(Bucket=bucket)


def _attributes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="at", Body=b"12345")
    assert s3.get_object_attributes(Bucket=bucket, Key="at", ObjectAttributes=["ObjectSize"])["ObjectSize"] == 5


ROUND: dict[str, Callable[[Any, str], None]] = {
    "objects": _objects,
    "ranges": _ranges,
    "odd keys": _odd_keys,
    "conditional reads": _conditions,
    "conditional writes": _write_conditions,
    "copies": _copies,
    "lists": _lists,
    "multipart uploads": _multipart,
    "copied parts": _part_copies,
    "deletions of many": _deletions_of_many,
    "object tags": _object_tags,
    "versions": _versions,
    "checksums": _checksums,
    "large objects": _large_objects,
    "lifecycle": _lifecycle,
    "object attributes": _attributes,
}


@contextlib.contextmanager
def _backend(name: str, directory: Path) -> Iterator[Backend]:
    if name == "ceph" and missing_for_ceph():
        pytest.skip(
            f"not run: no {', '.join(missing_for_ceph())} on this machine (Debian: ceph-mon, ceph-osd, radosgw)"
        )
    if name == "versitygw" and shutil.which("go") is None:
        pytest.skip("not run: no go on this machine")
    directory.mkdir()
    start = {"moto": moto, "swift": swift, "ceph": ceph, "versitygw": versitygw}[name]
    with start(directory) as backend:
        yield backend


@pytest.fixture(scope="module", params=["moto", "swift", "ceph", "versitygw"])
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any, Any]]:
    """The backend's name, a client of the backend itself, and one of the gateway before it."""
    directory = tmp_path_factory.mktemp(request.param)
    with (
        _backend(request.param, directory / "backend") as backend,
        running(directory / "data", backend=backend) as daypass,
    ):
        keys = Keys(backend.access_key_id, backend.secret_access_key)
        directly = client(backend.endpoint, "s3", keys)
        yield backend.name, directly, daypass.client("s3", daypass.root)


@pytest.mark.parametrize("check", ROUND)
def test_the_gateway_does_what_its_backend_does(sides: tuple[str, Any, Any], check: str) -> None:
    name, directly, through = sides
    bucket = f"round-{check.replace(' ', '-')}"
    at_backend = _tried(check, directly, f"{bucket}-directly")
    at_gateway = _tried(check, through, f"{bucket}-through")
    print(f"\n{name}: {check}: {at_backend or 'yes'}; through the gateway: {at_gateway or 'yes'}")
    assert at_gateway is None or at_backend is not None, at_gateway


def _tried(check: str, s3: Any, bucket: str) -> str | None:
    """What went wrong; None if nothing did."""
    s3.create_bucket(Bucket=bucket)
    try:
        ROUND[check](s3, bucket)
    except (ClientError, HTTPClientError, AssertionError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return None
