"""service.iam.simulation_decision: a simulation decides as a request is decided, whatever the policies."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide
from daypass.service.iam.policy_sources import Source
from daypass.service.iam.simulation_decision import simulate
from daypass.service.iam.simulation_inputs import Inputs
from support.api import ACCOUNT
from support.iam import user_arn

OBJECT = "arn:aws:s3:::files/a"
OTHER_ACCOUNT = "999999999999"
USER = Principal(PrincipalKind.USER, user_arn("carl"), ACCOUNT, "AIDACARL")
EFFECTS = st.sampled_from(["Allow", "Allow", "Deny"])
STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": EFFECTS,
        "Action": st.sampled_from(["s3:GetObject", "s3:Get*", "s3:PutObject"]),
        "Resource": st.sampled_from(["arn:aws:s3:::files/*", "arn:aws:s3:::files/a", "arn:aws:s3:::other/*"]),
    }
)
NAMED = st.sampled_from(["*", {"AWS": USER.arn}, {"AWS": ACCOUNT}, {"AWS": user_arn("other")}])
NAMING = st.tuples(STATEMENTS, NAMED).map(lambda pair: {**pair[0], "Principal": pair[1]})


def sources(kind: PolicyKind, statements: st.SearchStrategy[Any]) -> st.SearchStrategy[Source]:
    def made(listed: list[Any]) -> Source:
        text = json.dumps({"Version": "2012-10-17", "Statement": listed})
        return Source(Policy.parse(text, kind), "an id", kind)

    return st.lists(statements, min_size=1, max_size=3).map(made)


@given(
    identity=st.lists(sources(PolicyKind.IDENTITY, STATEMENTS), max_size=3),
    boundary=st.none() | sources(PolicyKind.BOUNDARY, STATEMENTS),
    resource=sources(PolicyKind.RESOURCE, NAMING),
    levels=st.lists(st.lists(sources(PolicyKind.SERVICE_CONTROL, STATEMENTS), min_size=1, max_size=2), max_size=2),
    owner=st.sampled_from([ACCOUNT, OTHER_ACCOUNT]),
)
def test_a_simulation_decides_as_the_engine_decides_on_all_the_policies_at_once(
    identity: list[Source], boundary: Source | None, resource: Source, levels: list[list[Source]], owner: str
) -> None:
    inputs = Inputs(
        identity=tuple(identity),
        boundary=boundary,
        resource=resource,
        service_control=tuple([tuple(level) for level in levels]),
        actions=("s3:GetObject",),
        resources=(OBJECT,),
        principal=USER,
        context={},
        supplied=frozenset(),
        owner=owner,
    )
    simulated = simulate(inputs, "s3:GetObject", OBJECT)
    controls = tuple([tuple([source.policy for source in level]) for level in levels]) or None
    policies = PolicySet(
        identity=tuple([source.policy for source in identity]),
        boundary=None if boundary is None else boundary.policy,
        resource=resource.policy,
        service_control=controls,
    )
    decided = decide(Request(USER, "s3:GetObject", OBJECT, {}, owner), policies)
    if simulated.in_organization is not False:
        assert simulated.outcome is decided.outcome
    else:
        # A service control policy ends a simulation where another policy might deny as well.
        assert decided.outcome is not Outcome.ALLOWED
        assert simulated.outcome is not Outcome.ALLOWED
    # What the engine says determined it is among the statements that the simulation names, but for the boundary's
    # Allows, which grant nothing, and the organization's statements, which AWS never names.
    named = {(source.policy.kind, index) for source, index in simulated.statements}
    expected = {
        (statement.kind, statement.index)
        for statement in decided.statements
        if statement.kind is not PolicyKind.SERVICE_CONTROL
        and not (statement.kind is PolicyKind.BOUNDARY and decided.outcome is Outcome.ALLOWED)
    }
    if simulated.in_organization is not False:
        assert expected <= named
