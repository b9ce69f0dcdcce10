from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError
from daypass.wire import model, s3
from daypass.wire.http import RawRequest

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "s3_routing.json").read_text())


def request(method: str, target: str | bytes, headers: Mapping[str, str] | None = None) -> RawRequest:
    raw = target if isinstance(target, bytes) else target.encode("ascii")
    path, _, query = raw.partition(b"?")
    pairs = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items())
    return RawRequest(method, path, query, pairs, b"", "192.0.2.1", False, datetime(2026, 1, 1, tzinfo=UTC))


def read(method: str, target: str | bytes, headers: Mapping[str, str] | None = None) -> s3.S3Call:
    return s3.read_call(request(method, target, headers), presigned=False)


def refusal(method: str, target: str | bytes, headers: Mapping[str, str] | None = None) -> tuple[str, int]:
    with pytest.raises(ServiceError) as refused:
        read(method, target, headers)
    return refused.value.code, refused.value.status


# ---- which operation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", VECTORS["operations"], ids=lambda row: row["operation"])
def test_every_operation_of_the_model_is_read_from_its_address(row: dict[str, object]) -> None:
    call = read(str(row["method"]), str(row["target"]), row.get("headers", {}))  # type: ignore[arg-type]  # JSON
    assert call.operation.name == row["operation"]


def test_no_operation_of_the_model_is_without_a_row_here() -> None:
    rows = {row["operation"] for row in VECTORS["operations"]} | set(VECTORS["not_routed"])
    assert rows == set(model.load("s3").operations)


@pytest.mark.parametrize("row", VECTORS["refused"], ids=lambda row: row["why"])
def test_what_no_operation_is_gets_refused(row: dict[str, object]) -> None:
    headers = row.get("headers", {})
    code, _ = refusal(str(row["method"]), str(row["target"]), headers)  # type: ignore[arg-type]  # JSON
    assert code == row["code"]


def test_two_sub_resources_at_once_are_refused_whichever_they_are() -> None:
    """The one that is not chosen is unknown to the one that is, unless it is that one's own parameter."""
    for (method, target), routes in s3.routes().items():
        address = {"service": "/", "bucket": "/bucket", "object": "/bucket/key"}[target]
        for one, other in itertools.combinations(routes, 2):
            demands = {**dict.fromkeys(one.required_query | other.required_query, "1"), **one.fixed, **other.fixed}
            headers = dict.fromkeys(one.required_headers | other.required_headers, "1")
            both = request(method, f"{address}?" + "&".join(f"{k}={v}" for k, v in demands.items()), headers)
            try:
                chosen = s3.read_call(both, presigned=False).operation
            except ServiceError:
                continue
            # Accepted only where it is no more than one operation's own parameters.
            route = next(route for route in routes if route.operation is chosen)
            assert demands.keys() <= route.fixed.keys() | route.query
            assert headers.keys() <= route.headers


def test_a_bare_sub_resource_with_a_value_is_not_that_sub_resource() -> None:
    assert refusal("GET", "/bucket?policy=x") == ("NotImplemented", 501)


def test_the_sdks_remark_about_the_operation_is_dropped_if_it_is_right_and_refused_if_not() -> None:
    assert "x-id" not in read("GET", "/bucket/key?x-id=GetObject").query
    assert refusal("GET", "/bucket/key?x-id=DeleteObject") == ("NotImplemented", 501)


def test_parameters_of_a_presigned_url_belong_to_the_signature_only_if_it_is_one() -> None:
    query = "X-Amz-Expires=60&X-Amz-Signature=00&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
    call = s3.read_call(request("GET", f"/bucket/key?{query}&versionId=3"), presigned=True)
    assert dict(call.query) == {"versionId": "3"}
    assert refusal("GET", f"/bucket/key?{query}") == ("NotImplemented", 501)


def test_headers_that_an_sdk_put_into_a_presigned_url_are_headers() -> None:
    url = "/bucket/key?X-Amz-Expires=60&x-amz-checksum-crc32=AAAAAA%3D%3D&X-Amz-Acl=private"
    call = s3.read_call(request("PUT", url), presigned=True)
    assert dict(call.headers) == {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-acl": "private"}
    assert refusal("PUT", url) == ("NotImplemented", 501)
    with pytest.raises(ServiceError, match="given twice"):
        s3.read_call(request("PUT", url, {"x-amz-acl": "private"}), presigned=True)
    for name in ("x-amz-replication-source", "x-amz-content-sha256", "x-amz-security-token"):
        with pytest.raises(ServiceError, match="header you provided"):
            s3.read_call(request("PUT", f"/bucket/key?{name}=1"), presigned=True)


# ---- parameters and headers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["prefix=a&prefix=b", "prefix=a&%70refix=b", "list-type=2&list-type=2"],
)
def test_a_parameter_given_twice_is_refused_since_two_readers_could_differ(query: str) -> None:
    assert refusal("GET", f"/bucket?list-type=2&{query}")[0] == "InvalidArgument"


def test_a_plus_in_a_query_is_a_space_and_in_a_path_a_plus() -> None:
    assert read("GET", "/bucket?list-type=2&prefix=a+b%2Bc").query["prefix"] == "a b+c"
    assert read("GET", "/bucket/a+b%2Bc").key == "a+b+c"


def test_an_absent_parameter_is_absent_and_an_empty_one_is_empty() -> None:
    assert "prefix" not in read("GET", "/bucket?list-type=2").query
    assert read("GET", "/bucket?list-type=2&prefix=").query["prefix"] == ""
    assert read("GET", "/bucket?list-type=2&prefix").query["prefix"] == ""


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/bucket/key?uploadId="),
        ("DELETE", "/bucket/key?uploadId"),
        ("GET", "/bucket/key?uploadId="),
        ("POST", "/bucket/key?uploadId="),
        ("PUT", "/bucket/key?partNumber=1&uploadId="),
        ("DELETE", "/bucket/key?versionId="),
        ("GET", "/bucket/key?versionId="),
        ("PUT", "/bucket/key?tagging&versionId="),
        ("DELETE", "/bucket?inventory&id="),
    ],
)
def test_a_name_that_is_empty_is_none_to_some_stores_and_is_refused(method: str, target: str) -> None:
    """AbortMultipartUpload of no upload deletes the object, and DeleteObjectVersion of no version the current one."""
    assert refusal(method, target) == ("InvalidArgument", 400)


@pytest.mark.parametrize(
    "target",
    [
        "/bucket?max-keys=",
        "/bucket?list-type=2&max-keys=ten",
        "/bucket?list-type=2&max-keys=-1",
        "/bucket?list-type=2&max-keys=%2B5",
        "/bucket?list-type=2&max-keys=1.5",
        "/bucket?list-type=2&max-keys=2147483648",
        "/bucket?versions&max-keys=%D9%A1",
        "/bucket?uploads&max-uploads=x",
        "/bucket/key?uploadId=u&max-parts=x",
        "/bucket/key?partNumber=0",
        "/bucket/key?partNumber=10001",
        "/bucket/key?partNumber=one",
    ],
)
def test_a_number_that_two_readers_could_read_two_ways_is_refused(target: str) -> None:
    assert refusal("GET", target) == ("InvalidArgument", 400)


def test_numbers_are_passed_on_as_they_were_sent() -> None:
    assert read("GET", "/bucket?list-type=2&max-keys=0").query["max-keys"] == "0"
    assert read("GET", "/bucket?list-type=2&max-keys=2147483647").query["max-keys"] == "2147483647"
    assert read("PUT", "/bucket/key?partNumber=10000&uploadId=u").query["partNumber"] == "10000"


@pytest.mark.parametrize("name", ["x-amz-meta-\u00fc", "x-amz-meta-a%20b", "x-amz-meta-a%3A%20b"])
def test_what_http_does_not_take_for_a_headers_name_is_none_in_a_presigned_url(name: str) -> None:
    """Sent on, it would be another header, or the end of a request."""
    asked = request("PUT", f"/bucket/key?{quote(name, safe='%')}=1")
    with pytest.raises(ServiceError) as refused:
        s3.read_call(asked, presigned=True)
    assert refused.value.code == "NotImplemented"


def test_a_header_of_the_operation_and_user_metadata_are_read_by_lower_case_name() -> None:
    call = read("PUT", "/bucket/key", {"X-Amz-Storage-Class": " STANDARD ", "X-Amz-Meta-Colour": "blue"})
    assert dict(call.headers) == {"x-amz-storage-class": "STANDARD", "x-amz-meta-colour": "blue"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x-amz-replication-source", "a store's internal header (MinIO CVE-2026-34204)"),
        ("x-amz-meta-colour", "metadata on an operation that takes none"),
        ("if-range", "it narrows, and S3 has no such header"),
        ("content-range", "it narrows, and S3 has no such header"),
        ("if-none-match", "it narrows, and DeleteObject has no such header"),
    ],
)
def test_a_header_that_would_be_dropped_though_it_means_something_is_refused(name: str, reason: str) -> None:
    assert refusal("DELETE", "/bucket/key", {name: "x"}) == ("NotImplemented", 501), reason


def test_headers_of_no_account_are_dropped() -> None:
    headers = {
        "Accept": "*/*",
        "X-Forwarded-For": "10.0.0.1",
        "Cookie": "a=b",
        "X-Amz-Date": "20260101T000000Z",
        "X-Amz-Security-Token": "token",
        "X-Amz-User-Agent": "aws-sdk-js",
    }
    assert dict(read("GET", "/bucket/key", headers).headers) == {}


def test_a_range_of_an_object_that_may_have_changed_is_the_whole_of_it() -> None:
    headers = {"If-Range": '"e"', "Range": "bytes=1-", "If-None-Match": '"f"'}
    for method in ("GET", "HEAD"):
        assert dict(read(method, "/bucket/key", headers).headers) == {"if-none-match": '"f"'}
        assert dict(read(method, "/bucket/key?versionId=3", headers).headers) == {"if-none-match": '"f"'}
    assert refusal("PUT", "/bucket/key", {"If-Range": '"e"'}) == ("NotImplemented", 501)


def test_what_the_java_sdk_sends_with_every_get_is_taken_and_asks_for_nothing() -> None:
    headers = {"x-amz-te": "append-md5", "x-amz-checksum-crc32": "AAAAAA==", "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    assert dict(read("GET", "/bucket/key", headers).headers) == {}


def test_the_one_version_of_the_api_is_taken_and_no_other() -> None:
    assert dict(read("POST", "/bucket/key?uploads", {"x-amz-api-version": "2006-03-01"}).headers) == {}
    assert refusal("POST", "/bucket/key?uploads", {"x-amz-api-version": "2026-03-01"}) == ("NotImplemented", 501)


def test_a_checksum_with_a_get_is_of_its_empty_body_or_refused() -> None:
    assert refusal("GET", "/bucket/key", {"x-amz-checksum-crc32": "AAAAAQ=="}) == ("BadDigest", 400)
    for name in ("x-amz-checksum-new", "x-amz-checksum-crc32-more"):
        assert refusal("GET", "/bucket/key", {name: "AAAAAA=="}) == ("NotImplemented", 501)


def test_a_call_does_not_show_what_was_sent_with_it() -> None:
    key = {"x-amz-server-side-encryption-customer-key": "c2VjcmV0"}
    assert repr(read("GET", "/bucket/key?versionId=c2VjcmV0", key)) == "S3Call(GetObject 'bucket' 'key')"


def test_a_header_given_twice_is_refused() -> None:
    twice = request("PUT", "/bucket/key")
    headers = ((b"x-amz-storage-class", b"STANDARD"), (b"x-amz-storage-class", b"GLACIER"))
    twice = RawRequest(
        twice.method, twice.path, twice.query, headers, b"", twice.source_ip, twice.secure, twice.received
    )
    with pytest.raises(ServiceError, match="given twice"):
        s3.read_call(twice, presigned=False)


def test_a_header_outside_ascii_is_refused_before_two_codings_of_it_can_differ() -> None:
    assert refusal("PUT", "/bucket/key", {"x-amz-meta-name": "M\xfcller"})[0] == "InvalidArgument"


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=200)


_HEADERS = {
    "accept-encoding": ["identity"],
    "authorization": ["AWS4-HMAC-SHA256 …"],
    "cache-control": ["no-cache", "caf\u00e9"],
    "content-length": ["0", " 12 "],
    "content-range": ["bytes 0-1/2"],
    "content-type": ["text/plain"],
    "host": ["h"],
    "if-match": ['"e"'],
    "range": ["bytes=0-1"],
    "x-amz-api-version": ["2006-03-01", "2007-01-01"],
    "x-amz-checksum-crc32": ["AAAAAA==", "AAAAAQ=="],
    "x-amz-content-sha256": ["UNSIGNED-PAYLOAD"],
    "x-amz-copy-source": ["/b/k"],
    "x-amz-made-up": ["1"],
    "x-amz-meta-colour": ["blue"],
    "x-custom": ["1"],
}


@given(
    st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"]),
    st.sampled_from(["/", "/bucket", "/bucket/key"]),
    st.lists(
        st.sampled_from(sorted(_HEADERS)).flatmap(lambda name: st.sampled_from([(name, v) for v in _HEADERS[name]])),
        max_size=8,
    ),
)
def test_what_is_kept_of_headers_names_changes_no_answer(
    method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    """A request with a query of nothing is read without what is kept."""

    def outcome(query: bytes) -> object:
        pairs = tuple([(name.encode(), value.encode()) for name, value in headers])
        at = datetime(2026, 1, 1, tzinfo=UTC)
        asked = RawRequest(method, target.encode(), query, pairs, b"", "192.0.2.1", False, at)
        try:
            call = s3.read_call(asked, presigned=False)
        except ServiceError as error:
            return error.code, error.message
        return call.operation.name, call.target, call.bucket, call.key, dict(call.query), dict(call.headers)

    assert outcome(b"") == outcome(b"&")


@given(parameters=st.dictionaries(TEXTS, TEXTS))
def test_parameters_reach_the_backend_as_the_policy_saw_them(parameters: dict[str, str]) -> None:
    assert s3.read_query(s3.encode_query(parameters.items())) == parameters
