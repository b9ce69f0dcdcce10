"""What the engine answers: the outcome, which kind of policy decided, and which statements.

Owns AWS's access-denied text. Source: IAM User Guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn

from daypass.policy.faults import PolicyKind
from daypass.policy.request import Request


class Outcome(StrEnum):
    ALLOWED = "Allowed"
    EXPLICITLY_DENIED = "ExplicitlyDenied"
    IMPLICITLY_DENIED = "ImplicitlyDenied"


@dataclass(frozen=True, slots=True)
class StatementReference:
    """One statement of one policy. index: from 0, in the order of the document."""

    kind: PolicyKind
    policy_id: str
    sid: str | None
    index: int

    def __str__(self) -> str:
        """`kind/policy id/Sid`, or the index where there is no Sid: how a record names the statement."""
        return f"{self.kind}/{self.policy_id}/{self.index if self.sid is None else self.sid}"


_DENIED_IN: Final = {kind: f"a {kind.value}" for kind in PolicyKind} | {
    PolicyKind.IDENTITY: "an identity-based policy",
}
# These services leave the clause out where the action has no resource; others print `on resource: *`.
_SILENT_ABOUT_NO_RESOURCE: Final = frozenset({"sts", "s3"})


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request. It has no truth value, so that nobody can write `if decide(…)`.

    decided_by: the kind of policy that granted or denied; None where no policy was needed.
    statements: the determining ones: every matching Deny of an explicit denial; the Allows that granted
        and those that let the grant through; empty for an implicit denial.
    """

    outcome: Outcome
    decided_by: PolicyKind | None
    statements: tuple[StatementReference, ...]

    def __bool__(self) -> NoReturn:
        raise TypeError("a Decision has no truth value; compare its outcome")

    def denial_message(self, request: Request) -> str:
        """AWS's AccessDenied text for this denial.

        Raises:
            ValueError: the decision was to allow.
        """
        if self.outcome is Outcome.ALLOWED:
            raise ValueError("an allowed request has no denial message")
        service = request.action.partition(":")[0].lower()
        if request.resource == "*" and service in _SILENT_ABOUT_NO_RESOURCE:
            resource = ""
        elif service == "s3":
            resource = f' on resource: "{request.resource}"'
        else:
            resource = f" on resource: {request.resource}"
        caller = request.principal.arn or "anonymous"
        head = f"User: {caller} is not authorized to perform: {request.action}{resource}"
        if self.decided_by is None:
            return head
        if self.outcome is Outcome.EXPLICITLY_DENIED:
            return f"{head} with an explicit deny in {_DENIED_IN[self.decided_by]}"
        return f"{head} because no {self.decided_by.value} allows the {request.action} action"
