from __future__ import annotations

import json
import time

import pytest

from daypass.policy_tools.positions import Place, Positions

TEXT = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "a", "Action": ["s3:GetObject",
                            "s3:Put{,]\\"Object"], "Condition": {"StringEquals": {"aws:a.b:c": ["x", "y"]}}},
    {}
  ],
  "Id": [[], {}, [1, true, null]]
}"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", (1, 1)),
        ("Version", (2, 3)),
        ("Statement", (3, 3)),
        ("Statement[0]", (4, 5)),
        ("Statement[0].Sid", (4, 6)),
        ("Statement[0].Action", (4, 18)),
        ("Statement[0].Action[0]", (4, 29)),
        ("Statement[0].Action[1]", (5, 29)),
        ("Statement[0].Condition.StringEquals.aws:a.b:c", (5, 82)),
        ("Statement[0].Condition.StringEquals.aws:a.b:c[1]", (5, 101)),
        ("Statement[1]", (6, 5)),
        ("Id[2][1]", (8, 22)),
    ],
)
def test_an_element_is_found_where_its_name_or_value_begins(path: str, place: tuple[int, int]) -> None:
    assert Positions(TEXT).place(path) == Place(*place)


def test_an_element_that_is_missing_is_placed_at_the_nearest_one_around_it() -> None:
    positions = Positions(TEXT)
    assert positions.place("Statement[1].Effect") == positions.place("Statement[1]")
    assert positions.place("Statement[7].Effect") == positions.place("Statement")
    assert positions.place("Nothing.at.all") == Place(1, 1)


def test_a_statement_that_is_no_list_is_the_first_statement() -> None:
    positions = Positions('{"Statement":\n {"Effect": "Allow"}}')
    assert positions.place("Statement[0]") == Place(2, 2)
    assert positions.place("Statement[0].Effect") == Place(2, 3)


def test_a_name_with_an_escape_is_found_by_what_it_means() -> None:
    assert Positions('{\n"a\\u0062": 1}').place("ab") == Place(2, 1)


def test_columns_are_counted_in_characters() -> None:
    assert Positions('{"Id": "ÄÖ", "Version": 1}').place("Version") == Place(1, 14)


def test_deep_and_wide_documents_are_placed_in_milliseconds() -> None:
    deep = "[" * 5_000 + "]" * 5_000
    wide = json.dumps({"Statement": [{"Sid": str(number)} for number in range(2_000)]}, indent=1)
    started = time.process_time()
    Positions(deep)
    assert Positions(wide).place("Statement[1999].Sid").line == 6_001
    assert time.process_time() - started < 1
