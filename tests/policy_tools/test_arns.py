from __future__ import annotations

import time

import pytest

from daypass.policy_tools.arns import meet

BUCKET = "arn:*:s3:::%"
OBJECT = "arn:*:s3:::%/*"
USER = "arn:*:iam::*:user/*"


@pytest.mark.parametrize(
    ("pattern", "type_arn", "common"),
    [
        ("*", BUCKET, True),
        ("arn:aws:s3:::reports", BUCKET, True),
        ("arn:aws:s3:::reports", OBJECT, False),
        ("arn:aws:s3:::reports/*", OBJECT, True),
        ("arn:aws:s3:::reports/*", BUCKET, False),
        ("arn:aws:s3:::r*", BUCKET, True),
        ("arn:aws:s3:::r*", OBJECT, True),
        ("arn:aws:s3:::*", OBJECT, True),
        ("arn:aws:s3:::report?", BUCKET, True),
        ("arn:aws:s3:::reports?x", OBJECT, True),
        ("arn:aws:s3:::${aws:username}/x", OBJECT, True),
        ("arn:aws:s3:::a${*}b", BUCKET, True),
        ("arn:aws:s3::111122223333:reports", BUCKET, False),
        ("arn:aws:s3:us-east-1::reports", BUCKET, False),
        ("arn:aws:s3", BUCKET, True),
        ("arn:*", USER, True),
        ("arn:aws:iam", OBJECT, False),
        ("arn:aws:iam::111122223333:user/div/bob", USER, True),
        ("arn:aws:iam::111122223333:role/bob", USER, False),
        ("arn:aws:iam::*:*/bob", USER, True),
        ("arn:aws:iam::111122223333:us", USER, False),
    ],
)
def test_two_patterns_meet_where_an_arn_matches_both(pattern: str, type_arn: str, common: bool) -> None:
    assert meet(pattern, type_arn) is common


def test_a_hostile_pattern_is_answered_in_a_moment() -> None:
    started = time.process_time()
    assert not meet("arn:aws:s3:::" + "*a" * 500 + "b", "arn:*:s3:::" + "*a" * 30 + "*c")
    assert meet("arn:aws:s3:::" + "*a" * 100_000, OBJECT)
    assert time.process_time() - started < 2
