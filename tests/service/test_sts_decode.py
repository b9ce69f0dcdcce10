"""Encoded authorization messages, and DecodeAuthorizationMessage."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from daypass import limits
from daypass.service.authorization_messages import InvalidMessage, open_message
from daypass.store.data_directory import KEY_RING
from daypass.store.key_ring import load
from support.accounts import attach, new_account, until
from support.api import ACCOUNT, Answer, InProcess, Key, allow, in_process, trust

OTHER = "210987654321"
INVALID = (400, "InvalidAuthorizationMessageException", "Message is not valid")


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("sts") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def admin(daypass: InProcess) -> Key:
    return daypass.user("admin", allow("*"))


@pytest.fixture(scope="module")
def alice(daypass: InProcess) -> Key:
    conditional = allow("iam:ListUsers", Condition={"StringEquals": {"aws:RequestedRegion": ["eu-1", "eu-2"]}})
    deny = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "NoRoles", "Effect": "Deny", "Action": "iam:*Role*", "Resource": "*"}],
    }
    return daypass.user("alice", conditional, deny)


def message_of(answer: Answer) -> str:
    assert answer.status == 403
    return answer.headers["x-daypass-authorization-message"]


def decoded(daypass: InProcess, key: Key, message: str) -> dict[str, Any]:
    answer = daypass.call(key, "DecodeAuthorizationMessage", {"EncodedMessage": message})
    assert answer.status == 200, answer.body
    content: dict[str, Any] = json.loads(str(answer.text("DecodedMessage")))
    return content


def test_an_implicit_denial_decodes_to_its_context_and_to_what_came_near(
    daypass: InProcess, admin: Key, alice: Key
) -> None:
    answer = daypass.call(alice, "ListUsers", service="iam")
    content = decoded(daypass, admin, message_of(answer))
    assert (content["allowed"], content["explicitDeny"]) == (False, False)
    assert content["matchedStatements"] == {"items": []}
    assert content["failures"] == {"items": []}
    context = content["context"]
    assert context["principal"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert context["principal"]["name"] == "alice"
    assert context["principal"]["id"].startswith("AIDA")
    assert context["action"] == "iam:ListUsers"
    conditions = {each["key"]: each["values"]["items"] for each in context["conditions"]["items"]}
    assert conditions["aws:username"] == [{"value": "alice"}]
    near, other = content["explanation"]["statements"]
    assert other["statement"] == "identity-based policy/policy-1/NoRoles", "only its action kept it from matching"
    assert near["statement"] == "identity-based policy/policy-0/0"
    assert near["failures"] == [
        {
            "element": "Condition.StringEquals.aws:RequestedRegion",
            "expected": ["eu-1", "eu-2"],
            "got": "us-east-1",
            "reason": "what the request has does not satisfy StringEquals",
        }
    ]
    assert content["explanation"]["summary"] == answer.fault[2]


def test_an_explicit_denial_decodes_to_the_statement_that_denied(daypass: InProcess, admin: Key, alice: Key) -> None:
    content = decoded(daypass, admin, message_of(daypass.call(alice, "ListRoles", service="iam")))
    assert content["explicitDeny"] is True
    assert content["matchedStatements"]["items"] == [
        {
            "statementId": "NoRoles",
            "effect": "DENY",
            "principals": {"items": []},
            "principalGroups": {"items": []},
            "actions": {"items": [{"value": "iam:*Role*"}]},
            "resources": {"items": [{"value": "*"}]},
            "conditions": {"items": []},
        }
    ]


def test_the_answer_s_own_text_stays_as_aws_has_it(daypass: InProcess, alice: Key) -> None:
    answer = daypass.call(alice, "GetFederationToken", {"Name": "Bob"})
    assert "Encoded authorization failure message" not in str(answer.fault[2])
    message = message_of(answer)
    assert len(message) <= limits.AUTHORIZATION_MESSAGE_CHARS
    assert message.replace("-", "").replace("_", "").isalnum()


def test_nothing_is_told_of_a_role(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("Closed", trust(f"arn:aws:iam::{ACCOUNT}:user/admin"))
    for arn in (role, f"arn:aws:iam::{ACCOUNT}:role/Nobody"):
        answer = daypass.call(alice, "AssumeRole", {"RoleArn": arn, "RoleSessionName": "jan"})
        assert answer.status == 403
        assert "x-daypass-authorization-message" not in answer.headers


def test_decoding_needs_the_permission_and_a_role_s_session_may_have_it(
    daypass: InProcess, admin: Key, alice: Key
) -> None:
    message = message_of(daypass.call(alice, "ListUsers", service="iam"))
    form = {"EncodedMessage": message}
    refused = daypass.call(alice, "DecodeAuthorizationMessage", form).fault
    assert refused[:2] == (403, "AccessDenied")
    role = daypass.role("Helpdesk", trust(f"arn:aws:iam::{ACCOUNT}:user/admin"), allow("sts:Decode*"))
    session = daypass.call(admin, "AssumeRole", {"RoleArn": role, "RoleSessionName": "jan"}).key
    assert decoded(daypass, session, message)["allowed"] is False
    user_session = daypass.call(admin, "GetSessionToken").key
    assert daypass.call(user_session, "DecodeAuthorizationMessage", form).fault[:2] == (403, "AccessDenied")


def test_a_message_of_another_account_is_none(daypass: InProcess, alice: Key) -> None:
    message = message_of(daypass.call(alice, "ListUsers", service="iam"))
    other = new_account(daypass.directory, OTHER)
    assert daypass.call(other, "DecodeAuthorizationMessage", {"EncodedMessage": message}).fault == INVALID


def test_what_the_organisation_s_policies_say_is_not_told(daypass: InProcess) -> None:
    controlled = "310987654321"
    root = new_account(daypass.directory, controlled)
    secret = allow("*", "arn:aws:s3:::secret-of-the-organisation", Sid="Guard")
    assert attach(daypass.directory, "guard", secret, "--account", controlled).exit_code == 0
    until(lambda: daypass.call(root, "ListUsers", service="iam").status == 403)
    message = message_of(daypass.call(root, "ListUsers", service="iam"))
    # Even root cannot decode: the policy that denies it denies that too. The key ring's owner can.
    key_ring = load(daypass.directory / KEY_RING)
    content = open_message(message, key_ring, controlled, daypass_time(daypass))
    assert "service control policy/guard/Guard" in content
    assert "secret-of-the-organisation" not in content


@pytest.mark.parametrize(
    "damage", ["cut", "changed", "a line break", "another alphabet", "no base64", "a session token"]
)
def test_what_is_no_message_is_refused(daypass: InProcess, admin: Key, alice: Key, damage: str) -> None:
    message = message_of(daypass.call(alice, "ListUsers", service="iam"))
    token = str(daypass.call(admin, "GetSessionToken").key.token)
    damaged = {
        "cut": message[:-8],
        "changed": message[:60] + ("A" if message[60] != "A" else "B") + message[61:],
        "a line break": message[:40] + "\n" + message[40:],
        "another alphabet": base64.b64encode(b"\xff" * 120).decode(),
        "no base64": "é" * 50,
        "a session token": token,
    }[damage]
    assert daypass.call(admin, "DecodeAuthorizationMessage", {"EncodedMessage": damaged}).fault == INVALID


def test_a_message_is_over_after_a_day(daypass: InProcess, alice: Key) -> None:
    message = message_of(daypass.call(alice, "ListUsers", service="iam"))
    key_ring, sealed = load(daypass.directory / KEY_RING), daypass_time(daypass)
    day = timedelta(seconds=limits.AUTHORIZATION_MESSAGE_SECONDS)
    assert open_message(message, key_ring, ACCOUNT, sealed + day - timedelta(seconds=2))
    for when in (sealed + day + timedelta(seconds=1), sealed - timedelta(minutes=1)):
        with pytest.raises(InvalidMessage):
            open_message(message, key_ring, ACCOUNT, when)


def test_a_message_keeps_its_bound_however_much_there_is_to_tell(daypass: InProcess, admin: Key) -> None:
    conditions = {"StringEquals": {"aws:PrincipalTag/x": [f"{n * 7919:x}{n * 104729:x}" for n in range(60)]}}
    documents = [allow("iam:ListUsers", Condition=conditions) for _ in range(2)]
    wordy = daypass.user("wordy", *documents)
    message = message_of(daypass.call(wordy, "ListUsers", service="iam", headers={"Referer": "e" * 300}))
    assert len(message) <= limits.AUTHORIZATION_MESSAGE_CHARS
    assert decoded(daypass, admin, message)["explanation"]["outcome"] == "ImplicitlyDenied"
    noise = base64.b64encode(bytes(range(256)) * 24).decode()
    message = message_of(daypass.call(wordy, "ListUsers", service="iam", headers={"Referer": noise}))
    assert len(message) <= limits.AUTHORIZATION_MESSAGE_CHARS
    assert decoded(daypass, admin, message)["allowed"] is False


def test_of_very_many_statements_those_that_decided_are_told(daypass: InProcess, admin: Key) -> None:
    many = daypass.user("many")
    others = [{"Effect": "Allow", "Action": "iam:ListUsers", "Resource": f"arn:aws:iam::1:user/{n}"} for n in range(70)]
    denying = {"Sid": "Last", "Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*"}
    for name, statement in (("A", others), ("B", [denying])):
        arn = daypass.managed_policy(f"Many{name}", {"Version": "2012-10-17", "Statement": statement})
        form = {"UserName": "many", "PolicyArn": arn}
        assert daypass.call(daypass.root, "AttachUserPolicy", form, service="iam").status == 200
    content = decoded(daypass, admin, message_of(daypass.call(many, "ListUsers", service="iam")))
    assert [each["statementId"] for each in content["matchedStatements"]["items"]] == ["Last"]
    assert content["explicitDeny"] is True


def test_trading_in_a_token_is_refused_with_the_reason(daypass: InProcess, admin: Key) -> None:
    status, code, message = daypass.call(admin, "GetDelegatedAccessToken", {"TradeInToken": "x" * 16}).fault
    assert (status, code) == (403, "AccessDenied")
    assert "trade-in tokens are made by AWS" in str(message)


def daypass_time(daypass: InProcess) -> datetime:
    """When the last request was received."""
    return datetime.fromisoformat(daypass.audit()[-1]["time"])
