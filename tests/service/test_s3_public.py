from __future__ import annotations

import json
from typing import Any

import pytest

from daypass.policy import Policy, PolicyKind
from daypass.service import s3_public
from daypass.service.caller import ANONYMOUS
from daypass.wire import s3_xml
from support.s3_exchanges import BUCKET, ROOT, refusal
from support.values import replace


def grant(principal: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject"}
    statement["Resource"] = "arn:aws:s3:::bucket/*"
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | more]})


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


@pytest.mark.parametrize(
    ("document", "public"),
    [
        (grant("*"), True),
        (grant({"AWS": "*"}), True),
        (grant({"AWS": ["arn:aws:iam::123456789012:user/u", "*"]}), True),
        (grant({"AWS": "arn:aws:iam::123456789012:user/u"}), False),
        (grant({"Service": "logging.s3.amazonaws.com"}), False),
        (grant("*", Effect="Deny"), False),
        (grant("*", **when("IpAddress", "aws:SourceIp", "203.0.113.0/24")), False),
        (grant("*", **when("IpAddress", "aws:SourceIp", "203.0.113.0/24", "0.0.0.0/1")), True),
        (grant("*", **when("IpAddress", "aws:SourceIp", "10.0.0.0/8")), False),
        (grant("*", **when("IpAddress", "aws:SourceIp", "2000::/3")), True),
        (grant("*", **when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24")), True),
        (grant("*", **when("StringEquals", "aws:SourceVpc", "vpc-1")), False),
        (grant("*", **when("StringLike", "aws:SourceVpc", "vpc-*")), True),
        (grant("*", **when("StringEquals", "aws:SourceVpc", "${aws:username}")), True),
        (grant("*", **when("StringEqualsIfExists", "aws:SourceVpc", "vpc-1")), True),
        (grant("*", **when("StringEquals", "s3:prefix", "public/")), True),
        (grant("*", **when("StringLike", "aws:userid", "AROAEXAMPLE:*")), True),
        (grant("*", **when("ArnEquals", "aws:SourceArn", "arn:aws:sns:us-east-1:123456789012:t")), False),
    ],
)
def test_a_policy_is_public_unless_it_grants_to_fixed_values_only(document: str, public: bool) -> None:
    """S3 User Guide, "The meaning of public"."""
    assert s3_public.is_public(document) is public


def test_a_public_bucket_shuts_out_all_but_its_own_account_where_it_is_told_to() -> None:
    policy = Policy.parse(grant("*"), PolicyKind.RESOURCE, id="p")
    restricted = s3_public.PublicAccessBlock(restrict_public_buckets=True).kept()
    bucket = replace(BUCKET, policy=policy, public_access_block=restricted)
    stranger = replace(ROOT, account=replace(ROOT.account, account_id="999999999999"))
    assert s3_public.shuts_out(bucket, ANONYMOUS)
    assert s3_public.policy_in_force(bucket, ANONYMOUS) is None
    assert s3_public.policy_in_force(bucket, ROOT) is policy
    assert s3_public.shuts_out(bucket, stranger)
    assert not s3_public.shuts_out(bucket, ROOT)
    assert not s3_public.shuts_out(replace(bucket, public_access_block=None), ANONYMOUS)
    blocked_only = s3_public.PublicAccessBlock(block_public_policy=True).kept()
    assert not s3_public.shuts_out(replace(bucket, public_access_block=blocked_only), ANONYMOUS)
    fixed = Policy.parse(grant({"AWS": "arn:aws:iam::999999999999:root"}), PolicyKind.RESOURCE, id="p")
    assert not s3_public.shuts_out(replace(bucket, policy=fixed), stranger)


def test_the_settings_are_kept_and_shown_as_they_were_put() -> None:
    document = (
        b"<PublicAccessBlockConfiguration><BlockPublicPolicy>TRUE</BlockPublicPolicy></PublicAccessBlockConfiguration>"
    )
    block = s3_public.read_block(s3_xml.parse(document))
    assert block == s3_public.PublicAccessBlock(block_public_policy=True)
    assert s3_public.kept_block(block.kept()) == block
    assert dict(block.content())["RestrictPublicBuckets"] == "false"
    assert s3_public.kept_block(None) == s3_public.PublicAccessBlock()


@pytest.mark.parametrize(
    "inside",
    [
        "<Other>true</Other>",
        "<BlockPublicPolicy>yes</BlockPublicPolicy>",
        "<BlockPublicPolicy>true</BlockPublicPolicy>" * 2,
    ],
)
def test_settings_that_could_be_read_two_ways_are_refused(inside: str) -> None:
    root = s3_xml.parse(f"<PublicAccessBlockConfiguration>{inside}</PublicAccessBlockConfiguration>".encode())
    assert refusal(s3_public.read_block, root) == ("MalformedXML", 400)
