"""Session ⇄ the sealed text that a client carries as its session token.

The sealed form, before base64 (standard alphabet, padded, as AWS's tokens are):

    offset  bytes  content
    0       1      FORMAT, in the clear
    1       4      id of the key-ring key, big-endian, in the clear
    5       24     salt, random
    29      …      AES-256-GCM of: length of the body (2, big-endian) | body (MessagePack) | zeros (padding)
    end     16     GCM tag; bytes 0–28 are authenticated with it

Each token has a key of its own, derived from the key-ring key and the salt, so the GCM nonce may be constant:
no key ever seals two tokens. That holds far beyond the 2^32 tokens at which random 96-bit nonces under one
key become unsafe (NIST SP 800-38D, 8.3); limits.TOKENS_PER_KEY is the bound that the salt gives.

Source: spec of the STS API (session token, MinimumSessionTokenSize); NIST SP 800-108 for the derivation.
"""

from __future__ import annotations

import binascii
import zlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daypass import limits
from daypass.names import Secret
from daypass.token.body import Body, Narrowing, decode_body, decode_narrowing, encode
from daypass.token.errors import ExpiredToken, InvalidToken, TokenTooLarge
from daypass.token.key_ring import KeyRing
from daypass.token.session import Session

FORMAT: Final = 1
_FORMAT_BYTE: Final = bytes((FORMAT,))
SALT_BYTES: Final = 24
_HEADER_BYTES: Final = 1 + 4 + SALT_BYTES
_TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)  # constant, because the key is used for this one token only
_PURPOSE: Final = b"daypass session token v1"
_NARROWING_BYTES_MAX: Final = 65_536  # a sealed token cannot inflate to more: tags and policy are bounded before


def seal(session: Session, key_ring: KeyRing, salt: bytes, minimum_bytes: int = 0) -> str:
    """The session's token: base64 text of at least minimum_bytes and at most limits.TOKEN_BYTES.

    salt: SALT_BYTES random bytes, used for no other token.
    minimum_bytes: 0 to limits.TOKEN_BYTES (MinimumSessionTokenSize).

    Raises:
        TokenTooLarge: session policy, policy ARNs and tags do not fit.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    narrowing, deflated = _pack_narrowing(session)
    fields: tuple[Any, ...] = (
        session.kind,
        session.account_id,
        session.access_key_id,
        session.secret.reveal(),
        session.name,
        session.issuer_id,
        int(session.issued.timestamp()),
        int(session.expires.timestamp()),
    )
    if deflated:
        fields += (narrowing, deflated)
    elif narrowing is not None:
        fields += (narrowing,)
    body = encode(fields)
    plaintext = len(body).to_bytes(2) + body if len(body) < 1 << 16 else body
    size = _text_bytes(_HEADER_BYTES + len(plaintext) + _TAG_BYTES)
    if size > limits.TOKEN_BYTES:
        raise TokenTooLarge(size)
    if size < minimum_bytes:
        # The shortest sealed form whose base64 has minimum_bytes is one byte more than the longest that falls short.
        sealed_bytes = (minimum_bytes + 3) // 4 * 3 - 2
        plaintext = plaintext.ljust(sealed_bytes - _HEADER_BYTES - _TAG_BYTES, b"\x00")
    header = _FORMAT_BYTE + key_ring.current.to_bytes(4) + salt
    key = key_ring.derive(key_ring.current, _PURPOSE, salt)
    sealed = header + AESGCM(key).encrypt(_NONCE, plaintext, header)
    return binascii.b2a_base64(sealed, newline=False).decode("ascii")


def open_token(raw: str, key_ring: KeyRing, now: datetime) -> Session:
    """The session sealed in a token.

    raw: as presented; at most limits.TOKEN_BYTES characters.
    now: aware UTC; a session is over at `expires` itself, not after it.

    Raises:
        InvalidToken: not ours, damaged, or no key on the ring opens it.
        ExpiredToken: opened, but over.
    """
    if len(raw) > limits.TOKEN_BYTES:
        raise InvalidToken
    try:
        sealed = binascii.a2b_base64(raw, strict_mode=True)
    except ValueError:  # binascii.Error, and text that is not ASCII
        raise InvalidToken from None
    # One session has one token text: base64 with stray bits in its last letter is another text, and is refused.
    if (
        len(sealed) <= _HEADER_BYTES + _TAG_BYTES
        or sealed[0] != FORMAT
        or binascii.b2a_base64(sealed, newline=False) != raw.encode("ascii")
    ):
        raise InvalidToken
    header = sealed[:_HEADER_BYTES]
    try:
        key = key_ring.derive(int.from_bytes(header[1:5]), _PURPOSE, header[5:])
        plaintext = AESGCM(key).decrypt(_NONCE, sealed[_HEADER_BYTES:], header)
        body = decode_body(plaintext[2 : 2 + int.from_bytes(plaintext[:2])])
        narrowing = _unpack_narrowing(body)
    except (KeyError, InvalidTag, msgspec.MsgspecError, zlib.error):
        raise InvalidToken from None
    if now.timestamp() >= body.expires:
        raise ExpiredToken
    return Session(
        kind=body.kind,
        account_id=body.account_id,
        access_key_id=body.access_key_id,
        secret=Secret(body.secret),
        name=body.name,
        issuer_id=body.issuer_id,
        issued=datetime.fromtimestamp(body.issued, UTC),
        expires=datetime.fromtimestamp(body.expires, UTC),
        session_policy=narrowing.session_policy,
        policy_arns=narrowing.policy_arns,
        tags=narrowing.tags,
        transitive_tags=narrowing.transitive_tags,
        source_identity=narrowing.source_identity,
        mfa_authenticated=None
        if narrowing.mfa_authenticated is None
        else datetime.fromtimestamp(narrowing.mfa_authenticated, UTC),
        scope_policies=narrowing.scope_policies,
        context=narrowing.context,
    )


def utilization_percent(size: int) -> int:
    """How much of limits.TOKEN_BYTES a token of `size` bytes takes, rounded up: over the limit is over 100."""
    return -(-size * 100 // limits.TOKEN_BYTES)


def _text_bytes(sealed_bytes: int) -> int:
    return (sealed_bytes + 2) // 3 * 4


def _further(session: Session) -> tuple[Any, ...]:
    """What a session has beyond policies and tags, without the defaults at the end."""
    if not (
        session.context
        or session.scope_policies
        or session.mfa_authenticated
        or session.source_identity
        or session.transitive_tags
    ):
        return ()
    further: tuple[Any, ...] = (
        session.transitive_tags,
        session.source_identity,
        None if session.mfa_authenticated is None else int(session.mfa_authenticated.timestamp()),
        session.scope_policies,
        session.context,
    )
    while further and not further[-1]:
        further = further[:-1]
    return further


def _pack_narrowing(session: Session) -> tuple[bytes | None, bool]:
    """(MessagePack of policy, ARNs and tags or None, whether it is deflated). The secret is never compressed."""
    further = _further(session)
    if session.session_policy is None and not session.policy_arns and not session.tags and not further:
        return None, False
    packed = encode((session.session_policy, session.policy_arns, session.tags, *further))
    if len(packed) <= limits.TOKEN_COMPRESS_BYTES:
        return packed, False
    return zlib.compress(packed, 6), True


def _unpack_narrowing(body: Body) -> Narrowing:
    if body.narrowing is None:
        return Narrowing(None, (), {})
    packed = body.narrowing
    if body.narrowing_is_deflated:
        packed = zlib.decompressobj().decompress(packed, _NARROWING_BYTES_MAX)
    return decode_narrowing(packed)
