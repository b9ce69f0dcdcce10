"""source.documents against real servers on this machine, honest and hostile.

Source: IAM User Guide, "Obtain the thumbprint for an OpenID Connect identity provider"; OWASP, "Server-Side Request
Forgery Prevention".
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from daypass import limits
from daypass.service.ports import DocumentRefused, DocumentUnreachable
from daypass.source.documents import HttpsDocuments
from support.certificates import Certified, certified
from support.identity_provider import DISCOVERY, IdentityProvider, authority, identity_provider, says


@pytest.fixture(scope="module")
def known() -> Certified:
    return authority()


@pytest.fixture(scope="module")
def bundle(known: Certified, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "bundle.pem"
    path.write_bytes(known.pem)
    return path


@pytest.fixture(scope="module")
def server(known: Certified, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with identity_provider(tmp_path_factory.mktemp("server"), known) as running:
        yield running


@pytest.fixture
def documents(server: IdentityProvider, bundle: Path) -> HttpsDocuments:
    server.answers.clear()
    server.asked.clear()
    return HttpsDocuments(frozenset({server.origin}), bundle)


async def refused(documents: HttpsDocuments, url: str, *thumbprints: str) -> str:
    with pytest.raises(DocumentRefused) as error:
        await documents.fetch(url, thumbprints)
    return str(error.value)


async def unreachable(documents: HttpsDocuments, url: str, *thumbprints: str) -> str:
    with pytest.raises(DocumentUnreachable) as error:
        await documents.fetch(url, thumbprints)
    return str(error.value)


# --- whom it asks --------------------------------------------------------------------------------------------


async def test_a_document_of_an_allowed_origin_is_fetched(documents: HttpsDocuments, server: IdentityProvider) -> None:
    server.answers["/document"] = says(b'{"a":1}')
    assert await documents.fetch(f"{server.url}/document", ()) == b'{"a":1}'


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_nothing_on_this_machine_is_asked_unless_it_is_allowed(
    server: IdentityProvider, bundle: Path, host: str
) -> None:
    server.asked.clear()
    url = server.url.replace("127.0.0.1", host)
    with pytest.raises((DocumentRefused, DocumentUnreachable)):  # the latter where the system knows no such name
        await HttpsDocuments(frozenset(), bundle).fetch(url, ())
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/latest/meta-data/",
        "https://10.0.0.1/",
        "https://192.168.0.1:8443/keys",
    ],
)
async def test_no_metadata_and_no_private_network_is_asked(url: str) -> None:
    began = time.perf_counter()
    assert "not a public address" in await refused(HttpsDocuments(), url)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "file:///etc/passwd", "ftp://example.com/", "https://", "https://u:p@example.com/", "keys"],
)
async def test_what_is_no_https_url_is_refused(url: str) -> None:
    message = await refused(HttpsDocuments(), url)
    assert message in ("it is no URL of a document", "it is not an https URL")


async def test_plain_http_is_spoken_to_an_origin_that_is_allowed_so(tmp_path: Path) -> None:
    with identity_provider(tmp_path, tls=False) as plain:
        allowed = HttpsDocuments(frozenset({plain.origin}))
        assert b"jwks_uri" in await allowed.fetch(plain.url + DISCOVERY, ())
        other = HttpsDocuments(frozenset({plain.origin.replace("http:", "https:")}))
        assert await refused(other, plain.url + DISCOVERY) == "it is not an https URL"


# --- what it takes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(documents: HttpsDocuments, server: IdentityProvider, status: int) -> None:
    server.answers["/"] = says(b"", status=status, headers={"Location": f"{server.url}/elsewhere"})
    assert await refused(documents, f"{server.url}/") == f"127.0.0.1 answered {status}"
    assert server.asked == ["/"]


async def test_a_redirect_to_the_metadata_is_not_followed(documents: HttpsDocuments, server: IdentityProvider) -> None:
    server.answers["/"] = says(b"", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    assert await refused(documents, f"{server.url}/") == "127.0.0.1 answered 302"


@pytest.mark.parametrize("status", [204, 206, 401, 404, 500])
async def test_only_a_200_is_a_document(documents: HttpsDocuments, server: IdentityProvider, status: int) -> None:
    server.answers["/"] = says(b"", status=status)
    assert str(status) in await refused(documents, f"{server.url}/")


async def test_a_gigabyte_is_refused_by_its_announced_length(
    documents: HttpsDocuments, server: IdentityProvider
) -> None:
    server.answers["/"] = says(b"", headers={"Content-Length": str(1 << 30)})
    assert await refused(documents, f"{server.url}/") == "it is too long"


async def test_a_gigabyte_that_is_not_announced_is_cut_off_in_bounded_memory(
    documents: HttpsDocuments, server: IdentityProvider
) -> None:
    sent = []

    def pour(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        piece = b" " * 65_536
        for _ in range(1 << 14):
            request.wfile.write(piece)
            sent.append(len(piece))

    server.answers["/"] = pour
    tracemalloc.start()
    began = time.perf_counter()
    try:
        assert await refused(documents, f"{server.url}/") == "it is too long"
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < limits.IDP_DOCUMENT_SECONDS
    assert sum(sent) < 1 << 27


async def test_a_compressed_answer_is_not_inflated(documents: HttpsDocuments, server: IdentityProvider) -> None:
    server.answers["/"] = says(b"\x1f\x8b not inflated", headers={"Content-Encoding": "gzip"})
    assert await documents.fetch(f"{server.url}/", ()) == b"\x1f\x8b not inflated"


async def test_a_server_that_hangs_is_given_up_in_time(
    documents: HttpsDocuments, server: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDP_DOCUMENT_SECONDS", 0.5)
    server.answers["/"] = lambda request: time.sleep(2)
    began = time.perf_counter()
    assert await unreachable(documents, f"{server.url}/") == f"{server.origin} did not answer in time"
    assert time.perf_counter() - began < 1.5


async def test_a_server_that_trickles_is_given_up_in_time(
    documents: HttpsDocuments, server: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(40):
            request.wfile.write(b" ")
            time.sleep(0.05)

    monkeypatch.setattr(limits, "IDP_DOCUMENT_SECONDS", 0.5)
    server.answers["/"] = trickle
    assert await unreachable(documents, f"{server.url}/") == f"{server.origin} did not answer in time"


async def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDP_DOCUMENT_SECONDS", 0.5)
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with silent:
        origin = f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        assert await unreachable(HttpsDocuments(frozenset({origin})), origin) == f"{origin} did not answer in time"


async def test_nobody_there_is_unreachable() -> None:
    closed = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    origin = f"https://127.0.0.1:{closed.sockets[0].getsockname()[1]}"
    closed.close()
    await closed.wait_closed()
    assert origin in await unreachable(HttpsDocuments(frozenset({origin})), origin)


# --- whose certificates it believes --------------------------------------------------------------------------


def test_a_bundle_without_certificates_is_said_to_be_one(tmp_path: Path) -> None:
    for text in ("", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        (tmp_path / "empty.pem").write_text(text)
        with pytest.raises(ValueError, match=r"no certificate authorities can be read from .*empty\.pem"):
            HttpsDocuments(frozenset(), tmp_path / "empty.pem")


async def test_a_certificate_of_nobody_known_is_refused(server: IdentityProvider) -> None:
    stranger = HttpsDocuments(frozenset({server.origin}))
    assert "certificate" in await unreachable(stranger, server.url + DISCOVERY)


async def test_a_certificate_of_another_host_is_refused_even_of_a_known_authority(
    documents: HttpsDocuments, server: IdentityProvider, known: Certified, bundle: Path, tmp_path: Path
) -> None:
    with identity_provider(tmp_path, known) as other:
        name = other.origin.replace("127.0.0.1", "127.0.0.2")
        elsewhere = HttpsDocuments(frozenset({name}), bundle)
        await unreachable(elsewhere, name)
        await unreachable(elsewhere, name, known.thumbprint)


async def test_a_thumbprint_of_the_presented_authority_stands_in_for_a_known_one(tmp_path: Path) -> None:
    """The presented certificate becomes the authority: what it did not sign is not believed for its company."""
    private = authority()
    with identity_provider(tmp_path, private, chain=(private,)) as behind:
        documents = HttpsDocuments(frozenset({behind.origin}))
        assert b"issuer" in await documents.fetch(behind.url + DISCOVERY, ("0" * 40, private.thumbprint))
        await unreachable(documents, behind.url + DISCOVERY)
        await unreachable(documents, behind.url + DISCOVERY, "0" * 40)


def test_a_thumbprint_of_a_self_signed_certificate_is_enough(tmp_path: Path) -> None:
    with identity_provider(tmp_path) as alone:
        der = ssl.PEM_cert_to_DER_cert(next(tmp_path.glob("server-*.pem")).read_text())
        own = hashlib.sha1(der, usedforsecurity=False).hexdigest()
        documents = HttpsDocuments(frozenset({alone.origin}))
        assert b"issuer" in asyncio.run(documents.fetch(alone.url + DISCOVERY, (own,)))


async def test_a_known_thumbprint_shown_beside_a_certificate_it_did_not_sign_is_refused(tmp_path: Path) -> None:
    trusted, mallory = authority(), certified("Mallory", authority=True)
    with identity_provider(tmp_path, mallory, chain=(mallory, trusted)) as impostor:
        documents = HttpsDocuments(frozenset({impostor.origin}))
        await unreachable(documents, impostor.url + DISCOVERY, trusted.thumbprint)
        assert impostor.asked == []
