"""RawRequest and RawResponse: one HTTP exchange as bytes, as sent.

Owns what every protocol module reads; parsing HTTP itself is the server's work (uvicorn with httptools).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

Headers = tuple[tuple[bytes, bytes], ...]

_NOT_INDEXED: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class RawRequest(msgspec.Struct, frozen=True):
    """One request, nothing in it believed yet.

    method: upper case, as sent.
    path: the raw target's path, percent-encoded as sent; begins with `/`.
    query: what follows `?`, percent-encoded as sent; empty if there is none.
    headers: names in lower case, values as sent, in the order sent, duplicates kept.
    body: the whole body on the control plane; empty on the data plane, where it is streamed beside the request.
    source_ip: the peer's address, or what a configured proxy said of it.
    secure: whether it came over TLS.
    received: aware UTC; when the request's head had arrived. The only clock a request has.
    named: the first header of each name, made of `headers` whatever was given; it has fewer entries than they if a
        name is repeated.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    body: bytes
    source_ip: str
    secure: bool
    received: datetime
    named: Mapping[bytes, bytes] = _NOT_INDEXED

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "named", dict(self.headers[::-1]))

    def __repr__(self) -> str:
        """Headers, query and body stay out: a token, a signature or a policy may be among them."""
        return f"RawRequest({self.method} {self.path!r})"

    def header(self, name: bytes) -> str | None:
        """The first header of that lower-case name as text (ISO 8859-1); None if there is none."""
        value = self.named.get(name)
        return None if value is None else value.decode("latin-1")

    def header_values(self, name: bytes) -> list[str]:
        """Every header of that lower-case name, in order."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]


class RawResponse(msgspec.Struct, frozen=True):
    """One whole answer. Streamed answers are the gateway's own."""

    status: int
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        """The body stays out: it may carry credentials."""
        return f"RawResponse({self.status}, {len(self.body)} bytes)"
