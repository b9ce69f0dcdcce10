"""Principals: which callers an element names, and in which form."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from daypass.policy import Principal, PrincipalKind
from daypass.policy.principals import Form, Principals, parse_principals
from support.policy_strategies import ACCOUNT, CALLERS, FEDERATED, ROLE, ROLE_ID, SESSION, USER, USER_ID

KIND = PrincipalKind
ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"

# Which form each entry has for each caller; what is not listed is not named at all.
# Source: IAM User Guide, "Policy evaluation logic", resource-based policies and implicit denies.
FORMS: dict[str, dict[PrincipalKind, Form]] = {
    USER: {KIND.USER: Form.FINAL, KIND.FEDERATED_USER: Form.ISSUER},
    USER_ID: {KIND.USER: Form.FINAL, KIND.FEDERATED_USER: Form.ISSUER},
    ROLE: {KIND.ROLE: Form.ISSUER, KIND.ROLE_SESSION: Form.ISSUER},
    ROLE_ID: {KIND.ROLE: Form.ISSUER, KIND.ROLE_SESSION: Form.ISSUER},
    SESSION: {KIND.ROLE_SESSION: Form.FINAL},
    FEDERATED: {KIND.FEDERATED_USER: Form.FINAL},
    "*": dict.fromkeys(KIND, Form.FINAL),
    ACCOUNT: dict.fromkeys(set(KIND) - {KIND.SERVICE, KIND.ANONYMOUS}, Form.ACCOUNT),
    ROOT_ARN: dict.fromkeys(set(KIND) - {KIND.SERVICE, KIND.ANONYMOUS}, Form.ACCOUNT),
    "444455556666": {},
    "arn:aws:iam::444455556666:user/alice": {},
}


def listed(**providers: Any) -> Principals:
    principals = parse_principals({name: tuple(values) for name, values in providers.items()})
    assert principals is not None
    return principals


@pytest.mark.parametrize(("entry", "kind"), list(itertools.product(FORMS, KIND)))
def test_an_entry_names_a_caller_in_one_form(entry: str, kind: PrincipalKind) -> None:
    assert listed(AWS=[entry]).form(CALLERS[kind], {}) is FORMS[entry].get(kind, Form.NOT_NAMED)


@pytest.mark.parametrize("kind", KIND)
def test_of_several_entries_the_strongest_form_counts(kind: PrincipalKind) -> None:
    entries = [ACCOUNT, ROLE, USER, SESSION, FEDERATED]
    expected = max(FORMS[entry].get(kind, Form.NOT_NAMED) for entry in entries)
    for order in itertools.permutations(entries):
        assert listed(AWS=order).form(CALLERS[kind], {}) is expected


@pytest.mark.parametrize(("entry", "kind"), list(itertools.product(FORMS, KIND)))
def test_a_not_principal_exempts_only_whom_it_names_itself(entry: str, kind: PrincipalKind) -> None:
    itself = CALLERS[kind].arn == entry or CALLERS[kind].unique_id == entry or entry == "*"
    root_by_account = kind is KIND.ROOT and entry == ACCOUNT
    assert listed(AWS=[entry]).exempts(CALLERS[kind]) is (itself or root_by_account)


def test_the_star_alone_is_everyone() -> None:
    principals = parse_principals("*")
    assert principals is not None
    assert all(principals.form(caller, {}) is Form.FINAL for caller in CALLERS.values())


def test_a_service_is_named_by_its_name_and_by_no_account() -> None:
    logs = Principal(KIND.SERVICE, "logs.amazonaws.com", ACCOUNT)
    assert listed(Service=["logs.amazonaws.com"]).form(logs, {}) is Form.FINAL
    assert listed(Service=["ec2.amazonaws.com"]).form(logs, {}) is Form.NOT_NAMED
    assert listed(Service=["logs.amazonaws.com"]).exempts(logs)


def test_nobody_but_a_service_is_named_as_one() -> None:
    impostor = Principal(KIND.USER, "logs.amazonaws.com", ACCOUNT)
    assert listed(Service=["logs.amazonaws.com"]).form(impostor, {}) is Form.NOT_NAMED


def test_a_provider_names_only_who_presents_its_assertion_unsigned() -> None:
    google = listed(Federated=["accounts.google.com"])
    context = {"aws:federatedprovider": "accounts.google.com"}
    assert google.form(CALLERS[KIND.ANONYMOUS], context) is Form.FINAL
    assert google.form(CALLERS[KIND.ANONYMOUS], {}) is Form.NOT_NAMED
    assert google.form(CALLERS[KIND.ROLE_SESSION], context) is Form.NOT_NAMED


def test_an_absent_name_is_not_equal_to_anything() -> None:
    nameless = Principal(KIND.USER)
    assert all(listed(AWS=[entry]).form(nameless, {}) is Form.NOT_NAMED for entry in FORMS if entry != "*")


@pytest.mark.parametrize(
    "element",
    [
        "alice",
        "",
        {"aws": ("*",)},
        {"AWS": ("arn:aws:iam::111122223333:user/",)},
        {"AWS": ("arn:aws:iam::11112222333:user/alice",)},
        {"AWS": ("arn:aws:iam:eu-west-1:111122223333:user/alice",)},
        {"AWS": ("arn:aws:sts::111122223333:user/alice",)},
        {"AWS": ("AKIAIOSFODNN7EXAMPLE",)},
        {"AWS": ("AIDA",)},
        {"AWS": ("arn:aws:iam::111122223333:user/alice\n",)},
        {"AWS": ("１１１１２２２２３３３３",)},
        {"Service": ("*.amazonaws.com",)},
        {"Service": ("amazonaws",)},
        {"Federated": ("*",)},
        {"CanonicalUser": ("79a59df900b949e55d96a1e698fbaced",)},
    ],
)
def test_what_can_be_no_principal_is_refused(element: Any) -> None:
    assert parse_principals(element) is None
