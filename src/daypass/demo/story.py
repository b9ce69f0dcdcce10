"""The demo's story: who has which policy, who then tries what, and what comes of it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # because botocore ships no types

from daypass import names
from daypass.demo.processes import DemoFault, alone, ending_in_order
from daypass.demo.world import ACCOUNT_ID, Attempt, Keys, Row, World

_FRESHNESS_SECONDS: Final = 1.0  # a change of a policy is in force within a second

PROXY_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ObtainCredentials",
            "Effect": "Allow",
            "Action": "sts:GetFederationToken",
            "Resource": f"arn:aws:sts::{ACCOUNT_ID}:federated-user/*",
        },
        {
            "Sid": "UseReports",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"],
        },
    ],
}
SESSION_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "OwnFolder",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::reports/bob/*",
        },
        {
            "Sid": "ListOwnFolder",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::reports",
            "Condition": {"StringLike": {"s3:prefix": "bob/*"}},
        },
    ],
}
BUCKET_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "BobReadsNotices",
            "Effect": "Allow",
            "Principal": {"AWS": names.federated_user_arn(ACCOUNT_ID, "Bob")},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::notices/*",
        },
        {
            "Sid": "NobodyReadsDrafts",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::notices/drafts/*",
        },
    ],
}
LOCK_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Locked", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}],
}


def play(report: Callable[[str], None], show: Callable[[Row], None]) -> bool:
    """Plays the whole story; whether every attempt went as told.

    report: receives the story's sentences. show: receives each attempt when it is done.

    Raises:
        DemoFault: what the demo needs is not installed, or a server did not start.
    """
    if find_spec("moto") is None:
        raise DemoFault("the demo needs moto: pip install 'daypass[demo]'")
    with ExitStack() as stack:
        go_on = stack.enter_context(ending_in_order())
        stack.enter_context(alone())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daypass-demo-")))
        report("Starting Daypass and an S3 backend on this machine's loopback address …")
        world = World.start(stack, directory)
        try:
            return _tell(world, report, show, go_on)
        except ClientError as refusal:
            # An attempt's refusal is part of the story; this one came while the story was set up.
            raise DemoFault(f"the story cannot be told: {refusal}") from None


def _tell(world: World, report: Callable[[str], None], show: Callable[[Row], None], go_on: Callable[[], None]) -> bool:
    """The story, chapter by chapter. go_on: raises where it is not to go on."""
    number, as_told = 0, True
    for chapter in (_set_up, _narrowed, _unnarrowed, _bucket_policy, _not_ours, _taken_back):
        title, attempts = chapter(world)
        report(title)
        for attempt in attempts:
            number += 1
            row = world.perform(number, attempt)
            go_on()
            as_told = as_told and row.as_told
            show(row)
    return as_told


# --- the chapters: what is set up, and what is then attempted ------------------------------------------------


def _set_up(world: World) -> tuple[str, list[Attempt]]:
    iam = world.client("iam", world.root)
    world.proxy_id = iam.create_user(UserName="proxy")["User"]["UserId"]
    iam.put_user_policy(UserName="proxy", PolicyName="ProxyPolicy", PolicyDocument=json.dumps(PROXY_POLICY))
    world.proxy = Keys.of(iam.create_access_key(UserName="proxy")["AccessKey"])

    s3 = world.client("s3", world.root)
    for bucket, keys in {
        "reports": ("bob/june.txt", "alice/june.txt"),
        "notices": ("welcome.txt", "drafts/merger.txt"),
    }.items():
        s3.create_bucket(Bucket=bucket)
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=f"the text of {bucket}/{key}\n".encode())
    s3.put_bucket_policy(Bucket="notices", Policy=json.dumps(BUCKET_POLICY))
    time.sleep(_FRESHNESS_SECONDS)
    return (
        "The root user made an IAM user `proxy`. The policy ProxyPolicy lets it obtain credentials for others\n"
        "(ObtainCredentials) and get, put and list objects of the bucket `reports` (UseReports). Nothing else.",
        [
            Attempt("proxy", world.proxy, "s3", "GetObject", _at("reports", "alice/june.txt"), *_ALLOWED_BY_IDENTITY),
            Attempt("proxy", world.proxy, "s3", "DeleteObject", _at("reports", "bob/june.txt"), *_DENIED_BY_IDENTITY),
        ],
    )


def _narrowed(world: World) -> tuple[str, list[Attempt]]:
    world.bob = world.federation_token("Bob", SESSION_POLICY)
    bob, who = world.bob, "Bob"
    return (
        "Bob has no account anywhere. The proxy calls GetFederationToken for him, with a session policy: get, put\n"
        "and delete in reports/bob/ (OwnFolder), list that folder (ListOwnFolder). The credentials that come back\n"
        "may do what BOTH policies allow.",
        [
            Attempt(who, bob, "sts", "GetCallerIdentity", {}, "allowed", None),
            Attempt(who, bob, "s3", "GetObject", _at("reports", "bob/june.txt"), *_ALLOWED_BY_IDENTITY),
            Attempt(who, bob, "s3", "PutObject", _at("reports", "bob/july.txt", b"sunny\n"), *_ALLOWED_BY_IDENTITY),
            Attempt(who, bob, "s3", "ListObjectsV2", _under("reports", "bob/"), *_ALLOWED_BY_IDENTITY),
            Attempt(who, bob, "s3", "GetObject", _at("reports", "alice/june.txt"), *_DENIED_BY_SESSION),
            Attempt(who, bob, "s3", "ListObjectsV2", _under("reports", "alice/"), *_DENIED_BY_SESSION),
            # The session policy allows it; what the user itself may not do, no session of his may either.
            Attempt(who, bob, "s3", "DeleteObject", _at("reports", "bob/june.txt"), *_DENIED_BY_IDENTITY),
            Attempt(who, bob, "iam", "CreateUser", {"UserName": "mallory"}, "refused", None),
        ],
    )


def _unnarrowed(world: World) -> tuple[str, list[Attempt]]:
    carol, who = world.federation_token("Carol", None), "Carol (no policy)"
    return (
        'For Carol the proxy passes no session policy. That is not "everything the proxy may": it is nothing.',
        [
            Attempt(who, carol, "s3", "GetObject", _at("reports", "bob/june.txt"), *_DENIED_BY_SESSION),
            Attempt(who, carol, "s3", "PutObject", _at("reports", "carol/a.txt", b"x"), *_DENIED_BY_SESSION),
            Attempt(who, carol, "s3", "ListObjectsV2", _under("reports", ""), *_DENIED_BY_SESSION),
        ],
    )


def _bucket_policy(world: World) -> tuple[str, list[Attempt]]:
    return (
        "The bucket `notices` has a policy of its own. It names federated-user/Bob (BobReadsNotices): a grant to\n"
        "the session itself reaches beyond the session policy. It also denies its drafts to all (NobodyReadsDrafts):\n"
        "an explicit Deny wins over every Allow.",
        [
            Attempt("Bob", world.bob, "s3", "GetObject", _at("notices", "welcome.txt"), "allowed", _RESOURCE),
            Attempt("Bob", world.bob, "s3", "GetObject", _at("notices", "drafts/merger.txt"), "denied", _RESOURCE),
        ],
    )


def _not_ours(world: World) -> tuple[str, list[Attempt]]:
    tampered, expired = world.tampered(world.bob), world.expired("Bob", SESSION_POLICY)
    key = _at("reports", "bob/june.txt")
    return (
        "A session token is sealed. One changed letter and it opens no more; and it ends when it says. (The shortest\n"
        "session is 15 minutes, so the expired one was sealed for this demo, two hours in the past, with the\n"
        "server's own key ring.)",
        [
            Attempt("Bob, tampered", tampered, "s3", "GetObject", key, "refused", None),
            Attempt("Bob, tampered", tampered, "sts", "GetCallerIdentity", {}, "refused", None),
            Attempt("Bob, expired", expired, "s3", "GetObject", key, "refused", None),
        ],
    )


def _taken_back(world: World) -> tuple[str, list[Attempt]]:
    iam = world.client("iam", world.root)
    iam.put_user_policy(UserName="proxy", PolicyName="LockPolicy", PolicyDocument=json.dumps(LOCK_POLICY))
    time.sleep(_FRESHNESS_SECONDS)
    return (
        "Credentials that are out can be taken back: the user's policies are read at every use. The root user gives\n"
        "the proxy a second policy, LockPolicy, and a second later Bob's credentials, still valid, open nothing.",
        [Attempt("Bob", world.bob, "s3", "GetObject", _at("reports", "bob/june.txt"), "denied", _IDENTITY)],
    )


_IDENTITY: Final = "identity-based policy"
_SESSION: Final = "session policy"
_RESOURCE: Final = "resource-based policy"
_ALLOWED_BY_IDENTITY: Final = ("allowed", _IDENTITY)
_DENIED_BY_IDENTITY: Final = ("denied", _IDENTITY)
_DENIED_BY_SESSION: Final = ("denied", _SESSION)


def _at(bucket: str, key: str, body: bytes | None = None) -> dict[str, Any]:
    return {"Bucket": bucket, "Key": key} | ({} if body is None else {"Body": body})


def _under(bucket: str, prefix: str) -> dict[str, Any]:
    return {"Bucket": bucket, "Prefix": prefix}


def as_json(rows: Sequence[Row]) -> str:
    """The attempts for a program to read."""
    return json.dumps([asdict(row) for row in rows], indent=2)
