"""What the actions of STS cost beside one another, and what a large store and many policies add.

    python bench/actions.py [--rounds 5] [--seconds 0.6] [--json FILE]

One server (`daypass serve`, one worker, audit on) answers each action in turn at 32 connections; a second one answers
GetFederationToken from a store of 100,000 users and 10,000 roles; between them comes the bound of api.py. All sessions
that are issued carry a session policy never seen before. Medians of CPU are printed, and their ratios to the bound's
and to GetFederationToken's of one policy, since only ratios of one run mean anything. How long a start takes is
printed for both stores.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from api import load
from support.accounting import usage
from support.identity import Issuer, running_issuer
from support.servers import DaypassData, Server
from support.signed import Keys, client, form_requests, session_policy

from daypass import names
from support import form, servers

CONNECTIONS: Final = 32
REQUESTS: Final = 4_500  # of each kind, distinct and sent in turn; more than is kept of session policies
USERS: Final = 100_000
ROLES: Final = 10_000
GOALS: Final = {"AssumeRole": "≤ 3.5 × the bound", "AssumeRoleWithWebIdentity": "≤ 300 µs"}
_STS: Final = "2011-06-15"
_ANYTHING: Final = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::benchmark-files/*"}


class Kind:
    """One kind of request, as bytes. goes_to: the server that answers it."""

    def __init__(self, name: str, goes_to: Server, requests: list[bytes]) -> None:
        self.name = name
        self.server = goes_to
        self.requests = requests
        self.sent = 0


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=0.6, help="timed part of one round")
    arguments.add_argument("--json", type=Path, help="write every round there")
    given = arguments.parse_args()
    print(form.told())
    with tempfile.TemporaryDirectory(prefix="daypass-bench-") as scratch, running_issuer(Path(scratch)) as issuer:
        timed = _measure(Path(scratch), issuer, given.rounds, given.seconds)
    if given.json:
        given.json.write_text(json.dumps(timed, indent=1))


def _measure(scratch: Path, issuer: Issuer, rounds: int, seconds: float) -> list[dict[str, Any]]:
    running: list[Server] = []
    try:
        small, large = servers.init_daypass(scratch / "small"), servers.init_daypass(scratch / "large")
        prepared = _prepare(large, scratch)
        settings = {"DAYPASS_OIDC_ALLOWED_ISSUERS": issuer.url, "DAYPASS_OIDC_CA_BUNDLE": str(issuer.certificate)}
        for data, logs in ((small, scratch / "a"), (large, scratch / "b")):
            logs.mkdir()
            began = time.perf_counter()
            server = servers.start_daypass(data, logs, settings)
            running.append(server)
            kept = "100,000 users, 10,000 roles" if data is large else "one account"
            took, cpu = time.perf_counter() - began, usage(server.process.pid).cpu_seconds
            print(f"a start with {kept:<28} {took:.2f} s, {cpu:.2f} s of CPU")
        running.append(bound := servers.start_bound(scratch))
        kinds = [*_kinds(running[0], small, issuer), *_large_kinds(running[1], *prepared)]
        kinds.append(Kind("the bound", bound, kinds[0].requests))
        time.sleep(1.5)  # what was just made is read anew once the change log says so

        timed: list[dict[str, Any]] = []
        for _ in range(rounds):
            for kind in kinds:
                (scratch / "requests").write_bytes(b"\0".join(kind.requests))
                one = load(kind.server, scratch / "requests", kind.sent, CONNECTIONS, seconds)
                kind.sent += one["sent"]
                timed.append({"kind": kind.name, **one})
        _print([kind.name for kind in kinds], timed)
        return timed
    finally:
        for server in running:
            server.stop()


def _kinds(server: Server, data: DaypassData, issuer: Issuer) -> Iterator[Kind]:
    iam = client("iam", server.url, data.root)
    caller = servers.make_user(server, data.root)
    yield Kind(
        "GetFederationToken", server, _issuing(server, caller, "GetFederationToken", lambda n: {"Name": f"user-{n}"})
    )

    # The same for callers of 10 and 50 policies that say nothing of it: attached, and of groups of ten each.
    arns = [
        iam.create_policy(PolicyName=f"policy-{number}", PolicyDocument=_document(_ANYTHING))["Policy"]["Arn"]
        for number in range(50)
    ]
    for policies in (10, 50):
        name = f"caller-{policies}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="federation", PolicyDocument=json.dumps(servers.USER_POLICY))
        for arn in arns[:10]:
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
        for group in range(1, policies // 10):
            iam.create_group(GroupName=f"{name}-{group}")
            iam.add_user_to_group(GroupName=f"{name}-{group}", UserName=name)
            for arn in arns[group * 10 : group * 10 + 10]:
                iam.attach_group_policy(GroupName=f"{name}-{group}", PolicyArn=arn)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        requests = _issuing(server, keys, "GetFederationToken", lambda n: {"Name": f"user-{n}"})
        yield Kind(f"… {policies} more policies", server, requests)

    # A role that the caller may assume by its trust policy, and by that of web identities.
    user_arn = iam.get_user(UserName="bench")["User"]["Arn"]
    role = _role(iam, "assumed", {"Principal": {"AWS": user_arn}, "Action": "sts:AssumeRole"})
    assuming = _issuing(server, caller, "AssumeRole", lambda n: {"RoleArn": role, "RoleSessionName": f"session-{n}"})
    yield Kind("AssumeRole", server, assuming)

    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[issuer.audience])
    trust = {
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    web = _role(iam, "web", trust)
    tokens = [issuer.token(f"subject-{number}") for number in range(REQUESTS)]
    unsigned = _issuing(
        server,
        None,
        "AssumeRoleWithWebIdentity",
        lambda n: {"RoleArn": web, "RoleSessionName": f"session-{n}", "WebIdentityToken": tokens[n]},
    )
    yield Kind("AssumeRoleWithWebIdentity", server, unsigned)

    session = client("sts", server.url, caller).assume_role(RoleArn=role, RoleSessionName="scoped")["Credentials"]
    held = Keys(session["AccessKeyId"], session["SecretAccessKey"])
    scoped = _issuing(server, held, "GetScopedCredentials", lambda n: {}, token=session["SessionToken"], seconds=900)
    yield Kind("GetScopedCredentials", server, scoped)


def _prepare(data: DaypassData, scratch: Path) -> tuple[Keys, str]:
    """A caller, and the role that it may assume, among USERS and ROLES."""
    server = servers.start_daypass(data, scratch)
    try:
        caller = servers.make_user(server, data.root)
        iam = client("iam", server.url, data.root)
        user_arn = iam.get_user(UserName="bench")["User"]["Arn"]
        role = _role(iam, "assumed", {"Principal": {"AWS": user_arn}, "Action": "sts:AssumeRole"})
    finally:
        server.stop()
    _fill(data)  # beyond what the API would let an account have
    return caller, role


def _large_kinds(server: Server, caller: Keys, role: str) -> Iterator[Kind]:
    requests = _issuing(server, caller, "GetFederationToken", lambda n: {"Name": f"user-{n}"})
    yield Kind("GetFederationToken, large store", server, requests)
    assuming = _issuing(server, caller, "AssumeRole", lambda n: {"RoleArn": role, "RoleSessionName": f"session-{n}"})
    yield Kind("AssumeRole, large store", server, assuming)


def _issuing(
    server: Server,
    keys: Keys | None,
    action: str,
    parameters: Callable[[int], dict[str, str]],
    *,
    token: str | None = None,
    seconds: int = 3_600,
) -> list[bytes]:
    forms = [
        {
            "Action": action,
            "Version": _STS,
            **parameters(number),
            "Policy": session_policy(number),
            "DurationSeconds": str(seconds),
        }
        for number in range(REQUESTS)
    ]
    return form_requests(server.url, keys, forms, token)


def _role(iam: Any, name: str, trust: dict[str, Any]) -> str:
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document({"Effect": "Allow", **trust}))["Role"]
    may = {"Effect": "Allow", "Action": ["s3:*", "sts:GetScopedCredentials"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="files", PolicyDocument=_document(may))
    return str(role["Arn"])


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def _fill(data: DaypassData) -> None:
    """USERS and ROLES, put straight into the tables: by the API it would take longer than all else here."""
    trust = _document({"Effect": "Allow", "Principal": {"AWS": data.account_id}, "Action": "sts:AssumeRole"})

    def made(prefix: str) -> str:
        return names.make_id(prefix, data.account_id, os.urandom(names.ID_ENTROPY_BYTES))

    users = [(made(names.USER_ID), data.account_id, f"user{n}", f"user{n}", "/", 0) for n in range(USERS)]
    roles = [
        (made(names.ROLE_ID), data.account_id, names.role_arn(data.account_id, "/", f"role{n}"), f"role{n}", f"role{n}")
        for n in range(ROLES)
    ]
    with sqlite3.connect(data.directory / "daypass.sqlite3") as store:
        store.executemany(
            "INSERT INTO users (user_id, account_id, name, name_key, path, created) VALUES (?, ?, ?, ?, ?, ?)", users
        )
        store.executemany(
            "INSERT INTO roles (role_id, account_id, arn, name, name_key, path, created, trust_policy,"
            " max_session_seconds) VALUES (?, ?, ?, ?, ?, '/', 0, ?, 3600)",
            [(*role, trust) for role in roles],
        )


def _print(kinds: list[str], timed: list[dict[str, Any]]) -> None:
    def cpu_us(kind: str) -> float:
        return float(median(one["cpu_seconds"] / one["requests"] * 1e6 for one in timed if one["kind"] == kind))

    bound, first = cpu_us("the bound"), cpu_us("GetFederationToken")
    print(f"\n{'32 connections':<34}   CPU µs   ÷ bound   ÷ GetFederationToken")
    for kind in kinds:
        spent = cpu_us(kind)
        print(f"{kind:<34} {spent:>8.1f} {spent / bound:>9.2f} {spent / first:>12.2f}   {GOALS.get(kind, '')}")
    foreign = median(one["foreign_cores"] for one in timed)
    print(f"foreign: {foreign:.2f} cores were kept busy by anything else; above 0.1 all CPU times are too high")


if __name__ == "__main__":
    sys.exit(main())
