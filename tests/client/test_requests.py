"""Requests as values: what they check before anything is sent, and that they are values.

Source: the STS model's constraints; the wording of ValidationError as recorded at AWS STS.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from daypass.client import (
    AssumeRoleRequest,
    AssumeRoleWithWebIdentityRequest,
    GetFederationTokenRequest,
    GetScopedCredentialsRequest,
    GetSessionTokenRequest,
    PolicyBuilder,
    TokenServiceError,
    ValidationError,
)
from daypass.client.errors import InvalidParameterValue
from daypass.wire import model

ROLE = "arn:aws:iam::111122223333:role/reader"
WHOLE = GetFederationTokenRequest(
    "Bob", '{"a":1}', 900, ["arn:aws:iam::111122223333:policy/a"], {"team": "blue", "empty": ""}, 3000
)

REFUSED = [
    (
        "a name that is too long",
        lambda: GetFederationTokenRequest("chris.kings-lynne@healthengine.com.au"),
        "Value 'chris.kings-lynne@healthengine.com.au' at 'name' failed to satisfy constraint: "
        "Member must have length less than or equal to 32",
    ),
    (
        "a name with a slash",
        lambda: GetFederationTokenRequest("bad/name"),
        r"Value 'bad/name' at 'name' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w+=,.@-]*",
    ),
    (
        "a duration that is too short",
        lambda: GetFederationTokenRequest("Bob", duration_seconds=899),
        "Value '899' at 'durationSeconds' failed to satisfy constraint: "
        "Member must have value greater than or equal to 900",
    ),
    (
        "a duration that is too long",
        lambda: GetFederationTokenRequest("Bob").with_duration_seconds(129_601),
        "Value '129601' at 'durationSeconds' failed to satisfy constraint: "
        "Member must have value less than or equal to 129600",
    ),
    (
        "a policy that is too long",
        lambda: GetFederationTokenRequest("Bob").with_policy("x" * 2049),
        f"Value '{'x' * 2049}' at 'policy' failed to satisfy constraint: "
        "Member must have length less than or equal to 2048",
    ),
    (
        "a token that is to be larger than tokens get",
        lambda: WHOLE.with_minimum_session_token_size(4097),
        "Value '4097' at 'minimumSessionTokenSize' failed to satisfy constraint: "
        "Member must have value less than or equal to 4096",
    ),
    (
        "a name of a role session that is too short",
        lambda: AssumeRoleRequest(ROLE, "x"),
        "Value 'x' at 'roleSessionName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 2",
    ),
    (
        "a role session of a day",
        lambda: AssumeRoleRequest(ROLE, "Bob", duration_seconds=timedelta(days=1)),
        "Value '86400' at 'durationSeconds' failed to satisfy constraint: "
        "Member must have value less than or equal to 43200",
    ),
]


@pytest.mark.parametrize(("make", "item"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_violated_constraint_is_refused_in_the_services_words_before_anything_is_sent(
    make: Callable[[], Any], item: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        make()
    assert (caught.value.code, caught.value.status) == ("ValidationError", 400)
    assert caught.value.message == f"1 validation error detected: {item}"
    assert caught.value.request_id is None


def test_several_violations_are_one_error() -> None:
    with pytest.raises(ValidationError, match=r"^ValidationError: 4 validation errors detected: ") as caught:
        GetFederationTokenRequest("a/", duration_seconds=1, tags={"": "v"})
    assert caught.value.message is not None
    for member in ("'name'", "'durationSeconds'", "'tags.1.member.key'"):
        assert f" at {member} failed" in caught.value.message


def test_more_policy_arns_than_ten_are_refused_though_the_model_does_not_say_so() -> None:
    arns = [f"arn:aws:iam::111122223333:policy/p{number}" for number in range(11)]
    assert len(WHOLE.with_policy_arns(*arns[:10]).policy_arns) == 10
    with pytest.raises(ValidationError, match=r"'policyArns' .* length less than or equal to 10"):
        WHOLE.with_policy_arns(*arns)


@pytest.mark.parametrize("tags", [{"Team": "a", "team": "b"}, [("team", "a"), ("team", "a")]])
def test_tags_that_differ_in_case_only_are_refused(tags: Any) -> None:
    with pytest.raises(InvalidParameterValue, match="Tag keys are case insensitive"):
        GetFederationTokenRequest("Bob", tags=tags)


def test_one_text_is_not_taken_for_a_list_of_letters() -> None:
    with pytest.raises(TypeError, match="not one text"):
        AssumeRoleRequest(ROLE, "Bob", transitive_tag_keys="team")


def test_what_was_not_said_is_not_sent_and_what_was_said_is_under_the_models_names() -> None:
    assert GetFederationTokenRequest("Bob").parameters() == {"Name": "Bob"}
    assert WHOLE.parameters() == {
        "Name": "Bob",
        "Policy": '{"a":1}',
        "DurationSeconds": 900,
        "PolicyArns": [{"arn": "arn:aws:iam::111122223333:policy/a"}],
        "Tags": [{"Key": "empty", "Value": ""}, {"Key": "team", "Value": "blue"}],
        "MinimumSessionTokenSize": 3000,
    }
    assert GetSessionTokenRequest().parameters() == {}


@pytest.mark.parametrize(
    "request_class",
    [
        GetFederationTokenRequest,
        AssumeRoleRequest,
        AssumeRoleWithWebIdentityRequest,
        GetScopedCredentialsRequest,
        GetSessionTokenRequest,
    ],
)
def test_a_request_has_every_parameter_of_its_operation(request_class: Any) -> None:
    described = model.load("sts").operations[request_class.operation].input
    assert described is not None
    # Identity Center's context and providers before OpenID Connect are for services of AWS only.
    offered = {
        "".join(part.capitalize() for part in each.name.split("_")) for each in dataclasses.fields(request_class)
    }
    assert {*described.members} - offered <= {"ProvidedContexts", "ProviderId"}
    assert offered <= {*described.members}


def test_a_policy_may_be_a_text_a_document_or_a_builder() -> None:
    builder = PolicyBuilder().allow_prefix("reports", "bob")
    by_text = GetFederationTokenRequest("Bob", builder.text())
    assert GetFederationTokenRequest("Bob", builder) == by_text
    assert GetFederationTokenRequest("Bob", builder.document()) == by_text


def test_a_duration_may_be_a_time() -> None:
    assert WHOLE.with_duration_seconds(timedelta(hours=1)).duration_seconds == 3600


def test_with_makes_a_copy_that_differs_in_one_thing() -> None:
    copies = {
        "name": WHOLE.with_name("Eve"),
        "policy": WHOLE.with_policy('{"b":2}'),
        "duration_seconds": WHOLE.with_duration_seconds(901),
        "policy_arns": WHOLE.with_policy_arns(),
        "tags": WHOLE.with_tags({"team": "red"}),
        "minimum_session_token_size": WHOLE.with_minimum_session_token_size(None),
    }
    for name, copy in copies.items():
        differing = [
            each.name for each in dataclasses.fields(WHOLE) if getattr(copy, each.name) != getattr(WHOLE, each.name)
        ]
        assert differing == [name]
    assert {*copies} == {each.name for each in dataclasses.fields(WHOLE)}


def test_requests_of_the_same_content_are_equal_and_one_key_in_whatever_order_tags_came() -> None:
    again = GetFederationTokenRequest(
        "Bob", '{"a":1}', 900, ("arn:aws:iam::111122223333:policy/a",), [("team", "blue"), ("empty", "")], 3000
    )
    assert again == WHOLE
    assert len({again, WHOLE, WHOLE.with_name("Eve")}) == 2
    assert pickle.loads(pickle.dumps(WHOLE)) == WHOLE  # noqa: S301  our own bytes


def test_a_request_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        WHOLE.name = "Eve"  # type: ignore[misc]  # because the refusal is what is tested


def test_a_repr_shows_policies_and_no_secret() -> None:
    assert repr(WHOLE) == (
        "GetFederationTokenRequest(name='Bob', policy='{\"a\":1}', duration_seconds=900, "
        "policy_arns=('arn:aws:iam::111122223333:policy/a',), tags=(('empty', ''), ('team', 'blue')), "
        "minimum_session_token_size=3000)"
    )
    assert "123456" not in repr(AssumeRoleRequest(ROLE, "Bob", serial_number="arn:aws:iam::1", token_code="123456"))
    assert "123456" not in repr(GetSessionTokenRequest(serial_number="arn:aws:iam::1", token_code="123456"))
    assert "eyJ-a-token" not in repr(AssumeRoleWithWebIdentityRequest(ROLE, "Bob", "eyJ-a-token"))


def test_an_error_about_a_web_identity_token_does_not_repeat_it() -> None:
    with pytest.raises(TokenServiceError) as caught:
        AssumeRoleWithWebIdentityRequest(ROLE, "Bob", "secret-" * 4000)
    assert "webIdentityToken" in str(caught.value)
    assert "secret-" not in str(caught.value)
