from __future__ import annotations

import pytest

from daypass.service import s3
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from support.s3_exchanges import ROOT, exchange, refusal


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "/bucket/k", {"x-amz-request-payer": "requester"}),
        ("PUT", "/bucket/k", {"x-amz-write-offset-bytes": "1"}),
        ("PUT", "/bucket/k", {"x-amz-object-lock-event-hold": "ON"}),
        ("DELETE", "/bucket/k", {"x-amz-mfa": "1 2"}),
        ("DELETE", "/bucket/k", {"x-amz-if-match-size": "1"}),
        ("GET", "/bucket?list-type=2", {"x-amz-optional-object-attributes": "RestoreStatus"}),
        ("PUT", "/bucket", {"x-amz-bucket-namespace": "x"}),
    ],
)
def test_a_parameter_that_the_model_has_and_the_row_has_not_is_refused(
    method: str, target: str, headers: dict[str, str]
) -> None:
    assert refusal(exchange, method, target, headers) == ("NotImplemented", 501)


@pytest.mark.parametrize(
    ("method", "target", "headers", "caller", "expected"),
    [
        ("HEAD", "/bucket", {"x-amz-expected-bucket-owner": "999999999999"}, ROOT, ("AccessDenied", 403)),
        ("PUT", "/bucket/k", {"x-amz-acl": "public-read"}, ROOT, ("AccessControlListNotSupported", 400)),
        ("PUT", "/bucket/k", {"x-amz-grant-read": "id=1"}, ROOT, ("AccessControlListNotSupported", 400)),
        ("PUT", "/bucket", {"x-amz-acl": "public-read"}, ROOT, ("InvalidBucketAclWithObjectOwnership", 400)),
        ("GET", "/bucket/k?response-expires=x", {}, ANONYMOUS, ("InvalidRequest", 400)),
    ],
)
def test_an_enforced_parameter_is_enforced(
    method: str, target: str, headers: dict[str, str], caller: Caller | Anonymous, expected: tuple[str, int]
) -> None:
    assert refusal(s3.enforce, exchange(method, target, headers, caller=caller)) == expected


def test_an_enforced_parameter_that_holds_changes_nothing() -> None:
    s3.enforce(exchange("HEAD", "/bucket", {"x-amz-expected-bucket-owner": "123456789012"}))
    s3.enforce(exchange("PUT", "/bucket/k", {"x-amz-acl": "bucket-owner-full-control"}))
    s3.enforce(exchange("PUT", "/bucket", {"x-amz-acl": "private"}))
    s3.enforce(exchange("GET", "/bucket/k?response-expires=x"))
