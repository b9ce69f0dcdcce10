"""Which documents are policies, and what is said of those that are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyFault, PolicyKind
from daypass.policy.document import quota_size

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "policy_documents.json").read_text("utf-8")
)
ACCEPTED = [row for row in ROWS if "fault" not in row]
REFUSED = [row for row in ROWS if "fault" in row]

ALLOW_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


def text_of(row: dict[str, Any]) -> str:
    return row["text"] if "text" in row else json.dumps(row["document"])


def parse(row: dict[str, Any]) -> Policy:
    return Policy.parse(text_of(row), PolicyKind[row["kind"]], managed=row.get("managed", False))


@pytest.mark.parametrize("row", ACCEPTED, ids=[row["name"] for row in ACCEPTED])
def test_what_aws_accepts_is_accepted_and_compiles(row: dict[str, Any]) -> None:
    assert parse(row).statements(), row["source"]


@pytest.mark.parametrize("row", REFUSED, ids=[row["name"] for row in REFUSED])
def test_what_aws_refuses_is_refused_in_its_words_with_the_offending_path(row: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(row)
    error = refused.value
    assert (error.fault.name, error.path, error.message) == (row["fault"], row["path"], row["message"]), row["source"]


def test_every_fault_has_a_row() -> None:
    assert {row["fault"] for row in REFUSED} | {"TOO_LARGE"} == {fault.name for fault in PolicyFault}


def test_every_row_has_a_source() -> None:
    assert all(row["source"] for row in ROWS)


@pytest.mark.parametrize("kind", PolicyKind)
def test_the_kinds_that_name_no_principal_refuse_one_and_the_others_ask_for_it(kind: PolicyKind) -> None:
    statement: dict[str, Any] = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}
    if kind is PolicyKind.ROLE_TRUST:
        del statement["Resource"]
    if kind is PolicyKind.RESOURCE:
        statement["Action"] = "s3:*"
    named = kind in (PolicyKind.RESOURCE, PolicyKind.ROLE_TRUST, PolicyKind.RESOURCE_CONTROL)
    for principal, accepted in (({}, not named), ({"Principal": "*"}, named)):
        document = json.dumps({"Version": "2012-10-17", "Statement": statement | principal})
        if accepted:
            assert Policy.parse(document, kind).kind is kind
        else:
            with pytest.raises(PolicyError):
                Policy.parse(document, kind)


# --- bytes, sizes and hostile input -------------------------------------------------------------------------


def test_bytes_are_utf_8() -> None:
    assert Policy.parse(ALLOW_ALL.encode(), PolicyKind.IDENTITY).text == ALLOW_ALL


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe{\x00}\x00",
        ALLOW_ALL.encode().replace(b"Allow", b"All\xc3\x28w"),
        ALLOW_ALL.replace('"Resource":"*"', '"Resource":"arn:aws:s3:::\\ud800"'),
        ALLOW_ALL.replace('"Resource":"*"', '"Resource":"arn:aws:s3:::\ud800"'),
        "\ufeff" + ALLOW_ALL,
        '{"Statement":' * 60_000,
        "[" * 100_000,
        '{"a":' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"Version":' + "9" * 100_000 + "}",
        '{"Version":1e999999999}',
        '{"Statement":[' + "{}," * 6_000 + "{}]}",
        '{"Statement":[' + ALLOW_ALL[36:-1] + ',"x"' * 5_000 + "]}",
        "{" + ",".join(f'"k{index}":1' for index in range(2_000)) + "}",
        "",
        "\x00",
        "null",
        "true",
        '"Allow"',
    ],
    ids=lambda text: repr(text[:24]),
)
@pytest.mark.parametrize("kind", PolicyKind)
def test_hostile_input_is_a_policy_error_of_every_kind(text: str | bytes, kind: PolicyKind) -> None:
    with pytest.raises(PolicyError):
        Policy.parse(text, kind)


def test_a_number_of_a_hundred_thousand_digits_is_kept_as_text_and_compared_with_nothing() -> None:
    digits = "9" * 100_000
    text = ALLOW_ALL.replace('"Allow"', '"Allow","Condition":{"StringEquals":{"a:b":' + digits + "}}")
    assert len(Policy.parse(text, PolicyKind.IDENTITY).statements()) == 1


@pytest.mark.parametrize(
    ("kind", "largest"),
    [
        (PolicyKind.IDENTITY, limits.POLICY_DOCUMENT_CHARS),
        (PolicyKind.BOUNDARY, limits.POLICY_DOCUMENT_CHARS),
        (PolicyKind.SESSION, limits.POLICY_DOCUMENT_CHARS),
        (PolicyKind.SERVICE_CONTROL, limits.POLICY_DOCUMENT_CHARS),
        (PolicyKind.RESOURCE, limits.BUCKET_POLICY_BYTES),
    ],
)
def test_a_document_larger_than_its_kind_may_be_is_refused(kind: PolicyKind, largest: int) -> None:
    text = ALLOW_ALL.replace('"Allow"', '"Allow","Principal":"*"') if kind is PolicyKind.RESOURCE else ALLOW_ALL
    assert Policy.parse(text.ljust(largest), kind)
    with pytest.raises(PolicyError) as refused:
        Policy.parse(text.ljust(largest + 1), kind)
    assert refused.value.fault is PolicyFault.TOO_LARGE


def test_a_bucket_policy_is_measured_in_bytes() -> None:
    text = ALLOW_ALL.replace('"Allow"', '"Allow","Principal":"*"').replace(',"Statement"', ',"Id":"é","Statement"')
    assert Policy.parse(text.ljust(limits.BUCKET_POLICY_BYTES - 1), PolicyKind.RESOURCE)
    with pytest.raises(PolicyError):
        Policy.parse(text.ljust(limits.BUCKET_POLICY_BYTES), PolicyKind.RESOURCE)


@pytest.mark.parametrize(
    ("kind", "quota", "action"),
    [
        (PolicyKind.ROLE_TRUST, limits.TRUST_POLICY_CHARS, "sts:AssumeRole"),
        (PolicyKind.SERVICE_CONTROL, limits.SERVICE_CONTROL_POLICY_CHARS, "s3:GetObject"),
        (PolicyKind.RESOURCE_CONTROL, limits.SERVICE_CONTROL_POLICY_CHARS, "s3:GetObject"),
    ],
)
def test_white_space_does_not_count_towards_a_quota(kind: PolicyKind, quota: int, action: str) -> None:
    statement: dict[str, Any] = {"Effect": "Deny", "Action": action}
    if kind is not PolicyKind.SERVICE_CONTROL:
        statement["Principal"] = "*"
    if kind is not PolicyKind.ROLE_TRUST:
        statement["Resource"] = "*"
    document = {"Version": "2012-10-17", "Id": "", "Statement": statement}
    document["Id"] = "x" * (quota - quota_size(json.dumps(document)))
    assert quota_size(json.dumps(document)) == quota
    assert Policy.parse(json.dumps(document, indent=4), kind)
    document["Id"] = f"{document['Id']}x"
    with pytest.raises(PolicyError) as refused:
        Policy.parse(json.dumps(document), kind)
    assert refused.value.fault is PolicyFault.TOO_LARGE


# --- what was accepted before -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "denY", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:No:Such", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*", "Sid": "not a word"},
    ],
)
def test_a_stored_policy_is_not_asked_again_what_only_new_ones_are(statement: dict[str, Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with pytest.raises(PolicyError):
        Policy.parse(text, PolicyKind.IDENTITY)
    stored = Policy.parse(text, PolicyKind.IDENTITY, stored=True)
    assert [read.allow for read in stored.statements()] == [False]


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*", "Principal": {"AWS": "staff"}},
        {"Effect": "Deny", "Action": "s3:GetObject", "Principal": "*"},
        {"Effect": "Deny", "Resource": "*", "Principal": "*"},
    ],
)
def test_a_stored_policy_that_cannot_be_compiled_is_refused_all_the_same(statement: dict[str, Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with pytest.raises(PolicyError):
        Policy.parse(text, PolicyKind.RESOURCE, stored=True)
