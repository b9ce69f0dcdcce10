"""Role sessions, however their role is assumed: which role an ARN names, how long a session may be, and its answer.

Owns what AssumeRole, AssumeRoleWithWebIdentity and AssumeRoleWithSAML have in common. Who may assume the role is each
action's check.

Source: AWS Security Token Service API Reference, AssumeRole; IAM User Guide, "Methods to assume a role", "Roles terms
and concepts" (role chaining); the texts are AWS's, as public recordings have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from daypass import limits, names, token
from daypass.errors import validation_error
from daypass.names import Arn
from daypass.service.actions import Check, ContextValue, Ports
from daypass.service.ports import ManagedPolicy, Role
from daypass.service.sts.issue import draw, issued, lifetime
from daypass.service.sts.marks import Marks
from daypass.service.sts.narrowing import check_policies, policy_arns
from daypass.token import Session

_ARNS_KEPT: Final = 256  # of 2,048 characters at most; arnType.max in the STS model


def check_role_arn(arn: str) -> None:
    """Whether the text has the shape of an ARN of something in an account; whether it names a role is looked up.

    Raises:
        ServiceError: ValidationError.
    """
    if not _is_of_an_account(arn):
        raise validation_error(f"{arn} is invalid")


@lru_cache(maxsize=_ARNS_KEPT)
def _is_of_an_account(arn: str) -> bool:
    """arn: as long as the model lets a RoleArn be, so that what is kept is small."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return False
    # An ARN without an account, as some catalogs have for stores without accounts, is refused with the others: which
    # account's role was meant is not ours to guess.
    return bool(parsed.partition and parsed.service and parsed.resource and names.is_account_id(parsed.account_id))


def held_role(ports: Ports, arn: str) -> Role | None:
    """The role of an ARN, where nothing has to be waited for; None says nothing: ask find_role."""
    role = ports.identities.held_role(arn)
    if role is None or role.arn != arn:
        return None
    account = ports.identities.held_account(role.account_id)
    return None if account is None or account.closed is not None else role


async def find_role(ports: Ports, arn: str) -> Role | None:
    """The role of an ARN; None if there is none, or if its account is closed."""
    if not arn.split(":", 5)[-1].startswith("role/"):
        return None
    role = await ports.identities.role(arn)
    if role is None or role.arn != arn:
        return None
    account = await ports.identities.account(role.account_id)
    return None if account is None or account.closed is not None else role


def trust_check(action: str, role: Role, context: Mapping[str, ContextValue]) -> Check:
    """The question whether the role's trust policy, and whatever else concerns the caller, allows an action on it. A
    denial looks like that of a role that does not exist."""
    of_role: dict[str, ContextValue] = {"aws:resourceaccount": role.account_id}
    for key, value in role.tags.items():
        of_role[f"aws:resourcetag/{key.lower()}"] = of_role[f"iam:resourcetag/{key.lower()}"] = value
    of_role.update(context)
    return Check(
        action,
        role.arn,
        of_role,
        resource_policy=role.trust,
        resource_account=role.account_id,
        tells_nothing=True,
    )


def session_seconds(role: Role, parameters: Mapping[str, Any], *, chained: bool) -> int:
    """How long the session lives: what is asked for, within the role's maximum.

    chained: whether a role session assumes it; that is good for an hour, whatever the role's maximum.

    Raises:
        ServiceError: ValidationError.
    """
    seconds: int = parameters.get("DurationSeconds", limits.ROLE_SESSION_SECONDS_DEFAULT)
    if seconds > role.max_session_seconds:
        raise validation_error("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if chained and seconds > limits.CHAINED_ROLE_SESSION_SECONDS_MAX:
        raise validation_error(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    return seconds


def open_session(
    ports: Ports,
    role: Role,
    name: str,
    seconds: int,
    started: datetime,
    parameters: Mapping[str, Any],
    managed: Sequence[ManagedPolicy | None],
    marks: Marks,
) -> dict[str, Any]:
    """The answer to whoever assumed the role: AssumedRoleUser, Credentials, and the sizes.

    name: of the session. parameters: Policy, PolicyArns and MinimumSessionTokenSize of them are read here.
    managed: what each of PolicyArns names.

    Raises:
        ServiceError: a session policy that cannot be enforced, or too much of them.
    """
    policy, arns = parameters.get("Policy"), policy_arns(parameters)
    check_policies(role.account_id, policy, managed)
    access_key_id, secret, salt = draw(ports, role.account_id)
    begins, ends = lifetime(started, seconds)
    session = Session(
        kind=token.ROLE_SESSION,
        account_id=role.account_id,
        access_key_id=access_key_id,
        secret=secret,
        name=name,
        issuer_id=role.role_id,
        issued=begins,
        expires=ends,
        session_policy=policy,
        policy_arns=arns,
        tags=marks.tags,
        transitive_tags=marks.transitive_tags,
        source_identity=marks.source_identity,
        mfa_authenticated=marks.mfa_authenticated,
        context=marks.context,
    )
    answer = issued(ports, session, salt, parameters)
    answer["AssumedRoleUser"] = {
        "AssumedRoleId": f"{role.role_id}:{name}",
        "Arn": names.assumed_role_arn(role.account_id, role.name, name),
    }
    # Absent where nothing was passed that is packed; else another name of the utilization since September 2026.
    if policy is not None or arns or marks.tags:
        answer["PackedPolicySize"] = answer["SessionTokenUtilization"]
    if marks.source_identity is not None:
        answer["SourceIdentity"] = marks.source_identity
    return answer
