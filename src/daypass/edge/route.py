"""Where a request goes that a proxy asked about, as a value: made by edge.front, told to the proxy by edge.proxies."""

from __future__ import annotations

from typing import Final

import msgspec

from daypass.service.ports import AuditRecord


class Resigned(msgspec.Struct, frozen=True):
    """The request as the backend is to get it. target: path and query, percent-encoded as they are sent."""

    target: bytes
    host: bytes
    payload_hash: bytes
    date: bytes
    authorization: bytes

    def __repr__(self) -> str:
        """The query and the signature stay out."""
        return f"Resigned({self.target.partition(b'?')[0]!r})"


class Route(msgspec.Struct, frozen=True):
    """What a proxy is to do with a request.

    resigned: for the backend; None sends the request to the gateway, as the client sent it.
    records: what has to be on record before the proxy is told.
    """

    resigned: Resigned | None
    records: tuple[AuditRecord, ...]


TO_THE_GATEWAY: Final = Route(None, ())
