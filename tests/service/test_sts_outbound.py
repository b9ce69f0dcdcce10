"""GetWebIdentityToken and the IAM actions around it, through boto3; what our issuers publish; and our own tokens coming
back as web identities.

Source: AWS Security Token Service API Reference, GetWebIdentityToken; IAM API Reference,
EnableOutboundWebIdentityFederation; IAM User Guide, "Understanding token claims".
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from daypass.wire import jwt
from support.api import ACCOUNT, HOST, InProcess, Key, allow, in_process
from support.boto3_in_process import client
from support.iam import refusal
from support.roles import new_role

PUBLIC = "https://sts.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("issuer") / "data", options={"public_url": PUBLIC}) as running:
        running.issuer = client(running, running.root).enable_outbound_web_identity_federation()["IssuerIdentifier"]  # type: ignore[attr-defined]  # because the tests need it
        yield running


@pytest.fixture(scope="module")
def issuer(server: Any) -> str:
    url: str = server.issuer
    return url


@pytest.fixture(scope="module")
def sts(server: InProcess) -> Any:
    """An STS client of a user with tags, who may."""
    key = server.user("issued", allow(["sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"]), tags={"Team": "red"})
    return client(server, key, "sts")


def published(server: InProcess, url: str) -> Any:
    answer = server.send("GET", url.removeprefix(PUBLIC), [("Host", HOST)])
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return json.loads(answer.body)


def claims_of(server: InProcess, issuer: str, token: str) -> Any:
    """What a token says, verified as anybody would: by discovery."""
    configuration = published(server, f"{issuer}/.well-known/openid-configuration")
    assert configuration["issuer"] == issuer
    keys = jwt.parse_key_set(json.dumps(published(server, configuration["jwks_uri"])).encode())
    read = jwt.parse(token)
    assert read.algorithm in configuration["id_token_signing_alg_values_supported"]
    key = jwt.choose(keys, read)
    assert key is not None
    return jwt.verify(read, key)


# --- the issuer ----------------------------------------------------------------------------------------------


def test_federation_is_enabled_told_of_and_disabled(tmp_path_factory: pytest.TempPathFactory) -> None:
    with in_process(tmp_path_factory.mktemp("switch") / "data", options={"public_url": PUBLIC}) as server:
        iam, sts = client(server, server.root), client(server, server.root, "sts")
        off = (404, "FeatureDisabled", "Outbound web identity federation is disabled for your account")
        assert refusal(iam.get_outbound_web_identity_federation_info) == off
        assert refusal(iam.disable_outbound_web_identity_federation) == off
        asked = {"Audience": ["app"], "SigningAlgorithm": "ES384"}
        assert refusal(sts.get_web_identity_token, **asked) == (
            403,
            "OutboundWebIdentityFederationDisabledException",
            "Outbound web identity federation is not enabled for this account.",
        )
        first = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
        assert first.startswith(f"{PUBLIC}/_daypass/oidc/{ACCOUNT}/")
        info = iam.get_outbound_web_identity_federation_info()
        assert (info["IssuerIdentifier"], info["JwtVendingEnabled"]) == (first, True)
        assert refusal(iam.enable_outbound_web_identity_federation)[:2] == (409, "FeatureEnabled")
        published(server, f"{first}/.well-known/openid-configuration")
        iam.disable_outbound_web_identity_federation()
        gone = server.send("GET", f"{first.removeprefix(PUBLIC)}/.well-known/jwks.json", [("Host", HOST)])
        assert gone.status == 404
        assert refusal(sts.get_web_identity_token, **asked)[0] == 403
        assert iam.enable_outbound_web_identity_federation()["IssuerIdentifier"] != first


def test_without_a_public_url_nobody_could_verify_a_token(tmp_path_factory: pytest.TempPathFactory) -> None:
    with in_process(tmp_path_factory.mktemp("hidden") / "data") as server:
        answer = refusal(client(server, server.root).enable_outbound_web_identity_federation)
        assert answer[:2] == (400, "InvalidInput")
        assert "DAYPASS_PUBLIC_URL" in answer[2]


@pytest.mark.parametrize(
    "path",
    [
        "/_daypass/oidc/",
        f"/_daypass/oidc/{ACCOUNT}/.well-known/jwks.json",
        f"/_daypass/oidc/{ACCOUNT}/None/.well-known/jwks.json",
        f"/_daypass/oidc/{ACCOUNT}/{'0' * 32}/.well-known/openid-configuration",
        f"/_daypass/oidc/999988887777/{'0' * 32}/.well-known/openid-configuration",
        "/_daypass/oidc/../../etc/passwd/.well-known/jwks.json",
    ],
)
def test_nothing_else_is_published(server: InProcess, path: str) -> None:
    assert server.send("GET", path, [("Host", HOST)]).status == 404


def test_a_bucket_of_its_own_host_keeps_all_of_its_keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    options = {"public_url": PUBLIC, "s3_domains": "s3.example.com"}
    with in_process(tmp_path_factory.mktemp("hosts") / "data", options=options) as server:
        path = "/_daypass/oidc/object"
        assert server.send("GET", path, [("Host", "sts.example.com")]).status == 404
        assert server.send("GET", path, [("Host", "bucket.s3.example.com")]).fault[1] == "NotImplemented"


def test_the_pages_are_read_only_and_hold_no_private_key(server: InProcess, issuer: str, sts: Any) -> None:
    for algorithm in ("RS256", "ES384"):
        sts.get_web_identity_token(Audience=["app"], SigningAlgorithm=algorithm)
    path = f"{issuer.removeprefix(PUBLIC)}/.well-known/jwks.json"
    keys = json.loads(server.send("GET", path, [("Host", HOST)]).body)["keys"]
    assert sorted((key["kty"], key["alg"], *sorted(key)) for key in keys) == [
        ("EC", "ES384", "alg", "crv", "kid", "kty", "use", "x", "y"),
        ("RSA", "RS256", "alg", "e", "kid", "kty", "n", "use"),
    ]
    head = server.send("HEAD", path, [("Host", HOST)])
    assert (head.status, head.body) == (200, b"")
    assert server.send("POST", path, [("Host", HOST)]).status == 405


# --- the token -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_token_says_who_the_caller_is(server: InProcess, issuer: str, sts: Any, algorithm: str) -> None:
    answer = sts.get_web_identity_token(
        Audience=["app"],
        SigningAlgorithm=algorithm,
        DurationSeconds=600,
        Tags=[{"Key": "job", "Value": "42"}],
    )
    claims = claims_of(server, issuer, answer["WebIdentityToken"])
    assert abs(claims.pop("iat") - time.time()) < 10
    assert claims["exp"] == int(answer["Expiration"].timestamp())
    assert abs(claims.pop("exp") - time.time() - 600) < 10
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "iss": issuer,
        "aud": "app",
        "sub": f"arn:aws:iam::{ACCOUNT}:user/issued",
        "https://sts.amazonaws.com/": {
            "aws_account": ACCOUNT,
            "principal_tags": {"Team": "red"},
            "request_tags": {"job": "42"},
        },
    }


def test_a_token_lasts_five_minutes_and_may_be_for_several(server: InProcess, issuer: str, sts: Any) -> None:
    answer = sts.get_web_identity_token(Audience=["a", "b", "a"], SigningAlgorithm="ES384")
    claims = claims_of(server, issuer, answer["WebIdentityToken"])
    assert claims["aud"] == ["a", "b"]
    assert claims["exp"] - claims["iat"] == 300


def test_a_role_session_is_its_role_and_never_outlives_itself(server: InProcess, issuer: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    role = new_role(server, "issuing", {"Version": "2012-10-17", "Statement": trust}, allow("sts:GetWebIdentityToken"))
    user = server.user("assuming", allow(["sts:AssumeRole", "sts:TagSession"]))
    issued = client(server, user, "sts").assume_role(
        RoleArn=role, RoleSessionName="session", DurationSeconds=900, Tags=[{"Key": "Team", "Value": "blue"}]
    )["Credentials"]
    session = client(server, Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]), "sts")
    token = session.get_web_identity_token(Audience=["app"], SigningAlgorithm="ES384")["WebIdentityToken"]
    claims = claims_of(server, issuer, token)
    assert claims["sub"] == role
    assert claims["https://sts.amazonaws.com/"]["principal_tags"] == {"Team": "blue"}
    asked = {"Audience": ["app"], "SigningAlgorithm": "ES384", "DurationSeconds": 3600}
    assert refusal(session.get_web_identity_token, **asked)[:2] == (403, "SessionDurationEscalationException")


def test_what_is_asked_for_can_be_limited(server: InProcess) -> None:
    condition = {
        "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": "app"},
        "NumericLessThanEquals": {"sts:DurationSeconds": "300"},
        "StringEquals": {"sts:SigningAlgorithm": "ES384"},
    }
    key = server.user("limited", allow("sts:GetWebIdentityToken", "*", Condition=condition))
    limited = client(server, key, "sts")
    good: dict[str, Any] = {"Audience": ["app"], "SigningAlgorithm": "ES384"}
    limited.get_web_identity_token(**good)
    for change in (
        {"Audience": ["app", "other"]},
        {"DurationSeconds": 301},
        {"SigningAlgorithm": "RS256"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
    ):
        assert refusal(limited.get_web_identity_token, **{**good, **change})[:2] == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Audience": []}, "ValidationError"),
        ({"Audience": ["a" * 1001]}, "ValidationError"),
        ({"Audience": [f"{n}" for n in range(11)]}, "ValidationError"),
        ({"SigningAlgorithm": "HS256"}, "ValidationError"),
        ({"SigningAlgorithm": "none!"}, "ValidationError"),
        ({"DurationSeconds": 59}, "ValidationError"),
        ({"DurationSeconds": 3601}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "b"}, {"Key": "A", "Value": "c"}]}, "InvalidParameterValue"),
        (
            {
                "Audience": ["a" * 999 + str(n) for n in range(10)],
                "Tags": [{"Key": f"k{n}", "Value": "v" * 100} for n in range(40)],
            },
            "JWTPayloadSizeExceededException",
        ),
    ],
)
def test_what_is_asked_for_is_checked(sts: Any, change: Any, code: str) -> None:
    assert (
        refusal(sts.get_web_identity_token, **{"Audience": ["app"], "SigningAlgorithm": "ES384", **change})[1] == code
    )


def test_a_session_of_a_user_gets_no_token(server: InProcess) -> None:
    """GetSessionToken's credentials may call AssumeRole and GetCallerIdentity of STS, and nothing else."""
    made = client(server, server.user("with-session", allow("sts:*")), "sts").get_session_token()["Credentials"]
    session = client(server, Key(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]), "sts")
    assert refusal(session.get_web_identity_token, Audience=["a"], SigningAlgorithm="ES384")[:2] == (
        403,
        "AccessDenied",
    )


def test_a_federated_user_gets_no_token(server: InProcess) -> None:
    user = server.user("federating", allow("sts:*"))
    issued = client(server, user, "sts").get_federation_token(Name="Bob", Policy=json.dumps(allow("sts:*")))
    made = issued["Credentials"]
    bob = client(server, Key(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]), "sts")
    assert refusal(bob.get_web_identity_token, Audience=["a"], SigningAlgorithm="ES384")[:2] == (403, "AccessDenied")
