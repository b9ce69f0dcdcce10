"""service.issuer_keys against a real provider on this machine: when it is asked, and what is kept.

Source: OpenID Connect Discovery 1.0, 4; OpenID Connect Core 1.0, 10.1.1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.issuer_keys import IssuerKeys
from daypass.source.documents import HttpsDocuments
from daypass.wire import jwt
from daypass.wire.jwt import VerificationKey
from daypass.wire.origin import origin_of
from support.certificates import rsa_key
from support.identity_provider import DISCOVERY, JWKS, Answer, IdentityProvider, authority, identity_provider, says
from support.web_tokens import jwk, token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOTH = [DISCOVERY, JWKS]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IdentityProvider, Path]]:
    known, directory = authority(), tmp_path_factory.mktemp("issuer")
    bundle = directory / "bundle.pem"
    bundle.write_bytes(known.pem)
    with identity_provider(directory, known) as provider:
        yield provider, bundle


@pytest.fixture
def provider(running: tuple[IdentityProvider, Path]) -> IdentityProvider:
    provider = running[0]
    provider.answers.clear()
    provider.asked.clear()
    provider.rotate("identity provider", "key-1")
    return provider


@pytest.fixture
def keys(running: tuple[IdentityProvider, Path]) -> IssuerKeys:
    provider, bundle = running
    return IssuerKeys(HttpsDocuments(frozenset({provider.origin}), bundle))


async def find(
    keys: IssuerKeys, provider: IdentityProvider, *, kid: str | None = "key-1", now: datetime = NOW
) -> VerificationKey:
    read = jwt.parse(token(provider.claims(), provider.key, kid=kid))
    return await keys.find(provider.url, (), read, now)


async def refusal(keys: IssuerKeys, provider: IdentityProvider, *, kid: str = "key-1", now: datetime = NOW) -> str:
    with pytest.raises(ServiceError) as refused:
        await find(keys, provider, kid=kid, now=now)
    return refused.value.code


async def test_keys_are_found_by_discovery_once_and_kept(keys: IssuerKeys, provider: IdentityProvider) -> None:
    first = await find(keys, provider)
    assert await find(keys, provider, now=NOW + timedelta(seconds=limits.ISSUER_KEYS_SECONDS - 1)) is first
    assert provider.asked == BOTH


async def test_many_who_ask_at_once_make_one_question(keys: IssuerKeys, provider: IdentityProvider) -> None:
    found = await asyncio.gather(*[find(keys, provider) for _ in range(20)])
    assert len({id(key) for key in found}) == 1
    assert provider.asked == BOTH


async def test_keys_that_are_old_are_fetched_anew(keys: IssuerKeys, provider: IdentityProvider) -> None:
    await find(keys, provider)
    provider.keys = [jwk(rsa_key("another"))]
    later = NOW + timedelta(seconds=limits.ISSUER_KEYS_SECONDS)
    new = await find(keys, provider, now=later)
    assert new.public == rsa_key("another").public_key()
    assert provider.asked == BOTH * 2


async def test_a_key_that_was_withdrawn_is_believed_no_longer_than_it_is_kept(
    keys: IssuerKeys, provider: IdentityProvider
) -> None:
    await find(keys, provider)
    provider.keys = []
    assert await refusal(keys, provider, now=NOW + timedelta(seconds=limits.ISSUER_KEYS_SECONDS)) == (
        "InvalidIdentityToken"
    )


async def test_an_unknown_key_id_asks_again_but_once_a_minute(keys: IssuerKeys, provider: IdentityProvider) -> None:
    await find(keys, provider)
    provider.rotate("rotated", "key-2")
    assert await refusal(keys, provider, kid="key-2", now=NOW + timedelta(seconds=59)) == "InvalidIdentityToken"
    assert provider.asked == BOTH
    after_a_minute = NOW + timedelta(seconds=limits.ISSUER_REFETCH_SECONDS)
    assert (await find(keys, provider, kid="key-2", now=after_a_minute)).key_id == "key-2"
    assert provider.asked == BOTH * 2
    for number in range(50):
        await refusal(keys, provider, kid=f"made up {number}", now=after_a_minute)
    assert provider.asked == BOTH * 2


async def test_a_failure_is_not_kept_and_not_asked_again_at_once(keys: IssuerKeys, provider: IdentityProvider) -> None:
    provider.answers[JWKS] = says(b"", status=500)
    for _ in range(10):
        assert await refusal(keys, provider) == "InvalidIdentityToken"
    assert provider.asked == BOTH
    del provider.answers[JWKS]
    assert await refusal(keys, provider, now=NOW + timedelta(seconds=4)) == "InvalidIdentityToken"
    await find(keys, provider, now=NOW + timedelta(seconds=limits.ISSUER_RETRY_SECONDS))
    assert provider.asked == BOTH * 2


async def test_good_keys_outlive_a_failed_question(keys: IssuerKeys, provider: IdentityProvider) -> None:
    first = await find(keys, provider)
    provider.answers[DISCOVERY] = says(b"not JSON")
    later = NOW + timedelta(seconds=limits.ISSUER_REFETCH_SECONDS)
    assert await refusal(keys, provider, kid="unknown", now=later) == "InvalidIdentityToken"
    assert await find(keys, provider, now=later) is first


async def test_a_provider_that_is_not_there_is_told_apart_because_clients_try_again(
    provider: IdentityProvider,
) -> None:
    stranger = IssuerKeys(HttpsDocuments(frozenset({provider.origin})))  # which knows no such authority
    assert await refusal(stranger, provider) == "IDPCommunicationError"
    assert await refusal(IssuerKeys(), provider) == "IDPCommunicationError"


def hangs(request: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


UNUSABLE: dict[str, tuple[str, Answer]] = {
    "a redirect to the metadata": (
        DISCOVERY,
        says(b"", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}),
    ),
    "another issuer's document": (
        DISCOVERY,
        says({"issuer": "https://other.example.com", "jwks_uri": "https://x.org"}),
    ),
    "a document without an issuer": (DISCOVERY, says({"jwks_uri": "https://x.org"})),
    "a document without a key set": (DISCOVERY, says({})),
    "a list": (DISCOVERY, says(b"[]")),
    "a name twice": (DISCOVERY, says(b'{"jwks_uri":"a","jwks_uri":"b"}')),
    "a bomb of brackets": (DISCOVERY, says(b"[" * 200_000)),
    "a key set of brackets": (JWKS, says(b'{"keys":' + b"[" * 200_000)),
    "a key set that is announced as a gigabyte": (JWKS, says(b"", headers={"Content-Length": str(1 << 30)})),
    "a redirected key set": (JWKS, says(b"", status=301, headers={"Location": "https://x.org"})),
    "no keys": (JWKS, says({"keys": []})),
    "too many keys": (JWKS, says({"keys": [{}] * (limits.JWKS_KEYS + 1)})),
}


@pytest.mark.parametrize("case", UNUSABLE)
async def test_what_cannot_be_used_is_refused_and_nothing_of_it_is_kept(
    keys: IssuerKeys, provider: IdentityProvider, case: str
) -> None:
    path, answer = UNUSABLE[case]
    provider.answers[path] = answer
    began = time.perf_counter()
    assert await refusal(keys, provider) == "InvalidIdentityToken"
    assert time.perf_counter() - began < 1
    provider.answers.clear()
    await find(keys, provider, now=NOW + timedelta(seconds=limits.ISSUER_REFETCH_SECONDS))


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/keys",
        "https://[fd00:ec2::254]/keys",
        "https://127.0.0.1:1/keys",
        "file:///etc/passwd",
        "keys",
        5,
    ],
)
async def test_a_key_set_elsewhere_is_asked_by_the_same_rules(
    keys: IssuerKeys, provider: IdentityProvider, uri: object
) -> None:
    """An issuer that the configuration allows on a private address cannot send Daypass to another."""
    provider.answers[DISCOVERY] = says(provider.configuration(jwks_uri=uri))
    assert await refusal(keys, provider) == "InvalidIdentityToken"


async def test_a_provider_that_hangs_is_given_up_in_time(
    keys: IssuerKeys, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDP_DOCUMENT_SECONDS", 0.4)
    provider.answers[JWKS] = hangs
    began = time.perf_counter()
    assert await refusal(keys, provider) == "IDPCommunicationError"
    assert time.perf_counter() - began < 1.2


async def test_other_thumbprints_are_another_trust(keys: IssuerKeys, provider: IdentityProvider) -> None:
    read = jwt.parse(provider.token())
    await keys.find(provider.url, (), read, NOW)
    await keys.find(provider.url, ("a" * 40,), read, NOW)
    assert provider.asked == BOTH * 2


async def test_an_issuer_with_a_slash_at_its_end_is_asked_below_it_and_compared_with_it(
    keys: IssuerKeys, provider: IdentityProvider
) -> None:
    slashed = provider.url + "/"
    provider.answers[DISCOVERY] = says(provider.configuration(issuer=slashed))
    read = jwt.parse(provider.token())
    assert (await keys.find(slashed, (), read, NOW)).key_id == "key-1"
    with pytest.raises(ServiceError):
        await keys.find(provider.url, (), read, NOW)


def test_http_is_for_issuers_that_are_allowed_so() -> None:
    keys = IssuerKeys(allowed=frozenset({origin_of("http://keycloak:8080")}))
    assert keys.admits("https://idp.example.com")
    assert keys.admits("http://keycloak:8080/realm")
    assert not keys.admits("http://keycloak/realm")
    assert not keys.admits("keycloak")
