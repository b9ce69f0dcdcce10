"""Tests of one's own policies, with pytest and daypass.policy alone: no server, no AWS account.

Run them with:  pytest examples/test_my_policies.py

`daypass policy test` runs cases that are data (examples/cases.jsonl); this is for tests that are better said in code.
"""

# ruff: noqa: S101  (these are tests)

from __future__ import annotations

from pathlib import Path

import pytest

from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide, explain

POLICIES = Path(__file__).parent / "policies"
PROXY = Policy.parse((POLICIES / "proxy.json").read_text(), PolicyKind.IDENTITY, id="proxy.json")
BOB = Policy.parse((POLICIES / "bob.json").read_text(), PolicyKind.SESSION, id="bob.json")

# Bob's session: the proxy's user asked for it, and passed Bob's policy.
SESSION = Principal(
    PrincipalKind.FEDERATED_USER,
    "arn:aws:sts::111122223333:federated-user/Bob",
    "111122223333",
    issuer_arn="arn:aws:iam::111122223333:user/proxy",
)


def outcome(action: str, resource: str, **context: str) -> Outcome:
    keys = {f"s3:{name}": value for name, value in context.items()}
    request, policies = Request(SESSION, action, resource, keys), PolicySet(identity=(PROXY,), session=(BOB,))
    # Shown by pytest where a test fails: each statement that came near, and what kept it from matching.
    print(explain(request, policies).render())
    return decide(request, policies).outcome


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject"])
def test_bob_reads_and_writes_his_own_folder(action: str) -> None:
    assert outcome(action, "arn:aws:s3:::reports/bob/june.txt") is Outcome.ALLOWED


@pytest.mark.parametrize(
    "resource",
    ["arn:aws:s3:::reports/alice/june.txt", "arn:aws:s3:::reports/bobby/june.txt", "arn:aws:s3:::notices/bob/june.txt"],
)
def test_bob_reads_nothing_else(resource: str) -> None:
    assert outcome("s3:GetObject", resource) is Outcome.IMPLICITLY_DENIED


def test_bob_lists_his_own_folder_alone() -> None:
    assert outcome("s3:ListBucket", "arn:aws:s3:::reports", prefix="bob/") is Outcome.ALLOWED
    assert outcome("s3:ListBucket", "arn:aws:s3:::reports", prefix="alice/") is Outcome.IMPLICITLY_DENIED
    assert outcome("s3:ListBucket", "arn:aws:s3:::reports") is Outcome.IMPLICITLY_DENIED


def test_bob_does_not_delete_because_the_proxy_may_not() -> None:
    assert outcome("s3:DeleteObject", "arn:aws:s3:::reports/bob/june.txt") is Outcome.IMPLICITLY_DENIED


def test_without_his_policy_bob_may_do_nothing() -> None:
    request = Request(SESSION, "s3:GetObject", "arn:aws:s3:::reports/bob/june.txt", {})
    assert decide(request, PolicySet(identity=(PROXY,))).outcome is Outcome.IMPLICITLY_DENIED
