"""edge.pages: which requests are for the console, for signing or for issuers, and not for S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from support.api import InProcess, in_process

DOMAIN = "s3.example"


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    options = {"s3_domains": DOMAIN, "trusted_proxies": "127.0.0.1"}
    with in_process(tmp_path_factory.mktemp("pages") / "data", options=options) as daypass:
        yield daypass


@pytest.mark.parametrize("path", ["/_daypass/console", "/federation?Action=logout", "/_daypass/oidc/x"])
def test_at_a_buckets_own_host_every_path_is_a_key(daypass: InProcess, path: str) -> None:
    own = daypass.send("GET", path, [("Host", f"lake.{DOMAIN}")])
    assert own.headers["content-type"] == "application/xml"
    status, headers, _ = daypass.exchange("GET", path, [("Host", DOMAIN)])
    assert dict(headers).get("content-type") != "application/xml"
    assert status in (302, 401, 404)


@pytest.mark.parametrize(
    ("peer", "source"), [("127.0.0.1", "192.0.2.9"), ("198.51.100.7", "198.51.100.7")], ids=["trusted", "untrusted"]
)
def test_where_a_sign_in_came_from_is_a_trusted_proxys_word_and_nobody_elses(
    daypass: InProcess, peer: str, source: str
) -> None:
    key = daypass.root
    session = json.dumps({"sessionId": key.access_key_id, "sessionKey": key.secret, "sessionToken": "x"})
    query = urlencode({"Action": "getSigninToken", "Session": session})
    headers = [("Host", DOMAIN), ("X-Forwarded-For", "192.0.2.9")]
    daypass.send("GET", f"/federation?{query}", headers, peer=peer)
    assert daypass.audit()[-1]["source_ip"] == source


def test_a_proxys_word_that_cannot_be_read_is_refused(daypass: InProcess) -> None:
    headers = [("Host", DOMAIN), ("X-Forwarded-For", "who knows")]
    assert daypass.send("GET", "/federation?Action=logout", headers).status == 400
