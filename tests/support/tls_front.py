"""TLS before a plain server, as a terminator is in production: SDKs send other bodies over https."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.certificates import certified


@dataclass(frozen=True)
class TlsFront:
    """url: of the front. ca: the file of the authority that clients have to trust."""

    url: str
    ca: Path


@contextlib.contextmanager
def tls_front(directory: Path, port: int) -> Iterator[TlsFront]:
    """port: of the plain server on loopback."""
    authority = certified("tests", authority=True)
    chain, key = certified("front", issuer=authority, hosts=("127.0.0.1",)).write(directory, "front")
    ca = directory / "ca.pem"
    ca.write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield TlsFront(f"https://127.0.0.1:{listener.getsockname()[1]}", ca)
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, context, port), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        answers = threading.Thread(target=_pass, args=(server, client), daemon=True)
        answers.start()
        _pass(client, server)
        answers.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
