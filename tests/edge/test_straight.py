"""The bytes of what goes past ASGI, without a connection."""

from __future__ import annotations

import pytest

from daypass.edge.straight import Fields, answer_bytes, is_of_control_plane, plain
from daypass.wire.http import RawResponse

_STATUS = b"HTTP/1.1 200 OK\r\n"
_FORM = {b"host": b"sts.example", b"content-length": b"3"}


def test_a_request_s_fields_are_its_own() -> None:
    fields = Fields()
    first = fields.begin()
    fields.take(b"Host", b"One")
    second = fields.begin()
    fields.take(b"HOST", b"Two")
    assert (first, second) == ([(b"host", b"One")], [(b"host", b"Two")])


def test_fields_that_can_be_read_in_two_ways_are_not_plain() -> None:
    assert plain([(b"a", b"1"), (b"b", b"2")]) == {b"a": b"1", b"b": b"2"}
    assert plain([(b"a", b"1"), (b"a", b"1")]) is None


@pytest.mark.parametrize("name", [b"expect", b"transfer-encoding", b"upgrade"])
def test_a_request_whose_body_comes_in_another_way_is_not_plain(name: bytes) -> None:
    assert plain([(b"host", b"h"), (name, b"x")]) is None


@pytest.mark.parametrize(
    ("authorization", "meant"),
    [
        (b"AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/sts/aws4_request, x", True),
        (b"AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/iam/aws4_request, x", True),
        (b"AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/s3/aws4_request, x", False),
        (b"Credential=AKIA/20261122/us-east-1/s3/aws4_request, x=/sts/aws4_request", False),
        (b"Bearer x", False),
    ],
)
def test_a_form_is_the_control_plane_s_by_the_one_scope_that_it_is_signed_for(
    authorization: bytes, meant: bool
) -> None:
    assert is_of_control_plane({**_FORM, b"authorization": authorization}) is meant


def test_a_form_that_is_not_signed_is_the_control_plane_s_if_it_says_its_length_and_host() -> None:
    assert is_of_control_plane(_FORM)
    assert not is_of_control_plane({b"host": b"sts.example"})


def test_an_answer_leaves_with_the_headers_of_every_answer_first() -> None:
    response = RawResponse(200, ((b"content-length", b"2"),), b"ok")
    assert answer_bytes(_STATUS, [(b"server", b"s")], response, keep_alive=True) == (
        b"HTTP/1.1 200 OK\r\nserver: s\r\ncontent-length: 2\r\n\r\nok"
    )
    assert answer_bytes(_STATUS, [], response, keep_alive=False) == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    )
    assert answer_bytes(_STATUS, [], RawResponse(200, (), b""), keep_alive=True) == b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize("value", [b"a\nset-cookie: b", b"a\rb", b"a\r\nb", b"\n"])
def test_an_answer_with_a_line_end_in_a_header_does_not_leave(value: bytes) -> None:
    response = RawResponse(200, ((b"x-amz-meta", value), (b"content-length", b"0")), b"")
    assert answer_bytes(_STATUS, [], response, keep_alive=True) is None
    assert answer_bytes(_STATUS, [(b"server", value)], RawResponse(200, (), b""), keep_alive=True) is None
