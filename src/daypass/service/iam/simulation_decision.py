"""One action on one resource, simulated: the decision, what each kind of policy says to it, and by which statements.

The rules are daypass.policy's alone; here it is asked several questions: one for the decision itself, and one for
each kind of policy as if there were no other.

Source: IAM API Reference, EvaluationResult; answers of SimulateCustomPolicy recorded in public in September 2026 for
which statements AWS names. Where they differ from what requests are decided by, the engine is followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from daypass import limits, names
from daypass.names import Arn
from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Request, decide
from daypass.policy.catalog import Action, actions
from daypass.policy.match import Template, TextTest, resource_text
from daypass.service.iam.policy_sources import Source
from daypass.service.iam.simulation_inputs import ANY_RESOURCE, BOUNDARY, IDENTITY, RESOURCE, Inputs

Statements = tuple[tuple[Source, int], ...]  # each by its policy and its index there
Verdict = tuple[Outcome, Statements]

_DECISIVE_FIRST: Final = (Outcome.EXPLICITLY_DENIED, Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED)
_RESTRICTIVE_FIRST: Final = (Outcome.EXPLICITLY_DENIED, Outcome.IMPLICITLY_DENIED, Outcome.ALLOWED)
_NOTHING: Final[Verdict] = (Outcome.IMPLICITLY_DENIED, ())

_ALLOW_ALL: Final = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"%s}}'
_EVERYTHING: Final = Policy.parse(_ALLOW_ALL % "", PolicyKind.IDENTITY)
_UNBOUNDED: Final = Policy.parse(_ALLOW_ALL % "", PolicyKind.BOUNDARY)
_ELSEWHERE: Final = ""  # an account that is nobody's

# To AWS's simulator an action of S3 on objects fits buckets, and the other way round.
_BUCKETS_AND_OBJECTS: Final = frozenset({"bucket", "object"})
_BUCKET: Final = "arn:*:s3:::*"


@dataclass(frozen=True, slots=True)
class Simulated:
    """What became of one action on one resource.

    statements: those of the caller's policies, of the boundary and of the resource's policy that made the decision.
    in_boundary, in_organization: whether these allow; None if there are none, or it did not come to that.
    details: what each kind of policy says, across accounts; None within one.
    """

    resource: str
    outcome: Outcome
    statements: Statements = ()
    in_boundary: bool | None = None
    in_organization: bool | None = None
    details: Mapping[str, Outcome] | None = None

    @property
    def needs_context(self) -> bool:
        """Whether more context could have made it an Allow."""
        return self.outcome is Outcome.IMPLICITLY_DENIED and self.in_organization is not False


def most_restrictive(outcomes: Iterable[Outcome]) -> Outcome:
    """outcomes: at least one."""
    return min(outcomes, key=_RESTRICTIVE_FIRST.index)


def simulate(inputs: Inputs, action: str, resource: str) -> Simulated:
    """The decision on an action and a resource of the inputs."""
    request = Request(inputs.principal, action, resource, inputs.context)
    delegating = _delegating(inputs.principal.account_id or "")

    # 1. Service control policies: each level must allow. One that does not ends the simulation.
    in_organization = None
    if inputs.service_control:
        controlled = most_restrictive(
            [_verdict(request, level, None, delegating)[0] for level in inputs.service_control]
        )
        in_organization = controlled is Outcome.ALLOWED
        if not in_organization:
            return Simulated(resource, controlled, in_organization=False)

    # 2. What each kind of policy says by itself. To an action that cannot be done to the resource, nothing.
    identity = boundary = resource_policy = _NOTHING
    fits = _fits(action, resource)
    if fits:
        identity = _verdict(request, inputs.identity, None, delegating)
        if inputs.boundary is not None:
            boundary = _verdict(request, (inputs.boundary,), None, delegating)
        if inputs.resource is not None:
            resource_policy = _resource_verdict(request, inputs.resource, bounded=inputs.boundary is not None)

    # 3. The decision on all of them together.
    owner = _owner(inputs, resource)
    across = owner is not None and owner != inputs.principal.account_id
    outcome = Outcome.IMPLICITLY_DENIED
    if fits:
        bounds = None if inputs.boundary is None else inputs.boundary.policy
        resource_side = None if across else delegating
        if inputs.resource is not None:
            resource_side = inputs.resource.policy
        question = Request(inputs.principal, action, resource, inputs.context, owner)
        outcome = _verdict(question, inputs.identity, bounds, resource_side)[0]

    # 4. Which statements made it: those with its effect. Allows of the boundary grant nothing.
    verdicts = {IDENTITY: identity, RESOURCE: resource_policy}
    if inputs.boundary is not None:
        verdicts[BOUNDARY] = boundary
    made_it = [
        statements
        for kind, (says, statements) in verdicts.items()
        if says is outcome and not (kind == BOUNDARY and outcome is Outcome.ALLOWED)
    ]
    return Simulated(
        resource,
        outcome,
        statements=tuple([statement for statements in made_it for statement in statements]),
        in_boundary=None if inputs.boundary is None else boundary[0] is Outcome.ALLOWED,
        in_organization=in_organization,
        details={kind: says for kind, (says, _) in verdicts.items()} if across else None,
    )


def _verdict(request: Request, sources: Sequence[Source], boundary: Policy | None, resource: Policy | None) -> Verdict:
    """What the sources say together as identity-based policies, beside the others.

    Each is asked alone: together they deny if one of them denies, else allow if one of them allows. So the engine's
    memory of lists of policies is not filled with those of simulations.
    """
    if not sources:
        return decide(request, PolicySet(boundary=boundary, resource=resource)).outcome, ()
    decisions = [
        (source, decide(request, PolicySet(identity=(source.policy,), boundary=boundary, resource=resource)))
        for source in sources
    ]
    outcome = min([decision.outcome for _, decision in decisions], key=_DECISIVE_FIRST.index)
    return outcome, tuple(
        [
            (source, statement.index)
            for source, decision in decisions
            if decision.outcome is outcome
            for statement in decision.statements
            if statement.kind is source.policy.kind
        ]
    )


def _resource_verdict(request: Request, source: Source, *, bounded: bool) -> Verdict:
    """What a resource's policy says of the caller, in whatever form it names it: as to another account's caller.

    bounded: whether the caller has a permissions boundary, which NotPrincipal asks.
    """
    question = Request(request.principal, request.action, request.resource, request.context, _ELSEWHERE)
    policies = PolicySet(identity=(_EVERYTHING,), boundary=_UNBOUNDED if bounded else None, resource=source.policy)
    decision = decide(question, policies)
    found = [(source, statement.index) for statement in decision.statements if statement.kind is source.policy.kind]
    return decision.outcome, tuple(found)


@lru_cache(limits.SIMULATION_ACCOUNTS_CACHED)
def _delegating(account_id: str) -> Policy:
    """The policy of a resource that leaves all to the account, as that of a new KMS key does: where no resource policy
    is simulated, the caller's side alone decides."""
    principal = f',"Principal":{{"AWS":"{account_id}"}}'
    return Policy.parse(_ALLOW_ALL % principal, PolicyKind.RESOURCE, stored=True)


def _owner(inputs: Inputs, resource: str) -> str | None:
    """The resource's account: by its ARN, else the inputs' owner; None if the resource's side is not simulated."""
    if inputs.owner is None:
        return None
    named = "" if resource == ANY_RESOURCE else Arn.parse(resource).account_id
    return named if names.is_account_id(named) else inputs.owner


# --- which resources an action can be done to ---------------------------------------------------------------


def catalogued(action: str) -> Action | None:
    """What is known of an action; None of one of another service, or of none."""
    service, _, name = action.lower().partition(":")
    return actions(service).get(name)


def _fits(action: str, resource: str) -> bool:
    """Whether the action can be done to the resource, as far as it is known: to AWS's simulator nothing allows one
    that cannot."""
    known = catalogued(action)
    if known is None or resource == ANY_RESOURCE:
        return True
    patterns = [kind.arn for kind in known.resources]
    if any(kind.name in _BUCKETS_AND_OBJECTS for kind in known.resources):
        patterns.append(_BUCKET)
    return any(_arn_test(pattern)(resource) for pattern in patterns)


@lru_cache(limits.SIMULATION_ARNS_CACHED)
def _arn_test(pattern: str) -> TextTest:
    test = resource_text(pattern)
    assert not isinstance(test, Template)  # noqa: S101  nothing is a variable here
    return test
