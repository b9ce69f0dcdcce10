"""Who calls, what they ask for, and what the request context holds: the vocabulary of the generated cases.

Two accounts, a few names that are easily confused (a path, another case, another partition), and for each kind of value
a handful that are nearly alike. What the context holds for which caller follows IAM User Guide, "AWS global condition
context keys", and the principal table of "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

A, B = "111122223333", "444455556666"

Values = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """The members of a case's request that describe the caller; context: those keys that follow from who calls."""

    label: str
    request: dict[str, str]
    context: Values = field(default_factory=dict)


def user(account: str, path: str, unique_id: str, *, temporary: bool) -> Caller:
    arn = f"arn:aws:iam::{account}:user/{path}"
    context: Values = {
        "aws:username": path.rsplit("/", 1)[-1],
        "aws:userid": unique_id,
        "aws:PrincipalType": "User",
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
    }
    if temporary:
        context |= {"aws:TokenIssueTime": "2026-01-15T12:00:00Z", "aws:MultiFactorAuthPresent": "true"}
        context |= {"aws:MultiFactorAuthAge": "600"}
    label = "user with GetSessionToken" if temporary else "user"
    return Caller(label, principal("user", account, arn) | {"principal_id": unique_id}, context)


def role_session(account: str, path: str, name: str, role_id: str, provider: str | None = None) -> Caller:
    role_arn = f"arn:aws:iam::{account}:role/{path}"
    session_arn = f"arn:aws:sts::{account}:assumed-role/{path.rsplit('/', 1)[-1]}/{name}"
    context: Values = {
        "aws:userid": f"{role_id}:{name}",
        "aws:PrincipalType": "AssumedRole",
        "aws:PrincipalArn": role_arn,
        "aws:PrincipalAccount": account,
        "aws:TokenIssueTime": "2026-01-15T12:00:00Z",
        "aws:MultiFactorAuthPresent": "false",
    }
    if provider:
        context["aws:FederatedProvider"] = provider
    issuer = {"issuer_arn": role_arn, "issuer_id": role_id}
    label = "role session of a web identity" if provider else "role session"
    return Caller(label, principal("role-session", account, session_arn) | issuer, context)


def federated(account: str, name: str, issuer_arn: str, issuer_id: str) -> Caller:
    arn = f"arn:aws:sts::{account}:federated-user/{name}"
    context: Values = {
        "aws:userid": f"{account}:{name}",
        "aws:PrincipalType": "FederatedUser",
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
        "aws:TokenIssueTime": "2026-01-15T12:00:00Z",
        "aws:MultiFactorAuthPresent": "false",
    }
    label = "federated session of root" if issuer_arn.endswith(":root") else "federated session"
    issuer = {"issuer_arn": issuer_arn, "issuer_id": issuer_id}
    return Caller(label, principal("federated-user", account, arn) | issuer, context)


def root(account: str) -> Caller:
    arn = f"arn:aws:iam::{account}:root"
    context: Values = {
        "aws:userid": account,
        "aws:PrincipalType": "Account",
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
    }
    return Caller("root user", principal("root", account, arn), context)


def role(account: str, path: str, role_id: str) -> Caller:
    arn = f"arn:aws:iam::{account}:role/{path}"
    context: Values = {"aws:PrincipalArn": arn, "aws:PrincipalAccount": account}
    return Caller("role", principal("role", account, arn) | {"principal_id": role_id}, context)


def principal(kind: str, account: str, arn: str) -> dict[str, str]:
    return {"principal_kind": kind, "principal_arn": arn, "principal_account": account}


ALICE_ID, BOB_ID, READER_ID, WRITER_ID = (
    "AIDAEXAMPLEALICE00001",
    "AIDAEXAMPLEBOB0000001",
    "AROAEXAMPLEREADER0001",
    "AROAEXAMPLEWRITER0001",
)
ALICE, BOB = f"arn:aws:iam::{A}:user/alice", f"arn:aws:iam::{A}:user/div/Bob"
READER, WRITER = f"arn:aws:iam::{A}:role/team/Reader", f"arn:aws:iam::{A}:role/Writer"

CALLERS: list[tuple[Caller, int]] = [  # with their weights
    (user(A, "alice", ALICE_ID, temporary=False), 10),
    (user(A, "div/Bob", BOB_ID, temporary=False), 6),
    (user(A, "alice", ALICE_ID, temporary=True), 6),
    (role_session(A, "team/Reader", "jan", READER_ID), 12),
    (role_session(A, "Writer", "alice", WRITER_ID), 6),
    (role_session(A, "Writer", "jan", WRITER_ID, provider="accounts.example.org"), 4),
    (federated(A, "build", ALICE, ALICE_ID), 14),
    (federated(A, "Bob", ALICE, ALICE_ID), 6),
    (federated(A, "Bob", BOB, BOB_ID), 6),
    (federated(A, "build", f"arn:aws:iam::{A}:root", A), 6),
    (root(A), 8),
    (role(A, "team/Reader", READER_ID), 4),
    (Caller("anonymous", {"principal_kind": "anonymous"}, {"aws:userid": "anonymous"}), 8),
    (
        Caller(
            "service",
            {"principal_kind": "service", "principal_arn": "logs.amazonaws.com"},
            {"aws:PrincipalIsAWSService": "true"},
        ),
        4,
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    action: str
    resource: str
    trust: bool = False  # its resource policy is a role's trust policy

    @property
    def in_bucket(self) -> bool:
        return self.resource.startswith("arn:aws:s3:::")


TARGETS = [
    Target("s3:GetObject", "arn:aws:s3:::reports/2026/jan.csv"),
    Target("s3:GetObject", "arn:aws:s3:::reports/alice/a:b.txt"),
    Target("s3:GetObjectVersion", "arn:aws:s3:::reports/2026/jan.csv"),
    Target("s3:PutObject", "arn:aws:s3:::home/build/x"),
    Target("s3:PutObject", "arn:aws:s3:::home/*/$?x"),
    Target("s3:ListBucket", "arn:aws:s3:::reports"),
    Target("s3:PutBucketPolicy", "arn:aws:s3:::reports"),
    Target("s3:GetBucketPolicy", "arn:aws:s3:::reports"),
    Target("s3:GetObject", "arn:aws:s3:::reports/abaababaab"),
    Target("s3:ListAllMyBuckets", "*"),
    Target("dynamodb:GetItem", f"arn:aws:dynamodb:eu-west-1:{A}:table/orders"),
    Target("iam:GetUser", f"arn:aws:iam::{A}:user/div/Bob"),
    Target("sts:GetFederationToken", f"arn:aws:sts::{A}:federated-user/build"),
    Target("sts:AssumeRole", f"arn:aws:iam::{A}:role/team/Reader", trust=True),
    Target("sts:TagSession", f"arn:aws:iam::{A}:role/Writer", trust=True),
]

# For each family of operators: the values that requests and policies draw from. The last ones do not parse.
FAMILY_VALUES: dict[str, list[str]] = {
    "String": [
        "red",
        "Red",
        "RED",
        "blue",
        "r*d",
        "",
        " red",
        "alice",
        "home/alice/x",
        "Ärger",
        "äRGER",
        "été",
        "ÉTÉ",
        "ß",
        "SS",
        "a\nb",
    ],
    "Arn": [
        "arn:aws:s3:::reports",
        "arn:aws:s3:::reports/x:y",
        f"arn:aws:iam::{A}:role/team/Reader",
        f"arn:aws-cn:iam::{A}:role/team/Reader",
        f"arn:aws:sns:eu-west-1:{A}:topic",
        f"arn:aws:sns:eu:west-1:{A}:topic",
        f"arn:aws:sns:*:{A}:topic",
        "arn:aws:sns:*:topic",
        "arn:aws:s3",
        "reports",
    ],
    "Numeric": ["10", "10.0", "9", "11", "-1", "0", "100", "0.5", "10.50", "12345678901234567890", "ten", ""],
    "Date": [
        "2026-01-15T12:00:00Z",
        "2026-01-15T13:00:00+01:00",
        "2026-01-15T12:00Z",
        "2026-01-15T12:00:00.250Z",
        "2026-01-15",
        "2026-01",
        "2026",
        "1768478400",
        "17684784000000",
        "0",
        "2026-02-30",
        "yesterday",
        "2026-01-15T12:00:00",
    ],
    "Bool": ["true", "false", "True", "FALSE", "yes", ""],
    "Binary": ["QmluYXJ5", "QmluYXJz", "QQ==", "", "not base64!"],
    "IpAddress": [
        "203.0.113.9",
        "203.0.113.200",
        "10.1.2.3",
        "2001:db8:1::1",
        "2001:DB8:1:0::1",
        "2001:db8:2::1",
        "unknown",
    ],
}
NO_DATES = ("yesterday", "2026-01-15T12:00:00")
NETWORKS = ["203.0.113.0/24", "203.0.113.9/32", "10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8:1::/48", "300.0.0.0/8"]

# Keys that requests carry, by the family of their values.
FAMILY_KEYS: dict[str, list[str]] = {
    "String": ["aws:RequestTag/team", "aws:PrincipalTag/Team", "aws:RequestTag/prefix", "aws:username", "aws:userid"],
    "Arn": ["aws:SourceArn", "aws:PrincipalArn"],
    "Numeric": ["aws:RequestTag/number", "aws:MultiFactorAuthAge"],
    "Date": ["aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime"],
    "Bool": ["aws:SecureTransport", "aws:MultiFactorAuthPresent"],
    "Binary": ["aws:RequestTag/digest"],
    "IpAddress": ["aws:VpcSourceIp"],
}
MANY_KEYS = {family: f"aws:RequestTag/many-{family.lower()}" for family in FAMILY_KEYS} | {"String": "aws:TagKeys"}
FROM_THE_CALLER = {"aws:username", "aws:userid", "aws:PrincipalArn", "aws:TokenIssueTime"}
FROM_THE_CALLER |= {"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"}


def request_context(rng: Random, caller: Caller) -> Values:
    """What the request carries: the caller's keys, and of the others each one perhaps."""
    context: Values = dict(caller.context)
    for family, keys in FAMILY_KEYS.items():
        for key in keys:
            if key not in FROM_THE_CALLER and rng.random() < 0.55:
                context[key] = rng.choice(FAMILY_VALUES[family])
        if rng.random() < 0.6:
            context[MANY_KEYS[family]] = rng.sample(FAMILY_VALUES[family], rng.choice((0, 1, 1, 2, 2, 3)))
    return context
