"""daypass.middleware: services of our own that an unmodified boto3 calls, one on ASGI and one on WSGI."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from wsgiref.util import setup_testing_defaults

import pytest
import uvicorn
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from daypass.middleware import Authorizer, AuthorizerUnavailable, Rule, SigV4Middleware, SigV4WsgiMiddleware
from daypass.middleware.authorizer import question
from support.backends import free_port
from support.plain_http import fetch
from support.server import Daypass, Keys, allow, client, policy, running

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/"
TOKEN = "a-token-of-thirty-two-characters"


def rule(method: str, path: str) -> tuple[str, str] | None:
    """One permission for every call: enough to see who comes through."""
    return ("dynamodb:ListTables", TABLE + "*") if (method, path) == ("POST", "/") else None


async def asgi_service(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    asked = json.loads((await receive())["body"])
    body = json.dumps({"TableNames": [scope["daypass"].caller["arn"], str(asked["Limit"])]}).encode()
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi_service(environ: Any, start_response: Any) -> list[bytes]:
    asked = json.loads(environ["wsgi.input"].read())
    body = json.dumps({"TableNames": [environ["daypass"].caller["arn"], str(asked["Limit"])]}).encode()
    start_response("200 OK", [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture(scope="module")
def authorizer() -> Authorizer:
    return Authorizer(f"http://127.0.0.1:{free_port()}", token=TOKEN)


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory, authorizer: Authorizer) -> Iterator[Daypass]:
    environment = {"DAYPASS_AUTHORIZER_LISTEN": authorizer.where, "DAYPASS_AUTHORIZER_TOKEN": TOKEN}
    with running(tmp_path_factory.mktemp("middleware") / "data", environment=environment) as server:
        yield server


@contextmanager
def serving(kind: str, authorizer: Authorizer, rule: Rule) -> Iterator[str]:
    """The URL of a service behind the middleware. kind: asgi, wsgi."""
    if kind == "wsgi":
        wsgi = make_server("127.0.0.1", 0, SigV4WsgiMiddleware(wsgi_service, authorizer, service="dynamodb", rule=rule))
        thread = threading.Thread(target=wsgi.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{wsgi.server_port}"
        wsgi.shutdown()
        thread.join()
        return
    port = free_port()
    app = SigV4Middleware(asgi_service, authorizer, service="dynamodb", rule=rule)
    asgi = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=asgi.run)
    thread.start()
    while not asgi.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    asgi.should_exit = True
    thread.join()


KINDS = ("asgi", "wsgi")


@pytest.fixture(scope="module", params=KINDS)
def service(request: pytest.FixtureRequest, authorizer: Authorizer) -> Iterator[str]:
    with serving(request.param, authorizer, rule) as url:
        yield url


@pytest.fixture(scope="module")
def lister(daypass: Daypass) -> Keys:
    return daypass.new_user("lister", allow(["dynamodb:ListTables", "sts:GetFederationToken"], "*"))


def list_tables(service: str, keys: Keys) -> list[str]:
    answer = client(service, "dynamodb", keys, tcp_keepalive=False).list_tables(Limit=7)
    names: list[str] = answer["TableNames"]
    return names


def refused(service: str, keys: Keys) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        list_tables(service, keys)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def test_a_user_that_its_policies_allow_comes_through(service: str, daypass: Daypass, lister: Keys) -> None:
    assert list_tables(service, lister) == [f"arn:aws:iam::{daypass.account_id}:user/lister", "7"]


def test_a_federated_user_is_held_to_its_session_policy(service: str, daypass: Daypass, lister: Keys) -> None:
    sts = daypass.client("sts", lister)
    made = sts.get_federation_token(Name="Bob", Policy=policy(allow("dynamodb:ListTables", TABLE + "*")))
    bob = Keys.of(made["Credentials"])
    assert list_tables(service, bob)[0].endswith(":federated-user/Bob")
    other = sts.get_federation_token(Name="Eve", Policy=policy(allow("dynamodb:ListTables", TABLE + "mine")))
    status, code, message = refused(service, Keys.of(other["Credentials"]))
    assert (status, code) == (403, "AccessDenied")
    assert message.endswith("because no session policy allows the dynamodb:ListTables action")


def test_who_is_nobody_does_not_come_through(service: str, daypass: Daypass, lister: Keys) -> None:
    wrong = Keys(lister.access_key_id, "wrong" * 8)
    assert refused(service, wrong)[:2] == (403, "SignatureDoesNotMatch")
    unknown = Keys("AKIAIOSFODNN7EXAMPLE", "wrong" * 8)
    assert refused(service, unknown)[:2] == (403, "InvalidClientTokenId")


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ("/secret", "/secret"),
        ("/%73ecret", "/secret"),
        ("/a%2Fb%20%C3%BC", "/a/b ü"),
        ("/a%252Fb", "/a%2Fb"),
        ("/+", "/+"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_gets_the_path_that_the_service_gets(kind: str, sent: str, named: str) -> None:
    """Or a Deny would name one of the ways in which a client can write a path, and the service would serve all."""
    seen: list[str] = []

    def nothing(_: str, path: str) -> None:
        seen.append(path)

    with serving(kind, Authorizer("unix:/nowhere"), nothing) as url:
        assert fetch("GET", url + sent).status == 404
    assert seen == [named]


@pytest.mark.parametrize(
    "path", ["/open/../secret", "/./secret", "/open/..", "/open/%2e%2e/secret", "/open/%2E/secret"]
)
def test_a_path_that_a_service_may_read_as_another_names_nothing(path: str) -> None:
    app = SigV4WsgiMiddleware(
        wsgi_service, Authorizer("unix:/nowhere"), service="reports", rule=lambda *_: ("a:B", "*")
    )
    assert called(app, RAW_URI=path, PATH_INFO=unquote(path))[0] == 404


def called(app: Any, **environ: Any) -> tuple[int, str]:
    """What a WSGI application answers to a GET: status and body."""
    setup_testing_defaults(environ)
    started: list[str] = []
    body = b"".join(app(environ, lambda status, _: started.append(status)))
    return int(started[0].partition(" ")[0]), body.decode()


def test_an_authorizer_that_does_not_answer_allows_nothing_and_the_log_says_where(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = Authorizer(f"unix:{tmp_path}/none.sock")
    app = SigV4WsgiMiddleware(wsgi_service, away, service="reports", rule=lambda *_: ("reports:Read", "*"))
    status, body = called(app, RAW_URI="/")
    assert (status, "ServiceUnavailable" in body) == (503, True)
    assert str(tmp_path) not in body
    assert f"nobody is let through: the authorizer at {tmp_path}/none.sock did not answer" in caplog.text
    assert called(app)[0] == 503
    assert "the WSGI server says neither RAW_URI nor REQUEST_URI" in caplog.text


def test_a_rule_that_names_no_action_allows_nothing_and_the_log_says_so(
    daypass: Daypass, authorizer: Authorizer, caplog: pytest.LogCaptureFixture
) -> None:
    app = SigV4WsgiMiddleware(wsgi_service, authorizer, service="reports", rule=lambda *_: ("Read", "*"))
    assert called(app, RAW_URI="/")[0] == 503
    assert "the authorizer answered 400: `Read` is no action; write one, such as s3:GetObject" in caplog.text


def test_a_server_that_knows_no_address_of_its_client_says_none() -> None:
    asked = {
        name: question(
            method="GET",
            target="/",
            headers=[],
            payload_sha256="",
            service="reports",
            needed=("reports:Read", "*"),
            source_ip=name,
            secure=False,
        )["source_ip"]
        for name in ("192.0.2.1", "2001:db8::1", "", "testclient", "/run/service.sock")
    }
    assert asked == {
        "192.0.2.1": "192.0.2.1",
        "2001:db8::1": "2001:db8::1",
        "": "",
        "testclient": "",
        "/run/service.sock": "",
    }


def test_an_authorizer_that_was_given_no_token_is_not_asked(daypass: Daypass, authorizer: Authorizer) -> None:
    with pytest.raises(AuthorizerUnavailable, match="403"):
        Authorizer(f"http://{authorizer.where}").ask({"principal": "anonymous", "action": "a:B"})
