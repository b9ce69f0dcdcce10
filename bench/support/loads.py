"""What the policy engines are asked: three loads, each with policies, different requests, and the answers due.

A load is written twice, in IAM's language and in Cedar's. What Cedar cannot say is left to its caller, as
an application would: the owner of a home directory, which IAM reads out of the resource through a policy
variable, comes to Cedar ready in the context.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Outcome = Literal["Allowed", "ExplicitlyDenied", "ImplicitlyDenied"]
Document = Mapping[str, Any]

ACCOUNT: Final = "123456789012"
ALICE: Final = f"arn:aws:iam::{ACCOUNT}:user/alice"
ALICE_ID: Final = "AIDACKCEVSQ6C2EXAMPLE"
BOB: Final = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"


@dataclass(frozen=True, slots=True)
class Case:
    """One request. context: condition keys as AWS writes them; cedar: what Cedar's context has beyond them."""

    action: str
    resource: str
    context: Mapping[str, str]
    expected: Outcome
    cedar: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """Policies and what is asked of them. goal: decisions a second.

    federated: whether bob asks, with credentials that alice's keys obtained; else alice herself does.
    cedar_*: the same in Cedar; empty where the load has no such policy.
    """

    name: str
    goal: int
    identity: tuple[Document, ...]
    session: tuple[Document, ...]
    resource: Document | None
    federated: bool
    cedar_identity: str
    cedar_session: str
    cedar_resource: str
    cases: tuple[Case, ...]


def statement(effect: str, action: str | list[str], resource: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def text(policy: Document) -> str:
    return json.dumps(policy, separators=(",", ":"))


def all_loads() -> tuple[Load, ...]:
    return (_one_policy(), _ten_policies(), _federated())


# --- one policy of three statements -------------------------------------------------------------------------


def _one_policy() -> Load:
    files = "arn:aws:s3:::team-data"
    policy = document(
        statement("Allow", ["s3:GetObject", "s3:PutObject"], f"{files}/shared/*"),
        statement("Allow", "s3:ListBucket", files),
        statement("Deny", "s3:*", f"{files}/shared/sealed/*"),
    )
    cedar = f"""
        permit(principal, action in [Action::"s3:GetObject", Action::"s3:PutObject"], resource)
            when {{ context.arn like "{files}/shared/*" }};
        permit(principal, action == Action::"s3:ListBucket", resource) when {{ context.arn == "{files}" }};
        forbid(principal, action, resource)
            when {{ context.action like "s3:*" && context.arn like "{files}/shared/sealed/*" }};
    """
    cases: list[Case] = []
    for index in range(10):
        cases += [
            _plain_case("s3:GetObject", f"{files}/shared/report-{index}.csv", "Allowed"),
            _plain_case("s3:PutObject", f"{files}/shared/2026/{index}/in.csv", "Allowed"),
            _plain_case("s3:GetObject", f"{files}/shared/sealed/{index}", "ExplicitlyDenied"),
            _plain_case("s3:DeleteObject", f"{files}/shared/report-{index}.csv", "ImplicitlyDenied"),
            _plain_case("s3:GetObject", f"{files}/private/report-{index}.csv", "ImplicitlyDenied"),
        ]
    cases.append(_plain_case("s3:ListBucket", files, "Allowed"))
    return Load(
        name="1 policy × 3 statements",
        goal=300_000,
        identity=(policy,),
        session=(),
        resource=None,
        federated=False,
        cedar_identity=cedar,
        cedar_session="",
        cedar_resource="",
        cases=tuple(cases),
    )


# --- ten policies of ten statements, eight kinds of condition, eleven context keys --------------------------

_TEAMS: Final = range(10)
_ALICES_TEAM: Final = 3


def _ten_policies() -> Load:
    return Load(
        name="10 policies × 10 statements, 8 conditions, 11 keys",
        goal=100_000,
        identity=tuple(team_policy(f"{team}") for team in _TEAMS),
        session=(),
        resource=None,
        federated=False,
        cedar_identity="".join(_cedar_team_policy(f"{team}") for team in _TEAMS),
        cedar_session="",
        cedar_resource="",
        cases=tuple(case for team in _TEAMS for case in _team_cases(team)),
    )


def team_policy(team: str) -> Document:
    """Ten statements about one team's buckets. team: a text that makes its names its own."""
    bucket = f"arn:aws:s3:::team-{team}"
    return document(
        statement(
            "Allow",
            "s3:GetObject",
            f"{bucket}/*",
            Condition={"StringEquals": {"aws:PrincipalTag/team": f"team-{team}"}},
        ),
        statement(
            "Allow",
            ["s3:PutObject", "s3:DeleteObject"],
            f"{bucket}/home/${{aws:username}}/*",
            Condition={"Bool": {"aws:SecureTransport": "true"}},
        ),
        statement("Allow", "s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": ["home/*", "public/*"]}}),
        statement(
            "Allow",
            "s3:ListBucketVersions",
            bucket,
            Condition={"NumericLessThanEquals": {"s3:max-keys": "1000"}},
        ),
        statement(
            "Allow",
            "s3:Get*",
            f"arn:aws:s3:::public-{team}/*",
            Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}},
        ),
        statement(
            "Allow",
            ["s3:GetObjectVersion", "s3:GetObjectTagging"],
            f"arn:aws:s3:::archive-{team}/*",
            Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
        ),
        statement(
            "Allow",
            "s3:PutObject",
            f"arn:aws:s3:::drop-{team}/*",
            Condition={"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/*"}},
        ),
        statement(
            "Allow",
            "sts:GetFederationToken",
            f"arn:aws:sts::{ACCOUNT}:federated-user/{team}-*",
            Condition={"Null": {"aws:PrincipalTag/team": "false"}},
        ),
        statement("Deny", "s3:*", f"{bucket}/sealed/*"),
        statement("Deny", "s3:DeleteBucket", "*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
    )


def _cedar_team_policy(team: str) -> str:
    bucket = f"arn:aws:s3:::team-{team}"
    return f"""
        permit(principal, action == Action::"s3:GetObject", resource)
            when {{ context.arn like "{bucket}/*" && context has team && context.team == "team-{team}" }};
        permit(principal, action in [Action::"s3:PutObject", Action::"s3:DeleteObject"], resource)
            when {{ context.arn like "{bucket}/home/*" && context.owner == context.username && context.secure }};
        permit(principal, action == Action::"s3:ListBucket", resource)
            when {{ context.arn == "{bucket}" && (context.prefix like "home/*" || context.prefix like "public/*") }};
        permit(principal, action == Action::"s3:ListBucketVersions", resource)
            when {{ context.arn == "{bucket}" && context.maxKeys <= 1000 }};
        permit(principal, action, resource)
            when {{ context.action like "s3:Get*" && context.arn like "arn:aws:s3:::public-{team}/*"
                && (context.ip.isInRange(ip("10.0.0.0/8")) || context.ip.isInRange(ip("192.168.0.0/16"))) }};
        permit(principal, action in [Action::"s3:GetObjectVersion", Action::"s3:GetObjectTagging"], resource)
            when {{ context.arn like "arn:aws:s3:::archive-{team}/*" && context.epoch < 1893456000 }};
        permit(principal, action == Action::"s3:PutObject", resource)
            when {{ context.arn like "arn:aws:s3:::drop-{team}/*"
                && context.principalArn like "arn:aws:iam::{ACCOUNT}:user/*" }};
        permit(principal, action == Action::"sts:GetFederationToken", resource)
            when {{ context.arn like "arn:aws:sts::{ACCOUNT}:federated-user/{team}-*" && context has team }};
        forbid(principal, action, resource)
            when {{ context.action like "s3:*" && context.arn like "{bucket}/sealed/*" }};
        forbid(principal, action == Action::"s3:DeleteBucket", resource) when {{ context.secure }};
    """


def _team_cases(team: int) -> list[Case]:
    bucket = f"arn:aws:s3:::team-{team}"
    own: Outcome = "Allowed" if team == _ALICES_TEAM else "ImplicitlyDenied"
    return [
        _team_case("s3:GetObject", f"{bucket}/reports/2026.csv", own),
        _team_case("s3:PutObject", f"{bucket}/home/alice/notes.txt", "Allowed", owner="alice"),
        _team_case("s3:DeleteObject", f"{bucket}/home/bob/notes.txt", "ImplicitlyDenied", owner="bob"),
        _team_case("s3:ListBucket", bucket, "Allowed", prefix="public/2026/"),
        _team_case("s3:ListBucket", bucket, "ImplicitlyDenied", prefix="private/"),
        _team_case("s3:ListBucketVersions", bucket, "Allowed"),
        _team_case("s3:GetObject", f"arn:aws:s3:::public-{team}/index.html", "Allowed"),
        _team_case("s3:GetObjectVersion", f"arn:aws:s3:::archive-{team}/2019/a", "Allowed"),
        _team_case("s3:PutObject", f"arn:aws:s3:::drop-{team}/in/{team}", "Allowed"),
        _team_case("sts:GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/{team}-bob", "Allowed"),
        _team_case("s3:GetObject", f"{bucket}/sealed/keys", "ExplicitlyDenied"),
        _team_case("s3:DeleteBucket", bucket, "ExplicitlyDenied"),
        _team_case("s3:GetBucketPolicy", bucket, "ImplicitlyDenied"),
    ]


def _team_case(action: str, resource: str, expected: Outcome, owner: str = "", prefix: str = "home/") -> Case:
    context = {
        "aws:PrincipalArn": ALICE,
        "aws:PrincipalType": "User",
        "aws:userid": ALICE_ID,
        "aws:username": "alice",
        "aws:PrincipalTag/team": f"team-{_ALICES_TEAM}",
        "aws:SourceIp": "10.20.30.40",
        "aws:SecureTransport": "true",
        "aws:CurrentTime": "2026-11-20T12:00:00Z",
        "aws:RequestedRegion": "eu-central-1",
        "s3:prefix": prefix,
        "s3:max-keys": "500",
    }
    cedar = {
        "principalArn": ALICE,
        "principalType": "User",
        "userid": ALICE_ID,
        "username": "alice",
        "team": f"team-{_ALICES_TEAM}",
        "ip": {"__extn": {"fn": "ip", "arg": "10.20.30.40"}},
        "secure": True,
        "epoch": 1_795_176_000,
        "region": "eu-central-1",
        "prefix": prefix,
        "maxKeys": 500,
        "owner": owner,
    }
    return Case(action, resource, context, expected, cedar)


# --- identity, session and bucket policy for a federated user -----------------------------------------------


def _federated() -> Load:
    files = "arn:aws:s3:::team-data"
    identity = document(
        statement("Allow", ["s3:GetObject", "s3:PutObject"], f"{files}/homes/*"),
        statement("Allow", "s3:ListBucket", files, Condition={"StringLike": {"s3:prefix": "homes/*"}}),
        statement("Allow", "sts:GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/*"),
        statement("Deny", "s3:*", f"{files}/homes/*/sealed/*"),
    )
    session = document(
        statement("Allow", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"{files}/homes/bob/*"),
        statement("Allow", "s3:ListBucket", files, Condition={"StringLike": {"s3:prefix": "homes/bob/*"}}),
    )
    bucket = document(
        statement("Allow", "s3:GetObject", f"{files}/public/*", Principal={"AWS": BOB}),
        statement("Allow", "s3:GetObject", f"{files}/homes/*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        statement(
            "Deny",
            "s3:*",
            f"{files}/*",
            Principal={"AWS": "*"},
            Condition={"Bool": {"aws:SecureTransport": "false"}},
        ),
    )
    cedar_identity = f"""
        permit(principal, action in [Action::"s3:GetObject", Action::"s3:PutObject"], resource)
            when {{ context.arn like "{files}/homes/*" }};
        permit(principal, action == Action::"s3:ListBucket", resource)
            when {{ context.arn == "{files}" && context.prefix like "homes/*" }};
        permit(principal, action == Action::"sts:GetFederationToken", resource)
            when {{ context.arn like "arn:aws:sts::{ACCOUNT}:federated-user/*" }};
        forbid(principal, action, resource)
            when {{ context.action like "s3:*" && context.arn like "{files}/homes/*/sealed/*" }};
    """
    cedar_session = f"""
        permit(
            principal,
            action in [Action::"s3:GetObject", Action::"s3:PutObject", Action::"s3:DeleteObject"],
            resource
        ) when {{ context.arn like "{files}/homes/bob/*" }};
        permit(principal, action == Action::"s3:ListBucket", resource)
            when {{ context.arn == "{files}" && context.prefix like "homes/bob/*" }};
    """
    cedar_resource = f"""
        permit(principal == User::"{BOB}", action == Action::"s3:GetObject", resource)
            when {{ context.arn like "{files}/public/*" }};
        forbid(principal, action, resource)
            when {{ context.action like "s3:*" && context.arn like "{files}/*" && !context.secure }};
    """
    cases: list[Case] = []
    for index in range(8):
        cases += [
            _federated_case("s3:GetObject", f"{files}/homes/bob/{index}.txt", "Allowed"),
            _federated_case("s3:PutObject", f"{files}/homes/bob/in/{index}.txt", "Allowed"),
            _federated_case("s3:GetObject", f"{files}/public/{index}.html", "Allowed"),
            _federated_case("s3:GetObject", f"{files}/homes/eve/{index}.txt", "ImplicitlyDenied"),
            _federated_case("s3:DeleteObject", f"{files}/homes/bob/{index}.txt", "ImplicitlyDenied"),
            _federated_case("s3:GetObject", f"{files}/homes/bob/sealed/{index}", "ExplicitlyDenied"),
            _federated_case("s3:GetObject", f"{files}/homes/bob/{index}.txt", "ExplicitlyDenied", secure=False),
        ]
    cases.append(_federated_case("s3:ListBucket", files, "Allowed", prefix="homes/bob/2026"))
    cases.append(_federated_case("s3:ListBucket", files, "ImplicitlyDenied", prefix="homes/eve/"))
    return Load(
        name="identity + session + bucket policy, federated user",
        goal=120_000,
        identity=(identity,),
        session=(session,),
        resource=bucket,
        federated=True,
        cedar_identity=cedar_identity,
        cedar_session=cedar_session,
        cedar_resource=cedar_resource,
        cases=tuple(cases),
    )


def _federated_case(action: str, resource: str, expected: Outcome, *, secure: bool = True, prefix: str = "") -> Case:
    context = {
        "aws:PrincipalArn": BOB,
        "aws:PrincipalType": "FederatedUser",
        "aws:userid": f"{ACCOUNT}:bob",
        "aws:SecureTransport": "true" if secure else "false",
        "aws:SourceIp": "10.20.30.40",
        "s3:prefix": prefix,
    }
    cedar = {"principalArn": BOB, "userid": f"{ACCOUNT}:bob", "secure": secure, "prefix": prefix}
    return Case(action, resource, context, expected, cedar)


def _plain_case(action: str, resource: str, expected: Outcome) -> Case:
    return Case(action, resource, {"aws:PrincipalArn": ALICE, "aws:username": "alice"}, expected, {})
