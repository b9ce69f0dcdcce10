"""Which requests are forms, how they are decoded, and which operation they ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError
from daypass.wire import model, query
from daypass.wire.http import RawRequest
from support.requests import form_request, request_of

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors"
STS = model.load("sts")

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("row", json.loads((VECTORS / "query_dispatch.json").read_text()), ids=lambda row: row["name"])
def test_a_request_is_a_call_or_is_answered_as_aws_does(row: dict[str, Any]) -> None:
    request = request_of(
        row["method"], query=row["query"].encode(), body=row["body"].encode(), content_type=row["content_type"]
    )
    if row["outcome"] == "call":
        assert query.operation_of(STS, query.parse_form(request)).name == "GetCallerIdentity"
    elif row["outcome"] in ("redirect", "page"):
        with pytest.raises(query.Dispatched) as dispatched:
            query.parse_form(request)
        response = dispatched.value.response(())
        headers = dict(response.headers)
        if row["outcome"] == "redirect":
            assert (response.status, response.body) == (302, b"")
            assert headers == {b"Location": row["location"].encode(), b"Content-Length": b"0"}
        else:
            assert response.status == 403
            assert headers[b"Content-Type"] == b"text/html"
            assert response.body.startswith(b"<html>")
    else:
        with pytest.raises(ServiceError) as refused:
            query.operation_of(STS, query.parse_form(request))
        error = refused.value
        assert (error.code, error.status, error.message) == (row["outcome"], 400, row["message"])


def test_an_answer_that_is_no_call_carries_the_headers_of_every_answer() -> None:
    with pytest.raises(query.Dispatched) as dispatched:
        query.parse_form(request_of("PUT"))
    response = dispatched.value.response(((b"x-amzn-RequestId", b"r"),))
    assert response.headers[0] == (b"x-amzn-RequestId", b"r")


def test_an_operation_that_is_not_served_is_told_from_one_that_does_not_exist() -> None:
    rows = {
        ("AssumeRoot", "2011-06-15"): "AssumeRoot is not served by Daypass; docs/compatibility.md says what is, "
        "and why the rest is not",
        ("AssumeRoot", "2010-05-08"): "Could not find operation AssumeRoot for version 2010-05-08",
        ("CreateUser", "2011-06-15"): "Could not find operation CreateUser for version 2011-06-15",
    }
    for (action, version), message in rows.items():
        error = query.not_served(model.load("sts"), query.parse_form(form_request(action, version)))
        assert (error.code, error.status, error.fault) == ("InvalidAction", 400, "Sender")
        assert error.message == message


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8))
def test_every_first_value_of_a_form_arrives_as_it_was_sent(pairs: list[tuple[str, str]]) -> None:
    sent = [("Action", "A"), *pairs]
    first: dict[str, str] = {}
    for name, value in sent:
        first.setdefault(name, value)
    assert query.parse_form(request_of(body=urlencode(sent).encode())).parameters == first


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_the_parameters_of_query_string_and_body_all_count(
    above: list[tuple[str, str]], below: list[tuple[str, str]]
) -> None:
    request = request_of(query=urlencode([("Action", "A"), *above]).encode(), body=urlencode(below).encode())
    assert query.parse_form(request).parameters.keys() == {"Action"} | dict(above + below).keys()


PIECES = st.sampled_from(["%", "%4", "%41", "%25", "%zz", "%2", "5", "a", "&", "=", "+", "%c3%a9", "%c3", "\xe9"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_form_decodes_as_the_standard_library_does_or_is_refused_for_a_broken_escape(text: str) -> None:
    text = "Action=A&" + text
    outcome = _outcome(request_of(body=text.encode()))
    if re.search("%(?![0-9A-Fa-f]{2})", text) or not _is_utf8(text):
        assert isinstance(outcome, ServiceError)
    else:
        assert isinstance(outcome, query.Form)
        assert outcome.parameters == dict(reversed(parse_qsl(text, keep_blank_values=True)))


def _is_utf8(text: str) -> bool:
    try:
        parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def test_text_that_is_not_escaped_is_read_as_utf8() -> None:
    form = query.parse_form(request_of(body="Action=A&x=größe+😀&y=a=b".encode()))
    assert (form.parameters["x"], form.parameters["y"]) == ("größe 😀", "a=b")


def test_text_that_is_not_escaped_and_not_utf8_is_refused() -> None:
    with pytest.raises(ServiceError, match="not UTF-8"):
        query.parse_form(request_of(body=b"Action=A&x=\xff"))


def test_a_forms_repr_shows_none_of_its_parameters() -> None:
    form = query.parse_form(request_of(body=b"Action=A&Version=1&X-Amz-Security-Token=hidden"))
    assert "hidden" not in repr(form)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", ""]),
    content_type=st.one_of(st.none(), st.just("application/x-www-form-urlencoded"), st.text(max_size=60)),
    parts=st.lists(
        st.one_of(
            st.sampled_from([b"Action=", b"Version=2011-06-15", b"&", b"=", b"%", b"%41", b"%ff", b"+", b";", b"Name"]),
            st.binary(max_size=12),
        ),
        max_size=12,
    ),
    query_string=st.binary(max_size=30),
)
def test_any_bytes_are_a_form_or_are_refused(
    method: str, content_type: str | None, parts: list[bytes], query_string: bytes
) -> None:
    request = request_of(method, query=query_string, body=b"".join(parts), content_type=content_type)
    match _outcome(request):
        case ServiceError() as error:
            assert error.code in {"MalformedQueryString", "MalformedInput"}
            assert error.status == 400
        case query.Dispatched() as dispatched:
            response = dispatched.response(())
            assert response.status in {302, 403}
            assert all(b"\r" not in value and b"\n" not in value for _, value in response.headers)
        case form:
            assert form.parameters["Action"] == form.action
            assert form.parameters.get("Version") == form.version
            assert all(isinstance(value, str) for value in form.parameters.values())


def _outcome(request: RawRequest) -> query.Form | ServiceError | query.Dispatched:
    try:
        return query.parse_form(request)
    except (ServiceError, query.Dispatched) as refused:
        return refused
