"""Every way to send a body, every place for a signature and every fault of one: refused for every write that is served,
and the backend is not even asked. It keeps every byte it gets: what is not there never came.

Forms are tests/edge/test_arrival's.

Source: the advisories in which one body mode, or one place for the signature, skipped the check: MinIO CVE-2025-31489,
CVE-2026-40344, CVE-2026-41145; SeaweedFS #2180, #7912, CVE-2026-55873; lakeFS CVE-2025-68671.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import pytest

from daypass.service.s3_catalog import ROWS, Body
from daypass.wire import model
from support import raw_s3
from support.api import Answer
from support.s3_in_process import BUCKET, URL, S3InProcess, chunked, s3_in_process
from support.server import REGION, Keys

OBJECT = b"body of the matrix"
OBJECT_MODES = (
    "hash",
    "UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
)
OTHER_MODES = ("hash", "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
# What says that the signature was the reason, or that there was none to look at.
NOT_PROVEN = {
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}


class Write(NamedTuple):
    """target: with every parameter that the model demands. modes: of its body."""

    name: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    modes: tuple[str, ...]


def writes() -> list[Write]:
    """Every operation that is served and could change something, from the model."""
    operations = model.load("s3").operations
    found = []
    for name, row in sorted(ROWS.items()):
        operation = operations[name]
        if operation.http_method in ("GET", "HEAD"):
            continue
        members = operation.input.members.values() if operation.input else ()
        required = [member for member in members if member.required]
        query = [*operation.fixed_query, *[(m.wire_name, "1") for m in required if m.location == "querystring"]]
        headers = {m.wire_name: f"/{BUCKET}/kept" for m in required if m.location == "header"}
        path = operation.path.replace("{Bucket}", BUCKET).replace("{Key+}", "new")
        body = {Body.NONE: b"", Body.DOCUMENT: b"<Any/>", Body.STREAM: OBJECT}[row.body]
        modes = OBJECT_MODES if row.body is Body.STREAM else OTHER_MODES
        target = path + (f"?{urlencode(query)}" if query else "")
        found.append(Write(name, operation.http_method, target, headers, body, modes))
    return found


WRITES = writes()

Forgery = Callable[[S3InProcess, str, str, dict[str, str]], tuple[str, dict[str, str]]]
"""Actors, method, url and unsigned headers → the url and the headers that are sent."""


def with_wrong_signature(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    signed["Authorization"] = re.sub("Signature=.", "Signature=z", signed["Authorization"])
    return url, signed


def with_an_empty_signature(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    signed["Authorization"] = re.sub("Signature=.*", "Signature=", signed["Authorization"])
    return url, signed


def without_a_signature(_: S3InProcess, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    return url, headers


def by_another_for_root(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    mixed = Keys(actors.root.access_key_id, actors.other.secret_access_key)
    return url, raw_s3.signed_headers(mixed, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def by_one_without_permission(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return url, raw_s3.signed_headers(actors.other, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def by_one_without_permission_naming_root_in_the_query(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """MinIO CVE-2026-41145: the permission was looked up for the key in the query, the signature checked elsewhere."""
    url += ("&" if "?" in url else "?") + "X-Amz-Credential=" + quote(scope(actors.root), safe="")
    return url, raw_s3.signed_headers(actors.other, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def with_roots_key_in_the_query_only(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return url + ("&" if "?" in url else "?") + "X-Amz-Credential=" + quote(scope(actors.root), safe=""), headers


def for_another_address(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    return url.replace(f"/{BUCKET}", "/another-bucket"), signed


def for_another_service(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """SeaweedFS CVE-2026-55873: the service that the client named decided what was checked."""
    declared = headers["X-Amz-Content-SHA256"]
    return url, raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=declared, service="ec2")


def with_another_sessions_token(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    one, two = actors.session, actors.other_session
    mixed = Keys(one.access_key_id, one.secret_access_key, two.session_token)
    return url, raw_s3.signed_headers(mixed, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def without_its_token(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    one = Keys(actors.session.access_key_id, actors.session.secret_access_key)
    return url, raw_s3.signed_headers(one, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def with_an_unsigned_header_that_means_something(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    return url, {**signed, "x-amz-expected-bucket-owner": "123456789012"}


def of_long_ago(actors: S3InProcess, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """lakeFS CVE-2025-68671: the time of a request was never looked at."""
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    return url, {**signed, "X-Amz-Date": "20200101T000000Z"}


def presigned_and_changed(actors: S3InProcess, method: str, url: str, _: dict[str, str]) -> tuple[str, dict[str, str]]:
    presigned = raw_s3.presigned(actors.root, method, url)
    return re.sub("X-Amz-Signature=.", "X-Amz-Signature=z", presigned), {}


def presigned_for_another_method(
    actors: S3InProcess, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return raw_s3.presigned(actors.root, "GET", url), {}


def presigned_with_a_later_expiry(
    actors: S3InProcess, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return raw_s3.presigned(actors.root, method, url).replace("X-Amz-Expires=300", "X-Amz-Expires=3000"), {}


def presigned_without_its_signature(
    actors: S3InProcess, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return re.sub("&X-Amz-Signature=[0-9a-f]+", "", raw_s3.presigned(actors.root, method, url)), {}


def presigned_and_signed(
    actors: S3InProcess, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """Two signatures, each right: which of the two callers it is nobody can say."""
    presigned = raw_s3.presigned(actors.root, method, url)
    declared = headers["X-Amz-Content-SHA256"]
    return presigned, raw_s3.signed_headers(actors.other, method, presigned, headers, payload_hash=declared)


def presigned_with_a_further_parameter(
    actors: S3InProcess, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return raw_s3.presigned(actors.root, method, url) + "&x-amz-acl=private", {}


FORGERIES: list[Forgery] = [
    with_wrong_signature,
    with_an_empty_signature,
    without_a_signature,
    by_another_for_root,
    by_one_without_permission,
    by_one_without_permission_naming_root_in_the_query,
    with_roots_key_in_the_query_only,
    for_another_address,
    for_another_service,
    with_another_sessions_token,
    without_its_token,
    with_an_unsigned_header_that_means_something,
    of_long_ago,
    presigned_and_changed,
    presigned_for_another_method,
    presigned_with_a_later_expiry,
    presigned_without_its_signature,
    presigned_and_signed,
    presigned_with_a_further_parameter,
]


def scope(keys: Keys) -> str:
    return f"{keys.access_key_id}/{datetime.now(UTC):%Y%m%d}/{REGION}/s3/aws4_request"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3InProcess]:
    with s3_in_process(tmp_path_factory.mktemp("matrix") / "data") as gateway:
        yield gateway


@pytest.fixture
def gateway(running: S3InProcess) -> S3InProcess:
    running.backend.reset()
    return running


def sent(gateway: S3InProcess, write: Write, mode: str, forgery: Forgery) -> Answer:
    """The request with its signature forged; all else about it, the chunks' own signatures too, is as it should be."""
    declared = hashlib.sha256(write.body).hexdigest() if mode == "hash" else mode
    headers = {**write.headers, "X-Amz-Content-SHA256": declared}
    if mode.startswith("STREAMING"):
        headers["X-Amz-Decoded-Content-Length"] = str(len(write.body))
    url, forged = forgery(gateway, write.method, URL + write.target, headers)
    body = write.body
    if mode.startswith("STREAMING"):
        head = {"Authorization": "Signature=0", "X-Amz-Date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", **forged}
        body = chunked(head, body, mode, gateway.root.secret_access_key, {})
    parts = urlsplit(url)
    return gateway.send(write.method, parts.path + (f"?{parts.query}" if parts.query else ""), forged, body)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__.replace("_", " "))
def test_no_write_in_any_body_mode_gets_past_a_forgery(gateway: S3InProcess, forgery: Forgery) -> None:
    for write in WRITES:
        for mode in write.modes:
            answer = sent(gateway, write, mode, forgery)
            assert answer.status in (400, 403, 501), (write, mode, answer)
            # Where no signature is wrong, it is said first what is wrong with a document.
            if mode in ("hash", "UNSIGNED-PAYLOAD") and forgery not in (without_a_signature, by_one_without_permission):
                assert answer.fault[1] in NOT_PROVEN | {"InvalidArgument", "NotImplemented"}, (write, mode, answer)
    assert gateway.backend.requests == []


def honest(actors: S3InProcess, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    return url, raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def by_a_session(actors: S3InProcess, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    declared = headers["X-Amz-Content-SHA256"]
    return url, raw_s3.signed_headers(actors.session, method, url, headers, payload_hash=declared)


def test_the_matrix_itself_lets_every_honest_write_past_the_signature(gateway: S3InProcess) -> None:
    assert len(WRITES) > 40
    for write in WRITES:
        if write.name != "DeleteBucket":  # which all the others need
            answer = sent(gateway, write, "hash", honest)
            code = answer.fault[1] if answer.status >= 300 and answer.body else None
            assert code not in NOT_PROVEN, (write, answer)
    assert gateway.completed


@pytest.mark.parametrize("mode", OBJECT_MODES[:-1])
def test_the_matrix_itself_lets_an_honest_object_through(gateway: S3InProcess, mode: str) -> None:
    puts = [write for write in WRITES if write.modes == OBJECT_MODES]
    assert {"PutObject", "UploadPart"} <= {write.name for write in puts}
    for forgery in (honest, *([by_a_session] if "HMAC" not in mode else [])):
        for write in puts:
            assert sent(gateway, write, mode, forgery).status == 200, write
            assert gateway.completed[-1].body == OBJECT
            assert gateway.completed[-1].target == write.target


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ("", "InvalidArgument"),
        ("0" * 63, "InvalidArgument"),
        ("UNSIGNED", "InvalidArgument"),
        ("unsigned-payload", "InvalidArgument"),
        ("STREAMING-NO-SUCH-MODE", "NotImplemented"),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "NotImplemented"),
    ],
)
def test_a_payload_hash_of_another_form_is_refused(gateway: S3InProcess, declared: str, code: str) -> None:
    given = {"X-Amz-Content-SHA256": declared}
    head = raw_s3.signed_headers(gateway.root, "PUT", f"{URL}/{BUCKET}/new", given, payload_hash=declared or " ")
    assert gateway.send("PUT", f"/{BUCKET}/new", {**head, **given}, OBJECT).fault[1] == code


def test_a_hash_that_nobody_signed_is_refused_beside_a_presigned_url(gateway: S3InProcess) -> None:
    url = raw_s3.presigned(gateway.root, "PUT", f"{URL}/{BUCKET}/new")
    answer = gateway.by_url("PUT", url, {"X-Amz-Content-SHA256": hashlib.sha256(OBJECT).hexdigest()}, OBJECT)
    assert (answer.fault[1], answer.text("HeadersNotSigned")) == ("AccessDenied", "x-amz-content-sha256")


def test_a_body_in_chunks_is_refused_beside_a_presigned_url(gateway: S3InProcess) -> None:
    """MinIO CVE-2026-41145: the credential of the query, the signature of a header that was not there."""
    for mode in OBJECT_MODES[2:5]:
        url = raw_s3.presigned(gateway.root, "PUT", f"{URL}/{BUCKET}/new?X-Amz-Content-Sha256={mode}")
        assert gateway.by_url("PUT", url, {}, b"0\r\n\r\n").status in (400, 403)
    assert gateway.backend.requests == []


def test_what_is_wrong_with_a_presigned_url_is_said(gateway: S3InProcess) -> None:
    url = raw_s3.presigned(gateway.root, "GET", f"{URL}/{BUCKET}/kept", seconds=1)
    assert gateway.by_url("GET", url).status == 200
    over = raw_s3.presigned(gateway.root, "GET", f"{URL}/{BUCKET}/kept", seconds=0)
    assert gateway.by_url("GET", over).fault[2] == "X-Amz-Expires must be at least 1"
    second_version = f"{URL}/{BUCKET}/kept?AWSAccessKeyId={gateway.root.access_key_id}&Signature=x&Expires=9"
    assert "signature_version=s3v4" in str(gateway.by_url("GET", second_version).fault[2])
