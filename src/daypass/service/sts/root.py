"""AssumeRoot: a root session of a member account, for one task, for whoever the management account lets.

Source: AWS Security Token Service API Reference, AssumeRoot; IAM User Guide, "Perform a privileged task on an AWS
Organizations member account"; Service Authorization Reference (resource and sts:TaskPolicyArn).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daypass import limits, names, token
from daypass.errors import ServiceError, access_denied
from daypass.names import Arn, is_account_id
from daypass.policy import PrincipalKind
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.authorize import unauthorized
from daypass.service.root_tasks import TASK_POLICIES
from daypass.service.sts.issue import draw, issued, lifetime
from daypass.token import Session


async def assume_root_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """sts:AssumeRoot on the member's root, asked of the caller's own policies: the member is not asked."""
    caller, parameters = exchange.caller, exchange.parameters
    task: str = parameters["TaskPolicyArn"].get("arn", "")
    if task not in TASK_POLICIES:
        raise ServiceError("InvalidParameterValue", 400, f"{task} is not one of the task policies of AssumeRoot.")
    if caller.principal.kind is PrincipalKind.ROOT:
        raise access_denied("AssumeRoot may not be called by a root user.")
    target = _account_of(parameters["TargetPrincipal"])
    resource = parameters["TargetPrincipal"] if target is None else names.root_arn(target)
    refusal = unauthorized(caller.principal.arn, "sts:AssumeRoot", resource)
    # Who is no management account learns nothing of which accounts there are.
    if not caller.account.management or target is None or target == caller.account.account_id:
        raise refusal
    member = await ports.identities.account(target)
    if member is None or member.closed is not None:
        raise refusal
    exchange.found["target"] = target
    return (Check("sts:AssumeRoot", resource, {"sts:taskpolicyarn": task}, tells_nothing=True),)


def assume_root(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    """Temporary credentials of the member's root user, good for one task."""
    caller, parameters = exchange.caller, exchange.parameters
    target: str = exchange.found["target"]
    seconds = parameters.get("DurationSeconds", limits.ROOT_TASK_SECONDS_MAX)
    source_identity = None if caller.session is None else caller.session.source_identity
    access_key_id, secret, salt = draw(ports, target)
    begins, ends = lifetime(exchange.request.received, seconds)
    session = Session(
        kind=token.ROOT_TASK,
        account_id=target,
        access_key_id=access_key_id,
        secret=secret,
        name="",
        issuer_id=target,
        issued=begins,
        expires=ends,
        policy_arns=(parameters["TaskPolicyArn"]["arn"],),
        source_identity=source_identity,
    )
    answer = issued(ports, session, salt, parameters)
    if source_identity is not None:
        answer["SourceIdentity"] = source_identity
    return answer


def _account_of(principal: str) -> str | None:
    """The account that a TargetPrincipal names, by its id or by its root's ARN."""
    if is_account_id(principal):
        return principal
    try:
        account_id = Arn.parse(principal).account_id
    except ValueError:
        return None
    return account_id if is_account_id(account_id) and principal == names.root_arn(account_id) else None
