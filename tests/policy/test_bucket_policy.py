"""What S3 asks of a bucket policy: the catalogue decides, for every action and key in it."""

from __future__ import annotations

from typing import Any

import pytest

from daypass.policy import PolicyFault
from daypass.policy.bucket_policy import faults
from daypass.policy.catalog import actions

BUCKET, OBJECTS = "arn:aws:s3:::reports", "arn:aws:s3:::reports/*"


def found(**elements: Any) -> list[PolicyFault]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS} | elements
    return [fault for fault, _, _ in faults({name: value for name, value in statement.items() if value is not None})]


@pytest.mark.parametrize("action", sorted(actions("s3")))
def test_an_action_fits_the_bucket_the_objects_or_neither(action: str) -> None:
    types = {resource.name for resource in actions("s3")[action].resources}
    for resource, kind in ((BUCKET, "bucket"), (OBJECTS, "object")):
        expected = [] if kind in types else [PolicyFault.ACTION_FITS_NO_RESOURCE]
        assert found(Action=f"s3:{action}", Resource=resource) == expected
    both = [] if types & {"bucket", "object"} else [PolicyFault.ACTION_FITS_NO_RESOURCE]
    assert found(Action=f"s3:{action}", Resource=[BUCKET, OBJECTS]) == both


@pytest.mark.parametrize("key", sorted({key for action in actions("s3").values() for key in action.keys}))
def test_a_key_is_accepted_with_the_actions_that_have_it(key: str) -> None:
    named = f"{key}team" if key.endswith("/") else key
    for name, resource in (("GetObject", OBJECTS), ("PutObject", OBJECTS), ("ListBucket", BUCKET)):
        has = key.startswith("aws:") or key in actions("s3")[name.lower()].keys
        condition = {"StringEquals": {named: "x"}}
        expected = [] if has else [PolicyFault.INVALID_CONDITION]
        assert found(Action=f"s3:{name}", Resource=resource, Condition=condition) == expected
        # An action with a wildcard is not held to the keys.
        assert found(Action="s3:*", Resource=resource, Condition=condition) == []


@pytest.mark.parametrize("operator", ["IpAddress", "NotIpAddress", "StringEquals"])
def test_a_source_address_is_an_address_whatever_the_operator(operator: str) -> None:
    assert found(Condition={operator: {"aws:SourceIp": "10.0.0.0/8"}}) == []
    assert found(Condition={operator: {"AWS:sourceip": ["10.0.0.0/8", "here"]}}) == [PolicyFault.INVALID_CONDITION]


def test_not_action_and_not_resource_are_held_to_names_alone() -> None:
    assert found(Action=None, NotAction="s3:GetObject", Resource=BUCKET) == []
    assert found(Resource=None, NotResource=BUCKET) == []
    assert found(Action=None, NotAction="s3:Nothing") == [PolicyFault.INVALID_ACTION]
    assert found(Resource=None, NotResource="x") == [PolicyFault.INVALID_RESOURCE]


@pytest.mark.parametrize("value", ["true", "false"])
def test_whether_there_is_a_source_address_at_all_may_be_asked(value: str) -> None:
    """A request through a VPC endpoint has none. Source: IAM User Guide, "Condition operator to check existence"."""
    assert found(Condition={"Null": {"aws:SourceIp": value}}) == []
