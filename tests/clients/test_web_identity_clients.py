"""Unmodified clients that are given a token and no keys: the AWS CLI and boto3 with a web identity token file, as in a
Kubernetes pod or a CI job; and our own tokens, traded for another role by our own providers.

Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider" (AWS_ROLE_ARN,
AWS_WEB_IDENTITY_TOKEN_FILE); IAM User Guide, "Federating AWS identities to external services".
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from daypass import limits
from support.backends import free_port
from support.commands import aws_command
from support.identity_provider import IdentityProvider, authority, identity_provider
from support.server import Daypass, Keys, allow, end, init, policy, spawn, wait_until_answers

ACTION = "sts:AssumeRoleWithWebIdentity"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    known, directory = authority(), tmp_path_factory.mktemp("provider")
    (directory / "bundle.pem").write_bytes(known.pem)
    with identity_provider(directory, known) as running:
        running.directory = directory  # type: ignore[attr-defined]  # because the server needs the bundle of it
        yield running


@pytest.fixture(scope="module")
def server(provider: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    """A server that knows its own address, and may ask itself and the provider for keys."""
    data, port = tmp_path_factory.mktemp("server") / "data", free_port()
    url, output = f"http://127.0.0.1:{port}", data.with_suffix(".log")
    account_id, root = init(data)
    settings = {
        "DAYPASS_OIDC_ALLOWED_ISSUERS": f"{provider.origin},{url}",
        "DAYPASS_OIDC_CA_BUNDLE": f"{provider.directory}/bundle.pem",
        "DAYPASS_PUBLIC_URL": url,
    }
    process = spawn(data, port, output, "--workers", "2", environment=settings)
    try:
        wait_until_answers(f"{url}/_daypass/health", process, output)
        yield Daypass(url, data, account_id, root, output, process)
    finally:
        end(process)


def trusted_role(server: Daypass, name: str, issuer: str, **condition: Any) -> str:
    """A role for whoever has a token of the issuer, which is registered, under the condition."""
    iam = server.client("iam", server.root)
    url = issuer.replace("http://", "https://")
    arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["app"])["OpenIDConnectProviderArn"]
    statement = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": ACTION, "Condition": condition}
    role: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(statement))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers", "*")))
    return role


@pytest.fixture(scope="module")
def role(server: Daypass, provider: IdentityProvider) -> str:
    key = f"{provider.url.removeprefix('https://')}:sub"
    return trusted_role(server, "pod", provider.url, StringEquals={key: "system:serviceaccount:shop:cart"})


@pytest.fixture
def environment(server: Daypass, provider: IdentityProvider, role: str, tmp_path: Path) -> dict[str, str]:
    """What a pod is given: no keys, but a token in a file."""
    (tmp_path / "token").write_text(provider.token(sub="system:serviceaccount:shop:cart"))
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ROLE_ARN": role,
        "AWS_ROLE_SESSION_NAME": "pod",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
    }


def test_the_aws_cli_works_with_a_token_file_alone(server: Daypass, environment: dict[str, str]) -> None:
    done = aws_command("sts", "get-caller-identity", environment=environment)
    assert done.returncode == 0, done.stderr
    arn = f"arn:aws:sts::{server.account_id}:assumed-role/pod/pod"
    assert json.loads(done.stdout)["Arn"] == arn
    assert aws_command("iam", "list-users", environment=environment).returncode == 0
    denied = aws_command("iam", "list-roles", environment=environment)
    assert "AccessDenied" in denied.stderr


def test_boto3_works_with_a_token_file_alone(
    server: Daypass, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    session = boto3.Session()
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":assumed-role/pod/pod")
    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.method == "assume-role-with-web-identity"


def test_a_token_of_somebody_else_does_not_work(
    server: Daypass, provider: IdentityProvider, environment: dict[str, str]
) -> None:
    Path(environment["AWS_WEB_IDENTITY_TOKEN_FILE"]).write_text(provider.token(sub="system:serviceaccount:shop:other"))
    done = aws_command("sts", "get-caller-identity", environment=environment)
    assert done.returncode != 0
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in done.stderr


def test_no_token_is_written_down(server: Daypass, provider: IdentityProvider, role: str) -> None:
    anonymous = server.client("sts", Keys("unused", "unused"))
    good, bad = provider.token(sub="system:serviceaccount:shop:cart"), provider.token(aud="nobody")
    anonymous.assume_role_with_web_identity(RoleArn=role, RoleSessionName="kept", WebIdentityToken=good)
    with pytest.raises(ClientError):
        anonymous.assume_role_with_web_identity(RoleArn=role, RoleSessionName="kept", WebIdentityToken=bad)
    written = server.output.read_text() + (server.data / "audit.jsonl").read_text()
    assert '"subject":"system:serviceaccount:shop:cart"' in written
    for token in (good, bad):
        assert all(part not in written for part in token.split(".")[1:])


def issued_soon(sts: Any, algorithm: str, issuer: str) -> Any:
    """A token of the issuer, once the other worker knows of it as well: within a second. Until then it may issue for
    the one before."""
    deadline = time.monotonic() + 2
    while True:
        with contextlib.suppress(sts.exceptions.OutboundWebIdentityFederationDisabledException):
            issued = sts.get_web_identity_token(Audience=["app"], SigningAlgorithm=algorithm)
            claims = issued["WebIdentityToken"].split(".")[1]
            if json.loads(base64.urlsafe_b64decode(claims + "=="))["iss"] == issuer:
                return issued
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_our_own_token_is_traded_for_a_role_by_our_own_provider(server: Daypass, algorithm: str) -> None:
    iam = server.client("iam", server.root)
    iam.enable_outbound_web_identity_federation()
    try:
        issuer = iam.get_outbound_web_identity_federation_info()["IssuerIdentifier"]
        assert issuer.startswith(server.url)
        caller = server.new_user(f"issued-{algorithm}", allow("sts:GetWebIdentityToken", "*"))
        key = f"{issuer.removeprefix('http://')}:sub"
        arn = f"arn:aws:iam::{server.account_id}:user/issued-{algorithm}"
        role = trusted_role(server, f"ours-{algorithm}", issuer, StringEquals={key: arn})
        token = issued_soon(server.client("sts", caller), algorithm, issuer)
        # The key may be of this moment: the other worker publishes it within that time, and whoever fetched the key set
        # before asks again only after a minute.
        time.sleep(limits.FRESHNESS_SECONDS + 0.2)
        anonymous = server.client("sts", Keys("unused", "unused"))
        traded = anonymous.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="traded", WebIdentityToken=token["WebIdentityToken"]
        )
        assert traded["SubjectFromWebIdentityToken"] == arn
        session = server.client("sts", Keys.of(traded["Credentials"]))
        assert session.get_caller_identity()["Arn"].endswith(f":assumed-role/ours-{algorithm}/traded")
    finally:
        iam.disable_outbound_web_identity_federation()
