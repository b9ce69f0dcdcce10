"""Why a request was decided as it was: each statement that came near, the elements of it that failed, and how.

Made on demand and from the source of each statement; deciding itself keeps no such record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from daypass.policy.compiled import Policy
from daypass.policy.conditions import FOR_ALL_VALUES, FOR_ANY_VALUE
from daypass.policy.decision import Decision, Outcome, StatementReference
from daypass.policy.evaluate import PolicySet, applicable, decide
from daypass.policy.match import Variable, tokenize
from daypass.policy.principals import Form
from daypass.policy.request import Request
from daypass.policy.statement import Condition, Element, Statement

_ANONYMOUS: Final = "anonymous"
_FORMS: Final = {
    Form.FINAL: "names the caller itself, or everyone",
    Form.ISSUER: "names the role or user behind the session: boundary and session policies still limit",
    Form.ACCOUNT: "names the account: the caller's own policies must allow as well",
}
_RED: Final = "31"
_GREEN: Final = "32"
_DIM: Final = "2"


@dataclass(frozen=True, slots=True)
class Failure:
    """An element that kept its statement from matching.

    element: such as `Resource`, `NotAction` or `Condition.StringLike.s3:prefix`.
    expected: its values as written. got: what the request has; None if it has nothing there.
    """

    element: str
    expected: tuple[str, ...]
    got: str | tuple[str, ...] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Near:
    """A statement that matched the request, or came near.

    failures: empty if it matched. form: how it names the caller, of a resource's statement that does.
    source: the statement itself.
    """

    statement: StatementReference
    effect: str
    failures: tuple[Failure, ...]
    form: str | None
    source: Statement = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and the statements that came near: those about the action, and those that only their action kept
    from matching."""

    request: Request
    decision: Decision
    statements: tuple[Near, ...]

    def to_dict(self) -> dict[str, Any]:
        """As values that JSON has."""
        decided_by = self.decision.decided_by
        return {
            "Action": self.request.action,
            "Resource": self.request.resource,
            "Caller": self.request.principal.arn or _ANONYMOUS,
            "Outcome": self.decision.outcome.value,
            "DecidedBy": None if decided_by is None else decided_by.value,
            "Summary": self.summary(),
            "Statements": [
                {
                    "Kind": near.statement.kind.value,
                    "Policy": near.statement.policy_id,
                    "Sid": near.statement.sid,
                    "Index": near.statement.index,
                    "Effect": near.effect,
                    "Matched": not near.failures,
                    "Form": near.form,
                    "Failures": [
                        {
                            "Element": failure.element,
                            "Expected": list(failure.expected),
                            "Got": list(failure.got) if isinstance(failure.got, tuple) else failure.got,
                            "Reason": failure.reason,
                        }
                        for failure in near.failures
                    ],
                }
                for near in self.statements
            ],
        }

    def summary(self) -> str:
        """The decision as one sentence, AWS's where it is a denial."""
        if self.decision.outcome is not Outcome.ALLOWED:
            return self.decision.denial_message(self.request)
        caller, action = self.request.principal.arn or _ANONYMOUS, self.request.action
        head = f"User: {caller} is authorized to perform: {action} on resource: {self.request.resource}"
        if self.decision.decided_by is None:
            return f"{head}; no policy has to allow it"
        return f"{head} because of its {self.decision.decided_by.value}"

    def render(self, *, colour: bool = False) -> str:
        """As lines for a terminal."""

        def paint(text: str, code: str) -> str:
            return f"\x1b[{code}m{text}\x1b[0m" if colour else text

        allowed = self.decision.outcome is Outcome.ALLOWED
        lines = [f"{paint(self.decision.outcome.value, _GREEN if allowed else _RED)}: {self.summary()}"]
        for near in self.statements:
            reference = near.statement
            name = f"statement {reference.index}" + (f" ({reference.sid})" if reference.sid else "")
            verdict = paint("does not match", _DIM)
            if not near.failures:
                verdict = paint("matches", _GREEN if near.effect == "Allow" else _RED)
            lines.append(f"  {reference.kind.value} {reference.policy_id or '-'}, {name}, {near.effect}: {verdict}")
            if near.form is not None:
                lines.append(f"    Principal {near.form}")
            for failure in near.failures:
                lines.append(f"    {failure.element}: {failure.reason}")
                lines.append(f"      expected: {', '.join(failure.expected)}")
                lines.append(f"      got:      {_shown(failure.got)}")
        if not self.statements:
            lines.append("  no statement is about this action or this resource")
        return "\n".join(lines)


def explain(request: Request, policies: PolicySet, *, at_most: int | None = None) -> Explanation:
    """The decision on a request, with every statement that came near.

    at_most: of many statements only so many are looked at, and those that decided; None: all.
    """
    decision = decide(request, policies)
    applying = applicable(request, policies)
    statements = [statement for policy in _each(applying) for statement in policy.statements()]
    if at_most is not None and len(statements) > at_most:
        deciding = set(decision.statements)
        further = [each for each in statements[at_most:] if each.reference in deciding] if deciding else []
        statements = statements[:at_most] + further
    near = [
        found
        for statement in statements
        if (found := _near(statement, request, boundary=applying.boundary is not None)) is not None
    ]
    return Explanation(request, decision, tuple(near))


def _each(policies: PolicySet) -> Iterator[Policy]:
    """Every policy, in the order in which decide looks at the kinds."""
    for level in (policies.resource_control or ()) + (policies.service_control or ()):
        yield from level
    if policies.resource is not None:
        yield policies.resource
    yield from policies.identity
    if policies.boundary is not None:
        yield policies.boundary
    yield from policies.session or ()
    for level in policies.scope or ():
        yield from level


def _near(statement: Statement, request: Request, *, boundary: bool) -> Near | None:
    action = _action_failure(statement, request)
    form = None
    others: list[Failure] = []
    if statement.principal is not None:
        found = statement.form(request, boundary=boundary)
        form = _FORMS.get(found)
        if not found:
            others.append(_principal_failure(statement.principal, request))
    if statement.resource is not None and not statement.matches_resource()(request):
        others.append(_resource_failure(statement.resource, request, statement.variables))
    others += [
        _condition_failure(condition, request, statement.variables)
        for condition in statement.conditions()
        if not condition.holds(request.context)
    ]
    if action is not None and others:
        return None
    failures = others if action is None else [action]
    return Near(statement.reference, "Allow" if statement.allow else "Deny", tuple(failures), form, statement)


def _action_failure(statement: Statement, request: Request) -> Failure | None:
    if statement.matches_action(request.action.lower()):
        return None
    element = statement.action
    reason = "the action is none of these" if element.name == "Action" else "the action is one of these"
    return Failure(element.name, element.values, request.action, reason)


def _principal_failure(element: Element, request: Request) -> Failure:
    listed = element.name == "NotPrincipal"
    reason = "the caller is one of these" if listed else "the caller is none of these"
    return Failure(element.name, element.values, request.principal.arn or _ANONYMOUS, reason)


def _resource_failure(element: Element, request: Request, variables: bool) -> Failure:
    reason = "the resource is one of these" if element.name == "NotResource" else "the resource matches none of these"
    absent = _absent_variables(element.values, request)
    if variables and absent:
        reason += f"; {absent}"
    return Failure(element.name, element.values, request.resource, reason)


def _condition_failure(condition: Condition, request: Request, variables: bool) -> Failure:
    value = request.context.get(condition.key.lower())
    if value is None or value == ():
        reason = "the request has no such key"
    elif (
        isinstance(value, tuple)
        and len(value) > 1
        and not condition.operator.startswith((FOR_ALL_VALUES, FOR_ANY_VALUE))
    ):
        reason = "the key has several values, and the operator neither ForAllValues nor ForAnyValue"
    else:
        reason = f"what the request has does not satisfy {condition.operator}"
    absent = _absent_variables(condition.values, request)
    if variables and absent:
        reason += f"; {absent}"
    return Failure(f"Condition.{condition.operator}.{condition.key}", condition.values, value, reason)


def _absent_variables(patterns: tuple[str, ...], request: Request) -> str:
    """Which variables of the patterns the request has no value for."""
    names = {
        token.key
        for pattern in patterns
        for token in tokenize(pattern)
        if isinstance(token, Variable) and token.default is None and not isinstance(request.context.get(token.key), str)
    }
    return f"no value for {', '.join(sorted(names))}" if names else ""


def _shown(got: str | tuple[str, ...] | None) -> str:
    if got is None:
        return "nothing"
    return ", ".join(got) if isinstance(got, tuple) else got
