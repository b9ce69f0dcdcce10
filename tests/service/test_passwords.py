"""service.passwords: which passwords an account's policy lets through, and their hashes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daypass.service import passwords
from daypass.service.ports import Account, PasswordPolicy
from daypass.store.entropy import SystemEntropy
from support.stores import ACCOUNT, NOW

NONE_SET = None
LAX = PasswordPolicy()
STRICT = PasswordPolicy(12, True, True, True, True)


# IAM User Guide, "Set an account password policy for IAM users": "Default password policy", "Custom password policy
# options".
@pytest.mark.parametrize(
    ("policy", "password", "satisfies"),
    [
        pytest.param(NONE_SET, "abcDEF12", True, id="by default eight characters of three kinds"),
        pytest.param(NONE_SET, "abcdef1!", True, id="by default whichever three kinds"),
        pytest.param(NONE_SET, "abcDEF1", False, id="by default not seven characters"),
        pytest.param(NONE_SET, "abcdefg1", False, id="by default not two kinds"),
        pytest.param(NONE_SET, "äöüÄÖÜ12", False, id="letters beyond A to Z are of no kind"),
        pytest.param(NONE_SET, "Acme-2026-x", False, id="by default not the account's alias"),
        pytest.param(LAX, "aaaaaa", True, id="a policy without demands has six characters"),
        pytest.param(LAX, "aaaaa", False, id="not five"),
        pytest.param(STRICT, "abcDEF123_!x", True, id="a strict policy with all it demands"),
        pytest.param(STRICT, "abcDEF123_!", False, id="a strict policy with too few characters"),
        pytest.param(STRICT, "abcdef123_!x", False, id="a strict policy without an uppercase letter"),
        pytest.param(STRICT, "ABCDEF123_!X", False, id="a strict policy without a lowercase letter"),
        pytest.param(STRICT, "abcDEFghi_!x", False, id="a strict policy without a number"),
        pytest.param(STRICT, "abcDEF12345x", False, id="a strict policy without a symbol"),
        pytest.param(STRICT, "abcDEF12345§", False, id="a strict policy with a symbol that is none of AWS's"),
        pytest.param(STRICT, "abcDEF12345 ", False, id="a blank is no symbol"),
    ],
)
def test_a_password_satisfies_the_accounts_policy(
    policy: PasswordPolicy | None, password: str, satisfies: bool
) -> None:
    account = Account(ACCOUNT, NOW, alias="Acme-2026-x")
    assert passwords.satisfies(password, policy, account) is satisfies


@pytest.mark.parametrize(
    ("demand", "password"),
    [
        ("require_symbols", "aaaaaa!"),
        ("require_numbers", "aaaaaa1"),
        ("require_uppercase", "aaaaaaA"),
        ("require_lowercase", "AAAAAAa"),
    ],
)
def test_each_demand_stands_for_itself(demand: str, password: str) -> None:
    account, policy = Account(ACCOUNT, NOW), replace(LAX, **{demand: True})
    assert passwords.satisfies(password, policy, account)
    assert not passwords.satisfies(password[:-1], policy, account)


async def test_a_hash_matches_its_password_alone_and_differs_each_time() -> None:
    one, two = [await passwords.hashed("correct horse", SystemEntropy()) for _ in range(2)]
    assert one != two
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "correct" not in one
    assert await passwords.matches_any("correct horse", [two, one])
    assert await passwords.matches_any("correct horse", [one])
    assert not await passwords.matches_any("correct horse!", [one, two])
    assert not await passwords.matches_any("correct horse", [])


async def test_what_is_no_hash_matches_nothing() -> None:
    assert not await passwords.matches_any("password", ["password", "", "$argon2id$v=19$broken"])
