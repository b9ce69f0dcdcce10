"""service.iam.login_profiles through boto3: passwords set, changed and removed.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.api import InProcess, allow
from support.boto3_in_process import client
from support.iam import refusal, user_arn

PASSWORD = "TestPassword123!"
OTHER = "OtherPassword456?!"
VIOLATION = (400, "PasswordPolicyViolation", "Password does not conform to the account password policy.")
NO_SUCH_USER = (404, "NoSuchEntity", "The user with name nobody cannot be found.")


@pytest.fixture
def policy(iam: Any) -> Iterator[Any]:
    """Sets the account's password policy; it is gone after the test."""
    yield iam.update_account_password_policy
    iam.delete_account_password_policy()


def missing(name: str) -> tuple[int, str, str]:
    return 404, "NoSuchEntity", f"Login Profile for User {name} cannot be found."


def test_a_login_profile_is_made_read_changed_and_removed(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    assert refusal(iam.get_login_profile, UserName=name) == missing(name)
    made = iam.create_login_profile(UserName=name, Password=PASSWORD)["LoginProfile"]
    assert (made["UserName"], made["PasswordResetRequired"], {*made}) == (
        name,
        False,
        {"UserName", "CreateDate", "PasswordResetRequired"},
    )
    assert iam.get_login_profile(UserName=name)["LoginProfile"] == made
    iam.update_login_profile(UserName=name, PasswordResetRequired=True)
    assert iam.get_login_profile(UserName=name)["LoginProfile"] == made | {"PasswordResetRequired": True}
    assert refusal(iam.delete_user, UserName=name) == (
        409,
        "DeleteConflict",
        "Cannot delete entity, must delete login profile first.",
    )
    iam.delete_login_profile(UserName=name)
    assert refusal(iam.get_login_profile, UserName=name) == missing(name)
    iam.delete_user(UserName=name)


def test_what_a_login_profile_refuses(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    assert refusal(iam.create_login_profile, UserName="nobody", Password=PASSWORD) == NO_SUCH_USER
    assert refusal(iam.update_login_profile, UserName="nobody", Password=PASSWORD) == NO_SUCH_USER
    assert refusal(iam.delete_login_profile, UserName="nobody") == NO_SUCH_USER
    assert refusal(iam.delete_login_profile, UserName=name) == missing(name)
    assert refusal(iam.update_login_profile, UserName=name, Password=PASSWORD) == missing(name)
    iam.create_login_profile(UserName=name, Password=PASSWORD)
    assert refusal(iam.create_login_profile, UserName=name, Password=PASSWORD) == (
        409,
        "EntityAlreadyExists",
        f"Login Profile for user {name} already exists.",
    )


def test_a_password_has_to_be_passed(iam: Any, name: str) -> None:
    """Only AssumeRoot's sessions may leave it out (IAM API Reference, CreateLoginProfile)."""
    iam.create_user(UserName=name)
    assert refusal(iam.create_login_profile, UserName=name) == (
        400,
        "ValidationError",
        "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null",
    )


def test_root_names_a_user_and_has_no_profile_itself(iam: Any) -> None:
    """The text is AWS's for DeleteAccessKey without a user."""
    needed = (400, "ValidationError", "Must specify userName when calling with non-User credentials")
    assert refusal(iam.create_login_profile, Password=PASSWORD) == needed
    assert refusal(iam.get_login_profile) == needed
    assert refusal(iam.delete_login_profile) == needed


@pytest.mark.parametrize("password", ["x" * 129, "\x00abcDEF12", "日本語のパスワード12aB"])
def test_a_password_that_the_model_does_not_allow_is_refused_and_not_shown(iam: Any, name: str, password: str) -> None:
    iam.create_user(UserName=name)
    status, code, message = refusal(iam.create_login_profile, UserName=name, Password=password)
    assert (status, code) == (400, "ValidationError")
    assert password not in message
    assert "'password'" in message


@pytest.mark.parametrize("password", ["Short1!", "alllowercase", "12345678"])
def test_without_a_policy_of_the_account_awss_default_one_holds(iam: Any, name: str, password: str) -> None:
    """IAM User Guide, "Default password policy"; the text as issue reports quote it."""
    iam.create_user(UserName=name)
    assert refusal(iam.create_login_profile, UserName=name, Password=password) == VIOLATION
    assert refusal(iam.get_login_profile, UserName=name) == missing(name)


def test_the_accounts_policy_holds_wherever_a_password_is_set(
    iam: Any, iam_server: InProcess, policy: Any, name: str
) -> None:
    user = client(iam_server, iam_server.user(name, allow("iam:ChangePassword")))
    iam.create_login_profile(UserName=name, Password=PASSWORD)
    policy(MinimumPasswordLength=20)
    assert refusal(iam.update_login_profile, UserName=name, Password=OTHER) == VIOLATION
    assert refusal(user.change_password, OldPassword=PASSWORD, NewPassword=OTHER) == VIOLATION
    user.change_password(OldPassword=PASSWORD, NewPassword=OTHER + OTHER)


# --- ChangePassword ---


def test_a_user_changes_its_own_password_by_the_old_one(iam: Any, iam_server: InProcess, name: str) -> None:
    user = client(iam_server, iam_server.user(name, allow("iam:ChangePassword", user_arn(name))))
    assert refusal(user.change_password, OldPassword=PASSWORD, NewPassword=OTHER) == missing(name)
    iam.create_login_profile(UserName=name, Password=PASSWORD, PasswordResetRequired=True)
    wrong = (403, "AccessDenied", "The old password was incorrect.")
    assert refusal(user.change_password, OldPassword=OTHER, NewPassword=OTHER) == wrong
    user.change_password(OldPassword=PASSWORD, NewPassword=OTHER)
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"] is False
    assert refusal(user.change_password, OldPassword=PASSWORD, NewPassword=OTHER) == wrong
    user.change_password(OldPassword=OTHER, NewPassword=PASSWORD)


def test_without_permission_a_user_changes_its_password_only_if_the_account_lets_all_users(
    iam: Any, iam_server: InProcess, policy: Any, name: str
) -> None:
    """IAM User Guide, "Permit IAM users to change their own passwords". An explicit Deny still wins."""
    user = client(iam_server, iam_server.user(name))
    iam.create_login_profile(UserName=name, Password=PASSWORD)
    policy(AllowUsersToChangePassword=False)
    status, code, message = refusal(user.change_password, OldPassword=PASSWORD, NewPassword=OTHER)
    assert (status, code) == (403, "AccessDenied")
    assert f"is not authorized to perform: iam:ChangePassword on resource: {user_arn(name)}" in message
    policy(AllowUsersToChangePassword=True)
    user.change_password(OldPassword=PASSWORD, NewPassword=OTHER)
    assert iam_server.audit()[-1]["statements"] == [
        "resource-based policy/account password policy/AllowUsersToChangePassword"
    ]
    deny = {"Effect": "Deny", "Action": "iam:ChangePassword", "Resource": "*"}
    iam_server.put_policy(name, "deny", {"Version": "2012-10-17", "Statement": [deny]})
    assert refusal(user.change_password, OldPassword=OTHER, NewPassword=PASSWORD)[:2] == (403, "AccessDenied")


def test_a_former_password_is_not_taken_again_as_far_as_the_policy_remembers(
    iam: Any, iam_server: InProcess, policy: Any, name: str
) -> None:
    user = client(iam_server, iam_server.user(name, allow("iam:ChangePassword")))
    iam.create_login_profile(UserName=name, Password="Password-1")
    policy(PasswordReusePrevention=2)
    assert refusal(user.change_password, OldPassword="Password-1", NewPassword="Password-1") == VIOLATION
    user.change_password(OldPassword="Password-1", NewPassword="Password-2")
    assert refusal(user.change_password, OldPassword="Password-2", NewPassword="Password-1") == VIOLATION
    assert refusal(iam.update_login_profile, UserName=name, Password="Password-2") == VIOLATION
    user.change_password(OldPassword="Password-2", NewPassword="Password-3")
    user.change_password(OldPassword="Password-3", NewPassword="Password-1")


def test_root_is_no_user_that_can_change_its_password(iam: Any) -> None:
    assert refusal(iam.change_password, OldPassword=PASSWORD, NewPassword=OTHER) == (
        400,
        "InvalidUserType",
        "only an IAM user can change its own password",
    )


def test_passwords_are_in_no_file_of_the_data_directory(iam: Any, iam_server: InProcess, name: str) -> None:
    user = client(iam_server, iam_server.user(name, allow("iam:ChangePassword")))
    iam.create_login_profile(UserName=name, Password="FirstSecret-4711")
    user.change_password(OldPassword="FirstSecret-4711", NewPassword="SecondSecret-4711")
    for file in iam_server.directory.iterdir():
        assert b"Secret-4711" not in file.read_bytes()
