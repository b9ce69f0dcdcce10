"""Browser forms, byte by byte. What a form means and who may send it is tests/edge/test_arrival's."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError
from daypass.wire.post_form import FormBody, read_boundary

FORM = (
    b'--XX\r\nContent-Disposition: form-data; name="Key"\r\n\r\nuser/${filename}\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="x-amz-meta-\xc3\xa9"\r\nContent-Type: text/plain\r\n\r\n\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a b.png"\r\nContent-Type: image/png\r\n\r\n'
    b"data\r\n--X\r\n-\r\n--Xmore\r\n--XX--\r\n"
)
FILE = b"data\r\n--X\r\n-\r\n--Xmore"


def read(*parts: bytes) -> tuple[FormBody, bytes]:
    form = FormBody(b"XX")
    content = b"".join(piece for part in parts for piece in form.feed(part))
    form.finish()
    return form, content


@given(cuts=st.lists(st.integers(0, len(FORM)), max_size=12))
def test_it_does_not_matter_where_the_network_cuts(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(FORM)]
    form, content = read(*[FORM[start:end] for start, end in pairwise(places)])
    assert content == FILE
    assert form.fields == {"key": "user/${filename}", "x-amz-meta-é": ""}
    assert form.file_name == "a b.png"


@given(cut=st.integers(0, len(FORM)))
def test_the_length_of_the_file_is_foretold_when_it_is_reached(cut: int) -> None:
    form = FormBody(b"XX")
    begun = b"".join(form.feed(FORM[:cut]))
    if form.has_reached_the_file:
        assert form.usual_file_length(len(FORM)) + len(begun) == len(FILE)


def test_a_file_of_another_length_than_foretold_is_refused_before_it_is_over() -> None:
    form = FormBody(b"XX")
    form.feed(FORM[:200])
    form.expect(len(FILE) - 1)
    with pytest.raises(ServiceError, match="InvalidRequest"):
        form.feed(FORM[200:])


@given(st.binary(max_size=300), st.integers(0, len(FORM)), st.integers(0, len(FORM)))
def test_whatever_comes_is_read_or_refused(noise: bytes, first: int, second: int) -> None:
    with suppress(ServiceError):
        read(FORM[:first] + noise + FORM[second:])


@pytest.mark.parametrize("end", range(1, len(FORM) - 2))
def test_a_form_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(ServiceError):
        read(FORM[:end])


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=XX", b"XX"),
        ('multipart/form-data; charset=utf-8; boundary="a b"', b"a b"),
        ("Multipart/Form-Data;boundary=----WebKitFormBoundaryABC", b"----WebKitFormBoundaryABC"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=" + "x" * 71, None),
        ("multipart/mixed; boundary=XX", None),
        ("application/x-www-form-urlencoded", None),
        ("", None),
    ],
)
def test_only_a_form_has_a_boundary(content_type: str, boundary: bytes | None) -> None:
    assert read_boundary(content_type) == boundary
