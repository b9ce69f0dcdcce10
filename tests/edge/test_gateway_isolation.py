"""What passes between a client and the backend, byte by byte; and what a hostile or broken backend can do: nothing.

Behind the gateway is a backend that records every request and answers as each test tells it to.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from daypass import limits
from support import raw_s3
from support.raw_s3 import Answer
from support.recording_backend import DONE, RecordingBackend, recording
from support.server import Daypass, Keys, allow, policy, running

BUCKET = "recorded-bucket"


@pytest.fixture(scope="module")
def recorder() -> Iterator[RecordingBackend]:
    with recording() as backend:
        yield backend


@pytest.fixture(scope="module")
def server(recorder: RecordingBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("isolation") / "data", backend=recorder.backend) as daypass:
        daypass.client("s3", daypass.root).create_bucket(Bucket=BUCKET)
        yield daypass


@pytest.fixture(autouse=True)
def _fresh(recorder: RecordingBackend, server: Daypass) -> None:
    recorder.reset()


@pytest.fixture(scope="module")
def session(server: Daypass) -> Keys:
    user = server.new_user("isolated", allow(["s3:*", "sts:*"], "*"))
    answer = server.client("sts", user).get_federation_token(Name="Isolated", Policy=policy(allow("s3:*", "*")))
    return Keys.of(answer["Credentials"])


def put(server: Daypass, keys: Keys, body: bytes = b"body", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return raw_s3.call(keys, "PUT", f"{server.url}/{BUCKET}/key", named, body)


def get(server: Daypass, keys: Keys, target: str = "key") -> Answer:
    return raw_s3.call(keys, "GET", f"{server.url}/{BUCKET}/{target}")


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(code: str, message: str = "the backend's own words") -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


# ---- what the backend gets ---------------------------------------------------------------------------------


def test_the_backend_gets_a_request_of_the_gateways_own_and_nothing_of_the_clients(
    server: Daypass, recorder: RecordingBackend, session: Keys
) -> None:
    sent = put(
        server,
        session,
        Cookie="a=b",
        Connection="keep-alive, X-Hop",
        X_Hop="1",
        X_Forwarded_For="203.0.113.7",
        X_Http_Method_Override="DELETE",
        Accept_Encoding="gzip",
        User_Agent="client/1",
        Content_Type="text/plain",
        x_amz_meta_colour="blue",
        x_amz_checksum_crc32="26gLsg==",
    )
    assert sent.status == 200
    (request,) = recorder.requests
    assert (request.method, request.target, request.body) == ("PUT", f"/{BUCKET}/key", b"body")
    assert request.headers.keys() == {
        "host",
        "x-amz-date",
        "x-amz-content-sha256",
        "authorization",
        "content-length",
        "content-type",
        "x-amz-meta-colour",
        "x-amz-checksum-crc32",
    }
    assert request.headers["host"] == f"127.0.0.1:{recorder.port}"
    assert "Credential=RECORDINGKEY/" in request.headers["authorization"]
    assert "content-type;host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date" in request.headers["authorization"]
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(b"body").hexdigest()


@pytest.mark.parametrize("form", ["header", "presigned"])
def test_a_clients_session_token_never_reaches_the_backend(
    server: Daypass, recorder: RecordingBackend, session: Keys, form: str
) -> None:
    """rclone GHSA-gx4c-2hqx-cw2r: session tokens sent on to another host."""
    assert session.session_token is not None
    if form == "header":
        assert get(server, session).status == 200
    else:
        assert raw_s3.send("GET", raw_s3.presigned(session, "GET", f"{server.url}/{BUCKET}/key")).status == 200
    (request,) = recorder.requests
    assert session.session_token not in str(request)
    assert session.access_key_id not in str(request)
    assert "x-amz-security-token" not in str(request).lower()
    assert request.target == f"/{BUCKET}/key"


@pytest.mark.parametrize("key", ["a%2Fb", "a%2fb", "a/b", "%61/b", "a%252Fb", "a+b", "a%20b", "a//b", "%7Ea", "~a"])
def test_the_key_that_was_decided_on_is_the_key_that_is_asked_for(
    server: Daypass, recorder: RecordingBackend, key: str
) -> None:
    """trino aws-proxy decodes a `+` for its policy check and forwards the raw path: two keys."""
    # A signature is over the canonical escapes, whichever the client sends.
    canonical = "/".join(quote(unquote(segment), safe="") for segment in key.split("/"))
    headers = raw_s3.signed_headers(server.root, "GET", f"{server.url}/{BUCKET}/{canonical}")
    answered = raw_s3.send("GET", f"{server.url}/{BUCKET}/{key}", headers)
    record, *merged = server.audit(answered.headers["x-amz-request-id"])
    assert len(merged) == ("//" in key), "such a key is decided on as some stores read it, too"
    (request,) = recorder.requests
    decided = record["resource"].removeprefix(f"arn:aws:s3:::{BUCKET}/")
    assert decided == unquote(key)
    assert request.target == f"/{BUCKET}/{quote(decided)}"


@pytest.mark.parametrize(
    "target",
    [
        "key?torrent",
        "key?annotation",
        "?abac",
        "?metadataTable",
        "?session",
        "key?acl&tagging",
        "key?uploadId=1&tagging",
        "?lifecycle&tagging",
        "key?frobnicate",
        "key?versionId=1&versionId=2",
        "../other/key",
        "%2e%2e/other",
        "a/..%2Fb",
        "?list-type=2&prefix=a&prefix=b",
        "?list-type=2&x=1",
        "?versions&uploads",
    ],
)
def test_what_is_not_served_never_reaches_the_backend(server: Daypass, recorder: RecordingBackend, target: str) -> None:
    refused = get(server, server.root, target)
    assert refused.status in (400, 501)
    assert recorder.requests == []


def test_headers_that_a_store_keeps_for_itself_are_refused(
    server: Daypass, recorder: RecordingBackend, session: Keys
) -> None:
    """MinIO CVE-2026-34204: replication headers accepted from clients."""
    for name in ("x-amz-replication-status", "x-amz-bucket-replication", "x-amz-copy-source-if-match", "x-amz-foo"):
        assert put(server, session, **{name: "REPLICA"}).code == "NotImplemented"
    assert recorder.requests == []


def test_tags_reach_the_backend_as_the_policy_saw_them(server: Daypass, recorder: RecordingBackend) -> None:
    assert put(server, server.root, x_amz_tagging="a+b=1&%63=2").status == 200
    assert recorder.requests[0].headers["x-amz-tagging"] == "a%20b=1&c=2"
    assert put(server, server.root, x_amz_tagging="Team=a&team=b").code == "InvalidTag"
    assert put(server, server.root, x_amz_tagging="a=1&a=2").code == "InvalidTag"
    assert len(recorder.requests) == 1


def test_a_key_that_the_customer_keeps_reaches_the_backend_and_no_record(
    server: Daypass, recorder: RecordingBackend
) -> None:
    secret = "c2VjcmV0IGtleSBvZiB0aGUgY3VzdG9tZXIgaGVyZSE="
    headers = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": secret,
        "x-amz-server-side-encryption-customer-key-MD5": "ZjRmNGY0ZjRmNGY0ZjRmNA==",
    }
    assert put(server, server.root, **headers).status == 200
    got = raw_s3.call(server.root, "GET", f"{server.url}/{BUCKET}/key", headers)
    assert got.status == 200
    for request in recorder.requests:
        assert request.headers["x-amz-server-side-encryption-customer-key"] == secret
        assert "x-amz-server-side-encryption-customer-key" in request.headers["authorization"]
    assert secret not in (server.data / "audit.jsonl").read_text()
    assert secret not in server.output.read_text()


TAGS = b"<Tagging><TagSet><Tag><Key>Class</Key><Value>%s</Value></Tag></TagSet></Tagging>"


def test_an_object_does_not_say_by_its_content_what_tags_it_has(server: Daypass, recorder: RecordingBackend) -> None:
    """A store that does not know `?tagging` answers with the object."""
    condition = {"StringEquals": {"s3:ExistingObjectTag/class": "open"}}
    keys = server.new_user("taught", allow("s3:*", "*", Condition=condition))
    recorder.answer = lambda _: answer("200 OK", TAGS % b"open", ETag='"e"')
    assert get(server, keys, "own-tags").status == 503
    assert [request.target for request in recorder.requests] == [f"/{BUCKET}/own-tags?tagging="]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (("200 OK", TAGS % b"open"), 200),
        (("404 Not Found", b""), 200),  # no object: the question itself will say so
        (("200 OK", TAGS % b"secret"), 403),
        (
            (
                "200 OK",
                TAGS.replace(b"</TagSet>", b"<Tag><Key>class</Key><Value>open</Value></Tag></TagSet>") % b"secret",
            ),
            403,
        ),
        (("200 OK", b"<Other/>"), 503),
        (("200 OK", b""), 503),
        (("500 Internal Server Error", b""), 503),
        (("403 Forbidden", b""), 503),
    ],
    ids=["other tag", "no object", "the tag", "two spellings", "other document", "nothing", "failure", "refusal"],
)
def test_what_depends_on_a_tag_is_allowed_only_where_the_tags_are_known(
    server: Daypass, recorder: RecordingBackend, told: tuple[str, bytes], status: int
) -> None:
    condition = {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}
    name = f"tags-{status}-{abs(hash(told))}"
    keys = server.new_user(name, allow("s3:*", "*"), {**allow("s3:*", "*"), "Effect": "Deny", "Condition": condition})
    recorder.answer = lambda request: answer(*told) if request.target.endswith("?tagging=") else DONE
    assert get(server, keys, name).status == status  # a key of its own: what is known of one is believed for a moment
    assert recorder.requests[0].target == f"/{BUCKET}/{name}?tagging="
    assert len(recorder.requests) == (2 if status == 200 else 1)


# ---- bodies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 65_536, 300_000])
def test_a_body_that_is_not_the_declared_one_never_reaches_the_backend_whole(
    server: Daypass, recorder: RecordingBackend, size: int
) -> None:
    body, declared = b"x" * size, hashlib.sha256(b"y" * size).hexdigest()
    refused = raw_s3.call(server.root, "PUT", f"{server.url}/{BUCKET}/key", body=body, payload_hash=declared)
    assert refused.code == "XAmzContentSHA256Mismatch"
    assert refused.element("S3ComputedContentSHA256") == hashlib.sha256(body).hexdigest()
    assert get(server, server.root).status == 200
    assert [request.method for request in recorder.requests if request.complete] == ["GET"]
    (allowed, record) = server.audit(refused.headers["x-amz-request-id"])
    assert (allowed["decision"], record["decision"]) == ("Allowed", "Refused")
    assert record["error"] == "XAmzContentSHA256Mismatch"


def test_an_empty_body_that_was_declared_to_be_another_does_not_reach_the_backend(
    server: Daypass, recorder: RecordingBackend
) -> None:
    declared = hashlib.sha256(b"something").hexdigest()
    for method in ("PUT", "GET", "DELETE"):
        body = b"" if method == "PUT" else None
        refused = raw_s3.call(server.root, method, f"{server.url}/{BUCKET}/key", body=body, payload_hash=declared)
        assert refused.code == "XAmzContentSHA256Mismatch"
    assert recorder.requests == []


def test_an_unsigned_payload_is_declared_unsigned_to_the_backend_too(
    server: Daypass, recorder: RecordingBackend
) -> None:
    url = f"{server.url}/{BUCKET}/key"
    assert raw_s3.call(server.root, "PUT", url, body=b"any", payload_hash="UNSIGNED-PAYLOAD").status == 200
    assert recorder.requests[0].headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, "MissingContentLength", 411),
        ({"Content-Encoding": "aws-chunked"}, "InvalidRequest", 400),
        ({"Content-Length": str(5 * 1024**3 + 1)}, "EntityTooLarge", 400),
    ],
)
def test_a_body_that_cannot_be_passed_through_is_refused(
    server: Daypass, recorder: RecordingBackend, headers: dict[str, str], code: str, status: int
) -> None:
    url = f"{server.url}/{BUCKET}/key"
    signed = raw_s3.signed_headers(server.root, "PUT", url, payload_hash="UNSIGNED-PAYLOAD")
    refused = raw_s3.send("PUT", url, {**signed, **headers}, b"0\r\n\r\n")
    assert (refused.code, refused.status) == (code, status)
    assert recorder.requests == []


def test_an_upload_that_does_not_say_its_length_is_refused(server: Daypass, recorder: RecordingBackend) -> None:
    url = f"{server.url}/{BUCKET}/key"
    headers = raw_s3.signed_headers(server.root, "PUT", url)
    refused = raw_s3.send("PUT", url, headers)
    assert (refused.code, refused.status) == ("MissingContentLength", 411)
    assert recorder.requests == []


def test_a_documents_content_md5_is_proven_for_every_operation(server: Daypass, recorder: RecordingBackend) -> None:
    wrong = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    refused = raw_s3.call(server.root, "PUT", f"{server.url}/checked-bucket", wrong, b"<CreateBucketConfiguration/>")
    assert refused.code == "BadDigest"
    assert recorder.requests == []


def test_a_body_where_none_belongs_is_refused(server: Daypass, recorder: RecordingBackend) -> None:
    url = f"{server.url}/{BUCKET}/key"
    assert raw_s3.call(server.root, "DELETE", url, body=b"body").code == "UnexpectedContent"
    assert recorder.requests == []


def test_a_refused_upload_is_refused_before_its_body_is_sent(server: Daypass, recorder: RecordingBackend) -> None:
    """`Expect: 100-continue`: the client waits, hears no, and the connection is not used again, for the server
    would take the next request for the body."""
    nobody = server.new_user("expectant")
    url = urlsplit(f"{server.url}/{BUCKET}/key")
    headers = raw_s3.signed_headers(nobody, "PUT", url.geturl(), payload_hash="UNSIGNED-PAYLOAD")
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=10) as connection:
        head = [f"PUT {url.path} HTTP/1.1", f"Host: {url.netloc}", "Expect: 100-continue", "Content-Length: 1000000"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 403")
    assert b"connection: close" in received.lower()
    assert recorder.requests == []


def test_an_allowed_upload_that_waits_for_100_continue_is_told_to_go_on(
    server: Daypass, recorder: RecordingBackend
) -> None:
    client = server.client("s3", server.root)
    client.put_object(Bucket=BUCKET, Key="key", Body=b"x" * 200_000)  # boto3 sends Expect: 100-continue
    assert recorder.requests[0].body == b"x" * 200_000


def test_a_client_that_leaves_in_the_middle_leaves_nothing_whole_at_the_backend(
    server: Daypass, recorder: RecordingBackend
) -> None:
    url = urlsplit(f"{server.url}/{BUCKET}/key")
    headers = raw_s3.signed_headers(server.root, "PUT", url.geturl(), payload_hash="UNSIGNED-PAYLOAD")
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    connection.putrequest("PUT", url.path)
    for name, value in {**headers, "Content-Length": "1000000"}.items():
        connection.putheader(name, value)
    connection.endheaders(b"x" * 500_000)
    connection.close()
    assert recorder.wait_for(lambda: len(recorder.requests) == 1)
    assert not recorder.requests[0].complete


def test_a_client_that_leaves_a_download_ends_it_at_the_backend(server: Daypass, recorder: RecordingBackend) -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    recorder.answer = lambda _: endless + b"x" * 50_000_000
    url = urlsplit(f"{server.url}/{BUCKET}/key")
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    connection.request("GET", url.path, headers=raw_s3.signed_headers(server.root, "GET", url.geturl()))
    assert connection.getresponse().read(1000) == b"x" * 1000
    closed = recorder.connections_closed
    connection.sock.close()
    connection.close()
    assert recorder.wait_for(lambda: recorder.connections_closed > closed)


# ---- what the client gets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_backends_redirect_is_not_followed_and_not_shown(
    server: Daypass, recorder: RecordingBackend, status: str, method: str
) -> None:
    """trino aws-proxy follows redirects with a re-signed request; rclone GHSA-8mxv-9xhp-86h4."""
    elsewhere = f"http://127.0.0.1:{recorder.port}/elsewhere"
    recorder.answer = lambda _: answer(status, Location=elsewhere)
    refused = put(server, server.root) if method == "PUT" else get(server, server.root)
    assert (refused.code, refused.status) == ("ServiceUnavailable", 503)
    assert "location" not in refused.headers
    assert len(recorder.requests) == 1


def test_only_the_operations_own_headers_come_back(server: Daypass, recorder: RecordingBackend) -> None:
    recorder.answer = lambda _: answer(
        "200 OK",
        b"body",
        ETag='"e"',
        Content_Type="text/plain",
        x_amz_meta_colour="blue",
        x_amz_version_id="v1",
        Set_Cookie="a=b",
        Server="backend/1",
        x_amz_request_id="the backend's",
        x_amz_content_sha256="hash",
        x_backend_secret="x",
        Access_Control_Allow_Origin="*",
    )
    answered = get(server, server.root)
    assert answered.body == b"body"
    assert answered.headers.keys() == {
        "etag",
        "content-type",
        "content-length",
        "x-amz-meta-colour",
        "x-amz-version-id",
        "x-amz-request-id",
        "x-amz-id-2",
        "date",
    }
    assert answered.headers["x-amz-request-id"] != "the backend's"


@pytest.mark.parametrize(
    ("status", "code"), [("404 Not Found", "NoSuchKey"), ("405 Method Not Allowed", "MethodNotAllowed")]
)
def test_a_delete_marker_is_told_to_whoever_may_know_of_it(
    server: Daypass, recorder: RecordingBackend, status: str, code: str
) -> None:
    recorder.answer = lambda _: answer(
        status, error(code), x_amz_delete_marker="true", x_amz_version_id="v1", x_amz_storage_class="COLD"
    )
    told = get(server, server.root)
    assert (told.headers.get("x-amz-delete-marker"), told.headers.get("x-amz-version-id")) == ("true", "v1")
    assert "x-amz-storage-class" not in told.headers
    recorder.answer = lambda _: answer("404 Not Found", error("NoSuchKey"), x_amz_delete_marker="true")
    reader = server.new_user(f"reader-of-{code}", allow("s3:GetObject", "*"))
    refused = get(server, reader)
    assert (refused.code, "x-amz-delete-marker" in refused.headers) == ("AccessDenied", False)


def test_an_answer_without_a_body_promises_none(server: Daypass, recorder: RecordingBackend) -> None:
    """A 304 with the length of what was not sent would leave the client, and the server, waiting for it."""
    recorder.answer = lambda _: b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\nContent-Length: 1000\r\n\r\n'
    for method in ("GET", "HEAD"):
        answered = raw_s3.call(server.root, method, f"{server.url}/{BUCKET}/key")
        assert (answered.status, answered.body, answered.headers["etag"]) == (304, b"", '"e"')
        assert "content-length" not in answered.headers
    recorder.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    head = raw_s3.call(server.root, "HEAD", f"{server.url}/{BUCKET}/key")
    assert (head.headers["content-length"], head.body) == ("1000", b"")
    recorder.answer = lambda _: b"HTTP/1.1 204 No Content\r\nx-amz-version-id: v\r\n\r\n"
    deleted = raw_s3.call(server.root, "DELETE", f"{server.url}/{BUCKET}/key")
    assert (deleted.status, deleted.headers["x-amz-version-id"]) == (204, "v")
    assert "content-length" not in deleted.headers


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "SignatureDoesNotMatch"),
        ("403 Forbidden", "InvalidAccessKeyId"),
        ("403 Forbidden", "AccessDenied"),
        ("403 Forbidden", "RequestTimeTooSkewed"),
        ("400 Bad Request", "ExpiredToken"),
        ("400 Bad Request", "AuthorizationHeaderMalformed"),
        ("400 Bad Request", "RequestTimeout"),
        ("500 Internal Server Error", "InternalError"),
    ],
)
def test_a_backend_that_refuses_the_gateway_is_not_the_clients_fault(
    server: Daypass, recorder: RecordingBackend, status: str, code: str
) -> None:
    recorder.answer = lambda _: answer(status, error(code, "RECORDINGKEY is wrong"))
    refused = get(server, server.root)
    assert (refused.code, refused.status) == ("ServiceUnavailable", 503)
    assert b"RECORDINGKEY" not in refused.body
    assert code in server.output.read_text()


@pytest.mark.parametrize("status", ["400 Bad Request", "409 Conflict"])
def test_a_refusal_of_the_backends_own_is_one_that_clients_do_not_try_again(
    server: Daypass, recorder: RecordingBackend, status: str
) -> None:
    """versitygw answers 400 DirectoryObjectContainsData to a body for a key that ends in a slash."""
    recorder.answer = lambda _: answer(status, error("DirectoryObjectContainsData", "RECORDINGKEY holds data"))
    refused = put(server, server.root)
    assert (refused.code, refused.status) == ("InvalidRequest", 400)
    assert b"RECORDINGKEY" not in refused.body
    assert "DirectoryObjectContainsData" in server.output.read_text()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("404 Not Found", "NoSuchKey"),
        ("404 Not Found", "NoSuchVersion"),
        ("412 Precondition Failed", "PreconditionFailed"),
        ("416 Range Not Satisfiable", "InvalidRange"),
        ("416 Requested Range Not Satisfiable", "InvalidPartNumber"),
        ("405 Method Not Allowed", "MethodNotAllowed"),
        ("503 Slow Down", "SlowDown"),
    ],
)
def test_a_backends_error_about_the_request_is_written_anew(
    server: Daypass, recorder: RecordingBackend, status: str, code: str
) -> None:
    recorder.answer = lambda _: answer(status, error(code), x_amz_request_id="the backend's", x_leak="y")
    refused = get(server, server.root)
    assert (refused.code, refused.status) == (code, int(status[:3]))
    assert b"the backend" not in refused.body
    assert "x-leak" not in refused.headers
    head = raw_s3.call(server.root, "HEAD", f"{server.url}/{BUCKET}/key")
    assert (head.status, head.body) == (int(status[:3]), b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<Error><Code>NoSuchKey</Code>",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Error><Code>NoSuchKey</Code><Message>&e;</Message></Error>',
        b"<Error>" + b"<a>" * 100_000,
        b"<Html><Code>NoSuchKey</Code></Html>",
    ],
    ids=["empty", "text", "cut off", "doctype", "deep", "foreign"],
)
def test_an_error_body_that_cannot_be_read_goes_by_its_status(
    server: Daypass, recorder: RecordingBackend, body: bytes
) -> None:
    recorder.answer = lambda _: answer("404 Not Found", body)
    refused = get(server, server.root)
    assert (refused.code, refused.element("Message")) == ("NoSuchKey", "The specified key does not exist.")
    recorder.answer = lambda _: answer("418 Teapot", body)
    assert get(server, server.root).code == "ServiceUnavailable"


def test_a_success_before_the_body_was_sent_is_no_success(server: Daypass, recorder: RecordingBackend) -> None:
    """What the backend stored is unknown then, and what was declared of the body is not proven."""
    recorder.sent_early = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    url = urlsplit(f"{server.url}/{BUCKET}/key")
    headers = raw_s3.signed_headers(server.root, "PUT", url.geturl(), payload_hash="UNSIGNED-PAYLOAD")
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    connection.putrequest("PUT", url.path)
    size = 10 * limits.UPSTREAM_WHOLE_BODY_BYTES  # a smaller one would be awaited whole
    for name, value in {**headers, "Content-Length": str(size)}.items():
        connection.putheader(name, value)
    connection.endheaders(b"x" * (size // 4))
    time.sleep(0.3)  # the last piece that came is held back, so there must be two
    connection.send(b"x" * (size // 4))
    assert connection.getresponse().status == 503
    connection.close()


def test_an_answer_that_breaks_off_ends_the_connection_instead_of_looking_whole(
    server: Daypass, recorder: RecordingBackend
) -> None:
    recorder.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 10
    url = urlsplit(f"{server.url}/{BUCKET}/key")
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    connection.request("GET", url.path, headers=raw_s3.signed_headers(server.root, "GET", url.geturl()))
    response = connection.getresponse()
    assert response.status == 200
    recorder.hang_up()
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()


def test_a_small_answer_that_breaks_off_is_none_at_all(server: Daypass, recorder: RecordingBackend) -> None:
    """It is awaited whole before the client's answer begins, which can then say what happened."""
    recorder.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + b"x" * 10
    sent: list[raw_s3.Answer] = []
    asking = threading.Thread(target=lambda: sent.append(get(server, server.root, "key")))
    asking.start()
    assert recorder.wait_for(lambda: len(recorder.requests) == 1)
    time.sleep(0.1)
    recorder.hang_up()
    asking.join()
    assert (sent[0].status, sent[0].code) == (503, "ServiceUnavailable")


def test_a_backend_that_is_not_there_is_a_503_and_recovers_by_itself(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with recording() as gone, running(tmp_path_factory.mktemp("gone") / "data", backend=gone.backend) as server:
        client: Any = server.client("s3", server.root)
        client.create_bucket(Bucket=BUCKET)
        gone.stop()
        refused = get(server, server.root)
        assert (refused.code, refused.status) == ("ServiceUnavailable", 503)
        created = raw_s3.call(server.root, "PUT", f"{server.url}/another-bucket", body=b"")
        assert created.code == "ServiceUnavailable"
        assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == [BUCKET]
        with recording(gone.port):
            assert get(server, server.root).status == 200


def test_a_gateway_without_a_backend_says_so_and_authenticates_nobody(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(tmp_path_factory.mktemp("alone") / "data") as server:
        refused = get(server, server.root)
        assert (refused.code, refused.status) == ("NotImplemented", 501)
        assert refused.element("Message") == "no S3 backend is configured here"
        assert server.client("sts", server.root).get_caller_identity()["Account"] == server.account_id
