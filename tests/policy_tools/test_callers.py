from __future__ import annotations

import pytest

from daypass.policy import Principal, PrincipalKind
from daypass.policy_tools import callers

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/div/bob"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/div/job"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/job/run-1"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"


@pytest.mark.parametrize(
    ("name", "issuer", "expected"),
    [
        (USER, None, Principal(PrincipalKind.USER, USER, ACCOUNT)),
        (ROLE, None, Principal(PrincipalKind.ROLE, ROLE, ACCOUNT)),
        (ROOT, None, Principal(PrincipalKind.ROOT, ROOT, ACCOUNT)),
        (SESSION, ROLE, Principal(PrincipalKind.ROLE_SESSION, SESSION, ACCOUNT, issuer_arn=ROLE)),
        (
            SESSION,
            None,
            Principal(PrincipalKind.ROLE_SESSION, SESSION, ACCOUNT, issuer_arn=f"arn:aws:iam::{ACCOUNT}:role/job"),
        ),
        (FEDERATED, USER, Principal(PrincipalKind.FEDERATED_USER, FEDERATED, ACCOUNT, issuer_arn=USER)),
        (
            FEDERATED,
            ROOT,
            Principal(PrincipalKind.FEDERATED_USER, FEDERATED, ACCOUNT, issuer_arn=ROOT, issuer_id=ACCOUNT),
        ),
        ("logs.amazonaws.com", None, Principal(PrincipalKind.SERVICE, "logs.amazonaws.com")),
        ("anonymous", None, Principal(PrincipalKind.ANONYMOUS)),
        ("*", None, Principal(PrincipalKind.ANONYMOUS)),
    ],
)
def test_an_arn_tells_who_the_caller_is(name: str, issuer: str | None, expected: Principal) -> None:
    assert callers.principal(name, issuer) == expected


@pytest.mark.parametrize(
    "name",
    ["bob", "", "arn:aws:s3:::reports", f"arn:aws:iam::{ACCOUNT}:group/x", "arn:aws:iam", "arn:aws:iam:::user/bob"],
)
def test_what_can_be_no_caller_is_refused(name: str) -> None:
    with pytest.raises(callers.UnknownCaller):
        callers.principal(name)


@pytest.mark.parametrize(
    ("name", "username", "userid", "type_", "principal_arn"),
    [
        (USER, "bob", None, "User", USER),
        (SESSION, None, None, "AssumedRole", f"arn:aws:iam::{ACCOUNT}:role/job"),
        (FEDERATED, None, f"{ACCOUNT}:Bob", "FederatedUser", FEDERATED),
        (ROOT, None, ACCOUNT, "Account", ROOT),
        ("anonymous", None, "anonymous", "Anonymous", None),
    ],
)
def test_the_context_has_the_keys_that_aws_gives_this_kind_of_caller(
    name: str, username: str | None, userid: str | None, type_: str, principal_arn: str | None
) -> None:
    context = callers.context(callers.principal(name))
    assert context.get("aws:username") == username
    assert context.get("aws:userid") == userid
    assert context.get("aws:principaltype") == type_
    assert context.get("aws:principalarn") == principal_arn


def test_an_aws_service_is_told_by_its_own_keys_alone() -> None:
    assert callers.context(callers.principal("logs.amazonaws.com")) == {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": "logs.amazonaws.com",
    }
