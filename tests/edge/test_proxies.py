"""edge.proxies: the questions that nginx and Envoy ask, as they ask them. Real ones ask in test_nginx and test_envoy.

Source for Envoy's questions: those that Envoy 1.40 asks with docs/proxies/envoy.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.api import Answer, InProcess, Key, allow, in_process
from support.backends import Backend

LISTENER = ("127.0.0.1", 8421)
TOKEN = "a-token-of-thirty-two-characters"
HOST = "s3.example"
BUCKET = "behind-envoy"


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory, moto_backend: Backend) -> Iterator[InProcess]:
    options = {
        "authorizer_listen": "127.0.0.1:8421",
        "authorizer_token": TOKEN,
        "s3_backend": moto_backend.endpoint,
        "s3_backend_access_key_id": moto_backend.access_key_id,
        "s3_backend_secret_access_key": moto_backend.secret_access_key,
    }
    with in_process(tmp_path_factory.mktemp("proxies") / "data", options=options) as daypass:
        made = daypass.send("PUT", f"/{BUCKET}", signed(daypass.root, "PUT", f"/{BUCKET}"))
        assert made.status == 200, made.body
        yield daypass


@pytest.fixture(scope="module")
def bob(daypass: InProcess) -> Key:
    proxy = daypass.user("proxy", allow(["s3:*", "sts:GetFederationToken"]))
    policy = json.dumps(allow("s3:*", [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/in/*"]))
    return daypass.call(proxy, "GetFederationToken", {"Name": "Bob", "Policy": policy}).key


def signed(
    key: Key, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    request = AWSRequest(method, f"http://{HOST}{target}", data=body, headers=dict(headers or {}))
    S3SigV4Auth(Credentials(key.access_key_id, key.secret, key.token), "s3", "us-east-1").add_auth(request)
    return [("Host", HOST), *request.headers.items()]


def ask_as_envoy(
    daypass: InProcess,
    method: str,
    target: str,
    headers: list[tuple[str, str]],
    *,
    said: Mapping[str, str] | None = None,
    token: str = TOKEN,
) -> Answer:
    """said: of the client's request, by the configuration; else what it says of one without a body."""
    added = [
        ("Content-Length", "0"),
        *(SAID_BY_ENVOY if said is None else said).items(),
        ("X-Envoy-External-Address", "192.0.2.7"),
        ("X-Envoy-Internal", "true"),
        ("X-Envoy-Expected-Rq-Timeout-Ms", "5000"),
        ("X-Forwarded-Proto", "https"),
        ("X-Daypass-Authorizer-Token", token),
    ]
    return daypass.send(method, "/_daypass/envoy" + target, [*headers, *added], server=LISTENER)


SAID_BY_ENVOY: Mapping[str, str] = {"X-Original-Peer": "192.0.2.7", "X-Original-Scheme": "https"}


def test_envoy_gets_the_headers_that_sign_an_allowed_request_anew(
    daypass: InProcess, bob: Key, moto_backend: Backend
) -> None:
    target = f"/{BUCKET}/in/a%20b"
    said = {**SAID_BY_ENVOY, "X-Original-Content-Length": "4"}
    answer = ask_as_envoy(daypass, "PUT", target, signed(bob, "PUT", target, b"body"), said=said)
    assert (answer.status, answer.headers["x-daypass-route"]) == (200, "backend")
    assert answer.headers["x-daypass-host"] == moto_backend.endpoint.removeprefix("http://")
    assert answer.headers["x-envoy-auth-headers-to-remove"] == "x-amz-security-token"
    assert answer.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert bob.access_key_id not in answer.headers["authorization"]
    record = daypass.audit()[-1]
    assert (record["action"], record["decision"], record["source_ip"]) == ("s3:PutObject", "Allowed", "192.0.2.7")


TO_THE_GATEWAY = {
    "outside the prefix": ("GET", f"/{BUCKET}/out/a"),
    "a path that Daypass writes otherwise": ("GET", f"/{BUCKET}/in/a%2Db"),
    "another bucket": ("GET", "/other/in/a"),
    "a list": ("GET", f"/{BUCKET}?list-type=2"),
    "an operation that Daypass answers itself": ("GET", f"/{BUCKET}?policy"),
    "two sub-resources": ("GET", f"/{BUCKET}/in/a?acl&tagging"),
    "a key with dots": ("GET", f"/{BUCKET}/in/../out/a"),
}


@pytest.mark.parametrize(("method", "target"), TO_THE_GATEWAY.values(), ids=TO_THE_GATEWAY.keys())
def test_all_else_goes_to_the_gateway_and_nothing_of_it_is_signed(
    daypass: InProcess, bob: Key, method: str, target: str
) -> None:
    answer = ask_as_envoy(daypass, method, target, signed(bob, method, target))
    assert (answer.status, answer.headers["x-daypass-route"]) == (200, "gateway")
    assert "authorization" not in answer.headers


@pytest.mark.parametrize("missing", SAID_BY_ENVOY)
def test_an_envoy_that_does_not_say_what_it_must_is_told_so(daypass: InProcess, bob: Key, missing: str) -> None:
    said = {name: value for name, value in SAID_BY_ENVOY.items() if name != missing}
    target = f"/{BUCKET}/in/a"
    answer = ask_as_envoy(daypass, "GET", target, signed(bob, "GET", target), said=said)
    assert (answer.status, missing.lower() in answer.body.decode()) == (500, True)


@pytest.mark.parametrize("twice", [*SAID_BY_ENVOY, "X-Original-Content-Length"])
def test_what_envoy_says_together_with_its_client_is_believed_of_neither(
    daypass: InProcess, bob: Key, twice: str
) -> None:
    said = {**SAID_BY_ENVOY, "X-Original-Content-Length": "0"}
    target = f"/{BUCKET}/in/a"
    answer = ask_as_envoy(daypass, "GET", target, signed(bob, "GET", target), said={**said, twice: f"1,{said[twice]}"})
    assert (answer.status, f"{twice.lower()} came twice" in answer.body.decode()) == (500, True)


def test_tags_that_envoy_joined_and_a_store_reads_apart_go_to_the_gateway(daypass: InProcess, bob: Key) -> None:
    """Whoever may write objects tagged `team=x…` sends `team=x` in one header, and in a second `role=admin`."""
    target = f"/{BUCKET}/in/tagged"
    said = {**SAID_BY_ENVOY, "X-Original-Content-Length": "4"}

    def route(tagging: str) -> str:
        headers = signed(bob, "PUT", target, b"body", {"x-amz-tagging": tagging})
        return ask_as_envoy(daypass, "PUT", target, headers, said=said).headers["x-daypass-route"]

    assert (route("team=x"), route("team=x,role=admin")) == ("backend", "gateway")


@pytest.mark.parametrize("value", ["caf!", "one,two", "one, two"])
def test_a_header_that_envoy_may_have_been_sent_otherwise_goes_to_the_gateway(
    daypass: InProcess, bob: Key, value: str
) -> None:
    target = f"/{BUCKET}/in/a"
    said = {**SAID_BY_ENVOY, "X-Original-Content-Length": "4"}
    headers = signed(bob, "PUT", target, b"body", {"x-amz-meta-remark": value})
    assert ask_as_envoy(daypass, "PUT", target, headers, said=said).headers["x-daypass-route"] == "gateway"


def test_lists_that_no_store_reads_as_a_command_go_to_the_store(daypass: InProcess, bob: Key) -> None:
    target = f"/{BUCKET}/in/a"
    lists = [
        ("Accept-Encoding", "gzip, br"),
        ("User-Agent", "Boto3/1.44 m/E,b"),
        ("Date", "Sun, 22 Nov 2026 15:00:00 GMT"),
    ]
    answer = ask_as_envoy(daypass, "GET", target, [*signed(bob, "GET", target), *lists])
    assert answer.headers["x-daypass-route"] == "backend"


@pytest.mark.parametrize("proxy", ["nginx", "envoy"])
def test_an_object_whose_length_nobody_says_goes_to_the_gateway(daypass: InProcess, bob: Key, proxy: str) -> None:
    target = f"/{BUCKET}/in/a"

    def route(length: str) -> str:
        headers = signed(bob, "PUT", target, b"body")
        said = {"X-Original-Content-Length": length} if length else {}
        if proxy == "envoy":
            answer = ask_as_envoy(daypass, "PUT", target, headers, said={**SAID_BY_ENVOY, **said})
        else:
            nginx = {"X-Original-Method": "PUT", "X-Original-URI": target, **SAID_BY_ENVOY, **said}
            answer = ask_as_nginx(daypass, [*headers, *nginx.items()])
        return answer.headers["x-daypass-route"]

    assert (route("4"), route("")) == ("backend", "gateway")


def test_a_request_that_nobody_signed_goes_to_the_gateway(daypass: InProcess) -> None:
    answer = ask_as_envoy(daypass, "GET", f"/{BUCKET}/in/a", [("Host", HOST)])
    assert answer.headers["x-daypass-route"] == "gateway"


def test_a_public_bucket_that_shuts_out_everybody_else_is_shut_behind_a_proxy_too(daypass: InProcess) -> None:
    policy = allow(["s3:GetObject", "s3:ListBucket"], [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"])
    policy["Statement"][0]["Principal"] = "*"  # type: ignore[index]  # a policy is no more typed than JSON
    restrict = b"<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets>"
    restrict += b"</PublicAccessBlockConfiguration>"

    def put(target: str, body: bytes) -> None:
        headers = [*signed(daypass.root, "PUT", target, body), ("Content-Length", str(len(body)))]
        assert daypass.send("PUT", target, headers, body).status < 300

    def route() -> str:
        return ask_as_envoy(daypass, "GET", f"/{BUCKET}/in/a", [("Host", HOST)]).headers["x-daypass-route"]

    put(f"/{BUCKET}?policy", json.dumps(policy).encode())
    try:
        assert route() == "backend"
        put(f"/{BUCKET}?publicAccessBlock", restrict)
        assert route() == "gateway"
    finally:
        for target in (f"/{BUCKET}?policy", f"/{BUCKET}?publicAccessBlock"):
            daypass.send("DELETE", target, signed(daypass.root, "DELETE", target))


def test_a_signature_for_another_request_goes_to_the_gateway(daypass: InProcess, bob: Key) -> None:
    headers = signed(bob, "GET", f"/{BUCKET}/in/a")
    for method, target in (("DELETE", f"/{BUCKET}/in/a"), ("GET", f"/{BUCKET}/in/b")):
        assert ask_as_envoy(daypass, method, target, headers).headers["x-daypass-route"] == "gateway"


@pytest.mark.parametrize(
    "header", [("X-Auth-Token", "t"), ("X-Rgw-Something", "1"), ("X-Amz-Meta-Signed", "not"), ("Cookie", "a=b")]
)
def test_a_header_that_the_backend_might_obey_goes_to_the_gateway(
    daypass: InProcess, bob: Key, header: tuple[str, str]
) -> None:
    target = f"/{BUCKET}/in/a"
    answer = ask_as_envoy(daypass, "GET", target, [*signed(bob, "GET", target), header])
    assert answer.headers["x-daypass-route"] == "gateway"


def test_who_lacks_the_token_has_nothing_signed(daypass: InProcess, bob: Key) -> None:
    target = f"/{BUCKET}/in/a"
    answer = ask_as_envoy(daypass, "GET", target, signed(bob, "GET", target), token="wrong")
    assert (answer.status, "authorization" in answer.headers) == (403, False)


SAID: Mapping[str, str] = {
    "X-Original-Method": "GET",
    "X-Original-URI": f"/{BUCKET}/in/a",
    "X-Original-Peer": "192.0.2.7",
    "X-Original-Scheme": "http",
    "X-Original-Content-Length": "",
}


def ask_as_nginx(daypass: InProcess, headers: list[tuple[str, str]]) -> Answer:
    return daypass.send("GET", "/_daypass/nginx", [*headers, ("X-Daypass-Authorizer-Token", TOKEN)], server=LISTENER)


def test_nginx_gets_all_that_its_configuration_puts_into_the_request(daypass: InProcess, bob: Key) -> None:
    answer = ask_as_nginx(daypass, [*signed(bob, "GET", f"/{BUCKET}/in/a"), *SAID.items()])
    assert answer.headers["x-daypass-route"] == "backend"
    assert answer.headers["x-daypass-uri"] == f"/{BUCKET}/in/a"
    assert {"x-daypass-host", "x-daypass-date", "x-daypass-content-sha256"} < answer.headers.keys()


@pytest.mark.parametrize("missing", [name for name in SAID if name != "X-Original-Content-Length"])
def test_an_nginx_that_does_not_say_what_it_must_is_told_so(daypass: InProcess, bob: Key, missing: str) -> None:
    said = [(name, value) for name, value in SAID.items() if name != missing]
    answer = ask_as_nginx(daypass, [*signed(bob, "GET", f"/{BUCKET}/in/a"), *said])
    assert (answer.status, missing.lower() in answer.body.decode()) == (500, True)


@pytest.mark.parametrize("twice", SAID)
def test_what_is_said_twice_is_believed_neither_time(daypass: InProcess, bob: Key, twice: str) -> None:
    headers = [*signed(bob, "GET", f"/{BUCKET}/in/a"), *SAID.items(), (twice, SAID[twice])]
    assert ask_as_nginx(daypass, headers).status == 500


def test_the_public_port_signs_nothing_for_anybody(daypass: InProcess, bob: Key) -> None:
    headers = [*signed(bob, "GET", f"/{BUCKET}/in/a"), *SAID.items(), ("X-Daypass-Authorizer-Token", TOKEN)]
    answer = daypass.send("GET", "/_daypass/nginx", headers)
    assert (answer.status, "x-daypass-route" in answer.headers) == (404, False)
