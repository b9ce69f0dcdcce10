"""Passwords: whether one satisfies the account's policy, and their hashes.

Hashing takes tens of milliseconds and of megabytes by design, so it is done beside the event loop.

Source: IAM User Guide, "Set an account password policy for IAM users" (the default policy, the symbols); RFC 9106 for
Argon2id, OWASP Password Storage Cheat Sheet for its parameters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from argon2.exceptions import VerificationError
from argon2.low_level import Type, hash_secret, verify_secret

from daypass import limits
from daypass.service.ports import Account, Entropy, PasswordPolicy

_SALT_BYTES: Final = 16  # RFC 9106, 4
_HASH_BYTES: Final = 32
_SYMBOLS: Final = frozenset("!@#$%^&*()_+-=[]{}|'")
_KINDS: Final[tuple[Callable[[str], bool], ...]] = (
    lambda letter: "A" <= letter <= "Z",
    lambda letter: "a" <= letter <= "z",
    lambda letter: "0" <= letter <= "9",
    lambda letter: letter in _SYMBOLS,
)


def satisfies(password: str, policy: PasswordPolicy | None, account: Account) -> bool:
    """Whether the password may be set. policy: None for AWS's default one."""
    has = [any(map(is_of_kind, password)) for is_of_kind in _KINDS]
    if policy is None:
        return (
            len(password) >= limits.PASSWORD_CHARS_MIN
            and sum(has) >= limits.PASSWORD_KINDS_MIN
            and password not in (account.account_id, account.alias)
        )
    required = (
        policy.require_uppercase,
        policy.require_lowercase,
        policy.require_numbers,
        policy.require_symbols,
    )
    return len(password) >= policy.minimum_length and all(
        is_there or not is_required for is_there, is_required in zip(has, required, strict=True)
    )


async def hashed(password: str, entropy: Entropy) -> str:
    """The hash, with its salt and parameters, in the form of the Argon2 reference implementation."""
    salt = entropy.bytes(_SALT_BYTES)
    return await asyncio.to_thread(_hash, password, salt)


async def matches_any(password: str, hashes: Iterable[str]) -> bool:
    """Whether one of the hashes is the password's."""
    for one in hashes:
        if await asyncio.to_thread(_matches, password, one):
            return True
    return False


def _hash(password: str, salt: bytes) -> str:
    return hash_secret(
        password.encode(),
        salt,
        time_cost=limits.PASSWORD_HASH_PASSES,
        memory_cost=limits.PASSWORD_HASH_KIB,
        parallelism=1,
        hash_len=_HASH_BYTES,
        type=Type.ID,
    ).decode("ascii")


def _matches(password: str, stored: str) -> bool:
    try:
        return verify_secret(stored.encode("ascii"), password.encode(), Type.ID)
    except VerificationError:
        return False
