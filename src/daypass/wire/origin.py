"""The origin of a URL: its scheme, host and port, in one spelling.

Source: RFC 6454, 4 "Origin of a URI".
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}


def origin_of(url: str) -> str:
    """`scheme://host:port` in lower case, with the port always.

    Raises:
        ValueError: not an http or https URL of a host, or one with a user in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("not an http or https URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}"
