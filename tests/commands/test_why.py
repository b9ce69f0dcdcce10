"""`daypass why` as an operator runs it, over logs that a server wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from daypass.commands import why
from support import raw_s3
from support.backends import Backend
from support.commands import daypass_command
from support.server import Daypass, Keys, allow, deny, running


@pytest.fixture(scope="module")
def server(moto_backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("why") / "data", backend=moto_backend) as daypass:
        daypass.client("s3", daypass.root).create_bucket(Bucket="why-bucket")
        yield daypass


@pytest.fixture(scope="module")
def user(server: Daypass) -> Keys:
    sids = {"Sid": "Everything"}, {"Sid": "NotTheseOnes"}
    return server.new_user(
        "asker",
        {**allow("s3:Get*", "*"), **sids[0]},
        {**deny("s3:GetObject", "arn:aws:s3:::why-bucket/secret/*"), **sids[1]},
    )


def asked(server: Daypass, keys: Keys, method: str, target: str) -> str:
    """The id of a request that was made."""
    return raw_s3.call(keys, method, f"{server.url}/{target}").headers["x-amz-request-id"]


def said(server: Daypass, request_id: str) -> str:
    done = daypass_command("why", request_id, "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_request_is_explained_by_who_what_and_which_statement(server: Daypass, user: Keys) -> None:
    explicit = said(server, asked(server, user, "GET", "why-bucket/secret/k"))
    assert f"by arn:aws:iam::{server.account_id}:user/asker, with {user.access_key_id}" in explicit
    assert "DENIED: s3:GetObject on arn:aws:s3:::why-bucket/secret/k" in explicit
    assert 'an explicit deny in NotTheseOnes of the identity-based policy "asker-policy"' in explicit
    implicit = said(server, asked(server, user, "DELETE", "why-bucket/k"))
    assert "no identity-based policy allows it" in implicit
    allowed = said(server, asked(server, server.root, "GET", "why-bucket?list-type=2"))
    assert "allowed: s3:ListBucket" in allowed
    refused = said(server, asked(server, user, "GET", "why-bucket?acl&policy"))
    assert "REFUSED: s3:" in refused
    assert "answered NotImplemented before any policy was asked" in refused


def test_every_decision_of_a_request_is_told_in_order(server: Daypass, user: Keys) -> None:
    told = said(server, asked(server, user, "GET", "why-bucket/missing"))
    assert told.index("allowed: s3:GetObject") < told.index("DENIED: s3:ListBucket")


def test_the_records_themselves_are_there_for_programs(server: Daypass, user: Keys) -> None:
    request_id = asked(server, user, "GET", "why-bucket/secret/k")
    done = daypass_command("why", request_id, "--data", str(server.data), "--json")
    (record,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (record["request_id"], record["decision"]) == (request_id, "ExplicitlyDenied")


def test_an_unknown_request_or_log_is_said_in_one_line(server: Daypass, tmp_path: Path) -> None:
    unknown = daypass_command("why", "no-such-request", "--data", str(server.data))
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no request `no-such-request`" in unknown.stderr
    assert "x-daypass-request-id is the one" in unknown.stderr, "a store has ids of another form"
    older = daypass_command("why", "0c5c7a0e-3d2b-4c43-9c1e-8f5d2d6c6a11", "--data", str(server.data))
    assert older.stderr.endswith("; name logs that were rotated away as well\n")
    assert daypass_command("why", "x", "--data", str(tmp_path)).returncode == 1
    assert daypass_command("why", "x").returncode == 2


def record(request_id: str, second: int, action: str = "s3:GetObject") -> bytes:
    fields = {"request_id": request_id, "time": f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z", "action": action}
    return json.dumps(fields).encode() + b"\n"


def test_a_request_is_found_in_a_log_that_was_rotated_away_among_others_and_broken_lines(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl.1"
    wanted = [record("wanted", 100, "s3:PutObject"), record("wanted", 101, "s3:PutObjectTagging")]
    lines = [record(f"other-{n}", n % 3000) for n in range(20_000)]
    log.write_bytes(
        b"".join([*lines[:9_000], wanted[0], b'{"request_id": "wan\n', lines[0], wanted[1], *lines[9_000:]])
    )
    assert [found["action"] for found in why.find(log, "wanted")] == ["s3:PutObject", "s3:PutObjectTagging"]
    assert why.find(log, "other-0") == [json.loads(lines[0])] * 2
    assert why.find(log, "wan") == []
    log.write_bytes(b"")
    assert why.find(log, "wanted") == []
    done = daypass_command("why", "wanted", str(log))
    assert done.returncode == 1
