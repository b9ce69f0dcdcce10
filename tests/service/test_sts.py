"""GetFederationToken and GetCallerIdentity, by AWS's contract."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daypass import limits
from daypass.names import account_of_id
from support.api import ACCOUNT, InProcess, Key, allow, in_process

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sts_get_federation_token.json").read_text())
BOB = {"Name": "Bob"}


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("sts") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(daypass: InProcess) -> Key:
    return daypass.user("proxy", allow(["sts:GetFederationToken", "sts:TagSession"]))


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_a_parameter_that_is_wrong_is_answered_in_aws_s_words(
    daypass: InProcess, proxy: Key, row: dict[str, Any]
) -> None:
    answer = daypass.call(proxy, "GetFederationToken", [(name, value) for name, value in row["form"]])
    assert answer.fault == (row["status"], row["code"], row["message"])


def test_several_violations_come_in_one_answer(daypass: InProcess, proxy: Key) -> None:
    form = {"Name": "a/" * 20, "DurationSeconds": "1", "MinimumSessionTokenSize": "9999"}
    status, code, message = daypass.call(proxy, "GetFederationToken", form).fault
    assert (status, code) == (400, "ValidationError")
    assert message is not None
    assert message.startswith("4 validation errors detected: ")
    for member in ("name", "durationSeconds", "minimumSessionTokenSize"):
        assert f"at '{member}' failed to satisfy constraint" in message


def test_a_policy_over_its_length_is_echoed_whole(daypass: InProcess, proxy: Key) -> None:
    policy = json.dumps(allow("s3:*")).ljust(limits.SESSION_POLICY_CHARS + 1)
    assert daypass.call(proxy, "GetFederationToken", BOB | {"Policy": policy}).fault == (
        400,
        "ValidationError",
        f"1 validation error detected: Value '{policy}' at 'policy' failed to satisfy constraint: "
        "Member must have length less than or equal to 2048",
    )


def test_the_credentials_are_what_aws_would_give(daypass: InProcess, proxy: Key) -> None:
    answer = daypass.call(proxy, "GetFederationToken", BOB)
    assert answer.text("Arn") == f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
    assert answer.text("FederatedUserId") == f"{ACCOUNT}:Bob"
    key = answer.key
    assert key.access_key_id.startswith("ASIA")
    assert len(key.access_key_id) == 20
    assert account_of_id(key.access_key_id) == ACCOUNT
    assert len(key.secret) == 40
    assert key.token is not None
    assert len(key.token) <= limits.TOKEN_BYTES
    assert answer.text("SessionTokenSize") == str(len(key.token))
    percent = str(-(-len(key.token) * 100 // limits.TOKEN_BYTES))
    assert answer.text("SessionTokenUtilization") == percent
    assert answer.text("PackedPolicySize") == percent


@pytest.mark.parametrize(
    ("asked", "user_gets", "root_gets"),
    [(None, 43200, 3600), (900, 900, 900), (3600, 3600, 3600), (129600, 129600, 3600), ("+900", 900, 900)],
)
def test_how_long_the_credentials_live(
    daypass: InProcess, proxy: Key, asked: object, user_gets: int, root_gets: int
) -> None:
    form = BOB if asked is None else BOB | {"DurationSeconds": str(asked)}
    for key, seconds in ((proxy, user_gets), (daypass.root, root_gets)):
        answer = daypass.call(key, "GetFederationToken", form)
        expiration = datetime.fromisoformat(str(answer.text("Expiration")))
        issued = datetime.fromisoformat(daypass.audit()[-1]["time"])
        assert expiration - issued.replace(microsecond=0) == timedelta(seconds=seconds)
        assert str(answer.text("Expiration")).endswith("Z")


def test_root_asking_for_more_than_the_maximum_is_refused_before_it_is_clamped(daypass: InProcess) -> None:
    answer = daypass.call(daypass.root, "GetFederationToken", BOB | {"DurationSeconds": "129601"})
    assert answer.fault[:2] == (400, "ValidationError")


@pytest.mark.parametrize("size", [0, 1, 1000, 1023, 4096])
def test_the_token_is_padded_to_the_minimum_size(daypass: InProcess, proxy: Key, size: int) -> None:
    answer = daypass.call(proxy, "GetFederationToken", BOB | {"MinimumSessionTokenSize": str(size)})
    token = answer.key.token
    assert token is not None
    assert size <= len(token) <= limits.TOKEN_BYTES
    assert answer.text("SessionTokenSize") == str(len(token))
    assert daypass.call(answer.key, "GetCallerIdentity").status == 200


def test_the_permission_is_asked_on_the_federated_user_s_arn(daypass: InProcess) -> None:
    key = daypass.user("managers", allow("sts:GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/Manager*"))
    assert daypass.call(key, "GetFederationToken", {"Name": "ManagerAnn"}).status == 200
    assert daypass.call(key, "GetFederationToken", {"Name": "Ann"}).fault == (
        403,
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/managers is not authorized to perform: sts:GetFederationToken on resource: "
        f"arn:aws:sts::{ACCOUNT}:federated-user/Ann because no identity-based policy allows the "
        "sts:GetFederationToken action",
    )


def test_an_explicit_deny_says_so(daypass: InProcess) -> None:
    deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sts:Get*", "Resource": "*"}}
    key = daypass.user("denied", allow("*"), deny)
    status, code, message = daypass.call(key, "GetFederationToken", BOB).fault
    assert (status, code) == (403, "AccessDenied")
    assert str(message).endswith("with an explicit deny in an identity-based policy")
    assert daypass.call(key, "GetCallerIdentity").status == 200, "which no policy can deny"


def test_tags_need_sts_tagsession_too(daypass: InProcess, proxy: Key) -> None:
    form = [("Name", "Bob"), ("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", "red")]
    assert daypass.call(proxy, "GetFederationToken", form).status == 200
    untagging = daypass.user("untagging", allow("sts:GetFederationToken"))
    status, code, message = daypass.call(untagging, "GetFederationToken", form).fault
    assert (status, code) == (403, "AccessDenied")
    assert "is not authorized to perform: sts:TagSession on resource" in str(message)
    condition = {"StringEquals": {"aws:RequestTag/Team": "red"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}
    red_only = daypass.user("red-only", allow(["sts:GetFederationToken", "sts:TagSession"], Condition=condition))
    assert daypass.call(red_only, "GetFederationToken", form).status == 200
    assert daypass.call(red_only, "GetFederationToken", [*form[:2], ("Tags.member.1.Value", "blue")]).status == 403
    more = [*form, ("Tags.member.2.Key", "Rank"), ("Tags.member.2.Value", "")]
    assert daypass.call(red_only, "GetFederationToken", more).status == 403


@pytest.mark.parametrize("tag", [("aws:x", "v"), ("AWS:x", "v"), ("k", "aws:v")])
def test_a_reserved_tag_is_refused(daypass: InProcess, proxy: Key, tag: tuple[str, str]) -> None:
    form = [("Name", "Bob"), ("Tags.member.1.Key", tag[0]), ("Tags.member.1.Value", tag[1])]
    assert daypass.call(proxy, "GetFederationToken", form).fault[:2] == (400, "InvalidParameterValue")


def test_fifty_tags_are_taken_and_fifty_one_are_not(daypass: InProcess, proxy: Key) -> None:
    def form(count: int) -> list[tuple[str, str]]:
        pairs = [("Name", "Bob")]
        for n in range(1, count + 1):
            pairs += [(f"Tags.member.{n}.Key", f"k{n}"), (f"Tags.member.{n}.Value", "v")]
        return pairs

    assert daypass.call(proxy, "GetFederationToken", form(50)).status == 200
    status, code, message = daypass.call(proxy, "GetFederationToken", form(51)).fault
    assert (status, code) == (400, "ValidationError")
    assert "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50" in str(message)


def test_managed_policies_are_taken_up_to_ten_and_up_to_2048_characters_together(
    daypass: InProcess, proxy: Key
) -> None:
    arn = daypass.managed_policy("Read", allow("s3:GetObject"))
    answer = daypass.call(proxy, "GetFederationToken", BOB | {"PolicyArns.member.1.arn": arn})
    assert answer.status == 200
    eleven = BOB | {f"PolicyArns.member.{n}.arn": arn for n in range(1, 12)}
    status, code, message = daypass.call(proxy, "GetFederationToken", eleven).fault
    assert (status, code) == (400, "ValidationError")
    assert "at 'policyArns' failed to satisfy constraint" in str(message)
    document = allow([f"s3:GetObject{'x' * 40}{n}" for n in range(40)])
    percent = -(-len(json.dumps(document)) * 100 // limits.SESSION_POLICY_CHARS)
    long = daypass.managed_policy("Long", document)
    assert daypass.call(proxy, "GetFederationToken", BOB | {"PolicyArns.member.1.arn": long}).fault == (
        400,
        "PackedPolicyTooLarge",
        f"Packed policy consumes {percent}% of allotted space, please use smaller policy.",
    )


def test_bare_empty_lists_are_as_if_absent(daypass: InProcess, proxy: Key) -> None:
    assert daypass.call(proxy, "GetFederationToken", [("Name", "Bob"), ("PolicyArns", ""), ("Tags", "")]).status == 200


def test_tags_that_do_not_fit_the_token_are_refused_with_their_percentage(daypass: InProcess, proxy: Key) -> None:
    import base64
    import hashlib

    form = [("Name", "Bob")]
    for n in range(1, 51):
        noise = base64.b64encode(hashlib.sha512(str(n).encode()).digest() * 2).decode()
        form += [(f"Tags.member.{n}.Key", f"{n}-{noise[:100]}"), (f"Tags.member.{n}.Value", noise[:160])]
    status, code, message = daypass.call(proxy, "GetFederationToken", form).fault
    assert (status, code) == (400, "PackedPolicyTooLarge")
    assert str(message).startswith("Packed size of session tags consumes ")
    percent = int(str(message).split()[6].removesuffix("%"))
    assert 100 < percent < 1000


def test_a_restricted_session_mints_no_unrestricted_key(daypass: InProcess) -> None:
    everything = allow("*")
    admin = daypass.user("admin", everything)
    bob = daypass.call(admin, "GetFederationToken", BOB | {"Policy": json.dumps(everything)}).key
    assert daypass.call(bob, "GetFederationToken", {"Name": "Eve"}).fault == (
        403,
        "AccessDenied",
        "Cannot call GetFederationToken with session credentials",
    )
    assert daypass.call(bob, "CreateAccessKey", {"UserName": "admin"}, service="iam").fault[:2] == (
        403,
        "InvalidClientTokenId",
    )


def test_a_session_without_the_permission_gets_the_ordinary_denial(daypass: InProcess, proxy: Key) -> None:
    bob = daypass.call(proxy, "GetFederationToken", BOB).key
    status, code, message = daypass.call(bob, "GetFederationToken", {"Name": "Eve"}).fault
    assert (status, code) == (403, "AccessDenied")
    assert str(message).startswith(
        f"User: arn:aws:sts::{ACCOUNT}:federated-user/Bob is not authorized to perform: sts:GetFederationToken on "
        f"resource: arn:aws:sts::{ACCOUNT}:federated-user/Eve because no session policy allows"
    )


def test_every_kind_of_caller_can_ask_who_it_is(daypass: InProcess, proxy: Key) -> None:
    federated = daypass.call(proxy, "GetFederationToken", BOB).key
    by_root = daypass.call(daypass.root, "GetFederationToken", {"Name": "Ann"}).key
    nobody = daypass.user("nobody")
    said = {}
    for name, key in {"root": daypass.root, "user": nobody, "Bob": federated, "Ann": by_root}.items():
        answer = daypass.call(key, "GetCallerIdentity")
        assert answer.status == 200
        assert answer.text("Account") == ACCOUNT
        said[name] = (answer.text("Arn"), str(answer.text("UserId")))
    assert said["root"] == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    assert said["user"][0] == f"arn:aws:iam::{ACCOUNT}:user/nobody"
    assert said["user"][1].startswith("AIDA")
    assert said["Bob"] == (f"arn:aws:sts::{ACCOUNT}:federated-user/Bob", f"{ACCOUNT}:Bob")
    assert said["Ann"] == (f"arn:aws:sts::{ACCOUNT}:federated-user/Ann", f"{ACCOUNT}:Ann")


def test_credentials_live_with_their_issuer_and_not_with_the_key_that_asked(daypass: InProcess) -> None:
    issuer = daypass.user("issuer", allow("sts:GetFederationToken"))
    bob = daypass.call(issuer, "GetFederationToken", BOB).key
    form = {"UserName": "issuer", "AccessKeyId": issuer.access_key_id}
    assert daypass.call(daypass.root, "UpdateAccessKey", form | {"Status": "Inactive"}, service="iam").status == 200
    assert daypass.call(issuer, "GetCallerIdentity").fault[:2] == (403, "InvalidClientTokenId")
    assert daypass.call(bob, "GetCallerIdentity").status == 200, "a session outlives the key that asked for it"
    assert daypass.call(daypass.root, "DeleteAccessKey", form, service="iam").status == 200
    for name in ("policy-0",):
        gone = {"UserName": "issuer", "PolicyName": name}
        assert daypass.call(daypass.root, "DeleteUserPolicy", gone, service="iam").status == 200
    assert daypass.call(daypass.root, "DeleteUser", {"UserName": "issuer"}, service="iam").status == 200
    refused = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    assert daypass.call(bob, "GetCallerIdentity").fault == refused
    daypass.user("issuer", allow("sts:GetFederationToken"))
    assert daypass.call(bob, "GetCallerIdentity").fault == refused, "a re-created user does not revive old sessions"


def test_the_first_of_a_repeated_parameter_counts_and_unknown_ones_are_no_error(daypass: InProcess, proxy: Key) -> None:
    form = [("Name", "Bob"), ("Name", "x"), ("Colour", "red"), ("DurationSeconds", "900"), ("DurationSeconds", "1")]
    assert daypass.call(proxy, "GetFederationToken", form).text("FederatedUserId") == f"{ACCOUNT}:Bob"
