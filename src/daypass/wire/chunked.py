"""Bodies in the aws-chunked encoding: frames, the signature of each, and the trailers after the last. Pure.

A push parser: bytes in as they come, decoded pieces out. A piece is out before its chunk's signature is checked, for a
chunk has any size; so whoever passes pieces on holds the last one back until `finish` has returned.

    chunk     = size in hexadecimal [ ";chunk-signature=" 64 hexadecimal digits ] CRLF data CRLF
    last      = "0" [ ";chunk-signature=" … ] CRLF *trailer CRLF
    trailer   = name ":" value [ LF ] CRLF            (some SDKs send the canonical line feed as well)

Source: S3 API Reference, "Signature calculations for the Authorization header: transferring payload in multiple chunks
(chunked upload)" and "… including trailing headers (chunked upload)".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.wire.s3_errors import s3_error
from daypass.wire.sigv4 import SigningKey

_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER: Final = re.compile(rb"([A-Za-z0-9-]{1,64}):[ \t]*([\x21-\x7e]{1,256})[ \t]*")
_TRAILER_SIGNATURE: Final = b"x-amz-trailer-signature"
_HEX_SIGNATURE: Final = re.compile(rb"[0-9a-f]{64}")
_EMPTY_HASH: Final = hashlib.sha256(b"").hexdigest()


class ChunkSignatures:
    """The chain of signatures: each is made of the one before it, the first of the request's own."""

    def __init__(self, key: SigningKey, amz_date: str, seed_signature: str) -> None:
        """amz_date, seed_signature: of the request, verified."""
        self._key = key
        self._amz_date = amz_date
        self._previous = seed_signature

    def next_chunk(self, digest: str) -> str:
        """The signature of the next chunk. digest: SHA-256 of its data, in hexadecimal."""
        return self._next("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY_HASH}\n{digest}")

    def trailers(self, digest: str) -> str:
        """The signature of the trailers. digest: SHA-256 of their canonical lines."""
        return self._next("AWS4-HMAC-SHA256-TRAILER", digest)

    def _next(self, algorithm: str, hashed: str) -> str:
        to_sign = f"{algorithm}\n{self._amz_date}\n{self._key.credential_scope}\n{self._previous}\n{hashed}"
        self._previous = self._key.signature(to_sign.encode("ascii"))
        return self._previous


class _Expects(Enum):
    SIZE = auto()
    DATA = auto()
    END_OF_DATA = auto()
    TRAILER = auto()
    NOTHING = auto()


class ChunkedBody:
    """One body as it is received."""

    def __init__(self, decoded_length: int, *, signatures: ChunkSignatures | None, has_trailers: bool) -> None:
        """decoded_length: what x-amz-decoded-content-length promised. signatures: None for unsigned chunks.
        has_trailers: whether the body's mode has any; with signatures they are then signed."""
        self._decoded_length = decoded_length
        self._signatures = signatures
        self._has_trailers = has_trailers
        self._expects = _Expects.SIZE
        self._line = b""  # the part of a line that has come so far
        self._in_chunk = 0  # bytes of the chunk still to come
        self._decoded = 0
        self._last_size = limits.CHUNK_BYTES_MIN  # of the chunk before
        self._digest = hashlib.sha256()
        self._signature = b""  # of the chunk being read, as sent
        self._trailers: dict[str, str] = {}
        self._trailers_signed = False

    def feed(self, data: bytes) -> list[bytes]:
        """The decoded pieces that these bytes hold.

        Raises:
            ServiceError: IncompleteBody, InvalidChunkSizeError, MalformedTrailerError, SignatureDoesNotMatch.
        """
        pieces: list[bytes] = []
        position = 0
        while position < len(data):
            if self._expects is _Expects.DATA:
                piece = data[position : position + self._in_chunk]
                position += len(piece)
                self._take(piece)
                pieces.append(piece)
            elif self._expects is _Expects.NOTHING:
                raise _malformed("there are bytes after the last chunk")
            else:
                position = self._read_line(data, position)
        return pieces

    def finish(self) -> Mapping[str, str]:
        """The trailers, by lower-case name, once all bytes were fed and every signature was right.

        Raises:
            ServiceError: IncompleteBody.
        """
        if self._expects is not _Expects.NOTHING:
            raise _malformed("the body ended before its last chunk")
        return self._trailers

    def _take(self, piece: bytes) -> None:
        if self._signatures is not None:
            self._digest.update(piece)
        self._in_chunk -= len(piece)
        if self._in_chunk == 0:
            self._check_chunk()
            self._expects = _Expects.END_OF_DATA

    def _read_line(self, data: bytes, position: int) -> int:
        """Acts on the line that begins or goes on here, if it is all there; where to read on."""
        had = len(self._line)
        line = self._line + data[position : position + limits.CHUNK_LINE_BYTES - had]
        end = line.find(b"\r\n")
        if end < 0:
            if len(line) >= limits.CHUNK_LINE_BYTES:
                raise _malformed("a line between the chunks is too long")
            self._line = line
            return position + len(line) - had
        self._line = b""
        self._on_line(line[:end])
        return position + end + 2 - had

    def _on_line(self, line: bytes) -> None:
        match self._expects:
            case _Expects.SIZE:
                self._on_size(line)
            case _Expects.END_OF_DATA if line == b"":
                self._expects = _Expects.SIZE
            case _Expects.TRAILER if line == b"":
                self._end()
            case _Expects.TRAILER:
                self._on_trailer(line)
            case _:
                raise _malformed("there are bytes where none belong")

    def _on_size(self, line: bytes) -> None:
        parts = _SIZE.fullmatch(line)
        if parts is None or (parts[2] is None) != (self._signatures is None):
            raise _malformed("a chunk's header is not well formed")
        size = int(parts[1], 16)
        if size and self._last_size < limits.CHUNK_BYTES_MIN:
            raise s3_error("InvalidChunkSizeError")
        self._decoded += size
        if self._decoded > self._decoded_length or (size == 0 and self._decoded != self._decoded_length):
            raise _wrong_length()
        self._signature, self._digest = parts[2] or b"", hashlib.sha256()
        self._in_chunk = self._last_size = size
        if size:
            self._expects = _Expects.DATA
        else:
            self._check_chunk()
            self._expects = _Expects.TRAILER

    def _check_chunk(self) -> None:
        if self._signatures is not None:
            _compare(self._signatures.next_chunk(self._digest.hexdigest()), self._signature)

    def _on_trailer(self, line: bytes) -> None:
        parts = _TRAILER.fullmatch(line.removesuffix(b"\n"))
        if parts is None or not self._has_trailers or self._trailers_signed:
            raise s3_error("MalformedTrailerError")
        name, value = parts[1].lower(), parts[2]
        if name == _TRAILER_SIGNATURE and self._signatures is not None:
            canonical = "".join([f"{key}:{text}\n" for key, text in sorted(self._trailers.items())])
            digest = hashlib.sha256(canonical.encode("ascii")).hexdigest()
            if _HEX_SIGNATURE.fullmatch(value) is None:
                raise s3_error("MalformedTrailerError")
            _compare(self._signatures.trailers(digest), value)
            self._trailers_signed = True
        elif name.decode("ascii") in self._trailers or len(self._trailers) == limits.CHUNK_TRAILERS:
            raise s3_error("MalformedTrailerError")
        else:
            self._trailers[name.decode("ascii")] = value.decode("ascii")

    def _end(self) -> None:
        # Trailers that nobody signed are nobody's: the advisory MinIO CVE-2025-31489 is of that kind.
        if self._has_trailers and self._signatures is not None and not self._trailers_signed:
            raise s3_error("MalformedTrailerError")
        self._expects = _Expects.NOTHING


def _compare(right: str, sent: bytes) -> None:
    if not hmac.compare_digest(right.encode("ascii"), sent):
        raise s3_error("SignatureDoesNotMatch")


def _malformed(reason: str) -> ServiceError:
    return s3_error("IncompleteBody", f"The request body terminated unexpectedly; {reason}")


def _wrong_length() -> ServiceError:
    return s3_error(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header",
    )
