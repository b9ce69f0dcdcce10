"""Signature Version 2 against botocore's signer, and what it does not sign. Who may use it: tests/edge/test_arrival."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.wire import sigv2
from daypass.wire.http import Headers, RawRequest
from support.signing import raw_request

SECRET = Secret("secret")


def signed(
    method: str = "GET",
    target: str = "/bucket/key",
    headers: dict[str, str] | None = None,
    *,
    token: str | None = None,
    also_sent: Headers = (),
) -> RawRequest:
    """As botocore presigns it, and as its holder sends it: what is in the URL is in no header."""
    request = AWSRequest(method, f"http://host{target}", headers=headers or {})
    HmacV1QueryAuth(BotocoreCredentials("AKIAIOSFODNN7EXAMPLE", SECRET.reveal(), token), expires=300).add_auth(request)
    parts = urlsplit(str(request.url))
    return raw_request(
        method, parts.path.encode(), parts.query.encode(), ((b"host", b"host"), *also_sent), b"", datetime.now(UTC)
    )


def is_right(request: RawRequest) -> bool:
    claim, text, _ = sigv2.read_claim(request, request.path)
    return sigv2.is_right(claim, text, SECRET)


def is_accepted(request: RawRequest) -> bool:
    try:
        return is_right(request)
    except ServiceError:
        return False


@pytest.mark.parametrize(
    "request_signed",
    [
        pytest.param(signed(), id="a GET"),
        pytest.param(signed(target="/bucket/a%20b/%C3%A9%2F"), id="escapes in the path"),
        pytest.param(signed(target="/bucket/key?versionId=1&response-content-type=text%2Fplain"), id="parameters"),
        pytest.param(signed("PUT", headers={"Content-Type": "text/plain"}), id="a type"),
        pytest.param(signed("PUT", headers={"x-amz-meta-b": "2", "x-amz-meta-a": "1"}), id="headers that are signed"),
        pytest.param(signed(token="token"), id="a session's token"),
    ],
)
def test_what_botocore_signs_is_right(request_signed: RawRequest) -> None:
    assert is_accepted(request_signed)


def test_a_claim_says_what_it_is() -> None:
    claim, _, unsigned = sigv2.read_claim(signed(token="token"), b"/bucket/key")
    assert (claim.location, claim.algorithm, claim.service) == ("query", "AWS", "s3")
    assert (claim.access_key_id, claim.session_token) == ("AKIAIOSFODNN7EXAMPLE", "token")
    assert unsigned.query == b""
    assert unsigned.header(b"x-amz-security-token") is None


def test_what_was_signed_in_the_url_is_a_header_afterwards() -> None:
    request = signed("PUT", "/bucket/key?versionId=7", {"Content-Type": "text/plain", "x-amz-meta-a": "1"})
    _, _, unsigned = sigv2.read_claim(request, b"/bucket/key")
    assert unsigned.query == b"versionId=7"
    assert unsigned.header(b"content-type") == "text/plain"
    assert unsigned.header(b"x-amz-meta-a") == "1"


def test_a_header_that_nobody_signed_changes_the_signature() -> None:
    assert not is_right(signed(also_sent=((b"x-amz-acl", b"private"),)))


def test_a_header_that_is_not_what_the_url_says_is_refused() -> None:
    request = signed("PUT", headers={"x-amz-meta-a": "1"}, also_sent=((b"x-amz-meta-a", b"2"),))
    with pytest.raises(ServiceError, match="InvalidArgument"):
        is_right(request)


@pytest.mark.parametrize(
    "added",
    [
        b"&tagging",
        b"&acl",
        b"&list-type=2",
        b"&prefix=a",
        b"&X-Amz-Algorithm",
        b"&uploads",
        b"&x-amz-meta-%E2%82%AC=1",
    ],
)
def test_a_parameter_that_version_2_leaves_unsigned_or_we_do_not_serve_is_no_part_of_it(added: bytes) -> None:
    request = signed()
    longer = RawRequest(
        request.method,
        request.path,
        request.query + added,
        request.headers,
        b"",
        request.source_ip,
        request.secure,
        request.received,
    )
    assert not is_accepted(longer)
