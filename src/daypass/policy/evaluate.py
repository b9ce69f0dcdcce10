"""The IAM policy evaluation flow. Pure: no clock, no store.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from dataclasses import dataclass

from daypass.policy.compiled import Policy
from daypass.policy.decision import Decision, Outcome
from daypass.policy.faults import PolicyKind
from daypass.policy.request import Request


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies that apply to a request. None: not present; empty: present, and allows nothing.

    resource: the bucket policy, or the role's trust policy.
    service_control, resource_control: one tuple for each level, from the root to the account.
    """

    identity: tuple[Policy, ...] = ()
    session: tuple[Policy, ...] | None = None
    boundary: Policy | None = None
    resource: Policy | None = None
    service_control: tuple[tuple[Policy, ...], ...] | None = None
    resource_control: tuple[tuple[Policy, ...], ...] | None = None


def decide(request: Request, policies: PolicySet) -> Decision:
    """Whether the policies allow the request. Until evaluation lands, nothing is allowed."""
    return Decision(Outcome.IMPLICITLY_DENIED, PolicyKind.IDENTITY, ())
