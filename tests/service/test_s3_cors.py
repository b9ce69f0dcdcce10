from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daypass.service import s3_cors
from daypass.wire import s3_xml
from daypass.wire.http import RawRequest
from support.s3_exchanges import refusal

RULES = """<CORSConfiguration>
<CORSRule><ID>app</ID><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
<AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader>
<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>
<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>
</CORSConfiguration>"""
KEPT = s3_cors.kept(s3_cors.read(s3_xml.parse(RULES.encode())))


def request(method: str, **headers: str) -> RawRequest:
    pairs = tuple((name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items())
    return RawRequest(method, b"/bucket/k", b"", pairs, b"", "192.0.2.1", False, datetime(2026, 1, 1, tzinfo=UTC))


def preflight(origin: str, method: str, asked: str = "") -> RawRequest:
    more = {"access_control_request_headers": asked} if asked else {}
    return request("OPTIONS", origin=origin, access_control_request_method=method, **more)


def test_a_preflight_is_answered_by_the_first_rule_that_fits_whole() -> None:
    asked = preflight("https://app.example.com", "PUT", "Content-Type, x-amz-acl")
    assert dict(s3_cors.preflight(asked, KEPT)) == {
        b"access-control-allow-origin": b"https://app.example.com",
        b"access-control-allow-methods": b"GET, PUT",
        b"access-control-allow-credentials": b"true",
        b"access-control-allow-headers": b"content-type, x-amz-acl",
        b"access-control-expose-headers": b"ETag",
        b"access-control-max-age": b"60",
        b"vary": b"Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    anybody = dict(s3_cors.preflight(preflight("https://elsewhere.test", "GET"), KEPT))
    assert anybody[b"access-control-allow-origin"] == b"*"
    assert b"access-control-allow-credentials" not in anybody


@pytest.mark.parametrize(
    ("origin", "method", "asked"),
    [
        ("https://elsewhere.test", "PUT", ""),
        ("https://app.example.com", "DELETE", ""),
        ("https://app.example.com", "PUT", "authorization"),
        ("http://app.example.com", "PUT", ""),
        ("https://app.example.com.evil.test", "PUT", ""),
        ("https://.example.co", "PUT", ""),
        ("https://a.example.com\r\nx: y", "PUT", ""),
        ("https://app.example.com", "PUT", "x-amz-acl\r\nx"),
    ],
)
def test_a_preflight_that_no_rule_fits_is_refused(origin: str, method: str, asked: str) -> None:
    """Ceph CVE-2021-3524: a header value that was reflected with a line break in it."""
    assert refusal(s3_cors.preflight, preflight(origin, method, asked), KEPT) == ("AccessForbidden", 403)


def test_a_bucket_without_cors_and_no_bucket_are_the_same_to_a_preflight() -> None:
    assert refusal(s3_cors.preflight, preflight("https://a.test", "GET"), None) == ("AccessForbidden", 403)


def test_a_preflight_that_says_too_little_is_refused() -> None:
    assert refusal(s3_cors.preflight, request("OPTIONS"), KEPT) == ("BadRequest", 400)
    assert refusal(s3_cors.preflight, preflight("https://a.test", "PATCH"), KEPT) == ("BadRequest", 400)


def test_an_answer_tells_the_browser_only_what_a_rule_allows() -> None:
    from_app = s3_cors.answer_headers(request("PUT", origin="https://app.example.com"), KEPT)
    assert dict(from_app)[b"access-control-allow-origin"] == b"https://app.example.com"
    assert s3_cors.answer_headers(request("PUT", origin="https://elsewhere.test"), KEPT) == ()
    assert s3_cors.answer_headers(request("GET"), KEPT) == ()
    assert s3_cors.answer_headers(request("GET", origin="https://elsewhere.test"), None) == ()


RULE = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        ("", "MalformedXML"),
        ("<Other/>", "MalformedXML"),
        ("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>", "MalformedXML"),
        ("<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>", "MalformedXML"),
        (f"<CORSRule>{RULE}<Other/></CORSRule>", "MalformedXML"),
        (f"<CORSRule>{RULE}<MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule>", "MalformedXML"),
        (f"<CORSRule>{RULE}<ID>a</ID><ID>b</ID></CORSRule>", "MalformedXML"),
        (f"<CORSRule>{RULE}<AllowedMethod>PATCH</AllowedMethod></CORSRule>", "InvalidRequest"),
        (f"<CORSRule>{RULE}<AllowedOrigin>https://*.*.test</AllowedOrigin></CORSRule>", "InvalidRequest"),
        (f"<CORSRule>{RULE}<AllowedHeader>*-*</AllowedHeader></CORSRule>", "InvalidRequest"),
        (f"<CORSRule>{RULE}<ExposeHeader>x-*</ExposeHeader></CORSRule>", "InvalidRequest"),
        (f"<CORSRule>{RULE}<ExposeHeader>x&#13;&#10;y</ExposeHeader></CORSRule>", "MalformedXML"),
        (f"<CORSRule>{RULE}</CORSRule>" * 101, "MalformedXML"),
    ],
)
def test_a_configuration_that_cannot_stand_is_refused(inside: str, code: str) -> None:
    root = s3_xml.parse(f"<CORSConfiguration>{inside}</CORSConfiguration>".encode())
    assert refusal(s3_cors.read, root) == (code, 400)
