"""The plainest form of a policy as typed values: decoding is half of policy.plain's check."""

from __future__ import annotations

from typing import Final, Literal

import msgspec


class PlainStatement(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Effect, Action and Resource, and perhaps a Sid."""

    Effect: Literal["Allow", "Deny"]
    Action: str | list[str]
    Resource: str | list[str]
    Sid: str = ""


class PlainDocument(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A policy of such statements and nothing else."""

    Version: Literal["2008-10-17", "2012-10-17"]
    Statement: PlainStatement | list[PlainStatement]


decode: Final = msgspec.json.Decoder(PlainDocument).decode
