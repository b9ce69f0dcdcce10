"""Requests as the wire modules take them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlencode

from daypass.wire.http import RawRequest

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def request_of(
    method: str = "POST", *, query: bytes = b"", body: bytes = b"", content_type: str | None = FORM
) -> RawRequest:
    """A request without a signature."""
    headers = [(b"host", b"localhost")]
    if content_type is not None:
        headers.append((b"content-type", content_type.encode("latin-1", "replace")))
    return RawRequest(
        method=method,
        path=b"/",
        query=query,
        headers=tuple(headers),
        body=body,
        source_ip="127.0.0.1",
        secure=False,
        received=datetime(2026, 9, 30, 20, 43, 17, tzinfo=UTC),
    )


def form_request(action: str, version: str, parameters: Iterable[tuple[str, str]] = ()) -> RawRequest:
    """A POST of the form, percent-encoded."""
    return request_of(body=urlencode([("Action", action), ("Version", version), *parameters]).encode("ascii"))
