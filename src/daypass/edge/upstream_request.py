"""What is asked of a backend, as a value: made by whoever asks, signed and sent by edge.upstream."""

from __future__ import annotations

from datetime import datetime

import msgspec

from daypass.wire.http import Headers


class UpstreamRequest(msgspec.Struct, frozen=True):
    """What is asked of the backend.

    path, query: percent-encoded as they are sent.
    headers: lower-case names; without host, length, date and authorization, which are made by edge.upstream.
    payload_hash: of the body in hexadecimal, UNSIGNED-PAYLOAD, or the mode of one in unsigned chunks.
    content_length: of the body; None if there is no body.
    at: aware UTC; the time it is signed with.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    payload_hash: str
    content_length: int | None
    at: datetime

    def __repr__(self) -> str:
        """Headers and query stay out: a customer's encryption key may be among them."""
        return f"UpstreamRequest({self.method} {self.path!r})"
