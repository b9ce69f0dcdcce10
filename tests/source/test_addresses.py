"""source.addresses: what may be asked for a document.

Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; the metadata addresses are the clouds' own.
"""

from __future__ import annotations

import pytest

from daypass.source.addresses import is_public


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_an_address_of_the_public_internet_may_be_asked(address: str) -> None:
    assert is_public(address)


PRIVATE = {
    "loopback": "127.0.0.1",
    "loopback, elsewhere in its network": "127.8.9.10",
    "this host": "0.0.0.0",  # noqa: S104  an address to refuse
    "private, 10": "10.1.2.3",
    "private, 172": "172.16.0.1",
    "private, 192": "192.168.1.1",
    "shared by a carrier": "100.64.0.1",
    "link-local, and the metadata of most clouds": "169.254.169.254",
    "the metadata of containers": "169.254.170.2",
    "the metadata of another cloud": "192.0.0.192",
    "the metadata of a third": "100.100.100.200",
    "what Azure answers to its machines": "168.63.129.16",
    "IPv6 site-local": "fec0::1",
    "for documentation": "192.0.2.1",
    "for benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%eth0",
    "IPv6 private": "fd00:ec2::254",
    "IPv6 multicast": "ff02::1",
    "IPv4 mapped": "::ffff:127.0.0.1",
    "IPv4 mapped metadata": "::ffff:169.254.169.254",
    "IPv4 compatible": "::127.0.0.1",
    "IPv4 translated": "64:ff9b::7f00:1",
    "IPv4 translated, locally": "64:ff9b:1::a9fe:a9fe",
    "6to4": "2002:7f00:1::",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "a name": "localhost",
    "a number": "2130706433",
    "nothing": "",
}


@pytest.mark.parametrize("kind", PRIVATE)
def test_any_other_address_may_not(kind: str) -> None:
    assert not is_public(PRIVATE[kind])
