"""AssumeRoleWithWebIdentity through boto3, unsigned as SDKs send it, with tokens of a real provider on this machine.

Source: AWS Security Token Service API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "Available keys for AWS
OIDC federation", "Passing session tags using AssumeRoleWithWebIdentity"; texts as recorded in public issues
(configure-aws-credentials 280, amazon-eks-irsa-cfn 18, aws-sdk-js-v3 6225, aws-sdk-java-v2 5709, aws-sdk-rust 827).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from support.api import ACCOUNT, InProcess, Key, allow, in_process
from support.boto3_in_process import client
from support.certificates import rsa_key
from support.iam import refusal
from support.identity_provider import IdentityProvider, authority, identity_provider
from support.roles import federated_trust, new_role
from support.web_tokens import signed_with_public_key, token

ACTION = "sts:AssumeRoleWithWebIdentity"
DENIED = (403, "AccessDenied", f"Not authorized to perform {ACTION}")
NO_KEY = (
    400,
    "InvalidIdentityToken",
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements",
)
NOT_A_TOKEN = (
    400,
    "InvalidIdentityToken",
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    known, directory = authority(), tmp_path_factory.mktemp("provider")
    (directory / "bundle.pem").write_bytes(known.pem)
    with identity_provider(directory, known) as running:
        running.directory = directory  # type: ignore[attr-defined]  # because the server needs the bundle of it
        yield running


@pytest.fixture(scope="module")
def server(provider: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    options = {"oidc_allowed_issuers": provider.origin, "oidc_ca_bundle": f"{provider.directory}/bundle.pem"}
    with in_process(tmp_path_factory.mktemp("server") / "data", options=options) as running:
        client(running, running.root).create_open_id_connect_provider(
            Url=provider.url, ClientIDList=["app", "other-app"]
        )
        yield running


@pytest.fixture(scope="module")
def provider_arn(provider: IdentityProvider) -> str:
    return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url.removeprefix('https://')}"


@pytest.fixture(scope="module")
def key(provider: IdentityProvider) -> str:
    """What the condition keys of the provider begin with."""
    return provider.url.removeprefix("https://")


@pytest.fixture(scope="module")
def role(server: InProcess, provider_arn: str) -> str:
    """A role that anybody with a token may assume, with tags and a source identity too."""
    trust = federated_trust(provider_arn, [ACTION, "sts:TagSession", "sts:SetSourceIdentity"])
    return new_role(server, "open", trust, allow(["s3:*", "iam:ListUsers"]), MaxSessionDuration="7200")


@pytest.fixture
def sts(server: InProcess) -> Any:
    return client(server, server.root, "sts")


def assume(sts: Any, role: str, web_token: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = sts.assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="session", WebIdentityToken=web_token, **more
    )
    return answer


def refused(sts: Any, role: str, web_token: str, **more: Any) -> tuple[int, str, str]:
    return refusal(
        sts.assume_role_with_web_identity,
        RoleArn=role,
        RoleSessionName="session",
        WebIdentityToken=web_token,
        **more,
    )


# --- what it gives -------------------------------------------------------------------------------------------


def test_a_token_is_traded_for_a_role_session(
    server: InProcess, sts: Any, provider: IdentityProvider, provider_arn: str, role: str
) -> None:
    answer = assume(sts, role, provider.token())
    assert answer["SubjectFromWebIdentityToken"] == "alice"
    assert answer["Provider"] == provider_arn
    assert answer["Audience"] == "app"
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/open/session"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert "SourceIdentity" not in answer
    assert "PackedPolicySize" not in answer
    issued = answer["Credentials"]
    assert 3590 <= issued["Expiration"].timestamp() - time.time() <= 3600
    session = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    assert client(server, session, "sts").get_caller_identity()["Arn"] == arn
    record = server.audit()[-2]
    assert (record["action"], record["resource"], record["caller_type"]) == (ACTION, role, "anonymous")
    assert (record["caller_arn"], record["subject"]) == (provider_arn, "alice")
    assert record["session_access_key_id"] == issued["AccessKeyId"]


def test_a_session_policy_a_duration_and_a_minimum_size_are_in_force(
    server: InProcess, sts: Any, provider: IdentityProvider, role: str
) -> None:
    def session(**more: Any) -> Any:
        issued = assume(sts, role, provider.token(), **more)["Credentials"]
        key = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
        return client(server, key, "iam")

    policy = json.dumps(allow("s3:GetObject"))
    answer = assume(sts, role, provider.token(), Policy=policy, DurationSeconds=7200)
    assert 7190 <= answer["Credentials"]["Expiration"].timestamp() - time.time() <= 7200
    assert answer["PackedPolicySize"] > 0
    session().list_users()
    assert refusal(session(Policy=policy).list_users)[1] == "AccessDenied"
    assert refused(sts, role, provider.token(), DurationSeconds=7201) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    assert refused(sts, role, provider.token(), Policy="{}")[1] == "MalformedPolicyDocument"
    none = [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/none"}]
    assert refused(sts, role, provider.token(), PolicyArns=none)[1] == "InvalidParameterValue"


def test_tags_and_source_identity_come_from_the_token(
    server: InProcess, sts: Any, provider: IdentityProvider, role: str
) -> None:
    claims = {
        "https://aws.amazon.com/tags": {
            "principal_tags": {"Project": ["Automation"], "CostCenter": "987"},
            "transitive_tag_keys": ["project"],
        },
        "https://aws.amazon.com/source_identity": "Alice",
    }
    answer = assume(sts, role, provider.token(**claims))
    assert answer["SourceIdentity"] == "Alice"
    assert answer["PackedPolicySize"] > 0
    flat = {
        "https://aws.amazon.com/tags/principal_tags/Project": "Automation",
        "https://aws.amazon.com/tags/transitive_tag_keys": ["Project"],
    }
    assert assume(sts, role, provider.token(**flat))["PackedPolicySize"] > 0


def test_what_the_token_says_is_known_when_the_session_is_used(
    server: InProcess, sts: Any, provider: IdentityProvider, provider_arn: str, key: str
) -> None:
    conditions = {
        "StringEquals": {
            f"{key}:sub": "bob",
            f"{key}:aud": "app",
            "aws:FederatedProvider": provider_arn,
            "aws:PrincipalTag/team": "red",
        },
        "ForAnyValue:StringEquals": {f"{key}:amr": "mfa"},
    }
    trust = federated_trust(provider_arn, [ACTION, "sts:TagSession"])
    role = new_role(server, "claims", trust, allow("iam:ListUsers", "*", Condition=conditions))
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red"]}}}

    def may(**claims: Any) -> bool:
        issued = assume(sts, role, provider.token(**{**tags, **claims}))["Credentials"]
        session = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
        answer = server.call(session, "ListUsers", service="iam")
        return answer.status == 200

    assert may(sub="bob", amr=["pwd", "mfa"])
    assert not may(sub="alice", amr=["mfa"])
    assert not may(sub="bob", amr=["pwd"])
    assert not may(sub="bob", amr=["mfa"], aud="other-app")


# --- whom it lets in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "claims", "lets_in"),
    [
        ({"StringEquals": {"{key}:sub": "repo:org/name:ref:refs/heads/main"}}, {"sub": "alice"}, False),
        ({"StringLike": {"{key}:sub": "repo:org/*"}}, {"sub": "repo:org/name"}, True),
        ({"StringEquals": {"{key}:aud": "app"}}, {"aud": "other-app"}, False),
        ({"StringEquals": {"{key}:aud": "app"}}, {"aud": ["app", "not-registered"]}, True),
        ({"StringEquals": {"{key}:aud": "app"}}, {"aud": "not-registered", "azp": "app"}, True),
        ({"StringEquals": {"{key}:oaud": "resource"}}, {"aud": "resource", "azp": "app"}, True),
        ({"StringEquals": {"{key}:oaud": "forged"}}, {"oaud": "forged"}, False),
        ({"StringEquals": {"{key}:Environment": "prod"}}, {"environment": "prod"}, True),
        ({"StringEquals": {"{key}:environment": "prod"}}, {}, False),
        ({"Bool": {"{key}:email_verified": "true"}}, {"email_verified": True}, True),
        ({"Bool": {"{key}:email_verified": "true"}}, {"email_verified": False}, False),
        ({"NumericLessThan": {"{key}:level": "3"}}, {"level": 2}, True),
        ({"ForAnyValue:StringEquals": {"{key}:groups": "admins"}}, {"groups": ["users", "admins"]}, True),
        ({"ForAllValues:StringEquals": {"{key}:groups": "admins"}}, {"groups": ["users", "admins"]}, False),
        ({"StringEquals": {"sts:RoleSessionName": "session"}}, {}, True),
        ({"StringEquals": {"sts:RoleSessionName": "another"}}, {}, False),
        ({"StringEquals": {"aws:FederatedProvider": "another"}}, {}, False),
        ({"Null": {"aws:PrincipalArn": "true"}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, {"aws:SourceIp": "1.2.3.4"}, True),
        ({"IpAddress": {"aws:SourceIp": "1.2.3.4"}}, {"aws:SourceIp": "1.2.3.4"}, False),
    ],
)
def test_the_trust_policy_decides_by_the_claims(
    server: InProcess,
    sts: Any,
    provider: IdentityProvider,
    provider_arn: str,
    key: str,
    name: str,
    condition: Any,
    claims: Any,
    lets_in: bool,
) -> None:
    written = json.loads(json.dumps(condition).replace("{key}", key))
    role = new_role(server, name, federated_trust(provider_arn, ACTION, **written))
    if lets_in:
        assume(sts, role, provider.token(**claims))
    else:
        assert refused(sts, role, provider.token(**claims)) == DENIED


def test_tags_and_source_identity_need_a_permission_of_their_own(
    server: InProcess, sts: Any, provider: IdentityProvider, provider_arn: str
) -> None:
    role = new_role(server, "plain", federated_trust(provider_arn, ACTION))
    assume(sts, role, provider.token())
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b"]}}}
    assert refused(sts, role, provider.token(**tags)) == (
        403,
        "AccessDenied",
        "Not authorized to perform sts:TagSession",
    )
    marked = {"https://aws.amazon.com/source_identity": "alice"}
    assert refused(sts, role, provider.token(**marked))[2] == "Not authorized to perform sts:SetSourceIdentity"
    tagged = federated_trust(provider_arn, [ACTION, "sts:TagSession"], StringEquals={"aws:RequestTag/a": "b"})
    assume(sts, new_role(server, "tagged", tagged), provider.token(**tags))


def test_a_role_that_does_not_exist_looks_like_one_that_does_not_trust(
    server: InProcess, sts: Any, provider: IdentityProvider, provider_arn: str
) -> None:
    other = new_role(server, "other", federated_trust(f"{provider_arn}x", ACTION))
    users = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    for_users = new_role(server, "users", {"Version": "2012-10-17", "Statement": users})
    for role in (other, for_users, f"arn:aws:iam::{ACCOUNT}:role/none"):
        assert refused(sts, role, provider.token(sub="eve")) == DENIED
        assert (server.audit()[-1]["subject"], server.audit()[-1]["error"]) == ("eve", "AccessDenied")
    # Without a good token nobody learns even that.
    for role in (other, f"arn:aws:iam::{ACCOUNT}:role/none"):
        assert refused(sts, role, provider.token(aud="nobody")) == (
            400,
            "InvalidIdentityToken",
            "Incorrect token audience",
        )


def test_a_provider_that_was_asked_before_is_looked_at_anew(
    server: InProcess, sts: Any, provider: IdentityProvider, provider_arn: str, role: str
) -> None:
    iam, client_id = client(server, server.root), {"OpenIDConnectProviderArn": provider_arn, "ClientID": "for-a-while"}
    iam.add_client_id_to_open_id_connect_provider(**client_id)
    for _ in range(2):
        assert assume(sts, role, provider.token(aud="for-a-while"))["Audience"] == "for-a-while"
    iam.remove_client_id_from_open_id_connect_provider(**client_id)
    fault = refused(sts, role, provider.token(aud="for-a-while"))
    assert fault == (400, "InvalidIdentityToken", "Incorrect token audience")


def test_an_issuer_is_looked_for_in_the_account_of_the_role(sts: Any, provider: IdentityProvider, role: str) -> None:
    elsewhere = role.replace(ACCOUNT, "999988887777")
    missing = f"No OpenIDConnect provider found in your account for {provider.url}"
    assert refused(sts, elsewhere, provider.token()) == (400, "InvalidIdentityToken", missing)
    for issuer in ("https://evil.example.com", "http://evil.example.com", "evil", provider.url + "/", ""):
        unknown = refused(sts, role, provider.token(iss=issuer))
        assert unknown == (400, "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}")
    plain = provider.url.replace("https:", "http:")
    assert "No OpenIDConnect provider" in refused(sts, role, provider.token(iss=plain))[2]


# --- whom it does not believe --------------------------------------------------------------------------------


NOW = int(time.time())
REFUSED_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer": ({"iss": None}, "Missing a required claim: iss"),
    "an issuer longer than any is registered": ({"iss": "https://" + "a" * 248}, "Missing a required claim: iss"),
    "an issuer that is a list": ({"iss": ["https://a", "https://b"]}, "Missing a required claim: iss"),
    "no subject": ({"sub": None}, "Missing a required claim: sub"),
    "an empty subject": ({"sub": ""}, "Missing a required claim: sub"),
    "a subject that is a number": ({"sub": 5}, "Missing a required claim: sub"),
    "a subject with a line break": ({"sub": "alice\nroot"}, "Missing a required claim: sub"),
    "a very long subject": ({"sub": "a" * 256}, "Missing a required claim: sub"),
    "no audience": ({"aud": None}, "Missing a required claim: aud"),
    "an empty list of audiences": ({"aud": []}, "Missing a required claim: aud"),
    "an audience that is a number": ({"aud": [5]}, "Missing a required claim: aud"),
    "another audience": ({"aud": "another"}, "Incorrect token audience"),
    "part of an audience": ({"aud": "ap"}, "Incorrect token audience"),
    "issued to somebody else": ({"azp": "another"}, "Incorrect token audience"),
    "issued to a list": ({"azp": ["app"]}, "The claim azp is not a text"),
    "no expiry": ({"exp": None}, "Missing a required claim: exp"),
    "an expiry with a fraction": ({"exp": NOW + 600.5}, "The claim exp is not an integer of seconds"),
    "an expiry that is a text": ({"exp": str(NOW + 600)}, "The claim exp is not an integer of seconds"),
    "an expiry that is true": ({"exp": True}, "The claim exp is not an integer of seconds"),
    "an expiry beyond all times": ({"exp": 10**300}, "The claim exp is not an integer of seconds"),
    "an expiry before all times": ({"exp": -1}, "The claim exp is not an integer of seconds"),
    "no time of issue": ({"iat": None}, "Missing a required claim: iat"),
    "issued in the future": ({"iat": NOW + 3600, "exp": NOW + 7200}, "The ID Token is not valid yet."),
    "not valid yet": ({"nbf": NOW + 3600}, "The ID Token is not valid yet."),
    "a beginning in words": ({"nbf": "now"}, "The claim nbf is not an integer of seconds"),
    "claims that differ in case": ({"Sub": "root"}, "Two claims have the same name but for its case"),
    "tags that are a list": ({"https://aws.amazon.com/tags": []}, "Unable to validate tags"),
    "a tag of two values": (
        {"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b", "c"]}}},
        "Unable to validate tags",
    ),
    "a tag of AWS's": (
        {"https://aws.amazon.com/tags": {"principal_tags": {"aws:a": ["b"]}}},
        "Unable to validate tags",
    ),
    "a tag twice": (
        {"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b"], "A": ["c"]}}},
        "Unable to validate tags",
    ),
    "a tag that no tag can be": (
        {"https://aws.amazon.com/tags": {"principal_tags": {"a": ["<script>"]}}},
        "Unable to validate tags",
    ),
    "a transitive tag that is not passed": (
        {"https://aws.amazon.com/tags": {"principal_tags": {}, "transitive_tag_keys": ["a"]}},
        "Unable to validate tags",
    ),
    "fifty-one tags": (
        {"https://aws.amazon.com/tags": {"principal_tags": {f"k{n}": ["v"] for n in range(51)}}},
        "Unable to validate tags",
    ),
    "a source identity of AWS's": (
        {"https://aws.amazon.com/source_identity": "aws:root"},
        'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"',
    ),
}


@pytest.mark.parametrize("case", REFUSED_CLAIMS)
def test_a_token_with_claims_that_do_not_hold_is_refused(
    sts: Any, provider: IdentityProvider, role: str, case: str
) -> None:
    claims, text = REFUSED_CLAIMS[case]
    assert refused(sts, role, provider.token(**claims)) == (400, "InvalidIdentityToken", text)


def test_the_clock_is_given_five_minutes_and_no_more(sts: Any, provider: IdentityProvider, role: str) -> None:
    now = int(time.time())
    assume(sts, role, provider.token(exp=now - 290, iat=now - 900))
    assume(sts, role, provider.token(iat=now + 290, nbf=now + 290))
    expired = refused(sts, role, provider.token(exp=now - 301, iat=now - 900))
    assert expired[:2] == (400, "ExpiredTokenException")
    assert expired[2].endswith(f" must be before the expiration date/time {now - 301}")
    assert expired[2].startswith("Token expired: current date/time ")


@pytest.mark.parametrize(
    "case", ["alg none", "HS256 with the public key", "another key", "an unknown key id", "a critical extension"]
)
def test_a_token_that_the_provider_did_not_sign_is_refused(
    server: InProcess, sts: Any, provider: IdentityProvider, role: str, case: str
) -> None:
    claims, mallory = provider.claims(), rsa_key("mallory")
    own = provider.key
    hostile: dict[str, tuple[Callable[[], str], tuple[int, str, str]]] = {
        "alg none": (lambda: token(claims, own, header={"alg": "none"}), NOT_A_TOKEN),
        "HS256 with the public key": (lambda: signed_with_public_key(claims, own), NOT_A_TOKEN),  # type: ignore[arg-type]  # because it is RSA
        "another key": (
            lambda: token(claims, mallory),
            (400, "InvalidIdentityToken", "The ID Token's signature is not valid."),
        ),
        "an unknown key id": (lambda: token(claims, mallory, kid="mine"), NO_KEY),
        "a critical extension": (lambda: token(claims, own, header={"crit": ["b64"]}), NOT_A_TOKEN),
    }
    make, answer = hostile[case]
    assert refused(sts, role, make()) == answer
    assert "subject" not in server.audit()[-1], "nobody is put down for what somebody else wrote"


def test_what_is_no_token_is_refused_without_asking_anybody(sts: Any, provider: IdentityProvider, role: str) -> None:
    provider.asked.clear()
    for text in ("ya29.access", "a.b.c", "x" * 20_000, "e30.e30.e30"):
        assert refused(sts, role, text) == NOT_A_TOKEN
    assert provider.asked == []
    long = refused(sts, role, "x" * 20_001)
    assert long[:2] == (400, "ValidationError")
    assert "x" * 100 not in long[2], "the token is sensitive, and is not echoed"


def test_an_oauth_token_of_the_two_old_providers_is_refused(sts: Any, provider: IdentityProvider, role: str) -> None:
    answer = refused(sts, role, provider.token(), ProviderId="www.amazon.com")
    assert answer[:2] == (400, "InvalidParameterValue")
    assert "`ProviderId` cannot be used" in answer[2]


@pytest.mark.parametrize("arn", ["nothing-valid-in-here", "arn:aws:iam::role/open-and-no-account"])
def test_what_is_no_role_arn_is_refused(sts: Any, provider: IdentityProvider, arn: str) -> None:
    assert refused(sts, arn, provider.token()) == (400, "ValidationError", f"{arn} is invalid")


# --- with and without a signature ----------------------------------------------------------------------------


def test_a_right_signature_changes_nothing_and_a_wrong_one_is_refused(
    server: InProcess, provider: IdentityProvider, role: str
) -> None:
    form = {"RoleArn": role, "RoleSessionName": "session", "WebIdentityToken": provider.token()}
    assert server.call(server.user("signer"), "AssumeRoleWithWebIdentity", form).status == 200
    wrong = Key(server.root.access_key_id, "wrong" * 8)
    assert server.call(wrong, "AssumeRoleWithWebIdentity", form).fault[:2] == (403, "SignatureDoesNotMatch")


def test_without_a_signature_there_is_nothing_else_to_call(server: InProcess) -> None:
    headers = [("Host", "127.0.0.1"), ("Content-Type", "application/x-www-form-urlencoded")]
    for action in ("GetCallerIdentity", "AssumeRole", "NoSuchAction"):
        body = f"Action={action}&Version=2011-06-15".encode()
        assert server.send("POST", "/", headers, body).fault[:2] == (403, "MissingAuthenticationToken")


def test_a_get_with_a_query_does_as_well_and_answers_json_on_demand(
    server: InProcess, provider: IdentityProvider, role: str
) -> None:
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role}
    query = urlencode({**form, "RoleSessionName": "session", "WebIdentityToken": provider.token()})
    headers = [("Host", "127.0.0.1"), ("Accept", "application/json")]
    answer = server.send("GET", f"/?{query}", headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    result = json.loads(answer.body)["AssumeRoleWithWebIdentityResponse"]["AssumeRoleWithWebIdentityResult"]
    assert result["SubjectFromWebIdentityToken"] == "alice"
    assert isinstance(result["Credentials"]["Expiration"], int | float)


def test_a_session_token_without_a_signature_is_no_signature(
    server: InProcess, provider: IdentityProvider, role: str
) -> None:
    """Some SDKs send the header of credentials that they do not sign with. (aws-sdk-php 1725)"""
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role}
    body = urlencode({**form, "RoleSessionName": "session", "WebIdentityToken": provider.token()}).encode()
    headers = [("Host", "127.0.0.1"), ("Content-Type", "application/x-www-form-urlencoded")]
    answer = server.send("POST", "/", [*headers, ("X-Amz-Security-Token", "left over")], body)
    assert answer.status == 200
