"""Both engines on one case: what each answers, where they differ, and the smallest case that still does."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from daypass.policy import (
    Decision,
    Outcome,
    Policy,
    PolicyKind,
    PolicySet,
    Principal,
    PrincipalKind,
    Request,
    decide,
)
from reference import engine
from reference.conditions import as_texts, condition_holds, parse_operator

Case = dict[str, Any]


# ---- a case as the values that daypass.policy takes ----


def request_of(case: Case) -> Request:
    request = case["request"]
    principal = Principal(
        kind=PrincipalKind(request["principal_kind"]),
        arn=request.get("principal_arn"),
        account_id=request.get("principal_account"),
        unique_id=request.get("principal_id"),
        issuer_arn=request.get("issuer_arn"),
        issuer_id=request.get("issuer_id"),
    )
    context = {
        key.lower(): tuple(value) if isinstance(value, list) else value
        for key, value in request.get("context", {}).items()
    }
    return Request(principal, request["action"], request["resource"], context, request.get("resource_account"))


def policies_of(case: Case) -> PolicySet:
    """The case's documents compiled; a policy's id says where in the case its document is."""
    policies = case["policies"]
    boundary = parse_all(policies.get("boundary"), PolicyKind.BOUNDARY, "boundary")
    resource_kind = PolicyKind.ROLE_TRUST if engine.is_role(case["request"]) else PolicyKind.RESOURCE
    resource = policies.get("resource")
    return PolicySet(
        identity=parse_all(policies.get("identity"), PolicyKind.IDENTITY, "identity"),
        session=parse_all(policies.get("session"), PolicyKind.SESSION, "session") or None,
        boundary=boundary[0] if boundary else None,
        resource=parse(resource, resource_kind, "resource") if resource else None,
        service_control=parse_levels(policies.get("scps"), PolicyKind.SERVICE_CONTROL, "scps"),
        resource_control=parse_levels(policies.get("rcps"), PolicyKind.RESOURCE_CONTROL, "rcps"),
        scope=tuple([(one,) for one in parse_all(policies.get("scope"), PolicyKind.SESSION, "scope")]) or None,
    )


def parse(document: dict[str, Any], kind: PolicyKind, place: str) -> Policy:
    return Policy.parse(json.dumps(document, ensure_ascii=False), kind, id=place)


def parse_all(documents: list[dict[str, Any]] | None, kind: PolicyKind, place: str) -> tuple[Policy, ...]:
    return tuple(parse(document, kind, f"{place}/{number}") for number, document in enumerate(documents or []))


def parse_levels(levels: list[Any] | None, kind: PolicyKind, place: str) -> tuple[tuple[Policy, ...], ...] | None:
    if not levels:
        return None
    return tuple(parse_all(level, kind, f"{place}/{number}") for number, level in enumerate(levels))


# ---- comparing ----


def answer(case: Case) -> Decision:
    return decide(request_of(case), policies_of(case))


def difference(case: Case, policies: PolicySet | None = None) -> str | None:
    """In what the two engines differ, as a sentence; None if in nothing.

    policies: the case's, if they are compiled already; they must decide as fresh ones do.

    Compared: the outcome; for a denial the kind of policy that decided (where several kinds deny explicitly, any of
    them will do); and that the statements named are such as decide.
    """
    expected = engine.evaluate(case)
    try:
        decision = decide(request_of(case), policies_of(case) if policies is None else policies)
    except Exception as fault:  # noqa: BLE001  an engine that fails is a difference like any other
        return f"reference says {expected.outcome}, daypass.policy raises {fault!r}"
    if decision.outcome.value != expected.outcome:
        return f"reference says {expected.outcome}, daypass.policy says {decision.outcome}"
    decided_by = decision.decided_by.value if decision.decided_by else None
    named = [(statement.policy_id, statement.index, statement.sid or "") for statement in decision.statements]
    match decision.outcome:
        case Outcome.EXPLICITLY_DENIED:
            if decided_by not in expected.kinds:
                return f"explicitly denied by {set(expected.kinds)}, daypass.policy says by {decided_by}"
            if sorted(named) != sorted(places_matching(case, "Deny")):
                return f"denied by {places_matching(case, 'Deny')}, daypass.policy says by {named}"
        case Outcome.IMPLICITLY_DENIED:
            if decided_by != expected.kind:
                return f"implicitly denied by {expected.kind}, daypass.policy says by {decided_by}"
            if named:
                return f"implicitly denied, but daypass.policy names {named}"
        case Outcome.ALLOWED:
            if not set(named) <= set(places_matching(case, "Allow")):
                return f"of {places_matching(case, 'Allow')} that allow, daypass.policy names {named}"
            if crosses_accounts(case) and not any(place == "resource" for place, *_ in named):
                return f"allowed across accounts, but daypass.policy names no statement of the resource's: {named}"
            if not named and decided_by is not None:
                return f"daypass.policy says allowed by {decided_by}, but by no statement"
    return None


def crosses_accounts(case: Case) -> bool:
    return engine.situation_of(case["request"], case["policies"]).cross_account


def places_matching(case: Case, effect: str) -> list[tuple[str, int, str]]:
    """The statements of that effect that match: the place of the document, the statement's index and its Sid."""
    situation = engine.situation_of(case["request"], case["policies"])
    return [
        (place, index, statement.get("Sid", ""))
        for place, document in applying_documents(situation)
        for index, statement in enumerate(engine.statements_of(document))
        if statement["Effect"] == effect and engine.statement_matches(statement, document, situation)
    ]


def applying_documents(situation: engine.Situation) -> Iterator[tuple[str, dict[str, Any]]]:
    for place in ("identity", "session", "scope", "boundary"):
        for number, document in enumerate(getattr(situation, place) or []):
            yield f"{place}/{number}", document
    for place in ("scps", "rcps"):
        for level, documents in enumerate(getattr(situation, place) or []):
            for number, document in enumerate(documents):
                yield f"{place}/{level}/{number}", document
    mending = engine.root_repairs_bucket_policy(situation)
    if situation.resource_policy is not None and not mending:
        yield "resource", situation.resource_policy


def case_line(case: Case) -> str:
    """The case as a line of vectors/policy_cases.jsonl, with the reference engine's answer."""
    return json.dumps({"id": "shrunk", **case, "expected": engine.evaluate(case).outcome}, ensure_ascii=False)


# ---- shrinking ----


def shrunk(case: Case) -> Case:
    """The case without whatever can be left out while the engines still differ, in a valid document."""
    raises = "raises" in str(difference(case))

    def still_differs(smaller: Case) -> bool:
        try:
            found = difference(smaller)
        except (KeyError, TypeError, ValueError, AttributeError):
            return False  # the reference takes documents as valid; this reduction is not
        return found is not None and ("raises" in found) == raises

    smaller = next(filter(still_differs, reductions(case)), None)
    return case if smaller is None else shrunk(smaller)


REQUIRED = {"Effect", "Statement", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource"}


def reductions(case: Case) -> Iterator[Case]:
    """Every case with one element of the policies or of the context left out, larger parts first."""
    for path in sorted(removable(case), key=len):
        smaller = copy.deepcopy(case)
        parent = smaller
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        yield smaller


def removable(case: Case) -> Iterator[tuple[Any, ...]]:
    for key in case["request"]["context"]:
        yield ("request", "context", key)
    for kind, documents in case["policies"].items():
        if documents:
            yield ("policies", kind)
            yield from removable_inside(documents, ("policies", kind))


def removable_inside(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, child in entries:
        last_one = len(value) == 1 and (isinstance(value, list) or path[-1] in ("Principal", "NotPrincipal"))
        required = key in REQUIRED or last_one
        if not required:
            yield (*path, key)
        if isinstance(child, dict | list):
            yield from removable_inside(child, (*path, key))


# ---- what was compared ----


@dataclass
class Histogram:
    groups: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, group: str, name: str) -> None:
        self.groups.setdefault(group, Counter())[name] += 1

    def record(self, case: Case) -> None:
        verdict = engine.evaluate(case)
        request = case["request"]
        situation = engine.situation_of(request, case["policies"])
        side = "across accounts" if situation.cross_account else "in one account"
        self.count("outcome", verdict.outcome)
        self.count("caller", f"{caller_label(request)}: {verdict.outcome}")
        self.count("accounts", f"{side}: {verdict.outcome}")
        if verdict.kind:
            self.count("decided by", f"{verdict.kind}: {verdict.outcome}")
        for form in sorted(form.name for form in engine.forms_the_resource_policy_allows(situation)):
            self.count("allowing form", f"{caller_label(request)} named as {form} {side}: {verdict.outcome}")
        for document in every_document(case["policies"]):
            self.record_document(document, situation)

    def record_document(self, document: dict[str, Any], situation: engine.Situation) -> None:
        version = document.get("Version")
        self.count("version", str(version))
        if "${" in json.dumps(document):
            self.count("variables", f"version {version}")
        for statement in engine.statements_of(document):
            for element in ("NotAction", "NotResource", "NotPrincipal"):
                if element in statement:
                    self.count("element", f"{statement['Effect']} {element}")
            for name, keys in statement.get("Condition", {}).items():
                for key, values in keys.items():
                    holds = condition_holds(parse_operator(name), key, as_texts(values), situation.context, version)
                    self.count("operator", f"{name} {'true' if holds else 'false'}")

    def __str__(self) -> str:
        lines = []
        for group, counter in self.groups.items():
            lines.append(f"{group}:")
            lines += [f"  {count:8} {name}" for name, count in sorted(counter.items())]
        return "\n".join(lines)


def caller_label(request: dict[str, Any]) -> str:
    by_root = request["principal_kind"] == "federated-user" and request["issuer_arn"].endswith(":root")
    return request["principal_kind"] + (" of root" if by_root else "")


def every_document(policies: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in policies.values():
        yield from documents_in(value)


def documents_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value if isinstance(value, list) else []:
        yield from documents_in(child)
