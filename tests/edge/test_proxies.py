"""edge.proxies: the questions that nginx and Envoy ask, as they ask them. A real nginx is in test_nginx.

Source for Envoy's requests: Envoy's documentation, "External Authorization" (HTTP service) and "HTTP header
manipulation".
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


def signed(key: Key, method: str, target: str, body: bytes = b"") -> list[tuple[str, str]]:
    request = AWSRequest(method, f"http://{HOST}{target}", data=body)
    S3SigV4Auth(Credentials(key.access_key_id, key.secret, key.token), "s3", "us-east-1").add_auth(request)
    return [("Host", HOST), *request.headers.items()]


def ask_as_envoy(
    daypass: InProcess, method: str, target: str, headers: list[tuple[str, str]], *, token: str = TOKEN
) -> Answer:
    added = [
        ("Content-Length", "0"),
        ("X-Envoy-External-Address", "192.0.2.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Request-Id", "f2b1"),
        ("X-Daypass-Authorizer-Token", token),
    ]
    return daypass.send(method, "/_daypass/envoy" + target, [*headers, *added], server=LISTENER)


def test_envoy_gets_the_headers_that_sign_an_allowed_request_anew(daypass: InProcess, bob: Key) -> None:
    target = f"/{BUCKET}/in/a%20b"
    answer = ask_as_envoy(daypass, "PUT", target, signed(bob, "PUT", target, b"body"))
    assert (answer.status, answer.headers["x-daypass-route"]) == (200, "backend")
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
