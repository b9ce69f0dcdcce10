"""config: where the authorizer may listen, and what for."""

from __future__ import annotations

from pathlib import Path

import pytest

from daypass.config import MutualTls, SettingsError, load

TOKEN = "a-token-of-more-than-thirty-two-characters"
FILES = {
    "authorizer_tls_certificate": "/tls/server.pem",
    "authorizer_tls_key": "/tls/server.key",
    "authorizer_client_ca": "/tls/askers.pem",
}


@pytest.mark.parametrize("where", ["0.0.0.0:8421", "[::]:8421", "authorizer.internal:8421", "127.0.0.1:8421"])
def test_with_certificates_on_both_sides_it_listens_anywhere_and_a_token_may_be_added(where: str) -> None:
    listener = load({"data": "/data", "authorizer_listen": where, **FILES}, {}).authorizer
    assert listener is not None
    assert (listener.port, listener.token) == (8421, None)
    expected = MutualTls(Path("/tls/server.pem"), Path("/tls/server.key"), Path("/tls/askers.pem"), frozenset())
    assert listener.tls == expected
    with_token = load({"data": "/data", "authorizer_listen": where, "authorizer_token": TOKEN, **FILES}, {}).authorizer
    assert with_token is not None
    assert with_token.token is not None


def without(name: str) -> dict[str, str]:
    return {other: value for other, value in FILES.items() if other != name}


NETWORK = {"authorizer_listen": "192.0.2.1:8421"}
REFUSED = [
    (NETWORK, "takes a loopback address.* or --authorizer-tls-certificate, --authorizer-tls-key and --authorizer-cli"),
    (NETWORK | {"authorizer_token": TOKEN}, "takes a loopback address"),
    ({"authorizer_listen": "127.0.0.1:8421"}, "DAYPASS_AUTHORIZER_TOKEN, which its askers present, or TLS"),
    (NETWORK | without("authorizer_tls_certificate"), "needs --authorizer-tls-certificate as well"),
    (NETWORK | without("authorizer_tls_key"), "needs --authorizer-tls-key as well"),
    (NETWORK | without("authorizer_client_ca"), "needs --authorizer-client-ca as well"),
    (
        NETWORK | {"authorizer_client_ca": "/ca.pem"},
        "needs --authorizer-tls-certificate and --authorizer-tls-key as well",
    ),
    (NETWORK | {"authorizer_client_name": "proxy"}, "does nothing without --authorizer-client-ca"),
    (NETWORK | FILES | {"authorizer_token": "short"}, "needs at least 32 characters"),
    ({"authorizer_listen": "192.0.2.1:0"} | FILES, "a port of its own"),
    ({"authorizer_listen": "192.0.2.1:8420"} | FILES, "the same port 8420"),
    ({"authorizer_listen": "unix:/run/a.sock"} | FILES, "a Unix socket has no TLS"),
    (FILES, "the authorizer's TLS does nothing without --authorizer-listen"),
    ({"authorizer_token": TOKEN}, "DAYPASS_AUTHORIZER_TOKEN does nothing without"),
    ({"authorizer_listen": "unix:a.sock"}, "an absolute path"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_would_let_anybody_ask_or_do_nothing_is_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load({"data": "/data", **options}, {})
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
