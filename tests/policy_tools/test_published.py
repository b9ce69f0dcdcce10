from __future__ import annotations

import pytest

from daypass.policy import catalog
from daypass.policy_tools import published


def test_the_list_holds_every_service_and_some_twenty_thousand_actions() -> None:
    services = list(published.services())
    assert len(services) > 400
    assert sum([len(published.actions(service)) for service in services]) > 20_000


@pytest.mark.parametrize("service", ["iam", "s3", "sts"])
def test_the_list_and_the_engine_know_the_same_actions_of_the_services_that_are_served(service: str) -> None:
    assert set(published.actions(service)) == set(catalog.actions(service))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("s3:GetObject", {"s3:GetObject"}),
        ("S3:getobject", {"s3:GetObject"}),
        ("s3:GetObjectT*", {"s3:GetObjectTagging", "s3:GetObjectTorrent"}),
        ("s3:GetBucketAc?", {"s3:GetBucketAcl"}),
        ("s3:GetObjct", set()),
        ("s4:GetObject", set()),
        ("GetObject", set()),
        ("*:GetObject", set()),
    ],
)
def test_a_pattern_covers_actions_without_regard_to_case(pattern: str, expected: set[str]) -> None:
    assert {str(action) for action in published.matching(pattern)} == expected


def test_an_action_knows_its_resources_and_the_keys_of_its_requests() -> None:
    listing = published.actions("s3")["listbucket"]
    assert "bucket" in {resource.name for resource in listing.resources}
    assert published.carries(listing, "s3:Prefix")
    assert not published.carries(published.actions("s3")["getobject"], "s3:prefix")
    assert published.carries(published.actions("s3")["getobject"], "s3:ExistingObjectTag/team")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("aws:username", "String"),
        ("AWS:UserName", "String"),
        ("aws:SourceIp", "IPAddress"),
        ("aws:TagKeys", "ArrayOfString"),
        ("aws:CurrentTime", "Date"),
        ("aws:PrincipalArn", "ARN"),
        ("aws:PrincipalTag/team", "String"),
        ("aws:PrincipalTag/", None),
        ("aws:PrincipalTag", None),
        ("s3:max-keys", "Numeric"),
        ("kms:EncryptionContext:app", "String"),
        ("accounts.google.com:sub", "String"),
        ("oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub", "String"),
        ("saml:aud", "String"),
        ("aws:usernam", None),
        ("username", None),
        ("s3:nothing", None),
    ],
)
def test_a_condition_key_has_the_type_that_aws_publishes(key: str, kind: str | None) -> None:
    assert published.key_type(key) == kind


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [
        ("s3:GetObjct", "s3:GetObject"),
        ("s33:GetObject", "s3:GetObject"),
        ("iam:PasRole", "iam:PassRole"),
        ("zzzzz:Nothing", None),
        ("s3:Zzzzzzzzzz", None),
    ],
)
def test_the_nearest_action_to_a_mistyped_one_is_found(unknown: str, nearest: str | None) -> None:
    assert published.nearest_action(unknown) == nearest


def test_the_nearest_key_is_spelled_as_aws_spells_it() -> None:
    assert published.nearest_key("aws:SourceIP4") == "aws:SourceIp"
    assert published.nearest_key("qqqq") is None
