"""The policies that the builder writes, asked of the engine that decides requests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daypass.client import PolicyBuilder, PolicyTooLong
from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide
from support.server import allow, policy

SESSION = Principal(
    PrincipalKind.FEDERATED_USER,
    "arn:aws:sts::111122223333:federated-user/Bob",
    "111122223333",
    issuer_arn="arn:aws:iam::111122223333:user/proxy",
)
EVERYTHING = Policy.parse(policy(allow("*", "*")), PolicyKind.IDENTITY)
BOB = PolicyBuilder().allow_prefix("reports", "bob")


def allowed(builder: PolicyBuilder, action: str, where: str, **context: str) -> bool:
    """Whether a session with the policy may do that. where: `bucket` or `bucket/key`."""
    policies = PolicySet(identity=(EVERYTHING,), session=(Policy.parse(builder.text(), PolicyKind.SESSION),))
    keys = {f"s3:{name}": value for name, value in context.items()}
    decision = decide(Request(SESSION, f"s3:{action}", f"arn:aws:s3:::{where}", keys), policies)
    return decision.outcome is Outcome.ALLOWED


def test_a_folder_is_everything_below_it_and_nothing_beside_it() -> None:
    for key in ("bob/a.txt", "bob/deep/er/a", "bob/"):
        assert allowed(BOB, "GetObject", f"reports/{key}")
        assert allowed(BOB, "PutObject", f"reports/{key}")
    for key in ("bob", "bobby/a.txt", "bob.txt", "alice/a.txt", "alice/bob/a.txt"):
        assert not allowed(BOB, "GetObject", f"reports/{key}")
        assert not allowed(BOB, "PutObject", f"reports/{key}")
    assert not allowed(BOB, "GetObject", "reports-2/bob/a.txt")


def test_a_prefix_means_the_same_with_its_slash_and_without() -> None:
    assert PolicyBuilder().allow_prefix("reports", "bob/").text() == BOB.text()


LISTINGS = [
    ("the folder, as `aws s3 ls s3://reports/bob/` does", {"prefix": "bob/"}, True),
    ("a folder in it", {"prefix": "bob/deep/", "delimiter": "/"}, True),
    ("names that begin with the folder's, which are other people's too", {"prefix": "bob"}, False),
    ("another folder", {"prefix": "bobby/"}, False),
    ("the whole bucket, with an empty prefix", {"prefix": ""}, False),
    ("the whole bucket, without a prefix", {}, False),
]


@pytest.mark.parametrize(("context", "outcome"), [row[1:] for row in LISTINGS], ids=[row[0] for row in LISTINGS])
def test_a_folder_that_may_be_read_may_be_listed_and_nothing_else(context: dict[str, str], outcome: bool) -> None:
    assert allowed(BOB, "ListBucket", "reports", **context) is outcome


RIGHTS = [
    ({"write": False}, {"GetObject"}, True),
    ({"read": False}, {"PutObject", "AbortMultipartUpload", "ListMultipartUploadParts"}, False),
    ({"read": False, "write": False, "delete": True}, {"DeleteObject"}, False),
    (
        {"delete": True},
        {"GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts", "DeleteObject"},
        True,
    ),
]


@pytest.mark.parametrize(("rights", "actions", "listed"), RIGHTS)
def test_reading_writing_and_deleting_are_granted_one_by_one(
    rights: dict[str, bool], actions: set[str], listed: bool
) -> None:
    builder = PolicyBuilder().allow_prefix("reports", "bob", **rights)
    every = {
        *("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts"),
        *("DeleteObjectVersion", "PutObjectAcl", "GetObjectVersion", "PutObjectRetention"),
    }
    assert {action for action in every if allowed(builder, action, "reports/bob/a")} == actions
    assert allowed(builder, "ListBucket", "reports", prefix="bob/") is listed


def test_a_whole_bucket_may_be_listed_without_a_prefix() -> None:
    builder = PolicyBuilder().allow_bucket("reports", write=False)
    assert allowed(builder, "GetObject", "reports/any/thing")
    assert allowed(builder, "ListBucket", "reports")
    assert allowed(builder, "ListBucket", "reports", prefix="any")
    assert not allowed(builder, "GetObject", "other/any")
    assert not allowed(builder, "ListBucket", "other")
    assert not allowed(builder, "DeleteBucket", "reports")


def test_several_grants_add_up_and_each_keeps_its_own_rights() -> None:
    builder = (
        PolicyBuilder()
        .allow_prefix("reports", "bob")
        .allow_prefix("reports", "shared", write=False)
        .allow_prefix("inbox", "bob", read=False)
        .allow_bucket("public", write=False)
    )
    assert allowed(builder, "PutObject", "reports/bob/a")
    assert allowed(builder, "GetObject", "reports/shared/a")
    assert not allowed(builder, "PutObject", "reports/shared/a")
    assert allowed(builder, "PutObject", "inbox/bob/a")
    assert not allowed(builder, "GetObject", "inbox/bob/a")
    assert allowed(builder, "ListBucket", "reports", prefix="shared/")
    assert not allowed(builder, "ListBucket", "inbox", prefix="bob/")
    assert allowed(builder, "ListBucket", "public")
    assert not allowed(builder, "ListBucket", "reports")


def test_a_builder_is_a_value_that_grants_are_added_to_as_copies() -> None:
    more = BOB.allow_prefix("reports", "eve")
    assert not allowed(BOB, "GetObject", "reports/eve/a")
    assert allowed(more, "GetObject", "reports/eve/a")
    assert PolicyBuilder().allow_prefix("reports", "bob/") == BOB
    assert len({BOB, more, PolicyBuilder().allow_prefix("reports", "bob")}) == 2


def test_the_policy_is_as_small_as_json_gets() -> None:
    assert json.loads(BOB.text()) == BOB.document()
    assert BOB.text() == (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject",'
        '"s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":"arn:aws:s3:::reports/bob/*"},'
        '{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::reports",'
        '"Condition":{"StringLike":{"s3:prefix":"bob/*"}}}]}'
    )


def test_grants_of_the_same_rights_share_a_statement() -> None:
    builder = PolicyBuilder()
    for number in range(12):
        builder = builder.allow_prefix("reports", f"project-{number}")
    assert len(builder.document()["Statement"]) == 2
    assert allowed(builder, "ListBucket", "reports", prefix="project-7/")


def test_a_policy_that_does_not_fit_says_so_with_its_size() -> None:
    builder = PolicyBuilder()
    for number in range(100):
        builder = builder.allow_prefix("reports", f"project-{number}")
    with pytest.raises(PolicyTooLong, match=r"has \d{4} characters, and a session policy at most 2048"):
        builder.text()


REFUSED: list[tuple[str, Any]] = [
    ("an empty prefix", lambda: BOB.allow_prefix("reports", "")),
    ("a prefix of slashes", lambda: BOB.allow_prefix("reports", "/")),
    ("nothing allowed", lambda: BOB.allow_prefix("reports", "a", read=False, write=False)),
    ("an ARN for a bucket", lambda: BOB.allow_bucket("arn:aws:s3:::reports")),
    ("a pattern for a bucket", lambda: BOB.allow_prefix("report?", "a")),
    ("every bucket", lambda: BOB.allow_bucket("*")),
    ("a bucket and its key", lambda: BOB.allow_bucket("reports/bob")),
    ("a policy of nothing", lambda: PolicyBuilder().text()),
]


@pytest.mark.parametrize("make", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_would_grant_all_or_nothing_by_accident_is_refused(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


# Letters that mean something in patterns, variables, JSON or ARNs, and some that do not.
LETTERS = st.text(alphabet="*?${}ab/:\"\\ü日😀 ,'", min_size=1, max_size=8)


@given(prefix=LETTERS, key=LETTERS)
def test_a_prefix_is_taken_by_the_letter_whatever_is_in_it(prefix: str, key: str) -> None:
    assume(prefix.strip("/"))
    builder = PolicyBuilder().allow_prefix("reports", prefix)
    assert builder.text().isascii()
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    assert allowed(builder, "GetObject", f"reports/{folder}{key}")
    assert allowed(builder, "ListBucket", "reports", prefix=f"{folder}{key}")
    assert allowed(builder, "GetObject", f"reports/{key}") is key.startswith(folder)
    assert allowed(builder, "ListBucket", "reports", prefix=key) is key.startswith(folder)
