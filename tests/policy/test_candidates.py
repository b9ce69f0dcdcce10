"""The index from action and resource to statements: how few are looked at."""

from __future__ import annotations

from typing import Any

import pytest

from daypass import limits
from daypass.policy import PolicyKind, Principal, PrincipalKind, Request
from daypass.policy.candidates import head_of
from daypass.policy.compiled import candidates
from daypass.policy.statement import Statement
from support.policies import policy

ALICE = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/alice", "111122223333")


def looked_at(monkeypatch: pytest.MonkeyPatch, statements: list[dict[str, Any]], resource: str) -> int:
    """How many of the statements are tested for a request on the resource."""
    one = policy(statements, PolicyKind.IDENTITY)
    looks = 0
    for statement in one.statements():
        applies = statement.applies

        def counted(request: Request, applies: Any = applies) -> bool:
            nonlocal looks
            looks += 1
            return bool(applies(request))

        monkeypatch.setattr(statement, "applies", counted)
    found = one.about("s3:getobject")
    request = Request(ALICE, "s3:GetObject", resource, {})
    found.denying(head_of(resource), request)
    found.allowing(head_of(resource), request)
    return looks


def allow(resource: str | list[str], action: str = "s3:GetObject") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


@pytest.mark.parametrize("bystanders", [1, 100])
def test_statements_about_other_buckets_and_other_actions_cost_nothing(
    monkeypatch: pytest.MonkeyPatch, bystanders: int
) -> None:
    others = [allow(f"arn:aws:s3:::other{number}/*") for number in range(bystanders)]
    others += [allow("arn:aws:s3:::reports/*", "s3:PutObject") for _ in range(bystanders)]
    assert looked_at(monkeypatch, [*others, allow("arn:aws:s3:::reports/*")], "arn:aws:s3:::reports/a") == 1


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:s3",
        "arn:aws:s3:::*",
        "arn:aws:s3:::r?ports/a",
        "arn:aws:s3:::${aws:username}/a",
        ["arn:aws:s3:::other/*", "arn:aws:s3:::*/a"],
    ],
)
def test_a_statement_whose_head_is_not_literal_is_looked_at_for_every_resource(
    monkeypatch: pytest.MonkeyPatch, resource: str | list[str]
) -> None:
    assert looked_at(monkeypatch, [allow(resource)], "arn:aws:s3:::reports/a") == 1


def test_statements_kept_under_no_head_come_between_those_of_a_head_in_the_documents_order() -> None:
    resources = ["arn:aws:s3:::reports/*", "*", "arn:aws:s3:::reports/a", "arn:aws:s3:::other/*", "arn:*:s3:::*/a"]
    one = policy([allow(resource) for resource in resources], PolicyKind.IDENTITY)
    request = Request(ALICE, "s3:GetObject", "arn:aws:s3:::reports/a", {})
    found = one.about("s3:getobject").allowing("arn:aws:s3:::reports", request)
    assert [statement.index for statement in found] == [0, 1, 2, 4]


def test_a_not_resource_is_looked_at_for_every_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    element = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}
    assert looked_at(monkeypatch, [element], "arn:aws:s3:::reports/a") == 1


def test_a_bucket_and_its_objects_share_a_head() -> None:
    assert head_of("arn:aws:s3:::reports") == head_of("arn:aws:s3:::reports/a/b") == "arn:aws:s3:::reports"
    assert head_of("*") == "*"


def test_no_policies_have_no_statements() -> None:
    found = candidates((), "s3:getobject")
    request = Request(ALICE, "s3:GetObject", "arn:aws:s3:::reports/a", {})
    assert found.allowing("arn:aws:s3:::reports", request) == []
    assert found.denying("arn:aws:s3:::reports", request) == []


def test_what_a_policy_remembers_of_actions_is_bounded() -> None:
    one = policy([allow("*", "*")], PolicyKind.IDENTITY)
    for number in range(limits.POLICY_ACTIONS_CACHED * 2 + 1):
        assert len(one.about(f"s3:action{number}").allowing("*", Request(ALICE, "s3:X", "*", {}))) == 1
        assert len(one._by_action) <= limits.POLICY_ACTIONS_CACHED


def test_policies_that_come_as_the_same_tuple_are_indexed_once() -> None:
    several = tuple(policy([allow("*")], PolicyKind.IDENTITY) for _ in range(3))
    assert candidates(several, "s3:getobject") is candidates(several, "s3:getobject")
    statements: list[Statement] = candidates(several, "s3:getobject").allowing("*", Request(ALICE, "s3:X", "*", {}))
    assert [statement.reference.index for statement in statements] == [0, 0, 0]
