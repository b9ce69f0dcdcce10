"""wire.origin: one spelling of the origin of a URL. Source: RFC 6454, 4."""

from __future__ import annotations

import pytest

from daypass.wire.origin import origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://IDP.example.com/realm", "https://idp.example.com:443"),
        ("https://idp.example.com:443", "https://idp.example.com:443"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://idp", "http://idp:80"),
    ],
)
def test_an_origin_is_in_lower_case_and_has_its_port_always(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "idp.example.com", "ftp://idp", "https://", "https://u@idp", "https://idp:port"])
def test_what_has_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        origin_of(url)
