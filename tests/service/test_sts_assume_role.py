"""AssumeRole and what its credentials may do, by AWS's contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daypass.names import account_of_id
from support.accounts import account_command, attach, new_account, until
from support.api import ACCOUNT, Answer, InProcess, Key, allow, in_process, trust

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sts_assume_role.json").read_text())
OTHER = "210987654321"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
BOTH = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("sts") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def alice(daypass: InProcess) -> Key:
    """A user without any permission: what it may do, roles let it."""
    return daypass.user("alice")


@pytest.fixture(scope="module")
def other_root(daypass: InProcess) -> Key:
    return new_account(daypass.directory, OTHER)


@pytest.fixture(scope="module")
def open_role(daypass: InProcess, alice: Key) -> str:
    return daypass.role("Open", trust(ALICE, BOTH), allow(["iam:GetUser", "iam:ListUsers"]))


def assume(daypass: InProcess, key: Key, role: str, **more: str) -> Answer:
    return daypass.call(key, "AssumeRole", {"RoleArn": role, "RoleSessionName": "jan", **more})


def denial(key_arn: str, role: str, action: str = "sts:AssumeRole") -> tuple[int, str, str]:
    return 403, "AccessDenied", f"User: {key_arn} is not authorized to perform: {action} on resource: {role}"


def tags(pairs: dict[str, str], *transitive: str) -> dict[str, str]:
    form: dict[str, str] = {}
    for n, (key, value) in enumerate(pairs.items(), 1):
        form |= {f"Tags.member.{n}.Key": key, f"Tags.member.{n}.Value": value}
    return form | {f"TransitiveTagKeys.member.{n}": key for n, key in enumerate(transitive, 1)}


# ---- the answer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_a_parameter_that_is_wrong_is_answered_in_aws_s_words(
    daypass: InProcess, alice: Key, open_role: str, row: dict[str, Any]
) -> None:
    answer = daypass.call(alice, "AssumeRole", [(name, value) for name, value in row["form"]])
    assert answer.fault == (row["status"], row["code"], row["message"])


def test_the_credentials_are_what_aws_would_give(daypass: InProcess, alice: Key, open_role: str) -> None:
    answer = assume(daypass, alice, open_role)
    assert answer.status == 200
    role_id, _, name = str(answer.text("AssumedRoleId")).partition(":")
    assert role_id.startswith("AROA")
    assert name == "jan"
    assert answer.text("Arn") == f"arn:aws:sts::{ACCOUNT}:assumed-role/Open/jan"
    assert answer.key.access_key_id.startswith("ASIA")
    assert account_of_id(answer.key.access_key_id) == ACCOUNT
    assert answer.text("PackedPolicySize") is None, "nothing was passed that is packed"
    assert answer.text("SourceIdentity") is None
    text = answer.body.decode()
    assert text.index("<AssumedRoleId>") < text.index("<AccessKeyId>") < text.index("<SessionTokenSize>")
    who = daypass.call(answer.key, "GetCallerIdentity")
    assert who.text("Arn") == answer.text("Arn")
    assert who.text("UserId") == answer.text("AssumedRoleId")
    assert daypass.call(answer.key, "GetUser", {"UserName": "alice"}, service="iam").status == 200
    assert daypass.call(answer.key, "CreateUser", {"UserName": "eve"}, service="iam").fault[:2] == (403, "AccessDenied")


def test_a_role_s_path_is_in_its_arn_and_not_in_its_sessions_(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("Deep", trust(ALICE), Path="/a/b/")
    assert role == f"arn:aws:iam::{ACCOUNT}:role/a/b/Deep"
    answer = assume(daypass, alice, role)
    assert answer.text("Arn") == f"arn:aws:sts::{ACCOUNT}:assumed-role/Deep/jan"
    without_path = f"arn:aws:iam::{ACCOUNT}:role/Deep"
    assert assume(daypass, alice, without_path).fault == denial(ALICE, without_path)


def test_packed_policy_size_is_there_when_a_policy_or_a_tag_was_passed(
    daypass: InProcess, alice: Key, open_role: str
) -> None:
    for more in ({"Policy": json.dumps(allow("s3:*"))}, tags({"Team": "red"})):
        answer = assume(daypass, alice, open_role, **more)
        assert answer.text("PackedPolicySize") == answer.text("SessionTokenUtilization")


@pytest.mark.parametrize(("asked", "seconds"), [(None, 3600), ("900", 900), ("7200", 7200)])
def test_how_long_the_credentials_live(daypass: InProcess, alice: Key, asked: str | None, seconds: int) -> None:
    name = f"Lasting{asked}"
    role = daypass.role(name, trust(ALICE), MaxSessionDuration="7200")
    answer = assume(daypass, alice, role, **({} if asked is None else {"DurationSeconds": asked}))
    issued = datetime.fromisoformat(daypass.audit()[-1]["time"]).replace(microsecond=0)
    assert datetime.fromisoformat(str(answer.text("Expiration"))) - issued == timedelta(seconds=seconds)
    assert assume(daypass, alice, role, DurationSeconds="7201").fault[:2] == (400, "ValidationError")


# ---- who may -----------------------------------------------------------------------------------------------


def test_an_unknown_role_a_trust_policy_s_denial_and_the_caller_s_own_look_the_same(
    daypass: InProcess, alice: Key
) -> None:
    trusts_nobody_here = daypass.role("Foreign", trust(f"arn:aws:iam::{ACCOUNT}:root"))
    denies = trust(ALICE)
    denies["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"})  # type: ignore[attr-defined]  # because it is a list
    denied = daypass.role("Denied", denies)
    unknown = f"arn:aws:iam::{ACCOUNT}:role/Nobody"
    for role in (trusts_nobody_here, denied, unknown, f"arn:aws:iam::{ACCOUNT}:user/alice"):
        assert assume(daypass, alice, role).fault == denial(ALICE, role)


def test_an_identity_policy_alone_is_not_enough_and_a_trust_policy_that_names_the_account_only_delegates(
    daypass: InProcess, alice: Key
) -> None:
    mighty = daypass.user("mighty", allow("*"))
    to_alice = daypass.role("ToAlice", trust(ALICE))
    assert assume(daypass, mighty, to_alice).fault == denial(f"arn:aws:iam::{ACCOUNT}:user/mighty", to_alice)
    to_account = daypass.role("ToAccount", trust(ACCOUNT))
    assert assume(daypass, mighty, to_account).status == 200
    assert assume(daypass, alice, to_account).fault == denial(ALICE, to_account)


def test_an_explicit_deny_of_the_caller_s_wins_over_a_trust_policy_that_names_it(daypass: InProcess) -> None:
    deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}}
    key = daypass.user("held", deny)
    arn = f"arn:aws:iam::{ACCOUNT}:user/held"
    role = daypass.role("ToHeld", trust(arn))
    assert assume(daypass, key, role).fault == denial(arn, role)


def test_across_accounts_both_sides_must_allow(daypass: InProcess, other_root: Key, alice: Key) -> None:
    role = daypass.role("Shared", trust(OTHER), allow("iam:GetUser"))
    for n, (document, status) in enumerate([(None, 403), (allow("sts:AssumeRole", role), 200), (allow("s3:*"), 403)]):
        name = f"caller{n}"
        assert daypass.call(other_root, "CreateUser", {"UserName": name}, service="iam").status == 200
        if document is not None:
            form = {"UserName": name, "PolicyName": "p", "PolicyDocument": json.dumps(document)}
            assert daypass.call(other_root, "PutUserPolicy", form, service="iam").status == 200
        key = daypass.call(other_root, "CreateAccessKey", {"UserName": name}, service="iam").key
        answer = assume(daypass, key, role)
        assert answer.status == status
        if status == 403:
            assert answer.fault == denial(f"arn:aws:iam::{OTHER}:user/{name}", role)
            continue
        # Now it is this account's role, and nothing of the other account.
        assert daypass.call(answer.key, "GetCallerIdentity").text("Account") == ACCOUNT
        assert daypass.call(answer.key, "GetUser", {"UserName": "alice"}, service="iam").status == 200
    mighty = daypass.user("mighty-here", allow("*"))
    theirs = daypass.role("Theirs", trust(OTHER), key=other_root)
    assert assume(daypass, mighty, theirs).fault == denial(f"arn:aws:iam::{ACCOUNT}:user/mighty-here", theirs)


def test_a_role_of_a_closed_account_is_as_if_it_were_not_there(daypass: InProcess, alice: Key) -> None:
    closing = "510987654321"
    role = daypass.role("Closing", trust(ACCOUNT), key=new_account(daypass.directory, closing))
    mighty = daypass.user("mighty-outside", allow("*"))
    assert assume(daypass, mighty, role).status == 200
    assert account_command(daypass.directory, "close", closing, "--yes").exit_code == 0
    until(lambda: assume(daypass, mighty, role).status == 403)
    assert assume(daypass, mighty, role).fault == denial(f"arn:aws:iam::{ACCOUNT}:user/mighty-outside", role)


def test_a_role_that_was_assumed_before_is_looked_at_anew(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("Familiar", trust(ALICE))
    bob = daypass.user("bob-the-next")
    assert [assume(daypass, alice, role).status for _ in range(2)] == [200, 200]
    document = json.dumps(trust(f"arn:aws:iam::{ACCOUNT}:user/bob-the-next"))
    form = {"RoleName": "Familiar", "PolicyDocument": document}
    assert daypass.call(daypass.root, "UpdateAssumeRolePolicy", form, service="iam").status == 200
    assert assume(daypass, alice, role).fault == denial(ALICE, role)
    assert [assume(daypass, bob, role).status for _ in range(2)] == [200, 200]
    assert daypass.call(daypass.root, "DeleteRole", {"RoleName": "Familiar"}, service="iam").status == 200
    assert assume(daypass, bob, role).fault == denial(f"arn:aws:iam::{ACCOUNT}:user/bob-the-next", role)


def test_a_managed_session_policy_that_was_passed_before_is_looked_at_anew(
    daypass: InProcess, alice: Key, open_role: str
) -> None:
    arn = daypass.managed_policy("PassedTwice", allow("iam:GetUser"))
    passed = {"PolicyArns.member.1.arn": arn}
    for key in [assume(daypass, alice, open_role, **passed).key for _ in range(2)]:
        assert daypass.call(key, "GetUser", {"UserName": "alice"}, service="iam").status == 200
        assert daypass.call(key, "ListUsers", service="iam").status == 403
    assert daypass.call(daypass.root, "DeletePolicy", {"PolicyArn": arn}, service="iam").status == 200
    assert assume(daypass, alice, open_role, **passed).fault[:2] == (400, "InvalidParameterValue")


def test_root_may_assume_no_role(daypass: InProcess, open_role: str) -> None:
    to_root = daypass.role("ToRoot", trust(f"arn:aws:iam::{ACCOUNT}:root"))
    for role in (to_root, f"arn:aws:iam::{ACCOUNT}:role/Nobody"):
        fault = assume(daypass, daypass.root, role).fault
        assert fault == (403, "AccessDenied", "Roles may not be assumed by root accounts.")


def test_a_federated_user_may_assume_no_role(daypass: InProcess) -> None:
    admin = daypass.user("admin", allow("*"))
    bob = daypass.call(admin, "GetFederationToken", {"Name": "Bob", "Policy": json.dumps(allow("*"))}).key
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
    role = daypass.role("ToBob", trust(arn))
    assert assume(daypass, bob, role).fault == denial(arn, role)
    unknown = f"arn:aws:iam::{ACCOUNT}:role/Nobody"
    assert assume(daypass, bob, unknown).fault == denial(arn, unknown)


@pytest.mark.parametrize(
    ("condition", "parameters", "allowed"),
    [
        ({"StringEquals": {"sts:ExternalId": "unlock"}}, {"ExternalId": "unlock"}, True),
        ({"StringEquals": {"sts:ExternalId": "unlock"}}, {"ExternalId": "Unlock"}, False),
        ({"StringEquals": {"sts:ExternalId": "unlock"}}, {}, False),
        ({"StringLike": {"sts:RoleSessionName": "j*"}}, {}, True),
        ({"StringLike": {"sts:RoleSessionName": "${aws:username}"}}, {}, False),
        ({"StringLike": {"sts:RoleSessionName": "${aws:username}"}}, {"RoleSessionName": "alice"}, True),
        ({"StringEquals": {"sts:SourceIdentity": "ann"}}, {"SourceIdentity": "ann"}, True),
        ({"StringEquals": {"sts:SourceIdentity": "ann"}}, {"SourceIdentity": "eve"}, False),
        ({"Null": {"sts:SourceIdentity": "true"}}, {}, True),
        ({"StringEquals": {"aws:RequestTag/Team": "red"}}, tags({"team": "red"}), True),
        ({"StringEquals": {"aws:RequestTag/Team": "red"}}, tags({"team": "blue"}), False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}, tags({"Team": "a", "Rank": "b"}), False),
        ({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": ["Team"]}}, tags({"Team": "a"}, "team"), True),
        ({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": ["Team"]}}, tags({"Team": "a"}), False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalArn": ALICE}}, {}, True),
        ({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, {}, True),
    ],
)
def test_a_trust_policy_s_condition_sees_the_call(
    daypass: InProcess, alice: Key, condition: object, parameters: dict[str, str], allowed: bool
) -> None:
    document = trust(ALICE, BOTH, Condition=condition)
    form = {"RoleName": "Conditional", "PolicyDocument": json.dumps(document)}
    role = f"arn:aws:iam::{ACCOUNT}:role/Conditional"
    if daypass.call(daypass.root, "GetRole", {"RoleName": "Conditional"}, service="iam").status == 404:
        daypass.role("Conditional", document)
    assert daypass.call(daypass.root, "UpdateAssumeRolePolicy", form, service="iam").status == 200
    assert assume(daypass, alice, role, **parameters).status == (200 if allowed else 403)


@pytest.mark.parametrize(
    ("action", "parameters"),
    [("sts:TagSession", tags({"Team": "red"})), ("sts:SetSourceIdentity", {"SourceIdentity": "ann"})],
)
def test_marking_the_session_needs_a_permission_of_its_own(
    daypass: InProcess, alice: Key, action: str, parameters: dict[str, str]
) -> None:
    name = action.partition(":")[2]
    role = daypass.role(f"Unmarked{name}", trust(ALICE))
    assert assume(daypass, alice, role).status == 200
    assert assume(daypass, alice, role, **parameters).fault == denial(ALICE, role, action)
    marked = daypass.role(f"Marked{name}", trust(ALICE, ["sts:AssumeRole", action]))
    assert assume(daypass, alice, marked, **parameters).status == 200


# ---- what the session may do -------------------------------------------------------------------------------


def test_session_policies_narrow_the_role_and_widen_nothing(daypass: InProcess, alice: Key, open_role: str) -> None:
    policy = json.dumps(allow(["iam:GetUser", "iam:CreateUser"]))
    narrowed = assume(daypass, alice, open_role, Policy=policy).key
    assert daypass.call(narrowed, "GetUser", {"UserName": "alice"}, service="iam").status == 200
    status, code, message = daypass.call(narrowed, "ListUsers", service="iam").fault
    assert (status, code) == (403, "AccessDenied")
    assert str(message).endswith("because no session policy allows the iam:ListUsers action")
    assert daypass.call(narrowed, "CreateUser", {"UserName": "x"}, service="iam").status == 403
    managed = daypass.managed_policy("ListOnly", allow("iam:ListUsers"))
    union = assume(daypass, alice, open_role, **{"Policy": policy, "PolicyArns.member.1.arn": managed}).key
    assert daypass.call(union, "ListUsers", service="iam").status == 200
    aws_managed = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    only_s3 = assume(daypass, alice, open_role, **{"PolicyArns.member.1.arn": aws_managed}).key
    assert daypass.call(only_s3, "GetUser", {"UserName": "alice"}, service="iam").status == 403


def test_a_role_s_managed_session_policy_is_of_the_role_s_account(daypass: InProcess, other_root: Key) -> None:
    role = daypass.role("Lender", trust(OTHER))
    form = {"UserName": "borrower", "PolicyName": "p", "PolicyDocument": json.dumps(allow("*"))}
    assert daypass.call(other_root, "CreateUser", {"UserName": "borrower"}, service="iam").status == 200
    assert daypass.call(other_root, "PutUserPolicy", form, service="iam").status == 200
    key = daypass.call(other_root, "CreateAccessKey", {"UserName": "borrower"}, service="iam").key
    theirs = {"PolicyName": "Theirs", "PolicyDocument": json.dumps(allow("*"))}
    arn = str(daypass.call(other_root, "CreatePolicy", theirs, service="iam").text("Arn"))
    refused = assume(daypass, key, role, **{"PolicyArns.member.1.arn": arn})
    assert refused.fault[:2] == (400, "InvalidParameterValue")


def test_a_role_s_boundary_limits_its_sessions(daypass: InProcess, alice: Key) -> None:
    boundary = daypass.managed_policy("OnlyGet", allow("iam:GetUser"))
    role = daypass.role("Bounded", trust(ALICE), allow("iam:*"), PermissionsBoundary=boundary)
    key = assume(daypass, alice, role).key
    assert daypass.call(key, "GetUser", {"UserName": "alice"}, service="iam").status == 200
    status, _, message = daypass.call(key, "ListUsers", service="iam").fault
    assert status == 403
    assert str(message).endswith("because no permissions boundary allows the iam:ListUsers action")


def test_a_change_of_the_role_s_policies_reaches_sessions_that_are_out(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("Changing", trust(ALICE), allow("iam:ListUsers"))
    key = assume(daypass, alice, role).key
    assert daypass.call(key, "ListUsers", service="iam").status == 200
    form = {"RoleName": "Changing", "PolicyName": "policy-0"}
    assert daypass.call(daypass.root, "DeleteRolePolicy", form, service="iam").status == 200
    assert daypass.call(key, "ListUsers", service="iam").fault[:2] == (403, "AccessDenied")
    # The caller's own key is no longer needed: the session is the role's.
    assert daypass.call(key, "GetCallerIdentity").status == 200


def test_a_role_made_anew_under_the_same_name_revives_no_session(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("Phoenix", trust(ALICE))
    key = assume(daypass, alice, role).key
    assert daypass.call(daypass.root, "DeleteRole", {"RoleName": "Phoenix"}, service="iam").status == 200
    refused = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    assert daypass.call(key, "GetCallerIdentity").fault == refused
    daypass.role("Phoenix", trust(ALICE), allow("*"))
    assert daypass.call(key, "GetCallerIdentity").fault == refused
    assert daypass.call(key, "ListUsers", service="iam").fault[:2] == (403, "InvalidClientTokenId")


def test_session_tags_override_the_role_s_and_are_the_principal_s(daypass: InProcess, alice: Key) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "red", "aws:PrincipalTag/Site": "berlin"}}
    document = trust(ALICE, BOTH)
    form = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "blue"}
    form |= {"Tags.member.2.Key": "Site", "Tags.member.2.Value": "berlin"}
    role = daypass.role("Tagged", document, allow("iam:ListUsers", Condition=condition), **form)
    assert daypass.call(assume(daypass, alice, role).key, "ListUsers", service="iam").status == 403
    red = assume(daypass, alice, role, **tags({"Team": "red"})).key
    assert daypass.call(red, "ListUsers", service="iam").status == 200


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/Keyed"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/*"}}, False),
        ({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, True),
        ({"StringLike": {"aws:userid": "AROA*:jan"}}, True),
        ({"Null": {"aws:username": "true"}}, True),
        ({"Null": {"aws:TokenIssueTime": "false"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, True),
        ({"Null": {"aws:MultiFactorAuthAge": "true"}}, True),
        ({"StringEquals": {"aws:SourceIdentity": "ann"}}, True),
        ({"Null": {"sts:ExternalId": "true", "sts:RoleSessionName": "true", "sts:SourceIdentity": "true"}}, True),
        ({"Null": {"aws:AssumedRoot": "true", "aws:FederatedProvider": "true"}}, True),
    ],
)
def test_the_condition_keys_of_a_role_session(daypass: InProcess, alice: Key, condition: object, allowed: bool) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/Keyed"
    if daypass.call(daypass.root, "GetRole", {"RoleName": "Keyed"}, service="iam").status == 404:
        daypass.role("Keyed", trust(ALICE, BOTH))
    document = json.dumps(allow("iam:ListUsers", Condition=condition))
    form = {"RoleName": "Keyed", "PolicyName": "p", "PolicyDocument": document}
    assert daypass.call(daypass.root, "PutRolePolicy", form, service="iam").status == 200
    key = assume(daypass, alice, role, SourceIdentity="ann", ExternalId="unlock").key
    assert daypass.call(key, "ListUsers", service="iam").status == (200 if allowed else 403)


def test_a_role_session_that_names_no_user_is_not_taken_for_root(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("KeyMaker", trust(ALICE), allow("iam:*"))
    key = assume(daypass, alice, role).key
    for action in ("CreateAccessKey", "ListAccessKeys", "GetUser"):
        assert daypass.call(key, action, service="iam").fault == (
            400,
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        )


@pytest.mark.parametrize("action", ["GetFederationToken", "GetSessionToken"])
def test_a_role_session_gets_no_federated_user_s_or_user_s_session(daypass: InProcess, alice: Key, action: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/Everything"
    if daypass.call(daypass.root, "GetRole", {"RoleName": "Everything"}, service="iam").status == 404:
        daypass.role("Everything", trust(ALICE), allow("*"))
    key = assume(daypass, alice, role).key
    form = {"Name": "Bob"} if action == "GetFederationToken" else {}
    assert daypass.call(key, action, form).fault == (
        403,
        "AccessDenied",
        f"Cannot call {action} with session credentials",
    )


# ---- chains ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain(daypass: InProcess, alice: Key) -> tuple[str, str]:
    """Two roles, the second for the first alone; both may last four hours."""
    first = daypass.role("First", trust(ALICE, BOTH), MaxSessionDuration="14400")
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "red"}}
    allowed = allow("iam:ListUsers", Condition=condition)
    return first, daypass.role("Second", trust(first, BOTH), allowed, MaxSessionDuration="14400")


def test_a_chained_session_lasts_an_hour_at_most(daypass: InProcess, alice: Key, chain: tuple[str, str]) -> None:
    first, second = chain
    key = assume(daypass, alice, first, DurationSeconds="14400").key
    assert assume(daypass, key, second).status == 200
    assert assume(daypass, key, second, DurationSeconds="3600").status == 200
    assert assume(daypass, key, second, DurationSeconds="3601").fault == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    assert assume(daypass, key, second, DurationSeconds="14401").fault[2] == (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )


def test_transitive_tags_go_along_a_chain_and_others_do_not(
    daypass: InProcess, alice: Key, chain: tuple[str, str]
) -> None:
    first, second = chain
    handing_on = assume(daypass, alice, first, **tags({"Team": "red", "Rank": "1"}, "team")).key
    key = assume(daypass, handing_on, second).key
    assert daypass.call(key, "ListUsers", service="iam").status == 200
    keeping = assume(daypass, alice, first, **tags({"Team": "red"})).key
    assert daypass.call(assume(daypass, keeping, second).key, "ListUsers", service="iam").status == 403


@pytest.mark.parametrize("more", [tags({"TEAM": "blue"}), tags({"team": "blue"}, "team")])
def test_an_inherited_tag_is_not_overridden(
    daypass: InProcess, alice: Key, chain: tuple[str, str], more: dict[str, str]
) -> None:
    first, second = chain
    key = assume(daypass, alice, first, **tags({"Team": "red"}, "Team")).key
    assert assume(daypass, key, second, **more).fault == (
        400,
        "InvalidParameterValue",
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
        "the calling session.",
    )


def test_a_chain_with_transitive_tags_or_a_source_identity_needs_the_permission_at_every_role(
    daypass: InProcess, alice: Key, chain: tuple[str, str]
) -> None:
    first, _ = chain
    plain = daypass.role("Plain", trust(first))
    session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/First/jan"
    assert assume(daypass, assume(daypass, alice, first).key, plain).status == 200
    tagged = assume(daypass, alice, first, **tags({"Team": "red"}, "Team")).key
    assert assume(daypass, tagged, plain).fault == denial(session_arn, plain, "sts:TagSession")
    identified = assume(daypass, alice, first, SourceIdentity="ann").key
    assert assume(daypass, identified, plain).fault == denial(session_arn, plain, "sts:SetSourceIdentity")


def test_a_source_identity_is_kept_through_a_chain_and_cannot_be_changed(
    daypass: InProcess, alice: Key, chain: tuple[str, str]
) -> None:
    first, second = chain
    answer = assume(daypass, alice, first, SourceIdentity="ann")
    assert answer.text("SourceIdentity") == "ann"
    assert assume(daypass, answer.key, second).text("SourceIdentity") == "ann"
    assert assume(daypass, answer.key, second, SourceIdentity="ann").text("SourceIdentity") == "ann"
    assert assume(daypass, answer.key, second, SourceIdentity="eve").fault[:2] == (403, "AccessDenied")


def test_a_role_may_assume_itself_only_if_it_trusts_itself(daypass: InProcess, alice: Key) -> None:
    role = daypass.role("Narcissus", trust(ALICE), allow("sts:AssumeRole"))
    key = assume(daypass, alice, role).key
    assert assume(daypass, key, role).fault == denial(f"arn:aws:sts::{ACCOUNT}:assumed-role/Narcissus/jan", role)


def test_a_restricted_session_assumes_only_what_its_session_policy_lets_it(daypass: InProcess, alice: Key) -> None:
    first = daypass.role("Narrow", trust(ALICE), allow("*"))
    second = daypass.role("Wide", trust(first), allow("*"))
    narrowed = assume(daypass, alice, first, Policy=json.dumps(allow("s3:*"))).key
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Narrow/jan"
    assert assume(daypass, narrowed, second).fault == denial(arn, second)


# ---- control policies --------------------------------------------------------------------------------------


def test_control_policies_of_either_account_stop_a_role_from_being_assumed(daypass: InProcess) -> None:
    controlled = "610987654321"
    root = new_account(daypass.directory, controlled)
    mighty = daypass.user("mighty-cross", allow("*"))
    role = daypass.role("Guarded", trust(ACCOUNT), allow("*"), key=root)
    assert assume(daypass, mighty, role).status == 200
    no_roles: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [no_roles]}
    where = ("--account", controlled, "--kind", "resource-control")
    assert attach(daypass.directory, "guard", document, *where).exit_code == 0
    until(lambda: assume(daypass, mighty, role).status == 403)
    assert account_command(daypass.directory, "policy", "detach", "guard").exit_code == 0
    until(lambda: assume(daypass, mighty, role).status == 200)
    key = assume(daypass, mighty, role).key
    assert daypass.call(key, "ListUsers", service="iam").status == 200
    no_lists = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*"}}
    full = ("policy", "attach", "full", "--full-access", "--account", controlled)
    assert account_command(daypass.directory, *full).exit_code == 0
    assert attach(daypass.directory, "no-lists", no_lists, "--account", controlled).exit_code == 0
    until(lambda: daypass.call(key, "ListUsers", service="iam").status == 403)
    message = str(daypass.call(key, "ListUsers", service="iam").fault[2])
    assert message.endswith("with an explicit deny in a service control policy")
