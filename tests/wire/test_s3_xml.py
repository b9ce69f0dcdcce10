from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError
from daypass.wire import s3_xml
from daypass.wire.s3_errors import header_not_implemented, s3_error

ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
    b"<Key>a&amp;b</Key><RequestId>1</RequestId><HostId>2</HostId></Error>"
)


def test_an_error_is_written_as_s3_writes_it() -> None:
    assert s3_xml.render_error(s3_error("NoSuchKey", Key="a&b"), "1", "2") == ERROR


def test_an_error_without_a_text_has_no_message_element() -> None:
    body = s3_xml.render_error(ServiceError("SignatureDoesNotMatch", 403, None), "1", "2")
    assert b"<Message>" not in body


def test_a_refused_header_is_named_in_its_error() -> None:
    body = s3_xml.render_error(header_not_implemented("x-amz-trailer"), "1", "2")
    assert b"<Header>x-amz-trailer</Header>" in body


def test_a_document_nests_in_s3s_namespace() -> None:
    document = s3_xml.render("Outer", [("Inner", [("Leaf", "<1>")]), ("Empty", "")])
    root = s3_xml.parse(document)
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Outer xmlns="http://s3.amazonaws.com/')
    inner = root.first("Inner")
    assert root.name == "Outer"
    assert inner is not None
    assert inner.text_of("Leaf") == "<1>"
    assert root.text_of("Empty") == ""
    assert root.text_of("Absent") is None


@given(text=st.text())
def test_any_text_survives_being_written_and_read_but_for_what_xml_cannot_hold(text: str) -> None:
    root = s3_xml.parse(s3_xml.render("T", text.encode("utf-8", "replace").decode()))
    assert len(root.text) == len(text)
    assert "\ufffd" in root.text or root.text == text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "nothing"),
        (b"<a>", "not closed"),
        (b"<a></b>", "closed by another"),
        (b"<a/><b/>", "two roots"),
        (b"{}", "not XML"),
        (b"<a>&undeclared;</a>", "an entity nobody declared"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "an entity of its own"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "an external declaration (Swift CVE-2022-47950)"),
        (b"<a>" * 17 + b"</a>" * 17, "too deep"),
        (b"<a>\xff</a>", "not UTF-8"),
    ],
)
def test_a_body_that_is_not_plain_xml_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(s3_xml.MalformedXML):
        s3_xml.parse(body)


def test_what_is_read_strictly_is_written_again_whole() -> None:
    body = b"<a> <b>one</b>\n<b> two </b> </a>"
    assert s3_xml.parse(s3_xml.write(s3_xml.parse(body, strict=True)), strict=True).children == [
        s3_xml.Element("b", "one"),
        s3_xml.Element("b", " two "),
    ]


@pytest.mark.parametrize("body", [b"<a>one<b>two</b></a>", b"<a><b/>one</a>", b'<a c="one"><b/></a>'])
def test_what_would_not_be_written_again_is_not_read_strictly(body: bytes) -> None:
    s3_xml.parse(body)
    with pytest.raises(s3_xml.MalformedXML):
        s3_xml.parse(body, strict=True)
