"""Login profiles: a user's password, set by an administrator or changed by the user itself.

A root user has no password here: its console would be the only place that asks for one.

Source: IAM API Reference; IAM User Guide, "Set an account password policy for IAM users" (who may change its own).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass.errors import access_denied, validation_error
from daypass.policy import Policy, PolicyKind
from daypass.service import passwords
from daypass.service.actions import Action, Check, Exchange, Ports
from daypass.service.iam.faults import refusal, worded
from daypass.service.iam.targets import account_id, on_user, require_user, user_check, user_or_root
from daypass.service.ports import Entity, LoginProfile, NotFound, PasswordPolicy, User, UserRecord
from daypass.token import ROOT_TASK

Result = Mapping[str, Any]

_ROOT: Final = "root"


async def create_login_profile(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    if user is None:
        if _is_root_task(exchange):
            raise refusal("InvalidInput", "the root user has no password here")
        raise _name_needed()
    password = exchange.parameters.get("Password")
    if password is None:
        raise validation_error(
            "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null"
        )
    await _require_satisfying(ports, exchange, password)
    stored = await passwords.hashed(password, ports.entropy)
    with worded(user=user.name):
        profile = await ports.directory.create_login_profile(
            user.user_id,
            stored,
            reset_required=exchange.parameters.get("PasswordResetRequired", False),
            created=exchange.request.received,
        )
    return {"LoginProfile": _login_profile(profile, user)}


async def get_login_profile(ports: Ports, exchange: Exchange) -> Result:
    user = await _user_with_profile(ports, exchange)
    return {"LoginProfile": _login_profile(await _require_profile(ports, user), user)}


async def update_login_profile(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    profile = await _require_profile(ports, user)
    password, stored = exchange.parameters.get("Password"), None
    if password is not None:
        await _require_new(password, profile, await _require_satisfying(ports, exchange, password))
        stored = await passwords.hashed(password, ports.entropy)
    with worded(user=user.name):
        await ports.directory.update_login_profile(
            user.user_id,
            exchange.request.received,
            password=stored,
            reset_required=exchange.parameters.get("PasswordResetRequired"),
        )
    return {}


async def delete_login_profile(ports: Ports, exchange: Exchange) -> Result:
    user = await _user_with_profile(ports, exchange)
    with worded(user=user.name):
        await ports.directory.delete_login_profile(user.user_id)
    return {}


async def change_password_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """The user's own permission, or that of the account's password policy for all users."""
    if exchange.caller.user is None:
        raise refusal("InvalidUserType", "only an IAM user can change its own password")
    check = await user_check(ports, exchange, "iam:ChangePassword")
    policy = await ports.directory.find_password_policy(account_id(exchange))
    if policy is None or not policy.allow_users_to_change:
        return (check,)
    return (Check(check.action, check.resource, check.context, resource_policy=_for_all_users(check.resource)),)


async def change_password(ports: Ports, exchange: Exchange) -> Result:
    user, parameters = exchange.caller.user, exchange.parameters
    if user is None:
        raise AssertionError("the checks let IAM users through only")
    profile = await _require_profile(ports, user)
    if not await passwords.matches_any(parameters["OldPassword"], [profile.password]):
        raise access_denied("The old password was incorrect.")
    new = parameters["NewPassword"]
    await _require_new(new, profile, await _require_satisfying(ports, exchange, new))
    stored = await passwords.hashed(new, ports.entropy)
    with worded(user=user.name):
        await ports.directory.update_login_profile(
            user.user_id, exchange.request.received, password=stored, reset_required=False
        )
    return {}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateLoginProfile": Action(create_login_profile, on_user("iam:CreateLoginProfile")),
    "GetLoginProfile": Action(get_login_profile, on_user("iam:GetLoginProfile")),
    "UpdateLoginProfile": Action(update_login_profile, on_user("iam:UpdateLoginProfile")),
    "DeleteLoginProfile": Action(delete_login_profile, on_user("iam:DeleteLoginProfile")),
    "ChangePassword": Action(change_password, change_password_checks),
}


async def _user_with_profile(ports: Ports, exchange: Exchange) -> UserRecord:
    """The user that is named or calls.

    Raises:
        ServiceError: there is none, or it is root, which has no login profile.
    """
    user = await user_or_root(ports, exchange)
    if user is not None:
        return user
    if not _is_root_task(exchange):
        raise _name_needed()
    with worded(user=_ROOT):
        raise NotFound(Entity.LOGIN_PROFILE)


async def _require_profile(ports: Ports, user: UserRecord | User) -> LoginProfile:
    profile = await ports.directory.find_login_profile(user.user_id)
    with worded(user=user.name):
        if profile is None:
            raise NotFound(Entity.LOGIN_PROFILE)
    return profile


async def _require_satisfying(ports: Ports, exchange: Exchange, password: str) -> PasswordPolicy | None:
    """The account's password policy, which the password satisfies.

    Raises:
        ServiceError: PasswordPolicyViolation.
    """
    policy = await ports.directory.find_password_policy(account_id(exchange))
    if not passwords.satisfies(password, policy, exchange.caller.account):
        raise _violation()
    return policy


async def _require_new(password: str, profile: LoginProfile, policy: PasswordPolicy | None) -> None:
    """Raises ServiceError (PasswordPolicyViolation) for one of the last passwords, as many as the policy tells."""
    count = 0 if policy is None else policy.reuse_prevention or 0
    if await passwords.matches_any(password, (profile.password, *profile.former)[:count]):
        raise _violation()


def _violation() -> Exception:
    return refusal("PasswordPolicyViolation", "Password does not conform to the account password policy.")


def _name_needed() -> Exception:
    return validation_error("Must specify userName when calling with non-User credentials")


def _is_root_task(exchange: Exchange) -> bool:
    return exchange.caller.session_kind == ROOT_TASK


def _for_all_users(user_arn: str) -> Policy:
    """What AllowUsersToChangePassword gives the user of that ARN, without a policy of its own."""
    statement = {
        "Sid": "AllowUsersToChangePassword",
        "Effect": "Allow",
        "Principal": {"AWS": user_arn},
        "Action": "iam:ChangePassword",
        "Resource": user_arn,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    return Policy.parse(document, PolicyKind.RESOURCE, id="account password policy", stored=True)


def _login_profile(profile: LoginProfile, user: UserRecord) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "CreateDate": profile.created,
        "PasswordResetRequired": profile.reset_required,
    }
