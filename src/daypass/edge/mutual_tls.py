"""TLS with a certificate on both sides, for the one listener that has it: the authorizer's, reached over a network.

Owns the terms of the handshake and whose certificate is taken, for how long. What is asked afterwards is
edge.authorizer's. uvicorn has one TLS setting for all its sockets; it asks the event loop for a server on each of them,
and the loop here makes that of the authorizer with TLS.

Source: RFC 9325, "Recommendations for Secure Use of TLS"; RFC 9525, "Service Identity in TLS", for the common name,
which is none beside a subjectAltName. RFC 5280's "Certification Path Validation" is OpenSSL's work.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvloop

from daypass import limits
from daypass.edge.asgi import utc_now

_log: Final = logging.getLogger("daypass")
_KINDS: Final = frozenset({"DNS", "URI", "IP Address", "email"})  # of names, as Python calls them


def server_context(certificate: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer, with a client's certificate that leads to an authority, or no connection.

    certificate, key: what the server shows, PEM; the certificate is followed by those above it.
    client_ca: the authorities of whoever may connect, PEM.

    Raises:
        ValueError: a file cannot be used; says which.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        # With an empty password a key that has one is an error, and not a question on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # an SSLError is one
        raise ValueError(f"the certificate {certificate} with the key {key}: {_told(error)}") from None
    try:
        context.load_verify_locations(client_ca)
    except OSError as error:
        raise ValueError(f"the certificate authorities {client_ca}: {_told(error)}") from None
    return context


def _told(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM").lower().replace("_", " ")
    return error.strerror or "cannot be read"


def names_of(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Whom a verified certificate is for: its alternative names; its common name only if it has none of these.

    certificate: as `ssl.SSLSocket.getpeercert` tells it.
    """
    alternative = certificate.get("subjectAltName", ())
    if alternative:
        return frozenset(name for kind, name in alternative if kind in _KINDS)
    parts = (part for parts in certificate.get("subject", ()) for part in parts)
    return frozenset(value for kind, value in parts if kind == "commonName")


class Admission(asyncio.Protocol):
    """The way into a listener: one connection, whose handshake is done, until its certificate is over.

    A connection whose certificate has none of the names is closed before anything of it is read. So is, at the end of
    its certificate, one that was open then: neither a long connection nor a resumed session outlives it.

    client_names: empty: all that the authority has signed. make: what reads the connection.
    """

    def __init__(self, client_names: frozenset[str], make: Callable[[], asyncio.Protocol]) -> None:
        self._client_names = client_names
        self._make = make
        self._inside: asyncio.Protocol | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        certificate = transport.get_extra_info("peercert") or {}
        names = names_of(certificate)
        if not certificate or (self._client_names and self._client_names.isdisjoint(names)):
            shown = ", ".join(sorted(names)) or "nobody"
            _log.warning("a connection to the authorizer was closed: its certificate is for %r", shown)
            transport.close()
            return
        left = ssl.cert_time_to_seconds(certificate["notAfter"]) - utc_now().timestamp()
        if left <= 0:  # of a session that is resumed
            transport.close()
            return
        self._end = asyncio.get_running_loop().call_later(left, transport.close)
        self._inside = self._make()
        self._inside.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._inside is not None:
            self._inside.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._inside is not None:
            self._inside.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._inside is None else self._inside.eof_received()

    def pause_writing(self) -> None:
        if self._inside is not None:
            self._inside.pause_writing()

    def resume_writing(self) -> None:
        if self._inside is not None:
            self._inside.resume_writing()


class MutualTlsLoop(uvloop.Loop):
    """An event loop whose server on one port has TLS with certificates on both sides.

    files: of the certificate, its key and the clients' authorities, as for server_context. A certificate that was
    renewed is shown to whoever connects then; the authorities are read once.

    Raises:
        ValueError: a file cannot be used.
    """

    def __init__(
        self,
        port: int,
        files: tuple[Path, Path, Path],
        client_names: frozenset[str],
        renewal_seconds: float = limits.TLS_RENEWAL_SECONDS,
    ) -> None:
        super().__init__()
        self._port = port
        self._files = files
        self._shown = _versions(files)
        self._context = server_context(*files)
        self._client_names = client_names
        self._renewal_seconds = renewal_seconds

    async def create_server(self, protocol_factory: Any, *arguments: Any, **named: Any) -> Any:
        listener = named.get("sock")
        if isinstance(listener, socket.socket) and _port(listener) == self._port:
            protocol_factory = partial(Admission, self._client_names, protocol_factory)
            named |= {"ssl": self._context, "ssl_handshake_timeout": limits.TLS_HANDSHAKE_SECONDS}
            self.call_later(self._renewal_seconds, self._renew)
        return await super().create_server(protocol_factory, *arguments, **named)

    def _renew(self) -> None:
        """Shows the certificate that is in the files now; one that cannot be used leaves the one before in place."""
        versions = _versions(self._files)
        if versions != self._shown:
            self._shown = versions
            try:
                server_context(*self._files)  # apart, since a pair that does not fit would damage the one in use
                self._context.load_cert_chain(*self._files[:2], password="")
                _log.info("the authorizer shows the certificate that was renewed")
            except (ValueError, OSError) as error:
                _log.error("the authorizer's certificate was changed and cannot be used: %s", error)
        self.call_later(self._renewal_seconds, self._renew)


def _versions(files: tuple[Path, Path, Path]) -> list[tuple[int, int, int] | None]:
    """What changes when the certificate or its key is written or replaced, also behind a symbolic link."""
    return [_version(path) for path in files[:2]]


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _port(listener: socket.socket) -> int | None:
    name = listener.getsockname()
    return name[1] if isinstance(name, tuple) else None
