"""Random cases that are worth deciding: most of their statements are near the request, and then off by a little.

A case has the format of `daypass policy test`. Everything comes from the Random that is passed in. Every document is
one that Daypass stores: what it refuses is tested where it is refused.
"""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Any

from policy_differential.generated_conditions import condition_block
from policy_differential.near import chance, maybe_single, riddled, shuffled, with_variable
from policy_differential.world import (
    ALICE,
    ALICE_ID,
    BOB,
    BOB_ID,
    CALLERS,
    READER,
    READER_ID,
    TARGETS,
    WRITER,
    A,
    B,
    Caller,
    Target,
    Values,
    request_context,
)

Case = dict[str, Any]
Document = dict[str, Any]
Statement = dict[str, Any]

PRINCIPAL_IDS = ("principal_id", "issuer_arn", "issuer_id")
NEW, OLD = "2012-10-17", "2008-10-17"


class Kind(Enum):
    """What a document is attached to; the grammar differs a little."""

    ATTACHED = "a user, group, role, boundary or organisation"
    SESSION = "a session"
    BUCKET = "a bucket"
    TRUST = "a role, as its trust policy"
    RESOURCE_CONTROL = "an organisation, for its resources"


OTHER_ACTIONS = ["s3:PutObject", "s3:DeleteObject", "iam:*", "sqs:SendMessage", "s3:List*", "*:GetObject"]
OTHER_BUCKET_ACTIONS = ["s3:PutObject", "s3:DeleteObject", "s3:List*", "s3:GetBucketLocation", "*:GetObject"]
TRUST_ACTIONS = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
OTHER_BUCKET_RESOURCES = [
    "arn:aws:s3:::other",
    "arn:aws:s3:::other/*",
    "arn:aws:s3:::reports/${aws:PrincipalTag/Team}/*",
    "arn:aws:s3:::*/x",
]
OTHER_RESOURCES = [
    *OTHER_BUCKET_RESOURCES,
    "arn:aws-cn:s3:::reports/*",
    "arn:aws:dynamodb",
    "arn:aws:s3",
    "arn:aws:*:*:*:*",
]


def generate(rng: Random) -> Case:
    """One case, without the answer."""
    caller, target = any_caller(rng), rng.choice(TARGETS)
    request = request_of(rng, caller, target)
    crosses_accounts = request.get("resource_account") == B
    source = Source(rng, caller, target, request["context"])
    if chance(rng, 0.3) and not crosses_accounts and not target.trust:
        return {"request": request, "policies": source.one_element()}
    return {"request": request, "policies": source.policies(crosses_accounts=crosses_accounts)}


def generated(seed: str) -> Case:
    """The case of a seed, the same in every process."""
    return generate(Random(seed))  # noqa: S311  repeatable is what it must be


def any_caller(rng: Random) -> Caller:
    return rng.choices([caller for caller, _ in CALLERS], [weight for _, weight in CALLERS])[0]


def request_of(rng: Random, caller: Caller, target: Target) -> dict[str, Any]:
    request: dict[str, Any] = {"action": target.action, "resource": target.resource, **caller.request}
    # A resource without a policy of its own is never open to another account, so that is asked seldom.
    owner = rng.choices((None, A, B), (5, 2, 3) if target.in_bucket or target.trust else (5, 2, 0.4))[0]
    if caller.label in ("anonymous", "service"):
        owner = A
    if owner is not None:
        request["resource_account"] = owner
    request["context"] = request_context(rng, caller)
    return request


def another_request(case: Case, seed: str) -> Case:
    """The same policies, asked about by somebody else, or about something else, or in other circumstances."""
    rng = Random(seed)  # noqa: S311  repeatable is what it must be
    request = dict(case["request"])
    like = request_of(rng, any_caller(rng), rng.choice(TARGETS))
    parts = [["context"], ["principal_kind", "principal_arn", "principal_account", *PRINCIPAL_IDS]]
    if asks_for_role(request) == asks_for_role(like):
        parts.append(["action", "resource"])
    for names in rng.sample(parts, rng.choice((1, 2))):
        request = {name: value for name, value in request.items() if name not in names}
        request |= {name: like[name] for name in names if name in like}
    return {"request": request, "policies": case["policies"]}


def asks_for_role(request: dict[str, Any]) -> bool:
    """Whether the resource policy would be a trust policy."""
    return any(target.trust and target.resource == request["resource"] for target in TARGETS)


class Source:
    """Policies for one request. The request is known, so that statements can be made to match it, or nearly."""

    def __init__(self, rng: Random, caller: Caller, target: Target, context: Values) -> None:
        self.rng = rng
        self.caller = caller
        self.target = target
        self.context = context

    # ---- policies ----

    def policies(self, *, crosses_accounts: bool) -> dict[str, Any]:
        rng, kind = self.rng, self.caller.request["principal_kind"]
        needs_resource_policy = crosses_accounts or kind in ("anonymous", "service")
        policies: dict[str, Any] = {"identity": self.documents(rng.choice((0, 1, 1, 2)))}
        if self.target.trust:
            policies["resource"] = self.document(Kind.TRUST)
        elif self.target.in_bucket and chance(rng, 0.95 if needs_resource_policy else 0.6):
            policies["resource"] = self.document(Kind.BUCKET)
        if kind == "federated-user" and chance(rng, 0.8):
            policies["session"] = self.documents(rng.choice((1, 1, 2)), Kind.SESSION)
        if chance(rng, {"role-session": 0.4, "user": 0.03, "root": 0.03}.get(kind, 0)):
            policies["session"] = self.documents(rng.choice((1, 1, 2)), Kind.SESSION)
        if chance(rng, 0.25):
            policies["boundary"] = self.documents(1)
        if chance(rng, 0.15):
            policies["scps"] = [self.level(Kind.ATTACHED) for _ in range(rng.choice((1, 2, 3)))]
        if chance(rng, 0.12):
            policies["rcps"] = [self.level(Kind.RESOURCE_CONTROL) for _ in range(rng.choice((1, 2)))]
        if chance(rng, {"role-session": 0.15, "federated-user": 0.15, "root": 0.2, "user": 0.05}.get(kind, 0.01)):
            policies["scope"] = self.documents(rng.choice((1, 1, 2)), Kind.SESSION)
        return policies

    def one_element(self) -> dict[str, Any]:
        """Everything is allowed, or denied after that, to the extent of one action, resource or condition."""
        rng = self.rng
        everything: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        statement = everything | {"Effect": rng.choice(("Allow", "Deny"))}
        match rng.choices(("Action", "Resource", "Condition"), (1, 2, 5))[0]:
            case "Action":
                del statement["Action"]
                self.add_action(statement, Kind.ATTACHED)
            case "Resource":
                del statement["Resource"]
                self.add_resource(statement, Kind.ATTACHED)
            case _:
                statement["Condition"] = condition_block(rng, self.context)
        version = {"Version": NEW} if chance(rng, 0.9) else {}
        statements = [statement] if statement["Effect"] == "Allow" else [everything, statement]
        kind = self.caller.request["principal_kind"]
        policies: dict[str, Any] = {"identity": [version | {"Statement": statements}]}
        if kind == "federated-user":
            policies["session"] = policies["identity"]
        if kind in ("anonymous", "service", "root"):
            # These have no identity policies; an organisation's policy for the resource does concern them.
            allow_everyone = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
            policies["rcps"] = [[version | {"Statement": [{**one, "Principal": "*"} for one in statements]}]]
            if self.target.in_bucket:
                policies["resource"] = {"Version": NEW, "Statement": [allow_everyone]}
        return policies

    def documents(self, count: int, kind: Kind = Kind.ATTACHED) -> list[Document]:
        return [self.document(kind) for _ in range(count)]

    def level(self, kind: Kind) -> list[Document]:
        """One level of an organisation: mostly the policy that allows everything, and perhaps one more."""
        allow_all: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        if kind is Kind.RESOURCE_CONTROL:
            allow_all["Principal"] = "*"
        documents: list[Document] = [{"Version": NEW, "Statement": [allow_all]}] if chance(self.rng, 0.7) else []
        if not documents or chance(self.rng, 0.4):
            documents.append(self.document(kind))
        return documents

    def document(self, kind: Kind) -> Document:
        rng = self.rng
        # The text of a session policy or a trust policy may not be long.
        long = kind in (Kind.ATTACHED, Kind.BUCKET) and chance(rng, 0.04)
        count = rng.randrange(6, 13) if long else rng.choice((1, 1, 2, 3))
        statements = [self.statement(kind) for _ in range(count)]
        if chance(rng, 0.2):
            statements = [{"Sid": f"S{index}", **statement} for index, statement in enumerate(statements)]
        version = rng.choices((NEW, OLD, None), (8, 1, 1))[0]
        document: Document = {"Version": version} if version else {}
        document["Statement"] = statements[0] if len(statements) == 1 and chance(rng, 0.2) else statements
        return document

    # ---- statements ----

    def statement(self, kind: Kind) -> Statement:
        statement: Statement = {"Effect": "Deny" if chance(self.rng, self.denial()) else "Allow"}
        match kind:
            case Kind.RESOURCE_CONTROL:
                statement["Principal"] = "*"
            case Kind.BUCKET | Kind.TRUST:
                self.add_principal(statement, kind)
        if kind is Kind.TRUST:
            # A trust policy speaks of a few actions of STS, by name, and of no resource.
            near = chance(self.rng, 0.92)
            statement["Action"] = maybe_single(
                self.rng, [self.target.action if near else self.rng.choice(TRUST_ACTIONS)]
            )
        else:
            self.add_action(statement, kind)
            self.add_resource(statement, kind)
        if chance(self.rng, 0.4):
            statement["Condition"] = condition_block(self.rng, self.context)
        return statement

    def denial(self) -> float:
        """How often a statement denies. The root user is allowed what nothing denies, and may mend bucket policies."""
        if self.caller.request["principal_kind"] != "root":
            return 0.13
        return 0.7 if "BucketPolicy" in self.target.action else 0.3

    def add_action(self, statement: Statement, kind: Kind) -> None:
        rng = self.rng
        choices = OTHER_BUCKET_ACTIONS if kind is Kind.BUCKET else OTHER_ACTIONS
        near = [self.near_action(kind)] if chance(rng, 0.92) else []
        others = rng.sample(choices, 1 if not near or chance(rng, 0.3) else 0)
        if chance(rng, 0.12):
            statement["NotAction"] = maybe_single(rng, self.exempt(near, others, choices))
        else:
            statement["Action"] = maybe_single(rng, shuffled(rng, near + others))

    def near_action(self, kind: Kind) -> str:
        service, name = self.target.action.split(":")
        at = self.rng.randrange(1, len(name))
        choices = [
            self.target.action,
            self.target.action,
            self.target.action.swapcase(),
            f"{service}:*",
            f"{service}:{name[:at]}*",
            f"{service}:*{name[at:]}",
            f"{service}:{name[: at - 1]}?{name[at:]}",
            f"{service}:{name[:at]}*{name[at:]}",
            f"{service}:?*",
            "*",
            "*:*",
        ]
        if kind is not Kind.BUCKET and chance(self.rng, 0.2):  # S3 knows its own actions
            choices = [f"{service}:{name}?", f"{service}:{riddled(self.rng, name)}"]
        return self.rng.choice(choices)

    def add_resource(self, statement: Statement, kind: Kind) -> None:
        rng = self.rng
        choices = OTHER_BUCKET_RESOURCES if kind is Kind.BUCKET else OTHER_RESOURCES
        near = (
            [self.near_bucket_resource() if kind is Kind.BUCKET else self.near_resource()] if chance(rng, 0.92) else []
        )
        others = rng.sample(choices, 1 if not near or chance(rng, 0.25) else 0)
        if chance(rng, 0.12):
            statement["NotResource"] = maybe_single(rng, self.exempt(near, others, choices))
            return
        if kind is Kind.BUCKET:
            # S3 refuses an action that fits no resource of its statement, so there is always one of each type.
            others = ["arn:aws:s3:::other", "arn:aws:s3:::other/*"]
        statement["Resource"] = maybe_single(rng, shuffled(rng, near + others))

    def near_bucket_resource(self) -> str:
        return (
            "*" if chance(self.rng, 0.12) else "arn:aws:s3:::" + self.near_part(self.target.resource.split(":", 5)[-1])
        )

    def near_resource(self) -> str:
        """The request's resource, or an ARN that differs in one of its six parts, in their number, or in nothing."""
        rng = self.rng
        if self.target.resource == "*":
            return rng.choice(["*", "*", "*", "arn:aws:s3:::*", "arn:*:*:*:*:*"])
        if chance(rng, 0.12):
            return "*"
        parts = self.target.resource.split(":", 5)
        service = parts[2]
        parts[5] = self.near_part(parts[5])
        if service == "iam":
            # IAM's resources begin with a type that is spelled out, or are a star.
            resource_type = self.target.resource.split(":", 5)[-1].split("/")[0]
            parts[5] = parts[5] if parts[5].startswith(resource_type + "/") else rng.choice([f"{resource_type}/*", "*"])
        which = rng.random()
        may_have_region = service not in ("s3", "iam")  # or a part that is left out
        if which < 0.05:
            parts[1] = rng.choice(("*", "aws-cn"))
        elif which < 0.10:
            parts[2] = rng.choice((service[:1] + "*", "*", "*" + service[1:], "?" + service[1:], f"*{service[1:-1]}*"))
        elif which < 0.15:
            parts[4] = rng.choice(("*", A, B, f"*{A[6:]}"))
        elif which < 0.25 and may_have_region:
            parts[3] = rng.choice(("*", "eu-*", "${aws:RequestedRegion}"))
        elif which < 0.32 and may_have_region:
            return ":".join(parts[: rng.randrange(3, 6) if parts[3] else 3])
        elif which < 0.38 and may_have_region and ":" not in parts[5]:
            # A star in the place of two parts: it must not cross the colon between them.
            return ":".join([*parts[:3], "*", parts[5]])
        return ":".join(parts)

    def near_part(self, part: str) -> str:
        if chance(self.rng, 0.17):
            return with_variable(self.rng, part, self.context)
        if chance(self.rng, 0.08):
            return riddled(self.rng, part)
        at = self.rng.randrange(1, len(part))
        return self.rng.choice(
            [
                part,
                part,
                part[:at] + "*",
                "*" + part[at:],
                part[: at - 1] + "?" + part[at:],
                part[:at] + "??" + part[at + 1 :],
                part[:at] + "*" + part[at:],
                part.swapcase(),
                part + "/",
                "*",
                "*/*",
            ]
        )

    def exempt(self, near: list[str], others: list[str], choices: list[str]) -> list[str]:
        """What a NotAction or NotResource lists: mostly something else than what is asked for."""
        if near and chance(self.rng, 0.3):
            return near
        return others or [self.rng.choice(choices)]

    # ---- principals ----

    def add_principal(self, statement: Statement, kind: Kind) -> None:
        rng = self.rng
        if statement["Effect"] == "Deny" and kind is Kind.BUCKET and chance(rng, 0.5):
            exempt = rng.sample(self.near_principals(), rng.choice((1, 2, 3)))
            statement["NotPrincipal"] = {"AWS": maybe_single(rng, exempt)}
            if chance(rng, 0.3):
                statement["NotPrincipal"]["Service"] = "logs.amazonaws.com"
            return
        outsider = self.caller.request["principal_kind"] in ("anonymous", "service")
        which = rng.random() * (0.4 if outsider else 1)
        if which < 0.1:
            statement["Principal"] = "*"
        elif which < 0.2:
            statement["Principal"] = {"AWS": maybe_single(rng, ["*"])}
        elif which < 0.28:
            service = rng.choice(("logs.amazonaws.com", "ec2.amazonaws.com"))
            statement["Principal"] = {"Service": maybe_single(rng, [service])}
        else:
            entries = [rng.choice(self.near_principals())] if chance(rng, 0.8) else []
            entries += rng.sample(OTHER_PRINCIPALS, 1 if not entries or chance(rng, 0.3) else 0)
            statement["Principal"] = {"AWS": maybe_single(rng, entries)}
            if chance(rng, 0.1):
                statement["Principal"]["Service"] = ["logs.amazonaws.com"]

    def near_principals(self) -> list[str]:
        request = self.caller.request
        names = ("principal_arn", "issuer_arn", "principal_id", "issuer_id")
        own = [request[name] for name in names if name in request and request["principal_kind"] != "service"]
        return own * 2 + [A, f"arn:aws:iam::{A}:root", B]


OTHER_PRINCIPALS = [
    ALICE,
    BOB,
    READER,
    WRITER,
    ALICE_ID,
    BOB_ID,
    READER_ID,
    B,
    f"arn:aws:iam::{B}:root",
    f"arn:aws-cn:iam::{A}:root",
    f"arn:aws:iam::{A}:user/Bob",
    f"arn:aws:iam::{A}:role/Reader",
    f"arn:aws:sts::{A}:assumed-role/Reader/jan",
    f"arn:aws:sts::{A}:assumed-role/Writer/alice",
    f"arn:aws:sts::{A}:federated-user/build",
    f"arn:aws:sts::{A}:federated-user/Bob",
    f"arn:aws:sts::{A}:federated-user/bob",
]
