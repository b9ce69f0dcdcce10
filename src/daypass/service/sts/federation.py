"""GetFederationToken: temporary credentials for a federated user, within the caller's own permissions.

Source: AWS Security Token Service API Reference, GetFederationToken; IAM User Guide, "Permissions for
GetFederationToken".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daypass import limits, names, token
from daypass.errors import access_denied
from daypass.service.actions import Check, Exchange, Ports, Result
from daypass.service.ports import ManagedPolicy
from daypass.service.sts.issue import draw, issued, lifetime
from daypass.service.sts.narrowing import (
    check_policies,
    held_managed_policies,
    managed_policies,
    policy_arns,
    session_tags,
    tag_context,
)
from daypass.token import Session


def federation_checks(ports: Ports, exchange: Exchange) -> tuple[Check, ...]:
    """sts:GetFederationToken on the federated user's ARN; with tags, sts:TagSession too."""
    parameters = exchange.parameters
    tags = session_tags(parameters)
    policy_arns(parameters)
    resource = names.federated_user_arn(exchange.caller.account.account_id, parameters["Name"])
    if not tags:
        return (Check("sts:GetFederationToken", resource),)
    context = tag_context(tags)
    return Check("sts:GetFederationToken", resource, context), Check("sts:TagSession", resource, context)


def get_federation_token(ports: Ports, exchange: Exchange) -> Result:
    """Temporary credentials for a federated user: the caller's permissions, narrowed by the policies passed."""
    arns = policy_arns(exchange.parameters)
    managed = held_managed_policies(ports, arns)
    return _once_found(ports, exchange, arns) if managed is None else _issue(ports, exchange, arns, managed)


async def _once_found(ports: Ports, exchange: Exchange, arns: tuple[str, ...]) -> dict[str, Any]:
    return _issue(ports, exchange, arns, await managed_policies(ports, arns))


def _issue(
    ports: Ports, exchange: Exchange, arns: tuple[str, ...], managed: Sequence[ManagedPolicy | None]
) -> dict[str, Any]:
    """managed: what each ARN names."""
    caller, parameters = exchange.caller, exchange.parameters
    # The permission was checked first: AWS answers an unpermitted session with the ordinary denial.
    if caller.session is not None:
        raise access_denied("Cannot call GetFederationToken with session credentials")

    # 1. How long: root is shortened to an hour, not refused.
    seconds = parameters.get("DurationSeconds", limits.FEDERATION_TOKEN_SECONDS_DEFAULT)
    if caller.user is None:
        seconds = min(seconds, limits.ROOT_SESSION_SECONDS_MAX)
    begins, ends = lifetime(exchange.request.received, seconds)

    # 2. The narrowing.
    account_id = caller.account.account_id
    policy = parameters.get("Policy")
    check_policies(account_id, policy, managed)

    # 3. The credentials and their token.
    access_key_id, secret, salt = draw(ports, account_id)
    name: str = parameters["Name"]
    session = Session(
        kind=token.FEDERATED_USER,
        account_id=account_id,
        access_key_id=access_key_id,
        secret=secret,
        name=name,
        issuer_id=account_id if caller.user is None else caller.user.user_id,
        issued=begins,
        expires=ends,
        session_policy=policy,
        policy_arns=arns,
        tags=session_tags(parameters),
    )
    answer = issued(ports, session, salt, parameters)
    answer["FederatedUser"] = {
        "FederatedUserId": f"{account_id}:{name}",
        "Arn": names.federated_user_arn(account_id, name),
    }
    # Deprecated since September 2026, when it became another name of the utilization.
    answer["PackedPolicySize"] = answer["SessionTokenUtilization"]
    return answer
