"""An object in the aws-chunked encoding for a backend: unsigned frames, and one checksum after them. Pure.

The way of a checksum that is known only when the object has been read: the frames have one size, so that the length
of all is known before the first.

Source: S3 API Reference, "Signature calculations for the Authorization header: including trailing headers (chunked
upload)", STREAMING-UNSIGNED-PAYLOAD-TRAILER.
"""

from __future__ import annotations

from typing import Final

from daypass import limits

MODE: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class ChunkWriter:
    """One object as it is sent on.

    trailer: the checksum's header name. value_chars: of its value, in Base64.
    length: of all that is written, in bytes.
    """

    def __init__(self, object_length: int, trailer: str, value_chars: int) -> None:
        self._trailer = trailer
        self._held = bytearray()
        whole, rest = divmod(object_length, limits.UPSTREAM_CHUNK_BYTES)
        frames = whole * _framed_length(limits.UPSTREAM_CHUNK_BYTES) + (_framed_length(rest) if rest else 0)
        self.length: Final = frames + len(b"0\r\n") + len(trailer) + len(b":") + value_chars + len(b"\r\n\r\n")

    def feed(self, piece: bytes) -> bytes:
        """The frames that are whole with this piece; often none."""
        self._held += piece
        size = limits.UPSTREAM_CHUNK_BYTES
        whole = len(self._held) // size
        if not whole:
            return b""
        frames = b"".join([_frame(self._held[n * size : (n + 1) * size]) for n in range(whole)])
        del self._held[: whole * size]
        return frames

    def finish(self, value: str) -> bytes:
        """The rest of the object, and the trailer."""
        rest = _frame(self._held) if self._held else b""
        return rest + f"0\r\n{self._trailer}:{value}\r\n\r\n".encode("ascii")


def _frame(data: bytearray) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


def _framed_length(size: int) -> int:
    return len(b"%x" % size) + size + len(b"\r\n\r\n")
