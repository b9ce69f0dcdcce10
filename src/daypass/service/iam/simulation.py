"""Simulations: what policies would allow, decided by the engine that decides every request.

An answer has one result an action. Given resources, it has a result for each of them below, and the most
restrictive of these above; so AWS answers since July 2026. Unlike AWS's simulator, which overlooks some of it,
this one knows no rule but daypass.policy's: a grant to an account only delegates, and a user's tags are its tags.

Source: IAM API Reference, SimulateCustomPolicy, SimulatePrincipalPolicy, EvaluationResult, ResourceSpecificResult;
answers of both recorded in public in September 2026.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from daypass import limits
from daypass.policy import Outcome
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import refusal
from daypass.service.iam.policy_sources import Source, context_keys
from daypass.service.iam.simulation_decision import Simulated, Statements, catalogued, most_restrictive, simulate
from daypass.service.iam.simulation_inputs import ANY_RESOURCE, Inputs, policies, read
from daypass.service.iam.simulation_source import attached, policy_source
from daypass.service.iam.targets import Checks, account_id

Result = Mapping[str, Any]

_WORDS: Final = {
    Outcome.ALLOWED: "allowed",
    Outcome.EXPLICITLY_DENIED: "explicitDeny",
    Outcome.IMPLICITLY_DENIED: "implicitDeny",
}
# What AWS calls several resources of an action together, by service; `*` where it has no such name.
_TOGETHER: Final = {
    "iam": "arn:aws:iam::${Account}:${ResourceType}/${ResourceName}",
    "s3": "arn:${Partition}:s3:::${BucketName}/${KeyName}",
    "sts": "arn:aws:iam::${Account}:${RelativeId}",
}


def on_nothing(action: str) -> Checks:
    """The checks of an action that is about no resource."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (Check(action, "*"),)

    return checks


async def simulate_custom_policy(ports: Ports, exchange: Exchange) -> Result:
    return _page(exchange.parameters, read(exchange.parameters, account_id(exchange)))


async def simulate_principal_policy(ports: Ports, exchange: Exchange) -> Result:
    source, parameters = await policy_source(ports, exchange), exchange.parameters
    own = attached(source, parameters.get("PolicyExclusionList", ()))
    return _page(parameters, read(parameters, account_id(exchange), own))


async def get_context_keys_for_custom_policy(ports: Ports, exchange: Exchange) -> Result:
    return _context_keys(policies(exchange.parameters["PolicyInputList"]))


async def get_context_keys_for_principal_policy(ports: Ports, exchange: Exchange) -> Result:
    own = attached(await policy_source(ports, exchange))
    return _context_keys((*own.identity, *policies(exchange.parameters.get("PolicyInputList", ()))))


def _context_keys(sources: Iterable[Source]) -> Result:
    return {"ContextKeyNames": [*dict.fromkeys([key for source in sources for key in context_keys(source.policy)])]}


# --- pages of results ---------------------------------------------------------------------------------------


def _page(parameters: Mapping[str, Any], inputs: Inputs) -> Result:
    """The results of one page. It may hold fewer than MaxItems, so that no page is much more work than another."""
    first = _position(parameters)
    affordable = limits.SIMULATION_CHARS // inputs.cost()
    end = first + min(pages.max_items(parameters), max(affordable, 1))
    missing = _missing_context(inputs)
    results = [_result(inputs, action, missing) for action in inputs.actions[first:end]]
    if end >= len(inputs.actions):
        return {"EvaluationResults": results, "IsTruncated": False}
    marker = base64.urlsafe_b64encode(str(end).encode("ascii")).decode("ascii")
    return {"EvaluationResults": results, "IsTruncated": True, "Marker": marker}


def _position(parameters: Mapping[str, Any]) -> int:
    """How many actions the pages before had, by the marker."""
    marker: str | None = parameters.get("Marker")
    if marker is None:
        return 0
    try:
        position = base64.b64decode(marker.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        position = ""
    if not position.isdigit() or len(position) > len(str(limits.QUERY_LIST_ELEMENTS)):
        raise refusal("InvalidInput", "Invalid marker for pagination.")
    return int(position)


def _missing_context(inputs: Inputs) -> list[str]:
    """Every key that a policy names and the call does not pass: also those of statements about other actions, and
    those that follow from the caller. So AWS answers."""
    named = dict.fromkeys([key for source in inputs.named() for key in context_keys(source.policy)])
    return [key for key in named if key.lower() not in inputs.supplied]


def _result(inputs: Inputs, action: str, missing: Sequence[str]) -> dict[str, Any]:
    """What becomes of an action: on each resource, and above these the most restrictive of it."""
    each = [simulate(inputs, action, resource) for resource in inputs.resources]
    outcome = most_restrictive([simulated.outcome for simulated in each])
    return {
        "EvalActionName": action,
        "EvalResourceName": _resource_name(inputs, action),
        "EvalDecision": _WORDS[outcome],
        "MatchedStatements": _matched(_made(outcome, each)),
        "MissingContextValues": missing if any(simulated.needs_context for simulated in each) else [],
        "OrganizationsDecisionDetail": _detail(
            "AllowedByOrganizations", [simulated.in_organization for simulated in each]
        ),
        "PermissionsBoundaryDecisionDetail": _boundary_detail(each),
        "EvalDecisionDetails": _details_together(each) if inputs.explicit else None,
        "ResourceSpecificResults": [_specific(simulated, missing) for simulated in each] if inputs.explicit else None,
    }


def _resource_name(inputs: Inputs, action: str) -> str:
    if len(inputs.resources) == 1:
        return inputs.resources[0]
    service = action.partition(":")[0].lower()
    return ANY_RESOURCE if catalogued(action) is None else _TOGETHER[service]


def _specific(simulated: Simulated, missing: Sequence[str]) -> dict[str, Any]:
    """Empty lists are left out, other than above. So AWS answers."""
    details = simulated.details
    return {
        "EvalResourceName": simulated.resource,
        "EvalResourceDecision": _WORDS[simulated.outcome],
        "MatchedStatements": _matched(simulated.statements) or None,
        "MissingContextValues": (missing or None) if simulated.needs_context else None,
        "EvalDecisionDetails": None if details is None else {kind: _WORDS[says] for kind, says in details.items()},
        "PermissionsBoundaryDecisionDetail": _boundary_detail([simulated]),
    }


def _made(outcome: Outcome, each: Sequence[Simulated]) -> Statements:
    """The statements behind the outcome on all the resources: of a Deny, the denying ones alone."""
    denied = outcome is Outcome.EXPLICITLY_DENIED
    found = [s for simulated in each if simulated.outcome is outcome or not denied for s in simulated.statements]
    return tuple(dict.fromkeys(found))


def _matched(statements: Statements) -> list[dict[str, Any]]:
    return [source.statement(index) for source, index in statements]


def _detail(member: str, allowed: Sequence[bool | None]) -> dict[str, bool] | None:
    """Whether what is asked allows on every resource that it was asked about; None if there was none."""
    asked = [one for one in allowed if one is not None]
    return {member: all(asked)} if asked else None


def _boundary_detail(each: Sequence[Simulated]) -> dict[str, bool] | None:
    return _detail("AllowedByPermissionsBoundary", [simulated.in_boundary for simulated in each])


def _details_together(each: Sequence[Simulated]) -> dict[str, str] | None:
    """What each kind of policy says at its most restrictive; empty within one account; None if a service control
    policy ended each simulation."""
    if all(simulated.in_organization is False for simulated in each):
        return None
    said: dict[str, list[Outcome]] = {}
    for simulated in each:
        for kind, says in (simulated.details or {}).items():
            said.setdefault(kind, []).append(says)
    return {kind: _WORDS[most_restrictive(outcomes)] for kind, outcomes in said.items()}
