"""edge.front and edge.proxies behind a real nginx, with the configuration of the documentation, before OpenStack Swift,
which checks every signature that Daypass makes anew."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.backends import Backend, free_port
from support.nginx import nginx_binary, nginx_in_front
from support.server import COMMAND, Daypass, Keys, allow, clean_environment, client, policy, running

pytestmark = pytest.mark.skipif(nginx_binary() is None, reason="no nginx on this machine (Debian: nginx-light)")

BUCKET = "behind-nginx"
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
]


class Front(NamedTuple):
    url: str
    daypass: Daypass
    root: Any
    bob: Keys
    directory: Path


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("nginx")
    socket = directory / "authorizer.sock"
    options = ("--authorizer-listen", f"unix:{socket}")
    with running(directory / "data", *options, backend=swift_backend) as daypass:
        store = swift_backend.endpoint.removeprefix("http://")
        gateway = daypass.url.removeprefix("http://")
        with nginx_in_front(directory / "nginx", store=store, gateway=gateway, authorizer=socket) as url:
            root = client(url, "s3", daypass.root)
            root.create_bucket(Bucket=BUCKET)
            proxy = daypass.new_user("proxy", allow(["s3:*", "sts:GetFederationToken"], "*"))
            narrow = policy(
                allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{BUCKET}/in/*"),
                allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "in/*"}}),
            )
            made = daypass.client("sts", proxy).get_federation_token(Name="Bob", Policy=narrow)
            yield Front(url, daypass, root, Keys.of(made["Credentials"]), directory)


def code(call: Any, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def decided_by_the_front(front: Front, since: int) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (front.daypass.data / "audit.jsonl").read_text().splitlines()]
    return records[since:]


def recorded(front: Front) -> int:
    return len((front.daypass.data / "audit.jsonl").read_text().splitlines())


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


def test_what_the_session_policy_does_not_allow_is_refused_as_s3_words_it(front: Front) -> None:
    front.root.put_object(Bucket=BUCKET, Key="out/a", Body=b"secret")
    s3 = client(front.url, "s3", front.bob)
    with pytest.raises(ClientError, match="because no session policy allows the s3:GetObject action"):
        s3.get_object(Bucket=BUCKET, Key="out/a")
    assert code(s3.put_object, Bucket=BUCKET, Key="out/b", Body=b"") == (403, "AccessDenied")
    assert code(s3.get_object, Bucket=BUCKET, Key="in%2F..%2Fout/a")[0] in (400, 403, 404)


def test_each_request_is_on_record_once(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    since = recorded(front)
    s3.put_object(Bucket=BUCKET, Key="in/recorded", Body=b"x")
    assert [(one["action"], one["decision"]) for one in decided_by_the_front(front, since)] == [
        ("s3:PutObject", "Allowed")
    ]
    since = recorded(front)
    code(s3.put_object, Bucket=BUCKET, Key="out/recorded", Body=b"x")
    assert [(one["action"], one["decision"]) for one in decided_by_the_front(front, since)] == [
        ("s3:PutObject", "ImplicitlyDenied")
    ]


def test_what_the_front_does_not_carry_the_gateway_serves(front: Front) -> None:
    root = front.root
    root.put_bucket_policy(
        Bucket=BUCKET, Policy=policy(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", Principal="*"))
    )
    assert json.loads(root.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    root.delete_bucket_policy(Bucket=BUCKET)
    root.put_object(Bucket=BUCKET, Key="in/1", Body=b"1")
    root.copy_object(Bucket=BUCKET, Key="in/2", CopySource={"Bucket": BUCKET, "Key": "in/1"})
    assert root.get_object(Bucket=BUCKET, Key="in/2")["Body"].read() == b"1"
    listed = client(front.url, "s3", front.bob).list_objects_v2(Bucket=BUCKET, Prefix="in/")
    assert {"in/1", "in/2"} <= {one["Key"] for one in listed["Contents"]}
    upload = root.create_multipart_upload(Bucket=BUCKET, Key="in/parts")["UploadId"]
    part = root.upload_part(Bucket=BUCKET, Key="in/parts", UploadId=upload, PartNumber=1, Body=b"p" * 5_000_000)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    root.complete_multipart_upload(Bucket=BUCKET, Key="in/parts", UploadId=upload, MultipartUpload=parts)
    assert root.head_object(Bucket=BUCKET, Key="in/parts")["ContentLength"] == 5_000_000


def test_objects_go_to_the_store_itself_and_all_else_to_the_gateway(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    s3.put_object(Bucket=BUCKET, Key="in/routed", Body=b"x")
    s3.get_object(Bucket=BUCKET, Key="in/routed")["Body"].read()
    s3.head_object(Bucket=BUCKET, Key="in/routed")
    s3.list_objects_v2(Bucket=BUCKET, Prefix="in/routed")
    code(s3.put_object, Bucket=BUCKET, Key="out/routed", Body=b"x")
    s3.delete_object(Bucket=BUCKET, Key="in/routed")
    assert routed(front, 6) == [
        ("PUT", "backend"),
        ("GET", "backend"),
        ("HEAD", "backend"),
        ("GET", "gateway"),
        ("PUT", "gateway"),
        ("DELETE", "backend"),
    ]


def routed(front: Front, expected: int) -> list[tuple[str, str]]:
    """Who carried each request about a key of that name. nginx writes a line once its answer has left."""
    until = time.monotonic() + 5
    while True:
        lines = [line.split(" ") for line in (front.directory / "nginx" / "routes").read_text().splitlines()]
        routes = [(method, where) for method, target, where in lines if "routed" in target]
        if len(routes) >= expected or time.monotonic() > until:
            return routes
        time.sleep(0.02)


def test_a_missing_key_is_hidden_from_who_may_not_list(front: Front) -> None:
    sts = front.daypass.client("sts", front.daypass.root)
    blind = policy(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/in/*"))
    made = sts.get_federation_token(Name="Blind", Policy=blind, DurationSeconds=900)
    s3 = client(front.url, "s3", Keys.of(made["Credentials"]))
    assert code(s3.get_object, Bucket=BUCKET, Key="in/missing") == (403, "AccessDenied")


def test_a_presigned_url_works_through_nginx(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    put = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "in/presigned"})
    assert raw(front, "PUT", put.removeprefix(front.url), {}, b"presigned") == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "in/presigned"})
    assert raw(front, "GET", get.removeprefix(front.url), {}) == 200
    assert s3.get_object(Bucket=BUCKET, Key="in/presigned")["Body"].read() == b"presigned"


def raw(front: Front, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> int:
    connection = http.client.HTTPConnection(front.url.removeprefix("http://"))
    connection.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    status = connection.getresponse().status
    connection.close()
    return status


def test_what_nginx_says_of_a_request_cannot_be_said_by_the_client(front: Front) -> None:
    front.root.put_object(Bucket=BUCKET, Key="out/a", Body=b"secret")
    for header in (
        "X-Original-URI",
        "X-Original-Method",
        "X-Daypass-Route",
        "X-Daypass-Uri",
        "X-Daypass-Authorization",
    ):
        status = raw(front, "GET", f"/{BUCKET}/out/a", {header: f"/{BUCKET}/in/a", "X-Original-Peer": "192.0.2.1"})
        assert status == 403


def test_a_body_that_is_not_the_one_that_was_signed_stores_nothing(front: Front) -> None:
    request = AWSRequest("PUT", f"{front.url}/{BUCKET}/in/forged", data=b"signed")
    request.headers["X-Amz-Content-Sha256"] = hashlib.sha256(b"signed").hexdigest()
    keys = front.bob
    S3SigV4Auth(
        Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token), "s3", "us-east-1"
    ).add_auth(request)
    assert raw(front, "PUT", f"/{BUCKET}/in/forged", dict(request.headers.items()), b"forged") >= 400
    assert code(front.root.get_object, Bucket=BUCKET, Key="in/forged") == (404, "NoSuchKey")


def test_headers_that_a_backend_could_obey_do_not_reach_it(front: Front) -> None:
    """Swift takes X-Auth-Token and X-Object-Meta-…; with a header it does not know, a request goes to the gateway,
    which leaves it out."""
    s3 = client(front.url, "s3", front.bob)
    s3.meta.events.register(
        "before-sign.s3.PutObject", lambda request, **_: request.headers.add_header("X-Delete-After", "1")
    )
    s3.put_object(Bucket=BUCKET, Key="in/kept", Body=b"kept")
    assert s3.get_object(Bucket=BUCKET, Key="in/kept")["Body"].read() == b"kept"
    assert "in/kept" in {one["Key"] for one in front.root.list_objects_v2(Bucket=BUCKET, Prefix="in/k")["Contents"]}


def test_a_large_object_streams_through(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    body = hashlib.shake_128(b"large").digest(8_000_000)
    s3.put_object(Bucket=BUCKET, Key="in/large", Body=body)
    assert s3.get_object(Bucket=BUCKET, Key="in/large")["Body"].read() == body
    part = s3.get_object(Bucket=BUCKET, Key="in/large", Range="bytes=100-199")
    assert part["Body"].read() == body[100:200]


def test_the_request_id_of_an_answer_that_the_store_gave_is_on_record(front: Front) -> None:
    s3 = client(front.url, "s3", front.bob)
    since = recorded(front)
    s3.put_object(Bucket=BUCKET, Key="in/why", Body=b"why")
    got = s3.get_object(Bucket=BUCKET, Key="in/why")["ResponseMetadata"]["HTTPHeaders"]
    with pytest.raises(ClientError) as missing:
        s3.get_object(Bucket=BUCKET, Key="in/why-not")
    not_got = missing.value.response["ResponseMetadata"]["HTTPHeaders"]
    ids = [record["request_id"] for record in decided_by_the_front(front, since)]
    assert ids[1:] == [got["x-daypass-request-id"], not_got["x-daypass-request-id"]]
    with pytest.raises(ClientError) as denied:
        s3.get_object(Bucket=BUCKET, Key="out/why")
    headers = denied.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert "x-daypass-request-id" not in headers, "the gateway's own is in the header that every answer of S3 has"
    assert decided_by_the_front(front, since)[-1]["request_id"] == headers["x-amz-request-id"]


AWAY = {
    "authorizer": ("server unix:/run/daypass/authorizer.sock;", "in/away"),
    "gateway": ("server 127.0.0.1:8420;", "out/away"),
    "store": ("server 127.0.0.1:9000;", "in/away"),
}


@pytest.mark.parametrize(("line", "key"), AWAY.values(), ids=AWAY.keys())
def test_what_does_not_answer_lets_nothing_through_and_is_an_error_of_s3(
    front: Front, tmp_path: Path, swift_backend: Backend, line: str, key: str
) -> None:
    def without(configuration: str) -> str:
        assert line in configuration
        return configuration.replace(line, f"server 127.0.0.1:{free_port()};")

    store = swift_backend.endpoint.removeprefix("http://")
    gateway = front.daypass.url.removeprefix("http://")
    socket = front.directory / "authorizer.sock"
    with nginx_in_front(tmp_path / "n", store=store, gateway=gateway, authorizer=socket, changed=without) as url:
        s3 = client(url, "s3", front.bob)
        assert code(s3.get_object, Bucket=BUCKET, Key=key) == (503, "ServiceUnavailable")
        assert code(s3.put_object, Bucket=BUCKET, Key=key, Body=b"x" * 2_000_000) == (503, "ServiceUnavailable")
    assert "Contents" not in front.root.list_objects_v2(Bucket=BUCKET, Prefix=key)


ARCHIVE = """
[[backend]]
url = "{url}"
access_key_id = "{id}"
secret_access_key = "{secret}"
buckets = ["archive-*"]
"""


@pytest.mark.parametrize("has_a_line", [True, False])
def test_of_several_stores_each_request_reaches_the_one_it_was_signed_for(
    tmp_path: Path, swift_backend: Backend, moto_backend: Backend, has_a_line: bool
) -> None:
    """A store that nginx was not told of is served through the gateway."""
    buckets = [f"{name}-{'straight' if has_a_line else 'gateway'}" for name in ("archive", "other")]
    archive, socket = moto_backend.endpoint.removeprefix("http://"), tmp_path / "authorizer.sock"
    settings = tmp_path / "several.toml"
    key, secret = moto_backend.access_key_id, moto_backend.secret_access_key
    settings.write_text(ARCHIVE.format(url=moto_backend.endpoint, id=key, secret=secret))

    def with_archive(configuration: str) -> str:
        line = f'    "backend {archive}" http://daypass_archive;\n    default '
        return f"upstream daypass_archive {{ server {archive}; }}\n" + configuration.replace("    default ", line, 1)

    options = ("--config", str(settings), "--authorizer-listen", f"unix:{socket}")
    with running(tmp_path / "data", *options, backend=swift_backend) as daypass:
        places = {
            "store": swift_backend.endpoint.removeprefix("http://"),
            "gateway": daypass.url.removeprefix("http://"),
            "authorizer": socket,
            **({"changed": with_archive} if has_a_line else {}),
        }
        with nginx_in_front(tmp_path / "n", **places) as url:
            s3 = client(url, "s3", daypass.root)
            for bucket in buckets:
                s3.create_bucket(Bucket=bucket)
                put = s3.put_object(Bucket=bucket, Key="a", Body=bucket.encode())["ResponseMetadata"]["HTTPHeaders"]
                assert ("x-daypass-request-id" in put) is (has_a_line or bucket.startswith("other"))
                assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == bucket.encode()
    there = client(moto_backend.endpoint, "s3", Keys(key, secret)).get_object(Bucket=buckets[0], Key="a")
    assert there["Body"].read() == buckets[0].encode()


def check_proxy(front: Front, proxy: str, *, bucket: str = BUCKET, says: str = "") -> tuple[int, list[dict[str, Any]]]:
    """says: beside its results."""
    done = subprocess.run(
        [*COMMAND, "check-proxy", "--proxy", proxy, "--gateway", front.daypass.url, "--bucket", bucket, "--json"],
        env=clean_environment(**front.daypass.root.environment()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == says
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_check_proxy_finds_nothing_wrong_with_the_configuration_of_the_documentation(front: Front) -> None:
    status, results = check_proxy(front, front.url)
    assert [result for result in results if not result["passed"]] == []
    assert (status, len(results)) == (0, 14)
    assert "Contents" not in front.root.list_objects_v2(Bucket=BUCKET, Prefix="daypass-check-proxy/")


def test_check_proxy_tells_of_a_proxy_that_carries_nothing(front: Front) -> None:
    told = "Nothing went straight to the store: see which requests do in docs/authorizer.md.\n"
    status, results = check_proxy(front, front.daypass.url, says=told)
    assert (status, [result for result in results if not result["passed"]]) == (0, [])


def test_check_proxy_does_not_blame_the_proxy_for_what_is_not_its_fault(front: Front) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    told = f"Error: no answer from {nowhere}: [Errno 111] Connection refused\n"
    assert check_proxy(front, f"http://{nowhere}", says=told) == (1, [])
    told = (
        "Error: the gateway itself answers PUT in not-there with 404 NoSuchBucket: "
        "see to the keys, their permissions and the bucket first\n"
    )
    assert check_proxy(front, front.url, bucket="not-there", says=told) == (1, [])


BROKEN = {
    "a proxy_pass that rewrites paths": (
        "proxy_pass $daypass_upstream$daypass_target;",
        "proxy_pass $daypass_upstream$uri$is_args$args;",
        "an object called 'a%2Fb'",
    ),
    "a location that does not ask": (
        "auth_request /_daypass_authorizer;",
        "set $daypass_route backend; set $daypass_uri $request_uri; set $daypass_host 127.0.0.1:9000;",
        "an object called 'plain'",
    ),
}


@pytest.mark.parametrize(("line", "instead", "noticed"), BROKEN.values(), ids=BROKEN.keys())
def test_check_proxy_notices(
    front: Front, tmp_path: Path, swift_backend: Backend, line: str, instead: str, noticed: str
) -> None:
    def broken(configuration: str) -> str:
        assert line in configuration
        return configuration.replace(line, instead)

    store = swift_backend.endpoint.removeprefix("http://")
    gateway = front.daypass.url.removeprefix("http://")
    socket = front.directory / "authorizer.sock"
    with nginx_in_front(tmp_path / "n", store=store, gateway=gateway, authorizer=socket, changed=broken) as url:
        status, results = check_proxy(front, url)
    assert status == 1
    assert noticed in {result["check"] for result in results if not result["passed"]}


def test_the_key_in_the_url_is_read_once(front: Front) -> None:
    key = "in/" + quote("../out/a", safe="")
    s3 = client(front.url, "s3", front.bob)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"literal")
    assert front.root.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"literal"
