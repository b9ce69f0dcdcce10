"""The policy engines under one face: what is loaded beforehand, and one pass over a load's cases.

Everything an engine lets its user prepare is prepared: policies compiled, requests built. A pass makes one
decision a case and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cedarpy
from moto.iam.access_control import IAMPolicy, PermissionResult

from daypass.policy import (
    Policy,
    PolicyKind,
    PolicySet,
    Principal,
    PrincipalKind,
    Request,
    decide,
)
from support.loads import ACCOUNT, ALICE, ALICE_ID, BOB, Case, Load, Outcome, text


class Pass(Protocol):
    """One decision a case. answers: the same, with what was answered."""

    def __call__(self) -> None: ...

    def answers(self) -> list[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Engine:
    """prepare: makes a load ready. compile: one policy text to what the engine keeps of it."""

    name: str
    prepare: Callable[[Load], Pass]
    compile: Callable[[str], object]


# --- Daypass ------------------------------------------------------------------------------------------------


class DaypassPass:
    """`decide` with its reason, on compiled policies."""

    def __init__(self, load: Load) -> None:
        self._policies = PolicySet(
            identity=_compiled(load.identity, PolicyKind.IDENTITY),
            session=_compiled(load.session, PolicyKind.SESSION) if load.session else None,
            resource=Policy.parse(text(load.resource), PolicyKind.RESOURCE) if load.resource else None,
        )
        self._requests = [_request(load, case) for case in load.cases]

    def __call__(self) -> None:
        policies = self._policies
        for request in self._requests:
            decide(request, policies)

    def answers(self) -> list[Outcome]:
        return [decide(request, self._policies).outcome.value for request in self._requests]


def _compiled(documents: Sequence[Any], kind: PolicyKind) -> tuple[Policy, ...]:
    return tuple(Policy.parse(text(policy), kind, id=f"p{index}") for index, policy in enumerate(documents))


def _request(load: Load, case: Case) -> Request:
    if load.federated:
        principal = Principal(PrincipalKind.FEDERATED_USER, BOB, ACCOUNT, issuer_arn=ALICE, issuer_id=ALICE_ID)
    else:
        principal = Principal(PrincipalKind.USER, ALICE, ACCOUNT, unique_id=ALICE_ID)
    context = {key.lower(): value for key, value in case.context.items()}
    return Request(principal, case.action, case.resource, context)


# --- Cedar --------------------------------------------------------------------------------------------------


class CedarPass:
    """cedarpy, its policies and entities parsed once. The kinds of policy are combined here, as its user must."""

    def __init__(self, load: Load) -> None:
        self._sets = [
            cedarpy.PolicySet.from_str(policies)
            for policies in (load.cedar_identity, load.cedar_session, load.cedar_resource)
            if policies
        ]
        self._entities = cedarpy.Entities.from_json_str("[]")
        principal = BOB if load.federated else ALICE
        self._requests = [
            {
                "principal": f'User::"{principal}"',
                "action": f'Action::"{case.action}"',
                "resource": f'Resource::"{case.resource}"',
                "context": json.dumps({"action": case.action, "arn": case.resource, **case.cedar}),
            }
            for case in load.cases
        ]

    def __call__(self) -> None:
        for request in self._requests:
            self._decide(request)

    def answers(self) -> list[Outcome]:
        return [self._decide(request) for request in self._requests]

    def _decide(self, request: dict[str, str]) -> Outcome:
        """(identity ∩ session) ∪ resource; a denial with a reason is an explicit one, and wins."""
        results = [cedarpy.is_authorized(request, policies, self._entities) for policies in self._sets]
        if any(not result.allowed and result.diagnostics.reasons for result in results):
            return "ExplicitlyDenied"
        allowed = all(result.allowed for result in results[:2]) or any(result.allowed for result in results[2:])
        return "Allowed" if allowed else "ImplicitlyDenied"


# --- moto ---------------------------------------------------------------------------------------------------


class MotoPass:
    """moto's evaluator, its documents parsed once (moto itself parses them for every request)."""

    def __init__(self, load: Load) -> None:
        self._identity = [IAMPolicy(text(policy)) for policy in load.identity]
        self._session = [IAMPolicy(text(policy)) for policy in load.session]
        self._resource = [IAMPolicy(text(load.resource))] if load.resource else []
        principal = BOB if load.federated else None
        self._requests = [(case.action, case.resource, principal, dict(case.context)) for case in load.cases]

    def __call__(self) -> None:
        for request in self._requests:
            self._decide(*request)

    def answers(self) -> list[Outcome]:
        return [self._decide(*request) for request in self._requests]

    def _decide(self, action: str, resource: str, principal: str | None, context: dict[str, str]) -> Outcome:
        identity = self._combined(self._identity, action, resource, None, context)
        if identity is PermissionResult.DENIED:
            return "ExplicitlyDenied"
        allowed = identity is PermissionResult.PERMITTED
        if self._session:
            session = self._combined(self._session, action, resource, None, context)
            by_bucket = self._combined(self._resource, action, resource, principal, context)
            if PermissionResult.DENIED in (session, by_bucket):
                return "ExplicitlyDenied"
            allowed = (allowed and session is PermissionResult.PERMITTED) or by_bucket is PermissionResult.PERMITTED
        return "Allowed" if allowed else "ImplicitlyDenied"

    def _combined(
        self,
        policies: list[IAMPolicy],
        action: str,
        resource: str,
        principal: str | None,
        context: dict[str, str],
    ) -> PermissionResult:
        combined = PermissionResult.NEUTRAL
        for policy in policies:
            result = policy.is_action_permitted(action, resource, principal, context)
            if result is PermissionResult.DENIED:
                return result
            if result is PermissionResult.PERMITTED:
                combined = result
        return combined


# A Policy is compiled when it is first asked: `statements` makes it do so now.
DAYPASS = Engine("daypass", DaypassPass, lambda policy: Policy.parse(policy, PolicyKind.IDENTITY).statements())
CEDAR = Engine("cedarpy", CedarPass, cedarpy.PolicySet.from_str)
MOTO = Engine("moto", MotoPass, IAMPolicy)
