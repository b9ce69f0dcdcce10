"""Cases that test policies: one JSON object a line, as the engine's Request and PolicySet, and what is expected.

A line is decoded by its shape: what it may not hold is refused by name, never passed over. A document in it stays
text until daypass.policy parses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from daypass.policy import (
    Decision,
    Outcome,
    Policy,
    PolicyError,
    PolicyKind,
    PolicySet,
    Principal,
    PrincipalKind,
    Request,
    decide,
    explain,
)
from daypass.policy.explain import Failure
from daypass.policy_tools.callers import issuer_id
from daypass.policy_tools.documents import Documents, kind_of_resource_policy
from daypass.policy_tools.findings import listing

# Statements that came near which a line names.
_NEAREST: Final = 3
# A condition key's value: a list is a multivalued key.
_Scalar = str | bool | int | float
_Levels = list[list[msgspec.Raw]]
_NULL: Final = msgspec.Raw(b"null")


class CaseFault(ValueError):
    """A line that is no case."""


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    """issuer_arn: of the role behind a role session, of the user behind a federated or token session."""

    action: str
    resource: str
    principal_kind: PrincipalKind
    principal_arn: str | None = None
    principal_account: str | None = None
    principal_id: str | None = None
    issuer_arn: str | None = None
    issuer_id: str | None = None
    resource_account: str | None = None
    context: dict[str, _Scalar | list[_Scalar]] | None = None


class _Policies(msgspec.Struct, forbid_unknown_fields=True):
    """What is empty is not present, but for a level without policies: that allows nothing.

    scope: what narrows one session beside its session policies; each of them must allow.
    """

    identity: list[msgspec.Raw] | None = None
    session: list[msgspec.Raw] | None = None
    boundary: list[msgspec.Raw] | None = None
    resource: msgspec.Raw = _NULL
    scps: _Levels | None = None
    rcps: _Levels | None = None
    scope: list[msgspec.Raw] | None = None


class Case(msgspec.Struct):
    """One line. Members beside these are the author's own: a source, a remark."""

    id: str | int
    request: _Request
    policies: _Policies
    expected: Outcome | None = None


_DECODER: Final = msgspec.json.Decoder(Case)


def read(line: bytes) -> Case:
    """The case on a line.

    Raises:
        CaseFault: there is none; says why.
    """
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError as error:
        raise CaseFault(_plain(str(error))) from None
    except (UnicodeDecodeError, RecursionError):
        raise CaseFault("not UTF-8 JSON") from None


def _plain(message: str) -> str:
    return message[:1].lower() + message[1:]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a case. decision: None if a document of it is no policy; error then says which, and why.

    explanation: one line; of a case that went otherwise than expected.
    """

    case: Case
    decision: Decision | None
    error: str = ""
    explanation: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing else was expected."""
        return self.decision is not None and self.case.expected in (None, self.decision.outcome)


def answer(case: Case, documents: Documents) -> Answer:
    request = request_of(case)
    try:
        policies = policies_of(case, documents)
    except _Refused as refused:
        return Answer(case, None, error=str(refused))
    decision = decide(request, policies)
    answered = Answer(case, decision)
    return answered if answered.passed else Answer(case, decision, explanation=in_one_line(request, policies))


# --- a case as the engine's values ----------------------------------------------------------------------------


def request_of(case: Case) -> Request:
    asked = case.request
    arn = asked.principal_arn
    if arn is None and asked.principal_kind is PrincipalKind.USER:
        arn = asked.issuer_arn  # a session of GetSessionToken acts as its user
    return Request(
        Principal(
            asked.principal_kind,
            arn,
            asked.principal_account,
            asked.principal_id,
            asked.issuer_arn,
            asked.issuer_id or issuer_id(asked.issuer_arn),
        ),
        asked.action,
        asked.resource,
        {key.lower(): _value(value) for key, value in (asked.context or {}).items()},
        asked.resource_account,
    )


def _value(value: _Scalar | list[_Scalar]) -> str | tuple[str, ...]:
    return tuple([_text(one) for one in value]) if isinstance(value, list) else _text(value)


def _text(value: _Scalar) -> str:
    if isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class _Refused(Exception):
    """A document of a case that is no policy: which, and why."""


def policies_of(case: Case, documents: Documents) -> PolicySet:
    given = case.policies
    boundary = _policies(given.boundary, PolicyKind.BOUNDARY, "boundary", documents)
    if len(boundary) > 1:
        raise _Refused("boundary: a caller has at most one permissions boundary")
    resource = given.resource
    kind = kind_of_resource_policy(case.request.action, case.request.resource)
    return PolicySet(
        identity=_policies(given.identity, PolicyKind.IDENTITY, "identity", documents),
        session=_policies(given.session, PolicyKind.SESSION, "session", documents) or None,
        boundary=boundary[0] if boundary else None,
        resource=None if resource == _NULL else _policy(resource, kind, "resource", documents),
        service_control=_levels(given.scps, PolicyKind.SERVICE_CONTROL, "scps", documents),
        resource_control=_levels(given.rcps, PolicyKind.RESOURCE_CONTROL, "rcps", documents),
        scope=tuple([(one,) for one in _policies(given.scope, PolicyKind.SESSION, "scope", documents)]) or None,
    )


def _levels(
    levels: _Levels | None, kind: PolicyKind, name: str, documents: Documents
) -> tuple[tuple[Policy, ...], ...] | None:
    if not levels:
        return None
    return tuple([_policies(level, kind, f"{name}[{place}]", documents) for place, level in enumerate(levels)])


def _policies(
    texts: Sequence[msgspec.Raw] | None, kind: PolicyKind, name: str, documents: Documents
) -> tuple[Policy, ...]:
    return tuple([_policy(text, kind, f"{name}[{place}]", documents) for place, text in enumerate(texts or ())])


def _policy(text: msgspec.Raw, kind: PolicyKind, name: str, documents: Documents) -> Policy:
    try:
        return documents.policy(bytes(text), kind, name)
    except PolicyError as error:
        where = f"{name}: {error.path}" if error.path else name
        raise _Refused(f"{where}: {error.message}") from None


# --- why ------------------------------------------------------------------------------------------------------


def in_one_line(request: Request, policies: PolicySet) -> str:
    """Why the request is decided as it is: the statements that decided, or those that came nearest to it."""
    explanation = explain(request, policies)
    decision = explanation.decision
    if decision.statements:
        return f"{decision.outcome} by " + ", ".join([str(reference) for reference in decision.statements])
    nearest = [
        f"{near.statement}: {', '.join([failed(failure) for failure in near.failures])}"
        for near in explanation.statements
        if near.failures and near.effect == "Allow" and near.statement.kind is decision.decided_by
    ]
    return explanation.summary() + (f" (nearest: {'; '.join(nearest[:_NEAREST])})" if nearest else "")


def failed(failure: Failure) -> str:
    """An element that did not match: what it expected, and what it got."""
    got = ", ".join(failure.got) if isinstance(failure.got, tuple) else failure.got
    return f"{failure.element} expected {listing(failure.expected)}, got " + ("nothing" if got is None else f"`{got}`")
