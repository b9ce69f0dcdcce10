from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError
from daypass.wire.s3_address import (
    PATH_STYLE,
    Addressing,
    CopySource,
    bucket_of_host,
    encode_path,
    is_bucket_name,
    merged_key,
    read_address,
    read_copy_source,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "s3_routing.json").read_text())
LITERAL = Addressing(keeps_dots=lambda _: True)
DOMAINS = ("s3.example.com", "storage.internal")


def path_style(path: bytes) -> tuple[str | None, str | None]:
    return read_address("127.0.0.1:8420", path)


@pytest.mark.parametrize("row", VECTORS["paths"], ids=lambda row: row["path"] or "empty")
def test_a_path_is_decoded_once_into_bucket_and_key(row: dict[str, str | None]) -> None:
    assert row["path"] is not None
    assert path_style(row["path"].encode()) == (row["bucket"], row["key"])


@pytest.mark.parametrize("row", VECTORS["refused_paths"], ids=lambda row: row["why"])
def test_a_path_that_could_be_read_two_ways_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(ServiceError) as refused:
        path_style(row["path"].encode("latin-1"))
    assert refused.value.code == row["code"]


def test_a_key_of_1024_bytes_is_taken_and_one_of_1025_is_too_long() -> None:
    assert path_style(b"/bucket/" + b"%C3%A4" * 512)[1] == "ä" * 512
    with pytest.raises(ServiceError) as refused:
        path_style(b"/bucket/" + b"%C3%A4" * 512 + b"a")
    assert (refused.value.code, refused.value.details["Size"]) == ("KeyTooLongError", "1025")


# Those that are served: neither with dot segments nor of slashes alone.
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=200).filter(
    lambda key: not {".", ".."} & set(key.split("/")) and key.strip("/") != ""
)


@given(key=KEYS, data=st.data())
def test_the_key_that_the_policy_sees_is_the_key_that_the_backend_gets(key: str, data: st.DataObject) -> None:
    """However a client escapes it: decoding what we send on gives the same key, and sends on the same bytes."""
    escaped = "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() and data.draw(st.booleans()) else f"%{byte:02x}"
        for byte in key.encode()
    )
    bucket, seen = path_style(b"/bucket/" + escaped.encode())
    sent = encode_path(bucket, seen)
    assert seen == key
    assert path_style(sent) == ("bucket", key)
    assert encode_path(*path_style(sent)) == sent


@given(path=st.binary(max_size=60))
def test_any_bytes_are_either_one_key_or_refused(path: bytes) -> None:
    try:
        bucket, key = path_style(b"/bucket/" + path)
    except ServiceError:
        return
    assert path_style(encode_path(bucket, key)) == (bucket, key)


def test_the_slashes_of_a_key_are_not_escaped_and_everything_else_that_can_be_is() -> None:
    key = "a b/c%2Fd//é+~_-.!*'()"
    assert encode_path("bucket", key) == b"/bucket/" + quote(key.encode(), safe="/~_-.").encode()
    assert encode_path("bucket", key) == b"/bucket/a%20b/c%252Fd//%C3%A9%2B~_-.%21%2A%27%28%29"


@pytest.mark.parametrize("name", ["abc", "a.b-c", "1abc", "a" * 63])
def test_a_name_that_s3_would_take_is_a_bucket_name(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Bucket",
        "my_bucket",
        "-abc",
        "abc.",
        "a..b",
        "192.168.5.4",
        "xn--bucket",
        "sthree-bucket",
        "amzn-s3-demo-bucket",
        "bucket-s3alias",
        "bucket--ol-s3",
        "bucket.mrap",
        "bucket--x-s3",
        "bucket\n",
        "bücket",
        "",
    ],
)
def test_a_name_that_s3_would_refuse_is_no_bucket_name(name: str) -> None:
    assert not is_bucket_name(name)


# ---- virtual hosts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("photos.s3.example.com", "photos"),
        ("photos.s3.example.com:8420", "photos"),
        ("PHOTOS.S3.Example.COM.", "photos"),
        ("my.photos.s3.example.com", "my.photos"),
        ("photos.storage.internal", "photos"),
        ("s3.example.com", None),
        ("photos.s3.example.org", None),
        ("photoss3.example.com", None),
        ("s3.example.com.evil.test", None),
        ("", None),
    ],
)
def test_only_a_host_below_a_configured_domain_names_a_bucket(host: str, bucket: str | None) -> None:
    assert bucket_of_host(host, DOMAINS) == bucket


def test_on_a_buckets_own_host_the_whole_path_is_the_key() -> None:
    addressing = Addressing(DOMAINS)
    assert read_address("photos.s3.example.com", b"/a/b%20c", addressing) == ("photos", "a/b c")
    assert read_address("photos.s3.example.com", b"//a", addressing) == ("photos", "/a")
    assert read_address("photos.s3.example.com", b"/", addressing) == ("photos", None)
    assert read_address("s3.example.com", b"/photos/a", addressing) == ("photos", "a")
    assert read_address("photos.s3.example.com", b"/other/a") == ("other", "a"), "no domain is configured"


def test_a_host_that_could_be_no_bucket_is_refused() -> None:
    with pytest.raises(ServiceError) as refused:
        read_address("a_b.s3.example.com", b"/key", Addressing(DOMAINS))
    assert refused.value.code == "InvalidBucketName"


@given(key=KEYS)
def test_a_key_is_the_same_by_either_style(key: str) -> None:
    path = encode_path("bucket", key)
    by_host = read_address("bucket.s3.example.com", path.removeprefix(b"/bucket"), Addressing(DOMAINS))
    assert by_host == path_style(path) == ("bucket", key)


# ---- keys with dots ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a/../b", "..", "./a", "a/.", "%2e%2e/a", "a/%2E./b"])
def test_a_dot_segment_is_kept_only_where_the_backend_keeps_it(key: str) -> None:
    with pytest.raises(ServiceError) as refused:
        path_style(b"/bucket/" + key.encode())
    assert refused.value.code == "InvalidURI"
    _, seen = read_address("", b"/bucket/" + key.encode(), LITERAL)
    assert seen == key.replace("%2e", ".").replace("%2E", ".")
    assert read_address("", encode_path("bucket", seen), LITERAL) == ("bucket", seen)


# ---- copy sources ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "merged"),
    [
        ("a/b/c/", None),
        ("a//b", "a/b"),
        ("a///b//", "a/b/"),
        ("/a", "a"),
        ("//a//b", "a/b"),
    ],
)
def test_a_key_is_read_in_the_other_way_too_unless_the_backend_keeps_it(key: str, merged: str | None) -> None:
    assert merged_key(key, "bucket", PATH_STYLE) == merged
    assert merged_key(key, "bucket", LITERAL) is None
    assert read_copy_source(f"bucket/{key}").merged_key == merged


def test_a_key_of_nothing_but_slashes_could_be_the_bucket() -> None:
    for path in (b"/bucket//", b"/bucket/%2F", b"/bucket///"):
        with pytest.raises(ServiceError) as refused:
            path_style(path)
        assert refused.value.code == "InvalidURI"
    assert read_address("h", b"/bucket//", LITERAL) == ("bucket", "/")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bucket/key", CopySource("bucket", "key", None)),
        ("/bucket/key", CopySource("bucket", "key", None)),
        ("bucket//key", CopySource("bucket", "/key", None)),
        ("bucket%2Fa%2Fb", CopySource("bucket", "a/b", None)),
        ("%2Fbucket%2Fa", CopySource("bucket", "a", None)),
        ("bucket/a+b%2Bc", CopySource("bucket", "a b+c", None)),
        ("bucket/%C3%A9", CopySource("bucket", "é", None)),
        ("bucket/key?versionId=a%2Bb", CopySource("bucket", "key", "a+b")),
        ("bucket/key%3FversionId=x", CopySource("bucket", "key?versionId=x", None)),
        ("bucket/key%253FversionId=x", CopySource("bucket", "key%3FversionId=x", None)),
    ],
)
def test_a_copy_source_is_decoded_once_after_its_version_is_split_off(header: str, expected: CopySource) -> None:
    assert read_copy_source(header) == expected


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "InvalidArgument"),
        ("/", "InvalidArgument"),
        ("bucket", "InvalidArgument"),
        ("bucket/", "InvalidArgument"),
        ("/bucket/", "InvalidArgument"),
        ("//bucket/key", "InvalidArgument"),
        ("Bad_Bucket/key", "InvalidArgument"),
        ("../bucket/key", "InvalidArgument"),
        ("bucket/key?", "InvalidArgument"),
        ("bucket/key?versionId=", "InvalidArgument"),
        ("bucket/key?versionid=1", "InvalidArgument"),
        ("bucket/key?versionId=1&versionId=2", "InvalidArgument"),
        ("bucket/key?acl", "InvalidArgument"),
        ("bucket/a/../b", "InvalidURI"),
        ("bucket/a%2f%2e%2e%2fb", "InvalidURI"),
        ("bucket/%zz", "InvalidURI"),
        ("bucket/%00", "InvalidURI"),
        ("bucket/%0d%0ax-amz-acl:public-read", "InvalidURI"),
        ("bucket/" + "a" * 1025, "KeyTooLongError"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/k", "NotImplemented"),
    ],
)
def test_a_copy_source_that_is_empty_or_could_be_read_two_ways_is_refused(header: str, code: str) -> None:
    """SeaweedFS CVE-2026-55874, Ceph CVE-2024-47866; versitygw split the version off after decoding."""
    with pytest.raises(ServiceError) as refused:
        read_copy_source(header)
    assert refused.value.code == code


@given(key=KEYS, version=st.none() | KEYS)
def test_the_source_that_the_policy_sees_is_the_source_that_the_backend_gets(key: str, version: str | None) -> None:
    source = CopySource("bucket", key, version)
    assert read_copy_source(source.header()) == source


@given(st.one_of(st.text(max_size=30), st.text("abcXYZ019-._~/% +é", max_size=30)))
def test_a_key_is_encoded_alike_whether_or_not_all_of_it_is_plain(key: str) -> None:
    assert encode_path("bucket", key) == f"/bucket/{quote(key, safe='/')}".encode()
