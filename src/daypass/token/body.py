"""The sealed fields of a token, as typed values and as MessagePack. The contract for changing them is on Session."""

from __future__ import annotations

from typing import Final

import msgspec

from daypass.token.session import ContextValue


class Narrowing(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What a session passes to narrow or mark itself: the part of a token that can be large."""

    session_policy: str | None
    policy_arns: tuple[str, ...]
    tags: dict[str, str]
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_authenticated: int | None = None
    scope_policies: tuple[str, ...] = ()
    context: dict[str, ContextValue] = {}


class Body(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The sealed fields, in order. narrowing: MessagePack of Narrowing; None if there is none of it."""

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


encode: Final = msgspec.msgpack.Encoder().encode
decode_body: Final = msgspec.msgpack.Decoder(Body).decode
decode_narrowing: Final = msgspec.msgpack.Decoder(Narrowing).decode
