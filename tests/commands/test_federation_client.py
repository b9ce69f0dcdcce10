"""How GetFederationToken is asked, and what is made of answers that are not of STS. Real answers are in test_token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qsl

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from daypass.commands.aws_environment import AwsEnvironment
from daypass.commands.federation_client import Refused, Unreachable, get_federation_token
from daypass.names import Secret
from support.server import free_port

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

GOOD = b"""<GetFederationTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetFederationTokenResult>
    <FederatedUser>
      <FederatedUserId>111122223333:Bob</FederatedUserId>
      <Arn>arn:aws:sts::111122223333:federated-user/Bob</Arn>
    </FederatedUser>
    <Credentials>
      <AccessKeyId>ASIAEXAMPLE222222222</AccessKeyId>
      <SecretAccessKey>secret</SecretAccessKey>
      <SessionToken>token</SessionToken>
      <Expiration>2026-11-22T13:00:00Z</Expiration>
    </Credentials>
    <PackedPolicySize>4</PackedPolicySize>
  </GetFederationTokenResult>
</GetFederationTokenResponse>
"""


def environment(endpoint: str, session_token: str | None = None) -> AwsEnvironment:
    return AwsEnvironment(
        access_key_id="AKIAEXAMPLE222222222",
        secret=Secret("a secret"),
        session_token=Secret(session_token) if session_token else None,
        region="eu-west-1",
        endpoint=endpoint,
        ca_bundle=None,
    )


class Answering(HTTPServer):
    """An HTTP server that gives one answer and keeps what it was asked."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = (status, body, headers)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status, answer, headers = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815  the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests speak for themselves."""


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, Answering]]:
    server = Answering(status, body, headers)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_every_parameter_is_sent_under_its_name_in_the_query_protocol() -> None:
    with answering(200, GOOD) as (url, server):
        token = get_federation_token(
            environment(url),
            NOW,
            "Bob",
            policy='{"a": "ü&="}',
            policy_arns=["arn:1", "arn:2"],
            duration_seconds=900,
            tags=[("team", "blue"), ("empty", "")],
        )
    assert dict(parse_qsl(server.asked[0][3].decode(), keep_blank_values=True)) == {
        "Action": "GetFederationToken",
        "Version": "2011-06-15",
        "Name": "Bob",
        "Policy": '{"a": "ü&="}',
        "PolicyArns.member.1.arn": "arn:1",
        "PolicyArns.member.2.arn": "arn:2",
        "DurationSeconds": "900",
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "blue",
        "Tags.member.2.Key": "empty",
        "Tags.member.2.Value": "",
    }
    assert token.access_key_id == "ASIAEXAMPLE222222222"
    assert (token.secret.reveal(), token.session_token.reveal()) == ("secret", "token")
    assert (token.expiration, token.packed_policy_size) == ("2026-11-22T13:00:00Z", 4)
    assert token.arn == "arn:aws:sts::111122223333:federated-user/Bob"


@pytest.mark.parametrize("session_token", [None, "IQoJ a token/+="])
def test_the_request_is_signed_as_botocore_signs_it(session_token: str | None) -> None:
    with answering(200, GOOD) as (url, server):
        get_federation_token(environment(url, session_token), NOW, "Bob")
    method, path, headers, body = server.asked[0]

    # botocore takes the date from the request where it is told one: the same request, signed again.
    theirs = AWSRequest(method, f"{url}{path}", data=body, headers={"Content-Type": headers["content-type"]})
    theirs.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIAEXAMPLE222222222", "a secret", session_token), "sts", "eu-west-1")
    theirs.headers["X-Amz-Date"] = headers["x-amz-date"]
    if session_token is not None:
        theirs.headers["X-Amz-Security-Token"] = session_token
    expected = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert headers["authorization"].endswith(f"Signature={expected}")


def test_a_refusal_carries_the_code_and_the_message_of_the_service() -> None:
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    with answering(403, body) as (url, _), pytest.raises(Refused, match=r"^AccessDenied: not you$"):
        get_federation_token(environment(url), NOW, "Bob")


def test_a_refusal_without_a_message_is_its_code() -> None:
    body = b"<ErrorResponse><Error><Code>MalformedInput</Code></Error></ErrorResponse>"
    with answering(400, body) as (url, _), pytest.raises(Refused, match=r"^MalformedInput$"):
        get_federation_token(environment(url), NOW, "Bob")


STRANGE = [
    ("a page of HTML", 200, b"<html><br></html>", "not of STS"),
    ("another answer in XML", 200, b"<Other/>", "no GetFederationTokenResult"),
    ("an answer without credentials", 200, b"<R><GetFederationTokenResult/></R>", "no Credentials/AccessKeyId"),
    ("a document type, which could define entities", 200, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "not of STS"),
    ("an answer without end", 200, b"<a>" * 400_000, "too long"),
    ("a failure that is not of STS", 502, b"bad gateway", "answered 502, and not as STS does"),
]


@pytest.mark.parametrize(("status", "body", "text"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE])
def test_what_is_not_an_answer_of_sts_is_said_to_be_none(status: int, body: bytes, text: str) -> None:
    with answering(status, body) as (url, _), pytest.raises(Unreachable, match=text):
        get_federation_token(environment(url), NOW, "Bob")


def test_a_redirect_is_not_followed_so_a_signed_request_goes_nowhere_else() -> None:
    with answering(200, GOOD) as (elsewhere, other), answering(302, b"", Location=elsewhere) as (url, server):
        with pytest.raises(Unreachable, match="302"):
            get_federation_token(environment(url), NOW, "Bob")
        assert len(server.asked) == 1
        assert other.asked == []


def test_nobody_listening_is_one_line_that_names_the_endpoint() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"no answer from {url}: .*refused"):
        get_federation_token(environment(url), NOW, "Bob")


@pytest.mark.parametrize("endpoint", ["file:///etc/passwd", "ftp://127.0.0.1", "127.0.0.1:8420", ""])
def test_an_endpoint_that_is_not_http_is_refused_before_anything_is_sent(endpoint: str) -> None:
    with pytest.raises(Unreachable, match="not an http or https address"):
        get_federation_token(environment(endpoint), NOW, "Bob")
