"""The catalogue of actions, resources and condition keys of sts, iam and s3."""

from __future__ import annotations

import pytest

from daypass.policy.catalog import actions, condition_keys


@pytest.mark.parametrize(
    ("service", "action", "arns"),
    [
        ("s3", "GetObject", {"arn:*:s3:::*/*", "arn:*:s3:*:*:accesspoint/*/object/*"}),
        ("s3", "ListBucket", {"arn:*:s3:::*", "arn:*:s3:*:*:accesspoint/*"}),
        ("s3", "ListAllMyBuckets", set()),
        ("sts", "GetFederationToken", {"arn:*:sts::*:federated-user/*"}),
        ("sts", "AssumeRole", {"arn:*:iam::*:role/*"}),
        ("sts", "GetCallerIdentity", set()),
        ("iam", "CreateUser", {"arn:*:iam::*:user/*"}),
        ("iam", "AttachUserPolicy", {"arn:*:iam::*:user/*"}),
    ],
)
def test_an_action_acts_on_resources_of_known_shapes(service: str, action: str, arns: set[str]) -> None:
    # Source: Service Authorization Reference.
    found = actions(service)[action.lower()]
    assert found.name == action
    assert {resource.arn for resource in found.resources} == arns


@pytest.mark.parametrize(
    ("service", "action", "key", "has"),
    [
        ("s3", "ListBucket", "s3:prefix", True),
        ("s3", "GetObject", "s3:prefix", False),
        ("s3", "PutObject", "s3:x-amz-acl", True),
        ("s3", "GetObject", "s3:existingobjecttag/team", True),
        ("s3", "GetObject", "s3:existingobjecttag/", False),
        ("s3", "GetObject", "s3:existingobjecttag", False),
        ("s3", "GetObject", "s3:versionid", False),
        ("s3", "GetObjectVersion", "s3:versionid", True),
        ("s3", "GetObject", "s3:buckettag/team", True),
        ("sts", "GetFederationToken", "aws:requesttag/team", True),
        ("sts", "AssumeRole", "sts:externalid", True),
        ("iam", "AttachUserPolicy", "iam:policyarn", True),
    ],
)
def test_an_action_has_the_condition_keys_of_itself_and_of_its_resources(
    service: str, action: str, key: str, has: bool
) -> None:
    assert actions(service)[action.lower()].has_key(key) is has


def test_an_unknown_service_has_no_actions_and_no_keys() -> None:
    assert actions("nothing") == {}
    assert condition_keys("nothing") == {}


def test_condition_keys_have_types_and_every_key_of_an_action_of_the_service_is_among_them() -> None:
    assert condition_keys("s3")["s3:max-keys"] == "Numeric"
    assert condition_keys("sts")["aws:tagkeys"] == "ArrayOfString"
    for service in ("iam", "s3", "sts"):
        for action in actions(service).values():
            own = {key for key in action.keys if key.startswith(f"{service}:")}
            assert own <= condition_keys(service).keys()
            assert action.keys == {key.lower() for key in action.keys}


def test_the_catalogue_is_not_read_before_it_is_asked() -> None:
    assert len(actions("s3")) > 150
    assert actions("s3") is actions("s3")
