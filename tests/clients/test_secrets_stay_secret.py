"""A whole run with everything that goes right and wrong in it, and then a search for every secret that existed.

Covers advisories of the kind "credentials in logs": a denied request that logs the whole credential, a canonical
request with its token in a debug log, a presigned URL in an access log.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.exceptions import ClientError

from support.accounts import new_account
from support.backends import Backend
from support.commands import aws_environment, daypass_command
from support.mfa import new_device
from support.plain_http import fetch
from support.server import Daypass, Keys, allow, policy, running


class Seen:
    """Every secret, session token and signature that existed in a run."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def keys(self, keys: Keys) -> Keys:
        self.secrets.add(keys.secret_access_key)
        if keys.session_token is not None:
            self.secrets.add(keys.session_token)
        return keys

    def url(self, url: str) -> str:
        for name in ("X-Amz-Signature", "X-Amz-Security-Token"):
            self.secrets.update(parse_qs(urlsplit(url).query).get(name, []))
        return url

    def watch(self, client: Any) -> Any:
        """The client; the signature of each of its requests is remembered."""

        def remember(request: Any, **_: object) -> None:
            header = request.headers.get("Authorization", b"")
            text = header.decode() if isinstance(header, bytes) else header
            self.secrets.update(re.findall(r"Signature=([0-9a-f]{64})", text))

        client.meta.events.register("before-send", remember)
        return client


def play(server: Daypass, backend: Backend, seen: Seen, bucket: str) -> None:
    """Everything that a server meets in its life: uses, denials, refusals and nonsense."""
    seen.keys(server.root)
    seen.secrets.add(backend.secret_access_key)
    iam = seen.watch(server.client("iam", server.root))
    iam.create_user(UserName="proxy")
    iam.put_user_policy(
        UserName="proxy",
        PolicyName="p",
        PolicyDocument=policy(allow(["sts:GetFederationToken", "s3:*"], "*")),
    )
    proxy = seen.keys(Keys.of(iam.create_access_key(UserName="proxy")["AccessKey"]))
    root_s3 = seen.watch(server.client("s3", server.root))
    root_s3.create_bucket(Bucket=bucket)
    sts = seen.watch(server.client("sts", proxy))
    narrow = policy(allow("s3:*", f"arn:aws:s3:::{bucket}/bob/*"))
    bob = seen.keys(Keys.of(sts.get_federation_token(Name="Bob", Policy=narrow)["Credentials"]))

    s3 = seen.watch(server.client("s3", bob))
    s3.put_object(Bucket=bucket, Key="bob/a", Body=b"x" * 100_000)
    s3.get_object(Bucket=bucket, Key="bob/a")["Body"].read()
    fetch("GET", seen.url(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "bob/a"})))

    # Denied, refused, malformed.
    assert bob.session_token is not None
    wrong = [
        Keys(bob.access_key_id, bob.secret_access_key, bob.session_token[:-8] + "AAAAAAA="),
        Keys(bob.access_key_id, bob.secret_access_key),
        Keys(bob.access_key_id, "not-the-secret-of-this-key", bob.session_token),
        Keys(proxy.access_key_id, bob.secret_access_key),
        Keys("AKIANOBODYATALL22222", proxy.secret_access_key),
    ]
    for keys in wrong:
        seen.keys(keys)
        for service, call in (
            ("sts", lambda client: client.get_caller_identity()),
            ("iam", lambda client: client.list_users()),
            ("s3", lambda client: client.get_object(Bucket=bucket, Key="bob/a")),
        ):
            with pytest.raises(ClientError):
                call(seen.watch(server.client(service, keys)))
    for call in (
        lambda: s3.get_object(Bucket=bucket, Key="eve/a"),
        lambda: s3.get_bucket_acl(Bucket=bucket),
        lambda: seen.watch(server.client("iam", bob)).list_users(),
        lambda: seen.watch(server.client("sts", bob)).get_federation_token(Name="Eve"),
        lambda: sts.get_federation_token(Name="Bob", Policy="{"),
        lambda: sts.assume_role(RoleArn="arn:aws:iam::111122223333:role/a", RoleSessionName="session"),
    ):
        with pytest.raises(ClientError):
            call()
    fetch("GET", seen.url(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "eve/a"})))
    unusable = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "bob/a"}).replace("Expires", "E")
    fetch("GET", seen.url(unusable))
    for nonsense in (
        {"Authorization": f"AWS4-HMAC-SHA256 Credential={bob.secret_access_key}"},
        {"Authorization": f"Bearer {bob.session_token}"},
        {"X_Amz_Security_Token": bob.session_token},
    ):
        fetch("POST", f"{server.url}/", b"Action=GetCallerIdentity&Version=2011-06-15", **nonsense)
        fetch("GET", f"{server.url}/{bucket}/bob/a?{quote(bob.session_token)}", **nonsense)

    done = daypass_command("token", "Bob", environment=aws_environment(server, bob))
    assert done.returncode == 1
    assert not any(secret in done.stderr for secret in seen.secrets)


def play_roles(server: Daypass, seen: Seen) -> None:
    """Roles, MFA, other accounts and root sessions: what goes right with them and what is refused."""
    other = "860987654321"
    made = new_account(server.data, other)
    seen.keys(Keys(made.access_key_id, made.secret))
    iam = seen.watch(server.client("iam", server.root))
    iam.create_user(UserName="roleplayer")
    iam.put_user_policy(UserName="roleplayer", PolicyName="p", PolicyDocument=policy(allow("sts:*", "*")))
    player = seen.keys(Keys.of(iam.create_access_key(UserName="roleplayer")["AccessKey"]))
    device = new_device(server.data, server.account_id, "roleplayer", "roleplayer")
    seen.secrets.add(device.seed.reveal())
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{server.account_id}:user/roleplayer"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    role = iam.create_role(RoleName="Play", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = seen.watch(server.client("sts", player))
    code = device.code()
    session = seen.keys(
        Keys.of(sts.get_session_token(SerialNumber=device.serial_number, TokenCode=code)["Credentials"])
    )
    assumed = seen.keys(Keys.of(sts.assume_role(RoleArn=role, RoleSessionName="jan")["Credentials"]))
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    root = seen.keys(Keys.of(sts.assume_root(TargetPrincipal=other, TaskPolicyArn=task)["Credentials"]))
    for refused in (
        lambda: sts.get_session_token(SerialNumber=device.serial_number, TokenCode=code),
        lambda: seen.watch(server.client("iam", assumed)).list_users(),
        lambda: seen.watch(server.client("iam", root)).create_access_key(),
        lambda: seen.watch(server.client("sts", session)).get_access_key_info(AccessKeyId=player.access_key_id),
        lambda: sts.decode_authorization_message(EncodedMessage=str(session.session_token)),
    ):
        with pytest.raises(ClientError):
            refused()


def test_no_secret_token_or_signature_is_in_any_log_or_in_the_audit_or_in_clear_in_the_store(
    tmp_path: Path, moto_backend: Backend
) -> None:
    seen = Seen()
    with running(tmp_path / "data", backend=moto_backend) as server:
        play(server, moto_backend, seen, "secrets-run")
        play_roles(server, seen)
    # And once more by a server that opens what the first one left.
    with running(tmp_path / "data", backend=moto_backend) as again, contextlib.suppress(ClientError):
        seen.watch(again.client("sts", again.root)).get_federation_token(Name="x" * 2)

    assert len(seen.secrets) > 30
    written = [path for path in (tmp_path / "data").iterdir() if path.name != "keys.json"]
    assert {"audit.jsonl", "daypass.sqlite3"} <= {path.name for path in written}
    for path in [*written, server.output]:
        content = path.read_bytes().decode("latin-1")
        found = [secret for secret in seen.secrets if secret in content or quote(secret, safe="") in content]
        assert found == [], path.name


def test_the_audit_log_says_who_what_and_why_for_every_request(tmp_path: Path, moto_backend: Backend) -> None:
    with running(tmp_path / "data", backend=moto_backend) as server:
        seen = Seen()
        play(server, moto_backend, seen, "audited-run")
        records = [json.loads(line) for line in (server.data / "audit.jsonl").read_text().splitlines()]
    assert {record["decision"] for record in records} == {"Allowed", "ImplicitlyDenied", "Refused"}
    bobs = [
        record for record in records if record["caller_arn"] == f"arn:aws:sts::{server.account_id}:federated-user/Bob"
    ]
    got = next(record for record in bobs if record["action"] == "s3:GetObject" and record["decision"] == "Allowed")
    assert got["resource"] == "arn:aws:s3:::audited-run/bob/a"
    assert got["caller_type"] == "federated-user"
    assert got["source_ip"] == "127.0.0.1"
    assert {statement.partition("/")[0] for statement in got["statements"]} == {
        "identity-based policy",
        "session policy",
    }
    denied = next(record for record in bobs if record["resource"] == "arn:aws:s3:::audited-run/eve/a")
    assert (denied["decision"], denied["decided_by"]) == ("ImplicitlyDenied", "session policy")
    assert (denied["statements"], denied["error"]) == ([], "AccessDenied")
    issued = next(record for record in records if record["action"] == "sts:GetFederationToken" and not record["error"])
    assert issued["session_access_key_id"].startswith("ASIA")
