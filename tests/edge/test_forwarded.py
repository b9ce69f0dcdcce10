from __future__ import annotations

from ipaddress import ip_network

import pytest

from daypass.edge.forwarded import UnreadableAddress, true_source

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


def source(peer: str, *hops: str, proto: str | None = None, secure: bool = False) -> tuple[str, bool]:
    headers = tuple((b"x-forwarded-for", hop.encode()) for hop in hops)
    if proto is not None:
        headers += ((b"x-forwarded-proto", proto.encode()),)
    return true_source(peer, secure, headers, TRUSTED)


def test_nobody_but_a_trusted_proxy_is_believed() -> None:
    assert source("192.0.2.1", "203.0.113.7", proto="https") == ("192.0.2.1", False)
    assert source("11.0.0.1", "203.0.113.7") == ("11.0.0.1", False)


def test_the_address_is_the_last_that_a_trusted_proxy_did_not_vouch_for_itself() -> None:
    assert source("10.0.0.1", "203.0.113.7") == ("203.0.113.7", False)
    assert source("10.0.0.1", "198.51.100.9, 203.0.113.7") == ("203.0.113.7", False), "the first is anybody's word"
    assert source("10.0.0.1", "198.51.100.9, 203.0.113.7, 10.0.0.2") == ("203.0.113.7", False)
    assert source("10.0.0.1", "198.51.100.9", "203.0.113.7,10.0.0.2") == ("203.0.113.7", False)
    assert source("10.0.0.1", "10.0.0.3, 10.0.0.2") == ("10.0.0.3", False)
    assert source("10.0.0.1", "garbage, 203.0.113.7") == ("203.0.113.7", False)
    assert source("::1", "[2001:db8::1]") == ("2001:db8::1", False)
    assert source("::ffff:10.0.0.1", "203.0.113.7") == ("203.0.113.7", False)


def test_a_proxy_that_says_nothing_is_the_source_itself() -> None:
    assert source("10.0.0.1") == ("10.0.0.1", False)


def test_the_scheme_is_the_trusted_proxys_word() -> None:
    assert source("10.0.0.1", "203.0.113.7", proto="https") == ("203.0.113.7", True)
    assert source("10.0.0.1", "203.0.113.7", proto="http", secure=True) == ("203.0.113.7", False)
    assert source("10.0.0.1", "203.0.113.7", proto="https, http") == ("203.0.113.7", False)
    assert source("10.0.0.1", "203.0.113.7", proto="gopher", secure=True) == ("203.0.113.7", True)


@pytest.mark.parametrize("hop", ["unknown", "203.0.113.7:443", "", "203.0.113.7 evil", "203.0.113.7, "])
def test_what_a_trusted_proxy_says_unreadably_is_not_guessed(hop: str) -> None:
    with pytest.raises(UnreadableAddress):
        source("10.0.0.1", hop)
