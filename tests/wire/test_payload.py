from __future__ import annotations

import pytest

from daypass.errors import ServiceError
from daypass.wire import sigv4
from daypass.wire.http import Headers
from daypass.wire.payload import BodyMode, Payload, read_payload, without_chunking
from daypass.wire.sigv4 import Claim
from support.signing import Credentials, header_signed, query_signed, raw_request
from support.values import replace

KEY = Credentials("AKIAIOSFODNN7EXAMPLE", "secret")
CHUNKED = [mode for mode in BodyMode if mode.is_chunked]


def claimed(declared: str | None, location: str = "header") -> Claim:
    request = header_signed(KEY, "s3") if location == "header" else query_signed(KEY, "s3")
    claim = sigv4.read_claim(request)
    assert claim is not None
    return replace(claim, declared_payload_hash=declared)


def read(declared: str | None, *headers: tuple[str, str], location: str | None = "header") -> Payload:
    sent: Headers = tuple((name.encode(), value.encode()) for name, value in headers)
    if location is None and declared is not None:
        sent = (*sent, (b"x-amz-content-sha256", declared.encode()))
    request = raw_request("PUT", b"/bucket/key", b"", sent, b"")
    return read_payload(request, None if location is None else claimed(declared, location))


def refusal(declared: str | None, *headers: tuple[str, str], location: str | None = "header") -> str:
    with pytest.raises(ServiceError) as caught:
        read(declared, *headers, location=location)
    return caught.value.code


LENGTH = ("content-length", "7")
DECODED = ("x-amz-decoded-content-length", "5")


def test_a_hash_is_a_hash_in_either_case() -> None:
    for declared in ("a" * 64, "A" * 64):
        assert read(declared, LENGTH) == Payload(BodyMode.HASHED, declared, 7)


@pytest.mark.parametrize("mode", CHUNKED, ids=lambda mode: mode.name)
def test_a_body_in_chunks_has_the_length_of_its_object(mode: BodyMode) -> None:
    assert read(mode.value, LENGTH, DECODED) == Payload(mode, mode.value, 5)
    assert read(mode.value, ("transfer-encoding", "chunked"), DECODED) == Payload(mode, mode.value, 5)


def test_nothing_declared_in_a_query_or_by_nobody_is_an_unsigned_body() -> None:
    for location in ("query", None):
        assert read(None, LENGTH, location=location) == Payload(BodyMode.UNSIGNED, "UNSIGNED-PAYLOAD", 7)


@pytest.mark.parametrize("mode", CHUNKED, ids=lambda mode: mode.name)
def test_a_presigned_request_has_no_body_in_chunks(mode: BodyMode) -> None:
    """MinIO CVE-2026-41145: a credential in the query, and a body whose signature was looked for in a header."""
    assert refusal(mode.value, LENGTH, DECODED, location="query") == "InvalidRequest"


def test_nobody_signs_no_chunks() -> None:
    signed = [mode for mode in CHUNKED if mode.signs_chunks]
    assert [refusal(mode.value, LENGTH, DECODED, location=None) for mode in signed] == ["InvalidRequest"] * len(signed)
    mode = BodyMode.UNSIGNED_CHUNKS_AND_TRAILERS
    assert read(mode.value, LENGTH, DECODED, location=None) == Payload(mode, mode.value, 5)


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ("", "InvalidArgument"),
        ("a" * 63, "InvalidArgument"),
        ("a SHA-256", "InvalidArgument"),
        ("unsigned-payload", "InvalidArgument"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "NotImplemented"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", "NotImplemented"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILERS", "NotImplemented"),
    ],
)
def test_a_mode_that_is_not_known_is_refused(declared: str, code: str) -> None:
    assert refusal(declared, LENGTH, DECODED) == code


@pytest.mark.parametrize("length", [None, "", "-1", "+5", "5x", "٥", "9" * 20])
def test_chunks_without_the_length_of_their_object_are_refused(length: str | None) -> None:
    headers = () if length is None else ((DECODED[0], length.encode().decode("latin-1")),)
    assert refusal(BodyMode.SIGNED_CHUNKS.value, LENGTH, *headers) == "MissingContentLength"


def test_two_lengths_of_one_object_are_refused() -> None:
    assert refusal(BodyMode.SIGNED_CHUNKS.value, LENGTH, DECODED, DECODED) == "MissingContentLength"


@pytest.mark.parametrize(
    "header", [("content-encoding", "gzip, AWS-chunked"), ("x-amz-trailer", "x-amz-checksum-crc32"), DECODED]
)
def test_what_only_chunks_have_is_refused_beside_a_plain_body(header: tuple[str, str]) -> None:
    assert refusal("a" * 64, LENGTH, header) == "InvalidRequest"


def test_a_trailer_in_a_mode_without_them_is_refused() -> None:
    trailer = ("x-amz-trailer", "x-amz-checksum-crc32")
    assert refusal(BodyMode.SIGNED_CHUNKS.value, LENGTH, DECODED, trailer) == "InvalidRequest"


def test_how_a_body_travelled_is_no_encoding_of_the_object() -> None:
    assert [without_chunking(text) for text in ("aws-chunked", "gzip , aws-chunked", "AWS-Chunked,br,gzip", "")] == [
        "",
        "gzip",
        "br,gzip",
        "",
    ]
