"""Generated requests and policies, from an alphabet so small that statements often match."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from daypass.policy import Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Reader"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/jan"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
USER_ID, ROLE_ID = "AIDAALICEALICEALICE12", "AROAREADERREADERREAD1"

CALLERS = {
    PrincipalKind.USER: Principal(PrincipalKind.USER, USER, ACCOUNT, unique_id=USER_ID),
    PrincipalKind.ROLE: Principal(PrincipalKind.ROLE, ROLE, ACCOUNT, unique_id=ROLE_ID),
    PrincipalKind.ROLE_SESSION: Principal(
        PrincipalKind.ROLE_SESSION, SESSION, ACCOUNT, issuer_arn=ROLE, issuer_id=ROLE_ID
    ),
    PrincipalKind.FEDERATED_USER: Principal(
        PrincipalKind.FEDERATED_USER, FEDERATED, ACCOUNT, issuer_arn=USER, issuer_id=USER_ID
    ),
    PrincipalKind.ROOT: Principal(PrincipalKind.ROOT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT),
    PrincipalKind.SERVICE: Principal(PrincipalKind.SERVICE, "logs.amazonaws.com"),
    PrincipalKind.ANONYMOUS: Principal(PrincipalKind.ANONYMOUS),
}

ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:ListBucket")
ACTION_PATTERNS = (*ACTIONS, "s3:*", "*", "s3:?etObject", "S3:getOBJECT", "s3:*Object")
RESOURCES = ("arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::a/alice/y", "arn:aws:s3:::b/x", "*")
RESOURCE_PATTERNS = (
    *RESOURCES,
    "arn:aws:s3:::a*",
    "arn:aws:s3:::a/*",
    "arn:aws:s3:::?/x",
    "arn:*:s3:::*/x",
    "arn:aws:s3:::a/${aws:username}/*",
    "arn:aws:s3",
)
PRINCIPALS: tuple[Any, ...] = (
    "*",
    {"AWS": USER},
    {"AWS": ROLE},
    {"AWS": SESSION},
    {"AWS": FEDERATED},
    {"AWS": [ACCOUNT, USER_ID]},
    {"AWS": OTHER_ACCOUNT},
    {"Service": "logs.amazonaws.com"},
)
CONDITIONS: tuple[Any, ...] = (
    {"StringEquals": {"aws:username": "alice"}},
    {"StringNotEquals": {"aws:username": "alice"}},
    {"StringLikeIfExists": {"aws:username": "a*"}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": ["t"]}},
    {"ForAnyValue:StringEquals": {"aws:TagKeys": ["t"]}},
    {"Null": {"aws:username": "true"}},
    {"NumericLessThan": {"x:n": "5"}, "Bool": {"x:b": "true"}},
)

# Levels of control policies: none there, each allowing, one that allows nothing, one that denies something.
_FULL = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}
_PUT = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", "Principal": "*"}
_NO_LISTS = {"Effect": "Deny", "Action": "s3:List*", "Resource": "*", "Principal": "*"}
LEVELS: tuple[Any, ...] = (None, None, [[[_FULL]]], [[[_FULL]], [[_PUT], [_FULL]]], [[[_PUT]]], [[[_FULL, _NO_LISTS]]])

CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "aws:username": st.sampled_from(["alice", "bob", ""]),
        "aws:tagkeys": st.lists(st.sampled_from(["t", "u"]), max_size=2).map(tuple),
        "x:n": st.sampled_from(["1", "9", "many"]),
        "x:b": st.sampled_from(["true", "false"]),
    },
)


def _some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2)


@st.composite
def statements(draw: st.DrawFn, kind: PolicyKind, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    """A statement of that kind of policy."""
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(effects))}
    statement[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(_some(ACTION_PATTERNS))
    statement[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(_some(RESOURCE_PATTERNS))
    if draw(st.booleans()):
        statement["Condition"] = draw(st.sampled_from(CONDITIONS))
    if kind is PolicyKind.RESOURCE:
        negated = statement["Effect"] == "Deny" and draw(st.booleans())
        statement["NotPrincipal" if negated else "Principal"] = draw(st.sampled_from(PRINCIPALS))
    if kind is PolicyKind.RESOURCE_CONTROL:
        statement["Principal"] = "*"
    return statement


Documents = dict[str, Any]


def parse(document: list[dict[str, Any]], kind: PolicyKind, id: str = "p") -> Policy:
    """Each statement of the document gets a Sid of its own, if it has none."""
    named = [{"Sid": f"S{index}", **statement} for index, statement in enumerate(document)]
    return Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": named}), kind, id=id, stored=True)


@st.composite
def documents(draw: st.DrawFn, kind: PolicyKind, effects: tuple[str, ...] = ("Allow", "Deny")) -> list[dict[str, Any]]:
    return draw(st.lists(statements(kind, effects), min_size=1, max_size=3))


@st.composite
def policy_documents(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> Documents:
    """Documents for each part of a PolicySet: a list of documents, one document, levels of lists, or None."""

    def maybe(value: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | value)

    def several(kind: PolicyKind) -> st.SearchStrategy[Any]:
        return st.lists(documents(kind, effects), max_size=2)

    return {
        "identity": draw(several(PolicyKind.IDENTITY)),
        "session": maybe(several(PolicyKind.SESSION)),
        "boundary": maybe(documents(PolicyKind.BOUNDARY, effects)),
        "resource": maybe(documents(PolicyKind.RESOURCE, effects)),
        "service_control": draw(st.sampled_from(LEVELS)),
        "resource_control": draw(st.sampled_from(LEVELS)),
        "scope": draw(st.just([]) | st.just([]) | several(PolicyKind.SESSION)),
    }


def policy_set(parts: Documents) -> PolicySet:
    def several(name: str, kind: PolicyKind) -> tuple[Policy, ...] | None:
        listed = parts[name]
        return None if listed is None else tuple(parse(one, kind, f"{name}{place}") for place, one in enumerate(listed))

    def levels(name: str, kind: PolicyKind) -> tuple[tuple[Policy, ...], ...] | None:
        if parts[name] is None:
            return None
        # Only resource control policies have a Principal.
        drop = () if kind is PolicyKind.RESOURCE_CONTROL else ("Principal",)
        return tuple(
            tuple(parse([{k: v for k, v in s.items() if k not in drop} for s in one], kind, name) for one in level)
            for level in parts[name]
        )

    return PolicySet(
        identity=several("identity", PolicyKind.IDENTITY) or (),
        session=several("session", PolicyKind.SESSION),
        boundary=None if parts["boundary"] is None else parse(parts["boundary"], PolicyKind.BOUNDARY),
        resource=None if parts["resource"] is None else parse(parts["resource"], PolicyKind.RESOURCE),
        service_control=levels("service_control", PolicyKind.SERVICE_CONTROL),
        resource_control=levels("resource_control", PolicyKind.RESOURCE_CONTROL),
        scope=tuple((one,) for one in several("scope", PolicyKind.SESSION) or ()) or None,
    )


@st.composite
def requests(draw: st.DrawFn, kinds: tuple[PrincipalKind, ...] = tuple(PrincipalKind)) -> Request:
    return Request(
        CALLERS[draw(st.sampled_from(kinds))],
        draw(st.sampled_from(ACTIONS)),
        draw(st.sampled_from(RESOURCES)),
        draw(CONTEXTS),
        draw(st.sampled_from([None, ACCOUNT, OTHER_ACCOUNT])),
    )
