"""Every way to send a body, every place for a signature and every fault of one: refused for every write, and nothing
is left behind. The backend is moto, which believes anybody: what did not happen there, the gateway refused.

Source: the advisories in which one body mode, or one place for the signature, skipped the check: MinIO CVE-2025-31489,
CVE-2026-40344, CVE-2026-41145; SeaweedFS #2180, #7912, CVE-2026-55873; lakeFS CVE-2025-68671.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from support import raw_s3
from support.backends import Backend
from support.raw_s3 import Answer
from support.server import REGION, Daypass, Keys, allow, policy

BUCKET = "matrix-bucket"
BODY = b"body of the matrix"
POLICY = policy({**allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/kept"), "Principal": {"AWS": "ACCOUNT"}})

# operation → method, target, whether it has a body
WRITES = {
    "PutObject": ("PUT", f"/{BUCKET}/new", True),
    "overwriting PutObject": ("PUT", f"/{BUCKET}/kept", True),
    "DeleteObject": ("DELETE", f"/{BUCKET}/kept", False),
    "CreateBucket": ("PUT", "/matrix-new-bucket", False),
    "DeleteBucket": ("DELETE", f"/{BUCKET}", False),
    "PutBucketPolicy": ("PUT", f"/{BUCKET}?policy", True),
    "DeleteBucketPolicy": ("DELETE", f"/{BUCKET}?policy", False),
}
BODY_MODES = [
    "hash",
    "UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
]


class Actors:
    """root: may do everything. other: an IAM user who may do nothing. session: root's, which may do everything."""

    def __init__(self, server: Daypass) -> None:
        self.root = server.root
        self.other = server.new_user("matrix-other")
        user = server.new_user("matrix-issuer", allow(["s3:*", "sts:*"], "*"))
        sts = server.client("sts", user)
        self.session, self.other_session = (
            Keys.of(sts.get_federation_token(Name=name, Policy=policy(allow("s3:*", "*")))["Credentials"])
            for name in ("One", "Two")
        )


Forgery = Callable[[Actors, str, str, dict[str, str]], tuple[str, dict[str, str]]]
"""Actors, method, url and unsigned headers → the url and the headers that are sent."""


def with_wrong_signature(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    signed["Authorization"] = re.sub("Signature=.", "Signature=z", signed["Authorization"])
    return url, signed


def with_an_empty_signature(
    actors: Actors, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    signed["Authorization"] = re.sub("Signature=.*", "Signature=", signed["Authorization"])
    return url, signed


def without_a_signature(_: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    return url, headers


def by_another_for_root(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    mixed = Keys(actors.root.access_key_id, actors.other.secret_access_key)
    return url, raw_s3.signed_headers(mixed, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def by_one_without_permission(
    actors: Actors, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return url, raw_s3.signed_headers(actors.other, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def by_one_without_permission_naming_root_in_the_query(
    actors: Actors, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """MinIO CVE-2026-41145: the permission was looked up for the key in the query, the signature checked elsewhere."""
    url += ("&" if "?" in url else "?") + "X-Amz-Credential=" + quote(scope(actors.root), safe="")
    return url, raw_s3.signed_headers(actors.other, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def with_roots_key_in_the_query_only(
    actors: Actors, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return url + ("&" if "?" in url else "?") + "X-Amz-Credential=" + quote(scope(actors.root), safe=""), headers


def for_another_address(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    return url.replace("/matrix-", "/matrix2-"), signed


def for_another_service(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """SeaweedFS CVE-2026-55873: the service that the client named decided what was checked."""
    declared = headers["X-Amz-Content-SHA256"]
    return url, raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=declared, service="ec2")


def with_another_sessions_token(
    actors: Actors, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    one, two = actors.session, actors.other_session
    mixed = Keys(one.access_key_id, one.secret_access_key, two.session_token)
    return url, raw_s3.signed_headers(mixed, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def without_its_token(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    one = Keys(actors.session.access_key_id, actors.session.secret_access_key)
    return url, raw_s3.signed_headers(one, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])


def with_an_unsigned_header_that_means_something(
    actors: Actors, method: str, url: str, headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    return url, {**signed, "x-amz-expected-bucket-owner": "123456789012"}


def of_long_ago(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """lakeFS CVE-2025-68671: the time of a request was never looked at."""
    signed = raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=headers["X-Amz-Content-SHA256"])
    return url, {**signed, "X-Amz-Date": "20200101T000000Z"}


def presigned_and_changed(actors: Actors, method: str, url: str, _: dict[str, str]) -> tuple[str, dict[str, str]]:
    presigned = raw_s3.presigned(actors.root, method, url)
    return re.sub("X-Amz-Signature=.", "X-Amz-Signature=z", presigned), {}


def presigned_for_another_method(
    actors: Actors, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return raw_s3.presigned(actors.root, "GET", url), {}


def presigned_with_a_later_expiry(
    actors: Actors, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return raw_s3.presigned(actors.root, method, url).replace("X-Amz-Expires=300", "X-Amz-Expires=3000"), {}


def presigned_without_its_signature(
    actors: Actors, method: str, url: str, _: dict[str, str]
) -> tuple[str, dict[str, str]]:
    return re.sub("&X-Amz-Signature=[0-9a-f]+", "", raw_s3.presigned(actors.root, method, url)), {}


def presigned_and_signed(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Two signatures, each right: which of the two callers it is nobody can say."""
    presigned = raw_s3.presigned(actors.root, method, url)
    declared = headers["X-Amz-Content-SHA256"]
    return presigned, raw_s3.signed_headers(actors.other, method, presigned, headers, payload_hash=declared)


def presigned_with_a_further_parameter(
    actors: Actors, method: str, url: str, _: dict[str, str]
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
    return f"{keys.access_key_id}/20260101/{REGION}/s3/aws4_request"


@pytest.fixture(scope="module")
def actors(daypass: Daypass) -> Iterator[Actors]:
    owner = daypass.client("s3", daypass.root)
    owner.create_bucket(Bucket=BUCKET)
    owner.put_object(Bucket=BUCKET, Key="kept", Body=b"kept")
    owner.put_bucket_policy(Bucket=BUCKET, Policy=POLICY.replace("ACCOUNT", daypass.account_id))
    yield Actors(daypass)
    owner.delete_object(Bucket=BUCKET, Key="kept")
    owner.delete_bucket(Bucket=BUCKET)


@pytest.fixture(scope="module")
def behind(moto_backend: Backend) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=moto_backend.endpoint,
        region_name=moto_backend.region,
        aws_access_key_id=moto_backend.access_key_id,
        aws_secret_access_key=moto_backend.secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def sent(actors: Actors, base: str, write: str, mode: str, forgery: Forgery) -> Answer:
    method, target, has_body = WRITES[write]
    body = BODY if has_body else b""
    declared = hashlib.sha256(body).hexdigest() if mode == "hash" else mode
    headers = {"X-Amz-Content-SHA256": declared}
    if mode.startswith("STREAMING"):
        headers["x-amz-decoded-content-length"] = str(len(body))
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    url, forged = forgery(actors, method, base + target, headers)
    return raw_s3.send(method, url, forged, body or None)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__.replace("_", " "))
def test_no_write_in_any_body_mode_gets_past_a_forgery(
    daypass: Daypass, actors: Actors, behind: Any, forgery: Forgery
) -> None:
    for write, mode in itertools.product(WRITES, BODY_MODES):
        answer = sent(actors, daypass.url, write, mode, forgery)
        assert answer.status in (400, 403, 501), (write, mode, answer)
        assert answer.code, (write, mode, answer)
    owner = daypass.client("s3", daypass.root)
    assert [entry["Key"] for entry in behind.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["kept"]
    assert behind.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"kept"
    made = {bucket["Name"] for bucket in behind.list_buckets()["Buckets"]}
    assert not {"matrix-new-bucket", "matrix2-new-bucket"} & made
    assert "matrix-new-bucket" not in [bucket["Name"] for bucket in owner.list_buckets()["Buckets"]]
    assert daypass.account_id in owner.get_bucket_policy(Bucket=BUCKET)["Policy"]


@pytest.mark.parametrize("mode", BODY_MODES[2:])
def test_a_body_mode_that_is_not_served_is_refused_though_its_signature_is_right(
    daypass: Daypass, actors: Actors, behind: Any, mode: str
) -> None:
    def honest(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        return url, raw_s3.signed_headers(actors.root, method, url, headers, payload_hash=mode)

    answer = sent(actors, daypass.url, "PutObject", mode, honest)
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert [entry["Key"] for entry in behind.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["kept"]


@pytest.mark.parametrize("mode", BODY_MODES[:2])
def test_the_matrix_itself_lets_an_honest_request_through(
    daypass: Daypass, actors: Actors, behind: Any, mode: str
) -> None:
    def honest(actors: Actors, method: str, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        declared = headers["X-Amz-Content-SHA256"]
        return url, raw_s3.signed_headers(actors.session, method, url, headers, payload_hash=declared)

    assert sent(actors, daypass.url, "PutObject", mode, honest).status == 200
    assert behind.get_object(Bucket=BUCKET, Key="new")["Body"].read() == BODY
    daypass.client("s3", daypass.root).delete_object(Bucket=BUCKET, Key="new")


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ("", "InvalidArgument"),
        ("0" * 63, "InvalidArgument"),
        ("UNSIGNED", "InvalidArgument"),
        ("unsigned-payload", "InvalidArgument"),
        ("STREAMING-NO-SUCH-MODE", "NotImplemented"),
    ],
)
def test_a_payload_hash_of_another_form_is_refused(daypass: Daypass, actors: Actors, declared: str, code: str) -> None:
    url = f"{daypass.url}/{BUCKET}/new"
    given = {"X-Amz-Content-SHA256": declared}
    signed = raw_s3.signed_headers(actors.root, "PUT", url, given, payload_hash=declared or " ")
    assert raw_s3.send("PUT", url, {**signed, **given}, BODY).code == code


def test_a_hash_that_nobody_signed_is_refused_beside_a_presigned_url(daypass: Daypass, actors: Actors) -> None:
    url = raw_s3.presigned(actors.root, "PUT", f"{daypass.url}/{BUCKET}/new")
    answer = raw_s3.send("PUT", url, {"X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest()}, BODY)
    assert (answer.code, answer.element("HeadersNotSigned")) == ("AccessDenied", "x-amz-content-sha256")


def test_what_is_wrong_with_a_presigned_url_is_said(daypass: Daypass, actors: Actors) -> None:
    url = raw_s3.presigned(actors.root, "GET", f"{daypass.url}/{BUCKET}/kept", seconds=1)
    assert raw_s3.send("GET", url).status == 200
    time.sleep(2)
    assert raw_s3.send("GET", url).element("Message") == "Request has expired"
    second_version = f"{daypass.url}/{BUCKET}/kept?AWSAccessKeyId={actors.root.access_key_id}&Signature=x&Expires=9"
    assert "signature_version=s3v4" in (raw_s3.send("GET", second_version).element("Message") or "")
