"""Condition operators, each with every set qualifier, IfExists, missing keys and lists of values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass import limits
from daypass.policy import Policy, PolicyKind, Principal, PrincipalKind, Request
from daypass.policy.conditions import (
    OPERATORS,
    Comparison,
    compile_condition,
    fold,
    is_saved_date,
    parse_date,
    parse_network,
    parse_number,
)

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "conditions.json").read_text("utf-8")
)

QUALIFIERS = ("", "ForAllValues:", "ForAnyValue:")


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_a_condition_holds_as_its_source_says(row: dict[str, Any]) -> None:
    keys = {} if row["values"] is None else {row["key"]: row["values"]}
    document: dict[str, Any] = {
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {row["operator"]: keys}}
    }
    if row["version"] is not None:
        document["Version"] = row["version"]
    (statement,) = Policy.parse(json.dumps(document), PolicyKind.SESSION, stored=True).statements()
    context = {key: tuple(value) if isinstance(value, list) else value for key, value in row["context"].items()}
    request = Request(Principal(PrincipalKind.ANONYMOUS), "s3:GetObject", "*", context)
    assert statement.applies(request) is row["holds"], row["source"]


def test_every_row_has_a_source() -> None:
    assert all(row["source"] for row in ROWS)


def test_every_operator_has_rows_that_hold_and_rows_that_do_not_with_every_qualifier() -> None:
    seen = {(row["operator"], row["holds"]) for row in ROWS}
    for operator in OPERATORS:
        for qualifier in QUALIFIERS:
            assert {(qualifier + operator, True), (qualifier + operator, False)} <= seen
        assert {(operator + "IfExists", True), (operator + "IfExists", False)} <= seen


@pytest.mark.parametrize("operator", [*OPERATORS, "Null"])
@pytest.mark.parametrize("qualifier", QUALIFIERS)
def test_operators_are_taken_apart(qualifier: str, operator: str) -> None:
    assert Comparison.parse(qualifier + operator) == (operator, qualifier, False)
    with_if_exists = Comparison.parse(f"{qualifier}{operator}IfExists")
    assert with_if_exists == (None if operator == "Null" else (operator, qualifier, True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "IfExists",
        "stringEquals",
        "StringEqualsIfexists",
        "StringEqualsIfExistsIfExists",
        "ForAnyValue:",
        "forAnyValue:StringEquals",
        "ForAnyValue: StringEquals",
        "ForAllValues:ForAnyValue:StringEquals",
        "BinaryNotEquals",
        "NotBool",
        "NumericLike",
        "ArnEqualsIgnoreCase",
    ],
)
def test_there_are_no_other_operators(text: str) -> None:
    assert Comparison.parse(text) is None


VALUES = st.sampled_from(["", "a", "b", "1", "2.0", "true", "10.0.0.1", "2026-01-01", "arn:a:b:c:d:e", "QQ=="])
GIVEN = st.one_of(st.none(), VALUES, st.lists(VALUES, max_size=3).map(tuple))
NEGATED = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "ArnLike": "ArnNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
}


def holds(operator: str, values: list[str], given: str | tuple[str, ...] | None) -> bool:
    comparison = Comparison.parse(operator)
    assert comparison is not None
    test = compile_condition(comparison, "k", values, variables=True)
    return test({} if given is None else {"k": given})


@given(operator=st.sampled_from(sorted(NEGATED)), values=st.lists(VALUES, min_size=1, max_size=3), value=VALUES)
def test_a_negated_operator_is_the_opposite_of_its_positive_one_for_a_single_value(
    operator: str, values: list[str], value: str
) -> None:
    assert holds(operator, values, value) is not holds(NEGATED[operator], values, value)


@given(operator=st.sampled_from(sorted(NEGATED)), values=st.lists(VALUES, min_size=1, max_size=3), given_=GIVEN)
def test_for_any_value_of_a_negated_operator_is_the_opposite_of_for_all_values_unless_there_are_none(
    operator: str, values: list[str], given_: str | tuple[str, ...] | None
) -> None:
    present = given_ not in (None, "", ()) and any(given_ or ())
    if present:
        for_all = holds(f"ForAllValues:{operator}", values, given_)
        assert for_all is not holds(f"ForAnyValue:{NEGATED[operator]}", values, given_)


@given(operator=st.sampled_from(sorted(OPERATORS)), values=st.lists(VALUES, max_size=3), given_=GIVEN)
def test_if_exists_matters_only_where_the_key_is_absent(
    operator: str, values: list[str], given_: str | tuple[str, ...] | None
) -> None:
    for qualifier in QUALIFIERS:
        with_if_exists = holds(f"{qualifier}{operator}IfExists", values, given_)
        if given_ in (None, ()):
            assert with_if_exists
        else:
            assert with_if_exists is holds(qualifier + operator, values, given_)


# --- values -------------------------------------------------------------------------------------------------


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_a_decimal_is_read_exactly(number: Decimal) -> None:
    assert parse_number(f"{number:f}") == number


@given(st.datetimes(timezones=st.just(UTC)), st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_a_date_is_the_same_instant_in_every_zone(instant: datetime, minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    try:
        local = instant + offset
    except OverflowError:
        return
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    expected = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    assert parse_date(f"{local:%Y}".zfill(4) + f"{local:-%m-%dT%H:%M:%S.%f}{zone}") == expected
    assert is_saved_date(f"{local:%Y}".zfill(4) + f"{local:-%m-%dT%H:%M:%S.%f}{zone}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970", 0), ("-0001-01-01", -62_198_755_200), ("0000-03-01", -62_162_035_200), ("292278993-12-31", None)],
)
def test_years_far_away_are_counted(text: str, seconds: int | None) -> None:
    parsed = parse_date(text)
    assert parsed is not None
    if seconds is not None:
        assert parsed == seconds * 10**9


@pytest.mark.parametrize("text", ["292278994", "-292275055-01-01", "292278994-01-01"])
def test_years_beyond_what_iam_keeps_are_no_dates(text: str) -> None:
    assert parse_date(text) is None or len(text) == 9  # nine digits alone are seconds


@given(st.ip_addresses())
def test_an_address_is_within_every_block_that_holds_it(address: Any) -> None:
    for prefix in (0, 1, address.max_prefixlen // 2, address.max_prefixlen):
        block = f"{address}/{prefix}"
        mapped = address.version == 6 and address.ipv4_mapped is not None
        assert holds("IpAddress", [block], str(address)) is (not mapped)
        assert parse_network(block) == (
            address.version,
            int(ip_network(block, strict=False).network_address),
            int(ip_network(block, strict=False).netmask),
        )


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(min_value=0, max_value=32))
def test_containment_is_that_of_the_standard_library(address: Any, other: Any, prefix: int) -> None:
    block = ip_network(f"{other}/{prefix}", strict=False)
    assert holds("IpAddress", [str(block)], str(address)) is (ip_address(str(address)) in block)


@given(st.text(max_size=12))
def test_folding_keeps_length_and_is_done_after_one_time(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=30))
def test_no_text_breaks_a_parser(text: str) -> None:
    for operator in OPERATORS:
        for given_ in (text, (text, text)):
            assert holds(operator, [text], given_) in (True, False)
    assert is_saved_date(text) in (True, False)


def test_what_is_remembered_of_parsed_values_is_bounded() -> None:
    for parse in (parse_number, parse_date, parse_network):
        for number in range(limits.CONDITION_VALUES_CACHED + 50):
            parse(str(number))
        assert parse.cache_info().currsize <= limits.CONDITION_VALUES_CACHED
