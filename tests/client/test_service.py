"""TokenService and AsyncTokenService: how they ask, what they make of answers, and a round against a real server.

Every test is of both: the asynchronous one is called through an event loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import inspect
import re
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from daypass import limits
from daypass.client import (
    AccessDenied,
    AssumeRoleRequest,
    AssumeRoleWithWebIdentityRequest,
    AsyncTokenService,
    Credentials,
    GetFederationTokenRequest,
    GetScopedCredentialsRequest,
    GetSessionTokenRequest,
    MalformedPolicyDocument,
    PackedPolicyTooLarge,
    PolicyBuilder,
    TokenService,
    TokenServiceError,
    Unreachable,
)
from daypass.client import errors as client_errors
from daypass.wire import model
from support.answering import answering
from support.backends import free_port
from support.server import Daypass, Keys, allow, client, policy
from support.tls_front import tls_front

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
KEYS = Credentials("AKIAEXAMPLE222222222", "a secret")
BOB = GetFederationTokenRequest("Bob")
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


class Asynchronous:
    """An AsyncTokenService with TokenService's calls, each run to its end on one event loop."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._service = AsyncTokenService(*arguments, **settings)
        self._loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._service, name)
        if not inspect.iscoroutinefunction(call):
            return call
        return lambda *arguments: self._loop.run_until_complete(call(*arguments))

    def __repr__(self) -> str:
        return repr(self._service)

    def disconnect(self) -> None:
        self._loop.run_until_complete(self._service.close())

    def close(self) -> None:
        self.disconnect()
        self._loop.close()


Make = Callable[..., Any]


@pytest.fixture(params=[TokenService, Asynchronous], ids=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes services, and closes them in the end."""
    made: list[Any] = []

    def make_one(endpoint: str, credentials: Credentials | None = KEYS, **settings: Any) -> Any:
        made.append(request.param(endpoint, credentials, **settings))
        return made[-1]

    yield make_one
    for each in made:
        each.close()


# --- how it asks -------------------------------------------------------------------------------------------------


def test_both_services_offer_the_same_calls() -> None:
    def calls(service: type) -> dict[str, list[str]]:
        return {
            name: [*inspect.signature(call).parameters]
            for name, call in vars(service).items()
            if callable(call) and not name.startswith("_")
        }

    assert calls(TokenService) == calls(AsyncTokenService)


def test_every_parameter_is_sent_under_its_name_in_the_query_protocol(make: Make) -> None:
    arns = ("arn:aws:iam::111122223333:policy/a", "arn:aws:iam::111122223333:policy/b")
    request = GetFederationTokenRequest("Bob", '{"a": "ü&="}', 900, arns, {"team": "blue", "empty": ""}, 3000)
    with answering(200, GOOD) as server:
        make(server.url).get_federation_token(request)
    assert dict(parse_qsl(server.asked[0].body.decode(), keep_blank_values=True)) == {
        "Action": "GetFederationToken",
        "Version": "2011-06-15",
        "Name": "Bob",
        "Policy": '{"a": "ü&="}',
        "DurationSeconds": "900",
        "PolicyArns.member.1.arn": arns[0],
        "PolicyArns.member.2.arn": arns[1],
        "Tags.member.1.Key": "empty",
        "Tags.member.1.Value": "",
        "Tags.member.2.Key": "team",
        "Tags.member.2.Value": "blue",
        "MinimumSessionTokenSize": "3000",
    }


@pytest.mark.parametrize("path", ["", "/", "/sts/"])
@pytest.mark.parametrize("session_token", [None, "IQoJ a token/+="])
def test_the_request_is_signed_as_botocore_signs_it(session_token: str | None, path: str, make: Make) -> None:
    with answering(200, GOOD) as server:
        keys = Credentials(KEYS.access_key_id, KEYS.secret_access_key, session_token)
        make(server.url + path, keys, region="eu-west-1", clock=lambda: NOW).get_federation_token(BOB)
    (asked,) = server.asked

    # botocore takes the date from the request where it is told one: the same request, signed again.
    theirs = AWSRequest(
        asked.method,
        f"{server.url}{asked.path}",
        data=asked.body,
        headers={"Content-Type": asked.headers["content-type"]},
    )
    theirs.context["timestamp"] = asked.headers["x-amz-date"]
    signer = SigV4Auth(BotocoreCredentials(KEYS.access_key_id, "a secret", session_token), "sts", "eu-west-1")
    theirs.headers["X-Amz-Date"] = asked.headers["x-amz-date"]
    if session_token is not None:
        theirs.headers["X-Amz-Security-Token"] = session_token
    expected = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert asked.path == (path or "/")
    assert asked.headers["x-amz-date"] == "20261122T120000Z"
    assert asked.headers["authorization"].endswith(f"Signature={expected}")


def test_a_call_that_takes_no_signature_carries_none_even_of_a_service_with_credentials(make: Make) -> None:
    role = "arn:aws:iam::111122223333:role/reader"
    request = AssumeRoleWithWebIdentityRequest(role, "Bob", "eyJ.a.token")
    refusal = b"<E><Error><Code>InvalidIdentityToken</Code><Message>no</Message></Error></E>"
    for credentials in (None, KEYS):
        with answering(400, refusal) as server:
            with pytest.raises(client_errors.InvalidIdentityToken):
                make(server.url, credentials).assume_role_with_web_identity(request)
            assert {"authorization", "x-amz-security-token"}.isdisjoint(server.asked[0].headers)


def test_calls_share_a_connection(make: Make) -> None:
    with answering(200, GOOD) as server:
        service = make(server.url)
        for _ in range(3):
            service.get_federation_token(BOB)
        assert (len(server.asked), server.connections) == (3, 1)


def test_a_closed_service_connects_anew(make: Make) -> None:
    with answering(200, GOOD) as server:
        service = make(server.url)
        service.get_federation_token(BOB)
        service.disconnect() if isinstance(service, Asynchronous) else service.close()
        service.get_federation_token(BOB)
        assert server.connections == 2


def test_many_threads_may_call_one_service() -> None:
    found: list[str] = []
    with answering(200, GOOD) as server, TokenService(server.url, KEYS) as service:

        def ask() -> None:
            found.append(service.get_federation_token(BOB).arn)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == ["arn:aws:sts::111122223333:federated-user/Bob"] * 8


@pytest.mark.parametrize("endpoint", ["file:///etc/passwd", "ftp://127.0.0.1", "127.0.0.1:8420", "http://[::1", ""])
def test_an_endpoint_that_is_not_http_is_refused_at_once(endpoint: str, make: Make) -> None:
    with pytest.raises(ValueError, match="not an http or https address"):
        make(endpoint)


def test_a_services_repr_says_who_calls_where_and_no_secret(make: Make) -> None:
    text = repr(make("http://user:password@127.0.0.1:8420", Credentials("AKIA1", "the-secret", "the-token")))
    assert "http://127.0.0.1:8420/', 'AKIA1', region='us-east-1'" in text
    assert not re.search("secret|token'|password", text)


# --- what it makes of answers ------------------------------------------------------------------------------------


def test_an_answer_is_a_value_with_every_field(make: Make) -> None:
    with answering(200, GOOD) as server:
        token = make(server.url).get_federation_token(BOB)
    assert token.credentials == Credentials(
        "ASIAEXAMPLE222222222", "secret", "token", datetime(2026, 11, 22, 13, tzinfo=UTC)
    )
    assert (token.arn, token.federated_user_id) == (
        "arn:aws:sts::111122223333:federated-user/Bob",
        "111122223333:Bob",
    )
    assert token.token_size.packed_policy_percent == 4
    # A server from before September 2026 says nothing of these.
    assert (token.token_size.utilization_percent, token.token_size.size) == (None, None)
    assert "secret'" not in repr(token)
    assert "'token'" not in repr(token)


def test_a_refusal_is_an_exception_of_its_code_with_the_request_id(make: Make) -> None:
    body = (
        b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        b"<Code>AccessDenied</Code><Message>not you</Message></Error><RequestId>in-the-body</RequestId></ErrorResponse>"
    )
    for headers, request_id in (({"x-amzn-RequestId": "in-the-header"}, "in-the-header"), ({}, "in-the-body")):
        with (
            answering(403, body, headers) as server,
            pytest.raises(AccessDenied, match=r"^AccessDenied: not you$") as caught,
        ):
            make(server.url).get_federation_token(BOB)
        error = caught.value
        assert (error.code, error.status, error.message) == ("AccessDenied", 403, "not you")
        assert error.request_id == request_id


def test_a_refusal_without_a_message_is_its_code(make: Make) -> None:
    body = b"<ErrorResponse><Error><Code>MalformedInput</Code></Error></ErrorResponse>"
    with answering(400, body) as server, pytest.raises(TokenServiceError, match=r"^MalformedInput$") as caught:
        make(server.url).get_federation_token(BOB)
    assert caught.value.message is None
    assert type(caught.value) is TokenServiceError  # a code that has no class


def test_every_error_that_the_model_knows_has_a_class_of_its_code() -> None:
    codes = {error.code for operation in model.load("sts").operations.values() for error in operation.errors}
    for code in codes:
        error = client_errors.error_of(code, 400, None)
        assert type(error) is not TokenServiceError, code
        assert type(error).__name__ == code


STRANGE = [
    ("a page of HTML", 200, b"<html><br></html>", "not of STS"),
    ("another answer in XML", 200, b"<Other/>", "no GetFederationTokenResult"),
    ("an answer without credentials", 200, b"<R><GetFederationTokenResult/></R>", "no Credentials|no FederatedUser"),
    (
        "credentials without a secret",
        200,
        GOOD.replace(b"<SecretAccessKey>secret</SecretAccessKey>", b""),
        "no SecretAccessKey",
    ),
    ("a time that is none", 200, GOOD.replace(b"2026-11-22T13:00:00Z", b"soon"), "Expiration has no such value"),
    ("a time without a zone", 200, GOOD.replace(b"13:00:00Z", b"13:00:00"), "Expiration has no such value"),
    ("a document type, which could define entities", 200, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "not of STS"),
    ("an answer without end", 200, b"<a>" * (limits.CLIENT_ANSWER_BYTES // 2), "too long"),
    ("a failure that is not of STS", 502, b"bad gateway", "answered 502, and not as STS does"),
    ("an empty redirect, as for a lost parameter", 302, b"", "answered 302, and not as STS does"),
]


@pytest.mark.parametrize(("status", "body", "text"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE])
def test_what_is_not_an_answer_of_sts_is_said_to_be_none(status: int, body: bytes, text: str, make: Make) -> None:
    with answering(status, body) as server, pytest.raises(Unreachable, match=text):
        make(server.url).get_federation_token(BOB)


def test_an_answer_that_unpacks_without_end_is_not_unpacked(make: Make) -> None:
    packed = gzip.compress(b" " * 100_000_000)
    with answering(200, packed, {"Content-Encoding": "gzip"}) as server, pytest.raises(Unreachable, match="not XML"):
        make(server.url).get_federation_token(BOB)
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_so_a_signed_request_goes_nowhere_else(status: int, make: Make) -> None:
    with answering(200, GOOD) as elsewhere, answering(status, b"", {"Location": elsewhere.url}) as server:
        with pytest.raises(Unreachable, match=str(status)):
            make(server.url).get_federation_token(BOB)
        assert len(server.asked) == 1
        assert elsewhere.asked == []


def test_a_server_fault_is_not_tried_again(make: Make) -> None:
    body = b"<E><Error><Code>ServiceUnavailable</Code></Error></E>"
    with answering(503, body) as server:
        with pytest.raises(client_errors.ServiceUnavailable):
            make(server.url).get_federation_token(BOB)
        assert len(server.asked) == 1


def test_nobody_listening_is_an_error_that_names_the_endpoint(make: Make) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"no answer from {url}/: .*([Rr]efused|Connect call failed)"):
        make(url).get_federation_token(BOB)


def test_an_answer_that_does_not_come_is_waited_for_only_so_long(make: Make) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        service = make(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.2)
        with pytest.raises(Unreachable, match="no answer"):
            service.get_federation_token(BOB)


def test_a_server_is_believed_only_by_a_certificate_that_a_trusted_authority_gave_it(
    make: Make, tmp_path: Path
) -> None:
    with answering(200, GOOD) as server, tls_front(tmp_path, urlsplit(server.url).port or 0) as front:
        assert make(front.url, ca_bundle=str(front.ca)).get_federation_token(BOB).arn.endswith("/Bob")
        assert len(server.asked) == 1
        for url, settings in (
            (front.url, {}),
            (front.url.replace("127.0.0.1", "localhost"), {"ca_bundle": str(front.ca)}),
        ):
            with pytest.raises(Unreachable, match=r"(?i)certificate"):
                make(url, **settings).get_federation_token(BOB)
        assert len(server.asked) == 1


def test_a_proxy_that_the_environment_names_is_asked_but_not_about_exceptions(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(200, GOOD) as proxy, answering(200, GOOD) as near:
        named = proxy.url.replace("://", "://somebody:p%40ss@")
        monkeypatch.setenv("HTTP_PROXY", named)
        monkeypatch.setenv("http_proxy", named)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        make("http://sts.example:8420/").get_federation_token(BOB)
        make(near.url).get_federation_token(BOB)
    (asked,) = proxy.asked
    assert (asked.path, asked.headers["host"]) == ("http://sts.example:8420/", "sts.example:8420")
    assert base64.b64decode(asked.headers["proxy-authorization"].removeprefix("Basic ")) == b"somebody:p@ss"
    assert len(near.asked) == 1
    assert "proxy-authorization" not in near.asked[0].headers


def test_passwords_of_the_home_directory_do_not_take_the_signatures_place(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with answering(200, GOOD) as server:
        make(server.url).get_federation_token(BOB)
    assert server.asked[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


# --- a round against a real server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proxy(daypass: Daypass) -> Credentials:
    """A user that may obtain credentials for others and use one bucket."""
    daypass.client("s3", daypass.root).create_bucket(Bucket="client-package")
    keys = daypass.new_user(
        "client-package", allow(["sts:GetFederationToken", "sts:TagSession"], "*"), allow("s3:*", "*")
    )
    return Credentials(keys.access_key_id, keys.secret_access_key)


def test_credentials_obtained_reach_their_folder_and_nothing_else(
    daypass: Daypass, proxy: Credentials, make: Make
) -> None:
    service = make(daypass.url, proxy)
    request = GetFederationTokenRequest(
        "Bob", PolicyBuilder().allow_prefix("client-package", "bob"), timedelta(minutes=15), tags={"team": "blue"}
    ).with_minimum_session_token_size(2000)
    before = datetime.now(UTC).replace(microsecond=0)
    token = service.get_federation_token(request)
    assert token.arn == f"arn:aws:sts::{daypass.account_id}:federated-user/Bob"
    assert token.federated_user_id == f"{daypass.account_id}:Bob"
    expiration = token.credentials.expiration
    assert expiration is not None
    assert before + timedelta(minutes=15) <= expiration <= datetime.now(UTC) + timedelta(minutes=15)
    assert token.credentials.session_token is not None
    assert token.token_size.size == len(token.credentials.session_token.reveal()) >= 2000
    assert token.token_size.utilization_percent == token.token_size.packed_policy_percent

    identity = make(daypass.url, token.credentials).get_caller_identity()
    assert (identity.account, identity.arn) == (daypass.account_id, token.arn)
    s3 = client(daypass.url, "s3", Keys.of(_answered(token.credentials)))
    s3.put_object(Bucket="client-package", Key="bob/a", Body=b"a")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="client-package", Prefix="bob/")["Contents"]] == [
        "bob/a"
    ]
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket="client-package", Key="eve/a")
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket="client-package", Prefix="bob")


def _answered(credentials: Credentials) -> dict[str, str]:
    assert credentials.session_token is not None
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key.reveal(),
        "SessionToken": credentials.session_token.reveal(),
    }


def test_real_refusals_are_exceptions_of_their_codes(daypass: Daypass, proxy: Credentials, make: Make) -> None:
    service = make(daypass.url, proxy)
    with pytest.raises(MalformedPolicyDocument, match="not in the valid JSON format") as caught:
        service.get_federation_token(BOB.with_policy("{"))
    assert caught.value.request_id is not None
    assert daypass.audit(caught.value.request_id)
    statements = [allow("s3:GetObject", f"arn:aws:s3:::bucket-{n}/*") for n in range(25)]
    created = daypass.client("iam", daypass.root).create_policy(
        PolicyName=f"client-package-large-{type(service).__name__}", PolicyDocument=policy(*statements)
    )
    with pytest.raises(PackedPolicyTooLarge, match=r"consumes \d+% of allotted space"):
        service.get_federation_token(
            BOB.with_policy(policy(allow("s3:*", "*"))).with_policy_arns(created["Policy"]["Arn"])
        )
    with pytest.raises(client_errors.SignatureDoesNotMatch):
        make(daypass.url, Credentials(proxy.access_key_id, "another")).get_caller_identity()
    with pytest.raises(client_errors.InvalidClientTokenId):
        make(daypass.url, Credentials("AKIANOBODYATALL22222", "another")).get_caller_identity()
    federated = make(daypass.url, service.get_federation_token(BOB).credentials)
    with pytest.raises(AccessDenied):
        federated.get_federation_token(BOB)


def test_a_role_is_assumed_and_its_session_scoped_down_twice(daypass: Daypass, make: Make) -> None:
    name = f"client-role-{type(make(daypass.url)).__name__.lower()}"
    user = daypass.new_user(name, allow(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "*"))
    iam, s3 = daypass.client("iam", daypass.root), daypass.client("s3", daypass.root)
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{daypass.account_id}:user/{name}"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(allow("*", "*")))
    s3.create_bucket(Bucket=name)
    for key in ("a/1", "b/1"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")

    request = AssumeRoleRequest(
        arn, "Bob", duration_seconds=3600, tags={"team": "blue"}, transitive_tag_keys=["team"], source_identity="bob"
    )
    role = make(daypass.url, Credentials(user.access_key_id, user.secret_access_key)).assume_role(request)
    assert role.arn == f"arn:aws:sts::{daypass.account_id}:assumed-role/{name}/Bob"
    assert (role.assumed_role_id[-4:], role.source_identity) == (":Bob", "bob")

    def reached(credentials: Credentials) -> list[str]:
        s3 = client(daypass.url, "s3", Keys.of(_answered(credentials)))
        found = []
        for key in ("a/1", "b/1"):
            with contextlib.suppress(s3.exceptions.ClientError):
                found.append(s3.get_object(Bucket=name, Key=key) and key)
        return found

    builder = PolicyBuilder().allow_prefix(name, "a", write=False)
    everything = GetScopedCredentialsRequest(policy(allow("*", "*")), timedelta(minutes=10))
    scoped = make(daypass.url, role.credentials).get_scoped_credentials(everything)
    narrower = make(daypass.url, scoped.credentials).get_scoped_credentials(
        everything.with_duration_seconds(60).with_policy(
            policy(allow("sts:GetScopedCredentials", "*"), *builder.document()["Statement"])
        )
    )
    narrowest = make(daypass.url, narrower.credentials).get_scoped_credentials(everything.with_duration_seconds(30))
    each = (role.credentials, scoped.credentials, narrower.credentials, narrowest.credentials)
    assert [reached(credentials) for credentials in each] == [["a/1", "b/1"], ["a/1", "b/1"], ["a/1"], ["a/1"]]
    assert {make(daypass.url, credentials).get_caller_identity().arn for credentials in each} == {role.arn}
    expirations = [credentials.expiration for credentials in each if credentials.expiration is not None]
    assert expirations == sorted(expirations, reverse=True)
    with pytest.raises(client_errors.SessionDurationEscalationException):
        make(daypass.url, narrowest.credentials).get_scoped_credentials(everything.with_duration_seconds(3600))


def test_a_session_of_ones_own_needs_no_parameter(make: Make) -> None:
    refusal = b"<E><Error><Code>AccessDenied</Code></Error></E>"
    with answering(403, refusal) as server:
        for arguments in ((), (GetSessionTokenRequest(),)):
            with pytest.raises(AccessDenied):
                make(server.url).get_session_token(*arguments)
    assert {asked.body for asked in server.asked} == {b"Action=GetSessionToken&Version=2011-06-15"}
