"""store.stored_policies: a stored policy that no longer parses denies, and the log says so once."""

from __future__ import annotations

import sqlite3

import pytest

from daypass import limits
from daypass.policy import Outcome, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide
from daypass.store.data_directory import DATABASE
from daypass.store.stored_policies import StoredPolicies
from support.stores import ACCOUNT, NOW, SqliteEngine

ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
PUBLIC = ALLOW.replace('"Effect"', '"Principal":"*","Effect"').replace('"*"}}', '"arn:aws:s3:::b/*"}}')
BROKEN = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"'


def question(user_id: str) -> Request:
    arn = f"arn:aws:iam::{ACCOUNT}:user/alice"
    return Request(
        Principal(PrincipalKind.USER, arn, ACCOUNT, user_id), "s3:GetObject", "arn:aws:s3:::b/k", {}, ACCOUNT
    )


def damage(engine: SqliteEngine, statement: str) -> None:
    with sqlite3.connect(engine.path / DATABASE) as database:
        database.execute(statement, (BROKEN,))


async def test_a_user_with_a_damaged_inline_policy_may_do_nothing_whatever_else_allows_it(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.open() as store:
        user = await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        await store.directory.put_inline_policy(user.user_id, "good", ALLOW, 1)
        await store.directory.put_inline_policy(user.user_id, "bad", ALLOW, 1)
        await store.directory.create_bucket("b", ACCOUNT, "us-east-1", NOW)
        await store.directory.set_bucket_policy("b", PUBLIC)
        damage(engine, "UPDATE inline_policies SET document = ? WHERE name = 'bad'")
        found, bucket = await store.identities.user(user.user_id), await store.identities.bucket("b")
        assert found is not None
        assert bucket is not None
        decision = decide(question(user.user_id), PolicySet(identity=found.policies, resource=bucket.policy))
        assert decision.outcome is Outcome.EXPLICITLY_DENIED
        assert [statement.policy_id for statement in decision.statements] == ["bad"]
        assert caplog.text.count("denies everything") == 1
        assert f"the stored policy bad of {user.arn} does not parse" in caplog.text

        await store.directory.tag(user.user_id, {"a": "b"})
        await store.identities.user(user.user_id)  # read and compiled again
        assert caplog.text.count("denies everything") == 1

        await store.directory.put_inline_policy(user.user_id, "bad", ALLOW, 1)
        repaired = await store.identities.user(user.user_id)
        assert repaired is not None
        assert decide(question(user.user_id), PolicySet(identity=repaired.policies)).outcome is Outcome.ALLOWED


async def test_a_damaged_managed_policy_denies_as_an_identity_policy_and_as_a_session_policy(
    engine: SqliteEngine,
) -> None:
    async with engine.open() as store:
        user = await store.directory.create_user(ACCOUNT, "alice", path="/", tags={}, created=NOW)
        policy = await store.directory.create_policy(
            ACCOUNT, "m", path="/", description=None, tags={}, document=ALLOW, created=NOW
        )
        await store.directory.attach_policy(user.user_id, policy.arn)
        damage(engine, "UPDATE policy_versions SET document = ?")
        found, managed = await store.identities.user(user.user_id), await store.identities.managed_policy(policy.arn)
        assert found is not None
        assert managed is not None
        allowing = StoredPolicies().compile(ALLOW, PolicyKind.IDENTITY, id="x", owner="x")
        for policies in (
            PolicySet(identity=(allowing, *found.policies)),
            PolicySet(identity=(allowing,), session=(managed.session_policy,)),
        ):
            assert decide(question(user.user_id), policies).outcome is Outcome.EXPLICITLY_DENIED


async def test_a_damaged_bucket_policy_denies_everybody(engine: SqliteEngine) -> None:
    async with engine.open() as store:
        await store.directory.create_bucket("b", ACCOUNT, "us-east-1", NOW)
        damage(engine, "UPDATE buckets SET policy = ?")
        bucket = await store.identities.bucket("b")
        assert bucket is not None
        assert bucket.policy is not None
        allowing = StoredPolicies().compile(ALLOW, PolicyKind.IDENTITY, id="x", owner="x")
        decision = decide(question("AIDA"), PolicySet(identity=(allowing,), resource=bucket.policy))
        assert decision.outcome is Outcome.EXPLICITLY_DENIED


def test_a_version_is_compiled_once_for_each_kind_and_the_bound_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDENTITIES_CACHED", 2)
    stored = StoredPolicies()

    def version(number: int, kind: PolicyKind = PolicyKind.IDENTITY) -> object:
        return stored.version("ANPA", number, ALLOW, kind, arn="arn")

    first = version(1)
    assert version(1) is first
    assert version(1, PolicyKind.SESSION) is not first
    version(2)
    assert len(stored._versions) == 2
    assert version(1) is not first  # forgotten, and compiled anew
