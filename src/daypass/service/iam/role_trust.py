"""Trust policies of roles: what is accepted, what is kept, and how it is shown.

Kept is the document without white space, users and roles in it by their unique ids (service.principals).

Source: IAM API Reference, CreateRole; recorded replies of CreateRole and UpdateAssumeRolePolicy.
"""

from __future__ import annotations

from collections.abc import Iterable

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.policy.faults import PolicyFault
from daypass.service import principals
from daypass.service.actions import Ports
from daypass.service.iam.documents import encoded
from daypass.service.iam.faults import refusal
from daypass.service.ports import Directory, RoleRecord


async def accept(ports: Ports, document: str) -> str:
    """The trust policy as it is kept.

    Raises:
        ServiceError: MalformedPolicyDocument, or LimitExceeded if it is too long.
    """
    try:
        Policy.parse(document, PolicyKind.ROLE_TRUST)
    except PolicyError as error:
        if error.fault is PolicyFault.TOO_LARGE:
            text = f"Cannot exceed quota for ACLSizePerRole: {limits.TRUST_POLICY_CHARS}"
            raise refusal("LimitExceeded", text) from None
        raise refusal("MalformedPolicyDocument", error.message) from None
    policy = principals.decode(document)
    unknown = await principals.bind(policy, ports.identities, ports.directory)
    if unknown is not None:
        raise refusal("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{unknown}"')
    return principals.encode(policy)


async def shown(directory: Directory, roles: Iterable[RoleRecord]) -> dict[str, str]:
    """Role id → its trust policy as IAM answers it: principals by ARN, those that are gone by unique id."""
    policies = {role.role_id: principals.decode(role.trust_policy) for role in roles}
    arns = await directory.find_arns(set().union(*[principals.unique_ids(policy) for policy in policies.values()]))
    for policy in policies.values():
        principals.name(policy, arns)
    return {role_id: encoded(principals.encode(policy)) for role_id, policy in policies.items()}
