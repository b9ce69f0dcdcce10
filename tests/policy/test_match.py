"""Patterns: `*`, `?` and variables, in actions, ARNs and texts."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.policy import Policy, PolicyKind, Principal, PrincipalKind, Request
from daypass.policy.match import (
    Gapped,
    Template,
    Variable,
    Wildcard,
    arn,
    arn_text,
    glob,
    glob_text,
    resolve,
    resolve_text,
    resource_text,
    tokenize,
)
from daypass.policy.statement import Statement

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "vectors" / "matching.json").read_text("utf-8"))

ALICE = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/alice", "111122223333")


def statement_of(row: dict[str, Any]) -> Statement:
    """A statement with the row's element, all else of it matching everything."""
    other = "Resource" if row["element"].endswith("Action") else "Action"
    document: dict[str, Any] = {
        "Statement": {"Effect": "Allow", other: "*", row["element"]: row["patterns"]},
    }
    if row["version"] is not None:
        document["Version"] = row["version"]
    (statement,) = Policy.parse(json.dumps(document), PolicyKind.SESSION, stored=True).statements()
    return statement


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_an_element_matches_as_its_source_says(row: dict[str, Any]) -> None:
    statement = statement_of(row)
    context = {key: tuple(value) if isinstance(value, list) else value for key, value in row["context"].items()}
    if row["element"].endswith("Action"):
        matches = statement.matches_action(row["value"].lower())
    else:
        matches = statement.applies(Request(ALICE, "s3:GetObject", row["value"], context))
    assert matches is row["matches"], row["source"]


def test_every_row_has_a_source() -> None:
    assert all(row["source"] for row in ROWS)


# --- elements of a pattern ----------------------------------------------------------------------------------


def test_a_pattern_is_read_into_literal_text_wildcards_and_variables() -> None:
    assert tokenize("a*b?${aws:UserName}${aws:x, 'y z'}${*}c") == (
        "a",
        Wildcard.ANY_RUN,
        "b",
        Wildcard.ANY_ONE,
        Variable("aws:username", None),
        Variable("aws:x", "y z"),
        "*c",
    )


def test_without_wildcards_stars_are_text_and_without_variables_dollars_are() -> None:
    assert tokenize("a*${aws:x}", wildcards=False) == ("a*", Variable("aws:x", None))
    assert tokenize("a*${aws:x}", variables=False) == ("a", Wildcard.ANY_RUN, "${aws:x}")


@pytest.mark.parametrize(
    "text", ["${", "${}", "${ }", "${aws:x", "${a,b}", "${a, b}", "${a, 'b}", "$", "{x}", "${'a'}"]
)
def test_what_is_no_variable_is_literal(text: str) -> None:
    assert tokenize(text) == (text,)


def test_a_variable_inside_what_is_not_closed_is_read() -> None:
    assert tokenize("${a${aws:x}") == ("${a", Variable("aws:x", None))


def test_an_empty_pattern_has_no_elements_and_matches_the_empty_text_alone() -> None:
    assert tokenize("") == ()
    assert glob(())("")
    assert not glob(())("x")


def test_resolving_puts_values_in_place_of_variables() -> None:
    tokens = tokenize("a${x:y}*${x:z, 'd'}")
    assert resolve(tokens, {"x:y": "1"}) == ["a", "1", Wildcard.ANY_RUN, "d"]
    assert resolve(tokens, {}) is None
    assert resolve_text(tokenize("a${x:y}", wildcards=False), {"x:y": "1"}) == "a1"
    assert resolve_text(tokenize("a${x:y}", wildcards=False), {}) is None


# --- globs --------------------------------------------------------------------------------------------------

TEXT = st.text(alphabet="ab:*?", max_size=14)


def expression(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern), re.DOTALL)


@given(pattern=TEXT, text=TEXT)
def test_a_glob_matches_what_the_regular_expression_of_the_same_meaning_matches(pattern: str, text: str) -> None:
    test = glob_text(pattern)
    assert not isinstance(test, Template)
    assert test(text) is (expression(pattern).fullmatch(text) is not None)


@given(chunk=st.text(alphabet="ab?", min_size=1, max_size=40), text=st.text(alphabet="ab", max_size=80))
def test_a_chunk_is_found_alike_bit_by_bit_and_by_expression(chunk: str, text: str) -> None:
    found = expression(chunk).search(text)
    tokens = [token for token in tokenize(chunk) if not isinstance(token, Variable)]
    if chunk.count("?"):
        gapped = Gapped(tokens)
        expected = -1 if found is None else found.start()
        assert gapped.find(text, 0, len(text)) == gapped.find_bit_by_bit(text, 0, len(text)) == expected


@given(text=TEXT, places=st.sets(st.integers(min_value=0, max_value=13)))
def test_a_text_matches_itself_with_any_characters_replaced_by_question_marks(text: str, places: set[int]) -> None:
    pattern = "".join(
        "?" if index in places else f"${{{char}}}" if char in "*?" else char for index, char in enumerate(text)
    )
    assert glob([token for token in tokenize(pattern) if not isinstance(token, Variable)])(text)


@given(pattern=TEXT, text=TEXT)
def test_arns_match_part_by_part(pattern: str, text: str) -> None:
    test = arn(tuple(token for token in tokenize(pattern, variables=False) if not isinstance(token, Variable)))
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    if len(patterns) < 6:
        assert test is None
        return
    assert test is not None
    expected = len(parts) == 6 and all(
        expression(one).fullmatch(part) is not None for one, part in zip(patterns, parts, strict=True)
    )
    assert test(text) is expected


@given(value=TEXT, text=TEXT)
def test_the_value_of_a_variable_is_literal(value: str, text: str) -> None:
    template = glob_text("a${x:y}", variables=True)
    assert isinstance(template, Template)
    assert template.matches(text, {"x:y": value}) is (text == "a" + value)


def test_in_a_condition_a_variable_may_be_a_whole_arn() -> None:
    template = arn_text("${aws:PrincipalArn}", variables=True)
    assert isinstance(template, Template)
    assert template.matches("arn:aws:iam::1:user/a", {"aws:principalarn": "arn:aws:iam::1:user/a"})
    assert not template.matches("arn:aws:iam::1:user/a", {"aws:principalarn": "arn:aws:iam::1:user/*"})
    assert not template.matches("a", {"aws:principalarn": "a"})


# --- hostile patterns ---------------------------------------------------------------------------------------


class CountedText(str):
    """A text that counts how often it is searched, and over how many characters."""

    searches = 0
    characters = 0

    def find(self, *arguments: Any) -> int:
        found = super().find(*arguments)
        CountedText.searches += 1
        end = len(self) if found < 0 else found + len(arguments[0])
        CountedText.characters += end - arguments[1]
        return found


@pytest.mark.parametrize("size", [100, 1_000, 10_000])
@pytest.mark.parametrize("unit", ["a*", "aa*", "*a*b", "**", "ab*"])
def test_every_character_of_the_text_is_searched_once_whatever_the_pattern(unit: str, size: int) -> None:
    CountedText.searches = CountedText.characters = 0
    test = glob_text(unit * (size // len(unit)) + "c")
    assert not isinstance(test, Template)
    assert not test(CountedText("a" * size + "b" * size))
    text = CountedText("a" * size + "c")
    test(text)
    assert CountedText.searches <= 2 * size
    assert CountedText.characters <= 4 * size


class CountedCharacters(str):
    """A text that counts how often one of its characters is looked at."""

    looks = 0

    def __getitem__(self, key: Any) -> str:
        CountedCharacters.looks += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("size", [100, 1_000, 10_000])
def test_a_long_chunk_with_question_marks_looks_at_every_character_once(size: int) -> None:
    CountedCharacters.looks = 0
    test = glob_text("*" + "a?" * 50 + "b*")
    assert not isinstance(test, Template)
    assert not test(CountedCharacters("a" * size))
    assert CountedCharacters.looks <= size


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 1_000 + "b",
        "*a?" * 500 + "b",
        "a*" * 1_000 + "b",
        "?*" * 1_000 + "b",
        "*" * 2_000 + "b",
        "${" * 1_000,
        "${a, '" * 300,
        "${a,  " * 300,
        "${" + " " * 2_000,
        "${a" + "${" * 900 + "}" * 100,
    ],
    ids=lambda pattern: pattern[:12],
)
def test_a_pattern_that_would_never_end_by_trying_all_ways_ends(pattern: str) -> None:
    # 2,000 characters of pattern against 20,000 of text: trying all ways takes longer than the universe has been.
    text = "arn:aws:s3:::b/" + "a" * 20_000
    for test in (resource_text(f"arn:aws:s3:::b/{pattern}", variables=True), glob_text(pattern, variables=True)):
        if isinstance(test, Template):
            assert not test.matches(text, {})
        else:
            assert not test(text)


def test_globs_agree_with_the_standard_library_on_plain_names() -> None:
    for pattern in ("*.csv", "jan-*.csv", "jan-??.csv", "*"):
        for text in ("a.csv", "jan-01.csv", "jan-1.csv", ""):
            test = glob_text(pattern)
            assert not isinstance(test, Template)
            assert test(text) is fnmatch.fnmatchcase(text, pattern)
