"""AssumeRoleWithSAML through boto3, unsigned as SDKs send it, with responses signed as identity providers sign them.

Source: AWS Security Token Service API Reference, AssumeRoleWithSAML; IAM User Guide, "Configure SAML assertions for
the authentication response", "Available keys for SAML-based AWS STS federation", "Troubleshoot SAML federation".
"""

from __future__ import annotations

import base64
import builtins
import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.api import ACCOUNT, InProcess, Key, allow, in_process
from support.boto3_in_process import client
from support.iam import refusal
from support.roles import federated_trust, new_role
from support.saml import AWS, PERSISTENT, RECIPIENT, audience, encoded, instant, response
from support.saml_metadata import ENTITY_ID, metadata, signer

ACTION = "sts:AssumeRoleWithSAML"
ALL = [ACTION, "sts:TagSession", "sts:SetSourceIdentity"]
DENIED = (403, "AccessDenied", f"Not authorized to perform {ACTION}")
OWN = signer()
PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/Corporate"
OURS = "https://sts.example.com/saml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("saml") / "data", options={"saml_recipients": OURS}) as running:
        client(running, running.root).create_saml_provider(Name="Corporate", SAMLMetadataDocument=metadata(OWN))
        yield running


@pytest.fixture(scope="module")
def role(server: InProcess) -> str:
    trust = federated_trust(PROVIDER, ALL)
    return new_role(server, "open", trust, allow("iam:ListUsers"), MaxSessionDuration="7200")


@pytest.fixture
def sts(server: InProcess) -> Any:
    return client(server, server.root, "sts")


def values(role: str, **more: list[str]) -> dict[str, list[str]]:
    """AWS's attributes. more: by their names below AWS's."""
    aws = {"Role": [f"{role},{PROVIDER}"], "RoleSessionName": ["alice@example.org"], **more}
    return {f"{AWS}{name}": listed for name, listed in aws.items() if listed}


def assume(sts: Any, role: str, text: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = sts.assume_role_with_saml(
        **{"RoleArn": role, "PrincipalArn": PROVIDER, "SAMLAssertion": encoded(text), **more}
    )
    return answer


def refused(sts: Any, role: str, text: str, **more: Any) -> tuple[int, str, str]:
    passed = {"RoleArn": role, "PrincipalArn": PROVIDER, "SAMLAssertion": encoded(text), **more}
    return refusal(sts.assume_role_with_saml, **passed)


def seconds(answer: dict[str, Any]) -> float:
    left: float = answer["Credentials"]["Expiration"].timestamp() - time.time()
    return left


# --- what it gives -------------------------------------------------------------------------------------------


def test_an_assertion_is_traded_for_a_role_session(server: InProcess, sts: Any, role: str) -> None:
    answer = assume(sts, role, response(OWN, values(role)))
    qualified = f"{ENTITY_ID}{ACCOUNT}/Corporate".encode()
    assert {name: answer[name] for name in ("Subject", "SubjectType", "Issuer", "Audience", "NameQualifier")} == {
        "Subject": "alice",
        "SubjectType": "persistent",
        "Issuer": ENTITY_ID,
        "Audience": RECIPIENT,
        "NameQualifier": base64.b64encode(hashlib.sha1(qualified).digest()).decode(),  # noqa: S324  AWS's definition
    }
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/open/alice@example.org"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert 3590 <= seconds(answer) <= 3600
    issued = answer["Credentials"]
    session = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    assert client(server, session, "sts").get_caller_identity()["Arn"] == arn
    client(server, session).list_users()
    record = next(one for one in server.audit() if one["session_access_key_id"] == issued["AccessKeyId"])
    assert (record["caller_arn"], record["subject"]) == (PROVIDER, "alice")


def test_tags_and_source_identity_come_from_the_assertion(sts: Any, role: str) -> None:
    marked = values(role, SourceIdentity=["Alice"], TransitiveTagKeys=["Team"])
    marked |= {f"{AWS}PrincipalTag:Team": ["red"], f"{AWS}PrincipalTag:Cost": [""]}
    answer = assume(sts, role, response(OWN, marked))
    assert answer["SourceIdentity"] == "Alice"
    assert answer["PackedPolicySize"] > 0


def test_our_own_address_serves_as_recipient_and_audience(sts: Any, role: str) -> None:
    text = response(OWN, values(role), recipient=OURS, conditions=audience("somebody", OURS))
    assert assume(sts, role, text)["Audience"] == OURS


def test_the_session_lasts_no_longer_than_anything_says(sts: Any, role: str) -> None:
    now = datetime.now(UTC)
    until = f' SessionNotOnOrAfter="{instant(now + timedelta(minutes=20))}"'
    short = response(OWN, values(role), session_ends=until)
    assert 1180 <= seconds(assume(sts, role, short)) <= 1200
    assert 890 <= seconds(assume(sts, role, short, DurationSeconds=900)) <= 900
    assert 7190 <= seconds(assume(sts, role, response(OWN, values(role)), DurationSeconds=7200)) <= 7200
    limited = response(OWN, values(role, SessionDuration=["1800"]))
    assert 1790 <= seconds(assume(sts, role, limited)) <= 1800
    assert refused(sts, role, response(OWN, values(role)), DurationSeconds=7201)[1] == "ValidationError"


@pytest.mark.parametrize(
    ("condition", "lets_in"),
    [
        ({"StringEquals": {"saml:aud": RECIPIENT, "saml:iss": ENTITY_ID, "saml:sub": "alice"}}, True),
        ({"StringEquals": {"saml:sub_type": "persistent", "saml:doc": f"{ACCOUNT}/Corporate"}}, True),
        ({"StringEquals": {"saml:sub": "bob"}}, False),
        ({"StringEquals": {"SAML:aud": "https://other.example.com/saml"}}, False),
        ({"Null": {"saml:namequalifier": "false"}}, True),
        ({"ForAnyValue:StringEquals": {"saml:edupersonaffiliation": "staff"}}, True),
        ({"ForAllValues:StringEquals": {"saml:edupersonaffiliation": "staff"}}, False),
        ({"StringEquals": {"aws:FederatedProvider": PROVIDER}}, True),
        ({"StringEquals": {"sts:RoleSessionName": "alice@example.org"}}, True),
    ],
)
def test_the_trust_policy_decides_by_the_assertion(
    server: InProcess, sts: Any, name: str, condition: Any, lets_in: bool
) -> None:
    role = new_role(server, name, federated_trust(PROVIDER, ALL, **condition))
    said = values(role) | {"urn:oid:1.3.6.1.4.1.5923.1.1.1.1": ["staff", "member"]}
    if lets_in:
        assume(sts, role, response(OWN, said))
    else:
        assert refused(sts, role, response(OWN, said)) == DENIED


def test_what_the_assertion_says_is_known_when_the_session_is_used(server: InProcess, sts: Any) -> None:
    keys = {"saml:sub": "alice", "saml:sub_type": "persistent", "aws:FederatedProvider": PROVIDER}
    role = new_role(
        server, "keys", federated_trust(PROVIDER, ALL), allow("iam:ListUsers", "*", Condition={"StringEquals": keys})
    )
    for name, status in (("alice", 200), ("bob", 403)):
        issued = assume(sts, role, response(OWN, values(role), name=name))["Credentials"]
        session = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
        assert server.call(session, "ListUsers", service="iam").status == status


def test_tags_and_source_identity_need_a_permission_of_their_own(server: InProcess, sts: Any) -> None:
    role = new_role(server, "plain", federated_trust(PROVIDER, ACTION))
    assume(sts, role, response(OWN, values(role)))
    tagged = response(OWN, values(role) | {f"{AWS}PrincipalTag:Team": ["red"]})
    assert refused(sts, role, tagged)[2] == "Not authorized to perform sts:TagSession"
    named = response(OWN, values(role, SourceIdentity=["alice"]))
    assert refused(sts, role, named)[2] == "Not authorized to perform sts:SetSourceIdentity"


# --- whom it does not let in ---------------------------------------------------------------------------------


def test_the_provider_says_which_roles_its_user_may_assume(server: InProcess, sts: Any, role: str) -> None:
    other = new_role(server, "other", federated_trust(PROVIDER, ALL))
    assert refused(sts, other, response(OWN, values(role))) == DENIED
    either = values(role) | {f"{AWS}Role": [f"{other},{PROVIDER}", f" {PROVIDER} , {role} "]}
    assume(sts, role, response(OWN, either))
    assume(sts, other, response(OWN, either))
    none = f"arn:aws:iam::{ACCOUNT}:role/none"
    assert refused(sts, none, response(OWN, values(none))) == DENIED
    untrusting = new_role(server, "untrusting", federated_trust(f"{PROVIDER}2", ALL))
    assert refused(sts, untrusting, response(OWN, values(untrusting))) == DENIED


def test_a_provider_is_looked_for_in_the_account_of_the_role(sts: Any, role: str) -> None:
    text = response(OWN, values(role))
    for changed in (
        {"PrincipalArn": f"{PROVIDER}2"},
        {"PrincipalArn": PROVIDER.replace(ACCOUNT, "999988887777")},
        {"RoleArn": role.replace(ACCOUNT, "999988887777")},
        {"PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/open"},
    ):
        answer = refused(sts, role, text, **changed)
        assert answer == (400, "InvalidIdentityToken", "Specified provider doesn't exist.")


NOW = datetime.now(UTC)
INVALID = "Invalid SAMLResponse: "
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no session name": ({"RoleSessionName": []}, {}, "RoleSessionName is required in AuthnResponse"),
    "a session name of one letter": (
        {"RoleSessionName": ["a"]},
        {},
        "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}",
    ),
    "a session name with a space": (
        {"RoleSessionName": ["a b"]},
        {},
        "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}",
    ),
    "two session names": (
        {"RoleSessionName": ["alice", "root"]},
        {},
        "RoleSessionName in AuthnResponse must have one value",
    ),
    "a source identity of AWS's": (
        {"SourceIdentity": ["aws:root"]},
        {},
        'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"',
    ),
    "two source identities": (
        {"SourceIdentity": ["alice", "bob"]},
        {},
        "SourceIdentity in AuthnResponse must have one value",
    ),
    "a tag of two values": ({"PrincipalTag:a": ["b", "c"]}, {}, "Unable to validate tags"),
    "a tag of AWS's": ({"PrincipalTag:aws:a": ["b"]}, {}, "Unable to validate tags"),
    "a tag without a name": ({"PrincipalTag:": ["b"]}, {}, "Unable to validate tags"),
    "a transitive tag that is not passed": ({"TransitiveTagKeys": ["a"]}, {}, "Unable to validate tags"),
    "a duration in words": (
        {"SessionDuration": ["long"]},
        {},
        "SessionDuration in AuthnResponse must be a number of seconds from 900 to 43200",
    ),
    "another issuer": ({}, {"issuer": "https://evil.example.com"}, "Issuer not present in specified provider"),
    "another audience": (
        {},
        {"conditions": audience("urn:example:other")},
        "Response does not contain the required audience.",
    ),
    "no audience": ({}, {"conditions": ""}, "Response does not contain the required audience."),
    "an audience that one of two restrictions forbids": (
        {},
        {"conditions": audience("urn:amazon:webservices") + audience("urn:example:other")},
        "Response does not contain the required audience.",
    ),
    "a condition that is not served": (
        {},
        {"conditions": audience("urn:amazon:webservices") + "<saml:OneTimeUse/>"},
        f"{INVALID}its assertion has a condition that is not served",
    ),
    "another recipient": (
        {},
        {"recipient": "https://evil.example.com/saml"},
        f"{INVALID}its recipient is somebody else",
    ),
    "a holder of a key": (
        {},
        {"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"},
        f"{INVALID}its subject is not confirmed by bearing it",
    ),
    "no end of its confirmation": ({}, {"confirmed_until": ""}, f"{INVALID}its NotOnOrAfter is not an instant"),
    "not valid yet": (
        {},
        {"not_before": instant(NOW + timedelta(hours=1))},
        f"{INVALID}its assertion is not valid yet",
    ),
    "issued in the future": (
        {},
        {"issued": instant(NOW + timedelta(hours=1))},
        f"{INVALID}its assertion is issued in the future",
    ),
    "SAML 1.1": ({}, {"version": "1.1"}, f"{INVALID}its assertion is not of SAML 2.0"),
    "a name with an element in it": ({}, {"name": "alice<b/>"}, f"{INVALID}a text in it is none"),
    "a name with a comment in it": ({}, {"name": "alice<!---->.example.org"}, f"{INVALID}it has a comment"),
    "a name with a line break": ({}, {"name": "alice&#10;root"}, f"{INVALID}a text in it is none"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_assertion_that_does_not_hold_is_refused(sts: Any, role: str, case: str) -> None:
    more, changes, text = REFUSED[case]
    sent = response(OWN, values(role, **more), **changes)
    assert refused(sts, role, sent) == (400, "InvalidIdentityToken", text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"issued": instant(NOW - timedelta(minutes=6))}, "Token must be redeemed within 5 minutes of issuance"),
        ({"not_on_or_after": instant(NOW - timedelta(seconds=1))}, "The SAML assertion has expired."),
        (
            {"confirmed_until": f'NotOnOrAfter="{instant(NOW - timedelta(seconds=1))}" '},
            "The SAML assertion has expired.",
        ),
        (
            {"session_ends": f' SessionNotOnOrAfter="{instant(NOW - timedelta(seconds=1))}"'},
            "The SAML assertion has expired.",
        ),
    ],
)
def test_an_assertion_that_is_over_says_so(sts: Any, role: str, changes: Any, text: str) -> None:
    assert refused(sts, role, response(OWN, values(role), **changes)) == (400, "ExpiredTokenException", text)


def test_a_provider_that_has_let_nobody_in_is_taken_at_its_word(sts: Any, role: str) -> None:
    for status in ("Requester", "Responder"):
        failed = response(OWN, values(role), status=f"urn:oasis:names:tc:SAML:2.0:status:{status}")
        assert refused(sts, role, failed) == (
            403,
            "IDPRejectedClaim",
            "The identity provider reported that authentication failed.",
        )


def test_what_the_provider_did_not_sign_is_refused(sts: Any, role: str) -> None:
    invalid = (400, "InvalidIdentityToken", "Response signature invalid")
    assert refused(sts, role, response(signer("mallory"), values(role))) == invalid
    assert refused(sts, role, response(OWN, values(role), sign="nothing")) == invalid
    tampered = response(OWN, values(role)).replace("alice@example.org", "root@example.org")
    assert refused(sts, role, tampered) == invalid


def test_what_is_no_response_is_refused_and_not_echoed(sts: Any, role: str) -> None:
    passed = {"RoleArn": role, "PrincipalArn": PROVIDER}
    broken = refusal(sts.assume_role_with_saml, SAMLAssertion="not base64!", **passed)
    assert broken == (400, "InvalidIdentityToken", f"{INVALID}Invalid base64 SAMLResponse")
    long = refusal(sts.assume_role_with_saml, SAMLAssertion="A" * 100_001, **passed)
    assert long[:2] == (400, "ValidationError")
    assert "A" * 100 not in long[2]


def test_a_provider_whose_metadata_have_expired_signs_nobody_in(server: InProcess, sts: Any, role: str) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    name = "Expiring"
    document = metadata(OWN, attributes=f' validUntil="{instant(soon)}"')
    arn = client(server, server.root).create_saml_provider(Name=name, SAMLMetadataDocument=document)["SAMLProviderArn"]
    trusting = new_role(server, "expiring", federated_trust(arn, ALL))
    said = values(trusting) | {f"{AWS}Role": [f"{trusting},{arn}"]}
    assume(sts, trusting, response(OWN, said), PrincipalArn=arn)
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.1)
    assert refused(sts, trusting, response(OWN, said), PrincipalArn=arn)[2] == (
        "The metadata of the specified provider have expired."
    )


def test_without_what_verifies_signatures_the_action_says_how_to_get_it(
    sts: Any, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.startswith("signxml"):
            raise ImportError(name)
        return importing(name, *more, **named)

    text = response(OWN, values(role))
    monkeypatch.setattr(builtins, "__import__", without)
    answer = refused(sts, role, text)
    assert answer[:2] == (400, "InvalidAction")
    assert "daypass[saml]" in answer[2]


def test_other_formats_of_names_are_answered_whole(sts: Any, role: str) -> None:
    email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    assert assume(sts, role, response(OWN, values(role), format=email))["SubjectType"] == email
    assert assume(sts, role, response(OWN, values(role), format=PERSISTENT))["SubjectType"] == "persistent"
