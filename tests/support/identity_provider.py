"""An OpenID Connect provider on this machine: a real HTTPS server with a certificate of our own authority.

It answers what it is told to, and misbehaves if it is told to. It runs in a thread; the tests' event loop asks it.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.certificates import Certified, certified, rsa_key
from support.web_tokens import PrivateKey, jwk, token

Answer = Callable[[BaseHTTPRequestHandler], None]

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"


class IdentityProvider:
    """url: the issuer. answers: by path, in place of what an honest provider says. asked: the paths, in order."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        self.origin = f"{scheme}://127.0.0.1:{server.server_port}"
        self.url = self.origin
        self.key: PrivateKey = rsa_key("identity provider")
        self.keys: list[dict[str, Any]] = [jwk(self.key)]
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    def configuration(self, **more: Any) -> dict[str, Any]:
        return {"issuer": self.url, "jwks_uri": self.url + JWKS, **more}

    def claims(self, **more: Any) -> dict[str, Any]:
        """What an ordinary token says; a None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": "alice", "aud": "app", "iat": now, "exp": now + 600, **more}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **more: Any) -> str:
        return token(self.claims(**more), self.key)

    def rotate(self, name: str, kid: str) -> None:
        """A new key, published alone."""
        self.key = rsa_key(name)
        self.keys = [jwk(self.key, kid)]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path
        self.asked.append(path)
        if path in self.answers:
            self.answers[path](request)
        elif path == DISCOVERY:
            send(request, json.dumps(self.configuration()).encode())
        elif path == JWKS:
            send(request, json.dumps({"keys": self.keys}).encode())
        else:
            send(request, b"{}", status=404)


def send(
    request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def says(body: bytes | Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: send(request, raw, status=status, headers=headers)


def authority() -> Certified:
    return certified("Test Authority", authority=True)


@contextmanager
def identity_provider(
    directory: Path, issued_by: Certified | None = None, *, tls: bool = True, chain: tuple[Certified, ...] = ()
) -> Iterator[IdentityProvider]:
    """issued_by: of its certificate. chain: what it presents beside its own certificate."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 20

        def do_GET(self) -> None:
            provider.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that refuses a certificate or an answer closes the connection

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        own = certified("127.0.0.1", issuer=issued_by, hosts=("127.0.0.1", "localhost"), authority=issued_by is None)
        certificate, key = own.write(directory, f"server-{server.server_port}", *chain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The handshake is made in the thread of the connection, so that a client that never speaks holds up nobody.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    provider = IdentityProvider(server, "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
