"""A decision drawn as AWS's evaluation flow: each step with its verdict and the statements that gave it.

Nothing is decided here: the steps are read from the engine's explanation, in the order that decide takes them.

Source: IAM User Guide, "Policy evaluation logic", "How AWS enforcement code logic evaluates requests".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from daypass.policy import Explanation, Outcome, PolicyKind, PolicySet, PrincipalKind
from daypass.policy.evaluate import applicable
from daypass.policy.explain import Failure, Near
from daypass.policy_tools.colours import Paint
from daypass.policy_tools.documents import kind_of_resource_policy
from daypass.policy_tools.findings import listing


class Verdict(StrEnum):
    PASSES = "passes"
    DENIES = "denies"
    NOT_PRESENT = "not present"
    DOES_NOT_APPLY = "does not apply"
    NOT_NEEDED = "not needed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the flow. statements: those that gave the verdict; of a denying step those that came near, too."""

    title: str
    verdict: Verdict
    reason: str
    statements: tuple[Near, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    explanation: Explanation
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """The explanation as values that JSON has, and the steps before its statements."""
        explained = self.explanation.to_dict()
        statements = explained.pop("Statements")
        place = {id(near): number for number, near in enumerate(self.explanation.statements)}
        steps = [
            {
                "Step": step.title,
                "Verdict": step.verdict.value,
                "Reason": step.reason,
                "Statements": [statements[place[id(near)]] for near in step.statements],
            }
            for step in self.steps
        ]
        return {**explained, "Steps": steps, "Statements": statements}


_TITLES: Final = {
    PolicyKind.RESOURCE_CONTROL: "Resource control policies",
    PolicyKind.SERVICE_CONTROL: "Service control policies",
    PolicyKind.RESOURCE: "Resource-based policy",
    PolicyKind.IDENTITY: "Identity-based policies",
    PolicyKind.BOUNDARY: "Permissions boundary",
    PolicyKind.SESSION: "Session policies",
}
_TRUST_TITLE: Final = "Role trust policy"


def flow(explanation: Explanation, given: PolicySet) -> Flow:
    """given: the policies that the explanation was made with."""
    return Flow(explanation, tuple(_Steps(explanation, given).every()))


class _Steps:
    def __init__(self, explanation: Explanation, given: PolicySet) -> None:
        self._explanation = explanation
        self._decision = explanation.decision
        self._given = _by_kind(given)
        self._applied = _by_kind(applicable(explanation.request, given))
        self._levels = {
            PolicyKind.RESOURCE_CONTROL: given.resource_control,
            PolicyKind.SERVICE_CONTROL: given.service_control,
        }
        request = explanation.request
        trust = kind_of_resource_policy(request.action, request.resource) is PolicyKind.ROLE_TRUST
        self._titles = {**_TITLES, PolicyKind.RESOURCE: _TRUST_TITLE if trust else _TITLES[PolicyKind.RESOURCE]}

    def every(self) -> Iterator[Step]:
        decision = self._decision
        if decision.outcome is Outcome.ALLOWED and decision.decided_by is None and not self._is_root():
            yield Step("Permission", Verdict.PASSES, "the action needs none: whoever has credentials may")
            for title in ("Explicit denies", *self._titles.values()):
                yield Step(title, Verdict.NOT_REACHED, "")
            return
        yield self._denies()
        over = decision.outcome is Outcome.EXPLICITLY_DENIED
        for kind in _TITLES:
            if over:
                yield Step(self._titles[kind], Verdict.NOT_REACHED, "")
            elif decision.outcome is Outcome.IMPLICITLY_DENIED and _flow_kind(decision.decided_by) is kind:
                over = True
                yield self._lacking(kind)
            else:
                yield self._passing(kind)

    def _denies(self) -> Step:
        title = "Explicit denies"
        denies = [near for near in self._explanation.statements if near.effect == "Deny"]
        if self._decision.outcome is Outcome.EXPLICITLY_DENIED:
            matching = tuple([near for near in denies if not near.failures])
            return Step(title, Verdict.DENIES, "a Deny matches: no Allow counts any more", matching)
        about = tuple([near for near in denies if near.failures and not _is_about_another_action(near)])
        return Step(title, Verdict.PASSES, "no Deny matches", about)

    def _lacking(self, kind: PolicyKind) -> Step:
        """The step that denies because nothing in it allows."""
        near = tuple([one for one in self._of(kind) if one.effect == "Allow"])
        if not self._given[kind]:
            return Step(self._titles[kind], Verdict.DENIES, self._why_needed(kind))
        return Step(self._titles[kind], Verdict.DENIES, self._which_level(kind) or "no statement allows it", near)

    def _passing(self, kind: PolicyKind) -> Step:
        title, given, applied = self._titles[kind], self._given[kind], self._applied[kind]
        matching = tuple([near for near in self._of(kind) if near.effect == "Allow" and not near.failures])
        if kind is PolicyKind.IDENTITY and self._is_root() and self._is_allowed():
            return Step(title, Verdict.DOES_NOT_APPLY, "the root user needs none")
        if given and not applied:
            return Step(title, Verdict.DOES_NOT_APPLY, self._why_not_applied(kind))
        if not given:
            return Step(title, Verdict.NOT_PRESENT, "")
        # Of an allowed request the decision names every statement that was needed.
        if self._is_allowed() and kind not in {_flow_kind(one.kind) for one in self._decision.statements}:
            form = next((f": it {near.form}" for near in matching if near.form), "")
            if kind is PolicyKind.RESOURCE:
                reason = f"allows{form}" if matching else "does not allow; the caller's own policies do, in its account"
                return Step(title, Verdict.PASSES if matching else Verdict.NOT_NEEDED, reason, matching)
            return Step(title, Verdict.NOT_NEEDED, "the resource-based policy is enough")
        if not matching:
            # The flow has gone past it: of these two kinds alone it does so without an Allow.
            stands_in = kind is PolicyKind.IDENTITY
            reason = "the resource-based policy stands in" if stands_in else "does not allow, and need not"
            return Step(title, Verdict.NOT_NEEDED, reason)
        form = next((f": it {near.form}" for near in matching if near.form), "")
        return Step(title, Verdict.PASSES, f"allows{form}", matching)

    def _which_level(self, kind: PolicyKind) -> str:
        """Which level from the root to the account has no Allow."""
        levels = self._levels.get(kind) or ()
        allowing = {near.statement.policy_id for near in self._of(kind) if near.effect == "Allow" and not near.failures}
        for number, level in enumerate(levels, 1):
            if not any(policy.id in allowing for policy in level):
                return f"no statement of level {number} of {len(levels)} allows it"
        return ""

    def _why_needed(self, kind: PolicyKind) -> str:
        caller = self._explanation.request.principal.kind
        match kind:
            case PolicyKind.SESSION:
                return "a federated user without a session policy has no permissions"
            case PolicyKind.RESOURCE if caller in (PrincipalKind.ANONYMOUS, PrincipalKind.SERVICE):
                return f"there is none, and for {_CALLERS[caller]} nothing else counts"
            case PolicyKind.RESOURCE:
                return "there is none, and here it must allow"
            case _:
                return "there are none, so nothing allows it"

    def _why_not_applied(self, kind: PolicyKind) -> str:
        caller = self._explanation.request.principal.kind
        if caller is PrincipalKind.FEDERATED_USER:
            return "the root user issued the session"
        if kind is PolicyKind.RESOURCE:
            return "the bucket owner's root user may always read and mend it"
        return f"not to {_CALLERS.get(caller, 'this caller')}"

    def _of(self, kind: PolicyKind) -> list[Near]:
        return [near for near in self._explanation.statements if _flow_kind(near.statement.kind) is kind]

    def _is_root(self) -> bool:
        return self._explanation.request.principal.kind is PrincipalKind.ROOT

    def _is_allowed(self) -> bool:
        return self._decision.outcome is Outcome.ALLOWED


_CALLERS: Final = {
    PrincipalKind.ROOT: "the root user",
    PrincipalKind.ANONYMOUS: "anonymous callers",
    PrincipalKind.SERVICE: "AWS services",
}


def _flow_kind(kind: PolicyKind | None) -> PolicyKind | None:
    """The kind by which the flow has a step: a role's trust policy is a resource's policy."""
    return PolicyKind.RESOURCE if kind is PolicyKind.ROLE_TRUST else kind


def _is_about_another_action(near: Near) -> bool:
    return any(failure.element in ("Action", "NotAction") for failure in near.failures)


def _by_kind(policies: PolicySet) -> dict[PolicyKind, bool]:
    """Whether there is anything of each kind."""
    return {
        PolicyKind.RESOURCE_CONTROL: policies.resource_control is not None,
        PolicyKind.SERVICE_CONTROL: policies.service_control is not None,
        PolicyKind.RESOURCE: policies.resource is not None,
        PolicyKind.IDENTITY: len(policies.identity) > 0,
        PolicyKind.BOUNDARY: policies.boundary is not None,
        PolicyKind.SESSION: policies.session is not None,
    }


# --- drawing --------------------------------------------------------------------------------------------------

_SIGNS: Final = {
    Verdict.PASSES: ("✓", "green"),
    Verdict.DENIES: ("✗", "red"),
    Verdict.NOT_PRESENT: ("·", "dim"),
    Verdict.DOES_NOT_APPLY: ("·", "dim"),
    Verdict.NOT_NEEDED: ("·", "dim"),
    Verdict.NOT_REACHED: (" ", "dim"),
}
_TITLE_WIDTH: Final = max([len(title) for title in (*_TITLES.values(), _TRUST_TITLE)])
_INDENT: Final = "   │  "


def draw(drawn: Flow, paint: Paint) -> str:
    """The flow from top to bottom, its outcome last."""
    explanation = drawn.explanation
    outcome = explanation.decision.outcome
    lines = [
        f"{paint('action  ', 'dim')} {explanation.request.action}",
        f"{paint('resource', 'dim')} {explanation.request.resource}",
        f"{paint('caller  ', 'dim')} {_caller(explanation)}",
        *_context(explanation, paint),
        "",
    ]
    for step in drawn.steps:
        lines += _step(step, paint)
    colour = "green" if outcome is Outcome.ALLOWED else "red"
    return "\n".join([*lines, "   ▼", f"   {paint(outcome.value, colour)}: {explanation.summary()}"])


def _caller(explanation: Explanation) -> str:
    principal = explanation.request.principal
    named = f"{principal.arn or 'anonymous'} ({principal.kind.value})"
    return f"{named}, issued by {principal.issuer_arn}" if principal.issuer_arn else named


def _context(explanation: Explanation, paint: Paint) -> Iterator[str]:
    heading = "context "
    for key, value in sorted(explanation.request.context.items()):
        yield f"{paint(heading, 'dim')} {key} = {', '.join(value) if isinstance(value, tuple) else value}"
        heading = "        "


def _step(step: Step, paint: Paint) -> Iterator[str]:
    sign, colour = _SIGNS[step.verdict]
    reason = f": {step.reason}" if step.reason else ""
    line = f"{step.title.ljust(_TITLE_WIDTH)}  {step.verdict.value}{reason}"
    yield f" {paint(sign, colour)} {paint(line, 'dim') if colour == 'dim' else line}"
    for near in step.statements:
        verdict = paint("matches", "green" if near.effect == "Allow" else "red")
        yield f"{_INDENT}{_name(near)}: {paint('does not match', 'dim') if near.failures else verdict}"
        for failure in near.failures:
            yield from _failure(failure, paint)


def _name(near: Near) -> str:
    reference = near.statement
    sid = f" ({reference.sid})" if reference.sid else ""
    return f"{reference.policy_id}, statement {reference.index}{sid}, {near.effect}"


def _failure(failure: Failure, paint: Paint) -> Iterator[str]:
    got = ", ".join([f"`{text}`" for text in failure.got]) if isinstance(failure.got, tuple) else f"`{failure.got}`"
    yield f"{_INDENT}  {failure.element}: {failure.reason}"
    yield f"{_INDENT}    {paint('expected', 'dim')} {listing(failure.expected, 5)}"
    yield f"{_INDENT}    {paint('got     ', 'dim')} {'nothing' if failure.got is None else got}"
