"""GetSessionToken, GetScopedCredentials, AssumeRoot, GetAccessKeyInfo, and what each kind of session may call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daypass.service.root_tasks import TASK_POLICIES
from support.accounts import account_command, new_account, until
from support.api import ACCOUNT, Answer, InProcess, Key, allow, in_process, trust

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sts_sessions.json").read_text())
OTHER = "210987654321"
ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"
AUDIT = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"
INVALID = (403, "InvalidClientTokenId", "The security token included in the request is invalid")


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("sts") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def admin(daypass: InProcess) -> Key:
    return daypass.user("admin", allow("*"))


@pytest.fixture(scope="module")
def role(daypass: InProcess, admin: Key) -> str:
    return daypass.role("Job", trust(ADMIN), allow("*"), MaxSessionDuration="7200")


@pytest.fixture(scope="module")
def member(daypass: InProcess) -> Key:
    """Another account's root."""
    return new_account(daypass.directory, OTHER)


def session(daypass: InProcess, key: Key, kind: str, **more: str) -> Key:
    """Credentials of a kind for somebody who may do everything."""
    match kind:
        case "role":
            form = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Job", "RoleSessionName": "jan", **more}
            return daypass.call(key, "AssumeRole", form).key
        case "federated":
            form = {"Name": "Bob", "Policy": json.dumps(allow("*")), **more}
            return daypass.call(key, "GetFederationToken", form).key
        case _:
            return daypass.call(key, "GetSessionToken", more).key


def scope(daypass: InProcess, key: Key, policy: object = None, seconds: int | None = None) -> Answer:
    form = {} if policy is None else {"Policy": json.dumps(policy)}
    return daypass.call(
        key, "GetScopedCredentials", form if seconds is None else form | {"DurationSeconds": str(seconds)}
    )


def expiry(answer: Answer) -> datetime:
    return datetime.fromisoformat(str(answer.text("Expiration")))


def now(daypass: InProcess) -> datetime:
    """When the last answer was asked for."""
    return datetime.fromisoformat(daypass.audit()[-1]["time"]).replace(microsecond=0)


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_a_parameter_that_is_wrong_is_refused(daypass: InProcess, admin: Key, row: dict[str, Any]) -> None:
    answer = daypass.call(admin, row["action"], [(name, value) for name, value in row["form"]])
    assert answer.fault == (row["status"], row["code"], row["message"])


# ---- what each kind may call -------------------------------------------------------------------------------

REFUSED = "User: {arn} is not authorized to perform: sts:{action}"
ARNS = {
    "role": f"arn:aws:sts::{ACCOUNT}:assumed-role/Job/jan",
    "federated": f"arn:aws:sts::{ACCOUNT}:federated-user/Bob",
    "user": ADMIN,
}


@pytest.mark.parametrize("kind", ["role", "federated", "user"])
def test_every_session_may_ask_who_it_is_and_get_narrower_credentials(
    daypass: InProcess, admin: Key, role: str, kind: str
) -> None:
    key = session(daypass, admin, kind)
    assert daypass.call(key, "GetCallerIdentity").text("Arn") == ARNS[kind]
    assert scope(daypass, key, allow("s3:*")).status == 200


@pytest.mark.parametrize(
    ("kind", "action", "form"),
    [
        ("federated", "GetAccessKeyInfo", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
        ("user", "GetAccessKeyInfo", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
    ],
)
def test_a_session_that_may_not_call_an_action_gets_the_denial_without_a_reason(
    daypass: InProcess, admin: Key, kind: str, action: str, form: dict[str, str]
) -> None:
    key = session(daypass, admin, kind)
    assert daypass.call(key, action, form).fault == (
        403,
        "AccessDenied",
        REFUSED.format(arn=ARNS[kind], action=action),
    )


@pytest.mark.parametrize("kind", ["federated", "user"])
def test_only_a_user_s_key_or_a_role_session_opens_a_root_session(
    daypass: InProcess, admin: Key, member: Key, kind: str
) -> None:
    form = {"TargetPrincipal": OTHER, "TaskPolicyArn.arn": AUDIT}
    key = session(daypass, admin, kind)
    status, code, message = daypass.call(key, "AssumeRoot", form).fault
    assert (status, code) == (403, "AccessDenied")
    assert message == REFUSED.format(arn=ARNS[kind], action="AssumeRoot") + f" on resource: arn:aws:iam::{OTHER}:root"


@pytest.mark.parametrize("action", ["GetFederationToken", "GetSessionToken"])
@pytest.mark.parametrize("kind", ["role", "federated", "user"])
def test_no_session_gets_what_long_term_keys_get(
    daypass: InProcess, admin: Key, role: str, kind: str, action: str
) -> None:
    key = session(daypass, admin, kind)
    form = {"Name": "Eve"} if action == "GetFederationToken" else {}
    refused = (403, "AccessDenied", f"Cannot call {action} with session credentials")
    assert daypass.call(key, action, form).fault == refused


@pytest.mark.parametrize(("kind", "admitted"), [("role", True), ("federated", False), ("user", False)])
def test_iam_takes_role_sessions_and_neither_federated_users_nor_sessions_without_mfa(
    daypass: InProcess, admin: Key, role: str, kind: str, admitted: bool
) -> None:
    for key in (session(daypass, admin, kind), scope(daypass, session(daypass, admin, kind), allow("*")).key):
        answer = daypass.call(key, "ListUsers", service="iam")
        assert answer.status == 200 if admitted else answer.fault == INVALID


@pytest.mark.parametrize("size", ["0", "2000", "4096"])
@pytest.mark.parametrize("action", ["AssumeRole", "AssumeRoot", "GetSessionToken", "GetScopedCredentials"])
def test_every_token_is_padded_to_the_minimum_size_and_works(
    daypass: InProcess, admin: Key, role: str, member: Key, action: str, size: str
) -> None:
    forms = {
        "AssumeRole": {"RoleArn": role, "RoleSessionName": "jan"},
        "AssumeRoot": {"TargetPrincipal": OTHER, "TaskPolicyArn.arn": AUDIT},
        "GetScopedCredentials": {"DurationSeconds": "60"},
    }
    key = session(daypass, admin, "role") if action == "GetScopedCredentials" else admin
    answer = daypass.call(key, action, forms.get(action, {}) | {"MinimumSessionTokenSize": size})
    assert int(size) <= len(answer.key.token or "") <= 4096
    assert answer.text("SessionTokenSize") == str(len(answer.key.token or ""))
    assert daypass.call(answer.key, "GetCallerIdentity").status == 200


# ---- GetSessionToken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "user_gets", "root_gets"), [(None, 43200, 3600), ("900", 900, 900), ("129600", 129600, 3600)]
)
def test_how_long_a_session_token_lives(
    daypass: InProcess, admin: Key, asked: str | None, user_gets: int, root_gets: int
) -> None:
    for key, seconds in ((admin, user_gets), (daypass.root, root_gets)):
        answer = daypass.call(key, "GetSessionToken", {} if asked is None else {"DurationSeconds": asked})
        assert expiry(answer) - now(daypass) == timedelta(seconds=seconds)
        assert answer.text("SessionTokenSize") == str(len(answer.key.token or ""))


def test_no_policy_can_deny_a_session_token(daypass: InProcess) -> None:
    deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    assert daypass.call(daypass.user("denied", deny), "GetSessionToken").status == 200


def test_a_session_of_root_s_is_root(daypass: InProcess) -> None:
    key = daypass.call(daypass.root, "GetSessionToken").key
    assert daypass.call(key, "GetCallerIdentity").text("Arn") == f"arn:aws:iam::{ACCOUNT}:root"
    assert daypass.call(key, "ListUsers", service="iam").fault == INVALID, "IAM wants MFA of root's sessions too"
    form = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Job", "RoleSessionName": "jan"}
    assert daypass.call(key, "AssumeRole", form).fault[2] == "Roles may not be assumed by root accounts."


def test_a_user_s_session_is_the_user_s_own_for_a_trust_policy(daypass: InProcess, admin: Key, role: str) -> None:
    key = session(daypass, admin, "user")
    form = {"RoleArn": role, "RoleSessionName": "jan", "DurationSeconds": "7200"}
    assert daypass.call(key, "AssumeRole", form).status == 200, "a user's session is no link of a chain"


def test_a_user_s_session_ends_with_the_user(daypass: InProcess) -> None:
    key = session(daypass, daypass.user("leaver"), "user")
    assert daypass.call(key, "GetCallerIdentity").status == 200
    (access_key,) = [
        record["access_key_id"] for record in daypass.audit() if record["action"] == "sts:GetSessionToken"
    ][-1:]
    form = {"UserName": "leaver", "AccessKeyId": access_key}
    assert daypass.call(daypass.root, "DeleteAccessKey", form, service="iam").status == 200
    assert daypass.call(key, "GetCallerIdentity").status == 200, "it outlives the key"
    assert daypass.call(daypass.root, "DeleteUser", {"UserName": "leaver"}, service="iam").status == 200
    daypass.user("leaver")
    assert daypass.call(key, "GetCallerIdentity").fault[:2] == (403, "InvalidClientTokenId")


# ---- GetScopedCredentials ----------------------------------------------------------------------------------


def test_scoped_credentials_keep_the_identity_and_narrow_the_permissions(
    daypass: InProcess, admin: Key, role: str
) -> None:
    key = session(daypass, admin, "role")
    answer = scope(daypass, key, allow("iam:ListUsers"))
    assert answer.status == 200
    assert answer.key.access_key_id != key.access_key_id
    assert answer.key.secret != key.secret
    before, after = daypass.call(key, "GetCallerIdentity"), daypass.call(answer.key, "GetCallerIdentity")
    for name in ("Arn", "UserId", "Account"):
        assert after.text(name) == before.text(name)
    assert daypass.call(answer.key, "ListUsers", service="iam").status == 200
    status, code, message = daypass.call(answer.key, "ListRoles", service="iam").fault
    assert (status, code) == (403, "AccessDenied")
    assert str(message).endswith("because no session policy allows the iam:ListRoles action")
    assert daypass.call(key, "ListRoles", service="iam").status == 200, "the calling session stays as it was"


def test_each_call_narrows_and_none_widens(daypass: InProcess, admin: Key, role: str) -> None:
    key = session(daypass, admin, "role")
    first = scope(daypass, key, allow(["iam:List*", "sts:GetScopedCredentials"])).key
    second = scope(daypass, first, allow(["iam:*", "sts:*"])).key
    third = scope(daypass, second, allow(["iam:ListUsers", "sts:*", "iam:CreateUser"])).key
    assert daypass.call(second, "ListRoles", service="iam").status == 200
    assert daypass.call(second, "GetUser", {"UserName": "admin"}, service="iam").status == 403
    assert daypass.call(third, "ListUsers", service="iam").status == 200
    assert daypass.call(third, "ListRoles", service="iam").status == 403
    assert daypass.call(third, "CreateUser", {"UserName": "eve"}, service="iam").status == 403
    fourth = scope(daypass, third, allow("*"))
    assert fourth.status == 200
    assert daypass.call(fourth.key, "ListRoles", service="iam").status == 403


def test_a_scope_that_leaves_the_permission_out_ends_the_chain(daypass: InProcess, admin: Key, role: str) -> None:
    key = scope(daypass, session(daypass, admin, "role"), allow("s3:*")).key
    status, code, message = scope(daypass, key, allow("s3:*")).fault
    assert (status, code) == (403, "AccessDenied")
    assert str(message).endswith("because no session policy allows the sts:GetScopedCredentials action")


def test_re_scoping_never_extends_an_expiry(daypass: InProcess, admin: Key, role: str) -> None:
    answer = daypass.call(admin, "AssumeRole", {"RoleArn": role, "RoleSessionName": "jan", "DurationSeconds": "900"})
    inherited = scope(daypass, answer.key, allow("*"))
    assert expiry(inherited) == expiry(answer)
    refused = scope(daypass, answer.key, allow("*"), 902).fault
    assert refused[:2] == (403, "SessionDurationEscalationException")
    shorter = scope(daypass, answer.key, seconds=60)
    assert expiry(shorter) - now(daypass) == timedelta(seconds=60)
    assert scope(daypass, shorter.key, seconds=120).fault[:2] == (403, "SessionDurationEscalationException")
    assert expiry(scope(daypass, shorter.key, allow("*"))) == expiry(shorter)


def test_re_scoping_does_not_renew_the_time_of_issue(daypass: InProcess, admin: Key, role: str) -> None:
    key = session(daypass, admin, "role")
    issued = now(daypass)
    old = {"DateLessThanEquals": {"aws:TokenIssueTime": issued.isoformat().replace("+00:00", "Z")}}
    until(lambda: daypass.call(key, "GetCallerIdentity").status == 200 and now(daypass) > issued)
    scoped = scope(daypass, key, allow("iam:*", Condition=old)).key
    assert daypass.call(scoped, "ListUsers", service="iam").status == 200


def test_a_federated_user_without_session_policies_gains_none_by_a_scope(daypass: InProcess, admin: Key) -> None:
    form = {"Name": "Bob"}
    key = daypass.call(admin, "GetFederationToken", form).key
    status, _, message = scope(daypass, key, allow("*")).fault
    assert status == 403
    assert str(message).endswith("because no session policy allows the sts:GetScopedCredentials action")


def test_a_scoped_session_assumes_only_the_roles_its_scope_allows(daypass: InProcess, admin: Key, role: str) -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Job/jan"
    second = daypass.role("Next", trust(arn), allow("*"))
    form = {"RoleArn": second, "RoleSessionName": "jan"}
    key = session(daypass, admin, "role")
    assert daypass.call(key, "AssumeRole", form).status == 200
    # The trust policy names the session itself, and still the scope limits.
    narrowed = scope(daypass, key, allow("s3:*")).key
    assert daypass.call(narrowed, "AssumeRole", form).fault[:2] == (403, "AccessDenied")
    assert daypass.call(scope(daypass, key, allow("sts:*")).key, "AssumeRole", form).status == 200


def test_scoping_needs_something_to_scope_by(daypass: InProcess, admin: Key, role: str) -> None:
    assert scope(daypass, session(daypass, admin, "role")).fault[:2] == (400, "ValidationError")


@pytest.mark.parametrize(
    ("policy", "code"),
    [("{", "MalformedPolicyDocument"), (json.dumps(allow("s3:*", Principal="*")), "MalformedPolicyDocument")],
)
def test_a_scope_that_is_no_policy_is_refused(
    daypass: InProcess, admin: Key, role: str, policy: str, code: str
) -> None:
    key = session(daypass, admin, "role")
    assert daypass.call(key, "GetScopedCredentials", {"Policy": policy}).fault[:2] == (400, code)


def test_a_chain_of_scopes_that_fits_no_token_is_refused(daypass: InProcess, admin: Key, role: str) -> None:
    key = session(daypass, admin, "role")
    answer = None
    for n in range(40):
        words = " ".join(f"{n * 7919 + m:x}" for m in range(250))
        answer = scope(daypass, key, allow("*", [*[f"arn:aws:s3:::{word}" for word in words.split()][:60], "*"]))
        if answer.status != 200:
            break
        key = answer.key
    assert answer is not None
    assert answer.fault[:2] == (400, "PackedPolicyTooLarge")


# ---- AssumeRoot --------------------------------------------------------------------------------------------


def test_a_root_session_may_do_its_task_in_the_member_account_and_nothing_else(
    daypass: InProcess, admin: Key, member: Key
) -> None:
    form = {"TargetPrincipal": OTHER, "TaskPolicyArn.arn": AUDIT}
    answer = daypass.call(admin, "AssumeRoot", form)
    assert answer.status == 200
    assert expiry(answer) - now(daypass) == timedelta(seconds=900)
    who = daypass.call(answer.key, "GetCallerIdentity")
    assert (who.text("Arn"), who.text("UserId")) == (f"arn:aws:iam::{OTHER}:root", OTHER)
    assert member.access_key_id.encode() in daypass.call(answer.key, "ListAccessKeys", service="iam").body
    status, code, message = daypass.call(answer.key, "CreateAccessKey", service="iam").fault
    assert (status, code) == (403, "AccessDenied")
    assert str(message).endswith("because no session policy allows the iam:CreateAccessKey action")
    assert daypass.call(answer.key, "ListUsers", service="iam").status == 403
    assert daypass.call(answer.key, "GetFederationToken", {"Name": "Eve"}).status == 403
    assert scope(daypass, answer.key, allow("*")).fault[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("seconds", [0, 60, 900])
def test_a_root_session_lasts_what_is_asked_for(daypass: InProcess, admin: Key, member: Key, seconds: int) -> None:
    form = {"TargetPrincipal": f"arn:aws:iam::{OTHER}:root", "TaskPolicyArn.arn": AUDIT}
    answer = daypass.call(admin, "AssumeRoot", form | {"DurationSeconds": str(seconds)})
    assert expiry(answer) - now(daypass) == timedelta(seconds=seconds)
    if seconds == 0:
        assert daypass.call(answer.key, "GetCallerIdentity").fault[:2] == (403, "ExpiredToken")


@pytest.mark.parametrize("target", [ACCOUNT, "999999999999", f"arn:aws:iam::{OTHER}:user/x", "nobody-at-all"])
def test_what_is_no_member_account_has_no_root_to_be(daypass: InProcess, admin: Key, member: Key, target: str) -> None:
    answer = daypass.call(admin, "AssumeRoot", {"TargetPrincipal": target, "TaskPolicyArn.arn": AUDIT})
    assert answer.fault[:2] == (403, "AccessDenied")
    assert str(answer.fault[2]).startswith(f"User: {ADMIN} is not authorized to perform: sts:AssumeRoot on resource: ")


def test_only_the_management_account_s_users_and_roles_may_with_the_permission(
    daypass: InProcess, admin: Key, member: Key, role: str
) -> None:
    form = {"TargetPrincipal": OTHER, "TaskPolicyArn.arn": AUDIT}
    assert daypass.call(daypass.root, "AssumeRoot", form).fault[:2] == (403, "AccessDenied")
    assert daypass.call(member, "AssumeRoot", form).fault[:2] == (403, "AccessDenied")
    assert daypass.call(session(daypass, admin, "role"), "AssumeRoot", form).status == 200
    assert daypass.call(daypass.user("nobody"), "AssumeRoot", form).fault[:2] == (403, "AccessDenied")
    only = allow("sts:AssumeRoot", Condition={"StringEquals": {"sts:TaskPolicyArn": AUDIT}})
    auditor = daypass.user("auditor", only)
    assert daypass.call(auditor, "AssumeRoot", form).status == 200
    other_task = form | {"TaskPolicyArn.arn": AUDIT.replace("IAMAudit", "IAMDelete")}
    assert daypass.call(auditor, "AssumeRoot", other_task).status == 403
    made = daypass.call(member, "CreateUser", {"UserName": "admin"}, service="iam")
    assert made.status == 200
    policy = {"UserName": "admin", "PolicyName": "p", "PolicyDocument": json.dumps(allow("*"))}
    assert daypass.call(member, "PutUserPolicy", policy, service="iam").status == 200
    theirs = daypass.call(member, "CreateAccessKey", {"UserName": "admin"}, service="iam").key
    assert daypass.call(theirs, "AssumeRoot", form | {"TargetPrincipal": ACCOUNT}).fault[:2] == (403, "AccessDenied")


def test_the_five_task_policies_are_aws_s() -> None:
    assert [arn.rpartition("/")[2] for arn in TASK_POLICIES] == [
        "IAMAuditRootUserCredentials",
        "IAMCreateRootUserPassword",
        "IAMDeleteRootUserCredentials",
        "S3UnlockBucketPolicy",
        "SQSUnlockQueuePolicy",
    ]


def test_a_source_identity_goes_along_to_the_root_session(daypass: InProcess, admin: Key, member: Key) -> None:
    daypass.role("Named", trust(ADMIN, ["sts:AssumeRole", "sts:SetSourceIdentity"]), allow("*"))
    form = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Named", "RoleSessionName": "jan", "SourceIdentity": "ann"}
    key = daypass.call(admin, "AssumeRole", form).key
    answer = daypass.call(key, "AssumeRoot", {"TargetPrincipal": OTHER, "TaskPolicyArn.arn": AUDIT})
    assert answer.text("SourceIdentity") == "ann"


def test_a_root_session_of_an_account_that_is_closed_is_over(daypass: InProcess, admin: Key) -> None:
    closing = "710987654321"
    new_account(daypass.directory, closing)
    form = {"TargetPrincipal": closing, "TaskPolicyArn.arn": AUDIT}
    key = daypass.call(admin, "AssumeRoot", form).key
    assert account_command(daypass.directory, "close", closing, "--yes").exit_code == 0
    until(lambda: daypass.call(key, "GetCallerIdentity").status == 403)
    assert daypass.call(key, "GetCallerIdentity").fault[:2] == (403, "InvalidClientTokenId")
    assert daypass.call(admin, "AssumeRoot", form).fault[:2] == (403, "AccessDenied")


# ---- GetAccessKeyInfo --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access_key_id", "account"),
    [("AKIATZ2X44NMCEQW46PL", "261640479576"), ("ASIAUT5AMCC2VINIQAMK", "317627044021")],
)
def test_an_access_key_s_account_is_told_of_any_key_and_nothing_else(
    daypass: InProcess, admin: Key, access_key_id: str, account: str
) -> None:
    assert daypass.call(admin, "GetAccessKeyInfo", {"AccessKeyId": access_key_id}).text("Account") == account
    assert daypass.call(admin, "GetAccessKeyInfo", {"AccessKeyId": admin.access_key_id}).text("Account") == ACCOUNT


def test_asking_whose_a_key_is_needs_the_permission(daypass: InProcess) -> None:
    key = daypass.user("curious")
    assert daypass.call(key, "GetAccessKeyInfo", {"AccessKeyId": key.access_key_id}).fault == (
        403,
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/curious is not authorized to perform: sts:GetAccessKeyInfo because no "
        "identity-based policy allows the sts:GetAccessKeyInfo action",
    )
