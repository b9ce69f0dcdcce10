"""What Daypass answers beside the APIs, on the same port: the console, remote signing, what its own issuers publish.

Owns which of them a request is for. All are below `/_daypass/`, where no bucket can be, or at `/federation` with a
parameter that S3 does not have; and none is at a bucket's own host, where every path is a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from daypass.edge.asgi import Receive, Scope, Send
from daypass.edge.forwarded import Networks, UnreadableAddress, true_source
from daypass.wire.s3_address import bucket_of_host

_PREFIXES: Final = ("/_daypass/", "/federation")


class Page(Protocol):
    """One of them: which requests are for it, and its answers."""

    def is_meant(self, scope: Scope) -> bool: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Pages:
    """All of them."""

    def __init__(self, pages: Sequence[Page], s3_domains: tuple[str, ...], trusted_proxies: Networks) -> None:
        self._pages = tuple(pages)
        self._s3_domains = s3_domains
        self._trusted_proxies = trusted_proxies

    def find(self, scope: Scope) -> Page | None:
        """Whose the request is; None if it is for an API. The scope's client is then the one that a trusted proxy
        named."""
        if not scope["path"].startswith(_PREFIXES):
            return None
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if self._s3_domains and any(bucket_of_host(host, self._s3_domains) for host in hosts):
            return None
        page = next((page for page in self._pages if page.is_meant(scope)), None)
        return page if page is None or self._located(scope) else None

    def _located(self, scope: Scope) -> bool:
        """Puts into the scope where the request came from; False if a trusted proxy's word cannot be read."""
        if not self._trusted_proxies or not scope.get("client"):
            return True
        peer, port = scope["client"]
        try:
            source, secure = true_source(
                peer, scope["scheme"] == "https", tuple(scope["headers"]), self._trusted_proxies
            )
        except UnreadableAddress:
            return False  # edge.asgi refuses it
        scope["client"], scope["scheme"] = (source, port), "https" if secure else "http"
        return True
