"""What IAM answers to wrong inputs, action by action, and that a refused call changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from support.api import in_process
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, TRUST_TEXT, refusal

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "iam_errors.json").read_text())
ROWS = [pytest.param(row, id=f"{row['action']}: {row['case']}") for row in VECTORS["rows"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The world of the rows, as its root user sees it."""
    with in_process(tmp_path_factory.mktemp("iam") / "data") as server:
        iam = client(server, server.root)
        for user in ("alice", "bob"):
            iam.create_user(UserName=user)
        iam.create_group(GroupName="staff")
        for role in ("worker", "idle"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST_TEXT)
        iam.create_policy(PolicyName="readers", PolicyDocument=DOCUMENT_TEXT)
        iam.create_instance_profile(InstanceProfileName="box")
        iam.add_role_to_instance_profile(InstanceProfileName="box", RoleName="worker")
        yield iam


def everything(iam: Any) -> tuple[Any, Any]:
    details = iam.get_account_authorization_details()
    del details["ResponseMetadata"]
    return details, iam.list_instance_profiles()["InstanceProfiles"]


@pytest.mark.parametrize("row", ROWS)
def test_a_wrong_input_is_refused_in_awss_words_and_changes_nothing(row: dict[str, Any], world: Any) -> None:
    before = everything(world)
    refused = refusal(getattr(world, xform_name(row["action"])), **row["parameters"])
    assert refused == (row["status"], row["code"], row["message"]), row["source"]
    assert everything(world) == before
