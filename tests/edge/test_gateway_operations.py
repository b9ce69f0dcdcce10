"""Every kind of operation, by an unmodified client, through a real server, on each of the real backends."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support import raw_s3
from support.backends import Backend
from support.server import Daypass, Keys, allow, deny, policy, running

MIB = 1024 * 1024


@pytest.fixture(scope="module", params=["moto_backend", "swift_backend"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def server(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("operations") / "data", backend=backend) as daypass:
        yield daypass


@pytest.fixture(scope="module")
def owner(server: Daypass) -> Any:
    return server.client("s3", server.root)


@pytest.fixture(scope="module")
def bucket(owner: Any, backend: Backend) -> str:
    name = f"operations-{backend.name}"
    owner.create_bucket(Bucket=name)
    return name


def failure(work: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        work(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def without_swift(backend: Backend, what: str) -> None:
    if backend.name == "swift":
        pytest.skip(f"Swift's S3 API has no {what}")


def federate(server: Daypass, name: str, *statements: dict[str, Any]) -> Any:
    user = server.new_user(f"{name}-issuer", allow(["s3:*", "sts:*"], "*"))
    granted = server.client("sts", user).get_federation_token(Name=name, Policy=policy(*statements))
    return server.client("s3", Keys.of(granted["Credentials"]))


# ---- multipart uploads -------------------------------------------------------------------------------------


def test_an_object_is_uploaded_in_parts_listed_and_completed(server: Daypass, owner: Any, bucket: str) -> None:
    upload = owner.create_multipart_upload(Bucket=bucket, Key="parts/é", ContentType="text/x-parts")["UploadId"]
    bodies = [b"1" * (5 * MIB), b"2" * 10]
    parts = [
        {
            "PartNumber": n,
            "ETag": owner.upload_part(Bucket=bucket, Key="parts/é", UploadId=upload, PartNumber=n, Body=body)["ETag"],
        }
        for n, body in enumerate(bodies, 1)
    ]
    listed = owner.list_parts(Bucket=bucket, Key="parts/é", UploadId=upload)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, 5 * MIB), (2, 10)]
    under_way = owner.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(one["Key"], one["UploadId"]) for one in under_way] == [("parts/é", upload)]
    done = owner.complete_multipart_upload(
        Bucket=bucket, Key="parts/é", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert done["Location"] == f"{server.url}/{bucket}/parts/%C3%A9", "its address here, not the backend's"
    answer = owner.get_object(Bucket=bucket, Key="parts/é")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"".join(bodies), "text/x-parts")
    assert "Uploads" not in owner.list_multipart_uploads(Bucket=bucket)


def test_an_object_in_parts_is_not_of_the_type_of_the_document_that_completes_it(owner: Any, bucket: str) -> None:
    named = {"Bucket": bucket, "Key": "parts/of-no-type"}
    upload = owner.create_multipart_upload(**named)["UploadId"]
    etag = owner.upload_part(**named, UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    owner.complete_multipart_upload(**named, UploadId=upload, MultipartUpload=parts)
    assert owner.head_object(**named)["ContentType"] in ("application/octet-stream", "binary/octet-stream")


def test_an_upload_is_ended_without_an_object(owner: Any, bucket: str) -> None:
    upload = owner.create_multipart_upload(Bucket=bucket, Key="aborted")["UploadId"]
    owner.upload_part(Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")
    owner.abort_multipart_upload(Bucket=bucket, Key="aborted", UploadId=upload)
    assert failure(owner.list_parts, Bucket=bucket, Key="aborted", UploadId=upload) == ("NoSuchUpload", 404)
    assert failure(owner.head_object, Bucket=bucket, Key="aborted") == ("404", 404)


def test_parts_in_the_wrong_order_are_refused_in_s3s_words(backend: Backend, owner: Any, bucket: str) -> None:
    if backend.name == "moto":
        pytest.skip("moto takes parts in any order")
    upload = owner.create_multipart_upload(Bucket=bucket, Key="disorder")["UploadId"]
    part = {"UploadId": upload, "Bucket": bucket, "Key": "disorder", "Body": b"x" * (5 * MIB)}
    tags = [owner.upload_part(PartNumber=n, **part)["ETag"] for n in (1, 2)]
    parts = [{"PartNumber": 2, "ETag": tags[1]}, {"PartNumber": 1, "ETag": tags[0]}]
    asked = {"Bucket": bucket, "Key": "disorder", "UploadId": upload}
    refused = failure(owner.complete_multipart_upload, **asked, MultipartUpload={"Parts": parts})
    assert refused == ("InvalidPartOrder", 400)
    owner.abort_multipart_upload(**asked)


def test_an_upload_id_is_no_capability(server: Daypass, owner: Any, bucket: str) -> None:
    """Whoever learns another caller's upload id may do with it what its policies allow on the key, and no more."""
    upload = owner.create_multipart_upload(Bucket=bucket, Key="secret/upload")["UploadId"]
    other = federate(
        server, "uploader", allow(["s3:PutObject", "s3:AbortMultipartUpload"], f"arn:aws:s3:::{bucket}/own/*")
    )
    there = {"Bucket": bucket, "Key": "secret/upload", "UploadId": upload}
    part = {"PartNumber": 1, "ETag": '"0"'}
    denied = ("AccessDenied", 403)
    assert failure(other.upload_part, **there, PartNumber=1, Body=b"mine") == denied
    assert failure(other.complete_multipart_upload, **there, MultipartUpload={"Parts": [part]}) == denied
    assert failure(other.abort_multipart_upload, **there) == denied
    assert failure(other.list_parts, **there) == denied
    assert failure(other.list_multipart_uploads, Bucket=bucket) == denied
    owner.abort_multipart_upload(**there)


def test_an_upload_id_belongs_to_the_key_it_was_made_for(
    backend: Backend, server: Daypass, owner: Any, bucket: str
) -> None:
    """With the id of another key, a caller would write where its policies do not let it."""
    if backend.name == "moto":
        pytest.skip("moto takes an upload's id with any key")
    upload = owner.create_multipart_upload(Bucket=bucket, Key="secret/target")["UploadId"]
    other = federate(server, "key-swapper", allow("s3:*", f"arn:aws:s3:::{bucket}/own/*"))
    here = {"Bucket": bucket, "Key": "own/key", "UploadId": upload}
    missing = ("NoSuchUpload", 404)
    assert failure(other.upload_part, **here, PartNumber=1, Body=b"mine") == missing
    part = {"PartNumber": 1, "ETag": '"0"'}
    assert failure(other.complete_multipart_upload, **here, MultipartUpload={"Parts": [part]}) == missing
    assert failure(other.list_parts, **here) == missing
    assert failure(other.abort_multipart_upload, **here) == missing
    assert "Parts" not in owner.list_parts(Bucket=bucket, Key="secret/target", UploadId=upload)
    owner.abort_multipart_upload(Bucket=bucket, Key="secret/target", UploadId=upload)


# ---- copies ------------------------------------------------------------------------------------------------


def test_a_copy_keeps_or_replaces_what_it_is_told_to(owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="copy/a + b", Body=b"copied", Metadata={"colour": "blue"}, ContentType="a/b")
    owner.copy_object(Bucket=bucket, Key="copy/kept", CopySource={"Bucket": bucket, "Key": "copy/a + b"})
    kept = owner.get_object(Bucket=bucket, Key="copy/kept")
    assert (kept["Body"].read(), kept["Metadata"], kept["ContentType"]) == (b"copied", {"colour": "blue"}, "a/b")
    owner.copy_object(
        Bucket=bucket,
        Key="copy/replaced",
        CopySource=f"/{bucket}/copy/kept",
        MetadataDirective="REPLACE",
        Metadata={"colour": "red"},
    )
    assert owner.head_object(Bucket=bucket, Key="copy/replaced")["Metadata"] == {"colour": "red"}


def test_a_part_is_copied_from_an_object(owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="copy/source", Body=b"0123456789")
    upload = owner.create_multipart_upload(Bucket=bucket, Key="copy/parts")["UploadId"]
    there = {"Bucket": bucket, "Key": "copy/parts", "UploadId": upload}
    copied = owner.upload_part_copy(
        **there, PartNumber=1, CopySource={"Bucket": bucket, "Key": "copy/source"}, CopySourceRange="bytes=2-4"
    )
    part = {"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}
    owner.complete_multipart_upload(**there, MultipartUpload={"Parts": [part]})
    assert owner.get_object(Bucket=bucket, Key="copy/parts")["Body"].read() == b"234"


def test_a_copy_needs_its_source_and_its_destination(server: Daypass, owner: Any, bucket: str) -> None:
    """SeaweedFS CVE-2026-55874, s3proxy: a copy source that nobody authorized."""
    owner.put_object(Bucket=bucket, Key="private/source", Body=b"secret")
    owner.put_object(Bucket=bucket, Key="own/source", Body=b"own")
    here = f"arn:aws:s3:::{bucket}/own/*"
    other = federate(server, "copier", allow(["s3:GetObject", "s3:PutObject"], here))
    assert failure(other.copy_object, Bucket=bucket, Key="own/stolen", CopySource=f"{bucket}/private/source") == (
        "AccessDenied",
        403,
    )
    assert failure(other.copy_object, Bucket=bucket, Key="private/x", CopySource=f"{bucket}/own/source") == (
        "AccessDenied",
        403,
    )
    upload = other.create_multipart_upload(Bucket=bucket, Key="own/parts")["UploadId"]
    part = {"Bucket": bucket, "Key": "own/parts", "UploadId": upload, "PartNumber": 1}
    assert failure(other.upload_part_copy, **part, CopySource=f"{bucket}/private/source") == ("AccessDenied", 403)
    for missing in (f"{bucket}/own/missing", "no-such-bucket/own/k"):
        refused = failure(other.copy_object, Bucket=bucket, Key="own/x", CopySource=missing)
        assert refused == ("AccessDenied", 403), "that it is missing is not told"
    other.copy_object(Bucket=bucket, Key="own/copied", CopySource=f"{bucket}/own/source")
    assert other.get_object(Bucket=bucket, Key="own/copied")["Body"].read() == b"own"
    owner.abort_multipart_upload(Bucket=bucket, Key="own/parts", UploadId=upload)


@pytest.mark.parametrize("source", ["", "/", "shared", "/shared/", "../x/y", "shared/a/../b", "shared/a?versionId="])
def test_an_empty_or_malformed_copy_source_never_reaches_the_backend(server: Daypass, bucket: str, source: str) -> None:
    """Ceph CVE-2024-47866: an empty copy source ended the process."""
    answer = raw_s3.call(server.root, "PUT", f"{server.url}/{bucket}/copy", {"x-amz-copy-source": source}, b"")
    assert answer.code in ("InvalidArgument", "InvalidURI")


def test_a_copys_tags_need_permission_only_if_there_are_any(
    backend: Backend, server: Daypass, owner: Any, bucket: str
) -> None:
    without_swift(backend, "object tags")
    owner.put_object(Bucket=bucket, Key="own/tagged", Body=b"x", Tagging="class=secret")
    owner.put_object(Bucket=bucket, Key="own/plain", Body=b"x")
    plain = ["s3:GetObject", "s3:PutObject"]
    tagging = ["s3:GetObjectTagging", "s3:PutObjectTagging"]
    here = f"arn:aws:s3:::{bucket}/own/*"
    copier = federate(server, "plain-copier", allow(plain, here))
    copier.copy_object(Bucket=bucket, Key="own/copy-1", CopySource=f"{bucket}/own/plain")
    assert failure(copier.copy_object, Bucket=bucket, Key="own/copy-2", CopySource=f"{bucket}/own/tagged") == (
        "AccessDenied",
        403,
    )
    copier.copy_object(Bucket=bucket, Key="own/copy-3", CopySource=f"{bucket}/own/tagged", TaggingDirective="REPLACE")
    assert owner.get_object_tagging(Bucket=bucket, Key="own/copy-3")["TagSet"] == []
    tagger = federate(server, "tag-copier", allow([*plain, *tagging], here))
    tagger.copy_object(Bucket=bucket, Key="own/copy-4", CopySource=f"{bucket}/own/tagged")
    assert owner.get_object_tagging(Bucket=bucket, Key="own/copy-4")["TagSet"] == [{"Key": "class", "Value": "secret"}]


# ---- deletion of several objects ---------------------------------------------------------------------------


def objects(*keys: str, quiet: bool = False) -> dict[str, Any]:
    return {"Objects": [{"Key": key} for key in keys], "Quiet": quiet}


def test_each_object_of_a_deletion_is_decided_by_itself(server: Daypass, owner: Any, bucket: str) -> None:
    for key in ("own/1", "own/2 é&<", "private/1"):
        owner.put_object(Bucket=bucket, Key=key, Body=b"")
    other = federate(server, "deleter", allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/own/*"))
    answer = other.delete_objects(Bucket=bucket, Delete=objects("own/1", "private/1", "own/2 é&<", "own/missing"))
    assert sorted(one["Key"] for one in answer["Deleted"]) == ["own/1", "own/2 é&<", "own/missing"]
    (error,) = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("private/1", "AccessDenied")
    assert "no session policy allows the s3:DeleteObject action" in error["Message"]
    owner.head_object(Bucket=bucket, Key="private/1")
    assert failure(owner.head_object, Bucket=bucket, Key="own/1") == ("404", 404)
    quiet = other.delete_objects(Bucket=bucket, Delete=objects("own/missing", "private/1", quiet=True))
    assert "Deleted" not in quiet
    assert [one["Key"] for one in quiet["Errors"]] == ["private/1"]


def test_a_deletion_that_may_delete_nothing_tells_nothing_of_the_bucket(server: Daypass, bucket: str) -> None:
    nobody = server.client("s3", server.new_user("delete-prober"))
    codes = []
    for name in (bucket, "no-such-bucket-here"):
        answer = nobody.delete_objects(Bucket=name, Delete=objects("a", "b"))
        codes.append([(error["Key"], error["Code"], error["Message"].replace(name, "")) for error in answer["Errors"]])
    assert codes[0] == codes[1]
    assert {code for _, code, _ in codes[0]} == {"AccessDenied"}


def test_a_version_of_a_deletion_needs_the_permission_for_versions(server: Daypass, owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="own/version", Body=b"")
    other = federate(server, "version-deleter", allow("s3:DeleteObject", "*"))
    answer = other.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "own/version", "VersionId": "null"}]})
    assert "s3:DeleteObjectVersion" in answer["Errors"][0]["Message"]
    bypassing = other.delete_objects(Bucket=bucket, Delete=objects("own/version"), BypassGovernanceRetention=True)
    assert "s3:BypassGovernanceRetention" in bypassing["Errors"][0]["Message"]
    owner.head_object(Bucket=bucket, Key="own/version")


BODY_OF_ONE = b"<Delete><Object><Key>own/kept</Key></Object></Delete>"


@pytest.mark.parametrize(
    ("body", "digest", "code"),
    [
        (BODY_OF_ONE, False, "InvalidRequest"),
        (b"", True, "MissingRequestBodyError"),
        (b"<Delete/>", True, "MalformedXML"),
        (b"<Delete><Object/></Delete>", True, "MalformedXML"),
        (b"<Delete><Object><Key/></Object></Delete>", True, "MalformedXML"),
        (b"<Delete><Object><Key>a</Key><Key>own/kept</Key></Object></Delete>", True, "MalformedXML"),
        (b"<Delete><Object><Key>a<b>own/kept</b></Key></Object></Delete>", True, "MalformedXML"),
        (b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>", True, "MalformedXML"),
        (b'<!DOCTYPE d [<!ENTITY k "own/kept">]>' + BODY_OF_ONE.replace(b"own/kept", b"&k;"), True, "MalformedXML"),
        (b'<Delete><Object a="b"><Key>own/kept</Key></Object></Delete>', True, "MalformedXML"),
        (BODY_OF_ONE.replace(b"Delete", b"Erase"), True, "MalformedXML"),
        (b"<Delete>" + b" " * 2_097_152 + b"</Delete>", True, "EntityTooLarge"),
    ],
    ids=[
        "no digest",
        "empty",
        "none",
        "no key",
        "empty key",
        "two keys",
        "nested",
        "1001",
        "dtd",
        "attribute",
        "other",
        "2 MB",
    ],
)
def test_a_deletion_that_could_be_read_two_ways_deletes_nothing(
    server: Daypass, owner: Any, bucket: str, body: bytes, digest: bool, code: str
) -> None:
    owner.put_object(Bucket=bucket, Key="own/kept", Body=b"")
    md5 = hashlib.md5(body, usedforsecurity=False).digest()
    headers = {"Content-MD5": base64.b64encode(md5).decode()} if digest else {}
    answer = raw_s3.call(server.root, "POST", f"{server.url}/{bucket}?delete", headers, body)
    assert answer.code == code
    owner.head_object(Bucket=bucket, Key="own/kept")


def test_a_key_of_a_deletion_that_may_not_be_served_fails_alone(server: Daypass, owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="own/fine", Body=b"")
    answer = owner.delete_objects(Bucket=bucket, Delete=objects("own/../private", "own/fine", "k" * 1025))
    assert [one["Key"] for one in answer["Deleted"]] == ["own/fine"]
    assert [error["Code"] for error in answer["Errors"]] == ["InvalidURI", "KeyTooLongError"]


# ---- listings ----------------------------------------------------------------------------------------------


def test_the_older_listing_is_paged_and_names_the_buckets_owner(server: Daypass, owner: Any, backend: Backend) -> None:
    name = f"listing-{backend.name}"
    owner.create_bucket(Bucket=name)
    for key in ("a/1", "a/2", "b"):
        owner.put_object(Bucket=name, Key=key, Body=b"")
    first = owner.list_objects(Bucket=name, MaxKeys=2)
    assert [entry["Key"] for entry in first["Contents"]] == ["a/1", "a/2"]
    rest = owner.list_objects(Bucket=name, Marker="a/2")
    assert [entry["Key"] for entry in rest["Contents"]] == ["b"]
    assert owner.list_objects(Bucket=name, Delimiter="/")["CommonPrefixes"] == [{"Prefix": "a/"}]
    account = owner.list_buckets()["Owner"]["ID"]
    owners = [entry["Owner"]["ID"] for entry in first["Contents"]]
    owners += [entry["Owner"]["ID"] for entry in owner.list_objects_v2(Bucket=name, FetchOwner=True)["Contents"]]
    assert set(owners) == {account}, "the gateway's own key at the backend is not told"
    assert backend.access_key_id.encode() not in raw_s3.call(server.root, "GET", f"{server.url}/{name}").body


def test_each_listing_is_held_to_its_prefix(server: Daypass, owner: Any, bucket: str) -> None:
    lister = federate(
        server,
        "lister",
        allow(
            ["s3:ListBucket", "s3:ListBucketVersions"],
            f"arn:aws:s3:::{bucket}",
            Condition={"StringLike": {"s3:prefix": "own/*"}},
        ),
    )
    for listing in (lister.list_objects, lister.list_objects_v2, lister.list_object_versions):
        listing(Bucket=bucket, Prefix="own/")
        assert failure(listing, Bucket=bucket) == ("AccessDenied", 403)
        assert failure(listing, Bucket=bucket, Prefix="private/") == ("AccessDenied", 403)
    assert failure(lister.list_multipart_uploads, Bucket=bucket, Prefix="own/") == ("AccessDenied", 403)


# ---- versions ----------------------------------------------------------------------------------------------


def test_versions_are_kept_listed_read_and_deleted(server: Daypass, owner: Any, backend: Backend) -> None:
    name = f"versions-{backend.name}"
    owner.create_bucket(Bucket=name)
    owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert owner.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    first = owner.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    second = owner.put_object(Bucket=name, Key="k", Body=b"2")["VersionId"]
    assert first != second
    listed = owner.list_object_versions(Bucket=name)
    assert {entry["VersionId"] for entry in listed["Versions"]} == {first, second}
    assert {entry["Owner"]["ID"] for entry in listed["Versions"]} == {owner.list_buckets()["Owner"]["ID"]}
    current = federate(server, "current-reader", allow(["s3:GetObject", "s3:DeleteObject"], "*"))
    assert current.get_object(Bucket=name, Key="k")["Body"].read() == b"2"
    assert failure(current.get_object, Bucket=name, Key="k", VersionId=first) == ("AccessDenied", 403)
    assert owner.get_object(Bucket=name, Key="k", VersionId=first)["Body"].read() == b"1"
    if backend.name != "swift":  # which cannot name the version of a copy's source
        owner.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "k", "VersionId": first})
        assert owner.get_object(Bucket=name, Key="copy")["Body"].read() == b"1"
        older = {"Bucket": name, "Key": "k", "VersionId": first}
        copier = federate(server, "current-copier", allow(["s3:GetObject", "s3:PutObject"], "*"))
        assert failure(copier.copy_object, Bucket=name, Key="x", CopySource=older) == ("AccessDenied", 403)
    current.delete_object(Bucket=name, Key="k")
    assert failure(owner.get_object, Bucket=name, Key="k") == ("NoSuchKey", 404)
    assert failure(current.delete_object, Bucket=name, Key="k", VersionId=first) == ("AccessDenied", 403)
    owner.delete_object(Bucket=name, Key="k", VersionId=second)


# ---- tags, retention, legal holds, attributes --------------------------------------------------------------


def test_an_objects_tags_are_written_read_and_decided_about(
    backend: Backend, server: Daypass, owner: Any, bucket: str
) -> None:
    without_swift(backend, "object tags")
    owner.put_object(Bucket=bucket, Key="own/tags", Body=b"")
    tags = [{"Key": "Team", "Value": "red blue"}]
    owner.put_object_tagging(Bucket=bucket, Key="own/tags", Tagging={"TagSet": tags})
    assert owner.get_object_tagging(Bucket=bucket, Key="own/tags")["TagSet"] == tags
    only_red = {"StringEquals": {"s3:RequestObjectTag/team": "red"}}
    tagger = federate(server, "tagger", allow("s3:PutObjectTagging", "*", Condition=only_red))
    asked = {"Bucket": bucket, "Key": "own/tags"}
    tagger.put_object_tagging(**asked, Tagging={"TagSet": [{"Key": "Team", "Value": "red"}]})
    blue = {"TagSet": [{"Key": "Team", "Value": "blue"}]}
    assert failure(tagger.put_object_tagging, **asked, Tagging=blue) == ("AccessDenied", 403)
    held = {"StringEquals": {"s3:ExistingObjectTag/Team": "red"}}
    keeper = federate(server, "keeper", allow("s3:*", "*"), deny("s3:DeleteObjectTagging", "*", Condition=held))
    assert failure(keeper.delete_object_tagging, **asked) == ("AccessDenied", 403)
    owner.delete_object_tagging(**asked)
    assert owner.get_object_tagging(**asked)["TagSet"] == []
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}
    assert failure(owner.put_object_tagging, **asked, Tagging=twice) == ("InvalidTag", 400)


def test_attributes_need_both_permissions(backend: Backend, server: Daypass, owner: Any, bucket: str) -> None:
    without_swift(backend, "GetObjectAttributes")
    owner.put_object(Bucket=bucket, Key="own/attributes", Body=b"four")
    asked = {"Bucket": bucket, "Key": "own/attributes", "ObjectAttributes": ["ObjectSize", "ETag"]}
    assert owner.get_object_attributes(**asked)["ObjectSize"] == 4
    half = federate(server, "half-reader", allow("s3:GetObject", "*"))
    assert failure(half.get_object_attributes, **asked) == ("AccessDenied", 403)
    whole = federate(server, "whole-reader", allow(["s3:GetObject", "s3:GetObjectAttributes"], "*"))
    assert whole.get_object_attributes(**asked)["ObjectSize"] == 4


def test_what_is_held_is_held_and_a_bypass_needs_its_permission(backend: Backend, server: Daypass, owner: Any) -> None:
    """MinIO CVE-2023-25812: a Deny of the governance bypass was not asked."""
    without_swift(backend, "object lock")
    name = "locked-objects"
    owner.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert owner.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    short = {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "1"}}
    clerk = federate(server, "clerk", allow("s3:*", "*"), deny("s3:BypassGovernanceRetention", "*"))
    brief = federate(
        server,
        "brief",
        allow("s3:PutObject", "*"),
        allow(["s3:PutObjectRetention"], "*", Condition=short),
    )
    held = {"Bucket": name, "Key": "k", "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    assert failure(brief.put_object, **held, Body=b"x") == ("AccessDenied", 403)
    version = clerk.put_object(**held, Body=b"x")["VersionId"]
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    assert failure(brief.put_object_retention, Bucket=name, Key="k", Retention=retention) == ("AccessDenied", 403)
    asked = {"Bucket": name, "Key": "k", "VersionId": version}
    assert failure(owner.delete_object, **asked) == ("AccessDenied", 403)
    assert failure(clerk.delete_object, **asked, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    refused = clerk.delete_objects(
        Bucket=name, Delete={"Objects": [{"Key": "k", "VersionId": version}]}, BypassGovernanceRetention=True
    )
    assert "s3:BypassGovernanceRetention" in refused["Errors"][0]["Message"]
    owner.put_object_legal_hold(Bucket=name, Key="k", LegalHold={"Status": "ON"})
    assert owner.get_object_legal_hold(Bucket=name, Key="k")["LegalHold"]["Status"] == "ON"
    owner.put_object_legal_hold(Bucket=name, Key="k", LegalHold={"Status": "OFF"})
    owner.delete_object(**asked, BypassGovernanceRetention=True)


# ---- configurations that the backend keeps -----------------------------------------------------------------

RULE = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
CONFIGURATIONS = [
    ("lifecycle_configuration", "LifecycleConfiguration", {"Rules": [RULE]}, "s3:PutLifecycleConfiguration"),
    ("encryption", "ServerSideEncryptionConfiguration", ENCRYPTION, "s3:PutEncryptionConfiguration"),
    ("tagging", "Tagging", {"TagSet": [{"Key": "a", "Value": "b"}]}, "s3:PutBucketTagging"),
    ("website", "WebsiteConfiguration", {"IndexDocument": {"Suffix": "i"}}, "s3:PutBucketWebsite"),
    ("accelerate_configuration", "AccelerateConfiguration", {"Status": "Enabled"}, "s3:PutAccelerateConfiguration"),
    ("notification_configuration", "NotificationConfiguration", {}, "s3:PutBucketNotification"),
    ("versioning", "VersioningConfiguration", {"Status": "Suspended"}, "s3:PutBucketVersioning"),
]


def test_a_sub_resource_that_the_backend_does_not_know_is_not_written_under_its_name(
    backend: Backend, server: Daypass, owner: Any
) -> None:
    """Swift takes `DELETE /bucket?encryption` for the bucket's deletion, and `PUT /bucket/key?retention` for an upload:
    whoever may do the one may not therefore do the other."""
    name = f"unknown-{backend.name}"
    owner.create_bucket(Bucket=name)
    owner.put_object(Bucket=name, Key="k", Body=b"kept")
    refused = ("NotImplemented", 501)
    until = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=1)}
    retaining = federate(server, f"retaining-{backend.name}", allow("s3:PutObjectRetention", "*"))
    assert failure(retaining.put_object_retention, Bucket=name, Key="k", Retention=until) == refused
    missing = ("AccessDenied", 403)
    assert failure(retaining.put_object_retention, Bucket=name, Key="none", Retention=until) == missing
    assert owner.get_object(Bucket=name, Key="k")["Body"].read() == b"kept"
    assert failure(owner.head_object, Bucket=name, Key="none") == ("404", 404)
    owner.delete_object(Bucket=name, Key="k")
    configuring = federate(server, f"configuring-{backend.name}", allow("s3:Put*Configuration", "*"))
    unknown = configuring.delete_bucket_metrics_configuration
    assert failure(unknown, Bucket=name, Id="m") == refused
    if backend.name == "swift":
        assert failure(configuring.delete_bucket_encryption, Bucket=name) == refused
        assert failure(configuring.delete_bucket_lifecycle, Bucket=name) == refused
    owner.head_bucket(Bucket=name)


def test_an_answer_to_something_else_is_not_passed_on(backend: Backend, server: Daypass, owner: Any) -> None:
    """moto passes over sub-resources that it does not know, and answers with the bucket's listing or the object."""
    without_swift(backend, "bucket configurations")
    owner.create_bucket(Bucket="not-to-be-listed")
    owner.put_object(Bucket="not-to-be-listed", Key="secret-name", Body=b"secret")
    clerk = federate(server, "listing-clerk", allow(["s3:GetBucket*", "s3:GetMetricsConfiguration"], "*"))
    for asked in (clerk.get_bucket_request_payment, clerk.list_bucket_metrics_configurations):
        assert failure(asked, Bucket="not-to-be-listed") == ("NotImplemented", 501)


@pytest.mark.parametrize("row", CONFIGURATIONS, ids=lambda row: row[0])
def test_a_configuration_is_the_backends_to_keep_and_the_policys_to_guard(
    backend: Backend, server: Daypass, owner: Any, bucket: str, row: tuple[str, str, Any, str]
) -> None:
    without_swift(backend, "bucket configurations")
    name, member, value, action = row
    nobody = federate(server, f"no-{name[:8]}", allow("s3:*", "*"), deny(action, "*"))
    put = f"put_bucket_{name}"
    with pytest.raises(ClientError, match=action):
        getattr(nobody, put)(Bucket=bucket, **{member: value})
    getattr(owner, put)(Bucket=bucket, **{member: value})
    kept = getattr(owner, f"get_bucket_{name}")(Bucket=bucket)
    for key, expected in value.items():
        found = kept.get(member, kept)[key]
        assert found == expected or found[0].items() >= expected[0].items()


def test_a_bucket_that_a_configuration_writes_to_must_be_the_callers_to_give_away(
    backend: Backend, server: Daypass, owner: Any, bucket: str
) -> None:
    """The backend would write there in the gateway's own name."""
    without_swift(backend, "bucket logging")
    owner.create_bucket(Bucket="log-target")

    def logging_to(target: str) -> dict[str, Any]:
        return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "x/"}}

    logger = federate(server, "logger", allow("s3:PutBucketLogging", "*"))
    asked = {"Bucket": bucket}
    assert failure(logger.put_bucket_logging, **asked, BucketLoggingStatus=logging_to("log-target")) == (
        "AccessDenied",
        403,
    )
    unknown = failure(owner.put_bucket_logging, **asked, BucketLoggingStatus=logging_to("somebody-elses"))
    assert unknown == ("InvalidRequest", 400)
    granted = {"Grantee": {"Type": "CanonicalUser", "ID": "x"}, "Permission": "READ"}
    with_grants = {"LoggingEnabled": {**logging_to("log-target")["LoggingEnabled"], "TargetGrants": [granted]}}
    assert failure(owner.put_bucket_logging, **asked, BucketLoggingStatus=with_grants)[1] == 400
    role = f"arn:aws:iam::{server.account_id}:role/replicator"
    rule = {"ID": "r", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::log-target"}}
    replication = {"Role": role, "Rules": [rule]}
    replicator = federate(server, "replicator", allow("s3:*", "*"))
    with pytest.raises(ClientError, match="iam:PassRole"):
        replicator.put_bucket_replication(**asked, ReplicationConfiguration=replication)


# ---- one prefix and no more --------------------------------------------------------------------------------


def test_credentials_for_one_prefix_do_all_they_may_there_and_nothing_elsewhere(
    backend: Backend, server: Daypass, owner: Any, bucket: str
) -> None:
    owner.put_object(Bucket=bucket, Key="other/k", Body=b"other")
    whole = f"arn:aws:s3:::{bucket}"
    mine = federate(
        server,
        "prefix-user",
        allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], f"{whole}/mine/*"),
        allow("s3:ListBucket", whole, Condition={"StringLike": {"s3:prefix": "mine/*"}}),
    )
    body = bytes(range(256)) * 4096 * 9  # 9 MiB: the transfer manager sends it in parts
    mine.upload_fileobj(io.BytesIO(body), bucket, "mine/large")
    got = io.BytesIO()
    mine.download_fileobj(bucket, "mine/large", got)
    assert got.getvalue() == body
    mine.copy_object(Bucket=bucket, Key="mine/copy", CopySource=f"{bucket}/mine/large")
    assert [entry["Key"] for entry in mine.list_objects_v2(Bucket=bucket, Prefix="mine/")["Contents"]] == [
        "mine/copy",
        "mine/large",
    ]
    denied = ("AccessDenied", 403)
    for refused, parameters in (
        (mine.get_object, {"Key": "other/k"}),
        (mine.put_object, {"Key": "other/k", "Body": b""}),
        (mine.put_object, {"Key": "mine", "Body": b""}),
        (mine.delete_object, {"Key": "other/k"}),
        (mine.copy_object, {"Key": "mine/stolen", "CopySource": f"{bucket}/other/k"}),
        (mine.create_multipart_upload, {"Key": "other/k"}),
        (mine.list_objects_v2, {"Prefix": "other/"}),
        (mine.list_objects_v2, {}),
        (mine.list_object_versions, {"Prefix": "mine/"}),
        (mine.list_multipart_uploads, {}),
        (mine.get_object_tagging, {"Key": "mine/large"}),
        (mine.get_bucket_versioning, {}),
        (mine.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Enabled"}}),
        (mine.delete_bucket, {}),
        (mine.put_bucket_policy, {"Policy": policy({**allow("s3:*", f"{whole}/*"), "Principal": "*"})}),
    ):
        assert failure(refused, Bucket=bucket, **parameters) == denied, (refused, parameters)
    answer = mine.delete_objects(Bucket=bucket, Delete=objects("mine/large", "mine/copy", "other/k"))
    assert [error["Key"] for error in answer["Errors"]] == ["other/k"]
    assert owner.get_object(Bucket=bucket, Key="other/k")["Body"].read() == b"other"
