"""service.iam.user_policies through boto3: inline policies.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026; moto's collected texts for sizes.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from daypass import limits
from support.api import InProcess, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT, DOCUMENT_TEXT, refusal


@pytest.fixture
def user(iam: Any, name: str) -> str:
    iam.create_user(UserName=name)
    return name


def padded(size: int) -> str:
    """A policy of exactly that many characters that count."""
    document = json.dumps(DOCUMENT | {"Statement": [{**DOCUMENT["Statement"][0], "Sid": ""}]}, separators=(",", ":"))
    return document.replace('"Sid":""', f'"Sid":"{"x" * (size - len(document))}"')


def test_an_inline_policy_is_put_got_listed_and_deleted(iam: Any, user: str) -> None:
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    got = iam.get_user_policy(UserName=user, PolicyName="p")
    assert (got["UserName"], got["PolicyName"], got["PolicyDocument"]) == (user, "p", DOCUMENT)
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == ["p"]
    iam.delete_user_policy(UserName=user, PolicyName="p")
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []


@pytest.mark.parametrize("call", ["get_user_policy", "delete_user_policy"])
def test_a_policy_that_is_not_there_cannot_be_found(iam: Any, user: str, call: str) -> None:
    assert refusal(getattr(iam, call), UserName=user, PolicyName="none") == (
        404,
        "NoSuchEntity",
        "The user policy with name none cannot be found.",
    )


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("put_user_policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT_TEXT}),
        ("get_user_policy", {"PolicyName": "p"}),
        ("list_user_policies", {}),
        ("delete_user_policy", {"PolicyName": "p"}),
    ],
)
def test_a_user_that_is_not_there_cannot_be_found(iam: Any, call: str, more: dict[str, str]) -> None:
    missing = (404, "NoSuchEntity", "The user with name nobody cannot be found.")
    assert refusal(getattr(iam, call), UserName="nobody", **more) == missing


def test_a_document_comes_back_letter_by_letter_percent_encoded(iam_server: InProcess, iam: Any, user: str) -> None:
    """IAM API Reference, GetUserPolicy: encoded as RFC 3986 has it, so a space is %20 and a plus is no space."""
    text = (
        ' {"Version": "2012-10-17",\r\n\t"Statement": '
        '{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::ü+ ~*"}} '
    )
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=text)
    answer = iam_server.call(iam_server.root, "GetUserPolicy", {"UserName": user, "PolicyName": "p"}, service="iam")
    encoded = answer.text("PolicyDocument")
    assert encoded is not None
    assert unquote(encoded) == text
    assert encoded.startswith("%20%7B%22Version%22%3A%20%222012-10-17%22%2C%0D%0A%09%22Statement")
    assert encoded.endswith("%C3%BC%2B%20~%2A%22%7D%7D%20")


def test_a_put_policy_is_in_force_at_the_next_request(iam: Any, iam_server: InProcess, name: str) -> None:
    own = client(iam_server, iam_server.user(name))
    assert refusal(own.get_user)[1] == "AccessDenied"
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(allow("iam:GetUser")))
    own.get_user()
    iam.delete_user_policy(UserName=name, PolicyName="p")
    assert refusal(own.get_user)[1] == "AccessDenied"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("not JSON", "Syntax errors in policy."),
        ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
        (
            '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}',
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
    ],
)
def test_a_document_that_is_no_policy_is_refused_and_the_old_one_stays(
    iam: Any, user: str, document: str, message: str
) -> None:
    """The grammar's own tests are the policy engine's; here only the code, and that nothing is stored."""
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    refused = refusal(iam.put_user_policy, UserName=user, PolicyName="p", PolicyDocument=document)
    assert refused == (400, "MalformedPolicyDocument", message)
    assert iam.get_user_policy(UserName=user, PolicyName="p")["PolicyDocument"] == DOCUMENT


def test_the_inline_policies_of_a_user_have_2048_characters_together_without_white_space(iam: Any, user: str) -> None:
    too_much = (409, "LimitExceeded", f"Maximum policy size of 2048 bytes exceeded for user {user}")
    iam.put_user_policy(UserName=user, PolicyName="a", PolicyDocument=padded(1024).replace(",", ", \n\t"))
    iam.put_user_policy(UserName=user, PolicyName="b", PolicyDocument=padded(1024))
    assert refusal(iam.put_user_policy, UserName=user, PolicyName="b", PolicyDocument=padded(1025)) == too_much
    assert refusal(iam.put_user_policy, UserName=user, PolicyName="c", PolicyDocument=DOCUMENT_TEXT) == too_much
    iam.delete_user_policy(UserName=user, PolicyName="a")
    iam.put_user_policy(UserName=user, PolicyName="b", PolicyDocument=padded(limits.USER_INLINE_POLICIES_CHARS))


def test_policies_are_listed_page_by_page(iam: Any, user: str) -> None:
    for policy in ("b", "a", "C"):
        iam.put_user_policy(UserName=user, PolicyName=policy, PolicyDocument=DOCUMENT_TEXT)
    first = iam.list_user_policies(UserName=user, MaxItems=2)
    assert (first["PolicyNames"], first["IsTruncated"]) == (["C", "a"], True)
    rest = iam.list_user_policies(UserName=user, MaxItems=2, Marker=first["Marker"])
    assert (rest["PolicyNames"], rest["IsTruncated"]) == (["b"], False)
