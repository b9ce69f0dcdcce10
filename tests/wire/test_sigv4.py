"""Signature Version 4 against AWS's published cases, against botocore's signers, and against bad input."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from botocore import auth
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from daypass.names import Secret
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.sigv4 import Fault, SignatureFault
from support.signing import (
    AT,
    HOST,
    REGION,
    Credentials,
    botocore_signed,
    header_signed,
    payload_hash,
    query_signed,
    raw_request,
    sha256,
    with_authorization,
    with_header,
)
from support.values import replace

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors/sigv4.json").read_text(encoding="utf-8")
)
KEY = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION_KEY = Credentials("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3Jp+/Z2lu==")


def signing_key_for(claim: sigv4.Claim, secret: str = KEY.secret) -> sigv4.SigningKey:
    return sigv4.signing_key(Secret(secret), claim.date, claim.region, claim.service)


def read(request: RawRequest) -> sigv4.Claim:
    claim = sigv4.read_claim(request)
    assert claim is not None
    return claim


def fault_of(request: RawRequest) -> SignatureFault:
    with pytest.raises(SignatureFault) as raised:
        sigv4.read_claim(request)
    return raised.value


def is_right(request: RawRequest, secret: str = KEY.secret, hashed: str | None = None) -> bool:
    claim = read(request)
    try:
        sigv4.verify(request, claim, hashed or payload_hash(request), signing_key_for(claim, secret))
    except SignatureFault:
        return False
    return True


# ---- AWS's published cases ---------------------------------------------------------------------------------


def published(row: dict[str, Any]) -> RawRequest:
    return raw_request(
        row["method"],
        row["path"].encode(),
        row["query"].encode(),
        tuple((name.encode(), value.encode()) for name, value in row["headers"]),
        row["body"].encode(),
        datetime.strptime(row["received"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
    )


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_every_step_of_a_published_case_comes_out_as_published(row: dict[str, Any]) -> None:
    request = published(row)
    claim = read(request)
    canonical = sigv4.canonical_request(request, claim, payload_hash(request))
    if row["canonical_request"] is not None:
        assert canonical.decode() == row["canonical_request"]
    to_sign = sigv4.string_to_sign(claim, canonical)
    if row["string_to_sign"] is not None:
        assert to_sign.decode() == row["string_to_sign"]
    assert signing_key_for(claim, row["secret_access_key"]).signature(to_sign) == row["signature"]
    assert claim.signature == row["signature"]


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["name"])
def test_a_published_case_verifies_and_with_another_secret_does_not(row: dict[str, Any]) -> None:
    assert is_right(published(row), row["secret_access_key"])
    assert not is_right(published(row), row["secret_access_key"] + "x")


def test_the_published_cases_cover_both_places_and_three_services() -> None:
    claims = [read(published(row)) for row in VECTORS]
    assert len(claims) >= 50
    assert {claim.location for claim in claims} == {"header", "query"}
    assert {claim.service for claim in claims} == {"service", "iam", "s3"}


# ---- botocore's signers, unmodified ------------------------------------------------------------------------

# What HTTP lets a header value be, without what some stacks trim or fold on the way.
header_values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20).flatmap(
    lambda word: st.sampled_from([word, f"{word} {word}", f"{word}   {word}"])
)
header_names = st.sampled_from(["x-amz-acl", "x-amz-meta-a", "x-amz-meta-b", "content-type", "range", "x-other"])
headers = st.dictionaries(header_names, header_values, max_size=4)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
parameter_names = texts.filter(lambda name: name and not name.startswith(("X-Amz-", "AWSAccessKeyId")))
parameters = st.dictionaries(parameter_names, texts, max_size=4)
bodies = st.binary(max_size=64)
tokens = st.none() | st.text("ABCxyz019+/=", min_size=1, max_size=40)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])


def url(path: str, query: dict[str, str]) -> str:
    pairs = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items())
    return f"http://{HOST}{quote(path, safe='/~')}" + (f"?{pairs}" if pairs else "")


@given(methods, texts, parameters, headers, bodies, tokens)
@example("GET", "a/../b//./c d", {"list-type": "2", "prefix": "a b/+"}, {"x-amz-meta-a": "a   b"}, b"", None)
@example("PUT", "%2F%zz+é", {}, {}, b"x", "AAA")
def test_what_botocore_signs_for_s3_verifies(
    method: str, key: str, query: dict[str, str], given: dict[str, str], body: bytes, token: str | None
) -> None:
    signer = auth.S3SigV4Auth(BotocoreCredentials(KEY.access_key_id, KEY.secret, token), "s3", REGION)
    request = botocore_signed(signer, method, url("/bucket/" + key, query), given, body)
    assert is_right(request)
    assert read(request).session_token == token
    assert not is_right(replace(request, path=request.path + b"x"))


@given(methods, texts, parameters, headers, tokens)
def test_what_botocore_presigns_for_s3_verifies(
    method: str, key: str, query: dict[str, str], given: dict[str, str], token: str | None
) -> None:
    signer = auth.S3SigV4QueryAuth(BotocoreCredentials(KEY.access_key_id, KEY.secret, token), "s3", REGION, 60)
    request = botocore_signed(signer, method, url("/bucket/" + key, query), given, b"")
    assert is_right(request)
    claim = read(request)
    assert (claim.location, claim.session_token, claim.expires_seconds) == ("query", token, 60)
    assert not is_right(replace(request, query=request.query + b"&versionId=1"))


@given(st.sampled_from(["sts", "iam"]), methods, texts, parameters, headers, bodies, tokens)
@example("iam", "POST", "/a/./b/../..//c d/", {}, {}, b"", None)
@example("sts", "POST", "/..", {}, {}, b"", None)
@example("sts", "POST", "a/.", {}, {}, b"", None)
@example("sts", "POST", "a/b/..", {}, {}, b"", None)
def test_what_botocore_signs_for_the_query_protocol_verifies(
    service: str,
    method: str,
    path: str,
    query: dict[str, str],
    given: dict[str, str],
    body: bytes,
    token: str | None,
) -> None:
    signer = auth.SigV4Auth(BotocoreCredentials(KEY.access_key_id, KEY.secret, token), service, REGION)
    request = botocore_signed(signer, method, url("/" + path, query), given, body)
    assert is_right(request)
    assert not is_right(replace(request, body=body + b"x"))


@given(st.sampled_from(["sts", "iam"]), parameters, tokens)
def test_what_botocore_presigns_for_the_query_protocol_verifies(
    service: str, query: dict[str, str], token: str | None
) -> None:
    signer = auth.SigV4QueryAuth(BotocoreCredentials(KEY.access_key_id, KEY.secret, token), service, REGION, 60)
    request = botocore_signed(signer, "GET", url("/", query), {}, b"")
    assert is_right(request)
    assert not is_right(with_header(request, b"host", lambda _: b"elsewhere.example"))


@given(st.sampled_from(["s3", "sts"]), texts, parameters, headers, bodies)
def test_our_own_signature_is_the_one_botocore_makes(
    service: str, key: str, query: dict[str, str], given: dict[str, str], body: bytes
) -> None:
    signer_class = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    signer = signer_class(BotocoreCredentials(KEY.access_key_id, KEY.secret), service, REGION)
    theirs = botocore_signed(signer, "PUT", url("/bucket/" + key, query), given, body)
    claim = read(theirs)
    signed = tuple((name, value) for name, value in theirs.headers if name.decode() in claim.signed_headers)
    ours = sigv4.sign(
        "PUT",
        theirs.path,
        theirs.query,
        signed,
        sha256(body),
        KEY.access_key_id,
        Secret(KEY.secret),
        REGION,
        service,
        claim.request_time,
    )
    assert ours == theirs.header(b"authorization")


# ---- every part that is signed counts ----------------------------------------------------------------------

CHANGES: dict[str, Any] = {
    "the method": lambda request: replace(request, method="PUT"),
    "the path": lambda request: replace(request, path=request.path + b"a"),
    "the query": lambda request: replace(request, query=request.query + b"&a=b"),
    "a signed header": lambda request: with_header(request, b"x-amz-meta-a", lambda _: b"2"),
    "a signed header taken away": lambda request: with_header(request, b"x-amz-meta-a", lambda _: None),
    "the host": lambda request: with_header(request, b"host", lambda _: b"other.example"),
    "the body": lambda request: replace(request, body=b"other"),
    "the signature": lambda request: with_authorization(request, r"Signature=.", "Signature=x"),
    "the region": lambda request: with_authorization(request, REGION, "eu-west-1"),
    "the signature's case": lambda request: with_authorization(
        request, r"Signature=(.*)", lambda match: "Signature=" + match[1].upper()
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_to_what_was_signed_is_seen(change: Any) -> None:
    request = header_signed(KEY, "sts", headers=((b"x-amz-meta-a", b"1"),), query=b"a=1")
    assert is_right(request)
    assert not is_right(change(request))


def test_a_header_that_was_not_signed_may_change_outside_s3() -> None:
    request = header_signed(KEY, "sts")
    assert is_right(replace(request, headers=(*request.headers, (b"user-agent", b"curl"))))


@pytest.mark.parametrize(
    "sent",
    [b"a=1&b=%7E%41", b"b=~A&a=1", b"b=%7e%41&&a=1", b"&a=1&b=~%41&"],
    ids=["as signed", "another order", "another encoding", "empty pairs"],
)
def test_a_query_string_means_the_same_in_every_order_and_encoding(sent: bytes) -> None:
    request = header_signed(KEY, "sts", query=b"a=1&b=%7E%41")
    assert is_right(replace(request, query=sent))


def test_a_plus_in_a_query_string_is_a_space_and_in_a_path_a_plus() -> None:
    request = header_signed(KEY, "s3", path=b"/b/a%2Bb", query=b"prefix=a%20b")
    assert is_right(replace(request, path=b"/b/a+b", query=b"prefix=a+b"))
    assert not is_right(replace(request, path=b"/b/a%20b"))


def test_an_escaped_slash_in_an_s3_key_is_not_a_slash() -> None:
    request = header_signed(KEY, "s3", path=b"/b/a%2Fb")
    assert b"/b/a%2Fb" in sigv4.canonical_request(request, read(request), "-")
    assert not is_right(replace(request, path=b"/b/a/b"))


@pytest.mark.parametrize("path", [b"/b/a/../c", b"/b/./c", b"/b//c", b"/b/c/"])
def test_an_s3_path_is_taken_as_it_stands(path: bytes) -> None:
    request = header_signed(KEY, "s3", path=path)
    assert sigv4.canonical_request(request, read(request), "-").split(b"\n")[1] == path
    assert not is_right(replace(request, path=b"/b/c"))


# Slow only if a component were matched by trying every way to split it.
def test_a_long_component_that_needs_encoding_takes_linear_time() -> None:
    path = b"/b/" + b"a" * 60_000 + b"\xff"
    request = header_signed(KEY, "s3", path=path, query=b"prefix=" + b"a" * 60_000 + b"!")
    assert is_right(request)


# ---- reading a claim ---------------------------------------------------------------------------------------


def test_a_request_without_any_signature_makes_no_claim() -> None:
    assert sigv4.read_claim(raw_request("GET", b"/bucket/key", b"list-type=2", ((b"host", b"h"),), b"")) is None


def test_a_header_claim_says_what_was_sent() -> None:
    claim = read(header_signed(SESSION_KEY, "s3", region="eu-west-1"))
    assert (claim.location, claim.access_key_id, claim.date) == ("header", SESSION_KEY.access_key_id, "20260101")
    assert (claim.region, claim.service, claim.terminator) == ("eu-west-1", "s3", "aws4_request")
    assert claim.signed_headers == ("host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
    assert (claim.amz_date, claim.request_time, claim.expires_seconds) == ("20260101T120000Z", AT, None)
    assert claim.session_token == SESSION_KEY.token
    assert claim.declared_payload_hash == sha256(b"Action=GetCallerIdentity&Version=2011-06-15")


def test_a_query_claim_says_what_was_sent() -> None:
    claim = read(query_signed(SESSION_KEY, "s3", query=b"", parameters={"X-Amz-Expires": "604800"}))
    assert (claim.location, claim.access_key_id, claim.service) == ("query", SESSION_KEY.access_key_id, "s3")
    assert (claim.expires_seconds, claim.session_token) == (604_800, SESSION_KEY.token)
    assert claim.declared_payload_hash is None


def test_a_date_header_serves_where_there_is_no_x_amz_date() -> None:
    request = header_signed(KEY, "sts", headers=((b"date", b"Thu, 01 Jan 2026 12:00:00 GMT"),))
    claim = read(with_header(request, b"x-amz-date", lambda _: None))
    assert (claim.amz_date, claim.request_time) == ("20260101T120000Z", AT)
    assert read(with_header(request, b"date", lambda _: b"nonsense")).request_time == AT


@pytest.mark.parametrize(
    "date",
    [
        b"20260101T120000",
        b"20260101T120000+",
        b"2026-01-01T12:00:00Z",
        b"20261301T120000Z",
        b"20260101T126000Z",
        b"00000101T120000Z",
        b"2026010\xb2T120000Z",
        b"Thu, 01 Foo 2026 12:00:00 GMT",
        b"Thu, 32 Jan 2026 12:00:00 GMT",
    ],
)
def test_a_date_in_another_form_is_no_date(date: bytes) -> None:
    fault = fault_of(with_header(header_signed(KEY, "sts"), b"x-amz-date", lambda _: date))
    assert fault.fault is Fault.HEADER_DATE


@pytest.mark.parametrize(("seconds", "fault"), [(900, None), (901, Fault.TOO_OLD), (-900, None), (-901, Fault.TOO_NEW)])
@pytest.mark.parametrize("service", ["sts", "iam", "s3"])
def test_a_header_signature_stands_for_15_minutes_on_either_side(
    service: str, seconds: int, fault: Fault | None
) -> None:
    request = header_signed(KEY, service, received=AT + timedelta(seconds=seconds))
    if fault is None:
        assert is_right(request)
    else:
        assert fault_of(request).fault is fault


@pytest.mark.parametrize(
    ("service", "expires", "seconds", "fault"),
    [
        ("s3", "86400", 86_399, None),
        ("s3", "86400", 86_400, Fault.PRESIGNED_OVER),
        ("s3", "60", 60, Fault.PRESIGNED_OVER),
        ("s3", "60", -900, None),
        ("s3", "60", -901, Fault.TOO_NEW),
        ("sts", "86400", 900, None),
        ("sts", "86400", 901, Fault.TOO_OLD),
        ("sts", "60", 59, None),
        ("sts", "60", 60, Fault.PRESIGNED_OVER),
        ("sts", "", 900, None),
        ("sts", "", 901, Fault.TOO_OLD),
        ("iam", "60", -901, Fault.TOO_NEW),
    ],
)
def test_a_presigned_request_stands_as_long_as_it_says_and_outside_s3_15_minutes_at_most(
    service: str, expires: str, seconds: int, fault: Fault | None
) -> None:
    received = AT + timedelta(seconds=seconds)
    request = query_signed(KEY, service, received=received, parameters={"X-Amz-Expires": expires})
    if fault is None:
        assert is_right(request)
    else:
        assert fault_of(request).fault is fault


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "1.5", "x", "9999999999", "١"])
@pytest.mark.parametrize("service", ["sts", "s3"])
def test_an_expiry_outside_a_week_is_refused(service: str, expires: str) -> None:
    assert fault_of(query_signed(KEY, service, parameters={"X-Amz-Expires": expires})).fault is Fault.EXPIRES


def test_a_presigned_url_of_s3_may_travel_beside_an_application_s_own_authorization() -> None:
    request = query_signed(KEY, "s3", query=b"", headers=((b"authorization", b"Bearer abc"),))
    assert read(request).location == "query"
    assert is_right(request)


@pytest.mark.parametrize(
    ("service", "authorization"),
    [
        ("s3", b"AWS4-HMAC-SHA256 Credential=a"),
        ("s3", b"AWS a:b"),
        ("s3", b"aws4-hmac-sha256 x=y"),
        ("sts", b"Bearer a"),
    ],
)
def test_two_signatures_in_one_request_are_refused(service: str, authorization: bytes) -> None:
    request = query_signed(KEY, service, headers=((b"authorization", authorization),))
    assert fault_of(request).fault is Fault.TWO_LOCATIONS


def test_a_signature_parameter_beside_a_signed_header_makes_two_places() -> None:
    request = header_signed(KEY, "s3", query=b"X-Amz-Signature=0")
    assert fault_of(request).fault is Fault.TWO_LOCATIONS
    assert fault_of(replace(request, query=b"X%2DAmz%2dSignature=0")).fault is Fault.TWO_LOCATIONS
    assert fault_of(replace(request, query=b"AWSAccessKeyId=a&Signature=b")).fault is Fault.TWO_LOCATIONS


@pytest.mark.parametrize("service", ["sts", "s3"])
@pytest.mark.parametrize("name", [b"authorization", b"host", b"x-amz-date", b"x-amz-security-token"])
def test_a_header_that_the_signature_depends_on_comes_once(service: str, name: bytes) -> None:
    request = header_signed(SESSION_KEY, service)
    value = dict(request.headers)[name]
    fault = fault_of(replace(request, headers=(*request.headers, (name, value))))
    assert (fault.fault, fault.details["Header"]) == (Fault.REPEATED_HEADER, name.decode())


def test_of_a_repeated_query_parameter_the_first_counts() -> None:
    request = query_signed(KEY, "s3", query=b"")
    again = replace(request, query=request.query + b"&X-Amz-Expires=604800&X-Amz-Credential=x")
    assert read(again).expires_seconds == 900
    assert not is_right(again)


def test_in_a_presigned_request_a_signed_header_s_token_overrides_the_query_s() -> None:
    request = query_signed(
        SESSION_KEY,
        "s3",
        query=b"",
        headers=((b"x-amz-security-token", b"of the header"),),
        signed_headers="host;x-amz-security-token",
    )
    assert read(request).session_token == "of the header"
    assert is_right(request)


def test_outside_s3_a_token_in_a_header_that_was_not_signed_does_not_override_the_query_s() -> None:
    request = query_signed(SESSION_KEY, "sts", headers=((b"x-amz-security-token", b"of the header"),))
    assert read(request).session_token == SESSION_KEY.token


def test_in_s3_a_header_that_s3_acts_on_must_be_signed() -> None:
    for request in (header_signed(KEY, "s3"), query_signed(KEY, "s3", query=b"")):
        added = replace(request, headers=(*request.headers, (b"x-amz-acl", b"public-read"), (b"x-amz-a", b"")))
        fault = fault_of(added)
        assert (fault.fault, fault.details) == (
            Fault.HEADERS_NOT_SIGNED,
            {"HeadersNotSigned": "x-amz-a, x-amz-acl"},
        )
        assert fault.access_key_id == KEY.access_key_id


def test_the_payload_hash_that_a_presigned_url_declares_is_part_of_the_claim() -> None:
    request = query_signed(KEY, "s3", query=b"X-Amz-Content-Sha256=UNSIGNED-PAYLOAD")
    assert read(request).declared_payload_hash == "UNSIGNED-PAYLOAD"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"a=%", "Incomplete trailing escape % sequence"),
        (b"a=%2", "Incomplete trailing escape % sequence"),
        (b"a=%2&b=c", "Incomplete trailing escape % sequence"),
        (b"a=%zz", "Illegal hex character in escape % pattern: %zz"),
        (b"a=%\xff\x00", "Illegal hex character in escape % pattern: %??"),
    ],
)
def test_a_broken_escape_in_the_query_string_is_found_before_anything_else(query: bytes, reason: str) -> None:
    for request in (raw_request("GET", b"/", query, (), b""), header_signed(KEY, "sts", query=query)):
        fault = fault_of(request)
        assert (fault.fault, fault.details["Reason"]) == (Fault.BROKEN_ESCAPE, reason)


# ---- secrets -----------------------------------------------------------------------------------------------


def test_a_claim_s_repr_shows_neither_token_nor_signature() -> None:
    claim = read(header_signed(SESSION_KEY, "s3"))
    assert claim.session_token is not None
    assert claim.session_token not in repr(claim)
    assert claim.signature not in repr(claim)


def test_a_signing_key_s_repr_shows_its_scope_only() -> None:
    key = sigv4.signing_key(Secret(KEY.secret), "20260101", REGION, "sts")
    assert repr(key) == "SigningKey(20260101/us-east-1/sts/aws4_request)"


def test_the_canonical_request_that_s3_is_shown_holds_no_secret() -> None:
    sse_c = b"c2VjcmV0LWN1c3RvbWVyLWtleS1vZi0zMi1ieXRlcw=="
    customer_key = ((b"x-amz-server-side-encryption-customer-key", sse_c),)
    header = header_signed(SESSION_KEY, "s3", headers=customer_key)
    query = query_signed(SESSION_KEY, "s3", query=b"")
    for request in (header, query):
        claim = read(request)
        with pytest.raises(SignatureFault) as raised:
            sigv4.verify(request, claim, "other", signing_key_for(claim))
        shown = raised.value.details
        assert "REDACTED" in shown["CanonicalRequest"]
        assert bytes.fromhex(shown["CanonicalRequestBytes"]).decode() == shown["CanonicalRequest"]
        assert bytes.fromhex(shown["StringToSignBytes"]).decode() == shown["StringToSign"]
        for text in (*shown.values(), str(raised.value), repr(raised.value)):
            for secret in (SESSION_KEY.token or "", quote(SESSION_KEY.token or "", safe=""), sse_c.decode()):
                assert secret not in text
                assert secret.encode().hex(" ") not in text


def test_a_bare_token_in_the_authorization_header_is_not_repeated() -> None:
    bare = raw_request("GET", b"/", b"", ((b"authorization", b"d0d0a2e2-secret-token"),), b"")
    assert fault_of(bare).details == {"Algorithm": "…"}
    basic = raw_request("GET", b"/", b"", ((b"authorization", b"Basic dXNlcjpwYXNz"),), b"")
    assert fault_of(basic).details == {"Algorithm": "Basic"}


# ---- whatever is sent --------------------------------------------------------------------------------------

pieces = st.sampled_from(
    b"AWS4-HMAC-SHA256 |Credential=|AKIAIOSFODNN7EXAMPLE|/20260101/us-east-1/s3/aws4_request|,|;|:|/|&|=|AWS | |%|%zz"
    b"|%00|SignedHeaders=host;x-amz-date|Signature=|0123456789abcdef|X-Amz-Algorithm=AWS4-HMAC-SHA256|X-Amz-Credential="
    b"|X-Amz-Signature=|X-Amz-Date=|20260101T120000Z|X-Amz-SignedHeaders=host|X-Amz-Expires=60|X-Amz-Security-Token="
    b"|\xff".split(b"|")
)
jumbles = st.lists(pieces | st.binary(max_size=6), max_size=14).map(b"".join)
fuzzed_names = st.sampled_from(
    [b"authorization", b"host", b"date", b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256", b"x-amz-a"]
)


@given(st.binary(max_size=20) | jumbles, jumbles, st.lists(st.tuples(fuzzed_names, jumbles), max_size=5))
@example(b"/", b"", [(b"authorization", b"AWS4-HMAC-SHA256 " + b"a=b," * 3000)])
def test_whatever_is_sent_is_a_claim_or_none_or_a_signature_fault(
    path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    request = raw_request("GET", b"/" + path, query, tuple(headers), b"")
    try:
        claim = sigv4.read_claim(request)
    except SignatureFault:
        return
    if claim is not None:
        assert not is_right(request, hashed=sha256(b""))


@given(st.data())
def test_a_signed_request_with_any_byte_changed_is_a_fault_or_verifies_no_more(data: st.DataObject) -> None:
    signed = data.draw(st.sampled_from([header_signed(SESSION_KEY, "s3"), query_signed(SESSION_KEY, "s3", query=b"")]))
    texts = [value for _, value in signed.headers] + [signed.query]
    index = data.draw(st.sampled_from([index for index, text in enumerate(texts) if text]))
    position = data.draw(st.integers(0, len(texts[index]) - 1))
    byte = data.draw(st.integers(0x21, 0xFF))
    texts[index] = texts[index][:position] + bytes([byte]) + texts[index][position + 1 :]
    changed = replace(
        signed,
        query=texts[-1],
        headers=tuple([(name, text) for (name, _), text in zip(signed.headers, texts[:-1], strict=True)]),
    )
    try:
        claim = sigv4.read_claim(changed)
    except SignatureFault:
        return
    original = read(signed)
    # Whose key it is and how the scope ends are not in the string to sign: authenticate holds those to the store.
    if claim is None or (claim.access_key_id, claim.terminator) != (original.access_key_id, original.terminator):
        return
    # The one other way to write the same is an escape in the other case.
    same = changed.headers == signed.headers and unquote_to_bytes(changed.query) == unquote_to_bytes(signed.query)
    assert is_right(changed) == same


# ---- signing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        ((b"host", b"h"),),
        ((b"x-amz-date", b"20260101T120000Z"),),
        ((b"host", b"h"), (b"x-amz-date", b"20260101T120001Z")),
    ],
    ids=["no date", "no host", "another time"],
)
def test_a_request_of_our_own_is_signed_with_its_host_and_its_time(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(ValueError, match="signed with its host"):
        sigv4.sign("GET", b"/", b"", headers, sha256(b""), "AKIA", Secret("s"), REGION, "s3", AT)


def test_a_signing_key_signs_on_its_own_day_only() -> None:
    key = sigv4.signing_key(Secret("s"), "20260102", REGION, "s3")
    headers = ((b"host", b"h"), (b"x-amz-date", b"20260101T120000Z"))
    with pytest.raises(ValueError, match="that day's key"):
        sigv4.sign_with_key("GET", b"/", b"", headers, sha256(b""), "AKIA", key, "20260101T120000Z")


@given(
    st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    st.text(max_size=20).map(lambda text: f"/{quote(text)}".encode()),
    st.sampled_from([b"", b"versionId=3%2FL4", b"uploadId=a&partNumber=2", b"b=&a=%C3%A9"]),
    st.sampled_from([sha256(b""), sha256(b"body"), sigv4.UNSIGNED_PAYLOAD]),
)
def test_a_bare_request_has_the_signature_that_it_has_among_all_others(
    method: str, path: bytes, query: bytes, payload_hash: str
) -> None:
    key, date = sigv4.signing_key(Secret("s"), "20260101", REGION, "s3"), "20260101T120000Z"
    headers = (
        (b"host", b"store:9000"),
        (b"x-amz-content-sha256", payload_hash.encode()),
        (b"x-amz-date", date.encode()),
    )
    bare = sigv4.sign_bare(method, path, query, b"store:9000", payload_hash, "AKIA", key, date)
    assert bare == sigv4.sign_with_key(method, path, query, headers, payload_hash, "AKIA", key, date)


@pytest.mark.parametrize(("day", "service"), [("20260102", "s3"), ("20260101", "sts")])
def test_a_bare_request_is_signed_with_its_day_s_key_for_s3_only(day: str, service: str) -> None:
    key = sigv4.signing_key(Secret("s"), day, REGION, service)
    with pytest.raises(ValueError, match="that day's key"):
        sigv4.sign_bare("GET", b"/", b"", b"h", sha256(b""), "AKIA", key, "20260101T120000Z")
