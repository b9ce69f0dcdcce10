"""HTTP without an SDK, for what an SDK does not send: presigned URLs opened by anybody, and requests cut in two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def connection(url: str) -> tuple[HTTPConnection, str]:
    """A connection to the url's server, and the target to ask it for."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS), target


def received(connected: HTTPConnection) -> Answer:
    answer = connected.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, headers, answer.read())


def fetch(method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
    """One exchange on a connection of its own; redirects are answers like others."""
    connected, target = connection(url)
    try:
        connected.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return received(connected)
    finally:
        connected.close()
