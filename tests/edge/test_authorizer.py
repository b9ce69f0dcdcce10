"""edge.authorizer and service.decisions: questions and answers on the authorizer's listener."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.api import ACCOUNT, InProcess, Key, allow, in_process

LISTENER = ("127.0.0.1", 8421)
TOKEN = "a-token-of-thirty-two-characters"
OBJECT = "arn:aws:s3:::lake/in/a"


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    options = {"authorizer_listen": "127.0.0.1:8421", "authorizer_token": TOKEN}
    with in_process(tmp_path_factory.mktemp("authorizer") / "data", options=options) as daypass:
        yield daypass


@pytest.fixture(scope="module")
def alice(daypass: InProcess) -> Key:
    return daypass.user("alice", allow(["s3:GetObject", "sts:GetFederationToken", "reports:Read"]))


def ask(daypass: InProcess, question: object, *, token: str = TOKEN, server: tuple[str, int] = LISTENER) -> Any:
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    headers = [("Host", "authorizer"), ("X-Daypass-Authorizer-Token", token)]
    answer = daypass.send("POST", "/_daypass/authorize", headers, body, server=server)
    return answer.status, json.loads(answer.body) if answer.body else None


def signed(
    key: Key, service: str, *, body: bytes = b"", target: str = "/reports?year=2026", presigned: bool = False
) -> dict[str, Any]:
    """What a service has of a request that a stock SDK signed."""
    request = AWSRequest("POST", f"http://reports.test{target}", data=body)
    auth = (SigV4QueryAuth if presigned else SigV4Auth)(
        Credentials(key.access_key_id, key.secret, key.token), service, "eu-west-1"
    )
    auth.add_auth(request)
    headers = [("Host", "reports.test"), *request.headers.items()]
    sent = request.url.removeprefix("http://reports.test") if presigned else target
    digest = sha256(body).hexdigest()
    return {"method": "POST", "target": sent, "headers": headers, "payload_sha256": digest, "service": service}


def federated(daypass: InProcess, key: Key, policy: object) -> Key:
    answer = daypass.call(key, "GetFederationToken", {"Name": "Bob", "Policy": json.dumps(policy)})
    assert answer.status == 200, answer.body
    return answer.key


def test_a_user_that_the_asker_authenticated_is_allowed_what_its_policies_allow(daypass: InProcess, alice: Key) -> None:
    principal = f"arn:aws:iam::{ACCOUNT}:user/alice"
    status, answer = ask(daypass, {"principal": principal, "action": "s3:GetObject", "resource": OBJECT})
    assert (status, answer["allowed"]) == (200, True)
    assert answer["caller"]["arn"] == principal
    assert answer["decisions"][0]["statements"] == ["identity-based policy/policy-0/0"]
    status, answer = ask(daypass, {"principal": principal, "action": "s3:PutObject", "resource": OBJECT})
    assert (status, answer["allowed"]) == (200, False)
    assert answer["decisions"][0]["reason"].endswith("because no identity-based policy allows the s3:PutObject action")


def test_a_signed_request_is_decided_for_the_federated_user_who_signed_it(daypass: InProcess, alice: Key) -> None:
    bob = federated(daypass, alice, allow("reports:Read", "arn:aws:reports:::2026/*"))
    request = signed(bob, "reports", body=b"{}")
    checks = [
        {"action": "reports:Read", "resource": "arn:aws:reports:::2026/q1"},
        {"action": "reports:Read", "resource": "arn:aws:reports:::2025/q1"},
    ]
    _, answer = ask(daypass, {"signed_request": request, "checks": checks})
    assert answer["allowed"] is False
    assert [decision["decision"] for decision in answer["decisions"]] == ["Allowed", "ImplicitlyDenied"]
    assert answer["caller"]["arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
    _, answer = ask(daypass, {"signed_request": request, **checks[0]})
    assert answer["allowed"] is True


def test_a_presigned_url_is_decided_as_well(daypass: InProcess, alice: Key) -> None:
    request = signed(alice, "reports", presigned=True)
    _, answer = ask(daypass, {"signed_request": request, "action": "reports:Read"})
    assert answer["allowed"] is True


def altered(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**request, **changes}


def _flipped(authorization: str) -> str:
    return authorization[:-1] + ("1" if authorization.endswith("0") else "0")


def test_a_request_that_was_altered_is_nobodys(daypass: InProcess, alice: Key) -> None:
    request = signed(alice, "reports", body=b"{}")
    headers = request["headers"]
    for change in (
        {"method": "GET"},
        {"target": "/reports?year=2025"},
        {"payload_sha256": sha256(b"[]").hexdigest()},
        {"headers": [(name, _flipped(value) if name == "Authorization" else value) for name, value in headers]},
    ):
        status, answer = ask(daypass, {"signed_request": altered(request, **change), "action": "reports:Read"})
        assert (status, answer["allowed"], answer["decisions"]) == (200, False, [])
        assert answer["error"]["code"] in ("SignatureDoesNotMatch", "InvalidClientTokenId", "IncompleteSignature")


def test_a_signature_for_one_service_is_none_for_another(daypass: InProcess, alice: Key) -> None:
    for made_for, asked_for in (("s3", "reports"), ("reports", "sts"), ("sts", "reports")):
        request = altered(signed(alice, made_for), service=asked_for)
        _, answer = ask(daypass, {"signed_request": request, "action": "reports:Read"})
        assert (answer["allowed"], answer["error"]["code"]) == (False, "SignatureDoesNotMatch")


def test_a_request_without_a_signature_is_nobodys(daypass: InProcess) -> None:
    request = {"method": "GET", "target": "/", "headers": [("Host", "h")], "payload_sha256": "", "service": "reports"}
    _, answer = ask(daypass, {"signed_request": request, "action": "reports:Read"})
    assert (answer["allowed"], answer["error"]["code"]) == (False, "MissingAuthenticationToken")


def test_the_policy_of_a_resource_can_be_part_of_the_question(daypass: InProcess, alice: Key) -> None:
    principal = f"arn:aws:iam::{ACCOUNT}:user/alice"
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "reports:Write", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": statement}
    question = {"principal": principal, "action": "reports:Write", "resource": "arn:aws:reports:::2026/q1"}
    assert ask(daypass, question)[1]["allowed"] is False
    assert ask(daypass, {**question, "resource_policy": policy})[1]["allowed"] is True
    other = {**question, "resource_policy": policy, "resource_account": "999999999999"}
    assert ask(daypass, other)[1]["allowed"] is False, "across accounts the caller's own policies must allow as well"


def test_every_decision_is_on_record_before_it_is_told(daypass: InProcess, alice: Key) -> None:
    question = {"signed_request": signed(alice, "reports"), "action": "reports:Read", "source_ip": "192.0.2.9"}
    _, answer = ask(daypass, question)
    record = daypass.audit()[-1]
    assert record["request_id"] == answer["request_id"]
    assert (record["action"], record["decision"], record["source_ip"]) == ("reports:Read", "Allowed", "192.0.2.9")


def test_several_questions_are_answered_at_once(daypass: InProcess, alice: Key) -> None:
    principal = f"arn:aws:iam::{ACCOUNT}:user/alice"
    questions = [
        {"principal": principal, "action": "s3:GetObject", "resource": OBJECT},
        {"principal": "anonymous", "action": "s3:GetObject", "resource": OBJECT},
    ]
    _, answer = ask(daypass, {"questions": questions})
    assert [one["allowed"] for one in answer["answers"]] == [True, False]
    assert answer["allowed"] is False


SENSELESS = {
    "no JSON": b"{",
    "nobody calls": {"action": "s3:GetObject"},
    "a field that is unknown": {"principal": "anonymous", "action": "s3:GetObject", "resources": "*"},
    "nothing is asked": {"principal": "anonymous"},
    "one action and several": {"principal": "anonymous", "action": "a:B", "checks": [{"action": "a:B"}]},
    "a session by its name": {
        "principal": f"arn:aws:sts::{ACCOUNT}:federated-user/Bob",
        "action": "s3:GetObject",
    },
    "a role session by its name": {"principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", "action": "s3:GetObject"},
    "who the caller is, said by the asker": {
        "principal": "anonymous",
        "action": "a:B",
        "context": {"aws:PrincipalArn": "arn:aws:iam::123456789012:root"},
    },
    "an address, said in the context": {"principal": "anonymous", "action": "a:B", "context": {"AWS:SourceIp": "::1"}},
    "one key twice": {"principal": "anonymous", "action": "a:B", "context": {"a:key": "1", "A:Key": "2"}},
    "a resource policy that is none": {"principal": "anonymous", "action": "a:B", "resource_policy": {"Version": "1"}},
    "an action without its service": {"principal": "anonymous", "action": "GetObject"},
    "a pattern of actions": {"principal": "anonymous", "checks": [{"action": "a:B"}, {"action": "s3:Get*"}]},
    "an address that is none": {"principal": "anonymous", "action": "a:B", "source_ip": "10.0.0.300"},
    "too much at once": {"principal": "anonymous", "checks": [{"action": "a:B"}] * 1001},
}


@pytest.mark.parametrize("question", SENSELESS.values(), ids=SENSELESS.keys())
def test_a_question_that_makes_no_sense_is_refused(daypass: InProcess, question: object) -> None:
    status, answer = ask(daypass, question)
    assert (status, answer["error"]["code"]) == (400, "ValidationError")
    assert "allowed" not in answer


def test_who_lacks_the_token_learns_nothing(daypass: InProcess) -> None:
    question = {"principal": f"arn:aws:iam::{ACCOUNT}:root", "action": "s3:GetObject"}
    for token in ("", TOKEN + "x", TOKEN[:-1]):
        status, answer = ask(daypass, question, token=token)
        assert (status, "allowed" in answer) == (403, False)


def test_the_public_port_answers_no_questions(daypass: InProcess) -> None:
    question = {"principal": "anonymous", "action": "s3:GetObject"}
    assert ask(daypass, question, server=("127.0.0.1", 8420))[0] == 404


def test_a_user_made_anew_under_an_old_name_has_none_of_its_permissions(daypass: InProcess) -> None:
    daypass.user("carol", allow("s3:GetObject"))
    question = {"principal": f"arn:aws:iam::{ACCOUNT}:user/carol", "action": "s3:GetObject", "resource": OBJECT}
    assert ask(daypass, question)[1]["allowed"] is True
    key_id = daypass.call(daypass.root, "ListAccessKeys", {"UserName": "carol"}, service="iam").text("AccessKeyId")
    for action, parameters in (
        ("DeleteUserPolicy", {"UserName": "carol", "PolicyName": "policy-0"}),
        ("DeleteAccessKey", {"UserName": "carol", "AccessKeyId": str(key_id)}),
        ("DeleteUser", {"UserName": "carol"}),
    ):
        assert daypass.call(daypass.root, action, parameters, service="iam").status == 200
    assert ask(daypass, question)[1]["error"]["code"] == "InvalidClientTokenId"
    daypass.user("carol")
    assert ask(daypass, question)[1]["allowed"] is False


def test_a_named_user_is_asked_about_as_it_is_now(daypass: InProcess) -> None:
    daypass.user("dora", allow("s3:GetObject"))
    question = {"principal": f"arn:aws:iam::{ACCOUNT}:user/dora", "action": "s3:GetObject", "resource": OBJECT}
    assert [ask(daypass, question)[1]["allowed"] for _ in range(2)] == [True, True]
    daypass.put_policy("dora", "policy-0", allow("s3:PutObject"))
    assert ask(daypass, question)[1]["allowed"] is False
    renamed = daypass.call(daypass.root, "UpdateUser", {"UserName": "dora", "NewUserName": "dorothy"}, service="iam")
    assert renamed.status == 200
    assert ask(daypass, question)[1]["error"]["code"] == "InvalidClientTokenId"


def test_a_batch_without_questions_allows_nothing(daypass: InProcess) -> None:
    status, answer = ask(daypass, {"questions": []})
    assert (status, answer["allowed"], answer["answers"]) == (200, False, [])
