"""MFA codes in AssumeRole and GetSessionToken: whose, how often, and what they open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from daypass import limits
from daypass.service.mfa import WrongCodes
from support.api import ACCOUNT, Answer, InProcess, Key, allow, in_process, trust
from support.mfa import new_device

NEEDS_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
WRONG = (403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
NOT_YOURS = (
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and "
    "associated with this user.",
)


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("sts") / "data") as running:
        yield running


class Person:
    """A user with a device, and a role that wants its codes."""

    def __init__(self, daypass: InProcess, name: str) -> None:
        self.daypass = daypass
        self.arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
        self.key = daypass.user(name, allow(["iam:ListUsers", "sts:*"], Condition=NEEDS_MFA))
        self.device = new_device(daypass.directory, ACCOUNT, name, name)
        self.role = daypass.role(f"Safe-{name}", trust(self.arn, Condition=NEEDS_MFA), allow("iam:ListUsers"))

    def assume(self, key: Key | None = None, /, **more: str) -> Answer:
        form = {"RoleArn": self.role, "RoleSessionName": "jan", **more}
        return self.daypass.call(key or self.key, "AssumeRole", form)

    def session(self, **more: str) -> Answer:
        return self.daypass.call(self.key, "GetSessionToken", more)


@pytest.fixture
def person(daypass: InProcess, request: pytest.FixtureRequest) -> Person:
    return Person(daypass, f"p{abs(hash(request.node.name)) % 10**8}")


def test_a_role_that_wants_mfa_opens_to_a_code_and_to_nothing_else(daypass: InProcess, person: Person) -> None:
    assert person.assume().fault[:2] == (403, "AccessDenied")
    answer = person.assume(**person.device.form(person.device.code()))
    assert answer.status == 200
    assert daypass.call(answer.key, "ListUsers", service="iam").status == 200


def test_a_code_is_accepted_once_and_none_before_it_either(person: Person) -> None:
    code, earlier = person.device.code(), person.device.code(-1)
    assert person.session(**person.device.form(code)).status == 200
    assert person.session(**person.device.form(code)).fault == WRONG
    assert person.assume(**person.device.form(code)).fault == WRONG
    assert person.assume(**person.device.form(earlier)).fault == WRONG
    assert person.assume(**person.device.form(person.device.code(1))).status == 200


@pytest.mark.parametrize(("steps", "status"), [(-2, 403), (-1, 200), (0, 200), (1, 200), (3, 403)])
def test_a_code_is_good_for_a_step_before_and_after_its_own(
    daypass: InProcess, person: Person, steps: int, status: int
) -> None:
    assert person.session(**person.device.form(person.device.code(steps))).status == status


def test_a_call_that_fails_for_another_reason_leaves_the_code_good(person: Person) -> None:
    form = person.device.form(person.device.code())
    assert person.assume(**form, DurationSeconds="3601").fault[:2] == (400, "ValidationError")
    assert person.assume(**form, Policy="{").fault[:2] == (400, "MalformedPolicyDocument")
    assert person.assume(**form).status == 200


def test_another_s_device_proves_nothing(daypass: InProcess, person: Person) -> None:
    theirs = new_device(daypass.directory, ACCOUNT, f"of-root-{person.arn[-6:]}")
    assert person.assume(**theirs.form(theirs.code())).fault == NOT_YOURS
    assert person.session(**theirs.form(theirs.code())).fault == NOT_YOURS
    assert daypass.call(daypass.root, "GetSessionToken", theirs.form(theirs.code())).status == 200
    mine = person.device
    assert daypass.call(daypass.root, "GetSessionToken", mine.form(mine.code())).fault == NOT_YOURS


def test_a_role_session_has_no_device(daypass: InProcess, person: Person) -> None:
    key = person.assume(**person.device.form(person.device.code())).key
    form = person.device.form(person.device.code(1))
    assert person.assume(key, **form).fault == NOT_YOURS


def test_a_session_with_mfa_may_call_iam_and_brings_its_mark_and_its_age(daypass: InProcess, person: Person) -> None:
    plain, marked = person.session().key, person.session(**person.device.form(person.device.code())).key
    assert daypass.call(plain, "ListUsers", service="iam").fault[:2] == (403, "InvalidClientTokenId")
    assert daypass.call(marked, "ListUsers", service="iam").status == 200
    assert person.assume(plain).status == 403
    # The mark is good for roles that want it, without another code.
    assert person.assume(marked).status == 200
    scoped = daypass.call(marked, "GetScopedCredentials", {"Policy": json.dumps(allow("iam:*"))}).key
    assert daypass.call(scoped, "ListUsers", service="iam").status == 200
    name = person.arn.rpartition("/")[2]
    young = allow("iam:ListUsers", Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}})
    daypass.put_policy(name, "policy-0", young)
    assert daypass.call(marked, "ListUsers", service="iam").status == 200
    at_once = allow("iam:ListUsers", Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": "0"}})
    daypass.put_policy(name, "policy-0", at_once)
    assert daypass.call(marked, "ListUsers", service="iam").status == 403


def test_a_role_session_has_the_mark_only_of_its_own_call(daypass: InProcess, person: Person) -> None:
    marked_only = {"UserName": person.arn.rpartition("/")[2]}
    assert daypass.call(daypass.root, "GetUser", marked_only, service="iam").status == 200
    document = json.dumps(allow("iam:ListUsers", Condition=NEEDS_MFA))
    form = {"RoleName": person.role.rpartition("/")[2], "PolicyName": "policy-0", "PolicyDocument": document}
    assert daypass.call(daypass.root, "PutRolePolicy", form, service="iam").status == 200
    session = person.session(**person.device.form(person.device.code())).key
    through_session = person.assume(session).key
    assert daypass.call(through_session, "ListUsers", service="iam").status == 403
    direct = person.assume(**person.device.form(person.device.code(1))).key
    assert daypass.call(direct, "ListUsers", service="iam").status == 200


def test_after_ten_wrong_codes_a_right_one_is_refused_too(person: Person) -> None:
    for _ in range(limits.MFA_WRONG_CODES):
        assert person.session(**person.device.form(person.device.wrong_code())).fault == WRONG
    assert person.session(**person.device.form(person.device.code())).fault == WRONG
    assert person.assume(**person.device.form(person.device.code())).fault == WRONG


def test_the_bound_on_wrong_codes_is_each_device_s_own_and_ends() -> None:
    wrong, now = WrongCodes(), datetime(2026, 11, 22, tzinfo=UTC)
    for _ in range(limits.MFA_WRONG_CODES):
        assert not wrong.too_many("a", now)
        wrong.add("a", now)
    later = now + timedelta(seconds=limits.MFA_WRONG_CODES_SECONDS)
    assert wrong.too_many("a", later - timedelta(seconds=1))
    assert not wrong.too_many("b", now)
    assert not wrong.too_many("a", later)
    wrong.add("a", later)
    assert not wrong.too_many("a", later), "counted from one again"
    for number in range(limits.MFA_DEVICES_WATCHED):
        wrong.add(f"device {number}", later)
    assert len(wrong._since) == limits.MFA_DEVICES_WATCHED
