"""HttpsDocuments: the Documents port over the network, guarded against being sent where it must not go.

- Only https, and only public addresses, unless the configuration allows the origin (scheme, host and port).
- Every address that a name resolves to is judged, and the connection goes to one of those judged: a name that
  resolves otherwise a moment later leads nowhere else.
- A redirect is not followed. There is one bound on the time and one on the bytes of everything; cookies, proxies of
  the environment and content encodings do not exist here.
- The server's certificate has to lead to a known certificate authority. Where it does not, and the provider has
  thumbprints, a certificate that the server presents and whose SHA-1 is one of them becomes the authority for this
  connection, whose certificate is then verified like any other.

Source: IAM User Guide, "Obtain the thumbprint for an OpenID Connect identity provider" (thumbprints count where the
certificate is not signed by a known authority); RFC 9110, 15.4; OWASP, "Server-Side Request Forgery Prevention".
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from daypass import limits
from daypass.service.ports import DocumentRefused, DocumentUnreachable
from daypass.source.addresses import is_public
from daypass.wire.origin import origin_of

_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "daypass"}


class HttpsDocuments:
    """allowed: origins, as origin_of gives them, that may have private addresses, or be spoken to without TLS.

    ca_bundle: a file of certificate authorities that are known beside the system's; ValueError if it is none.
    """

    def __init__(self, allowed: frozenset[str] = frozenset(), ca_bundle: Path | None = None) -> None:
        self._allowed = allowed
        self._tls = ssl.create_default_context()
        if ca_bundle is not None:
            try:
                self._tls.load_verify_locations(cafile=ca_bundle)
            except (OSError, ssl.SSLError) as error:
                raise ValueError(f"no certificate authorities can be read from {ca_bundle}: {error}") from None
        self._at_once = asyncio.Semaphore(limits.IDP_CONNECTIONS)

    async def fetch(self, url: str, thumbprints: Sequence[str]) -> bytes:
        try:
            origin = origin_of(url)
        except ValueError:
            raise DocumentRefused("it is no URL of a document") from None
        allowed = origin in self._allowed
        if not origin.startswith("https:") and not allowed:
            raise DocumentRefused("it is not an https URL")
        try:
            async with asyncio.timeout(limits.IDP_DOCUMENT_SECONDS), self._at_once:
                try:
                    return await self._get(url, self._tls, allowed=allowed)
                except aiohttp.ClientConnectorCertificateError:
                    if not thumbprints:
                        raise
                pinned = await self._pinned(url, thumbprints, allowed=allowed)
                return await self._get(url, pinned, allowed=allowed)
        except TimeoutError:
            raise DocumentUnreachable(f"{origin} did not answer in time") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise DocumentUnreachable(f"{origin}: {error.certificate_error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DocumentUnreachable(f"{origin}: {error}") from None

    async def _get(self, url: str, tls: ssl.SSLContext, *, allowed: bool) -> bytes:
        """One exchange on a connection of its own."""
        host = urlsplit(url).hostname or ""
        connector = aiohttp.TCPConnector(
            ssl=tls, resolver=_Judge(allowed=allowed), use_dns_cache=False, force_close=True
        )
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        ) as session:
            # An address in a URL is never resolved, so it is judged here.
            if not allowed and _is_address(host) and not is_public(host):
                raise DocumentRefused(f"{host} is not a public address")
            async with session.get(url, headers=_HEADERS, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise DocumentRefused(f"{host} answered {answer.status}")
                return await _bounded(answer)

    async def _pinned(self, url: str, thumbprints: Sequence[str], *, allowed: bool) -> ssl.SSLContext:
        """A context whose only authority is the certificate, among those presented, that has one of the thumbprints."""
        parts = urlsplit(url)
        addresses = await _Judge(allowed=allowed).resolve(parts.hostname or "", parts.port or 443)
        for der in await _presented(addresses[0]["host"], parts.port or 443, parts.hostname or ""):
            if hashlib.sha1(der, usedforsecurity=False).hexdigest() in thumbprints:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
                context.load_verify_locations(cadata=der)
                return context
        raise DocumentUnreachable(
            f"{parts.hostname}: its certificate is neither of a known authority nor has it a thumbprint"
        )


class _Judge(AbstractResolver):
    """Resolves a name to addresses that may be asked; if one of them may not, none is."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = []
        for address_family, _, protocol, _, address in found:
            text = str(address[0])
            if not self._allowed and not is_public(text):
                raise DocumentRefused(f"{host} is {text}, which is not a public address")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=text,
                    port=port,
                    family=address_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        pass


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    if (answer.content_length or 0) > limits.IDP_DOCUMENT_BYTES:
        raise DocumentRefused("it is too long")
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > limits.IDP_DOCUMENT_BYTES:
            raise DocumentRefused("it is too long")
    return bytes(body)


async def _presented(address: str, port: int, host: str) -> list[bytes]:
    """The certificates that a server presents, in DER, unproven: nothing is sent to it and nothing else is read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the chain is only looked at; the connection that counts verifies it
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    try:
        tls: Any = writer.get_extra_info("ssl_object")
        if hasattr(tls, "get_unverified_chain"):  # Python 3.13
            return [bytes(der) for der in tls.get_unverified_chain()]
        return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in tls._sslobj.get_unverified_chain() or ()]
    finally:
        writer.transport.abort()


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()
