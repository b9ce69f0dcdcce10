"""What is known of a control-plane request on its way to an answer, as values: the audit record is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from daypass.policy import Decision, Outcome
from daypass.service.actions import Check
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import AuditRecord
from daypass.wire.http import RawRequest, RawResponse


class Trail(msgspec.Struct, eq=False):
    """What is known of a request so far, for the audit record.

    region: of the credential scope; empty if there is none.
    """

    request: RawRequest
    request_id: str
    service: str
    region: str
    wants_json: bool
    records: list[AuditRecord]
    action: str | None = None
    caller: Caller | Anonymous | None = None
    check: Check | None = None
    decision: Decision | None = None
    session_access_key_id: str | None = None
    encoded_message: str = ""
    federated: Mapping[str, Any] | None = None  # what an unsigned call has proven

    def __repr__(self) -> str:
        return f"Trail({self.request_id})"

    def record(self, *, error: str | None) -> AuditRecord:
        """error: the code answered. A request that no policy was asked about is "Refused" or, if it went on, needed
        no permission and is "Allowed"."""
        decision, caller, check = self.decision, self.caller, self.check
        federated = self.federated or {}
        if decision is None or (error is not None and decision.outcome is Outcome.ALLOWED):
            outcome: str = "Allowed" if error is None else "Refused"
        else:
            outcome = decision.outcome
        return AuditRecord(
            time=self.request.received,
            request_id=self.request_id,
            caller_arn=(None if caller is None else caller.principal.arn) or federated.get("provider"),
            caller_type="unknown" if caller is None else caller.principal.kind,
            access_key_id=caller.access_key_id if isinstance(caller, Caller) else None,
            action=check.action if check is not None else f"{self.service}:{self.action or '-'}",
            resource=None if check is None else check.resource,
            decision=outcome,
            decided_by=None if decision is None else decision.decided_by,
            statements=() if decision is None else tuple(map(str, decision.statements)),
            error=error,
            source_ip=self.request.source_ip,
            session_access_key_id=self.session_access_key_id,
            subject=federated.get("subject", msgspec.UNSET),
        )


class Prepared(msgspec.Struct, frozen=True):
    """An answer that waits for its records to be written."""

    trail: Trail
    response: RawResponse
