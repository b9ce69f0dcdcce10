"""The AWS managed policies as they are shipped: whole, known by AWS's names, and understood by the policy engine."""

from __future__ import annotations

import json

import pytest

from daypass.names import AWS, Arn
from daypass.policy import Policy, PolicyKind
from daypass.store.aws_managed import AwsManagedPolicy, aws_managed_policies

ALL = [*aws_managed_policies().values()]
NAMES = {policy.name for policy in ALL}


def test_the_policies_that_users_of_s3_stores_attach_are_there() -> None:
    assert {
        "AdministratorAccess",
        "AmazonS3FullAccess",
        "AmazonS3ReadOnlyAccess",
        "IAMFullAccess",
        "IAMReadOnlyAccess",
        "PowerUserAccess",
        "ReadOnlyAccess",
        "SecurityAudit",
    } <= NAMES


def test_they_are_in_the_order_of_their_names_without_case() -> None:
    assert [policy.name for policy in ALL] == sorted(NAMES, key=str.lower)


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.name)
def test_each_has_an_arn_of_aws_itself_and_its_id(policy: AwsManagedPolicy) -> None:
    arn = Arn.parse(policy.arn)
    assert (arn.service, arn.account_id, arn.resource) == ("iam", AWS, f"policy{policy.path}{policy.name}")
    assert policy.policy_id.startswith("ANPA")
    assert len(policy.policy_id) == 21
    assert policy.created <= policy.updated
    assert policy.version >= 1


@pytest.mark.parametrize("kind", [PolicyKind.IDENTITY, PolicyKind.SESSION, PolicyKind.BOUNDARY])
@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.name)
def test_each_compiles_as_whatever_it_can_be_attached_as(policy: AwsManagedPolicy, kind: PolicyKind) -> None:
    assert Policy.parse(policy.document, kind, managed=True).statements()


# AWS Managed Policy Reference Guide, the pages of these policies.
@pytest.mark.parametrize(
    ("name", "version", "statements"),
    [
        ("AdministratorAccess", 1, [{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        (
            "AmazonS3ReadOnlyAccess",
            3,
            [
                {
                    "Effect": "Allow",
                    "Action": [
                        "s3:Get*",
                        "s3:List*",
                        "s3:Describe*",
                        "s3-object-lambda:Get*",
                        "s3-object-lambda:List*",
                    ],
                    "Resource": "*",
                }
            ],
        ),
        ("AmazonS3FullAccess", 2, [{"Effect": "Allow", "Action": ["s3:*", "s3-object-lambda:*"], "Resource": "*"}]),
        ("AWSDenyAll", 2, [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}]),
    ],
)
def test_their_documents_are_aws_s(name: str, version: int, statements: list[object]) -> None:
    policy = next(policy for policy in ALL if policy.name == name)
    assert json.loads(policy.document) == {"Version": "2012-10-17", "Statement": statements}
    assert policy.version == version
