"""Names that AWS gives things: account ids, ARNs, access key ids, unique ids and request ids; and Secret.

Owns their parsing, their format and their comparison. Which name exists is the store's knowledge.

Source: IAM User Guide, "IAM identifiers"; that an id encodes its account is seen in public ids (tests/test_names.py).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

PARTITION: Final = "aws"
AWS: Final = "aws"  # stands for the account in the ARNs of AWS's own managed policies

_ACCOUNT_ID = re.compile(r"[0-9]{12}", re.ASCII)
_ID_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 base32
_ID_PAIRS: Final = tuple(first + second for first in _ID_ALPHABET for second in _ID_ALPHABET)
_BEGINNINGS_CACHED: Final = 256
_ID_VALUES: Final = {letter: value for value, letter in enumerate(_ID_ALPHABET)}

LONG_TERM_KEY: Final = "AKIA"
TEMPORARY_KEY: Final = "ASIA"
USER_ID: Final = "AIDA"
ROLE_ID: Final = "AROA"
MANAGED_POLICY_ID: Final = "ANPA"
GROUP_ID: Final = "AGPA"
INSTANCE_PROFILE_ID: Final = "AIPA"

_ID_LENGTHS: Final = {
    LONG_TERM_KEY: 20,
    TEMPORARY_KEY: 20,
    USER_ID: 21,
    ROLE_ID: 21,
    MANAGED_POLICY_ID: 21,
    GROUP_ID: 21,
    INSTANCE_PROFILE_ID: 21,
}
ID_ENTROPY_BYTES: Final = 11  # bytes of randomness make_id consumes; enough for the longest id


class Secret:
    """A text that must not be seen: its repr, str and format never show it, and it compares in constant time."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # because a hash of a secret in a dict's repr or timing would show it

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


def is_account_id(text: str) -> bool:
    """Whether the text is twelve ASCII digits."""
    return _ACCOUNT_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Arn:
    """An Amazon Resource Name split at its first five colons; `resource` keeps its own `:` and `/`."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """The six parts of `arn:partition:service:region:account:resource`.

        Raises:
            ValueError: fewer than six parts, or it does not begin with `arn`.
        """
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ValueError(f"not an ARN: `{text}`")
        return cls(*parts[1:])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"


def root_arn(account_id: str) -> str:
    return f"arn:{PARTITION}:iam::{account_id}:root"


def user_arn(account_id: str, path: str, name: str) -> str:
    """path: begins and ends with `/`."""
    return f"arn:{PARTITION}:iam::{account_id}:user{path}{name}"


def role_arn(account_id: str, path: str, name: str) -> str:
    """path: begins and ends with `/`."""
    return f"arn:{PARTITION}:iam::{account_id}:role{path}{name}"


def assumed_role_arn(account_id: str, role_name: str, session_name: str) -> str:
    """The ARN of a role session; it has the role's name without its path."""
    return f"arn:{PARTITION}:sts::{account_id}:assumed-role/{role_name}/{session_name}"


def group_arn(account_id: str, path: str, name: str) -> str:
    """path: begins and ends with `/`."""
    return f"arn:{PARTITION}:iam::{account_id}:group{path}{name}"


def instance_profile_arn(account_id: str, path: str, name: str) -> str:
    """path: begins and ends with `/`."""
    return f"arn:{PARTITION}:iam::{account_id}:instance-profile{path}{name}"


def oidc_provider_arn(account_id: str, url: str) -> str:
    """url: of the issuer, without `https://`."""
    return f"arn:{PARTITION}:iam::{account_id}:oidc-provider/{url}"


def saml_provider_arn(account_id: str, name: str) -> str:
    return f"arn:{PARTITION}:iam::{account_id}:saml-provider/{name}"


def mfa_device_arn(account_id: str, path: str, name: str) -> str:
    """The serial number of a virtual MFA device. path: begins and ends with `/`."""
    return f"arn:{PARTITION}:iam::{account_id}:mfa{path}{name}"


def managed_policy_arn(account_id: str, path: str, name: str) -> str:
    """path: begins and ends with `/`."""
    return f"arn:{PARTITION}:iam::{account_id}:policy{path}{name}"


def federated_user_arn(account_id: str, name: str) -> str:
    return f"arn:{PARTITION}:sts::{account_id}:federated-user/{name}"


def bucket_arn(bucket: str) -> str:
    return f"arn:{PARTITION}:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    return f"arn:{PARTITION}:s3:::{bucket}/{key}"


def make_id(prefix: str, account_id: str, entropy: bytes) -> str:
    """An access key id or unique id that encodes its account, as AWS's do.

    After the prefix comes base32 whose first six bytes, read as a big-endian integer, hold the account
    id in bits 7 to 46. Bit 47 is set in every id AWS makes today.

    entropy: exactly ID_ENTROPY_BYTES random bytes.

    Raises:
        ValueError: an unknown prefix, an account id that is not twelve digits, or too little entropy.
    """
    if len(entropy) != ID_ENTROPY_BYTES:
        raise ValueError(f"an id needs {ID_ENTROPY_BYTES} bytes of entropy")
    beginning, account_bit, letters = _id_beginning(prefix, account_id)
    random = int.from_bytes(entropy)
    rest = (account_bit | random & 0x7F) << 42 | random >> 46  # 50 bits: 10 letters, two at a time
    pairs = _ID_PAIRS
    return (
        f"{beginning}{pairs[rest >> 40]}{pairs[rest >> 30 & 1023]}{pairs[rest >> 20 & 1023]}"
        f"{pairs[rest >> 10 & 1023]}{pairs[rest & 1023]}"
    )[:letters]


@lru_cache(maxsize=_BEGINNINGS_CACHED)
def _id_beginning(prefix: str, account_id: str) -> tuple[str, int, int]:
    """What all ids of a kind and an account begin with, the account's last bit where it stands, and their length."""
    if prefix not in _ID_LENGTHS or not is_account_id(account_id):
        raise ValueError("an id needs a known prefix and a 12-digit account id")
    head = 1 << 47 | int(account_id) << 7
    pairs = [_ID_PAIRS[head >> shift & 1023] for shift in range(38, 7, -10)]
    return prefix + "".join(pairs), head & 0x80, _ID_LENGTHS[prefix]


def account_of_id(identifier: str) -> str | None:
    """The account id inside an access key id or unique id; None if the text cannot be one."""
    body = identifier[4:14]
    if len(body) != 10 or not all(letter in _ID_VALUES for letter in body):
        return None
    value = 0
    for letter in body:
        value = value << 5 | _ID_VALUES[letter]
    account = (value >> 2 & 0x7FFFFFFFFF80) >> 7
    return f"{account:012d}" if account < 10**12 else None


def make_request_id(random: bytes) -> str:
    """A version 4 UUID (RFC 9562) from 16 random bytes, in lower case."""
    text = random.hex()
    # The 13th digit is the version, 4; the 17th has the variant, 10, in its upper two bits.
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[random[8] >> 4 & 3]}{text[17:20]}-{text[20:]}"
