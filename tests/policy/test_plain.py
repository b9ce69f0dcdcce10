"""The quick answer agrees with the grammar: it says yes only where the whole check accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.policy.plain import is_plain

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "policy_documents.json").read_text("utf-8")
)
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*"}


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


# --- texts that are nearly plain: keys and values from few, so that faults and repetitions are frequent -----------

STRINGS = st.sampled_from(
    [
        "*",
        "s3:GetObject",
        "s3:*",
        "a:b:c",
        "GetObject",
        "é:x",
        "a_b:c",
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::",
        "arn:aws:s3",
        "arn:aws",
        "arn:aws:a::b",
        "arn:aws::",
        "arn:aws:iam::*:user/x",
        "arn:aws:iam::*:x",
        "arn:aws:s3:us:::x",
        "arn:aws:iam:us:*:user/x",
        "Allow",
        "Deny",
        "allow",
        "one",
        "Two",
        "three-3",
        "2012-10-17",
        "2008-10-17",
        "2020-01-01",
        "Sid",
        "Effect",
    ]
)
SCALARS = st.one_of(STRINGS.map(json.dumps), st.sampled_from(["null", "1", "{}", "[]", '""', '"\\u0041"', '"\\""']))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3).map(lambda values: f"[{', '.join(values)}]"))


def objects(members: st.SearchStrategy[list[tuple[str, str]]]) -> st.SearchStrategy[str]:
    """JSON objects as texts, in which a key can stand twice."""
    return members.map(lambda pairs: "{" + ",".join(f'"{key}": {value}' for key, value in pairs) + "}")


def mostly(*right: str) -> st.SearchStrategy[str]:
    return st.one_of(*(st.just(value) for value in right * 8), VALUES)


MEMBERS = (
    st.tuples(st.just("Effect"), st.sampled_from(['"Allow"', '"Deny"'])),
    st.tuples(st.just("Action"), mostly('"*"', '["s3:GetObject", "s3:List*"]')),
    st.tuples(st.just("Resource"), mostly('"*"', '["arn:aws:s3:::b/*", "arn:aws:a:::b"]')),
)
ANY_MEMBER = st.tuples(
    st.sampled_from(["Effect", "Action", "Resource", "Sid", "Sid", "NotAction", "Condition", "Principal"]), VALUES
)
STATEMENTS = objects(
    st.tuples(*MEMBERS, st.lists(ANY_MEMBER, max_size=1)).flatmap(
        lambda parts: st.permutations([*parts[:3], *parts[3]])
    )
)
LISTED = st.one_of(STATEMENTS, st.lists(STATEMENTS, max_size=3).map(lambda texts: f"[{', '.join(texts)}]"))
TEXTS = objects(
    st.tuples(LISTED, st.lists(st.tuples(st.sampled_from(["Version", "Statement", "Id"]), VALUES), max_size=1)).map(
        lambda parts: [("Version", '"2012-10-17"'), ("Statement", parts[0]), *parts[1]]
    )
)


def is_session_policy(text: str) -> bool:
    try:
        return bool(Policy.parse(text, PolicyKind.SESSION).statements())
    except PolicyError:
        return False


@given(TEXTS)
def test_what_is_plain_is_a_session_policy(text: str) -> None:
    assert is_session_policy(text) or not is_plain(text)


@given(TEXTS.flatmap(lambda text: st.tuples(st.just(text), st.integers(0, len(text)), st.characters(), st.booleans())))
def test_what_is_plain_after_a_character_was_changed_is_a_session_policy(edit: tuple[str, int, str, bool]) -> None:
    text, place, character, keep = edit
    text = text[:place] + character + text[place if keep else place + 1 :]
    assert is_session_policy(text) or not is_plain(text)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_no_row_of_the_grammar_is_plain_that_is_no_session_policy(row: dict[str, Any]) -> None:
    text = row["text"] if "text" in row else json.dumps(row["document"])
    assert is_session_policy(text) or not is_plain(text)


# --- the plain ones are found so, or there would be no use in asking -----------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        document(ALLOW),
        document(ALLOW, version="2008-10-17"),
        document(ALLOW | {"Effect": "Deny", "Sid": "One"}, ALLOW | {"Sid": "Two"}, ALLOW),
        document(ALLOW | {"Action": ["s3:Get*", "*"], "Resource": ["*", "arn:aws:sqs:us-east-1:111122223333:jobs"]}),
        json.dumps({"Version": "2012-10-17", "Statement": ALLOW}, indent=2),
    ],
)
def test_effect_action_resource_and_perhaps_a_sid_are_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        document(ALLOW | {"Condition": {}}),
        document(ALLOW | {"Action": []}),
        document(ALLOW | {"Action": "s3:" + "x" * 200}),
        document(ALLOW | {"Resource": "arn:aws:s3:::r\N{LATIN SMALL LETTER E WITH ACUTE}sum\\u00e9"}),
        document(ALLOW | {"Sid": ""}),
        document(ALLOW | {"Sid": "Same"}, ALLOW | {"Sid": "Same"}),
        document(),
        document(ALLOW)[:-1] + ', "Version": "2012-10-17"}',
        document(ALLOW).replace('"Effect"', '"Effect": "Deny", "Effect"'),
        document(ALLOW).replace('"Effect"', '"\\u0045ffect"'),
        document(ALLOW) + " " * limits.POLICY_DOCUMENT_CHARS,
        document(ALLOW) + "x",
        "",
    ],
)
def test_of_anything_unusual_nothing_is_said(text: str) -> None:
    assert not is_plain(text)
