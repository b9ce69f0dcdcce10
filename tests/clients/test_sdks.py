"""The same round by every AWS SDK, unmodified: what each reads of the answers, and what each throws.

boto3's round is in every run of the tests. Those of SDKs from their registries are run by `make test-clients`.

Source: STS API Reference, "GetFederationToken", "AssumeRole", "GetCallerIdentity" and their errors; each SDK's own
reference for the names of its exceptions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

from support import sdks
from support.sdks import Sdk
from support.server import REGION, Daypass, Keys, allow, policy
from support.tls_front import tls_front

BUCKET = "sdk-rounds"
BODY = "of round 1 ü\n"
EXTERNAL_ID = "round-7"
# Over TLS most SDKs send bodies in other ways: unsigned, in chunks, with a checksum after them.
EVERY_SDK = [
    pytest.param((sdk, scheme), id=f"{sdk.name}-{scheme}", marks=marks)
    for sdk, marks in [(sdks.BOTO3, ()), *[(sdk, pytest.mark.clients(sdk.name)) for sdk in sdks.FROM_REGISTRIES]]
    for scheme in ("http", "https")
]


@dataclass(frozen=True)
class World:
    """What every round is asked to use. user: who signs."""

    daypass: Daypass
    user: Keys
    user_name: str
    policy_arn: str
    large_policy_arn: str
    role_arn: str
    role_id: str


@dataclass(frozen=True)
class Round:
    """What one SDK printed. began, ended: seconds since the epoch, around all of it."""

    sdk: Sdk
    prefix: str
    lines: dict[str, dict[str, Any]]
    began: float
    ended: float

    def detail(self, check: str) -> dict[str, Any]:
        line = self.lines[check]
        assert line["ok"], line["detail"]
        detail: dict[str, Any] = line["detail"]
        return detail


@pytest.fixture(scope="module")
def world(daypass: Daypass) -> World:
    name = "sdk-round"
    s3, iam = daypass.client("s3", daypass.root), daypass.client("iam", daypass.root)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="outside/a.txt", Body=b"not for them")
    sessions = ["sts:GetFederationToken", "sts:TagSession", "sts:AssumeRole", "sts:SetSourceIdentity"]
    user = daypass.new_user(
        name, allow(sessions, "*"), allow("s3:*", [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"])
    )
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{daypass.account_id}:user/{name}"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }
    guarded = {**trust, "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}
    # Tags and source identity are asked about in the same request, which carries the external id as well.
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(guarded))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("s3:*", "*")))
    small = policy(allow("s3:GetBucketLocation", f"arn:aws:s3:::{BUCKET}"))
    large = policy(*[allow("s3:GetObject", f"arn:aws:s3:::bucket-{n}/*") for n in range(25)])
    arns = [
        iam.create_policy(PolicyName=f"{name}-{size}", PolicyDocument=document)["Policy"]["Arn"]
        for size, document in (("small", small), ("large", large))
    ]
    return World(daypass, user, name, arns[0], arns[1], role["Arn"], role["RoleId"])


@pytest.fixture(scope="module")
def front(daypass: Daypass, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """TLS before the server: where it is, and how each SDK is told to trust it."""
    directory = tmp_path_factory.mktemp("sdk-front")
    with tls_front(directory, urlsplit(daypass.url).port or 0) as running:
        authority = x509.load_pem_x509_certificate(running.ca.read_bytes())
        store = directory / "trusted.p12"
        trusted = PKCS12Certificate(authority, b"tests")
        store.write_bytes(serialize_java_truststore([trusted], BestAvailableEncryption(b"changeit")))
        yield {
            "AWS_ENDPOINT_URL": running.url,
            "AWS_CA_BUNDLE": str(running.ca),
            "NODE_EXTRA_CA_CERTS": str(running.ca),
            "JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit",
        }


@pytest.fixture(scope="module", params=EVERY_SDK)
def round_(request: pytest.FixtureRequest, world: World, front: dict[str, str]) -> Round:
    sdk, scheme = request.param
    sdk.prepared()
    prefix = f"{sdk.name}-{scheme}/"
    objects = f"arn:aws:s3:::{BUCKET}"
    narrowed = policy(
        allow(["s3:GetObject", "s3:PutObject"], f"{objects}/{prefix}*"),
        allow("s3:ListBucket", objects, Condition={"StringLike": {"s3:prefix": f"{prefix}*"}}),
    )
    environment = {
        **({"AWS_ENDPOINT_URL": world.daypass.url} if scheme == "http" else front),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **world.user.environment(),
        "ROUND_BUCKET": BUCKET,
        "ROUND_PREFIX": prefix,
        "ROUND_POLICY": narrowed,
        "ROUND_POLICY_ARN": world.policy_arn,
        "ROUND_LARGE_POLICY_ARN": world.large_policy_arn,
        "ROUND_ROLE_ARN": world.role_arn,
        "ROUND_EXTERNAL_ID": EXTERNAL_ID,
    }
    began = time.time()
    return Round(sdk, prefix, sdk.run(environment), began, time.time())


# --- STS ---------------------------------------------------------------------------------------------------------


def test_get_caller_identity_is_read_whole(round_: Round, world: World) -> None:
    identity = round_.detail("caller")
    assert identity["account"] == world.daypass.account_id
    assert identity["arn"] == f"arn:aws:iam::{world.daypass.account_id}:user/{world.user_name}"
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", identity["userId"])


def test_get_federation_token_with_every_parameter_is_read_whole(round_: Round, world: World) -> None:
    token = round_.detail("federation")
    account = world.daypass.account_id
    assert token["arn"] == f"arn:aws:sts::{account}:federated-user/Round-1"
    assert token["federatedUserId"] == f"{account}:Round-1"
    credentials_are_whole(token, round_, 1800)


def test_assume_role_with_its_parameters_is_read_whole(round_: Round, world: World) -> None:
    role = round_.detail("role")
    assert role["arn"] == f"arn:aws:sts::{world.daypass.account_id}:assumed-role/{world.user_name}/Round-1"
    assert role["assumedRoleId"] == f"{world.role_id}:Round-1"
    assert role["sourceIdentity"] == "round"
    assert role["caller"] == role["arn"]
    credentials_are_whole(role, round_, 900)


def credentials_are_whole(token: dict[str, Any], round_: Round, seconds: int) -> None:
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", token["accessKeyId"])
    assert token["secretChars"] == 40
    assert int(round_.began) + seconds <= token["expiration"] <= round_.ended + seconds
    assert 0 < token["packedPolicySize"] <= 100
    if "sessionTokenSize" in round_.sdk.lacks:
        assert token["tokenChars"] <= 4096
        return
    assert 3000 <= token["sessionTokenSize"] == token["tokenChars"] <= 4096
    assert token["sessionTokenUtilization"] == token["packedPolicySize"]


TYPED = [
    (
        "malformed",
        "MalformedPolicyDocumentException",
        "MalformedPolicyDocument",
        r"The policy is not in the valid JSON.*",
    ),
    (
        "too-large",
        "PackedPolicyTooLargeException",
        "PackedPolicyTooLarge",
        r"Packed policy consumes \d+% of allotted.*",
    ),
]


@pytest.mark.parametrize(("check", "type_name", "code", "message"), TYPED, ids=[row[0] for row in TYPED])
def test_a_modelled_error_is_thrown_as_the_sdks_own_type_for_it(
    check: str, type_name: str, code: str, message: str, round_: Round
) -> None:
    error = round_.detail(check)
    # Some SDKs name the code after their type, as the JSON protocols do; what they got is by its message the same.
    assert error["type"] == type_name
    assert error["code"] in (code, type_name)
    assert error["status"] == 400
    assert re.match(message, error["message"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", error["requestId"])


def test_an_error_of_every_service_is_read_with_code_status_and_message(round_: Round) -> None:
    error = round_.detail("denied")
    assert (error["code"], error["status"]) == ("AccessDenied", 403)
    # Its session policy allows no call of STS, and permission is looked at first.
    assert "is not authorized to perform: sts:GetFederationToken" in error["message"]


# --- S3 with the credentials ---------------------------------------------------------------------------------------


def test_an_object_is_put_got_and_listed_with_the_credentials(round_: Round, world: World) -> None:
    key = f"{round_.prefix}ü +%2F.txt"
    assert round_.detail("get") == {"body": BODY, "etag": round_.detail("put")["etag"]}
    assert round_.detail("list")["keys"] == [key]
    stored = world.daypass.client("s3", world.daypass.root).get_object(Bucket=BUCKET, Key=key)
    assert stored["Body"].read().decode() == BODY


@pytest.mark.parametrize("check", ["get-outside", "put-outside"])
def test_outside_the_prefix_the_credentials_reach_nothing(check: str, round_: Round, world: World) -> None:
    error = round_.detail(check)
    assert (error["code"], error["status"]) == ("AccessDenied", 403)
    assert "because no session policy allows the s3:" in error["message"]
    kept = world.daypass.client("s3", world.daypass.root).list_objects_v2(Bucket=BUCKET, Prefix="outside/")
    assert [entry["Key"] for entry in kept["Contents"]] == ["outside/a.txt"]


def test_the_program_printed_nothing_but_its_checks(round_: Round) -> None:
    assert len(round_.lines) == 11
