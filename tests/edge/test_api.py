"""The control plane's answers as bytes: dispatch, envelopes, headers, audit."""

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api import HOST, InProcess, Key, allow, in_process

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("api") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(daypass: InProcess) -> Key:
    return daypass.user("proxy", allow("sts:GetFederationToken"))


def test_an_answer_is_aws_s_byte_for_byte(daypass: InProcess) -> None:
    answer = daypass.call(daypass.root, "GetCallerIdentity")
    request_id = answer.headers["x-amzn-requestid"]
    assert answer.body.decode() == (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
        "  <GetCallerIdentityResult>\n"
        "    <Arn>arn:aws:iam::123456789012:root</Arn>\n"
        "    <UserId>123456789012</UserId>\n"
        "    <Account>123456789012</Account>\n"
        "  </GetCallerIdentityResult>\n"
        "  <ResponseMetadata>\n"
        f"    <RequestId>{request_id}</RequestId>\n"
        "  </ResponseMetadata>\n"
        "</GetCallerIdentityResponse>\n"
    )
    assert UUID.fullmatch(request_id)
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["content-length"] == str(len(answer.body))


def test_the_elements_of_a_federation_token_stand_in_aws_s_order(daypass: InProcess, proxy: Key) -> None:
    body = daypass.call(proxy, "GetFederationToken", {"Name": "Bob"}).body.decode()
    assert re.findall(r"<([A-Za-z]+)>", body) == [
        "GetFederationTokenResult",
        "FederatedUser",
        "FederatedUserId",
        "Arn",
        "Credentials",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
        "PackedPolicySize",
        "SessionTokenUtilization",
        "SessionTokenSize",
        "ResponseMetadata",
        "RequestId",
    ]


def test_an_error_is_aws_s_byte_for_byte(daypass: InProcess) -> None:
    answer = daypass.send("POST", "/", [("Host", HOST), FORM], b"Action=GetCallerIdentity&Version=2011-06-15")
    assert answer.status == 403
    assert answer.body.decode() == (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
        "  <Error>\n"
        "    <Type>Sender</Type>\n"
        "    <Code>MissingAuthenticationToken</Code>\n"
        "    <Message>Request is missing Authentication Token</Message>\n"
        "  </Error>\n"
        f"  <RequestId>{answer.headers['x-amzn-requestid']}</RequestId>\n"
        "</ErrorResponse>\n"
    )


def test_the_extended_request_id_names_region_and_time(daypass: InProcess) -> None:
    answer = daypass.call(daypass.root, "GetCallerIdentity", region="eu-central-1")
    text = base64.b64decode(answer.headers["x-amz-sts-extended-request-id"]).decode()
    assert re.fullmatch(r"1:eu-central-1:S:\d{13}:R:[A-Za-z0-9]{8}", text)


def test_json_is_answered_to_who_accepts_json(daypass: InProcess, proxy: Key) -> None:
    accept = {"Accept": "application/json"}
    answer = daypass.call(daypass.root, "GetCallerIdentity", headers=accept)
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Account"] == "123456789012"
    token = json.loads(daypass.call(proxy, "GetFederationToken", {"Name": "Bob"}, headers=accept).body)
    credentials = token["GetFederationTokenResponse"]["GetFederationTokenResult"]["Credentials"]
    assert isinstance(credentials["Expiration"], int | float)
    refused = json.loads(daypass.call(proxy, "GetFederationToken", {"Name": "B"}, headers=accept).body)
    assert refused["Error"]["Code"] == "ValidationError"
    assert refused["Error"]["Type"] == "Sender"


def test_a_call_in_a_signed_url_is_served(daypass: InProcess) -> None:
    answer = daypass.get(daypass.root, "Action=GetCallerIdentity&Version=2011-06-15")
    assert (answer.status, answer.text("Account")) == (200, "123456789012")


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "location"),
    [
        ("POST", "/", [], 302, "https://aws.amazon.com/iam"),
        ("GET", "/?Version=2011-06-15&Action=", [], 403, None),
        ("POST", "/", [FORM], 302, "https://aws.amazon.com/iam"),
        ("POST", "/", [("Content-Type", "text/plain")], 403, None),
    ],
    ids=["no content type", "an empty action, unsigned", "no action", "another content type"],
)
def test_what_is_no_call_is_sent_elsewhere(
    daypass: InProcess, method: str, target: str, headers: list[tuple[str, str]], status: int, location: str | None
) -> None:
    answer = daypass.send(method, target, [("Host", HOST), *headers], b"")
    assert answer.status == status
    assert answer.headers.get("location") == location
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])


@pytest.mark.parametrize(
    ("service", "action"),
    [("sts", "NoSuchAction"), ("sts", ""), ("iam", "NoSuchAction"), ("iam", "AssumeRole")],
)
def test_an_action_that_is_unknown_is_an_invalid_action(daypass: InProcess, service: str, action: str) -> None:
    answer = daypass.call(daypass.root, action, service=service)
    version = {"sts": "2011-06-15", "iam": "2010-05-08"}[service]
    assert answer.fault == (400, "InvalidAction", f"Could not find operation {action} for version {version}")
    assert b"http://webservices.amazon.com/AWSFault/2005-15-09" in answer.body


def test_a_service_that_is_not_ours_is_a_wrong_scope(daypass: InProcess) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = "Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("POST", f"http://{HOST}/", data=body, headers=dict([FORM]))
    SigV4Auth(Credentials(daypass.root.access_key_id, daypass.root.secret), "ec2", "us-east-1").add_auth(request)
    answer = daypass.send("POST", "/", [("Host", HOST), *request.headers.items()], body.encode())
    assert answer.fault[:2] == (403, "SignatureDoesNotMatch")
    assert "Credential should be scoped to correct service" in str(answer.fault[2])


def test_a_body_over_its_limit_is_413_and_nothing_is_done(daypass: InProcess) -> None:
    chunk = b"x" * 65536
    answer = daypass.send("POST", "/", [("Host", HOST), FORM], chunks=[chunk] * 17)
    assert answer.status == 413
    assert daypass.send("POST", "/", [("Host", HOST), FORM], chunk * 17).status == 413


def test_two_hosts_or_none_are_refused(daypass: InProcess) -> None:
    assert daypass.send("GET", "/", [("Host", HOST), ("Host", "elsewhere")]).status == 400
    assert daypass.send("GET", "/", []).status == 400


def test_health_answers_when_ready_and_other_own_paths_do_not_exist(daypass: InProcess) -> None:
    assert daypass.send("GET", "/_daypass/health", []).body == b'{"status":"ok"}\n'
    assert daypass.send("GET", "/_daypass/other", []).status == 404


def test_federated_credentials_are_refused_by_iam_as_aws_refuses_them(daypass: InProcess, proxy: Key) -> None:
    everything = json.dumps(allow("*"))
    for caller in (daypass.root, proxy):
        bob = daypass.call(caller, "GetFederationToken", {"Name": "Bob", "Policy": everything}).key
        for action in ("ListUsers", "NoSuchAction"):
            assert daypass.call(bob, action, service="iam").fault == (
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
            )


def test_every_decision_is_on_record_with_its_statement_before_the_answer(daypass: InProcess, proxy: Key) -> None:
    answer = daypass.call(proxy, "GetFederationToken", {"Name": "Bob"})
    record = daypass.audit()[-1]
    assert record["request_id"] == answer.headers["x-amzn-requestid"]
    assert record["caller_arn"] == "arn:aws:iam::123456789012:user/proxy"
    assert record["action"] == "sts:GetFederationToken"
    assert record["resource"] == "arn:aws:sts::123456789012:federated-user/Bob"
    assert record["decision"] == "Allowed"
    assert record["error"] is None
    assert record["session_access_key_id"] == answer.key.access_key_id
    assert record["source_ip"] == "127.0.0.1"
    assert len(record["statements"]) == 1
    assert "policy-0" in record["statements"][0]

    daypass.call(proxy, "ListUsers", service="iam")
    record = daypass.audit()[-1]
    assert (record["action"], record["decision"], record["error"]) == (
        "iam:ListUsers",
        "ImplicitlyDenied",
        "AccessDenied",
    )

    daypass.call(Key("AKIAQAAAAAAAAAAAAAAA", "x" * 40), "GetCallerIdentity")
    record = daypass.audit()[-1]
    assert (record["decision"], record["error"]) == ("Refused", "InvalidClientTokenId")


def test_aws_sourceip_taken_from_x_forwarded_for_of_an_untrusted_peer_is_not_believed(daypass: InProcess) -> None:
    inside = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    key = daypass.user("inside", allow("sts:GetFederationToken", Condition=inside))
    forwarded = {"X-Forwarded-For": "10.1.2.3", "Forwarded": "for=10.1.2.3", "X-Real-IP": "10.1.2.3"}
    answer = daypass.call(key, "GetFederationToken", {"Name": "Bob"}, headers=forwarded)
    assert answer.fault[:2] == (403, "AccessDenied")
    assert daypass.audit()[-1]["source_ip"] == "127.0.0.1"


def test_request_headers_that_collide_with_condition_keys_set_nothing(daypass: InProcess) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "red"}}
    key = daypass.user("colliding", allow("sts:GetFederationToken", Condition=condition), tags={"Team": "blue"})
    headers = {"aws:PrincipalTag/Team": "red", "principaltag": "red", "X-Amz-PrincipalTag-Team": "red"}
    assert daypass.call(key, "GetFederationToken", {"Name": "Bob"}, headers=headers).fault[:2] == (403, "AccessDenied")


def test_nothing_is_issued_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    """/dev/full is a device that refuses every write."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    data = tmp_path / "data"
    with in_process(data) as first:
        root = first.root
    (data / "audit.jsonl").unlink()
    os.symlink("/dev/full", data / "audit.jsonl")
    with in_process(data, root) as running:
        answer = running.call(root, "GetFederationToken", {"Name": "Bob"})
    assert answer.fault[:2] == (503, "ServiceUnavailable")
    assert b"Credentials" not in answer.body


PARAMETERS = [
    *("Name", "Policy", "DurationSeconds", "MinimumSessionTokenSize", "Action", "Tags", "Tags.x"),
    *("Tags.member.1.Key", "Tags.member.1.Value"),
    *("PolicyArns.member.1.arn", "PolicyArns.member.99999999999.arn"),
]
DOCUMENTED = {
    *("MissingAuthenticationToken", "IncompleteSignature", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    *("InvalidAction", "ValidationError", "MalformedInput", "MalformedQueryString", "AccessDenied", "ExpiredToken"),
    *("MalformedPolicyDocument", "PackedPolicyTooLarge", "InvalidParameterValue"),
}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(PARAMETERS),
            st.text(max_size=60),
        ),
        max_size=6,
    )
)
def test_whatever_the_parameters_the_answer_is_of_the_documented_set(
    daypass: InProcess, proxy: Key, pairs: list[tuple[str, str]]
) -> None:
    pairs = [(name, value.encode("utf-8", "replace").decode()) for name, value in pairs]
    answer = daypass.call(proxy, "GetFederationToken", pairs)
    assert answer.status == 200 or answer.text("Code") in DOCUMENTED, answer.body


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "BREW"]),
    query=st.binary(max_size=60).map(lambda raw: raw.decode("latin-1").replace("#", "").replace("?", "")),
    content_type=st.sampled_from(["", FORM[1], "application/json", "\xff"]),
    authorization=st.one_of(st.just(""), st.text(alphabet=[chr(n) for n in range(32, 256)], max_size=80)),
    body=st.binary(max_size=120),
)
def test_whatever_the_bytes_the_answer_is_of_the_documented_set(
    daypass: InProcess, method: str, query: str, content_type: str, authorization: str, body: bytes
) -> None:
    headers = [("Host", HOST)]
    if content_type:
        headers.append(("Content-Type", content_type))
    if authorization:
        headers.append(("Authorization", f"AWS4-HMAC-SHA256 {authorization}"))
    answer = daypass.send(method, "/?Action=x&" + query.replace("\n", ""), headers, body)
    assert answer.status in (200, 302, 400, 403, 405, 411, 501), (answer.status, answer.body)
    assert b"InternalFailure" not in answer.body
    assert b"InternalError" not in answer.body
