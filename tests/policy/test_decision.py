"""What a decision says of itself: no truth value, and AWS's access-denied texts."""

from __future__ import annotations

import pytest

from daypass.policy import Decision, Outcome, PolicyKind, Principal, PrincipalKind, Request

ALICE = Principal(PrincipalKind.USER, "arn:aws:iam::111122223333:user/alice", "111122223333")
BOB = Principal(PrincipalKind.FEDERATED_USER, "arn:aws:sts::111122223333:federated-user/bob", "111122223333")
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"


def request(principal: Principal = ALICE, action: str = "dynamodb:GetItem", resource: str = TABLE) -> Request:
    return Request(principal, action, resource, {})


def implicit(kind: PolicyKind | None) -> Decision:
    return Decision(Outcome.IMPLICITLY_DENIED, kind, ())


def explicit(kind: PolicyKind) -> Decision:
    return Decision(Outcome.EXPLICITLY_DENIED, kind, ())


@pytest.mark.parametrize("outcome", Outcome)
def test_a_decision_has_no_truth_value(outcome: Outcome) -> None:
    with pytest.raises(TypeError):
        bool(Decision(outcome, PolicyKind.IDENTITY, ()))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (PolicyKind.IDENTITY, "no identity-based policy"),
        (PolicyKind.BOUNDARY, "no permissions boundary"),
        (PolicyKind.SESSION, "no session policy"),
        (PolicyKind.RESOURCE, "no resource-based policy"),
        (PolicyKind.ROLE_TRUST, "no role trust policy"),
        (PolicyKind.SERVICE_CONTROL, "no service control policy"),
        (PolicyKind.RESOURCE_CONTROL, "no resource control policy"),
    ],
)
def test_an_implicit_denial_says_which_kind_of_policy_allows_nothing(kind: PolicyKind, words: str) -> None:
    # Source: IAM User Guide, "Troubleshoot access denied error messages".
    assert implicit(kind).denial_message(request()) == (
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: dynamodb:GetItem on resource: "
        f"{TABLE} because {words} allows the dynamodb:GetItem action"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (PolicyKind.IDENTITY, "an identity-based policy"),
        (PolicyKind.BOUNDARY, "a permissions boundary"),
        (PolicyKind.SESSION, "a session policy"),
        (PolicyKind.RESOURCE, "a resource-based policy"),
        (PolicyKind.ROLE_TRUST, "a role trust policy"),
        (PolicyKind.SERVICE_CONTROL, "a service control policy"),
        (PolicyKind.RESOURCE_CONTROL, "a resource control policy"),
    ],
)
def test_an_explicit_denial_says_in_which_kind_of_policy_it_stands(kind: PolicyKind, words: str) -> None:
    # The guide prints "a sessions policy" once; recorded replies (EC2, SQS) say "a session policy".
    assert explicit(kind).denial_message(request()) == (
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: dynamodb:GetItem on resource: "
        f"{TABLE} with an explicit deny in {words}"
    )


def test_a_federated_user_is_named_by_the_session() -> None:
    # Source: a reply recorded in a public issue report, of a session that Vault had made.
    message = implicit(PolicyKind.SESSION).denial_message(request(BOB))
    assert message == (
        "User: arn:aws:sts::111122223333:federated-user/bob is not authorized to perform: dynamodb:GetItem on "
        f"resource: {TABLE} because no session policy allows the dynamodb:GetItem action"
    )


def test_s3_puts_the_resource_in_quotes() -> None:
    message = implicit(PolicyKind.IDENTITY).denial_message(request(action="s3:GetObject", resource="arn:aws:s3:::b/k"))
    assert ' on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:GetObject action' in message


@pytest.mark.parametrize("action", ["sts:GetAccessKeyInfo", "s3:ListAllMyBuckets"])
def test_sts_and_s3_name_no_resource_where_the_action_has_none(action: str) -> None:
    assert implicit(PolicyKind.IDENTITY).denial_message(request(action=action, resource="*")) == (
        f"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: {action} because no "
        f"identity-based policy allows the {action} action"
    )


def test_other_services_name_the_star() -> None:
    message = implicit(PolicyKind.IDENTITY).denial_message(request(action="iam:GetAccountSummary", resource="*"))
    assert " on resource: * because " in message


def test_the_anonymous_are_called_so() -> None:
    message = implicit(PolicyKind.RESOURCE).denial_message(request(Principal(PrincipalKind.ANONYMOUS)))
    assert message.startswith("User: anonymous is not authorized to perform: ")


def test_without_a_kind_of_policy_no_reason_is_given() -> None:
    assert implicit(None).denial_message(request()).endswith(TABLE)


def test_what_is_allowed_has_no_denial_message() -> None:
    with pytest.raises(ValueError, match="allowed"):
        Decision(Outcome.ALLOWED, PolicyKind.IDENTITY, ()).denial_message(request())
