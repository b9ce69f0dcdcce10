"""Documents of identity providers, fetched from the network: discovery documents and key sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class DocumentUnreachable(Exception):
    """Nobody answered, or not in time: it may be otherwise in a moment. Its text is for our log."""


class DocumentRefused(Exception):
    """What is there must not be asked or used: an address, a redirect, a length. Its text is for our log."""


class Documents(Protocol):
    """Fetching by URL, of which a stranger may have chosen a part."""

    async def fetch(self, url: str, thumbprints: Sequence[str]) -> bytes:
        """The document, of at most limits.IDP_DOCUMENT_BYTES, within limits.IDP_DOCUMENT_SECONDS.

        url: it is refused if the configuration does not allow its scheme, or what its host resolves to.
        thumbprints: SHA-1 of certificates that may stand in for a certificate authority that is not known.

        Raises:
            DocumentUnreachable, DocumentRefused.
        """
