"""What a call passes to narrow or mark the session it asks for: session policies and session tags.

Owns their checks, which are the same for every action that takes them. Each must hold now, so that no token carries
what cannot be enforced at use.

Source: IAM User Guide, "Session policies", "Pass session tags in AWS STS"; AWS Security Token Service API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypass import limits, names
from daypass.errors import ServiceError, validation_error
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.policy.plain import is_plain
from daypass.service.actions import ContextValue, Ports
from daypass.service.ports import ManagedPolicy


def policy_arns(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The ARNs passed, each once: the union of a policy with itself is the policy.

    Raises:
        ServiceError: ValidationError; more than the model allows in its prose.
    """
    if "PolicyArns" not in parameters:
        return ()
    arns = [descriptor.get("arn", "") for descriptor in parameters["PolicyArns"]]
    if len(arns) > limits.SESSION_POLICY_ARNS:
        raise validation_error(
            f"1 validation error detected: Value '[{', '.join(arns)}]' at 'policyArns' failed to satisfy constraint: "
            f"Member must have length less than or equal to {limits.SESSION_POLICY_ARNS}"
        )
    return tuple([arn for arn in dict.fromkeys(arns) if arn])


def session_tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The tags passed, keys as written.

    Raises:
        ServiceError: InvalidParameterValue; two keys that differ at most in case, or a reserved key or value.
    """
    if "Tags" not in parameters:
        return {}
    tags: dict[str, str] = {}
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


def tag_context(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """The condition keys of a call that passes these tags."""
    if not tags:
        return {}
    context: dict[str, ContextValue] = {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    context["aws:tagkeys"] = tuple(tags)
    return context


async def managed_policies(ports: Ports, arns: Sequence[str]) -> Sequence[ManagedPolicy | None]:
    """What each ARN names; None where that is nothing."""
    return [await ports.identities.managed_policy(arn) for arn in arns]


def held_managed_policies(ports: Ports, arns: Sequence[str]) -> Sequence[ManagedPolicy] | None:
    """The same, where nothing has to be waited for; None: ask."""
    if not arns:
        return ()
    held = [policy for arn in arns if (policy := ports.identities.held_managed_policy(arn)) is not None]
    return held if len(held) == len(arns) else None


def check_policies(account_id: str, policy: str | None, managed: Sequence[ManagedPolicy | None]) -> None:
    """Every policy parses and exists, and the plain text of all together keeps its limit.

    account_id: of the session's principal: managed policies are its account's, or AWS's.

    Raises:
        ServiceError: MalformedPolicyDocument, InvalidParameterValue or PackedPolicyTooLarge.
    """
    characters = 0
    if policy is not None:
        check_grammar(policy)
        characters = len(policy)
    for found in managed:
        # A policy of another account is answered as one that does not exist: its existence is not ours to tell.
        if found is None or found.account_id not in (account_id, names.AWS):
            raise ServiceError(
                "InvalidParameterValue",
                400,
                "At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed "
                "Policy ARN.",
            )
        # AWS's own stand in the token by their names alone; ReadOnlyAccess by itself is beyond the limit.
        characters += 0 if found.account_id == names.AWS else len(found.document)
    if characters > limits.SESSION_POLICY_CHARS:
        raise packed_policy_too_large(-(-characters * 100 // limits.SESSION_POLICY_CHARS), only_tags=False)


def check_grammar(text: str) -> None:
    """The grammar of a session policy alone, and the quick answer first: it is compiled when it is first used.

    Raises:
        ServiceError: MalformedPolicyDocument.
    """
    if is_plain(text):
        return
    try:
        Policy.parse(text, PolicyKind.SESSION)
    except PolicyError as error:
        raise ServiceError("MalformedPolicyDocument", 400, error.message) from None


def packed_policy_too_large(percent: int, *, only_tags: bool) -> ServiceError:
    """percent: over 100, rounded up."""
    message = (
        f"Packed size of session tags consumes {percent}% of allotted space."
        if only_tags
        else f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
    )
    return ServiceError("PackedPolicyTooLarge", 400, message)
