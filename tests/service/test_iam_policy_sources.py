"""service.iam.policy_sources: where statements stand, as AWS counts it, in texts however they are laid out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass.policy import Policy, PolicyKind
from daypass.service.iam.policy_sources import Source, context_keys, statement_spans

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "iam_simulation.json").read_text("utf-8"))
POSITIONS = [pytest.param(row, id=row["case"]) for row in VECTORS["positions"]]


@pytest.mark.parametrize("row", POSITIONS)
def test_a_statement_stands_where_aws_says(row: Any) -> None:
    source = Source(Policy.parse(row["text"], PolicyKind[row["kind"]], stored=True), "an id", "a type")
    found = [source.statement(index) for index in range(len(row["places"]))]
    assert [
        [statement[end][part] for end in ("StartPosition", "EndPosition") for part in ("Line", "Column")]
        for statement in found
    ] == row["places"]
    assert {(statement["SourcePolicyId"], statement["SourcePolicyType"]) for statement in found} == {
        ("an id", "a type")
    }


# Texts that would lead a search for brackets or names astray.
_TEXTS = st.sampled_from(["}", "{", '"Statement": [', "\\", '\\"', "]},{", "é", "", "Statement"])
_STATEMENTS = st.fixed_dictionaries(
    {
        "Sid": _TEXTS,
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.lists(_TEXTS, min_size=1),
        "Condition": st.dictionaries(st.just("StringEquals"), st.dictionaries(_TEXTS, st.lists(_TEXTS), min_size=1)),
    }
)


@given(
    statements=st.lists(_STATEMENTS, min_size=1) | _STATEMENTS,
    before=st.dictionaries(st.sampled_from(["Id", "Version"]), _TEXTS),
    after=st.dictionaries(st.just("Conditions"), _STATEMENTS),
    indent=st.sampled_from([None, 0, 2]),
)
def test_whatever_a_document_holds_each_statement_is_found_and_nothing_else(
    statements: Any, before: Any, after: Any, indent: int | None
) -> None:
    text = json.dumps({**before, "Statement": statements, **after}, indent=indent, ensure_ascii=False)
    spans = statement_spans(text)
    if isinstance(statements, dict):
        ((start, end),) = spans
        assert json.loads(text[start - 1 : end]) == statements
    else:
        assert [json.loads(text[start:end].lstrip(", \n")) for start, end in spans] == statements


def test_a_name_that_is_written_with_escapes_is_the_same_name() -> None:
    text = '{"\\u0053tatement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    assert [text[start:end] for start, end in statement_spans(text)] == [text[19:-2]]


def test_a_number_of_many_digits_in_a_condition_is_read_as_text() -> None:
    condition = '{"NumericEquals":{"app:n":' + "9" * 100_000 + "}}"
    text = f'{{"Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{condition}}}}}'
    assert context_keys(Policy.parse(text, PolicyKind.IDENTITY)) == ["app:n"]
