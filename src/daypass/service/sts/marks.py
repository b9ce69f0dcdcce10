"""Marks: what a role session is marked with, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from daypass.service.actions import ContextValue


class Marks(msgspec.Struct, frozen=True):
    """What a role session is marked with. Fields as in daypass.token.Session."""

    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_authenticated: datetime | None = None
    context: Mapping[str, ContextValue] = msgspec.field(default_factory=dict)


UNMARKED: Final = Marks()
