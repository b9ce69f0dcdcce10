"""Randomness and the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Entropy(Protocol):
    """Cryptographically strong randomness."""

    def bytes(self, count: int) -> bytes: ...


class AuditLog(Protocol):
    """One record a decision, durable as far as the operating system's write. Raises OSError if it cannot."""

    def write(self, record: AuditRecord) -> None: ...

    def write_all(self, records: Sequence[AuditRecord]) -> None:
        """All of them in one write; what raises has not recorded the last of them, and maybe none."""


class AuditRecord(msgspec.Struct, frozen=True):
    """What was asked, by whom, what was decided and why. Holds no secret, no token, no signature.

    decision: "Allowed", "ExplicitlyDenied", "ImplicitlyDenied", or "Refused" when no policy was asked:
        a bad signature, a malformed request, a rule of the action itself.
    statements: the determining statements, each `kind/policy id/sid or index`.
    error: the code answered; None if the request went on.
    session_access_key_id: of the credentials issued, if any were.
    subject: whom the identity provider says it is, once that is proven; the caller's ARN is then the provider's.
    """

    time: datetime
    request_id: str
    caller_arn: str | None
    caller_type: str
    access_key_id: str | None
    action: str
    resource: str | None
    decision: str
    decided_by: str | None
    statements: tuple[str, ...]
    error: str | None
    source_ip: str
    session_access_key_id: str | None = None
    subject: str | msgspec.UnsetType = msgspec.UNSET
