"""aws-chunked bodies against AWS's published examples, in any cut, and with every byte of them wrong once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.wire.chunked import ChunkedBody, ChunkSignatures
from daypass.wire.sigv4 import signing_key
from support.aws_chunked import Seed, encode, split

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors/aws_chunked.json").read_text(encoding="utf-8")
)
SEED = Seed("secret", "20260101T120000Z", "us-east-1", "5eed" * 16)
CHECKSUM = {"x-amz-checksum-crc32": "AAAAAA=="}
BODY = bytes(range(256)) * 80  # 20,480 bytes


def signatures(seed: Seed = SEED) -> ChunkSignatures:
    key = signing_key(Secret(seed.secret), seed.amz_date[:8], seed.region, "s3")
    return ChunkSignatures(key, seed.amz_date, seed.signature)


def reader(length: int, *, signed: bool = True, trailers: bool = False) -> ChunkedBody:
    return ChunkedBody(length, signatures=signatures() if signed else None, has_trailers=trailers)


def decode(body: ChunkedBody, *parts: bytes) -> tuple[bytes, Mapping[str, str]]:
    decoded = b"".join(piece for part in parts for piece in body.feed(part))
    return decoded, body.finish()


def refusal(body: ChunkedBody, *parts: bytes) -> str:
    with pytest.raises(ServiceError) as caught:
        decode(body, *parts)
    return caught.value.code


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_signatures_are_those_that_aws_publishes(vector: dict[str, Any]) -> None:
    key = signing_key(Secret(vector["secret_access_key"]), vector["amz_date"][:8], vector["region"], "s3")
    chain = ChunkSignatures(key, vector["amz_date"], vector["seed_signature"])
    encoded = b""
    for size, signature in zip(vector["chunks"], vector["signatures"], strict=True):
        encoded += f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size + (b"\r\n" if size else b"")
    for name, value in vector["trailers"].items():
        encoded += f"{name}:{value}\n\r\n".encode()
    if vector["trailer_signature"]:
        encoded += f"x-amz-trailer-signature:{vector['trailer_signature']}\r\n".encode()
    body = ChunkedBody(sum(vector["chunks"]), signatures=chain, has_trailers=bool(vector["trailers"]))
    assert decode(body, encoded + b"\r\n") == (b"a" * sum(vector["chunks"]), vector["trailers"])


@pytest.mark.parametrize("length", [0, 1, 8_192, 20_480])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("trailers", [None, CHECKSUM])
def test_what_was_encoded_is_decoded(length: int, signed: bool, trailers: dict[str, str] | None) -> None:
    encoded = encode(split(BODY[:length], 8_192), seed=SEED if signed else None, trailers=trailers)
    body = reader(length, signed=signed, trailers=trailers is not None)
    assert decode(body, encoded) == (BODY[:length], trailers or {})


@given(cuts=st.lists(st.integers(0, 21_000), max_size=12))
def test_it_does_not_matter_where_the_network_cuts(cuts: list[int]) -> None:
    encoded = encode(split(BODY, 8_192), seed=SEED, trailers=CHECKSUM)
    places = [0, *sorted(cuts), len(encoded)]
    parts = [encoded[start:end] for start, end in pairwise(places)]
    assert decode(reader(len(BODY), trailers=True), *parts) == (BODY, CHECKSUM)


def test_a_body_that_comes_byte_by_byte_is_the_same() -> None:
    encoded = encode(split(BODY[:100]), seed=SEED, trailers=CHECKSUM)
    parts = [encoded[n : n + 1] for n in range(len(encoded))]
    assert decode(reader(100, trailers=True), *parts) == (BODY[:100], CHECKSUM)


def test_every_byte_of_a_signed_body_counts() -> None:
    encoded = encode([BODY[:40], b""], seed=SEED, trailers=CHECKSUM)
    for place in range(len(encoded)):
        changed = encoded[:place] + bytes([encoded[place] ^ 1]) + encoded[place + 1 :]
        codes = {"IncompleteBody", "InvalidChunkSizeError", "MalformedTrailerError", "SignatureDoesNotMatch"}
        assert refusal(reader(40, trailers=True), changed) in codes, place


def test_every_end_but_the_right_one_is_too_early() -> None:
    encoded = encode([BODY[:40], b""], seed=SEED, trailers=CHECKSUM)
    for end in range(len(encoded)):
        assert refusal(reader(40, trailers=True), encoded[:end]) == "IncompleteBody", end


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(b"5\r\nhello\r\n0\r\n\r\nmore", "IncompleteBody", id="bytes after the end"),
        pytest.param(b"5\r\nhello\r\n0\r\n\r\n\r\n", "IncompleteBody", id="one line more after the end"),
        pytest.param(b"4\r\nhell\r\n0\r\n\r\n", "IncompleteBody", id="less than promised"),
        pytest.param(b"6\r\nhello!\r\n0\r\n\r\n", "IncompleteBody", id="more than promised"),
        pytest.param(b"ffffffffffffffff\r\nhello", "IncompleteBody", id="far more than promised"),
        pytest.param(b"fffffffffffffffff\r\nhello", "IncompleteBody", id="a size of 17 digits"),
        pytest.param(b"-5\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="a negative size"),
        pytest.param(b"+5\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="a size with a sign"),
        pytest.param(b"0x5\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="a size with a prefix"),
        pytest.param(b" 5\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="a size with a space"),
        pytest.param(b"\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="no size"),
        pytest.param(b"5\nhello\n0\n\n", "IncompleteBody", id="bare line feeds"),
        pytest.param(b"5hello\r\n0\r\n\r\n", "IncompleteBody", id="no line end after the size"),
        pytest.param(b"5\r\nhello0\r\n\r\n", "IncompleteBody", id="no line end after the data"),
        pytest.param(b"5;name=value\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="an extension"),
        pytest.param(
            b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="an unasked signature"
        ),
        pytest.param(b"5" + b" " * 600 + b"\r\nhello\r\n0\r\n\r\n", "IncompleteBody", id="a header of 601 bytes"),
        pytest.param(b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "InvalidChunkSizeError", id="a small chunk before the last"),
    ],
)
def test_a_body_that_is_framed_wrongly_is_refused(sent: bytes, code: str) -> None:
    assert refusal(reader(5, signed=False), sent) == code


@pytest.mark.parametrize(
    "trailers",
    [
        pytest.param(b"no colon\r\n", id="no colon"),
        pytest.param(b"x-amz-checksum-crc32:\r\n", id="no value"),
        pytest.param(b"x-amz-checksum-crc32:a b\r\n", id="a space within"),
        pytest.param(b"x-amz-checksum-crc32:AAAA\r\nX-Amz-Checksum-CRC32:AAAA\r\n", id="one twice"),
        pytest.param(b"".join(b"x-amz-a%d:b\r\n" % n for n in range(9)), id="nine of them"),
        pytest.param(b"x-amz-checksum-crc32:" + b"A" * 300 + b"\r\n", id="a long one"),
    ],
)
def test_trailers_that_are_not_well_formed_are_refused(trailers: bytes) -> None:
    body = reader(5, signed=False, trailers=True)
    assert refusal(body, b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n") == "MalformedTrailerError"


def test_trailers_in_a_mode_without_them_are_refused() -> None:
    sent = encode([b"hello", b""], seed=SEED)[:-2] + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert refusal(reader(5), sent) == "MalformedTrailerError"


def test_signed_chunks_whose_trailers_nobody_signed_are_refused() -> None:
    unsigned = encode([b"hello", b""], seed=SEED, trailers=CHECKSUM)
    place = unsigned.index(b"x-amz-trailer-signature")
    assert refusal(reader(5, trailers=True), unsigned[:place] + b"\r\n") == "MalformedTrailerError"


def test_a_trailer_after_the_signature_is_refused() -> None:
    sent = encode([b"hello", b""], seed=SEED, trailers=CHECKSUM)[:-2] + b"x-amz-checksum-sha1:AAAA\r\n\r\n"
    assert refusal(reader(5, trailers=True), sent) == "MalformedTrailerError"


def test_chunks_of_another_order_have_other_signatures() -> None:
    first, second = BODY[:8_192], BODY[1:8_193]
    honest = encode([first, second, b""], seed=SEED)
    header = honest.index(b"\r\n") + 2
    length = header + 8_192 + 2
    swapped = honest[length : 2 * length] + honest[:length] + honest[2 * length :]
    assert decode(reader(16_384), honest)[0] == first + second
    assert refusal(reader(16_384), swapped) == "SignatureDoesNotMatch"


def test_chunks_signed_for_another_request_are_refused() -> None:
    other = Seed(SEED.secret, SEED.amz_date, SEED.region, "0" * 64)
    assert refusal(reader(5), encode([b"hello", b""], seed=other)) == "SignatureDoesNotMatch"


def test_unsigned_chunks_where_signed_ones_were_declared_are_refused() -> None:
    assert refusal(reader(5), encode([b"hello", b""])) == "IncompleteBody"


def test_a_chunk_that_is_larger_than_memory_is_not_gathered() -> None:
    body = reader(2**40, signed=False)
    assert b"".join(body.feed(b"10000000000\r\n" + b"x" * 70_000)) == b"x" * 70_000
