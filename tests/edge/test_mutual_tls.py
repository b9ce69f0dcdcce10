"""edge.mutual_tls: who may connect to an authorizer on a network, by real servers and real TLS clients."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from daypass.edge.mutual_tls import MutualTlsLoop, names_of, server_context
from daypass.middleware import Authorizer
from support.backends import free_port
from support.certificates import Certified, certified
from support.commands import daypass_command
from support.server import Daypass, running

SECONDS = 10
TOKEN = "a-token-of-more-than-thirty-two-characters"
SPIFFE = "spiffe://daypass.test/envoy"

SERVERS = certified("servers", authority=True)
ASKERS = certified("askers", authority=True)
OTHERS = certified("askers", authority=True)  # of the same name
PROXY = certified("proxy", issuer=ASKERS, hosts=("proxy.internal",))


class Listening(NamedTuple):
    """A server whose authorizer listens with TLS. files: of its own certificate and key, and of the authorities."""

    daypass: Daypass
    port: int
    directory: Path

    def connection(self, shown: Certified | None, context: ssl.SSLContext | None = None) -> HTTPSConnection:
        context = context or ssl.create_default_context(cadata=SERVERS.pem.decode())
        if shown is not None:
            chain, key = shown.write(self.directory, f"client-{id(shown)}")
            context.load_cert_chain(chain, key)
        return HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=context)

    def ask(self, connection: HTTPConnection, **headers: str) -> tuple[int, Any]:
        question = {"principal": f"arn:aws:iam::{self.daypass.account_id}:root", "action": "s3:GetObject"}
        body = json.dumps(question | {"resource": "arn:aws:s3:::lake/a"})
        connection.request(
            "POST", "/_daypass/authorize", body, {name.replace("_", "-"): headers[name] for name in headers}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def options(directory: Path, port: int) -> tuple[str, ...]:
    certificate, key = certified("daypass", issuer=SERVERS, hosts=("127.0.0.1",)).write(directory, "server")
    (directory / "askers.pem").write_bytes(ASKERS.pem)
    return (
        *("--authorizer-listen", f"127.0.0.1:{port}"),
        *("--authorizer-tls-certificate", str(certificate)),
        *("--authorizer-tls-key", str(key)),
        *("--authorizer-client-ca", str(directory / "askers.pem")),
    )


@contextmanager
def listening(directory: Path, *more: str, environment: Mapping[str, str] | None = None) -> Iterator[Listening]:
    port = free_port()
    with running(directory / "data", *options(directory, port), *more, environment=environment) as daypass:
        yield Listening(daypass, port, directory)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Takes two names, no token."""
    with listening(tmp_path_factory.mktemp("named"), "--authorizer-client-name", f"proxy.internal,{SPIFFE}") as server:
        yield server


@pytest.fixture(scope="module")
def any_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Takes every certificate of the authority, with a token; two workers."""
    environment = {"DAYPASS_AUTHORIZER_TOKEN": TOKEN}
    with listening(tmp_path_factory.mktemp("any"), "--workers", "2", environment=environment) as server:
        yield server


ADMITTED = {
    "a DNS name": PROXY,
    "a URI": certified("anything", issuer=ASKERS, hosts=(SPIFFE,)),
    "one of several names": certified("anything", issuer=ASKERS, hosts=("elsewhere", "proxy.internal")),
    "a common name, if it has no other": certified("proxy.internal", issuer=ASKERS),
    "a certificate for clients": certified(
        "proxy", issuer=ASKERS, hosts=("proxy.internal",), usage=ExtendedKeyUsageOID.CLIENT_AUTH
    ),
}


@pytest.mark.parametrize("shown", ADMITTED.values(), ids=ADMITTED.keys())
def test_whoever_shows_a_certificate_with_the_name_is_answered(named: Listening, shown: Certified) -> None:
    connection = named.connection(shown)
    for _ in range(2):  # on one connection
        status, answer = named.ask(connection)
        assert (status, answer["allowed"]) == (200, True)
    connection.close()


BEFORE = datetime.now(UTC) - timedelta(seconds=1)
REFUSED = {
    "no certificate": None,
    "that of another authority": certified("proxy", issuer=OTHERS, hosts=("proxy.internal",)),
    "one that signed itself": certified("proxy", hosts=("proxy.internal",)),
    "one that is over": certified("proxy", issuer=ASKERS, hosts=("proxy.internal",), until=BEFORE),
    "another name": certified("proxy", issuer=ASKERS, hosts=("proxy.internal.evil",)),
    "another common name": certified("nobody", issuer=ASKERS),
    "the name as common name beside others": certified("proxy.internal", issuer=ASKERS, hosts=("elsewhere",)),
    "a wildcard for the name": certified("proxy", issuer=ASKERS, hosts=("*.internal",)),
    "one for servers alone": certified(
        "proxy", issuer=ASKERS, hosts=("proxy.internal",), usage=ExtendedKeyUsageOID.SERVER_AUTH
    ),
    "one of the servers' authority": certified("proxy", issuer=SERVERS, hosts=("proxy.internal",)),
}


@pytest.mark.parametrize("shown", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_whoever_does_not_is_told_nothing(named: Listening, shown: Certified | None, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cadata=SERVERS.pem.decode())
    context.minimum_version = context.maximum_version = version
    connection = named.connection(shown, context)
    with pytest.raises((OSError, HTTPException)):
        named.ask(connection)
    connection.close()
    assert named.ask(named.connection(PROXY))[0] == 200, "and nobody else is the worse for it"


def test_without_tls_nothing_is_answered(named: Listening) -> None:
    with pytest.raises((OSError, HTTPException)):
        named.ask(HTTPConnection("127.0.0.1", named.port, timeout=SECONDS))


def test_the_public_port_has_no_tls_and_answers_no_questions(named: Listening) -> None:
    assert named.daypass.client("sts", named.daypass.root).get_caller_identity()["Account"] == named.daypass.account_id
    public = HTTPConnection(named.daypass.url.removeprefix("http://"), timeout=SECONDS)
    public.request("POST", "/_daypass/authorize", "{}")
    assert public.getresponse().status != 200


def test_a_name_that_may_not_ask_is_in_the_log(named: Listening) -> None:
    with pytest.raises((OSError, HTTPException)):
        named.ask(named.connection(certified("x", issuer=ASKERS, hosts=("intruder.internal",))))
    assert "its certificate is for 'intruder.internal'" in named.daypass.output.read_text()


def test_a_connection_ends_with_its_certificate(named: Listening) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    connection = named.connection(certified("p", issuer=ASKERS, hosts=("proxy.internal",), until=until))
    connection.connect()
    connection.auto_open = 0  # one connection, and no other after it

    def ask_without_a_pause() -> None:
        while datetime.now(UTC) < until + timedelta(seconds=SECONDS):
            assert named.ask(connection)[0] == 200
            time.sleep(0.1)

    with pytest.raises((OSError, HTTPException)):
        ask_without_a_pause()
    assert datetime.now(UTC) > until - timedelta(milliseconds=10)


def test_without_names_every_certificate_of_the_authority_is_taken_and_the_token_is_still_asked_for(
    any_name: Listening,
) -> None:
    shown = certified("whoever", issuer=ASKERS)
    for _ in range(4):  # of both workers
        assert any_name.ask(any_name.connection(shown))[0] == 403
        assert any_name.ask(any_name.connection(shown), X_Daypass_Authorizer_Token=TOKEN)[0] == 200
    for other in (None, REFUSED["that of another authority"]):
        with pytest.raises((OSError, HTTPException)):
            any_name.ask(any_name.connection(other), X_Daypass_Authorizer_Token=TOKEN)


def test_the_middleware_asks_with_a_certificate(named: Listening) -> None:
    context = ssl.create_default_context(cadata=SERVERS.pem.decode())
    context.load_cert_chain(*PROXY.write(named.directory, "middleware"))
    authorizer = Authorizer(f"https://127.0.0.1:{named.port}", tls=context)
    principal = f"arn:aws:iam::{named.daypass.account_id}:root"
    assert authorizer.ask({"principal": principal, "action": "s3:GetObject", "resource": "arn:aws:s3:::lake/a"}).allowed


def test_a_server_that_cannot_use_its_files_says_so_and_does_not_start(tmp_path: Path) -> None:
    arguments = options(tmp_path, free_port())
    _, foreign = PROXY.write(tmp_path, "foreign")
    (tmp_path / "empty").write_text("")
    locked = PROXY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "locked").write_bytes(locked)
    certificate, key, ca = tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "askers.pem"
    for files, says in (
        ((tmp_path / "none", key, ca), "none with the key .*: No such file"),
        ((certificate, foreign, ca), "key values mismatch"),
        ((certificate, tmp_path / "locked", ca), "locked"),
        ((certificate, key, tmp_path / "empty"), "authorities .*empty"),
        ((certificate, key, tmp_path / "none"), "authorities .*none: No such file"),
    ):
        with pytest.raises(ValueError, match=says):
            server_context(*files)
    key.unlink()
    assert daypass_command("init", "--data", str(tmp_path / "data")).returncode == 0
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    done = daypass_command("serve", "--data", str(tmp_path / "data"), *listen, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the authorizer's TLS cannot be used: the certificate")
    assert done.stderr.count("\n") == 1


@contextmanager
def answering(loop: MutualTlsLoop, listener: socket.socket) -> Iterator[None]:
    """A server on that loop, in a thread."""
    thread = threading.Thread(target=loop.run_forever)
    server = loop.run_until_complete(loop.create_server(asyncio.Protocol, sock=listener))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_renewed_certificate_is_shown_and_one_that_cannot_be_used_is_not(tmp_path: Path) -> None:
    client = ssl.create_default_context(cadata=SERVERS.pem.decode())
    client.load_cert_chain(*PROXY.write(tmp_path, "client"))
    first, second, third = (certified(f"n{n}", issuer=SERVERS, hosts=("127.0.0.1",)) for n in range(3))
    (tmp_path / "askers.pem").write_bytes(ASKERS.pem)
    files = (*first.write(tmp_path, "server"), tmp_path / "askers.pem")

    def shown(port: int) -> int:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            return int((connection.getpeercert() or {})["serialNumber"], 16)

    def until_shown(port: int, wanted: Certified) -> None:
        deadline = time.monotonic() + SECONDS
        while shown(port) != wanted.certificate.serial_number:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with answering(MutualTlsLoop(port, files, frozenset(), renewal_seconds=0.02), listener):
        assert shown(port) == first.certificate.serial_number
        second.write(tmp_path, "server")
        until_shown(port, second)
        files[0].write_bytes(third.pem)  # half of the pair
        time.sleep(0.2)
        assert shown(port) == second.certificate.serial_number
        files[1].write_bytes(third.key_pem)
        until_shown(port, third)


def test_the_names_of_a_certificate_are_its_alternative_names_or_else_its_common_name() -> None:
    subject = ((("organizationName", "o"),), (("commonName", "cn"),))
    assert names_of({"subject": subject}) == {"cn"}
    alternative = (("DNS", "a.test"), ("IP Address", "192.0.2.1"), ("URI", "spiffe://t/x"), ("email", "a@b"))
    assert names_of({"subject": subject, "subjectAltName": alternative}) == {
        "a.test",
        "192.0.2.1",
        "spiffe://t/x",
        "a@b",
    }
    assert (
        names_of({"subject": subject, "subjectAltName": (("DirName", "cn"), ("othername", "<unsupported>"))}) == set()
    )
