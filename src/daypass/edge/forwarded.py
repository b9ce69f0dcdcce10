"""Whose address a request came from, where it came through proxies that are configured as trusted.

Owns the reading of X-Forwarded-For and X-Forwarded-Proto. From anybody else they are believed by nobody: a condition
on aws:SourceIp that a header can satisfy is none.

Source: X-Forwarded-For as nginx, HAProxy and Envoy append to it; IAM User Guide, "aws:SourceIp", "aws:SecureTransport".
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from daypass.wire.http import Headers

Networks = Sequence[IPv4Network | IPv6Network]


class UnreadableAddress(ValueError):
    """A trusted proxy said something that is no address: who asks is not known."""


def true_source(peer: str, secure: bool, headers: Headers, trusted: Networks) -> tuple[str, bool]:
    """The address of who asks, and whether it asks over TLS.

    peer: the address of the connection. secure: whether that connection is TLS.

    Raises:
        UnreadableAddress: the hop before the last trusted one cannot be read.
    """
    if not _is_trusted(_address(peer), trusted):
        return peer, secure
    hops: list[bytes] = []
    scheme = b""
    for name, value in headers:
        if name == b"x-forwarded-for":
            hops += value.split(b",")
        elif name == b"x-forwarded-proto":
            scheme = value.rpartition(b",")[2].strip().lower()
    source = peer
    # Each proxy appends whom it heard from: what stands before the first that is not trusted is anybody's word.
    for hop in reversed(hops):
        address = _address(hop.strip().strip(b"[]").decode("latin-1"))
        if address is None:
            raise UnreadableAddress
        source = str(address)
        if not _is_trusted(address, trusted):
            break
    return source, scheme == b"https" if scheme in (b"http", b"https") else secure


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_trusted(address: IPv4Address | IPv6Address | None, trusted: Networks) -> bool:
    return address is not None and any(address in network for network in trusted)
