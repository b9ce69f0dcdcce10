"""A Policy: immutable, named, compiled when first asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from daypass.policy import Policy, PolicyKind

TEXT = '{"Version":"2012-10-17","Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}'


def test_a_policy_keeps_its_text_its_kind_and_the_name_it_was_given() -> None:
    policy = Policy.parse(TEXT, PolicyKind.BOUNDARY, id="arn:aws:iam::111122223333:policy/Limit")
    assert (policy.text, policy.kind, policy.id) == (
        TEXT,
        PolicyKind.BOUNDARY,
        "arn:aws:iam::111122223333:policy/Limit",
    )
    assert repr(policy) == "Policy('arn:aws:iam::111122223333:policy/Limit', BOUNDARY)"


@pytest.mark.parametrize("name", ["id", "kind", "text", "anything"])
def test_a_policy_does_not_change(name: str) -> None:
    policy = Policy.parse(TEXT, PolicyKind.IDENTITY)
    with pytest.raises(AttributeError):
        setattr(policy, name, "other")
    with pytest.raises(AttributeError):
        delattr(policy, name)


def test_a_policy_is_compiled_when_first_asked_and_once() -> None:
    policy = Policy.parse(TEXT, PolicyKind.IDENTITY)
    assert policy._statements is None
    assert policy.statements() is policy.statements()


def test_two_policies_of_the_same_text_are_two_policies() -> None:
    first, second = Policy.parse(TEXT, PolicyKind.IDENTITY), Policy.parse(TEXT, PolicyKind.IDENTITY)
    assert first != second
    assert len({first, second, first}) == 2


def test_the_policy_language_stands_alone() -> None:
    # What an application pays for `from daypass.policy import decide`: the core and the standard library.
    program = (
        "import sys; before = set(sys.modules); import daypass.policy\n"
        "loaded = {name for name in set(sys.modules) - before if name.startswith('daypass')}\n"
        "print(*sorted(loaded - {'daypass'}))\n"
        "third = {name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names\n"
        "print(*sorted(third))"
    )
    ours, others = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert all(name.startswith(("daypass.policy", "daypass.names", "daypass.limits")) for name in ours.split())
    # A compiled Daypass has one library that its modules share.
    assert [name for name in others.split() if not name.endswith("__mypyc")] == ["daypass"]
