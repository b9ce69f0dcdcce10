"""Time-based one-time passwords: what a virtual MFA device shows, as its seed and the time give it.

Pure: the time is an argument. That a code is accepted once is the store's knowledge (the last counter of a device).

Source: RFC 4226 (HOTP), RFC 6238 (TOTP) and RFC 4648 (base32). IAM's devices have SHA-1, six digits and steps of
30 seconds (IAM User Guide, "Assign a virtual MFA device").
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import datetime
from typing import Final

from daypass.names import Secret

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SEED_BYTES: Final = 40  # of the seeds IAM makes: 64 letters of base32

_CODE: Final = re.compile(rf"[0-9]{{{DIGITS}}}", re.ASCII)


def make_seed(entropy: bytes) -> Secret:
    """A seed in base32. entropy: SEED_BYTES random bytes."""
    if len(entropy) != SEED_BYTES:
        raise ValueError(f"a seed is made of {SEED_BYTES} bytes")
    return Secret(base64.b32encode(entropy).decode("ascii"))


def counter_at(now: datetime) -> int:
    """The number of the time step. now: aware."""
    return int(now.timestamp()) // STEP_SECONDS


def code(seed: Secret, counter: int) -> str:
    """The code that a device shows in one time step.

    Raises:
        ValueError: the seed is not base32.
    """
    return _code(_key(seed), counter)


def matching_counter(seed: Secret, code: str, now: datetime, window: int) -> int | None:
    """The newest time step whose code this is, at most `window` steps before or after now; None if it is none's.

    Every step of the window is computed and compared in constant time, whether one was found before or not.
    now: aware.

    Raises:
        ValueError: the seed is not base32.
    """
    if _CODE.fullmatch(code) is None:
        return None
    key, present = _key(seed), counter_at(now)
    found = None
    for counter in range(max(present - window, 0), present + window + 1):
        if hmac.compare_digest(_code(key, counter), code):
            found = counter
    return found


def consecutive_counter(seed: Secret, codes: tuple[str, str], now: datetime, window: int) -> int | None:
    """The time step of the second code, if the codes are those of two steps in a row, and that step is at most
    `window` before or after now; None if they are not. As matching_counter otherwise."""
    if any(_CODE.fullmatch(code) is None for code in codes):
        return None
    key, present = _key(seed), counter_at(now)
    found = None
    for counter in range(max(present - window, 1), present + window + 1):
        first = hmac.compare_digest(_code(key, counter - 1), codes[0])
        second = hmac.compare_digest(_code(key, counter), codes[1])
        if first and second:
            found = counter
    return found


def _key(seed: Secret) -> bytes:
    try:
        return base64.b32decode(seed.reveal())
    except binascii.Error:
        raise ValueError("a seed is base32") from None


def _code(key: bytes, counter: int) -> str:
    digest = hmac.digest(key, counter.to_bytes(8), hashlib.sha1)
    offset = digest[-1] & 0xF  # RFC 4226, 5.3: dynamic truncation
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
