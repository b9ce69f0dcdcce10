"""Who somebody is: GetCallerIdentity, and whose an access key is: GetAccessKeyInfo.

Source: AWS Security Token Service API Reference; IAM User Guide, "IAM identifiers".
"""

from __future__ import annotations

from typing import Any, Final

from daypass import names
from daypass.errors import validation_error
from daypass.service.actions import Check, Exchange, Ports

_KEYS: Final = (names.LONG_TERM_KEY, names.TEMPORARY_KEY)


def get_caller_identity(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    """Who signed the request. Needs no permission, and no policy can deny it."""
    caller = exchange.caller
    return {
        "Arn": caller.principal.arn,
        "UserId": caller.user_id,
        "Account": caller.account.account_id,
    }


def access_key_checks(ports: Ports, exchange: Exchange) -> tuple[Check, ...]:
    """sts:GetAccessKeyInfo, on no resource."""
    return (Check("sts:GetAccessKeyInfo", "*"),)


def get_access_key_info(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    """The account of an access key, which its id says. Whether there is such a key, in any state, is not told: the
    answer is the same for a key that was never given."""
    access_key_id: str = exchange.parameters["AccessKeyId"]
    account = names.account_of_id(access_key_id) if access_key_id.startswith(_KEYS) else None
    if account is None:
        # AWS's text is not known.
        raise validation_error(f"{access_key_id} is not an access key ID")
    return {"Account": account}
