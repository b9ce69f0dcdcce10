"""The credential report: one line of CSV for each user of the account, and one for its root user.

It is made when it is asked for, within the call, and kept as AWS keeps it: for four hours no other is made.

Source: IAM User Guide, "Generate credential reports for your AWS account" (columns and values); IAM API Reference.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from daypass import limits, names
from daypass.service.actions import Action, Exchange, Ports
from daypass.service.iam.account import on_account
from daypass.service.iam.faults import refusal
from daypass.service.iam.targets import account_id
from daypass.service.ports import (
    AccessKeyRecord,
    Account,
    CredentialReport,
    LastUse,
    LoginProfile,
    PasswordPolicy,
    UserCredentials,
)

Result = Mapping[str, Any]

_KEYS: Final = 2  # of which a line tells; a user has no more (limits.ACCESS_KEYS_PER_USER)
_COLUMNS: Final = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(
        f"access_key_{number}_{column}"
        for number in range(1, _KEYS + 1)
        for column in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)
_CERTIFICATES: Final = ("false", "N/A", "false", "N/A")  # signing certificates are not served
_ROOT: Final = "<root_account>"
_NOT_SUPPORTED: Final = "not_supported"
_NO_INFORMATION: Final = "no_information"
_NOT_APPLICABLE: Final = "N/A"


async def generate_credential_report(ports: Ports, exchange: Exchange) -> Result:
    now, account = exchange.request.received, exchange.caller.account
    report = await ports.directory.find_credential_report(account.account_id)
    if report is None or _is_over(report, now):
        await ports.directory.set_credential_report(account.account_id, await _made(ports, account, now))
    return {"State": "COMPLETE"}


async def get_credential_report(ports: Ports, exchange: Exchange) -> Result:
    report = await ports.directory.find_credential_report(account_id(exchange))
    if report is None:
        raise refusal("ReportNotPresent", None)
    if _is_over(report, exchange.request.received):
        raise refusal("ReportExpired", None)
    return {
        "Content": report.content.encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": report.generated,
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "GenerateCredentialReport": Action(generate_credential_report, on_account("iam:GenerateCredentialReport")),
    "GetCredentialReport": Action(get_credential_report, on_account("iam:GetCredentialReport")),
}


def _is_over(report: CredentialReport, now: datetime) -> bool:
    return now - report.generated >= timedelta(seconds=limits.CREDENTIAL_REPORT_SECONDS)


async def _made(ports: Ports, account: Account, now: datetime) -> CredentialReport:
    directory = ports.directory
    policy = await directory.find_password_policy(account.account_id)
    keys = await directory.list_access_keys(account.account_id)
    has_mfa = bool(await directory.list_mfa_devices_of(account.account_id))
    uses = await directory.last_uses([key.access_key_id for key in keys])
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(_COLUMNS)
    lines.writerow(
        (
            _ROOT,
            names.root_arn(account.account_id),
            _time(account.created),
            _NOT_SUPPORTED,
            _NO_INFORMATION,
            _NOT_SUPPORTED,
            _NOT_SUPPORTED,
            _truth(has_mfa),
            *_access_keys(keys, uses),
            *_CERTIFICATES,
        )
    )
    lines.writerows(_line(found, policy) for found in await directory.list_credentials(account.account_id))
    return CredentialReport(now.replace(microsecond=0), written.getvalue().removesuffix("\n"))


def _line(found: UserCredentials, policy: PasswordPolicy | None) -> tuple[str, ...]:
    user = found.user
    return (
        user.name,
        user.arn,
        _time(user.created),
        *_password(found.login_profile, found.last_uses.get(user.user_id), policy),
        _truth(found.has_mfa),
        *_access_keys(found.access_keys, found.last_uses),
        *_CERTIFICATES,
    )


def _password(
    profile: LoginProfile | None, used: LastUse | None, policy: PasswordPolicy | None
) -> tuple[str, str, str, str]:
    """password_enabled, password_last_used, password_last_changed, password_next_rotation."""
    if profile is None:
        return "false", _NOT_APPLICABLE, _NOT_APPLICABLE, _NOT_APPLICABLE
    rotation = _NOT_APPLICABLE
    if policy is not None and policy.max_age_days is not None:
        rotation = _time(profile.changed + timedelta(days=policy.max_age_days))
    last_used = _NO_INFORMATION if used is None else _time(used.used)
    return "true", last_used, _time(profile.changed), rotation


def _access_keys(keys: list[AccessKeyRecord] | tuple[AccessKeyRecord, ...], uses: Mapping[str, LastUse]) -> list[str]:
    """Five columns for each of two keys, of those that there are the oldest first."""
    columns: list[str] = []
    for key in keys[:_KEYS]:
        used = uses.get(key.access_key_id)
        columns += [_truth(key.active), _time(key.created)]
        columns += [_NOT_APPLICABLE] * 3 if used is None else [_time(used.used), used.region, used.service]
    return columns + ["false", *[_NOT_APPLICABLE] * 4] * (_KEYS - len(keys[:_KEYS]))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _truth(value: bool) -> str:
    return "true" if value else "false"
