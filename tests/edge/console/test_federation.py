"""edge.console and service.sign_in: sign-in links made of temporary credentials, and the page that they open.

Source: IAM User Guide, "Enable custom identity broker access to the AWS console", whose steps these tests follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest

from support.api import ACCOUNT, Answer, InProcess, Key, allow, in_process

REFUSED = (400, "Invalid credentials parameter")


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("console") / "data") as daypass:
        yield daypass


@pytest.fixture(scope="module")
def bob(daypass: InProcess) -> Key:
    proxy = daypass.user("proxy", allow(["s3:*", "sts:GetFederationToken"]))
    policy = json.dumps(allow("s3:GetObject", "arn:aws:s3:::lake/<bob>/*"))
    answer = daypass.call(proxy, "GetFederationToken", {"Name": "Bob", "Policy": policy})
    assert answer.status == 200, answer.body
    return answer.key


def get(daypass: InProcess, path: str, parameters: Mapping[str, str], cookies: str = "") -> Answer:
    headers = [("Host", "127.0.0.1:8420")] + ([("Cookie", cookies)] if cookies else [])
    return daypass.send("GET", f"{path}?{urlencode(parameters)}", headers)


def session_of(key: Key) -> str:
    return json.dumps({"sessionId": key.access_key_id, "sessionKey": key.secret, "sessionToken": key.token})


def signin_token(daypass: InProcess, key: Key, **more: str) -> Answer:
    return get(daypass, "/federation", {"Action": "getSigninToken", "Session": session_of(key), **more})


def said(answer: Answer) -> tuple[int, str]:
    text = answer.body.decode()
    return answer.status, text.partition("<h1>")[2].partition("</h1>")[0]


def test_a_sign_in_link_opens_the_console_of_its_session(daypass: InProcess, bob: Key) -> None:
    answer = signin_token(daypass, bob)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    token = json.loads(answer.body)["SigninToken"]
    link = {"Action": "login", "Issuer": "https://portal.example", "SigninToken": token}
    link["Destination"] = "http://127.0.0.1:8420/_daypass/console"
    status, headers, _ = daypass.exchange("GET", f"/federation?{urlencode(link)}", [("Host", "127.0.0.1:8420")])
    assert (status, dict(headers)["location"]) == (302, "/_daypass/console")


def console(daypass: InProcess, key: Key, **asked: str) -> Answer:
    token = json.loads(signin_token(daypass, key).body)["SigninToken"]
    headers = [("Host", "127.0.0.1:8420")]
    cookies = cookies_of(daypass, f"/_daypass/federation?{urlencode({'Action': 'login', 'SigninToken': token})}")
    return daypass.send("GET", f"/_daypass/console?{urlencode(asked)}", [*headers, ("Cookie", cookies)])


def cookies_of(daypass: InProcess, target: str) -> str:
    """What a browser would send back after this answer."""
    _, headers, _ = daypass.exchange("GET", target, [("Host", "127.0.0.1:8420")])
    set_cookies = [value for name, value in headers if name == "set-cookie"]
    assert all("HttpOnly; SameSite=Lax" in value for value in set_cookies)
    return "; ".join(value.partition(";")[0] for value in set_cookies)


def test_the_page_tells_who_i_am_what_i_may_do_and_until_when(daypass: InProcess, bob: Key) -> None:
    answer = console(daypass, bob)
    page = answer.body.decode()
    assert answer.status == 200
    assert f"<h1>arn:aws:sts::{ACCOUNT}:federated-user/Bob</h1>" in page
    assert "arn:aws:s3:::lake/&lt;bob&gt;/*" in page, "what a policy holds is escaped"
    assert "11 h 59 min left" in page
    assert f"arn:aws:iam::{ACCOUNT}:user/proxy" in page


def test_the_page_answers_whether_i_may(daypass: InProcess, bob: Key) -> None:
    yes = console(daypass, bob, action="s3:GetObject", resource="arn:aws:s3:::lake/<bob>/a").body.decode()
    assert '<p class="yes">Yes.</p>' in yes
    assert "session policy/session policy/0" in yes
    no = console(daypass, bob, action="s3:PutObject", resource="arn:aws:s3:::lake/<bob>/a").body.decode()
    assert '<p class="no">No.</p>' in no
    assert "because no session policy allows the s3:PutObject action" in no


def test_the_page_runs_no_script_and_loads_nothing(daypass: InProcess, bob: Key) -> None:
    answer = console(daypass, bob)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert b"<script" not in answer.body
    assert answer.headers["cache-control"] == "no-store"


def test_long_term_keys_open_no_console(daypass: InProcess) -> None:
    long_term = json.dumps({"sessionId": daypass.root.access_key_id, "sessionKey": daypass.root.secret})
    assert said(get(daypass, "/federation", {"Action": "getSigninToken", "Session": long_term})) == REFUSED


def test_a_federated_session_takes_no_session_duration(daypass: InProcess, bob: Key) -> None:
    assert said(signin_token(daypass, bob, SessionDuration="1800")) == REFUSED


@pytest.mark.parametrize(
    "changed",
    [
        {"sessionKey": "x" * 40},
        {"sessionId": "ASIAIOSFODNN7EXAMPLE"},
        {"sessionToken": "x"},
        {"sessionToken": "é"},
        {"sessionToken": None},
        {"sessionKey": 7},
    ],
    ids=lambda changed: " ".join(f"{name}={value!r:.9}" for name, value in changed.items()),
)
def test_wrong_credentials_open_no_console(daypass: InProcess, bob: Key, changed: Mapping[str, object]) -> None:
    session = json.dumps(json.loads(session_of(bob)) | changed)
    assert said(get(daypass, "/federation", {"Action": "getSigninToken", "Session": session})) == REFUSED


@pytest.mark.parametrize("session", ["", "{", "[]", "null", '"x"', "[" * 5_000])
def test_a_session_parameter_that_is_none_is_refused(daypass: InProcess, session: str) -> None:
    assert said(get(daypass, "/_daypass/federation", {"Action": "getSigninToken", "Session": session})) == REFUSED


def test_one_kind_of_token_never_stands_in_for_another(daypass: InProcess, bob: Key) -> None:
    token = json.loads(signin_token(daypass, bob).body)["SigninToken"]
    login = {"Action": "login", "SigninToken": str(bob.token)}
    assert said(get(daypass, "/federation", login)) == REFUSED, "a session token is no SigninToken"
    signed_out = get(daypass, "/_daypass/console", {}, cookies=f"daypass_console_0={token}")
    assert signed_out.status == 401, "a SigninToken is no console session"
    as_session = Key(bob.access_key_id, bob.secret, token)
    assert daypass.call(as_session, "GetCallerIdentity").status == 403, "a SigninToken is no session token"


@pytest.mark.parametrize(
    "destination",
    [
        "https://evil.example/_daypass/console",
        "//evil.example/_daypass/console",
        "/elsewhere",
        "javascript:alert(1)",
        "http://127.0.0.1:8420.evil.example/_daypass/console",
        "http://user@127.0.0.1:8420/_daypass/console",
        "http://[/_daypass/console",
        "/_daypass/console?" + "a=b&" * 9,
    ],
)
def test_the_endpoint_is_no_open_redirect(daypass: InProcess, bob: Key, destination: str) -> None:
    token = json.loads(signin_token(daypass, bob).body)["SigninToken"]
    link = {"Action": "login", "SigninToken": token, "Destination": destination}
    assert said(get(daypass, "/federation", link)) == REFUSED
    assert said(get(daypass, "/federation", {"Action": "logout", "redirect_uri": destination})) == REFUSED


def test_a_request_of_too_many_parameters_is_refused_and_no_fault_of_ours(daypass: InProcess) -> None:
    many = {f"a{n}": "1" for n in range(65)}
    assert said(get(daypass, "/_daypass/federation", {"Action": "login", **many})) == REFUSED
    assert get(daypass, "/federation", many).text("Code") == "NotImplemented", "it is S3's, which has no backend here"
    refused = get(daypass, "/federation", {"Action": "login", "Issuer": "http://[", "SigninToken": "none"})
    assert said(refused) == REFUSED


def test_signing_out_takes_every_cookie_back(daypass: InProcess) -> None:
    _, headers, _ = daypass.exchange("GET", "/federation?Action=logout", [("Host", "127.0.0.1:8420")])
    removed = [value for name, value in headers if name == "set-cookie"]
    assert len(removed) == 4
    assert all("=; " in value and "Max-Age=0" in value for value in removed)


def test_a_deleted_user_closes_the_console_of_its_sessions(daypass: InProcess) -> None:
    gone = daypass.user("gone", allow("sts:GetFederationToken"))
    key = daypass.call(gone, "GetFederationToken", {"Name": "Eve"}).key
    assert console(daypass, key).status == 200
    token = json.loads(signin_token(daypass, key).body)["SigninToken"]
    for action, parameters in (
        ("DeleteUserPolicy", {"UserName": "gone", "PolicyName": "policy-0"}),
        ("DeleteAccessKey", {"UserName": "gone", "AccessKeyId": gone.access_key_id}),
        ("DeleteUser", {"UserName": "gone"}),
    ):
        assert daypass.call(daypass.root, action, parameters, service="iam").status == 200
    assert said(get(daypass, "/federation", {"Action": "login", "SigninToken": token})) == REFUSED


def test_sign_ins_are_on_record_without_their_secrets(daypass: InProcess, bob: Key) -> None:
    console(daypass, bob)
    records = daypass.audit()[-2:]
    assert [record["action"] for record in records] == ["signin:GetSigninToken", "signin:ConsoleLogin"]
    assert {record["caller_arn"] for record in records} == {f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"}
    written = (daypass.directory / "audit.jsonl").read_text()
    assert bob.secret not in written
    assert str(bob.token) not in written


def test_a_bucket_called_federation_keeps_its_address(daypass: InProcess) -> None:
    answer = daypass.send("GET", "/federation?list-type=2", [("Host", "127.0.0.1:8420")])
    assert answer.headers["content-type"] == "application/xml"


def test_an_unknown_action_is_refused(daypass: InProcess) -> None:
    answer = get(daypass, "/_daypass/federation", {"Action": "assume"})
    assert (answer.status, "one of getSigninToken" in answer.body.decode()) == (400, True)
