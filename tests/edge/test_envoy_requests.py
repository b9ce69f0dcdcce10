"""What a store gets from a real Envoy with the configuration of the documentation, byte by byte, whatever a client
sends; and that Envoy keeps no object to itself.

Source: RFC 9112 for the requests that can be read in two ways; Envoy's documentation, "HTTP header manipulation", for
the headers that it knows.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support import raw_s3
from support.envoy import NO_ENVOY, Envoy, envoy_binary, envoy_in_front
from support.recording_backend import NOT_FOUND, Recorded, RecordingBackend, recording
from support.server import Daypass, Keys, allow, running

pytestmark = pytest.mark.skipif(envoy_binary() is None, reason=NO_ENVOY)

BUCKET = "behind-envoy"
OBJECT = b"object"
LARGE = 64 * 1024 * 1024
KEPT_BY_ENVOY = 24 * 1024 * 1024  # buffers of two connections and of their sockets; they are some 10 MiB
ARCHIVED = "archive-behind-envoy"
ARCHIVE = """
[[backend]]
url = "{url}"
access_key_id = "ARCHIVEKEY"
secret_access_key = "archive-secret"
buckets = ["archive-*"]
"""
ARCHIVE_CLUSTER = """\
    - name: daypass_archive
      type: STRICT_DNS
      typed_extension_protocol_options: *connections
      load_assignment:
        cluster_name: daypass_archive
        endpoints:
          - lb_endpoints:
              - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}
"""
FROM_ANYWHERE_ELSE = {"NotIpAddress": {"aws:SourceIp": "127.0.0.1/32"}}


class Place(NamedTuple):
    envoy: Envoy
    daypass: Daypass
    store: RecordingBackend
    archive: RecordingBackend
    alice: Keys
    addresses: dict[str, Any]

    def send(
        self, method: str, key: str, more: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> raw_s3.Answer:
        """A request that Alice signed, with more headers that she did not sign."""
        url = f"{self.envoy.url}/{BUCKET}/{key}"
        head = raw_s3.signed_headers(self.alice, method, url, body=body or b"")
        return raw_s3.send(method, url, {**head, **(more or {})}, body)

    def lines(self, method: str, key: str, headers: Mapping[str, str], body: bytes = b"") -> list[str]:
        """The head of a request that Alice signed with those headers."""
        signed = raw_s3.signed_headers(self.alice, method, f"{self.envoy.url}/{BUCKET}/{key}", headers, body=body)
        host = self.envoy.url.removeprefix("http://")
        return [f"{method} /{BUCKET}/{key} HTTP/1.1", f"Host: {host}", *[f"{n}: {v}" for n, v in signed.items()]]

    def connect(self) -> socket.socket:
        host, _, port = self.envoy.url.removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def say(self, lines: list[str], body: bytes = b"") -> bytes:
        """The first line of the answer to those bytes."""
        with self.connect() as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            return connection.makefile("rb").readline()

    def requests(self) -> list[Recorded]:
        return [one for one in self.store.requests if one.target.startswith(f"/{BUCKET}/")]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.daypass.data / "audit.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def running_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("envoy")
    authorizer = directory / "authorizer.sock"
    settings = directory / "several.toml"
    with recording() as store, recording() as archive:
        settings.write_text(ARCHIVE.format(url=archive.backend.endpoint))
        options = ("--config", str(settings), "--authorizer-listen", f"unix:{authorizer}")
        environment = {"DAYPASS_TRUSTED_PROXIES": "127.0.0.1"}
        with running(directory / "data", *options, backend=store.backend, environment=environment) as daypass:
            addresses: dict[str, Any] = {
                "store": store.backend.endpoint.removeprefix("http://"),
                "gateway": daypass.url.removeprefix("http://"),
                "authorizer": authorizer,
            }
            with envoy_in_front(directory / "envoy", **addresses) as envoy:
                yield Place(envoy, daypass, store, archive, _alice(daypass), addresses)


def _alice(daypass: Daypass) -> Keys:
    """May do what she likes below `in/`, and below others what their conditions say."""
    for bucket in (BUCKET, ARCHIVED):
        daypass.client("s3", daypass.root).create_bucket(Bucket=bucket)
    objects = f"arn:aws:s3:::{BUCKET}/"
    return daypass.new_user(
        "alice",
        allow("s3:*", [f"{objects}in/*", f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{ARCHIVED}*"]),
        allow("s3:*", f"{objects}far/*", Condition=FROM_ANYWHERE_ELSE),
        allow("s3:*", f"{objects}tls/*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        allow(
            ["s3:PutObject", "s3:PutObjectTagging"],
            f"{objects}tagged/*",
            Condition={"StringLike": {"s3:RequestObjectTag/team": "x*"}},
        ),
    )


@pytest.fixture
def place(running_place: Place) -> Iterator[Place]:
    running_place.store.reset()
    yield running_place
    running_place.store.reset()


def test_the_store_gets_what_the_client_sent_and_daypass_signed_and_nothing_else(place: Place) -> None:
    assert place.send("PUT", "in/a%20b", {"User-Agent": "one, two"}, OBJECT).status == 200
    (request,) = place.requests()
    assert (request.method, request.target, request.body) == ("PUT", f"/{BUCKET}/in/a%20b", OBJECT)
    assert sorted(line.partition(":")[0] for line in request.head) == [
        "authorization",
        "content-length",
        "host",
        "user-agent",
        "x-amz-content-sha256",
        "x-amz-date",
    ]
    assert request.headers["host"] == place.store.backend.endpoint.removeprefix("http://")
    assert request.headers["user-agent"] == "one, two"
    assert "Credential=RECORDINGKEY/" in request.headers["authorization"]


# What Envoy or Daypass says to the other, or Envoy takes for its own, said by a client.
SAID = {
    "X-Original-Peer": "192.0.2.1",
    "X-Original-Scheme": "https",
    "X-Original-Content-Length": "0",
    "X-Daypass-Authorizer-Token": "x" * 32,
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Request-Id": "chosen",
    "X-Envoy-External-Address": "192.0.2.1",
    "X-Envoy-Internal": "true",
    "X-Envoy-Expected-Rq-Timeout-Ms": "1",
    "X-Envoy-Original-Path": "/elsewhere",
}


def test_what_envoy_says_of_a_request_its_client_cannot_say(place: Place) -> None:
    since = len(place.records())
    assert place.send("PUT", "in/said", SAID, OBJECT).status == 200
    assert place.records()[since:][-1]["source_ip"] == "127.0.0.1"
    for key in ("far/said", "tls/said"):
        answer = place.send("PUT", key, SAID, OBJECT)
        assert (answer.status, answer.code) == (403, "AccessDenied")
    (request,) = place.requests()
    assert {line.partition(":")[0] for line in request.head}.isdisjoint(name.lower() for name in SAID)


@pytest.mark.parametrize(
    "header",
    [
        "X-Daypass-Route: backend",
        "X-Daypass-Host: {store}",
        "X-Envoy-Auth-Headers-To-Remove: authorization",
        "X-Forwarded-Host: {store}",
        "X_Amz_Acl: public-read",
        "X-Auth-Token: t",
    ],
)
def test_a_header_that_somebody_could_obey_goes_no_further_than_the_gateway(place: Place, header: str) -> None:
    line = header.format(store=place.store.backend.endpoint.removeprefix("http://"))
    name, _, value = line.partition(": ")
    key = f"obeyed-{name}"
    assert place.send("GET", f"in/{key}", {name: value}).status == 200
    assert place.send("GET", f"out/{key}", {name: value}).status == 403
    nobody = [f"GET /{BUCKET}/in/{key} HTTP/1.1", "Host: s3", line, "Connection: close"]
    assert place.say(nobody).startswith(b"HTTP/1.1 403")
    assert place.envoy.routed(key, 3) == [("GET", "daypass_gateway")] * 3
    (request,) = place.requests()
    assert name.lower() not in request.headers


TWICE = {
    "tags": ("tagged/a", "x-amz-tagging", "team=x", "role=admin"),
    "metadata": ("in/a", "x-amz-meta-team", "x", "admin"),
    "a storage class": ("in/a", "x-amz-storage-class", "STANDARD", "GLACIER"),
}


@pytest.mark.parametrize(("key", "name", "first", "second"), TWICE.values(), ids=TWICE.keys())
def test_a_header_that_is_there_twice_is_refused_and_not_left_to_the_store(
    place: Place, key: str, name: str, first: str, second: str
) -> None:
    """Envoy asks with one header, `first,second`, which is what is signed for, and sends two."""
    head = place.lines("PUT", key, {name: f"{first},{second}"}, OBJECT)
    joined = head.index(f"{name}: {first},{second}")
    head[joined : joined + 1] = [f"{name}: {first}", f"{name}: {second}"]
    assert place.say([*head, f"Content-Length: {len(OBJECT)}"], OBJECT).startswith(b"HTTP/1.1 400")
    assert place.requests() == []


def test_an_object_in_chunks_of_http_is_not_passed_on_as_an_empty_one(place: Place) -> None:
    head = place.lines("PUT", "in/chunked", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    head += ["Transfer-Encoding: chunked", "X-Original-Content-Length: 0"]
    assert place.say(head, b"6\r\nobject\r\n0\r\n\r\n").startswith(b"HTTP/1.1 411")
    assert place.requests() == []


ODD = {
    "two lengths": (["Content-Length: 6", "Content-Length: 6"], OBJECT),
    "a length and chunks": (["Content-Length: 6", "Transfer-Encoding: chunked"], b"6\r\nobject\r\n0\r\n\r\n"),
    "chunks in a coding": (["Transfer-Encoding: gzip, chunked"], b"6\r\nobject\r\n0\r\n\r\n"),
    "two hosts": (["Content-Length: 6", "Host: other"], OBJECT),
    "a header that ends its signature": (["Content-Length: 6", "Connection: x-amz-date"], OBJECT),
}


@pytest.mark.parametrize(("more", "body"), ODD.values(), ids=ODD.keys())
def test_what_could_be_read_in_two_ways_reaches_no_store(place: Place, more: list[str], body: bytes) -> None:
    status = place.say([*place.lines("PUT", "in/odd", {}, OBJECT), *more], body).split()[1]
    assert status in (b"400", b"403", b"501")
    assert place.requests() == []


@pytest.mark.parametrize(
    "target",
    [
        "/{bucket}/in/../in/a",
        "/{bucket}/in/%2e%2e/in/a",
        "/{bucket}/in/./a",
        "/{bucket}/in/a#b",
        "//{bucket}/in/a",
        "https://127.0.0.1/{bucket}/tls/a",
        "*",
    ],
)
def test_a_target_that_somebody_could_resolve_reaches_no_store(place: Place, target: str) -> None:
    target = target.format(bucket=BUCKET)
    signed = target.removeprefix(f"/{BUCKET}/") if target.startswith(f"/{BUCKET}/") else "tls/a"
    head = place.lines("GET", signed, {})
    assert int(place.say([f"GET {target} HTTP/1.1", *head[1:]]).split()[1]) >= 400
    assert place.requests() == []


def test_a_slash_that_is_escaped_comes_to_the_gateway_as_it_was_signed(place: Place) -> None:
    assert place.send("PUT", "in%2Fslashed", None, OBJECT).status == 200
    (request,) = place.requests()
    assert (request.target, request.body) == (f"/{BUCKET}/in/slashed", OBJECT)
    assert place.envoy.routed("slashed", 1) == [("PUT", "daypass_gateway")]


def test_what_was_signed_for_a_store_goes_to_that_store_or_to_none(place: Place, tmp_path: Path) -> None:
    def put(envoy: Envoy, bucket: str) -> int:
        url = f"{envoy.url}/{bucket}/in/several"
        return raw_s3.send("PUT", url, raw_s3.signed_headers(place.alice, "PUT", url, body=OBJECT), OBJECT).status

    host = place.archive.backend.endpoint.removeprefix("http://")

    def with_archive(configuration: str) -> str:
        routes, start, rest = configuration.partition("                        # What Daypass signed")
        store, end, clusters = rest.partition("                        # Everything else")
        assert end
        another = store.replace("127.0.0.1:9000", host).replace("daypass_store", "daypass_archive")
        return routes + start + another + start + store + end + clusters + ARCHIVE_CLUSTER.format(port=host[10:])

    place.archive.reset()
    assert put(place.envoy, ARCHIVED) == 503
    assert (place.archive.requests, place.store.requests) == ([], [])
    with envoy_in_front(tmp_path / "e", **place.addresses, changed=with_archive) as envoy:
        assert (put(envoy, ARCHIVED), put(envoy, BUCKET)) == (200, 200)
    for store, bucket, key in ((place.archive, ARCHIVED, "ARCHIVEKEY"), (place.store, BUCKET, "RECORDINGKEY")):
        (request,) = store.requests
        assert (request.target, request.headers["host"]) == (f"/{bucket}/in/several", f"127.0.0.1:{store.port}")
        assert f"Credential={key}/" in request.headers["authorization"]


def test_a_store_that_hangs_up_is_an_error_of_s3_and_is_not_asked_twice(place: Place) -> None:
    def hang_up(request: Recorded) -> bytes:
        place.store.hang_up()
        return b""

    place.store.answer = hang_up
    answer = place.send("PUT", "in/hung-up", None, OBJECT)
    assert (answer.status, answer.code) == (503, "ServiceUnavailable")
    assert len(place.requests()) == 1


def test_the_answer_of_the_store_is_passed_on_as_it_is(place: Place) -> None:
    place.store.answer = lambda _: b'HTTP/1.1 200 OK\r\nServer: a store\r\nETag: "e"\r\nContent-Length: 4\r\n\r\nbody'
    answer = place.send("GET", "in/answered")
    assert (answer.status, answer.body) == (200, b"body")
    assert {name: value for name, value in answer.headers.items() if name not in ("date", "x-daypass-request-id")} == {
        "server": "a store",
        "etag": '"e"',
        "content-length": "4",
    }
    assert answer.headers["x-daypass-request-id"] == place.records()[-1]["request_id"]
    place.store.answer = lambda _: NOT_FOUND
    assert place.send("GET", "in/answered").status == 404


def test_a_large_upload_waits_for_the_store_and_not_in_envoy(place: Place) -> None:
    body = bytes(LARGE)
    place.store.may_read.clear()
    sent = 0
    with place.connect() as connection:
        head = [*place.lines("PUT", "in/large", {}, body), f"Content-Length: {LARGE}", "", ""]
        connection.sendall("\r\n".join(head).encode())
        connection.settimeout(0.5)
        view = memoryview(body)
        try:
            while sent < LARGE:
                sent += connection.send(view[sent : sent + 1_048_576])
        except TimeoutError:
            pass
        assert 0 < sent < KEPT_BY_ENVOY
        place.store.may_read.set()
        connection.settimeout(30)
        connection.sendall(view[sent:])
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 200")
    (request,) = place.requests()
    assert hashlib.sha256(request.body).digest() == hashlib.sha256(body).digest()


def test_a_large_download_waits_for_the_client_and_not_in_envoy(place: Place) -> None:
    status = Path(f"/proc/{place.envoy.process_id}/status")
    if not status.exists():
        pytest.skip("no /proc on this system")

    def resident() -> int:
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    place.store.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + bytes(LARGE)
    before = resident()
    with place.connect() as connection:
        connection.sendall("\r\n".join([*place.lines("GET", "in/large", {}), "", ""]).encode())
        assert place.store.wait_for(lambda: place.requests() != [])
        time.sleep(0.5)
        assert resident() - before < KEPT_BY_ENVOY
        answer = connection.makefile("rb")
        while answer.readline().strip():
            pass
        assert len(answer.read(LARGE)) == LARGE
