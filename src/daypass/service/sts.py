"""AWS Security Token Service: one function per action, listed in ACTIONS.

Owns each action's own rules. Parameters arrive checked against the model, and every check of the action's row
has been allowed, before its function is called.

Source: AWS Security Token Service API Reference; its published model (wire/models/sts.json).
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from daypass import limits, names, token
from daypass.errors import ServiceError, access_denied, validation_error
from daypass.names import Secret
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.policy.plain import is_plain
from daypass.service.actions import Action, Check, ContextValue, Exchange, Ports
from daypass.service.caller import Caller
from daypass.token import Session, TokenTooLarge

_SECRET_BYTES: Final = 30  # 40 characters of base64, as AWS's secret access keys have


async def federation_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    """sts:GetFederationToken on the federated user's ARN; with tags, sts:TagSession too."""
    parameters = exchange.parameters
    tags = _session_tags(parameters)
    _check_policy_arns(parameters)
    resource = names.federated_user_arn(exchange.caller.account.account_id, parameters["Name"])
    if not tags:
        return (Check("sts:GetFederationToken", resource),)
    context: dict[str, ContextValue] = {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    context["aws:tagkeys"] = tuple(tags)
    return (
        Check("sts:GetFederationToken", resource, context),
        Check("sts:TagSession", resource, context),
    )


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
    issued = exchange.request.received.replace(microsecond=0)

    # 2. The narrowing: each policy must parse and exist now, so that no token carries one that cannot be enforced.
    policy = parameters.get("Policy")
    if policy is not None:
        _check_session_policy(policy)
    policy_arns = _policy_arns(parameters)
    await _check_managed_policies(ports, caller, policy, policy_arns)

    # 3. The credentials, from randomness alone.
    account_id = caller.account.account_id
    entropy = ports.entropy.bytes(names.ID_ENTROPY_BYTES + _SECRET_BYTES + token.SALT_BYTES)
    access_key_id = names.make_id(names.TEMPORARY_KEY, account_id, entropy[: names.ID_ENTROPY_BYTES])
    secret = binascii.b2a_base64(entropy[names.ID_ENTROPY_BYTES : -token.SALT_BYTES], newline=False).decode("ascii")
    session = Session(
        kind=token.FEDERATED_USER,
        account_id=account_id,
        access_key_id=access_key_id,
        secret=Secret(secret),
        name=parameters["Name"],
        issuer_id=account_id if caller.user is None else caller.user.user_id,
        issued=issued,
        expires=issued + timedelta(seconds=seconds),
        session_policy=policy,
        policy_arns=policy_arns,
        tags=_session_tags(parameters),
    )

    # 4. The token, within the one limit on its size.
    try:
        sealed = token.seal(
            session, ports.key_ring, entropy[-token.SALT_BYTES :], parameters.get("MinimumSessionTokenSize", 0)
        )
    except TokenTooLarge as too_large:
        raise _packed_policy_too_large(
            token.utilization_percent(too_large.size), only_tags=policy is None and not policy_arns
        ) from None
    utilization = token.utilization_percent(len(sealed))
    return {
        "FederatedUser": {
            "FederatedUserId": f"{account_id}:{session.name}",
            "Arn": names.federated_user_arn(account_id, session.name),
        },
        "Credentials": {
            "AccessKeyId": access_key_id,
            "SecretAccessKey": secret,
            "SessionToken": sealed,
            "Expiration": session.expires,
        },
        # Deprecated since September 2026, when it became another name of the utilization.
        "PackedPolicySize": utilization,
        "SessionTokenUtilization": utilization,
        "SessionTokenSize": len(sealed),
    }


async def get_caller_identity(ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    """Who signed the request. Needs no permission, and no policy can deny it."""
    caller = exchange.caller
    return {
        "Arn": caller.principal.arn,
        "UserId": caller.user_id,
        "Account": caller.account.account_id,
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "GetCallerIdentity": Action(get_caller_identity, checks=None),
    "GetFederationToken": Action(get_federation_token, federation_checks),
}


def _policy_arns(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The ARNs passed, each once: the union of a policy with itself is the policy."""
    if "PolicyArns" not in parameters:
        return ()
    arns = [descriptor["arn"] for descriptor in parameters["PolicyArns"] if "arn" in descriptor]
    return tuple(dict.fromkeys(arns))


def _check_policy_arns(parameters: Mapping[str, Any]) -> None:
    """The bound that the model states in prose only."""
    if "PolicyArns" not in parameters:
        return
    arns = [descriptor.get("arn", "") for descriptor in parameters["PolicyArns"]]
    if len(arns) > limits.SESSION_POLICY_ARNS:
        raise validation_error(
            f"1 validation error detected: Value '[{', '.join(arns)}]' at 'policyArns' failed to satisfy constraint: "
            f"Member must have length less than or equal to {limits.SESSION_POLICY_ARNS}"
        )


def _session_tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The tags passed, keys as written.

    Raises:
        ServiceError: InvalidParameterValue; two keys that differ at most in case, or a reserved key or value.
    """
    tags: dict[str, str] = {}
    if "Tags" not in parameters:
        return tags
    seen: set[str] = set()
    for tag in parameters["Tags"]:
        key, value = tag["Key"], tag["Value"]
        if key.lower() in seen:
            raise ServiceError(
                "InvalidParameterValue",
                400,
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            )
        if key.lower().startswith("aws:") or value.lower().startswith("aws:"):
            # AWS refuses both; its text is not known.
            raise ServiceError("InvalidParameterValue", 400, "Tag keys and values must not begin with aws:")
        seen.add(key.lower())
        tags[key] = value
    return tags


def _check_session_policy(text: str) -> None:
    """The grammar alone, and the quick answer first: the policy is compiled when its session is first used."""
    if is_plain(text):
        return
    try:
        Policy.parse(text, PolicyKind.SESSION)
    except PolicyError as error:
        raise ServiceError("MalformedPolicyDocument", 400, error.message) from None


async def _check_managed_policies(ports: Ports, caller: Caller, policy: str | None, policy_arns: Sequence[str]) -> None:
    """Every ARN names a policy of the caller's account, and all plain text together keeps its limit."""
    characters = len(policy or "")
    for arn in policy_arns:
        managed = await ports.identities.managed_policy(arn)
        # A policy of another account is answered as one that does not exist: its existence is not ours to tell.
        if managed is None or managed.account_id != caller.account.account_id:
            raise ServiceError(
                "InvalidParameterValue",
                400,
                "At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed "
                "Policy ARN.",
            )
        characters += len(managed.document)
    if characters > limits.SESSION_POLICY_CHARS:
        raise _packed_policy_too_large(-(-characters * 100 // limits.SESSION_POLICY_CHARS), only_tags=False)


def _packed_policy_too_large(percent: int, *, only_tags: bool) -> ServiceError:
    """percent: over 100, rounded up."""
    message = (
        f"Packed size of session tags consumes {percent}% of allotted space."
        if only_tags
        else f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
    )
    return ServiceError("PackedPolicyTooLarge", 400, message)
