"""The AWS managed policies: read-only, the same in every account, no rows of the store.

Owns which there are and how they are answered; only who has them is in the store. One version of each is known, the
one in force when aws_managed_policies.json was written (scripts/distill_aws_managed_policies.py).

Source: AWS Managed Policy Reference Guide; IAM User Guide, "Managed policies and inline policies".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from daypass import names
from daypass.service.ports import PolicyRecord, PolicyVersionRecord, Usage
from daypass.store.entities import KINDS
from daypass.store.tables import attachments, name_key, roles, users
from daypass.store.transactions import Transactions


@dataclass(frozen=True, slots=True)
class AwsManagedPolicy:
    """One of AWS's own policies. version: the number of the only version that is known."""

    arn: str
    policy_id: str
    name: str
    path: str
    version: int
    document: str
    created: datetime
    updated: datetime


@cache
def aws_managed_policies() -> Mapping[str, AwsManagedPolicy]:
    """All of them, by ARN, in the order of their names without case."""
    text = files("daypass.store").joinpath("aws_managed_policies.json").read_text("utf-8")
    found = [_policy(name, distilled) for name, distilled in json.loads(text).items()]
    return {policy.arn: policy for policy in sorted(found, key=lambda policy: name_key(policy.name))}


class AwsManagedPolicies(Transactions):
    """The part of the directory for AWS managed policies."""

    async def list_aws_policies(
        self,
        account_id: str,
        *,
        path_prefix: str = "/",
        only_attached: bool = False,
        usage: Usage | None = None,
        after: str = "",
        limit: int,
    ) -> list[PolicyRecord]:
        chosen = [
            policy
            for policy in aws_managed_policies().values()
            if policy.path.startswith(path_prefix) and name_key(policy.name) > name_key(after)
        ]
        async with self.read() as connection:
            found = await aws_records(connection, account_id, chosen)
        return [policy for policy in found if _is_chosen(policy, only_attached, usage)][:limit]


def _is_chosen(policy: PolicyRecord, only_attached: bool, usage: Usage | None) -> bool:
    """As Policies.list_policies chooses."""
    if usage is Usage.PERMISSIONS_BOUNDARY:
        return policy.boundaries > 0
    if only_attached:
        return policy.attachments > 0
    return usage is None or policy.attachments > 0 or policy.boundaries == 0


async def aws_records(
    connection: AsyncConnection, account_id: str, found: Iterable[AwsManagedPolicy]
) -> list[PolicyRecord]:
    """The policies as an account sees them: what it has attached them to is its own."""
    chosen = [*found]
    arns = [policy.arn for policy in chosen]
    entities = union_all(*(select(kind.id).where(kind.table.c.account_id == account_id) for kind in KINDS.values()))
    attached = (
        select(attachments.c.policy_arn, func.count())
        .where(attachments.c.policy_arn.in_(arns), attachments.c.entity_id.in_(entities))
        .group_by(attachments.c.policy_arn)
    )
    attachment_counts, boundary_counts = dict.fromkeys(arns, 0), dict.fromkeys(arns, 0)
    for arn, count in await connection.execute(attached):
        attachment_counts[arn] += count
    for table in (users, roles):
        bounded = (
            select(table.c.boundary, func.count())
            .where(table.c.boundary.in_(arns), table.c.account_id == account_id)
            .group_by(table.c.boundary)
        )
        for arn, count in await connection.execute(bounded):
            boundary_counts[arn] += count
    return [
        PolicyRecord(
            policy_id=policy.policy_id,
            account_id=names.AWS,
            name=policy.name,
            path=policy.path,
            description=None,
            default_version=f"v{policy.version}",
            attachments=attachment_counts[policy.arn],
            created=policy.created,
            updated=policy.updated,
            tags={},
            boundaries=boundary_counts[policy.arn],
        )
        for policy in chosen
    ]


def aws_version(policy: AwsManagedPolicy) -> PolicyVersionRecord:
    return PolicyVersionRecord(f"v{policy.version}", policy.document, True, policy.updated)


def _policy(name: str, distilled: Mapping[str, Any]) -> AwsManagedPolicy:
    return AwsManagedPolicy(
        arn=names.managed_policy_arn(names.AWS, distilled["path"], name),
        policy_id=distilled["id"],
        name=name,
        path=distilled["path"],
        version=int(distilled["version"].removeprefix("v")),
        document=json.dumps(distilled["document"], separators=(",", ":")),
        created=datetime.fromisoformat(distilled["created"]),
        updated=datetime.fromisoformat(distilled["updated"]),
    )
