"""Bodies in the aws-chunked encoding, made byte by byte from AWS's description: nothing here is Daypass's own code."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Seed:
    """What the chain of signatures begins with."""

    secret: str = field(repr=False)
    amz_date: str
    region: str
    signature: str

    def _sign(self, text: str) -> str:
        key = f"AWS4{self.secret}".encode()
        for part in (self.amz_date[:8], self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()

    def _scope(self) -> str:
        return f"{self.amz_date}\n{self.amz_date[:8]}/{self.region}/s3/aws4_request"

    def chunk(self, previous: str, data: bytes) -> str:
        hashed = hashlib.sha256(data).hexdigest()
        return self._sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{self._scope()}\n{previous}\n{EMPTY}\n{hashed}")

    def trailers(self, previous: str, lines: bytes) -> str:
        hashed = hashlib.sha256(lines).hexdigest()
        return self._sign(f"AWS4-HMAC-SHA256-TRAILER\n{self._scope()}\n{previous}\n{hashed}")


def split(body: bytes, size: int = 65_536) -> list[bytes]:
    """The body in chunks of that size, and the empty one that ends it."""
    cuts = [*range(0, len(body), size), len(body)]
    return [body[start:end] for start, end in pairwise(cuts)] + [b""]


def encode(
    chunks: Sequence[bytes],
    *,
    seed: Seed | None = None,
    trailers: Mapping[str, str] | None = None,
) -> bytes:
    """chunks: the last one empty. seed: of signed chunks. trailers: None for a mode that has none."""
    encoded = bytearray()
    previous = "" if seed is None else seed.signature
    for chunk in chunks:
        extension = ""
        if seed is not None:
            previous = seed.chunk(previous, chunk)
            extension = f";chunk-signature={previous}"
        encoded += f"{len(chunk):x}{extension}\r\n".encode() + chunk + (b"\r\n" if chunk else b"")
    if trailers is not None:
        for name, value in trailers.items():
            encoded += f"{name}:{value}\r\n".encode()
        if seed is not None:
            lines = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items())).encode()
            encoded += f"x-amz-trailer-signature:{seed.trailers(previous, lines)}\r\n".encode()
    return bytes(encoded + b"\r\n")
