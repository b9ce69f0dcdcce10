"""edge.remote_signing: a client without credentials, whose every request to the store is signed by Daypass.

The client is boto3 with a signer that asks as PyIceberg's asks; the store is OpenStack Swift, which verifies what it
gets. Source: Apache Iceberg, "S3 Signer API".
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from support.backends import Backend
from support.server import Daypass, Keys, allow, policy, running

BUCKET = "iceberg-tables"


class Signed(NamedTuple):
    daypass: Daypass
    store: str
    token: str
    bob: Keys


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[Signed]:
    with running(tmp_path_factory.mktemp("signing") / "data", backend=swift_backend) as daypass:
        root = daypass.client("s3", daypass.root)
        root.create_bucket(Bucket=BUCKET)
        root.put_object(Bucket=BUCKET, Key="other/secret", Body=b"secret")
        proxy = daypass.new_user("catalog", allow(["s3:*", "sts:GetFederationToken"], "*"))
        narrow = policy(
            allow("s3:*", f"arn:aws:s3:::{BUCKET}/table/*"),
            allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "table/*"}}),
        )
        made = daypass.client("sts", proxy).get_federation_token(Name="Bob", Policy=narrow)
        bob = Keys.of(made["Credentials"])
        answer = post(daypass, "/_daypass/sign/token", urlencode({"Session": session_of(bob)}).encode())[1]
        assert answer["expires"].endswith("Z")
        yield Signed(daypass, swift_backend.endpoint, answer["token"], bob)


def session_of(keys: Keys) -> str:
    return json.dumps(
        {
            "sessionId": keys.access_key_id,
            "sessionKey": keys.secret_access_key,
            "sessionToken": keys.session_token,
        }
    )


def post(daypass: Daypass, path: str, body: bytes, token: str | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(daypass.url + path, data=body, method="POST")  # noqa: S310  our own server
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def sign(signing: Signed, method: str, target: str, token: str | None = None, **headers: str) -> tuple[int, Any]:
    asked = {
        "method": method,
        "region": "us-east-1",
        "uri": signing.store + target,
        "headers": {name: [value] for name, value in headers.items()},
    }
    return post(signing.daypass, "/_daypass/sign", json.dumps(asked).encode(), token or signing.token)


class Refused(Exception):
    """The signer did not sign."""


@pytest.fixture
def s3(signing: Signed) -> Any:
    """A boto3 client of the store that has no credential of its own."""
    config = Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    made = boto3.client("s3", endpoint_url=signing.store, region_name="us-east-1", config=config)

    def ask(request: Any, **_: Any) -> None:
        status, answer = sign(signing, request.method, request.url.removeprefix(signing.store), **dict(request.headers))
        if status != 200:
            raise Refused(answer["error"]["message"])
        for name, values in answer["headers"].items():
            request.headers.add_header(name, ", ".join(values))
        request.url = answer["uri"]

    made.meta.events.register("before-sign", ask)
    return made


def test_a_client_without_credentials_reads_and_writes_its_table(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="table/data/a b+c.parquet", Body=b"rows", Metadata={"made-by": "test"})
    assert s3.get_object(Bucket=BUCKET, Key="table/data/a b+c.parquet")["Body"].read() == b"rows"
    assert s3.head_object(Bucket=BUCKET, Key="table/data/a b+c.parquet")["Metadata"] == {"made-by": "test"}
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="table/")
    assert [found["Key"] for found in listed["Contents"]] == ["table/data/a b+c.parquet"]
    s3.delete_object(Bucket=BUCKET, Key="table/data/a b+c.parquet")


def test_a_multipart_upload_is_signed_part_by_part(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="table/large")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="table/large", UploadId=upload, PartNumber=1, Body=b"p" * 100)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key="table/large", UploadId=upload, MultipartUpload=parts)
    assert s3.head_object(Bucket=BUCKET, Key="table/large")["ContentLength"] == 100


def test_what_the_session_does_not_allow_is_not_signed(s3: Any) -> None:
    with pytest.raises(Refused, match="because no session policy allows the s3:GetObject action"):
        s3.get_object(Bucket=BUCKET, Key="other/secret")
    with pytest.raises(Refused, match="because no session policy allows the s3:ListBucket action"):
        s3.list_objects_v2(Bucket=BUCKET, Prefix="other/")


def test_a_document_of_many_keys_is_not_signed(s3: Any) -> None:
    with pytest.raises(Refused, match="DeleteObjects is not signed"):
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "other/secret"}]})


def test_a_copy_is_not_signed(s3: Any) -> None:
    with pytest.raises(Refused, match="CopyObject is not signed"):
        s3.copy_object(Bucket=BUCKET, Key="table/copy", CopySource={"Bucket": BUCKET, "Key": "other/secret"})


def test_only_the_store_is_signed_for(signing: Signed) -> None:
    asked = {"method": "GET", "region": "us-east-1", "uri": f"http://evil.example/{BUCKET}/table/a", "headers": {}}
    status, answer = post(signing.daypass, "/_daypass/sign", json.dumps(asked).encode(), signing.token)
    assert (status, "headers" in answer) == (400, False)


@pytest.mark.parametrize(
    "uri", ["http://[/table/a", "http://st\u00f6re/table/a", "table/a", "http:///a", "{store}/%zz"]
)
def test_what_is_no_address_at_the_store_is_refused(signing: Signed, uri: str) -> None:
    asked = {"method": "GET", "region": "us-east-1", "uri": uri.format(store=signing.store), "headers": {}}
    assert post(signing.daypass, "/_daypass/sign", json.dumps(asked).encode(), signing.token)[0] == 400


def test_a_form_of_too_many_fields_is_refused(signing: Signed) -> None:
    assert post(signing.daypass, "/_daypass/sign/token", b"a=b&" * 9)[0] == 400


@pytest.mark.parametrize("header", ["Authorization", "X-Amz-Security-Token", "X-Amz-Unknown", "X-Amz-Acl"])
def test_a_header_that_is_not_decided_on_is_not_signed(signing: Signed, header: str) -> None:
    status, answer = sign(signing, "PUT", f"/{BUCKET}/table/a", None, **{header: "public-read"})
    assert (status >= 400, "headers" in answer) == (True, False)


def test_a_signature_is_good_for_its_request_alone(signing: Signed) -> None:
    status, answer = sign(signing, "GET", f"/{BUCKET}/table/x")
    assert status == 200
    headers = {name: values[0] for name, values in answer["headers"].items()}
    request = urllib.request.Request(f"{signing.store}/{BUCKET}/other/secret", headers=headers)  # noqa: S310  loopback
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert caught.value.code == 403


def test_a_signer_token_is_nothing_but_that(signing: Signed) -> None:
    as_session = Keys(signing.bob.access_key_id, signing.bob.secret_access_key, signing.token)
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        signing.daypass.client("sts", as_session).get_caller_identity()
    assert sign(signing, "GET", f"/{BUCKET}/table/x", signing.bob.session_token)[0] == 401
    for wrong in ("", "x", signing.token[:-4] + "AAAA"):
        assert sign(signing, "GET", f"/{BUCKET}/table/x", wrong or " ")[0] == 401


def test_long_term_keys_get_no_signer_token(signing: Signed) -> None:
    body = urlencode({"Session": session_of(signing.daypass.root)}).encode()
    assert post(signing.daypass, "/_daypass/sign/token", body)[0] == 401


def test_each_signature_is_on_record(signing: Signed) -> None:
    sign(signing, "GET", f"/{BUCKET}/table/on-record")
    lines = (signing.daypass.data / "audit.jsonl").read_text().splitlines()
    record = json.loads(lines[-1])
    assert (record["action"], record["decision"]) == ("s3:GetObject", "Allowed")
    assert record["resource"] == f"arn:aws:s3:::{BUCKET}/table/on-record"
    assert signing.token not in "".join(lines)
