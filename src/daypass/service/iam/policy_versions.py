"""Versions of customer managed policies: up to five are kept, one is in force.

Source: IAM API Reference; IAM User Guide, "Versioning IAM policies".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daypass.service.actions import Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.documents import encoded
from daypass.service.iam.faults import NOT_ATTACHABLE, no_such_policy, version_missing, worded
from daypass.service.iam.policies import check_managed_document
from daypass.service.iam.policy_targets import require_own_policy, require_policy
from daypass.service.ports import PolicyVersionRecord

Result = Mapping[str, Any]


async def create_policy_version(ports: Ports, exchange: Exchange) -> Result:
    policy = await require_own_policy(ports, exchange, "iam:CreatePolicyVersion", NOT_ATTACHABLE)
    parameters = exchange.parameters
    check_managed_document(parameters["PolicyDocument"])
    with worded(arn=policy.arn, missing=NOT_ATTACHABLE):
        version = await ports.directory.create_policy_version(
            policy.arn,
            parameters["PolicyDocument"],
            set_as_default=parameters.get("SetAsDefault", False),
            created=exchange.request.received,
        )
    return {"PolicyVersion": _version(version)}


async def get_policy_version(ports: Ports, exchange: Exchange) -> Result:
    version_id = exchange.parameters["VersionId"]
    missing = version_missing(version_id)
    policy = await require_policy(ports, exchange, missing)
    version = await ports.directory.find_policy_version(policy.arn, version_id)
    if version is None:
        raise no_such_policy(policy.arn, missing)
    return {"PolicyVersion": with_document(version)}


async def list_policy_versions(ports: Ports, exchange: Exchange) -> Result:
    policy = await require_policy(ports, exchange)
    versions = await ports.directory.list_policy_versions(policy.arn)
    shown, more = pages.page(exchange.parameters, versions, _newest_first)
    return {"Versions": [_version(version) for version in shown], **more}


async def set_default_policy_version(ports: Ports, exchange: Exchange) -> Result:
    version_id = exchange.parameters["VersionId"]
    missing = version_missing(version_id)
    policy = await require_own_policy(ports, exchange, "iam:SetDefaultPolicyVersion", missing)
    with worded(arn=policy.arn, missing=missing):
        await ports.directory.set_default_policy_version(policy.arn, version_id)
    return {}


async def delete_policy_version(ports: Ports, exchange: Exchange) -> Result:
    version_id = exchange.parameters["VersionId"]
    missing = version_missing(version_id)
    policy = await require_own_policy(ports, exchange, "iam:DeletePolicyVersion", missing)
    with worded(arn=policy.arn, missing=missing):
        await ports.directory.delete_policy_version(policy.arn, version_id)
    return {}


def _newest_first(version: PolicyVersionRecord) -> str:
    return f"{10**12 - int(version.version_id.removeprefix('v')):012}"


def with_document(version: PolicyVersionRecord) -> dict[str, Any]:
    return {"Document": encoded(version.document)} | _version(version)


def _version(version: PolicyVersionRecord) -> dict[str, Any]:
    """Without its document, which only GetPolicyVersion answers."""
    return {
        "VersionId": version.version_id,
        "IsDefaultVersion": version.is_default,
        "CreateDate": version.created,
    }
