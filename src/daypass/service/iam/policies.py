"""Managed policies and their tags.

Source: IAM API Reference; IAM User Guide, "Tagging customer managed policies" (creating with tags needs
iam:TagPolicy too).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass import limits, names
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import pages, tagging
from daypass.service.iam.documents import check_document, quota_size
from daypass.service.iam.entity_tags import Taggable
from daypass.service.iam.faults import WAS_NOT_FOUND, refusal, worded
from daypass.service.iam.policy_targets import policy_check, require_own_policy, require_policy
from daypass.service.iam.targets import account_id
from daypass.service.ports import PolicyRecord, Usage

Result = Mapping[str, Any]

_AFTER_OWN: Final = "own/"
_AFTER_AWS: Final = "aws/"


async def create_policy_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    parameters = exchange.parameters
    tags = tagging.tags_of(parameters)
    resource = names.managed_policy_arn(account_id(exchange), parameters.get("Path", "/"), parameters["PolicyName"])
    check = Check("iam:CreatePolicy", resource, tagging.request_context(tags))
    return (check, Check("iam:TagPolicy", resource, check.context)) if tags else (check,)


async def create_policy(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    name, document = parameters["PolicyName"], parameters["PolicyDocument"]
    check_managed_document(document)
    with worded(policy=name, tagged=f"Policy: {limits.TAGS_PER_ENTITY}"):
        policy = await ports.directory.create_policy(
            account_id(exchange),
            name,
            path=parameters.get("Path", "/"),
            description=parameters.get("Description"),
            tags=tagging.tags_of(parameters),
            document=document,
            created=exchange.request.received,
        )
    tags = {"Tags": tagging.tag_list(policy.tags)} if policy.tags else {}
    return {"Policy": policy_of(policy) | tags}


async def get_policy(ports: Ports, exchange: Exchange) -> Result:
    policy = await require_policy(ports, exchange)
    whole = {"Description": policy.description, "Tags": tagging.tag_list(policy.tags)}
    return {"Policy": policy_of(policy) | whole}


async def list_policies_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    return (Check("iam:ListPolicies", "*"),)


async def list_policies(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    after = pages.name_after(parameters)
    scope, limit = parameters.get("Scope", "All"), pages.max_items(parameters) + 1
    chosen: dict[str, Any] = {
        "path_prefix": parameters.get("PathPrefix", "/"),
        "only_attached": parameters.get("OnlyAttached", False),
        "usage": usage_filter(parameters),
    }
    found: list[PolicyRecord] = []
    if scope != "AWS" and not after.startswith(_AFTER_AWS):
        found = await ports.directory.list_policies(
            account_id(exchange), after=after.removeprefix(_AFTER_OWN), limit=limit, **chosen
        )
    if scope != "Local" and len(found) < limit:
        after = after.removeprefix(_AFTER_AWS) if after.startswith(_AFTER_AWS) else ""
        found += await ports.directory.list_aws_policies(
            account_id(exchange), after=after, limit=limit - len(found), **chosen
        )
    shown, more = pages.page_of_names(parameters, found, _place)
    return {"Policies": [policy_of(policy) for policy in shown], **more}


def usage_filter(parameters: Mapping[str, Any]) -> Usage | None:
    usage = parameters.get("PolicyUsageFilter")
    return None if usage is None else Usage(usage)


def _place(policy: PolicyRecord) -> str:
    """Where a policy stands in a list: the account's own go before AWS's, whose names they may have too."""
    return (_AFTER_AWS if policy.account_id == names.AWS else _AFTER_OWN) + policy.name


async def delete_policy(ports: Ports, exchange: Exchange) -> Result:
    policy = await require_own_policy(ports, exchange, "iam:DeletePolicy")
    attached = "Cannot delete a policy attached to entities."
    with worded(arn=policy.arn, missing=WAS_NOT_FOUND, attached=attached):
        await ports.directory.delete_policy(policy.arn)
    return {}


async def _require_for(ports: Ports, exchange: Exchange, action: str) -> PolicyRecord:
    """Whoever reads tags may have AWS's policies before him; whoever writes them, not."""
    if action == "iam:ListPolicyTags":
        return await require_policy(ports, exchange)
    return await require_own_policy(ports, exchange, action)


TAGGABLE: Final = Taggable(
    "Policy",
    policy_check,
    _require_for,
    lambda exchange: {"arn": exchange.parameters["PolicyArn"], "missing": WAS_NOT_FOUND},
)


def check_managed_document(text: str) -> None:
    """Refuse what cannot be a version of a managed policy.

    Raises:
        ServiceError: MalformedPolicyDocument, or LimitExceeded if it is too long.
    """
    check_document(text, managed=True)
    if quota_size(text) > limits.MANAGED_POLICY_CHARS:
        raise refusal("LimitExceeded", f"Cannot exceed quota for PolicySize: {limits.MANAGED_POLICY_CHARS}")


def policy_of(policy: PolicyRecord) -> dict[str, Any]:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version,
        "AttachmentCount": policy.attachments,
        "PermissionsBoundaryUsageCount": policy.boundaries,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }
