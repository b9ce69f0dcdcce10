"""GetFederationToken and GetCallerIdentity by an unmodified boto3, given only an endpoint and keys.

Source: STS API Reference, "GetFederationToken", "GetCallerIdentity"; IAM User Guide, "Requesting temporary security
credentials", "Controlling permissions for GetFederationToken".
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daypass.names import account_of_id
from support.server import Daypass, Keys, allow, deny, policy, running

EVERYTHING = policy(allow("*", "*"))


@pytest.fixture(scope="module")
def proxy(daypass: Daypass) -> Keys:
    return daypass.new_user("sts-proxy", allow(["sts:GetFederationToken", "sts:TagSession"], "*"))


@pytest.fixture(scope="module")
def sts(daypass: Daypass, proxy: Keys) -> Any:
    return daypass.client("sts", proxy)


@pytest.fixture(scope="module")
def unchecked_sts(daypass: Daypass, proxy: Keys) -> Any:
    """A client that leaves every check of parameters to the server, as other SDKs do."""
    return daypass.client("sts", proxy, parameter_validation=False)


def error(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    response = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"].get("Message", ""),
    )


# --- the answer ----------------------------------------------------------------------------------------------


def test_the_answer_has_every_field_that_aws_answers(sts: Any, daypass: Daypass) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    answer = sts.get_federation_token(Name="Bob", Policy=EVERYTHING)

    arn = f"arn:aws:sts::{daypass.account_id}:federated-user/Bob"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{daypass.account_id}:Bob", "Arn": arn}
    credentials = answer["Credentials"]
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", credentials["AccessKeyId"])
    assert account_of_id(credentials["AccessKeyId"]) == daypass.account_id
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", credentials["SecretAccessKey"])
    # Twelve hours are the default; the expiration has whole seconds.
    assert before + timedelta(hours=12) <= credentials["Expiration"] <= datetime.now(UTC) + timedelta(hours=12)
    assert answer["SessionTokenSize"] == len(credentials["SessionToken"]) <= 4096
    assert answer["SessionTokenUtilization"] == answer["PackedPolicySize"]
    assert 0 < answer["PackedPolicySize"] <= 100


def test_the_answer_carries_the_request_ids_that_aws_support_asks_for(sts: Any) -> None:
    metadata = sts.get_federation_token(Name="Bob")["ResponseMetadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["RequestId"])
    headers = metadata["HTTPHeaders"]
    assert headers["x-amzn-requestid"] == metadata["RequestId"]
    assert headers["content-type"] == "text/xml"
    extended = base64.b64decode(headers["x-amz-sts-extended-request-id"]).decode()
    assert re.fullmatch(r"1:us-east-1:S:\d{13}:R:[A-Za-z0-9]{8}", extended)


def test_every_parameter_is_taken_in_one_call(daypass: Daypass, sts: Any) -> None:
    iam = daypass.client("iam", daypass.root)
    arns = [
        iam.create_policy(PolicyName=f"every-parameter-{number}", PolicyDocument=EVERYTHING)["Policy"]["Arn"]
        for number in range(10)
    ]
    answer = sts.get_federation_token(
        Name="A+b=c,d.e@f-g_h",
        Policy=EVERYTHING,
        PolicyArns=[{"arn": arn} for arn in arns],
        DurationSeconds=900,
        Tags=[{"Key": "team", "Value": "blue"}, {"Key": "empty", "Value": ""}],
        MinimumSessionTokenSize=3000,
    )
    assert answer["FederatedUser"]["FederatedUserId"] == f"{daypass.account_id}:A+b=c,d.e@f-g_h"
    assert 3000 <= answer["SessionTokenSize"] <= 4096
    assert answer["Credentials"]["Expiration"] <= datetime.now(UTC) + timedelta(seconds=900)


@pytest.mark.parametrize(("asked", "given"), [(None, 43_200), (900, 900), (129_600, 129_600)])
def test_a_users_session_lasts_as_long_as_asked(asked: int | None, given: int, sts: Any) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    arguments = {} if asked is None else {"DurationSeconds": asked}
    expires = sts.get_federation_token(Name="Bob", **arguments)["Credentials"]["Expiration"]
    assert before + timedelta(seconds=given) <= expires <= datetime.now(UTC) + timedelta(seconds=given)


@pytest.mark.parametrize(("asked", "given"), [(None, 3600), (900, 900), (3601, 3600), (129_600, 3600)])
def test_a_session_of_root_is_cut_to_an_hour_not_refused(asked: int | None, given: int, daypass: Daypass) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    arguments = {} if asked is None else {"DurationSeconds": asked}
    answer = daypass.client("sts", daypass.root).get_federation_token(Name="Bob", **arguments)
    expires = answer["Credentials"]["Expiration"]
    assert before + timedelta(seconds=given) <= expires <= datetime.now(UTC) + timedelta(seconds=given)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-7", "moon-north-1"])
def test_any_well_formed_region_will_do(region: str, daypass: Daypass, proxy: Keys) -> None:
    answer = daypass.client("sts", proxy, region=region).get_caller_identity()
    assert answer["Account"] == daypass.account_id


# --- what is wrong with the parameters -----------------------------------------------------------------------

VIOLATIONS = [
    (
        "a name that is too long",
        {"Name": "chris.kings-lynne@healthengine.com.au"},
        "Value 'chris.kings-lynne@healthengine.com.au' at 'name' failed to satisfy constraint: "
        "Member must have length less than or equal to 32",
    ),
    (
        "a name that is too short",
        {"Name": "a"},
        "Value 'a' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2",
    ),
    (
        "a name with a slash",
        {"Name": "bad/name"},
        "Value 'bad/name' at 'name' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w+=,.@-]*",
    ),
    (
        "no name",
        {},
        "Value null at 'name' failed to satisfy constraint: Member must not be null",
    ),
    (
        "a duration that is too short",
        {"Name": "Bob", "DurationSeconds": 899},
        "Value '899' at 'durationSeconds' failed to satisfy constraint: "
        "Member must have value greater than or equal to 900",
    ),
    (
        "a duration that is too long",
        {"Name": "Bob", "DurationSeconds": 345_600},
        "Value '345600' at 'durationSeconds' failed to satisfy constraint: "
        "Member must have value less than or equal to 129600",
    ),
]


@pytest.mark.parametrize(("arguments", "item"), [row[1:] for row in VIOLATIONS], ids=[row[0] for row in VIOLATIONS])
def test_a_violated_constraint_is_answered_in_awss_words(
    arguments: dict[str, Any], item: str, unchecked_sts: Any
) -> None:
    with pytest.raises(ClientError) as caught:
        unchecked_sts.get_federation_token(**arguments)
    assert error(caught) == (400, "ValidationError", f"1 validation error detected: {item}")


def test_several_violations_are_one_answer(unchecked_sts: Any) -> None:
    with pytest.raises(ClientError) as caught:
        unchecked_sts.get_federation_token(
            Name="a/" * 20, DurationSeconds=1, Tags=[{"Key": "", "Value": "v"}], MinimumSessionTokenSize=5000
        )
    status, code, message = error(caught)
    assert (status, code) == (400, "ValidationError")
    head, _, items = message.partition(" validation errors detected: ")
    # Within one member the pattern comes before the length.
    assert items.split("; ")[0].endswith(r"Member must satisfy regular expression pattern: [\w+=,.@-]*")
    assert "Member must have length less than or equal to 32" in items
    for member in ("'name'", "'durationSeconds'", "'tags.1.member.key'", "'minimumSessionTokenSize'"):
        assert f" at {member} failed to satisfy constraint: " in items
    assert int(head) == len(items.split("; "))


def test_a_policy_over_2048_characters_is_echoed_whole(sts: Any) -> None:
    text = policy(allow("s3:GetObject", "arn:aws:s3:::" + "x" * 2048))
    with pytest.raises(ClientError) as caught:
        sts.get_federation_token(Name="Bob", Policy=text)
    assert error(caught)[2] == (
        f"1 validation error detected: Value '{text}' at 'policy' failed to satisfy constraint: "
        "Member must have length less than or equal to 2048"
    )


# --- policies ------------------------------------------------------------------------------------------------

MALFORMED = [
    ("not JSON", "{", "The policy is not in the valid JSON format."),
    ("JSON, but no policy", '{"Statement": 1}', "Syntax errors in policy."),
    (
        "a principal",
        json.dumps({"Version": "2012-10-17", "Statement": [{**allow("s3:*", "*"), "Principal": "*"}]}),
        "Policy document should not specify a principal.",
    ),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_malformed_policy_is_a_typed_exception_that_names_the_cause(text: str, message: str, sts: Any) -> None:
    with pytest.raises(sts.exceptions.MalformedPolicyDocumentException) as caught:
        sts.get_federation_token(Name="Bob", Policy=text)
    assert error(caught) == (400, "MalformedPolicyDocument", message)


def test_too_much_policy_is_a_typed_exception_with_its_percentage(daypass: Daypass, sts: Any) -> None:
    statements = [allow("s3:GetObject", f"arn:aws:s3:::bucket-{n}/*") for n in range(25)]
    large = daypass.client("iam", daypass.root).create_policy(
        PolicyName="too-much-policy", PolicyDocument=policy(*statements)
    )
    with pytest.raises(sts.exceptions.PackedPolicyTooLargeException) as caught:
        sts.get_federation_token(Name="Bob", Policy=EVERYTHING, PolicyArns=[{"arn": large["Policy"]["Arn"]}])
    status, code, message = error(caught)
    assert (status, code) == (400, "PackedPolicyTooLarge")
    found = re.fullmatch(r"Packed policy consumes (\d+)% of allotted space, please use smaller policy\.", message)
    assert found is not None
    assert int(found[1]) > 100


@pytest.mark.parametrize("account", ["own", "999999999999"])
def test_a_managed_policy_that_cannot_be_found_is_refused(account: str, daypass: Daypass, sts: Any) -> None:
    owner = daypass.account_id if account == "own" else account
    with pytest.raises(ClientError) as caught:
        sts.get_federation_token(Name="Bob", PolicyArns=[{"arn": f"arn:aws:iam::{owner}:policy/none"}])
    assert error(caught) == (
        400,
        "InvalidParameterValue",
        "At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN.",
    )


# --- tags ----------------------------------------------------------------------------------------------------


def test_tag_keys_that_differ_in_case_only_are_duplicates(sts: Any) -> None:
    with pytest.raises(ClientError) as caught:
        sts.get_federation_token(Name="Bob", Tags=[{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}])
    assert error(caught) == (
        400,
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )


def test_tags_need_a_permission_of_their_own(daypass: Daypass) -> None:
    keys = daypass.new_user("sts-no-tags", allow("sts:GetFederationToken", "*"))
    sts = daypass.client("sts", keys)
    assert sts.get_federation_token(Name="Bob")["Credentials"]
    with pytest.raises(ClientError) as caught:
        sts.get_federation_token(Name="Bob", Tags=[{"Key": "team", "Value": "blue"}])
    assert error(caught) == (
        403,
        "AccessDenied",
        f"User: arn:aws:iam::{daypass.account_id}:user/sts-no-tags is not authorized to perform: sts:TagSession on "
        f"resource: arn:aws:sts::{daypass.account_id}:federated-user/Bob "
        "because no identity-based policy allows the sts:TagSession action",
    )


def test_a_policy_may_say_which_tags_can_be_passed(daypass: Daypass) -> None:
    keys = daypass.new_user(
        "sts-some-tags",
        allow("sts:GetFederationToken", "*"),
        allow("sts:TagSession", "*", Condition={"StringEquals": {"aws:RequestTag/team": ["blue", "red"]}}),
    )
    sts = daypass.client("sts", keys)
    assert sts.get_federation_token(Name="Bob", Tags=[{"Key": "team", "Value": "red"}])["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.get_federation_token(Name="Bob", Tags=[{"Key": "team", "Value": "green"}])


# --- who may call --------------------------------------------------------------------------------------------


def test_a_user_without_permission_is_refused_and_told_which_kind_of_policy_is_missing(daypass: Daypass) -> None:
    sts = daypass.client("sts", daypass.new_user("sts-nobody"))
    with pytest.raises(ClientError) as caught:
        sts.get_federation_token(Name="Bob")
    assert error(caught) == (
        403,
        "AccessDenied",
        f"User: arn:aws:iam::{daypass.account_id}:user/sts-nobody is not authorized to perform: "
        f"sts:GetFederationToken on resource: arn:aws:sts::{daypass.account_id}:federated-user/Bob "
        "because no identity-based policy allows the sts:GetFederationToken action",
    )


def test_an_explicit_deny_is_told_from_a_missing_allow(daypass: Daypass) -> None:
    everyone = f"arn:aws:sts::{daypass.account_id}:federated-user"
    keys = daypass.new_user("sts-not-eve", allow("*", "*"), deny("sts:GetFederationToken", f"{everyone}/Eve*"))
    sts = daypass.client("sts", keys)
    assert sts.get_federation_token(Name="Bob")["Credentials"]
    with pytest.raises(ClientError) as caught:
        sts.get_federation_token(Name="Eve2")
    assert error(caught)[2].endswith(f"{everyone}/Eve2 with an explicit deny in an identity-based policy")


def test_a_policy_may_say_for_whom_credentials_can_be_had(daypass: Daypass) -> None:
    managers = f"arn:aws:sts::{daypass.account_id}:federated-user/Manager*"
    sts = daypass.client("sts", daypass.new_user("sts-managers", allow("sts:GetFederationToken", managers)))
    assert sts.get_federation_token(Name="Manager-Ann")["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.get_federation_token(Name="Bob")


def test_session_credentials_cannot_get_more_of_their_kind(daypass: Daypass, sts: Any) -> None:
    federated = Keys.of(sts.get_federation_token(Name="Bob", Policy=EVERYTHING)["Credentials"])
    with pytest.raises(ClientError) as caught:
        daypass.client("sts", federated).get_federation_token(Name="Eve")
    assert error(caught) == (403, "AccessDenied", "Cannot call GetFederationToken with session credentials")


@pytest.mark.parametrize("issuer", ["user", "root"])
def test_iam_does_not_know_federated_credentials_whatever_they_may_do(
    issuer: str, daypass: Daypass, proxy: Keys
) -> None:
    sts = daypass.client("sts", daypass.root if issuer == "root" else proxy)
    federated = Keys.of(sts.get_federation_token(Name="Bob", Policy=EVERYTHING)["Credentials"])
    iam = daypass.client("iam", federated)
    for call in (iam.list_users, lambda: iam.create_user(UserName="by-bob"), iam.get_user):
        with pytest.raises(ClientError) as caught:
            call()
        assert error(caught) == (403, "InvalidClientTokenId", "The security token included in the request is invalid")


# --- who am I ------------------------------------------------------------------------------------------------


def test_root_is_told_who_it_is(daypass: Daypass) -> None:
    answer = daypass.client("sts", daypass.root).get_caller_identity()
    assert (answer["Arn"], answer["UserId"], answer["Account"]) == (
        f"arn:aws:iam::{daypass.account_id}:root",
        daypass.account_id,
        daypass.account_id,
    )


def test_a_user_is_told_who_it_is_even_where_everything_is_denied(daypass: Daypass) -> None:
    answer = daypass.client("sts", daypass.new_user("sts-who", deny("*", "*"))).get_caller_identity()
    assert answer["Arn"] == f"arn:aws:iam::{daypass.account_id}:user/sts-who"
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", answer["UserId"])
    assert account_of_id(answer["UserId"]) == answer["Account"] == daypass.account_id


def test_a_federated_user_is_told_who_it_is_with_no_policy_at_all(daypass: Daypass, sts: Any) -> None:
    federated = Keys.of(sts.get_federation_token(Name="Bob")["Credentials"])
    answer = daypass.client("sts", federated).get_caller_identity()
    assert (answer["Arn"], answer["UserId"], answer["Account"]) == (
        f"arn:aws:sts::{daypass.account_id}:federated-user/Bob",
        f"{daypass.account_id}:Bob",
        daypass.account_id,
    )


# --- signatures and tokens -----------------------------------------------------------------------------------

INVALID = "The security token included in the request is invalid"


def test_wrong_credentials_are_told_apart_as_aws_tells_them(daypass: Daypass, proxy: Keys, sts: Any) -> None:
    federated = Keys.of(sts.get_federation_token(Name="Bob")["Credentials"])
    other = Keys.of(sts.get_federation_token(Name="Bob")["Credentials"])
    assert federated.session_token is not None
    middle = len(federated.session_token) // 2
    letter = "A" if federated.session_token[middle] != "A" else "B"
    damaged = federated.session_token[:middle] + letter + federated.session_token[middle + 1 :]
    mismatch = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )
    rows = [
        (Keys("AKIANOBODYATALL22222", "x"), "InvalidClientTokenId", f"{INVALID}."),
        (Keys(proxy.access_key_id, "another secret"), "SignatureDoesNotMatch", mismatch),
        (Keys(federated.access_key_id, federated.secret_access_key), "InvalidClientTokenId", f"{INVALID}."),
        (
            Keys(federated.access_key_id, federated.secret_access_key, other.session_token),
            "InvalidClientTokenId",
            f"{INVALID}.",
        ),
        (Keys(federated.access_key_id, "another secret", federated.session_token), "SignatureDoesNotMatch", mismatch),
        (Keys(federated.access_key_id, federated.secret_access_key, damaged), "InvalidClientTokenId", INVALID),
    ]
    for keys, code, message in rows:
        with pytest.raises(ClientError) as caught:
            daypass.client("sts", keys).get_caller_identity()
        assert error(caught) == (403, code, message), keys


def test_a_token_of_another_daypass_is_worth_nothing_here(daypass: Daypass, tmp_path: Any) -> None:
    with running(tmp_path / "other") as other:
        issued = other.client("sts", other.root).get_federation_token(Name="Bob", Policy=EVERYTHING)
        with pytest.raises(ClientError) as caught:
            daypass.client("sts", Keys.of(issued["Credentials"])).get_caller_identity()
    assert error(caught) == (403, "InvalidClientTokenId", INVALID)


# --- what is not served --------------------------------------------------------------------------------------


def test_the_client_needs_nothing_but_the_endpoint_and_keys_in_its_environment(
    daypass: Daypass, proxy: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", daypass.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name, value in proxy.environment().items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":user/sts-proxy")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("iam").list_users()
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("s3").list_buckets()
