"""A compiled statement: its elements as written, and its reference."""

from __future__ import annotations

from typing import Any

from daypass.policy import Outcome, PolicyKind, Principal, PrincipalKind, Request
from daypass.policy.statement import Element, Statement, text_of, texts
from support.policies import policy

ALICE = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/alice", "111122223333")


def compiled(kind: PolicyKind = PolicyKind.IDENTITY, **elements: Any) -> Statement:
    (statement,) = policy([{"Effect": "Allow"} | elements], kind, "p").statements()
    return statement


def test_elements_are_kept_as_written() -> None:
    statement = compiled(
        NotAction=["s3:Get*", "S3:List*"],
        NotResource="arn:aws:s3:::reports/*",
        Condition={"NumericLessThan": {"s3:max-keys": [10, 2.50]}, "Bool": {"aws:SecureTransport": True}},
    )
    assert statement.action == Element("NotAction", ("s3:Get*", "S3:List*"))
    assert statement.resource == Element("NotResource", ("arn:aws:s3:::reports/*",))
    assert [(c.operator, c.key, c.values) for c in statement.conditions()] == [
        ("NumericLessThan", "s3:max-keys", ("10", "2.5")),
        ("Bool", "aws:SecureTransport", ("true",)),
    ]
    assert statement.principal is None


def test_a_principals_values_are_listed_whatever_their_kind() -> None:
    principal = {"AWS": ["111122223333"], "Service": "logs.amazonaws.com"}
    statement = compiled(PolicyKind.RESOURCE, Action="s3:*", Resource="*", Principal=principal)
    assert statement.principal == Element("Principal", ("111122223333", "logs.amazonaws.com"))


def test_a_trust_statement_is_about_any_resource() -> None:
    statement = compiled(PolicyKind.ROLE_TRUST, Action="sts:AssumeRole", Principal="*")
    assert statement.resource is None
    assert statement.applies(Request(ALICE, "sts:AssumeRole", "arn:aws:iam::111122223333:role/Reader", {}))


def test_an_empty_sid_is_none() -> None:
    assert compiled(Action="*", Resource="*", Sid="").reference.sid is None


def test_a_statement_makes_its_own_decision_once() -> None:
    allowed = compiled(Action="*", Resource="*")
    assert allowed.alone() is allowed.alone()
    assert allowed.alone().outcome is Outcome.ALLOWED
    assert compiled(Effect="Deny", Action="*", Resource="*").alone().outcome is Outcome.EXPLICITLY_DENIED


def test_json_values_become_texts() -> None:
    assert texts(["a", None, "b"]) == ("a", "b")
    assert texts("a") == ("a",)
    assert [text_of(value) for value in (True, False, "x")] == ["true", "false", "x"]


def test_null_among_resources_is_no_resource() -> None:
    statement = compiled(Action="*", Resource=[None, "arn:aws:s3:::reports"])
    assert statement.resource == Element("Resource", ("arn:aws:s3:::reports",))
