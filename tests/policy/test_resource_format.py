"""IAM's texts for resources; most are rows of vectors/policy_documents.json."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.policy.resource_format import fails_legacy_parsing, resource_fault


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:s3:::reports",
        "arn:aws:s3",
        "arn:aws:s3:*:111122223333:job/*",
        "arn:aws-cn:sqs:cn-north-1:111122223333:jobs",
        "arn:aws-us-gov:iam::111122223333:user/alice",
        "arn:aws*:s3:::reports",
        "arn:aws:iam::*:role/*",
        "arn:aws:iam::111122223333:oidc-provider/accounts.google.com",
        "arn:aws:*:*:*:*",
    ],
)
def test_iam_has_nothing_to_say_of_a_resource_that_it_accepts(resource: str) -> None:
    assert resource_fault(resource) is None
    assert not fails_legacy_parsing(resource)


@given(st.text(alphabet="arn:aws3im*/user-x", max_size=40))
def test_any_text_is_judged(text: str) -> None:
    fault = resource_fault(text)
    assert fault is None or fault
    assert fails_legacy_parsing(text) in (True, False)
    if fault is None and text != "*":
        assert text.startswith("arn:")
