"""The IAM policy language: text and values in, Decision out. Pure: no clock, no store.

Usable on its own: `from daypass.policy import Policy, PolicySet, Request, decide`.
"""

from daypass.policy.compiled import Policy
from daypass.policy.decision import Decision, Outcome, StatementReference
from daypass.policy.evaluate import PolicySet, decide
from daypass.policy.explain import Explanation, explain
from daypass.policy.faults import PolicyError, PolicyFault, PolicyKind
from daypass.policy.request import Principal, PrincipalKind, Request

__all__ = [
    "Decision",
    "Explanation",
    "Outcome",
    "Policy",
    "PolicyError",
    "PolicyFault",
    "PolicyKind",
    "PolicySet",
    "Principal",
    "PrincipalKind",
    "Request",
    "StatementReference",
    "decide",
    "explain",
]
