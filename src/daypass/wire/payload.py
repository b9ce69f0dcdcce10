"""What a request declares of its body: which of S3's body modes it is in, and how long the object is.

Every mode is a member of one enumeration, and whoever acts on it matches all of them: a mode that is added and not
thought through does not type-check. (MinIO CVE-2025-31489, CVE-2026-40344: a new mode fell through to "verified".)

Source: S3 API Reference, "Authenticating requests: using the Authorization header", the values of
x-amz-content-sha256; "… using query parameters" for UNSIGNED-PAYLOAD.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Final, NamedTuple

from daypass.wire.checksums import TRAILER
from daypass.wire.http import RawRequest
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD, Claim

DECODED_LENGTH: Final = "x-amz-decoded-content-length"

EMPTY_HASH: Final = hashlib.sha256(b"").hexdigest()

_DECODED_LENGTH: Final = DECODED_LENGTH.encode("ascii")
_TRAILER: Final = TRAILER.encode("ascii")

_NUMBER: Final = re.compile(rb"[0-9]{1,19}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class BodyMode(Enum):
    """HASHED: its SHA-256 is in the signed head. …_CHUNKS…: the aws-chunked encoding."""

    HASHED = "a SHA-256"
    UNSIGNED = UNSIGNED_PAYLOAD
    SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    SIGNED_CHUNKS_AND_TRAILERS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_CHUNKS_AND_TRAILERS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_chunked(self) -> bool:
        return self is not BodyMode.HASHED and self is not BodyMode.UNSIGNED

    @property
    def signs_chunks(self) -> bool:
        return self in (BodyMode.SIGNED_CHUNKS, BodyMode.SIGNED_CHUNKS_AND_TRAILERS)


class Payload(NamedTuple):
    """declared: as it enters the canonical request. length: of the object, in bytes; None if nothing says it."""

    mode: BodyMode
    declared: str
    length: int | None


def read_payload(request: RawRequest, claim: Claim | None) -> Payload:
    """What is declared, from the place that the signature covers.

    Raises:
        ServiceError: InvalidArgument, InvalidRequest, MissingContentLength; NotImplemented for SigV4A's modes.
    """
    declared = request.header(b"x-amz-content-sha256") if claim is None else claim.declared_payload_hash
    mode = _mode(UNSIGNED_PAYLOAD if declared is None else declared)
    named = request.named
    trailer = named.get(_TRAILER)
    if mode is BodyMode.HASHED or mode is BodyMode.UNSIGNED:
        # A body that says it is in chunks, in a mode that would store the frames as data.
        if b"aws-chunked" in named.get(b"content-encoding", b"").lower():
            raise s3_error("InvalidRequest", "The aws-chunked encoding needs a STREAMING-… x-amz-content-sha256")
        if trailer is not None:
            raise s3_error("InvalidRequest", "x-amz-trailer needs a STREAMING-…-TRAILER x-amz-content-sha256")
        length = body_length(request)
        said = named.get(_DECODED_LENGTH)
        if said is not None and said.decode("latin-1") != str(length):
            raise s3_error("InvalidRequest", "x-amz-decoded-content-length is not the body's length")
        return Payload(mode, declared or UNSIGNED_PAYLOAD, length)
    if claim is not None and claim.location != "header":
        # MinIO CVE-2026-41145: such a body's signature was looked for in one place, its credential in another.
        raise s3_error("InvalidRequest", "a presigned request is sent with UNSIGNED-PAYLOAD, not in chunks")
    if claim is None and mode.signs_chunks:
        raise s3_error(
            "InvalidRequest",
            "Anonymous requests may not use signed streaming payloads. Please use UNSIGNED-PAYLOAD or "
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER.",
        )
    if trailer is not None and mode is BodyMode.SIGNED_CHUNKS:
        raise s3_error("InvalidRequest", "x-amz-trailer needs a STREAMING-…-TRAILER x-amz-content-sha256")
    decoded = [value for name, value in request.headers if name == _DECODED_LENGTH]
    if len(decoded) != 1 or _NUMBER.fullmatch(decoded[0]) is None:
        raise s3_error("MissingContentLength", "You must provide a valid x-amz-decoded-content-length HTTP header.")
    return Payload(mode, declared or UNSIGNED_PAYLOAD, int(decoded[0]))


def _mode(declared: str) -> BodyMode:
    if declared == EMPTY_HASH or _SHA256.fullmatch(declared):
        return BodyMode.HASHED
    for mode in BodyMode:
        if declared == mode.value and mode is not BodyMode.HASHED:
            return mode
    if declared.startswith("STREAMING-"):
        raise not_implemented("this mode of x-amz-content-sha256 is not served")
    raise s3_error(
        "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        ArgumentName="x-amz-content-sha256",
    )


def body_length(request: RawRequest) -> int | None:
    """Of the request's body; None if it is not said. The server has checked that what is said holds."""
    named = request.named
    if b"transfer-encoding" in named:
        return None
    text = named.get(b"content-length")
    if text is None:
        return 0
    return int(text) if _NUMBER.fullmatch(text) else None


def without_chunking(content_encoding: str) -> str:
    """The object's own Content-Encoding: aws-chunked is how it travelled."""
    codings = [coding.strip() for coding in content_encoding.split(",")]
    return ",".join([coding for coding in codings if coding and coding.lower() != "aws-chunked"])
