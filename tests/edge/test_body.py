"""An object's body in every mode: what a backend gets of it when it is right, and what it never gets when it is not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from daypass import limits
from daypass.edge.body import ObjectBody, object_body
from daypass.edge.client import Client, ClientGone
from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.wire.checksums import read_checksums
from daypass.wire.chunked import ChunkSignatures
from daypass.wire.payload import BodyMode, Payload
from daypass.wire.sigv4 import signing_key
from support.aws_chunked import Seed, encode, split

SEED = Seed("secret", "20260101T120000Z", "us-east-1", "5eed" * 16)
LARGE = bytes(range(256)) * 1_024  # 262,144 bytes: more than is gathered before it is sent
SMALL = b"hello world"


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()


def client(*chunks: bytes, content_length: int | None, leaves: bool = False) -> Client:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": leaves or n < len(chunks) - 1}
        for n, chunk in enumerate(chunks)
    ]
    messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(_: Any) -> None:
        raise AssertionError("nothing is answered here")

    return Client(receive, send, content_length=content_length, waits_for_continue=False)


def cut(body: bytes, size: int = 50_000) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)] or [b""]


def sent_in(
    mode: BodyMode,
    body: bytes,
    change: Callable[[bytes], bytes] = bytes,
    *,
    headers: dict[str, str] | None = None,
    says_length: bool = True,
    promised: int | None = None,
    leaves: bool = False,
) -> ObjectBody:
    """The body as a client sends it in that mode, changed on its way."""
    checksum = {"x-amz-checksum-crc32": crc32(body)}
    seed = SEED if mode.signs_chunks else None
    trailed = mode.value.endswith("TRAILER")
    given = headers if headers is not None else {"x-amz-trailer": "x-amz-checksum-crc32"} if trailed else {}
    match mode:
        case BodyMode.HASHED | BodyMode.UNSIGNED:
            encoded = body
        case _:
            encoded = encode(split(body), seed=seed, trailers=checksum if trailed else None)
    declared = hashlib.sha256(body).hexdigest() if mode is BodyMode.HASHED else mode.value
    encoded = change(encoded)
    chain = ChunkSignatures(signing_key(Secret("secret"), "20260101", "us-east-1", "s3"), SEED.amz_date, SEED.signature)
    return object_body(
        client(*cut(encoded), content_length=promised or len(encoded) if says_length else None, leaves=leaves),
        Payload(mode, declared, len(body)),
        read_checksums(given),
        chain if seed is not None else None,
    )


def passed_on(body: ObjectBody) -> tuple[bytes, BaseException | None]:
    """What a backend would have got, and what broke it off."""

    async def work() -> tuple[bytes, BaseException | None]:
        got = b""
        try:
            async for piece in body.chunks():
                got += piece
        except (ServiceError, ClientGone):
            return got, body.fault
        return got, None

    return asyncio.run(work())


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=len)
@pytest.mark.parametrize("mode", BodyMode, ids=lambda mode: mode.name)
def test_an_honest_body_is_passed_on_whole_in_every_mode(mode: BodyMode, content: bytes) -> None:
    body = sent_in(mode, content)
    assert not body.complete
    assert passed_on(body) == (content, None)
    assert body.complete


@pytest.mark.parametrize("mode", [mode for mode in BodyMode if mode.is_chunked], ids=lambda mode: mode.name)
def test_a_body_in_chunks_needs_no_length_of_its_own(mode: BodyMode) -> None:
    assert passed_on(sent_in(mode, LARGE, says_length=False)) == (LARGE, None)


def truncated(encoded: bytes) -> bytes:
    return encoded[:-1]


def cut_in_half(encoded: bytes) -> bytes:
    return encoded[: len(encoded) // 2]


def with_more_after_it(encoded: bytes) -> bytes:
    return encoded + b"x"


def with_its_first_byte_changed(encoded: bytes) -> bytes:
    start = encoded.index(b"\r\n") + 2 if b"\r\n0" in encoded else 0
    return encoded[:start] + b"\xff" + encoded[start + 1 :]


def with_its_last_byte_changed(encoded: bytes) -> bytes:
    end = encoded.rindex(b"\r\n0") if b"\r\n0" in encoded else len(encoded)
    return encoded[: end - 1] + b"\x00" + encoded[end:]


def with_another_signature(encoded: bytes) -> bytes:
    return encoded.replace(b"chunk-signature=", b"chunk-signature=0", 1)


def with_another_checksum(encoded: bytes) -> bytes:
    start = encoded.rindex(b"crc32:") + 6
    return encoded[:start] + b"AAAAAA==" + encoded[start + 8 :]


def without_its_trailers(encoded: bytes) -> bytes:
    return encoded[: encoded.rindex(b"x-amz-checksum")] + b"\r\n"


CHANGES = [truncated, cut_in_half, with_more_after_it, with_its_first_byte_changed, with_its_last_byte_changed]
IN_TRAILERS = [with_another_checksum, without_its_trailers]
UNNOTICED = {  # what nobody signed and nobody summed
    (BodyMode.UNSIGNED, with_its_first_byte_changed),
    (BodyMode.UNSIGNED, with_its_last_byte_changed),
}


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=len)
@pytest.mark.parametrize("mode", BodyMode, ids=lambda mode: mode.name)
def test_the_last_piece_of_a_bad_body_is_never_let_go(mode: BodyMode, content: bytes) -> None:
    changes = list(CHANGES)
    if mode.signs_chunks:
        changes.append(with_another_signature)
    if mode.value.endswith("TRAILER"):
        changes += IN_TRAILERS
    for change in changes:
        if (mode, change) in UNNOTICED:
            continue
        # A plain body's length is what its head promised.
        body = sent_in(mode, content, change, promised=None if mode.is_chunked else len(content))
        got, fault = passed_on(body)
        assert fault is not None, (mode, change)
        assert isinstance(fault, ServiceError), (mode, change)
        assert len(got) < len(content), (mode, change)
        assert not body.complete, (mode, change)


@pytest.mark.parametrize("mode", BodyMode, ids=lambda mode: mode.name)
def test_a_client_that_leaves_breaks_its_body_off(mode: BodyMode) -> None:
    body = sent_in(mode, LARGE, cut_in_half, leaves=True)
    got, fault = passed_on(body)
    assert isinstance(fault, ClientGone)
    assert len(got) < len(LARGE)


@pytest.mark.parametrize("headers", [{"x-amz-checksum-crc32": "AAAAAA=="}, {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}])
@pytest.mark.parametrize(
    "mode", [BodyMode.HASHED, BodyMode.UNSIGNED, BodyMode.SIGNED_CHUNKS], ids=lambda mode: mode.name
)
def test_a_checksum_in_the_head_is_held_to_in_every_mode(mode: BodyMode, headers: dict[str, str]) -> None:
    got, fault = passed_on(sent_in(mode, LARGE, headers=headers))
    assert isinstance(fault, ServiceError)
    assert fault.code == "BadDigest"
    assert len(got) < len(LARGE)


def test_a_small_body_is_proven_before_anything_is_sent() -> None:
    assert asyncio.run(sent_in(BodyMode.HASHED, SMALL).ready()) == SMALL
    with pytest.raises(ServiceError, match="XAmzContentSHA256Mismatch"):
        asyncio.run(sent_in(BodyMode.HASHED, SMALL, with_its_first_byte_changed).ready())
    assert len(LARGE) > limits.UPSTREAM_WHOLE_BODY_BYTES
    assert not isinstance(asyncio.run(sent_in(BodyMode.HASHED, LARGE).ready()), bytes)


def test_the_backend_is_told_the_hash_that_was_declared_and_no_other_mode() -> None:
    assert sent_in(BodyMode.HASHED, SMALL).payload_hash == hashlib.sha256(SMALL).hexdigest()
    for mode in BodyMode:
        if mode is not BodyMode.HASHED:
            assert sent_in(mode, SMALL).payload_hash == "UNSIGNED-PAYLOAD"


HEADERS = [("content-encoding", "aws-chunked,gzip"), ("x-amz-sdk-checksum-algorithm", "CRC32"), ("content-type", "a/b")]


def test_a_small_bodys_trailer_goes_on_as_a_header() -> None:
    body = sent_in(BodyMode.UNSIGNED_CHUNKS_AND_TRAILERS, SMALL)
    asyncio.run(body.ready())
    assert body.object_headers(HEADERS) == [
        ("content-encoding", "gzip"),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("content-type", "a/b"),
        ("x-amz-checksum-crc32", crc32(SMALL)),
    ]


def test_a_large_bodys_trailer_comes_too_late_to_be_announced() -> None:
    body = sent_in(BodyMode.UNSIGNED_CHUNKS_AND_TRAILERS, LARGE)
    assert body.object_headers(HEADERS) == [("content-encoding", "gzip"), ("content-type", "a/b")]


def test_the_way_here_leaves_no_content_encoding_behind() -> None:
    assert sent_in(BodyMode.SIGNED_CHUNKS, SMALL).object_headers([("content-encoding", "aws-chunked")]) == []
    assert sent_in(BodyMode.HASHED, SMALL).object_headers([("content-encoding", "gzip")]) == [
        ("content-encoding", "gzip")
    ]


def test_a_body_of_unknown_length_cannot_be_passed_on() -> None:
    payload = Payload(BodyMode.UNSIGNED, "UNSIGNED-PAYLOAD", None)
    with pytest.raises(ServiceError, match="MissingContentLength"):
        object_body(client(b"x", content_length=None), payload, read_checksums({}), None)
