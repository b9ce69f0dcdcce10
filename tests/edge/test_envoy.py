"""edge.front and edge.proxies behind a real Envoy, with the configuration of the documentation, before OpenStack Swift,
which checks every signature that Daypass makes anew. What reaches a store byte by byte is test_envoy_requests'."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from support import raw_s3
from support.aws_chunked import Seed, encode, split
from support.backends import Backend, free_port
from support.envoy import NO_ENVOY, Envoy, envoy_binary, envoy_in_front, replaced
from support.server import COMMAND, REGION, Daypass, Keys, allow, clean_environment, client, policy, running

pytestmark = pytest.mark.skipif(envoy_binary() is None, reason=NO_ENVOY)

BUCKET = "behind-envoy"
ODD_KEYS = [
    "in/a b",
    "in/a+b",
    "in/a%2Fb",
    "in//double",
    "in/ü",
    "in/a%25",
    "in/~tilde",
    "in/q?x=1&y",
    "in/#h",
    "in/é/'()*!",
    "in/..%2Fout%2Fa",
    "in/back\\slash",
    "in/trailing/",
]
STORE, GATEWAY = "daypass_store", "daypass_gateway"


class Front(NamedTuple):
    envoy: Envoy
    daypass: Daypass
    root: Any
    bob: Keys
    directory: Path

    @property
    def url(self) -> str:
        return self.envoy.url


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("envoy")
    socket = directory / "authorizer.sock"
    options = ("--authorizer-listen", f"unix:{socket}")
    with (
        running(directory / "data", *options, backend=swift_backend) as daypass,
        envoy_in_front(directory / "envoy", **places(swift_backend, daypass, socket)) as envoy,
    ):
        root = client(envoy.url, "s3", daypass.root)
        root.create_bucket(Bucket=BUCKET)
        proxy = daypass.new_user("proxy", allow(["s3:*", "sts:GetFederationToken"], "*"))
        narrow = policy(
            allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{BUCKET}/in/*"),
            allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "in/*"}}),
        )
        made = daypass.client("sts", proxy).get_federation_token(Name="Bob", Policy=narrow)
        yield Front(envoy, daypass, root, Keys.of(made["Credentials"]), directory)


def places(store: Backend, daypass: Daypass, authorizer: Path) -> dict[str, Any]:
    return {
        "store": store.endpoint.removeprefix("http://"),
        "gateway": daypass.url.removeprefix("http://"),
        "authorizer": authorizer,
    }


def code(call: Any, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def records(front: Front) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (front.daypass.data / "audit.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_object_goes_through_under_the_key_that_the_policy_saw(front: Front, key: str) -> None:
    s3 = client(front.url, "s3", front.bob)
    body = f"content of {key}".encode()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="text/plain")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    directly = front.daypass.client("s3", front.daypass.root).get_object(Bucket=BUCKET, Key=key)
    assert directly["Body"].read() == body, "the gateway finds it under the same key"
    assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(body)
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert code(s3.get_object, Bucket=BUCKET, Key=key) == (404, "NoSuchKey")


@pytest.mark.parametrize("size", [0, 1024, 16 * 1024 * 1024])
def test_objects_small_and_large_go_to_the_store_itself(front: Front, size: int) -> None:
    s3 = client(front.url, "s3", front.bob)
    key, body = f"in/sized-{size}-", hashlib.shake_128(b"sized").digest(size)
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    if size:
        part = s3.get_object(Bucket=BUCKET, Key=key, Range=f"bytes=100-{size - 100}")
        assert part["Body"].read() == body[100 : size - 99]
    s3.head_object(Bucket=BUCKET, Key=key)
    s3.delete_object(Bucket=BUCKET, Key=key)
    gets = 2 if size else 1
    assert front.envoy.routed(key, gets + 3) == [
        ("PUT", STORE),
        *[("GET", STORE)] * gets,
        ("HEAD", STORE),
        ("DELETE", STORE),
    ]


def test_what_the_session_policy_does_not_allow_is_refused_as_s3_words_it(front: Front) -> None:
    front.root.put_object(Bucket=BUCKET, Key="out/a", Body=b"secret")
    s3 = client(front.url, "s3", front.bob)
    with pytest.raises(ClientError, match="because no session policy allows the s3:GetObject action"):
        s3.get_object(Bucket=BUCKET, Key="out/a")
    assert code(s3.put_object, Bucket=BUCKET, Key="out/b", Body=b"") == (403, "AccessDenied")
    assert code(s3.put_object, Bucket=BUCKET, Key="out/b", Body=bytes(4_000_000)) == (403, "AccessDenied")
    url = f"{front.url}/{BUCKET}/out/b"
    head = raw_s3.signed_headers(front.bob, "PUT", url, body=bytes(4_000_000))
    assert raw_s3.send("PUT", url, head, bytes(4_000_000)).status in (403, 503), "it did not wait for 100 Continue"
    assert code(front.root.get_object, Bucket=BUCKET, Key="out/b") == (404, "NoSuchKey")
    nobody = client(front.url, "s3", front.daypass.new_user("nobody"))
    assert code(nobody.get_object, Bucket=BUCKET, Key="in/a") == (403, "AccessDenied")
    forger = client(front.url, "s3", Keys(front.bob.access_key_id, "x" * 40, front.bob.session_token))
    assert code(forger.get_object, Bucket=BUCKET, Key="in/a") == (403, "SignatureDoesNotMatch")


def test_an_old_signature_is_refused_in_a_header_and_in_a_url(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.root.put_object(Bucket=BUCKET, Key="in/old", Body=b"x")
    url = f"{front.url}/{BUCKET}/in/old"
    with monkeypatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: datetime.now(UTC) - timedelta(hours=1))
        headers, presigned = raw_s3.signed_headers(front.bob, "GET", url), raw_s3.presigned(front.bob, "GET", url)
    assert (answer := raw_s3.send("GET", url, headers)).status == 403
    assert answer.code == "RequestTimeTooSkewed"
    assert (answer := raw_s3.send("GET", presigned)).status == 403
    assert b"Request has expired" in answer.body


def test_each_request_is_on_record_once_and_the_answer_names_its_record(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    since = len(records(front))
    stored = s3.put_object(Bucket=BUCKET, Key="in/recorded", Body=b"x")["ResponseMetadata"]["HTTPHeaders"]
    code(s3.put_object, Bucket=BUCKET, Key="out/recorded", Body=b"x")
    found = records(front)[since:]
    assert [(one["action"], one["decision"]) for one in found] == [
        ("s3:PutObject", "Allowed"),
        ("s3:PutObject", "ImplicitlyDenied"),
    ]
    assert found[0]["request_id"] == stored["x-daypass-request-id"]


def test_what_envoy_cannot_carry_the_gateway_serves(front: Front) -> None:
    root, s3 = front.root, client(front.url, "s3", front.bob)
    s3.put_object(Bucket=BUCKET, Key="in/served/1", Body=b"1")
    s3.copy_object(Bucket=BUCKET, Key="in/served/2", CopySource={"Bucket": BUCKET, "Key": "in/served/1"})
    assert s3.get_object(Bucket=BUCKET, Key="in/served/2")["Body"].read() == b"1"
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="in/served/")
    assert listed["ResponseMetadata"]["HTTPStatusCode"] == 200
    deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "in/served/1"}, {"Key": "out/served"}]})
    assert [one["Key"] for one in deleted["Deleted"]] == ["in/served/1"]
    assert [(one["Key"], one["Code"]) for one in deleted["Errors"]] == [("out/served", "AccessDenied")]
    root.put_bucket_policy(
        Bucket=BUCKET, Policy=policy(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", Principal="*"))
    )
    root.delete_bucket_policy(Bucket=BUCKET)


def test_parts_of_an_upload_go_to_the_store_and_all_else_about_it_to_the_gateway(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    key, first, last = "in/parts", hashlib.shake_128(b"part").digest(5_242_880), b"last"
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    made = [
        s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        for number, body in ((1, first), (2, last))
    ]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(made, 1)]
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == first + last
    assert front.envoy.routed(key, 5) == [
        ("POST", GATEWAY),
        ("PUT", STORE),
        ("PUT", STORE),
        ("POST", GATEWAY),
        ("GET", STORE),
    ]


def test_a_presigned_url_works_through_envoy(front: Front) -> None:
    url = f"{front.url}/{BUCKET}/in/presigned%20url"
    assert raw_s3.send("PUT", raw_s3.presigned(front.bob, "PUT", url), body=b"presigned").status == 200
    assert raw_s3.send("GET", raw_s3.presigned(front.bob, "GET", url)).body == b"presigned"
    assert front.envoy.routed("presigned", 2) == [("PUT", GATEWAY), ("GET", GATEWAY)]


def test_a_body_in_signed_chunks_is_stored_as_it_was_meant(front: Front) -> None:
    url, body = f"{front.url}/{BUCKET}/in/chunks", b"chunk" * 30_000
    mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    given = {"X-Amz-Decoded-Content-Length": str(len(body)), "Content-Encoding": "aws-chunked"}
    head = raw_s3.signed_headers(front.bob, "PUT", url, given, payload_hash=mode)
    signature = head["Authorization"].rpartition("Signature=")[2]
    seed = Seed(front.bob.secret_access_key, head["X-Amz-Date"], REGION, signature)
    chunks = split(body)
    assert raw_s3.send("PUT", url, head, encode(chunks, seed=seed)).status == 200
    assert front.root.get_object(Bucket=BUCKET, Key="in/chunks")["Body"].read() == body
    forged = encode([chunks[0][::-1], *chunks[1:]], seed=None)
    assert raw_s3.send("PUT", f"{url}-forged", head, forged).status >= 400
    assert code(front.root.get_object, Bucket=BUCKET, Key="in/chunks-forged") == (404, "NoSuchKey")


def test_a_body_that_is_not_the_one_that_was_signed_stores_nothing(front: Front) -> None:
    url = f"{front.url}/{BUCKET}/in/forged"
    head = raw_s3.signed_headers(front.bob, "PUT", url, body=b"signed")
    assert raw_s3.send("PUT", url, head, b"forged").status >= 400
    assert front.envoy.routed("in/forged", 1) == [("PUT", STORE)]
    assert code(front.root.get_object, Bucket=BUCKET, Key="in/forged") == (404, "NoSuchKey")


def test_a_missing_key_is_hidden_from_who_may_not_list(front: Front) -> None:
    sts = front.daypass.client("sts", front.daypass.root)
    blind = policy(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/in/*"))
    made = sts.get_federation_token(Name="Blind", Policy=blind, DurationSeconds=900)
    s3 = client(front.url, "s3", Keys.of(made["Credentials"]))
    assert code(s3.get_object, Bucket=BUCKET, Key="in/missing") == (403, "AccessDenied")


@pytest.mark.parametrize("away", ["authorizer", "gateway"])
def test_what_does_not_answer_lets_nothing_through_and_is_an_error_of_s3(
    front: Front, tmp_path: Path, swift_backend: Backend, away: str
) -> None:
    there = places(swift_backend, front.daypass, front.directory / "authorizer.sock")
    there[away] = tmp_path / "nobody.sock" if away == "authorizer" else f"127.0.0.1:{free_port()}"
    key = "out/away" if away == "gateway" else "in/away"
    with envoy_in_front(tmp_path / "e", **there) as envoy:
        s3 = client(envoy.url, "s3", front.bob)
        assert code(s3.get_object, Bucket=BUCKET, Key=key) == (503, "ServiceUnavailable")
        assert code(s3.put_object, Bucket=BUCKET, Key=key, Body=bytes(2_000_000)) == (503, "ServiceUnavailable")
        if away == "authorizer":
            named = {"X-Daypass-Route": "backend", "X-Daypass-Host": there["store"]}
            assert raw_s3.send("GET", f"{envoy.url}/{BUCKET}/{key}", named).status == 503
    assert code(front.root.get_object, Bucket=BUCKET, Key=key) == (404, "NoSuchKey")


def check_proxy(front: Front, proxy: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [*COMMAND, "check-proxy", "--proxy", proxy, "--gateway", front.daypass.url, "--bucket", BUCKET, "--json"],
        env=clean_environment(**front.daypass.root.environment()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_check_proxy_finds_nothing_wrong_with_the_configuration_of_the_documentation(front: Front) -> None:
    status, results = check_proxy(front, front.url)
    assert [result for result in results if not result["passed"]] == []
    assert (status, len(results)) == (0, 14)


BROKEN = {
    "slashes that are merged": (
        "merge_slashes: false",
        "merge_slashes: true",
        "an object called 'two//slashes'",
    ),
    "a route that rewrites the path": (
        'route: { cluster: daypass_store, host_rewrite_literal: "127.0.0.1:9000",',
        'route: { cluster: daypass_store, regex_rewrite: { pattern: { regex: "%20" }, substitution: "+" }, '
        'host_rewrite_literal: "127.0.0.1:9000",',
        "an object called 'a b'",
    ),
}


@pytest.mark.parametrize(("line", "instead", "noticed"), BROKEN.values(), ids=BROKEN.keys())
def test_check_proxy_notices(
    front: Front, tmp_path: Path, swift_backend: Backend, line: str, instead: str, noticed: str
) -> None:
    there = places(swift_backend, front.daypass, front.directory / "authorizer.sock")
    with envoy_in_front(tmp_path / "e", **there, changed=lambda text: replaced(text, line, instead)) as envoy:
        status, results = check_proxy(front, envoy.url)
    assert status == 1
    failed = {result["check"]: result["advice"] for result in results if not result["passed"]}
    assert "SignatureDoesNotMatch; the proxy changes the path" in failed[noticed]
