"""Session ⇄ the sealed text that a client carries as its session token; and the key ring that seals them.

Pure: the time and every random byte are arguments. Who may have a session, and for how long, is
service.sts's work; what it may do is decided at every use by service.authorize.

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
import hashlib
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daypass import limits
from daypass.names import Secret

FORMAT: Final = 1
_FORMAT_BYTE: Final = bytes((FORMAT,))
KEY_BYTES: Final = 32
SALT_BYTES: Final = 24
_HEADER_BYTES: Final = 1 + 4 + SALT_BYTES
_TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)  # constant, because the key is used for this one token only
_PURPOSE: Final = b"daypass session token v1"
# RFC 2104: the key, padded to the block size, XOR these octets.
_INNER_PAD: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER_PAD: Final = bytes(octet ^ 0x5C for octet in range(256))
_NARROWING_BYTES_MAX: Final = 65_536  # a sealed token cannot inflate to more: tags and policy are bounded before

FEDERATED_USER: Final = "federated-user"
ROLE_SESSION: Final = "role-session"
USER_SESSION: Final = "user-session"
ROOT_TASK: Final = "root-task"

ContextValue = str | tuple[str, ...]


class InvalidToken(Exception):
    """Not ours, damaged, of another key ring, or of a format this version does not know."""


class ExpiredToken(Exception):
    """Opened, but over."""


class TokenTooLarge(Exception):
    """The session does not fit limits.TOKEN_BYTES. size: bytes the token would have had."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the session token would have {size} bytes")
        self.size = size


class Session(msgspec.Struct, frozen=True):
    """What one set of temporary credentials is, sealed whole into its token.

    kind: FEDERATED_USER (GetFederationToken), ROLE_SESSION (AssumeRole and its like), USER_SESSION (GetSessionToken),
        ROOT_TASK (AssumeRoot).
    account_id: of the principal: for a role session the role's account.
    name: the federated user's name, or the role session's; empty for the other kinds.
    issuer_id: the unique id of the IAM user who called, or the account id if root did; of a role session the role's id.
    issued, expires: aware UTC, whole seconds; a session is over at `expires` itself.
    session_policy: the inline policy's text; None if none was passed.
    policy_arns: managed session policies, read at use, never copied.
    tags: session tags, keys as written.
    transitive_tags: keys of those tags that a role assumed with this session inherits.
    source_identity: set once, kept through every role that is assumed with this session.
    mfa_authenticated: when the MFA code was given; None if none was.
    scope_policies: of GetScopedCredentials, oldest first: each must allow, beside everything else.
    context: condition keys, in lower case, that the session brings to its requests (aws:federatedprovider, …).

    The contract for changing the format:
    - A new field goes to the end of `_Body` or of `_Narrowing`, with a default that means the old behaviour. `seal`
      leaves trailing defaults out, so tokens that do not use the field stay byte for byte what they were.
    - A node that finds more fields than it knows refuses the token: a field may narrow, and a narrowing
      that is not understood must not be ignored. Upgrade every node before the first token uses it.
    - Anything else (order, meaning, cipher, derivation) is a new FORMAT; the old one is opened for at
      least limits.FEDERATION_TOKEN_SECONDS_MAX after the last node has stopped sealing it.
    - tests/vectors/tokens.json holds golden bytes: rows are added, never changed.
    """

    kind: str
    account_id: str
    access_key_id: str
    secret: Secret
    name: str
    issuer_id: str
    issued: datetime
    expires: datetime
    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_authenticated: datetime | None = None
    scope_policies: tuple[str, ...] = ()
    context: Mapping[str, ContextValue] = msgspec.field(default_factory=dict)


class _Narrowing(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What a session passes to narrow or mark itself: the part of a token that can be large."""

    session_policy: str | None
    policy_arns: tuple[str, ...]
    tags: dict[str, str]
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_authenticated: int | None = None
    scope_policies: tuple[str, ...] = ()
    context: dict[str, ContextValue] = {}


class _Body(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The sealed fields, in order. narrowing: MessagePack of _Narrowing; None if there is none of it."""

    kind: str
    account_id: str
    access_key_id: str
    secret: str
    name: str
    issuer_id: str
    issued: int
    expires: int
    narrowing: bytes | None = None
    narrowing_is_deflated: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_body: Final = msgspec.msgpack.Decoder(_Body).decode
_decode_narrowing: Final = msgspec.msgpack.Decoder(_Narrowing).decode


class KeyRing:
    """The keys that seal and open tokens and protect secrets at rest; one of them is current.

    Old keys stay on the ring while anything sealed under them may live. Its repr shows key ids only.
    """

    __slots__ = ("_keys", "_prepared", "current")

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        """keys: id (1 to 2^32 - 1) → KEY_BYTES random bytes. current: the id that seals.

        Raises:
            ValueError: a key of another length, an id out of range, or a current id that has no key.
        """
        if current not in keys:
            raise ValueError("the current key is not on the ring")
        if any(len(key) != KEY_BYTES or not 0 < key_id < 1 << 32 for key_id, key in keys.items()):
            raise ValueError(f"a key has {KEY_BYTES} bytes and an id from 1 to 2^32 - 1")
        self._keys = dict(keys)
        self._prepared: dict[tuple[int, bytes], tuple[hashlib._Hash, hashlib._Hash]] = {}
        self.current: Final = current

    def derive(self, key_id: int, purpose: bytes, salt: bytes) -> bytes:
        """A 32-byte key for one purpose and one salt: HMAC-SHA256(key, purpose | 0 | salt).

        Raises:
            KeyError: no key of that id is on the ring.
        """
        prepared = self._prepared.get((key_id, purpose))
        if prepared is None:
            # The purposes are few, constants of this program. Copying hash states takes half an HMAC's time.
            block = self._keys[key_id].ljust(64, b"\x00")
            inner = hashlib.sha256(block.translate(_INNER_PAD) + purpose + b"\x00")
            prepared = self._prepared[key_id, purpose] = inner, hashlib.sha256(block.translate(_OUTER_PAD))
        inner, outer = prepared[0].copy(), prepared[1].copy()
        inner.update(salt)
        outer.update(inner.digest())
        return outer.digest()

    def __contains__(self, key_id: int) -> bool:
        return key_id in self._keys

    def __repr__(self) -> str:
        return f"KeyRing(ids={sorted(self._keys)}, current={self.current})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a KeyRing is not pickled")


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
    body = _encode(fields)
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
        body = _decode_body(plaintext[2 : 2 + int.from_bytes(plaintext[:2])])
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
    packed = _encode((session.session_policy, session.policy_arns, session.tags, *further))
    if len(packed) <= limits.TOKEN_COMPRESS_BYTES:
        return packed, False
    return zlib.compress(packed, 6), True


def _unpack_narrowing(body: _Body) -> _Narrowing:
    if body.narrowing is None:
        return _Narrowing(None, (), {})
    packed = body.narrowing
    if body.narrowing_is_deflated:
        packed = zlib.decompressobj().decompress(packed, _NARROWING_BYTES_MAX)
    return _decode_narrowing(packed)
