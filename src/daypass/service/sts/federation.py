"""GetFederationToken: temporary credentials for a federated user, within the caller's own permissions.

Source: AWS Security Token Service API Reference, GetFederationToken; IAM User Guide, "Permissions for
GetFederationToken".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypass import limits, names, token
from daypass.errors import access_denied
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.sts.issue import draw, issued, lifetime
from daypass.service.sts.narrowing import check_policies, policy_arns, session_tags, tag_context
from daypass.token import Session


async def federation_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """sts:GetFederationToken on the federated user's ARN; with tags, sts:TagSession too."""
    parameters = exchange.parameters
    tags = session_tags(parameters)
    policy_arns(parameters)
    resource = names.federated_user_arn(exchange.caller.account.account_id, parameters["Name"])
    if not tags:
        return (Check("sts:GetFederationToken", resource),)
    context = tag_context(tags)
    return Check("sts:GetFederationToken", resource, context), Check("sts:TagSession", resource, context)


async def get_federation_token(ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    """Temporary credentials for a federated user: the caller's permissions, narrowed by the policies passed."""
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
    policy, arns = parameters.get("Policy"), policy_arns(parameters)
    await check_policies(ports, account_id, policy, arns)

    # 3. The credentials and their token.
    drawn = draw(ports, account_id)
    session = Session(
        kind=token.FEDERATED_USER,
        account_id=account_id,
        access_key_id=drawn.access_key_id,
        secret=drawn.secret,
        name=parameters["Name"],
        issuer_id=account_id if caller.user is None else caller.user.user_id,
        issued=begins,
        expires=ends,
        session_policy=policy,
        policy_arns=arns,
        tags=session_tags(parameters),
    )
    answer = issued(ports, session, drawn.salt, parameters)
    answer["FederatedUser"] = {
        "FederatedUserId": f"{account_id}:{session.name}",
        "Arn": names.federated_user_arn(account_id, session.name),
    }
    # Deprecated since September 2026, when it became another name of the utilization.
    answer["PackedPolicySize"] = answer["SessionTokenUtilization"]
    return answer
