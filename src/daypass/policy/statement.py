"""Statement: one compiled statement, and the test whether it applies to a request.

Owns Action, Resource and Condition matching of a statement; Principal forms are daypass.policy.principals'.

Source: IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from daypass.policy.conditions import Comparison, ContextTest, compile_condition
from daypass.policy.decision import Decision, Outcome, StatementReference
from daypass.policy.faults import PolicyKind
from daypass.policy.match import Template, TextTest, glob_text, resource_text
from daypass.policy.principals import Form, Principals
from daypass.policy.request import Request

RequestTest = Callable[[Request], bool]


class Element(NamedTuple):
    """One element as written: its name (`NotAction`) and its values."""

    name: str
    values: tuple[str, ...]


class Condition(NamedTuple):
    """One key under one operator, as written, and its test."""

    operator: str
    key: str
    values: tuple[str, ...]
    holds: ContextTest


class Statement:
    """One statement, compiled. It never changes.

    matches_action: of an action in lower case.
    applies: whether Resource and Condition match; Action and Principal are looked at apart.
    resource: None in a trust policy, which is about the role it is attached to.
    variables: whether `${…}` is special in it.
    """

    __slots__ = (
        "_alone",
        "_policy_id",
        "_principals",
        "_reference",
        "_source",
        "allow",
        "applies",
        "index",
        "kind",
        "matches_action",
        "resource",
        "variables",
    )

    def __init__(
        self,
        source: Mapping[str, Any],
        *,
        kind: PolicyKind,
        policy_id: str,
        index: int,
        principals: Principals | None,
        variables: bool,
    ) -> None:
        """source: checked. principals: those of its Principal or NotPrincipal. variables: whether `${…}` is special."""
        self.kind = kind
        self.index = index
        self.allow: bool = source["Effect"].capitalize() == "Allow"
        self.resource = _element(source, "Resource", "NotResource")
        self._source = source
        self._policy_id = policy_id
        self._principals = principals
        self.variables = variables
        self._alone: Decision | None = None
        self._reference: StatementReference | None = None
        self.matches_action = _action_test(self.action)
        matches_resource = self.matches_resource()
        self.applies = _both(matches_resource, [condition.holds for condition in self.conditions()])

    @property
    def action(self) -> Element:
        element = _element(self._source, "Action", "NotAction")
        assert element is not None  # noqa: S101  the grammar asks for one
        return element

    @property
    def principal(self) -> Element | None:
        """Every caller listed, of whatever kind; None where the kind of policy has none."""
        return _element(self._source, "Principal", "NotPrincipal")

    @property
    def reference(self) -> StatementReference:
        if self._reference is None:
            sid = self._source.get("Sid") or None
            self._reference = StatementReference(self.kind, self._policy_id, sid, self.index)
        return self._reference

    def conditions(self) -> Iterator[Condition]:
        for operator, keys in self._source.get("Condition", {}).items():
            comparison = Comparison.parse(operator)
            if comparison is None:
                continue  # an unknown operator without any key is let pass, and asks nothing
            for key, value in keys.items():
                values = texts(value)
                test = compile_condition(comparison, key.lower(), values, variables=self.variables)
                yield Condition(operator, key, values, test)

    def matches_resource(self) -> RequestTest:
        return _anything if self.resource is None else _resource_test(self.resource, self.variables)

    def alone(self) -> Decision:
        """The decision, where this statement alone determines it; made once."""
        if self._alone is None:
            outcome = Outcome.ALLOWED if self.allow else Outcome.EXPLICITLY_DENIED
            self._alone = Decision(outcome, self.kind, (self.reference,))
        return self._alone

    def form(self, request: Request, *, boundary: bool) -> Form:
        """The form in which Principal or NotPrincipal covers the caller.

        boundary: whether the caller has a permissions boundary: a NotPrincipal then exempts nobody.
        """
        if self._principals is None:
            return Form.NOT_NAMED
        if "Principal" in self._source:
            return self._principals.form(request.principal, request.context)
        return Form.NOT_NAMED if self._principals.exempts(request.principal) and not boundary else Form.FINAL


def texts(element: object) -> tuple[str, ...]:
    """The texts of a checked element that may be one value or a list; null is no value."""
    if type(element) is str:
        return (element,)
    listed = element if isinstance(element, list) else [element]
    return tuple([text_of(value) for value in listed if value is not None])


def text_of(value: object) -> str:
    """A checked value as text: JSON's booleans are `true` and `false`."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _element(source: Mapping[str, Any], name: str, negated: str) -> Element | None:
    """X or NotX, whichever the statement has."""
    name = negated if negated in source else name
    if name not in source:
        return None
    value = source[name]
    if isinstance(value, dict):
        return Element(name, tuple([one for listed in value.values() for one in texts(listed)]))
    return Element(name, texts(value))


def _both(matches_resource: RequestTest, conditions: Sequence[ContextTest]) -> RequestTest:
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
