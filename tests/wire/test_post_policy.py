"""The policy document of a browser upload, read strictly. Forms that are held to one are tests/edge/test_arrival's."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from daypass.errors import ServiceError
from daypass.wire.post_policy import read_post_policy

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
UNTIL = "2026-01-01T13:00:00.000Z"
CONDITIONS = [{"bucket": "b"}, ["starts-with", "$Key", "user/"], ["eq", "$x-amz-meta-a", "1"]]


def encoded(document: Any) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode()


def checked(conditions: list[Any], fields: dict[str, str], *, length: int = 5, at: datetime = NOW) -> str | None:
    """The refusal's code; None if the form may pass."""
    policy = read_post_policy(encoded({"expiration": UNTIL, "conditions": conditions}))
    try:
        policy.check(fields, "b", length, at)
    except ServiceError as error:
        return error.code
    return None


def test_a_form_of_which_every_field_is_covered_passes() -> None:
    fields = {"key": "user/k", "x-amz-meta-a": "1", "policy": "p", "x-amz-signature": "s", "x-ignore-me": "?"}
    assert checked(CONDITIONS, fields) is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"key": "other/k", "x-amz-meta-a": "1"}, id="another beginning"),
        pytest.param({"key": "User/k", "x-amz-meta-a": "1"}, id="another case"),
        pytest.param({"key": "user/k", "x-amz-meta-a": "12"}, id="a longer value"),
        pytest.param({"key": "user/k"}, id="a field missing"),
        pytest.param({"x-amz-meta-a": "1"}, id="a field with any beginning missing"),
        pytest.param({"key": "user/k", "x-amz-meta-a": "1", "acl": "private"}, id="a field that nothing covers"),
    ],
)
def test_a_form_that_says_anything_else_is_refused(fields: dict[str, str]) -> None:
    assert checked(CONDITIONS, fields) == "AccessDenied"


def test_every_condition_of_a_field_has_to_hold() -> None:
    conditions = [{"bucket": "b"}, ["starts-with", "$key", "a"], ["starts-with", "$key", "b"]]
    assert checked(conditions, {"key": "ab"}) == "AccessDenied"


def test_the_bucket_is_a_field_of_every_form() -> None:
    assert checked([["starts-with", "$key", ""]], {"key": "k"}) == "AccessDenied"
    assert checked([{"bucket": "c"}, {"key": "k"}], {"key": "k"}) == "AccessDenied"
    assert checked([{"bucket": "c"}, {"key": "k"}], {"key": "k", "bucket": "c"}) == "AccessDenied"


def test_a_policy_is_over_at_its_expiration_itself() -> None:
    assert checked([{"bucket": "b"}], {}, at=datetime(2026, 1, 1, 12, 59, 59, tzinfo=UTC)) is None
    assert checked([{"bucket": "b"}], {}, at=datetime(2026, 1, 1, 13, 0, tzinfo=UTC)) == "AccessDenied"


def test_the_ends_of_a_range_of_lengths_are_in_it() -> None:
    conditions = [{"bucket": "b"}, ["content-length-range", 2, "4"]]
    assert [checked(conditions, {}, length=length) for length in (1, 2, 4, 5)] == [
        "EntityTooSmall",
        None,
        None,
        "EntityTooLarge",
    ]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 100_000, id="nested without end"),
        pytest.param({"conditions": []}, id="no expiration"),
        pytest.param({"expiration": UNTIL}, id="no conditions"),
        pytest.param({"expiration": UNTIL, "conditions": {}}, id="conditions of another kind"),
        pytest.param({"expiration": UNTIL, "conditions": [], "more": 1}, id="something more"),
        pytest.param({"expiration": "2026-01-01", "conditions": []}, id="a day"),
        pytest.param({"expiration": "2026-13-01T00:00:00Z", "conditions": []}, id="a month that is none"),
        pytest.param({"expiration": "2026-01-01T00:00:00+01:00", "conditions": []}, id="another zone"),
        pytest.param({"expiration": UNTIL, "conditions": [{}] * 300}, id="300 conditions"),
        pytest.param({"expiration": UNTIL, "conditions": [{"a": "1", "b": "2"}]}, id="two fields in one"),
        pytest.param({"expiration": UNTIL, "conditions": [{"a": 1}]}, id="a number"),
        pytest.param({"expiration": UNTIL, "conditions": [["in", "$key", "a"]]}, id="an unknown match"),
        pytest.param({"expiration": UNTIL, "conditions": [["eq", "key", "a"]]}, id="a field without its sign"),
        pytest.param({"expiration": UNTIL, "conditions": [["eq", "$key"]]}, id="a match without a value"),
        pytest.param({"expiration": UNTIL, "conditions": [["content-length-range", -1, 5]]}, id="a negative length"),
        pytest.param({"expiration": UNTIL, "conditions": [["content-length-range", True, 5]]}, id="a truth value"),
        pytest.param({"expiration": UNTIL, "conditions": [["content-length-range", 1.5, 5]]}, id="half a byte"),
        pytest.param(f'{{"expiration":"{UNTIL}","conditions":[],"conditions":[]}}', id="conditions twice"),
    ],
)
def test_a_policy_that_cannot_be_read_to_the_letter_is_refused(document: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        read_post_policy(encoded(document))
    assert (caught.value.code, caught.value.status) == ("InvalidPolicyDocument", 400)


@pytest.mark.parametrize("text", ["!!!", "e30", "/w=="])
def test_what_is_no_base64_of_utf8_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="InvalidPolicyDocument"):
        read_post_policy(text)
