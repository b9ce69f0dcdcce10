"""The ways in which a request can arrive, each with its honest form and with what must be refused of it."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

import boto3
import pytest
from botocore.config import Config

from support.api import Answer
from support.aws_chunked import encode, split
from support.raw_s3 import signed_headers
from support.s3_in_process import BUCKET, URL, S3InProcess, chunked, s3_in_process
from support.server import REGION, Keys

SMALL = b"hello world"
LARGE = bytes(range(256)) * 1_024
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3InProcess]:
    options = {"s3_signature_version_2": "true"}
    with s3_in_process(tmp_path_factory.mktemp("arrival") / "data", options) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: S3InProcess) -> S3InProcess:
    running.backend.reset()
    return running


def client(keys: Keys, signature_version: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=URL,
        region_name=REGION,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        config=Config(signature_version=signature_version, s3={"addressing_style": "path"}),
    )


# ---- bodies in chunks --------------------------------------------------------------------------------------


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()


def put_in_chunks(
    gateway: S3InProcess,
    mode: str,
    body: bytes,
    *,
    keys: Keys | None = None,
    key: str = "chunks",
    change: Any = bytes,
    **more: Any,
) -> Answer:
    keys = keys or gateway.session
    given = {"X-Amz-Decoded-Content-Length": str(len(body)), "Content-Encoding": "aws-chunked"}
    if mode.endswith("TRAILER"):
        given["X-Amz-Trailer"] = "x-amz-checksum-crc32"
    target = f"/{BUCKET}/{key}"
    head = signed_headers(keys, "PUT", URL + target, given, payload_hash=mode)
    encoded = change(chunked(head, body, mode, keys.secret_access_key, {"x-amz-checksum-crc32": crc32(body)}))
    return gateway.send("PUT", target, head, encoded, **more)


@pytest.mark.parametrize("body", [b"", SMALL, LARGE], ids=len)
@pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_body_in_chunks_reaches_the_backend_as_the_object(gateway: S3InProcess, mode: str, body: bytes) -> None:
    for says_length in (True, False):
        assert put_in_chunks(gateway, mode, body, says_length=says_length).status == 200
        request = gateway.completed[-1]
        assert request.body == body
        assert request.headers["content-length"] == str(len(body))
        assert "content-encoding" not in request.headers
        assert "x-amz-decoded-content-length" not in request.headers
        assert "x-amz-trailer" not in request.headers
        small_with_trailer = mode.endswith("TRAILER") and len(body) < len(LARGE)
        assert request.headers.get("x-amz-checksum-crc32") == (crc32(body) if small_with_trailer else None)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=len)
@pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_bad_body_in_chunks_leaves_nothing_behind(gateway: S3InProcess, mode: str, body: bytes) -> None:
    changes = {
        "cut off": (lambda sent: sent[:-10], {"IncompleteBody"}),
        "over-long": (lambda sent: sent + b"more", {"IncompleteBody"}),
        "mis-framed": (lambda sent: b"x" + sent, {"IncompleteBody"}),
        "other data": (
            lambda sent: sent.replace(body[-8:], b"evildata"),
            {"SignatureDoesNotMatch", "BadDigest"},
        ),
    }
    for change, codes in changes.values():
        answer = put_in_chunks(gateway, mode, body, change=change)
        assert answer.fault[1] in codes
    gateway.settled()
    assert gateway.completed == []


@pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER])
def test_chunks_signed_by_another_key_leave_nothing_behind(gateway: S3InProcess, mode: str) -> None:
    for body in (SMALL, LARGE):
        given = {"X-Amz-Decoded-Content-Length": str(len(body))}
        head = signed_headers(gateway.root, "PUT", f"{URL}/{BUCKET}/chunks", given, payload_hash=mode)
        encoded = chunked(head, body, mode, gateway.other.secret_access_key, {})
        assert gateway.send("PUT", f"/{BUCKET}/chunks", head, encoded).fault[1] == "SignatureDoesNotMatch"
    gateway.settled()
    assert gateway.completed == []


def test_an_unsigned_trailer_with_a_wrong_signature_in_its_head_is_refused(gateway: S3InProcess) -> None:
    """MinIO CVE-2025-31489 and CVE-2026-40344: the signature of such a request was never checked."""
    wrong = Keys(gateway.root.access_key_id, gateway.other.secret_access_key)
    refused = put_in_chunks(gateway, UNSIGNED_TRAILER, SMALL, keys=wrong, key="nobody-s")
    assert refused.fault[:2] == (403, "SignatureDoesNotMatch")
    # A body that an earlier test broke off may be recorded only now.
    assert [request for request in gateway.backend.requests if "nobody-s" in request.target] == []


def test_only_objects_are_sent_in_chunks(gateway: S3InProcess) -> None:
    given = {"X-Amz-Decoded-Content-Length": "2"}
    target = f"/{BUCKET}?policy"
    head = signed_headers(gateway.root, "PUT", URL + target, given, payload_hash=UNSIGNED_TRAILER)
    assert gateway.send("PUT", target, head, b"2\r\n{}\r\n0\r\n\r\n").fault[1] == "InvalidRequest"


@pytest.fixture(scope="module")
def trailing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3InProcess]:
    options = {"s3_backend_takes_trailers": "true"}
    with s3_in_process(tmp_path_factory.mktemp("trailing") / "data", options) as gateway:
        yield gateway


@pytest.mark.parametrize("length", [65_537, 131_072, 262_144, 300_001])
@pytest.mark.parametrize("mode", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_backend_that_takes_trailers_gets_a_large_objects_checksum(
    trailing: S3InProcess, mode: str, length: int
) -> None:
    trailing.backend.reset()
    body = (LARGE * 2)[:length]
    assert put_in_chunks(trailing, mode, body).status == 200
    (request,) = trailing.completed
    assert request.headers["x-amz-content-sha256"] == UNSIGNED_TRAILER
    assert request.headers["x-amz-decoded-content-length"] == str(length)
    assert request.headers["x-amz-trailer"] == "x-amz-checksum-crc32"
    assert request.headers["content-encoding"] == "aws-chunked"
    assert request.body == encode(split(body), trailers={"x-amz-checksum-crc32": crc32(body)})


@pytest.mark.parametrize("mode", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_a_bad_body_leaves_nothing_behind_where_checksums_follow(trailing: S3InProcess, mode: str) -> None:
    trailing.backend.reset()
    for change in (
        lambda sent: sent[:-10],
        lambda sent: sent.replace(LARGE[-8:], b"evildata"),
        lambda sent: sent + b"x",
    ):
        assert put_in_chunks(trailing, mode, LARGE, change=change).status in (400, 403)
    trailing.settled()
    assert trailing.completed == []


# ---- checksums ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=len)
def test_an_object_of_another_checksum_leaves_nothing_behind(gateway: S3InProcess, body: bytes) -> None:
    wrong = {
        "x-amz-checksum-crc32": "AAAAAA==",
        "x-amz-checksum-crc32c": "AAAAAA==",
        "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=",
        "x-amz-checksum-sha1": "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
        "x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
    }
    for name, value in wrong.items():
        assert gateway.signed("PUT", f"/{BUCKET}/sums", {name: value}, body).fault[1] == "BadDigest", name
    gateway.settled()
    assert gateway.completed == []
    assert gateway.signed("PUT", f"/{BUCKET}/sums", {"x-amz-checksum-crc32": crc32(body)}, body).status == 200
    assert gateway.completed[0].headers["x-amz-checksum-crc32"] == crc32(body)


# ---- Signature Version 2 -----------------------------------------------------------------------------------


def test_a_url_of_version_2_is_verified_where_that_is_switched_on(gateway: S3InProcess) -> None:
    for keys in (gateway.root, gateway.session):
        signer = client(keys, "s3")
        put = signer.generate_presigned_url(
            "put_object", Params={"Bucket": BUCKET, "Key": "old/é key", "ContentType": "text/x-old"}
        )
        assert "AWSAccessKeyId=" in put
        assert gateway.by_url("PUT", put, {"content-type": "text/x-old"}, SMALL).status == 200
        assert gateway.completed[-1].body == SMALL
        assert gateway.completed[-1].headers["content-type"] == "text/x-old"
        get = signer.generate_presigned_url(
            "get_object",
            Params={"Bucket": BUCKET, "Key": "old", "ResponseContentType": "text/x-mine", "VersionId": "7"},
        )
        assert gateway.by_url("GET", get).status == 200
        assert gateway.completed[-1].target == f"/{BUCKET}/old?response-content-type=text%2Fx-mine&versionId=7"


def test_a_url_of_version_2_is_good_for_nothing_else(gateway: S3InProcess) -> None:
    url = client(gateway.session, "s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "old"})
    other = client(gateway.other_session, "s3").generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "old"}
    )
    token = dict(pair.partition("=")[::2] for pair in other.partition("?")[2].split("&"))["x-amz-security-token"]
    own = dict(pair.partition("=")[::2] for pair in url.partition("?")[2].split("&"))["x-amz-security-token"]
    changed = {
        url.replace("/old?", "/new?"): "SignatureDoesNotMatch",
        url.replace("Expires=", "Expires=9"): "SignatureDoesNotMatch",
        url.replace("Signature=", "Signature=A"): "SignatureDoesNotMatch",
        url + "&versionId=1": "SignatureDoesNotMatch",
        url + "&x-amz-checksum-mode=ENABLED": "SignatureDoesNotMatch",
        url + "&tagging": "InvalidRequest",
        url + "&acl": "InvalidRequest",
        url + "&Expires=9": "InvalidArgument",
        url + "&content-type=a%0Ab": "InvalidURI",
        url.replace(own, token): "InvalidAccessKeyId",
        url.replace(f"x-amz-security-token={own}&", ""): "InvalidAccessKeyId",
        url.replace(gateway.session.access_key_id, gateway.root.access_key_id): "InvalidToken",
    }
    for wrong, code in changed.items():
        assert wrong != url
        assert gateway.by_url("GET", wrong).fault[1] == code, wrong
    assert gateway.by_url("PUT", url, body=SMALL).fault[1] == "SignatureDoesNotMatch"
    assert gateway.by_url("GET", url, {"x-amz-meta-colour": "blue"}).fault[1] in {
        "SignatureDoesNotMatch",
        "NotImplemented",
    }
    head = signed_headers(gateway.root, "GET", url)
    assert gateway.by_url("GET", url, head).fault[1] == "InvalidArgument"
    assert gateway.backend.requests == []
    assert gateway.by_url("GET", url).status == 200


def test_a_url_of_version_2_expires(gateway: S3InProcess) -> None:
    url = client(gateway.session, "s3").generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "old"}, ExpiresIn=-1
    )
    assert gateway.by_url("GET", url).fault == (403, "AccessDenied", "Request has expired")


def test_version_2_lists_and_configures_nothing(gateway: S3InProcess) -> None:
    for operation in ("list_objects", "delete_bucket"):
        url = client(gateway.root, "s3").generate_presigned_url(operation, Params={"Bucket": BUCKET})
        method = "GET" if operation == "list_objects" else "DELETE"
        assert gateway.by_url(method, url).fault[1] == "InvalidRequest", operation
    assert gateway.backend.requests == []


def test_version_2_in_a_header_is_never_served(gateway: S3InProcess) -> None:
    headers = {"authorization": f"AWS {gateway.root.access_key_id}:c2lnbmF0dXJl", "date": formatdate(usegmt=True)}
    assert gateway.send("GET", f"/{BUCKET}/k", headers).fault[1] == "InvalidRequest"


def test_without_the_option_version_2_is_refused_with_advice(tmp_path_factory: pytest.TempPathFactory) -> None:
    with s3_in_process(tmp_path_factory.mktemp("arrival") / "data") as strict:
        signer = client(strict.root, "s3")
        url = signer.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
        assert "signature_version=s3v4" in str(strict.by_url("GET", url).fault[2])
        post = signer.generate_presigned_post(BUCKET, "k")
        assert "signature_version=s3v4" in str(posted(strict, post["fields"]).fault[2])
        assert strict.backend.requests == []


# ---- forms -------------------------------------------------------------------------------------------------


def form(fields: Mapping[str, str], content: bytes, *, file_name: str = "photo.png", after: bytes = b"") -> bytes:
    """As a browser encodes it."""
    parts = [
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
    return (
        b"".join(parts) + head.encode() + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n" + after + b"--XX--\r\n"
    )


def posted(
    gateway: S3InProcess,
    fields: Mapping[str, str],
    content: bytes = SMALL,
    *,
    bucket: str = BUCKET,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Answer:
    given = {"content-type": "multipart/form-data; boundary=XX", **(headers or {})}
    return gateway.send("POST", f"/{bucket}", given, form(fields, content, **more))


def presigned_form(
    keys: Keys, *, version: str = "s3v4", key: str = "user/${filename}", conditions: Any = (), **fields: str
) -> dict[str, str]:
    bucket = fields.pop("for_bucket", BUCKET)
    every = [*conditions, *({name.replace("_", "-"): value} for name, value in fields.items())]
    post = client(keys, version).generate_presigned_post(
        bucket, key, Fields={name.replace("_", "-"): value for name, value in fields.items()}, Conditions=every
    )
    return dict(post["fields"])


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("content", [b"", SMALL, LARGE, LARGE * 5], ids=len)
def test_a_form_uploads_its_file(gateway: S3InProcess, version: str, content: bytes) -> None:
    for keys in (gateway.root, gateway.session):
        fields = presigned_form(keys, version=version, x_amz_meta_colour="blue", Content_Type="image/png")
        answer = posted(gateway, fields, content, file_name=r"C:\Pictures\a b.png")
        assert answer.status == 204
        request = gateway.completed[-1]
        assert (request.method, request.target) == ("PUT", f"/{BUCKET}/user/a%20b.png")
        assert request.body == content
        assert request.headers["x-amz-meta-colour"] == "blue"
        assert request.headers["content-type"] == "image/png"
        assert "x-amz-security-token" not in request.headers


def test_a_form_says_how_its_success_is_answered(gateway: S3InProcess) -> None:
    def answered(**fields: str) -> Answer:
        signed = client(gateway.root, "s3v4").generate_presigned_post(
            BUCKET, "k&y", Fields=fields, Conditions=[{name: value} for name, value in fields.items()]
        )
        return posted(gateway, signed["fields"])

    assert answered(success_action_status="200").status == 200
    assert answered(success_action_status="404").status == 204
    made = answered(success_action_status="201")
    assert (made.status, made.text("Bucket"), made.text("Key"), made.text("ETag")) == (201, BUCKET, "k&y", '"e"')
    assert made.text("Location") == f"{URL}/{BUCKET}/k%26y"
    away = answered(success_action_redirect="https://example.com/done?a=b")
    assert away.status == 303
    assert away.headers["location"] == f"https://example.com/done?a=b&bucket={BUCKET}&key=k%26y&etag=%22e%22"
    for nowhere in ("javascript:alert(1)", "http://[", "https:///path"):
        assert answered(success_action_redirect=nowhere).status == 204


def test_a_form_may_have_fields_after_its_file_unless_it_is_large(gateway: S3InProcess) -> None:
    button = b'--XX\r\nContent-Disposition: form-data; name="submit"\r\n\r\nUpload\r\n'
    assert posted(gateway, presigned_form(gateway.root), after=button).status == 204
    assert gateway.completed[-1].body == SMALL
    gateway.backend.reset()
    answer = posted(gateway, presigned_form(gateway.root), LARGE * 5, after=button)
    assert answer.fault[1] == "InvalidRequest"
    gateway.settled()
    assert gateway.completed == []


def changed(fields: dict[str, str], **changes: str | None) -> dict[str, str]:
    renamed = {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in {**fields, **renamed}.items() if value is not None}


def test_a_form_is_held_to_every_condition_of_its_policy(gateway: S3InProcess) -> None:
    signed = presigned_form(
        gateway.session,
        conditions=[["content-length-range", 5, 20], ["starts-with", "$Content-Type", "image/"]],
        x_amz_meta_colour="blue",
    )
    honest = changed(signed, Content_Type="image/png")
    cases: dict[str, tuple[dict[str, str], bytes, str]] = {
        "another key": (changed(honest, key="other/key"), SMALL, "AccessDenied"),
        "another type": (changed(honest, Content_Type="text/html"), SMALL, "AccessDenied"),
        "a list of types": (changed(honest, Content_Type="image/png,text/html"), SMALL, "AccessDenied"),
        "no type": (signed, SMALL, "AccessDenied"),
        "another value": (changed(honest, x_amz_meta_colour="red"), SMALL, "AccessDenied"),
        "a missing field": (changed(honest, x_amz_meta_colour=None), SMALL, "AccessDenied"),
        "a further field": (changed(honest, x_amz_meta_size="1"), SMALL, "AccessDenied"),
        "an acl": (changed(honest, acl="public-read"), SMALL, "AccessDenied"),
        "a short file": (honest, b"1234", "EntityTooSmall"),
        "a long file": (honest, b"1" * 21, "EntityTooLarge"),
        "a policy cut off": (changed(honest, policy=honest["policy"][:-4]), SMALL, "InvalidPolicyDocument"),
        "no policy": (changed(honest, policy=None), SMALL, "AccessDenied"),
        "another bucket in a field": (changed(honest, bucket="elsewhere"), SMALL, "InvalidArgument"),
        "a hash": (changed(honest, x_amz_content_sha256="0" * 64), SMALL, "InvalidArgument"),
        "a copy": (changed(honest, x_amz_copy_source=f"/{BUCKET}/k"), SMALL, "InvalidArgument"),
        "no key": (changed(honest, key=""), SMALL, "InvalidArgument"),
        "dots in the file's name": (changed(honest, key="user/../${filename}"), SMALL, "InvalidURI"),
    }
    for name, (fields, content, code) in cases.items():
        assert posted(gateway, fields, content).fault[1] == code, name
    assert gateway.backend.requests == []
    assert posted(gateway, changed(honest, x_ignore_me="anything")).status == 204


def test_a_form_for_one_bucket_is_none_for_another(gateway: S3InProcess) -> None:
    """Ceph CVE-2023-43040: the bucket of the address was not the one that the policy was for."""
    assert gateway.signed("PUT", "/other-form-bucket").status == 200
    gateway.backend.reset()
    assert posted(gateway, presigned_form(gateway.root), bucket="other-form-bucket").fault[1] == "AccessDenied"
    anywhere = base64.b64encode(
        json.dumps(
            {
                "expiration": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                "conditions": [["starts-with", f"${name}", ""] for name in presigned_form(gateway.root)],
            }
        ).encode()
    ).decode()
    fields = changed(presigned_form(gateway.root), policy=anywhere)
    fields["x-amz-signature"] = sign_policy(gateway.root, fields)
    assert "Extra input fields: bucket" in str(posted(gateway, fields).fault[2])
    assert gateway.backend.requests == []


def sign_policy(keys: Keys, fields: Mapping[str, str]) -> str:
    import hmac

    key = f"AWS4{keys.secret_access_key}".encode()
    for part in (fields["x-amz-date"][:8], REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, fields["policy"].encode(), "sha256").hex()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_with_a_signature_that_is_not_right_uploads_nothing(gateway: S3InProcess, version: str) -> None:
    honest = presigned_form(gateway.session, version=version)
    signature = "x-amz-signature" if version == "s3v4" else "signature"
    key = "x-amz-credential" if version == "s3v4" else "AWSAccessKeyId"
    other = presigned_form(gateway.other_session, version=version)
    cases: dict[str, tuple[dict[str, str], set[str]]] = {
        "a bad one": ({**honest, signature: "0" * 64}, {"SignatureDoesNotMatch"}),
        "none": (
            {name: value for name, value in honest.items() if name != signature},
            {"AccessDenied", "AuthorizationQueryParametersError"},
        ),
        "another user's": ({**honest, signature: other[signature]}, {"SignatureDoesNotMatch"}),
        "another user's key": ({**honest, key: other[key]}, {"InvalidAccessKeyId"}),
        "root's key": (
            {**honest, key: honest[key].replace(gateway.session.access_key_id, gateway.root.access_key_id)},
            {"InvalidToken"},
        ),
        "another session's token": (
            {**honest, "x-amz-security-token": other["x-amz-security-token"]},
            {"InvalidAccessKeyId"},
        ),
        "no token": (
            {name: value for name, value in honest.items() if name != "x-amz-security-token"},
            {"InvalidAccessKeyId"},
        ),
        "both versions": ({**honest, "AWSAccessKeyId": "A", "x-amz-credential": "A"}, {"InvalidArgument"}),
        "no permission": (presigned_form(gateway.other, version=version), {"AccessDenied"}),
        "expired": (expired_form(gateway.session, version), {"AccessDenied"}),
    }
    for name, (fields, codes) in cases.items():
        assert posted(gateway, fields).fault[1] in codes, name
    signed_twice = signed_headers(
        gateway.root, "POST", f"{URL}/{BUCKET}", {"Content-Type": "multipart/form-data; boundary=XX"}
    )
    assert posted(gateway, honest, headers=signed_twice).fault[1] == "InvalidArgument"
    assert gateway.backend.requests == []


def expired_form(keys: Keys, version: str) -> dict[str, str]:
    return dict(client(keys, version).generate_presigned_post(BUCKET, "k", ExpiresIn=-1)["fields"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidArgument"),
        (b"--XX--\r\n", "InvalidArgument"),
        (b"nonsense", "MalformedPOSTRequest"),
        (b"--YY\r\n\r\n", "MalformedPOSTRequest"),
        (b"--XX\r\n\r\nno name\r\n--XX--", "MalformedPOSTRequest"),
        (b'--XX\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--XX--\r\n', "InvalidArgument"),
        (b'--XX\r\nContent-Disposition: form-data; name="key"; name="file"\r\n\r\nk\r\n--XX--', "MalformedPOSTRequest"),
        (b'--XX\r\nContent-Disposition: form-data; name="key"\r\n\r\n' + b"k" * 30_000, "MaxPostPreDataLengthExceeded"),
        (
            b'--XX\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'
            b'--XX\r\nContent-Disposition: form-data; name="key"\r\n\r\nl\r\n--XX--',
            "InvalidArgument",
        ),
    ],
    ids=lambda case: repr(case[:70]),
)
def test_a_form_that_is_none_is_refused(gateway: S3InProcess, body: bytes, code: str) -> None:
    answer = gateway.send("POST", f"/{BUCKET}", {"content-type": "multipart/form-data; boundary=XX"}, body)
    assert answer.fault[1] == code
    assert gateway.backend.requests == []


def test_a_form_that_is_cut_off_leaves_nothing_behind(gateway: S3InProcess) -> None:
    for content in (SMALL, LARGE * 5):
        whole = form(presigned_form(gateway.root), content)
        headers = {"content-type": "multipart/form-data; boundary=XX"}
        for end in (len(whole) - 1 - len("--XX--\r\n"), len(whole) - 20, len(whole) - 5):
            answer = gateway.send("POST", f"/{BUCKET}", headers, whole[:end])
            assert answer.fault[1] in {"MalformedPOSTRequest", "InvalidRequest"}, end
    gateway.settled()
    assert gateway.completed == []


def test_nobody_uploads_by_form_unless_a_bucket_policy_says_so(gateway: S3InProcess) -> None:
    assert posted(gateway, {"key": "anon"}).fault[1] == "AccessDenied"
    assert gateway.backend.requests == []
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/public/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    assert gateway.signed("PUT", f"/{BUCKET}?policy", {}, document).status == 204
    try:
        redirected = posted(gateway, {"key": "public/${filename}", "success_action_redirect": "https://example.com/"})
        assert redirected.status == 204
        assert gateway.completed[-1].target == f"/{BUCKET}/public/photo.png"
        assert posted(gateway, {"key": "private/${filename}"}).fault[1] == "AccessDenied"
    finally:
        assert gateway.signed("DELETE", f"/{BUCKET}?policy").status == 204


def test_a_policy_may_speak_of_the_way_a_request_was_signed(gateway: S3InProcess) -> None:
    statements = [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
            "Condition": {"StringEquals": condition},
        }
        for condition in ({"s3:authType": "POST"}, {"s3:signatureversion": "AWS"})
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements}).encode()
    assert gateway.signed("PUT", f"/{BUCKET}?policy", {}, document).status == 204
    try:
        assert posted(gateway, presigned_form(gateway.root)).fault[1] == "AccessDenied"
        url = client(gateway.root, "s3").generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "k"})
        assert gateway.by_url("PUT", url, body=SMALL).fault[1] == "AccessDenied"
        newer = client(gateway.root, "s3v4").generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "k"})
        assert gateway.by_url("PUT", newer, body=SMALL).status == 200
    finally:
        assert gateway.signed("DELETE", f"/{BUCKET}?policy").status == 204


def test_an_empty_object_is_hashed_like_any_other(gateway: S3InProcess) -> None:
    assert gateway.signed("PUT", f"/{BUCKET}/empty").status == 200
    wrong = hashlib.sha256(b"x").hexdigest()
    assert gateway.signed("PUT", f"/{BUCKET}/empty", payload_hash=wrong).fault[1] == "XAmzContentSHA256Mismatch"
    assert len(gateway.completed) == 1
