"""service.principals: what is kept of a policy's principals, and how it is shown.

Source: IAM User Guide, "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daypass.errors import ServiceError
from daypass.service import principals, s3_bucket_policy
from daypass.service.ports import RoleRecord, UserRecord
from daypass.store import Store
from support.iam import TRUST_TEXT
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, SqliteEngine

SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/session"


@dataclass
class World:
    store: Store
    user: UserRecord
    role: RoleRecord


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    """The user alice, path /dev/, of another account, and the role worker, path /app/."""
    async with SqliteEngine(directory).open() as store:
        await store.directory.create_account(OTHER_ACCOUNT, NOW)
        user = await store.directory.create_user(OTHER_ACCOUNT, "alice", path="/dev/", tags={}, created=NOW)
        role = await store.directory.create_role(
            ACCOUNT,
            "worker",
            path="/app/",
            description=None,
            trust_policy=TRUST_TEXT,
            max_session_seconds=3600,
            boundary=None,
            tags={},
            created=NOW,
        )
        yield World(store, user, role)


def document(principal: Any, element: str = "Principal") -> dict[str, Any]:
    return {"Statement": [{"Effect": "Deny", element: principal, "Action": "s3:*"}]}


async def bound(world: World, policy: Any) -> str | None:
    return await principals.bind(policy, world.store.identities, world.store.directory)


async def shown(world: World, policy: Any) -> Any:
    arns = await world.store.directory.find_arns(principals.unique_ids(policy))
    principals.name(policy, arns)
    return policy


async def test_users_and_roles_are_kept_by_unique_id_and_shown_by_arn_until_they_are_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        for element in ("Principal", "NotPrincipal"):
            policy = document({"AWS": [there.user.arn, ACCOUNT, there.role.arn, there.user.arn]}, element)
            assert await bound(there, policy) is None
            kept = {"AWS": [there.user.user_id, ACCOUNT, there.role.role_id, there.user.user_id]}
            assert policy == document(kept, element)
            assert principals.unique_ids(policy) == {there.user.user_id, there.role.role_id}
            assert await shown(there, json.loads(json.dumps(policy))) == document(
                {"AWS": [there.user.arn, ACCOUNT, there.role.arn, there.user.arn]}, element
            )
        await there.store.directory.delete_role(there.role.role_id)
        there_again = document({"AWS": there.role.role_id})
        assert await shown(there, there_again) == document({"AWS": there.role.role_id})
        assert await bound(there, there_again) == there.role.role_id


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ACCOUNT},
        {"AWS": [f"arn:aws:iam::{OTHER_ACCOUNT}:root"]},
        {"AWS": SESSION},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"},
        {"Service": "logs.amazonaws.com", "Federated": ["example.com"]},
    ],
)
async def test_every_other_principal_that_is_there_is_kept_as_it_is_written(principal: Any, tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        policy = document(principal)
        assert await bound(there, policy) is None
        assert policy == document(principal)
        assert principals.unique_ids(policy) == set()


@pytest.mark.parametrize(
    "principal",
    [
        f"arn:aws:iam::{OTHER_ACCOUNT}:user/alice",  # another path
        f"arn:aws:iam::{ACCOUNT}:user/dev/alice",  # another account
        f"arn:aws:iam::{OTHER_ACCOUNT}:user/dev/Alice",  # another case
        f"arn:aws:iam::{ACCOUNT}:role/worker",
        f"arn:aws:iam::{ACCOUNT}:role/app/alice",
        f"arn:aws-cn:iam::{ACCOUNT}:role/app/worker",
        f"arn:aws:iam::{ACCOUNT}:role/app/*",
        f"arn:aws:iam::{ACCOUNT}:group/staff",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/session",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/app/worker/session",
        f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/worker/session",
        "arn:aws:sts::999999999999:federated-user/Bob",
        "arn:aws:iam::999999999999:root",
        "999999999999",
        "AROAIOSFODNN7EXAMPLE1",
        "AIDAIOSFODNN7EXAMPLE1",
        "anything",
        "",
    ],
)
async def test_a_principal_that_nobody_is_is_named(principal: str, tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        policy = document({"AWS": [ACCOUNT, principal]})
        assert await bound(there, policy) == principal


async def test_a_bucket_policy_may_name_roles_and_their_sessions(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a-bucket/*"}
        policy = {
            "Version": "2012-10-17",
            "Statement": [{**statement, "Principal": {"AWS": [there.role.arn, SESSION]}}],
        }
        ports = (there.store.identities, there.store.directory)
        kept = await s3_bucket_policy.accept(json.dumps(policy).encode(), "a-bucket", *ports)
        assert json.loads(kept)["Statement"][0]["Principal"] == {"AWS": [there.role.role_id, SESSION]}
        assert json.loads(await s3_bucket_policy.shown(kept, there.store.directory)) == policy
        other = {**statement, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/worker"}}
        with pytest.raises(ServiceError) as refused:
            await s3_bucket_policy.accept(json.dumps(policy | {"Statement": other}).encode(), "a-bucket", *ports)
        assert (refused.value.code, refused.value.message) == ("MalformedPolicy", "Invalid principal in policy")
        assert refused.value.details["Detail"] == f"arn:aws:iam::{ACCOUNT}:role/worker"
