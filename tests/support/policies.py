"""Requests and policy sets of the engine, from the values that test vectors hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from daypass.policy import Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request

Statements = Sequence[Mapping[str, Any]]


def policy(statements: Statements, kind: PolicyKind, id: str = "", **more: Any) -> Policy:
    """A stored policy of version 2012-10-17; a resource's may be any service's."""
    document = {"Version": "2012-10-17", "Statement": list(statements), **more}
    return Policy.parse(json.dumps(document), kind, id=id or kind.name.lower(), stored=True)


def policies_of(values: Mapping[str, Any]) -> PolicySet:
    """identity, session: lists of policies, each a list of statements; boundary, resource, trust: one policy;
    service_control, resource_control: lists of levels, each a list of policies; scope: policies, each a level."""

    def several(name: str, kind: PolicyKind) -> tuple[Policy, ...]:
        return tuple(policy(one, kind, f"{name}{index}") for index, one in enumerate(values.get(name, ())))

    def levels(name: str, kind: PolicyKind) -> tuple[tuple[Policy, ...], ...] | None:
        if name not in values:
            return None
        return tuple(tuple(policy(one, kind) for one in level) for level in values[name])

    def one(name: str, kind: PolicyKind) -> Policy | None:
        return policy(values[name], kind) if name in values else None

    return PolicySet(
        identity=several("identity", PolicyKind.IDENTITY),
        session=several("session", PolicyKind.SESSION) if "session" in values else None,
        boundary=one("boundary", PolicyKind.BOUNDARY),
        resource=one("resource", PolicyKind.RESOURCE) or one("trust", PolicyKind.ROLE_TRUST),
        service_control=levels("service_control", PolicyKind.SERVICE_CONTROL),
        resource_control=levels("resource_control", PolicyKind.RESOURCE_CONTROL),
        scope=tuple([(one,) for one in several("scope", PolicyKind.SESSION)]) or None,
    )


def request_of(values: Mapping[str, Any], principals: Mapping[str, Mapping[str, Any]]) -> Request:
    """principal: a name in principals. context: keys in lower case; a list is a multivalued key."""
    return Request(
        principal_of(principals[values["principal"]]),
        values["action"],
        values["resource"],
        {key: tuple(value) if isinstance(value, list) else value for key, value in values.get("context", {}).items()},
        values.get("resource_account"),
    )


def principal_of(values: Mapping[str, Any]) -> Principal:
    return Principal(PrincipalKind(values["kind"]), **{name: one for name, one in values.items() if name != "kind"})
