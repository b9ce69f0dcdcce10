"""Which addresses may be asked for a document whose URL somebody else wrote.

Only those of the public internet: not this machine, not the networks around it, not what a cloud answers to its
machines alone. An address is judged as what it leads to, so those that carry another address inside are refused.

Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; OWASP, "Server-Side Request Forgery Prevention".
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

# What the registries, or the Python at hand, count as global and is none of the internet's all the same.
_NOT_PUBLIC: Final = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments; one cloud's metadata are in it
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, retired (RFC 7526)
    IPv4Network("168.63.129.16/32"),  # what Azure answers to its machines alone
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")  # RFC 4291, 2.4; translated and compatible IPv4 addresses lie outside
_CARRIERS: Final = (
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
)  # IPv4 within 6to4 (RFC 3056), Teredo (RFC 4380)


def is_public(text: str) -> bool:
    """Whether the text is an address of the public internet; a name is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if address.version == 6:
        if address.ipv4_mapped is None:
            return (
                address.is_global
                and address.scope_id is None
                and address in _GLOBAL_UNICAST
                and not any(address in network for network in _CARRIERS)
            )
        address = address.ipv4_mapped
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC)
    )
