"""S3's checksums of a body: which value was declared, where, and whether the bytes have it. Pure.

Owns the algorithms and the wording of what is wrong. Which bytes are checked, and when the last of them may go on, is
the reader's work. CRC-32C, CRC-64/NVME and the XXHash family come from awscrt: the standard library has none of them,
and in Python alone they would take seconds for what it does in milliseconds.

Source: S3 User Guide, "Checking object integrity for data uploads in Amazon S3"; S3 API Reference, "PutObject" and
"Error responses" (BadDigest, InvalidDigest, InvalidRequest).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from awscrt import checksums as crt

from daypass.wire.s3_errors import s3_error

PREFIX: Final = "x-amz-checksum-"
CONTENT_MD5: Final = "content-md5"
TRAILER: Final = "x-amz-trailer"
ALGORITHM: Final = "x-amz-sdk-checksum-algorithm"
TYPE: Final = "x-amz-checksum-type"


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size)


class _XxHash:
    def __init__(self, hash_of_crt: crt.XXHash) -> None:
        self._hash = hash_of_crt

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return bytes(self._hash.finalize())


# header or trailer → bytes of its value, and a fresh hash
_ALGORITHMS: Final[Mapping[str, tuple[int, Callable[[], _Hash]]]] = MappingProxyType(
    {
        CONTENT_MD5: (16, lambda: hashlib.md5(usedforsecurity=False)),
        "x-amz-checksum-crc32": (4, lambda: _Crc(crt.crc32, 4)),
        "x-amz-checksum-crc32c": (4, lambda: _Crc(crt.crc32c, 4)),
        "x-amz-checksum-crc64nvme": (8, lambda: _Crc(crt.crc64nvme, 8)),
        "x-amz-checksum-md5": (16, lambda: hashlib.md5(usedforsecurity=False)),
        "x-amz-checksum-sha1": (20, lambda: hashlib.sha1(usedforsecurity=False)),
        "x-amz-checksum-sha256": (32, hashlib.sha256),
        "x-amz-checksum-sha512": (64, hashlib.sha512),
        "x-amz-checksum-xxhash64": (8, lambda: _XxHash(crt.XXHash.new_xxhash64())),
        "x-amz-checksum-xxhash3": (8, lambda: _XxHash(crt.XXHash.new_xxhash3_64())),
        "x-amz-checksum-xxhash128": (16, lambda: _XxHash(crt.XXHash.new_xxhash3_128())),
    }
)
NAMES: Final = frozenset(_ALGORITHMS)


class Checksums:
    """What was declared of one body, and what its bytes come to.

    trailer: the name of the checksum that comes after the body; None if none does.
    declared: those that came before it, by header name.
    """

    __slots__ = ("_declared", "_hashes", "trailer")

    def __init__(self, declared: Mapping[str, bytes], trailer: str | None) -> None:
        self._declared = declared
        self.trailer: Final = trailer
        names = [*declared, *([trailer] if trailer is not None else [])]
        self._hashes = {name: _ALGORITHMS[name][1]() for name in names}

    @property
    def trailer_chars(self) -> int:
        """Of the trailer's value in Base64; 0 if there is none."""
        return 0 if self.trailer is None else -(-_ALGORITHMS[self.trailer][0] // 3) * 4

    @property
    def hashes_nothing(self) -> bool:
        return not self._hashes

    def update(self, data: bytes) -> None:
        for computed in self._hashes.values():
            computed.update(data)

    def verify(self, trailers: Mapping[str, str]) -> None:
        """Compares everything declared with all the bytes there were. Asked once, at the end.

        Raises:
            ServiceError: BadDigest; InvalidRequest or MalformedTrailerError for a trailer that is not what was said.
        """
        if trailers.keys() != ({self.trailer} if self.trailer is not None else set()):
            raise s3_error("MalformedTrailerError")
        expected = dict(self._declared)
        for name, text in trailers.items():
            value = _value(name, text)
            if value is None:
                raise s3_error("InvalidRequest", f"Value for {name} trailing header is invalid.")
            expected[name] = value
        for name, value in expected.items():
            if self._hashes[name].digest() != value:
                raise _mismatch(name)


def read_checksums(headers: Mapping[str, str]) -> Checksums:
    """headers: by lower-case name; what they say of a body's checksums.

    Raises:
        ServiceError: InvalidDigest or InvalidRequest, for what cannot be held to.
    """
    declared = {name: _declared(name, headers[name]) for name in sorted(NAMES & headers.keys())}
    trailer = headers.get(TRAILER)
    if trailer is not None:
        trailer = trailer.strip().lower()
        if trailer not in NAMES or trailer == CONTENT_MD5:
            raise s3_error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    values = [name for name in declared if name != CONTENT_MD5] + ([] if trailer is None else [trailer])
    if len(values) > 1:
        raise s3_error(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    algorithm = headers.get(ALGORITHM)
    if algorithm is not None:
        _check_algorithm(algorithm, values)
    return Checksums(declared, trailer)


def _declared(name: str, text: str) -> bytes:
    value = _value(name, text)
    if value is not None:
        return value
    if name == CONTENT_MD5:
        raise s3_error("InvalidDigest")
    raise s3_error("InvalidRequest", f"Value for {name} header is invalid.")


def _value(name: str, text: str) -> bytes | None:
    """The bytes of a checksum in Base64; None if they are not so many."""
    try:
        value = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    return value if len(value) == _ALGORITHMS[name][0] else None


def _check_algorithm(algorithm: str, values: list[str]) -> None:
    """What an SDK says it computes is what it sends."""
    if PREFIX + algorithm.strip().lower() not in NAMES:
        raise s3_error(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    if not values:
        raise s3_error(
            "InvalidRequest",
            f"{ALGORITHM} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
        )
    if values != [PREFIX + algorithm.strip().lower()]:
        raise s3_error("InvalidRequest", f"Value for {ALGORITHM} header is invalid.")


def _mismatch(name: str) -> Exception:
    if name == CONTENT_MD5:
        return s3_error("BadDigest")
    algorithm = name.removeprefix(PREFIX).upper()
    return s3_error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
