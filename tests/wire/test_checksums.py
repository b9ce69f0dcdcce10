from __future__ import annotations

import base64

import pytest

from daypass.errors import ServiceError
from daypass.wire.checksums import NAMES, read_checksums

# "123456789", the check value of every CRC's catalogue entry; the hashes by coreutils and xxhsum.
CHECKED = b"123456789"
VALUES = {
    "content-md5": "25f9e794323b453885f5181f1b624d0b",
    "x-amz-checksum-crc32": "cbf43926",  # CRC RevEng, CRC-32/ISO-HDLC
    "x-amz-checksum-crc32c": "e3069283",  # CRC RevEng, CRC-32/ISCSI
    "x-amz-checksum-crc64nvme": "ae8b14860a799888",  # CRC RevEng, CRC-64/NVME
    "x-amz-checksum-md5": "25f9e794323b453885f5181f1b624d0b",
    "x-amz-checksum-sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "x-amz-checksum-sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "x-amz-checksum-sha512": (
        "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a"
        "d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85"
    ),
    "x-amz-checksum-xxhash64": "8cb841db40e6ae83",
}
# Of no bytes at all; xxHash's own test vectors, seed 0.
EMPTY_VALUES = {
    "x-amz-checksum-xxhash64": "ef46db3751d8e999",
    "x-amz-checksum-xxhash3": "2d06800538d394c2",
    "x-amz-checksum-xxhash128": "99aa06d3014798d86001c324468d497f",
}


def text(name: str) -> str:
    return base64.b64encode(bytes.fromhex(VALUES[name])).decode()


KNOWN = sorted(VALUES)


def check(headers: dict[str, str], body: bytes = CHECKED, trailers: dict[str, str] | None = None) -> None:
    checksums = read_checksums(headers)
    checksums.update(body)
    checksums.verify(trailers or {})


def refusal(headers: dict[str, str], body: bytes = CHECKED, trailers: dict[str, str] | None = None) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        check(headers, body, trailers)
    return caught.value.code, str(caught.value.message)


def test_every_algorithm_is_named_here() -> None:
    assert VALUES.keys() | EMPTY_VALUES.keys() == NAMES


@pytest.mark.parametrize("name", sorted(EMPTY_VALUES))
def test_an_empty_body_has_its_checksum_too(name: str) -> None:
    check({name: base64.b64encode(bytes.fromhex(EMPTY_VALUES[name])).decode()}, b"")


@pytest.mark.parametrize("name", KNOWN)
def test_a_body_of_the_declared_checksum_passes_in_whatever_pieces(name: str) -> None:
    checksums = read_checksums({name: text(name)})
    for place in range(len(CHECKED)):
        checksums.update(CHECKED[place : place + 1])
    checksums.verify({})


@pytest.mark.parametrize("name", KNOWN)
def test_a_body_of_another_checksum_is_refused(name: str) -> None:
    assert refusal({name: text(name)}, CHECKED + b"0")[0] == "BadDigest"


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "content-md5"])
def test_a_checksum_can_come_after_the_body(name: str) -> None:
    checksums = read_checksums({"x-amz-trailer": name.upper()})
    checksums.update(CHECKED)
    checksums.verify({name: text(name)})
    assert refusal({"x-amz-trailer": name}, b"else", {name: text(name)})[0] == "BadDigest"


def test_s3_words_a_mismatch_like_this() -> None:
    assert refusal({"x-amz-checksum-crc32": "AAAAAA=="}) == (
        "BadDigest",
        "The CRC32 you specified did not match the calculated checksum.",
    )
    assert refusal({"content-md5": text("content-md5")}, b"") == (
        "BadDigest",
        "The Content-MD5 you specified did not match what we received.",
    )


@pytest.mark.parametrize("value", ["", "AAAA", "AAAAAAAA", "!!!!!!==", "AAAAA==="])
def test_what_is_no_checksum_of_that_kind_is_refused_before_any_byte(value: str) -> None:
    assert refusal({"x-amz-checksum-crc32": value}) == (
        "InvalidRequest",
        "Value for x-amz-checksum-crc32 header is invalid.",
    )
    assert refusal({"content-md5": value})[0] == "InvalidDigest"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-trailer": "x-amz-checksum-crc32"},
        {"x-amz-trailer": "x-amz-checksum-crc32, x-amz-checksum-sha1"},
        {"x-amz-trailer": "x-amz-meta-colour"},
        {"x-amz-trailer": "content-md5"},
        {"x-amz-trailer": ""},
        {"x-amz-sdk-checksum-algorithm": "CRC32"},
        {"x-amz-sdk-checksum-algorithm": "CRC16", "x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": "AAAAAA=="},
    ],
    ids=str,
)
def test_a_declaration_that_cannot_be_held_to_is_refused(headers: dict[str, str]) -> None:
    assert refusal(headers, b"")[0] == "InvalidRequest"


@pytest.mark.parametrize(
    "trailers",
    [{}, {"x-amz-checksum-sha1": "AAAA"}, {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-meta-a": "b"}],
    ids=str,
)
def test_the_trailers_are_those_that_were_announced_and_no_others(trailers: dict[str, str]) -> None:
    assert refusal({"x-amz-trailer": "x-amz-checksum-crc32"}, b"", trailers)[0] == "MalformedTrailerError"


def test_a_trailer_that_is_no_checksum_is_refused() -> None:
    announced = {"x-amz-trailer": "x-amz-checksum-crc32"}
    assert refusal(announced, b"", {"x-amz-checksum-crc32": "AAAA"})[0] == "InvalidRequest"


def test_nothing_declared_is_nothing_to_hash() -> None:
    checksums = read_checksums({})
    assert checksums.hashes_nothing
    checksums.update(CHECKED)
    checksums.verify({})
