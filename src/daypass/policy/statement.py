"""Statement: one compiled statement, and the test whether it applies to a request.

Owns Action, Resource and Condition matching of a statement; Principal forms are daypass.policy.principals'.

Source: IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daypass.policy.conditions import Comparison, ContextTest, compile_condition
from daypass.policy.decision import Decision, Outcome, StatementReference
from daypass.policy.match import Template, TextTest, glob_text, resource_text
from daypass.policy.principals import Form, Principals
from daypass.policy.request import Request

RequestTest = Callable[[Request], bool]


@dataclass(frozen=True, slots=True)
class Element:
    """One element as written, for explanations: its name (`NotAction`) and its values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator, as written, and its test."""

    operator: str
    key: str
    values: tuple[str, ...]
    holds: ContextTest


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement, compiled.

    resource: None in a trust policy, which is about the role it is attached to.
    principal: None where the kind of policy has no Principal element.
    applies: whether Resource and Condition match; Action and Principal are looked at before.
    alone: the decision, where this statement alone determines it.
    """

    reference: StatementReference
    allow: bool
    action: Element
    resource: Element | None
    principal: Element | None
    conditions: tuple[Condition, ...]
    matches_action: TextTest
    matches_resource: RequestTest
    applies: RequestTest
    principals: Principals | None
    alone: Decision = field(repr=False)

    def form(self, request: Request, *, boundary: bool) -> Form:
        """The form in which Principal or NotPrincipal covers the caller.

        boundary: whether the caller has a permissions boundary: a NotPrincipal then exempts nobody.
        """
        if self.principals is None or self.principal is None:
            return Form.NOT_NAMED
        if self.principal.name == "Principal":
            return self.principals.form(request.principal, request.context)
        return Form.NOT_NAMED if self.principals.exempts(request.principal) and not boundary else Form.FINAL


def make_statement(
    reference: StatementReference,
    *,
    allow: bool,
    action: Element,
    resource: Element | None,
    principal: Element | None,
    principals: Principals | None,
    conditions: Sequence[tuple[Comparison, str, str, tuple[str, ...]]],
    variables: bool,
) -> Statement:
    """conditions: each the operator, the operator as written, the key as written and the values."""
    matches_resource = _anything if resource is None else _resource_test(resource, variables)
    compiled = tuple(
        [
            Condition(operator, key, values, compile_condition(comparison, key.lower(), values, variables=variables))
            for comparison, operator, key, values in conditions
        ]
    )
    outcome = Outcome.ALLOWED if allow else Outcome.EXPLICITLY_DENIED
    return Statement(
        reference=reference,
        allow=allow,
        action=action,
        resource=resource,
        principal=principal,
        conditions=compiled,
        matches_action=_action_test(action),
        matches_resource=matches_resource,
        applies=_both(matches_resource, tuple([condition.holds for condition in compiled])),
        principals=principals,
        alone=Decision(outcome, reference.kind, (reference,)),
    )


def _both(matches_resource: RequestTest, conditions: tuple[ContextTest, ...]) -> RequestTest:
    if not conditions:
        return matches_resource

    def applies(request: Request) -> bool:
        if not matches_resource(request):
            return False
        context = request.context
        for condition in conditions:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
            if not condition(context):
                return False
        return True

    return applies


def _anything(request: Request) -> bool:
    return True


# --- Action -------------------------------------------------------------------------------------------------


def _action_test(action: Element) -> TextTest:
    """The test of an action in lower case."""
    test = _any_action([pattern.lower() for pattern in action.values])
    return test if action.name == "Action" else lambda name: not test(name)


def _any_action(patterns: Sequence[str]) -> TextTest:
    if any(pattern in ("*", "*:*") for pattern in patterns):
        return lambda name: True
    exact = frozenset([pattern for pattern in patterns if "*" not in pattern and "?" not in pattern])
    # `*` may stand for the whole action, never for the service alone. (no source settles `*:Name`)
    wild = [glob_text(pattern) for pattern in patterns if pattern not in exact and not pattern.startswith("*:")]
    if not wild:
        return exact.__contains__
    return lambda name: name in exact or any(test(name) for test in wild if not isinstance(test, Template))


# --- Resource -----------------------------------------------------------------------------------------------


def _resource_test(resource: Element, variables: bool) -> RequestTest:
    test = _any_resource(resource.values, variables)
    return test if resource.name == "Resource" else lambda request: not test(request)


def _any_resource(patterns: Sequence[str], variables: bool) -> RequestTest:
    """One test for all the patterns: texts and prefixes together, then what needs more, variables last."""
    if "*" in patterns:
        return _anything
    texts, prefixes, tests, templates = [], [], [], []
    for pattern in patterns:
        if "?" in pattern or "$" in pattern or pattern.count(":") < 5 or "*" in pattern[:-1]:
            test = resource_text(pattern, variables=variables)
            if isinstance(test, Template):
                templates.append(test)
            else:
                tests.append(test)
        elif pattern.endswith("*"):
            # Five literal colons stand before the `*`, so it cannot leave the resource part.
            prefixes.append(pattern[:-1])
        else:
            texts.append(pattern)
    if not tests and not templates:
        return _texts_or_prefixes(frozenset(texts), tuple(prefixes))
    begins, exact = tuple(prefixes), frozenset(texts)

    def matches(request: Request) -> bool:
        resource = request.resource
        if resource in exact or resource.startswith(begins):
            return True
        for test in tests:
            if test(resource):
                return True
        for template in templates:  # noqa: SIM110  a generator would double the cost of a step that every decision takes
            if template.matches(resource, request.context):
                return True
        return False

    return matches


def _texts_or_prefixes(texts: frozenset[str], prefixes: tuple[str, ...]) -> RequestTest:
    if not prefixes:
        if len(texts) == 1:
            (only,) = texts
            return lambda request: request.resource == only
        return lambda request: request.resource in texts
    if not texts:
        return lambda request: request.resource.startswith(prefixes)
    return lambda request: request.resource in texts or request.resource.startswith(prefixes)
