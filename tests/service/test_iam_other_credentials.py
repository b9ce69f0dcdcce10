"""service.iam.other_credentials through boto3: that there are none is an answer, and only about users that exist.

Source: IAM API Reference, "ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials".
"""

from __future__ import annotations

from typing import Any

import pytest

from support.api import InProcess, allow
from support.boto3_in_process import client
from support.iam import refusal

LISTS = [
    ("list_ssh_public_keys", "SSHPublicKeys"),
    ("list_signing_certificates", "Certificates"),
    ("list_service_specific_credentials", "ServiceSpecificCredentials"),
]


@pytest.mark.parametrize(("call", "member"), LISTS)
def test_a_user_has_none_of_them(call: str, member: str, iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    answer = getattr(iam, call)(UserName=name, MaxItems=1)
    assert (answer[member], answer["IsTruncated"]) == ([], False)


@pytest.mark.parametrize("call", [row[0] for row in LISTS])
def test_a_user_that_does_not_exist_is_told_as_missing(call: str, iam: Any) -> None:
    assert refusal(getattr(iam, call), UserName="nobody-at-all")[:2] == (404, "NoSuchEntity")


@pytest.mark.parametrize(("call", "member"), LISTS)
def test_without_a_name_it_is_about_the_caller(
    call: str, member: str, iam: Any, iam_server: InProcess, name: str
) -> None:
    assert getattr(iam, call)()[member] == []
    key = iam_server.user(name, allow("iam:List*", f"arn:aws:iam::*:user/{name}"))
    assert getattr(client(iam_server, key), call)()[member] == []


@pytest.mark.parametrize("call", [row[0] for row in LISTS])
def test_looking_needs_the_permission_to_look(call: str, iam_server: InProcess, name: str) -> None:
    key = iam_server.user(name, allow("iam:GetUser"))
    assert refusal(getattr(client(iam_server, key), call), UserName=name)[:2] == (403, "AccessDenied")


def test_a_marker_that_no_list_gave_is_refused(iam: Any) -> None:
    assert refusal(iam.list_ssh_public_keys, Marker="!")[1] == "ValidationError"


def test_credentials_of_a_service_or_of_all_users_are_refused(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    listing = iam.list_service_specific_credentials
    assert refusal(listing, UserName=name, ServiceName="codecommit.amazonaws.com")[:2] == (404, "NotSupportedService")
    assert refusal(listing, AllUsers=True)[:2] == (400, "InvalidInput")
