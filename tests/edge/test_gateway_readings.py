"""Requests that one reader takes for one thing and another for something else: none of them reaches the backend.

The policy decides about what Daypass read. A backend that reads it differently would do what nobody decided.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from support.api import allow
from support.raw_s3 import presigned
from support.recording_backend import DONE, Recorded
from support.s3_in_process import BUCKET, URL, S3InProcess, keys_of, s3_in_process
from support.server import REGION

PARTS = b"<ListPartsResult><Bucket>b</Bucket></ListPartsResult>"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3InProcess]:
    with s3_in_process(tmp_path_factory.mktemp("readings") / "data") as gateway:
        yield gateway


@pytest.fixture
def gateway(running: S3InProcess) -> S3InProcess:
    running.backend.reset()
    return running


def test_whoever_may_abort_uploads_may_not_delete_by_aborting_none(gateway: S3InProcess) -> None:
    def answer(request: Recorded) -> bytes:
        body = PARTS if request.method == "GET" else b""
        return b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (200 if body else 204, len(body)) + body

    gateway.backend.answer = answer
    # The store is known to know uploads from here on.
    assert gateway.signed("DELETE", f"/{BUCKET}/key?uploadId=1").status == 204
    gateway.backend.requests.clear()
    refused = gateway.signed("DELETE", f"/{BUCKET}/key?uploadId=")
    assert refused.fault == (400, "InvalidArgument", "uploadId cannot be the empty string")
    assert gateway.completed == []


def test_a_deletion_of_an_empty_version_deletes_nothing(gateway: S3InProcess) -> None:
    document = b"<Delete><Object><Key>key</Key><VersionId></VersionId></Object></Delete>"
    digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
    answer = gateway.signed("POST", f"/{BUCKET}?delete", {"content-md5": digest}, document)
    assert (answer.status, answer.text("Code")) == (200, "InvalidArgument")
    assert gateway.completed == []


def test_a_deny_holds_for_a_key_that_the_backend_may_take_for_the_denied_one(gateway: S3InProcess) -> None:
    """Some stores join slashes, and drop the first."""
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/private/*"}
    user = keys_of(gateway.daypass.user("slashes", allow("s3:*"), {"Version": "2012-10-17", "Statement": denied}))
    for key in ("/private/k", "//private/k", "private//k", "%2Fprivate/k", "/private//k"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert gateway.signed(method, f"/{BUCKET}/{key}", keys=user).status == 403
        copied = gateway.signed("PUT", f"/{BUCKET}/copy", {"x-amz-copy-source": f"{BUCKET}/{key}"}, keys=user)
        assert copied.fault[:2] == (403, "AccessDenied")
        document = f"<Delete><Object><Key>{key.replace('%2F', '/')}</Key></Object></Delete>".encode()
        digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
        answer = gateway.signed("POST", f"/{BUCKET}?delete", {"content-md5": digest}, document, keys=user)
        assert answer.text("Code") == "AccessDenied"
    assert gateway.signed("DELETE", f"/{BUCKET}//", keys=gateway.root).fault[:2] == (400, "InvalidURI")
    assert gateway.completed == []
    assert gateway.signed("PUT", f"/{BUCKET}//public//k", keys=user).status == 200
    assert gateway.completed[0].target == f"/{BUCKET}//public//k"


def test_a_write_that_a_policy_makes_conditional_has_a_condition_that_can_fail(gateway: S3InProcess) -> None:
    for value in ("", '"of no object"'):
        refused = gateway.signed("PUT", f"/{BUCKET}/key", {"if-none-match": value}, b"body")
        assert refused.fault[:2] == (501, "NotImplemented")
    assert gateway.completed == []
    assert gateway.signed("PUT", f"/{BUCKET}/key", {"if-none-match": "*"}, b"body").status == 200
    assert gateway.completed[0].headers["if-none-match"] == "*"


@pytest.mark.parametrize("name", ["x-amz-meta-\u00fc", "x-amz-meta-a b", "x-amz-meta-a: b"])
def test_what_is_no_headers_name_becomes_no_header(gateway: S3InProcess, name: str) -> None:
    url = presigned(gateway.root, "PUT", f"{URL}/{BUCKET}/key?{quote(name)}=1")
    assert gateway.by_url("PUT", url, body=b"body").fault[:2] == (501, "NotImplemented")
    assert post(gateway, {name: "1"}).fault[:2] == (501, "NotImplemented")
    assert gateway.completed == []


@pytest.mark.parametrize(
    "tagging",
    [
        "<Tagging><TagSet><Tag><Key>env</Key><Value>prod<b>dev</b></Value></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Mark><Key>env</Key><Value>prod</Value></Mark></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>env</Key></Tag></TagSet></Tagging>",
    ],
)
def test_a_forms_tags_are_read_as_strictly_as_a_documents(gateway: S3InProcess, tagging: str) -> None:
    assert post(gateway, {"tagging": tagging}).fault[:2] == (400, "MalformedXML")
    assert gateway.completed == []


def test_a_forms_tags_reach_the_backend_as_the_policy_saw_them(gateway: S3InProcess) -> None:
    tags = "<Tagging><TagSet><Tag><Key>a &amp; b</Key><Value>c=d</Value></Tag></TagSet></Tagging>"
    assert post(gateway, {"tagging": tags}).status == 204
    assert gateway.completed[0].headers["x-amz-tagging"] == "a%20%26%20b=c%3Dd"


def test_tags_reach_the_backend_as_the_policy_saw_them(gateway: S3InProcess) -> None:
    told = b"<Tagging><TagSet/></Tagging>"
    said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(told) + told
    gateway.backend.answer = lambda request: said if request.method == "GET" else DONE
    tags = "<Tagging><TagSet><Tag><Key>env</Key><Value>{}</Value></Tag></TagSet></Tagging>"
    refused = gateway.signed("PUT", f"/{BUCKET}/key?tagging", body=tags.format("prod<b>dev</b>").encode())
    assert refused.fault[:2] == (400, "MalformedXML")
    assert gateway.completed == []
    assert gateway.signed("PUT", f"/{BUCKET}/key?tagging", body=tags.format("prod").encode()).status == 200
    assert b"<Value>prod</Value>" in gateway.completed[-1].body


def post(gateway: S3InProcess, fields: dict[str, str]) -> Any:
    """A form with these fields, signed by root, that a policy allows."""
    s3 = boto3.client(
        "s3",
        endpoint_url=URL,
        region_name=REGION,
        aws_access_key_id=gateway.root.access_key_id,
        aws_secret_access_key=gateway.root.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    conditions = [["starts-with", f"${name}", ""] for name in fields]
    signed = s3.generate_presigned_post(BUCKET, "key", Fields=fields, Conditions=conditions)["fields"]
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in signed.items()
    ]
    parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nbody\r\n--x--\r\n')
    headers = {"content-type": "multipart/form-data; boundary=x"}
    return gateway.send("POST", f"/{BUCKET}", headers, "".join(parts).encode())
