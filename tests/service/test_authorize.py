"""What enters a decision: the policies of each kind of caller, and the condition keys it brings."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from daypass.names import Secret
from daypass.policy import Outcome, Policy, PolicyKind
from daypass.service.actions import Check
from daypass.service.authorize import Authorizer, request_context
from daypass.service.caller import ANONYMOUS, Caller, key_caller, session_caller
from daypass.service.ports import Account, ManagedPolicy
from daypass.service.root_tasks import TASK_POLICIES
from daypass.token import FEDERATED_USER, ROLE_SESSION, ROOT_TASK, USER_SESSION, Session
from support.memory import MemoryIdentities
from support.signing import AT, raw_request
from support.values import replace

ACCOUNT = "123456789012"
OTHER = "210987654321"
REQUEST = raw_request("GET", b"/", b"", (), b"", AT + timedelta(minutes=7))
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
ONLY_LIST = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:List*","Resource":"*"}}'
DENY = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}'
TO_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}'


def policy(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> Policy:
    return Policy.parse(text, kind, id=kind.name.lower(), stored=True)


class World:
    """An account with alice and a role, who may do everything, and another account."""

    def __init__(self) -> None:
        self.identities = MemoryIdentities()
        for account_id in (ACCOUNT, OTHER):
            self.identities.add_account(account_id)
        self.alice = self.identities.add_user(ACCOUNT, "alice", tags={"Team": "red"}, policies=(policy(ALLOW),))
        self.role = self.identities.add_role(ACCOUNT, "Job", tags={"Team": "red"}, policies=(policy(ALLOW),))

    def account(self, **changes: Any) -> Account:
        self.identities.accounts[ACCOUNT] = replace(self.identities.accounts[ACCOUNT], **changes)
        return self.identities.accounts[ACCOUNT]

    def session(self, kind: str, **changes: Any) -> Caller:
        issuers = {ROLE_SESSION: self.role.role_id, ROOT_TASK: ACCOUNT}
        fields: dict[str, Any] = {
            "kind": kind,
            "account_id": ACCOUNT,
            "access_key_id": "ASIAEXAMPLE",
            "secret": Secret("s"),
            "name": "Bob",
            "issuer_id": issuers.get(kind, self.alice.user_id),
            "issued": AT,
            "expires": AT + timedelta(hours=1),
        }
        user = self.alice if kind in (FEDERATED_USER, USER_SESSION) else None
        role = self.role if kind == ROLE_SESSION else None
        return session_caller(Session(**fields | changes), self.identities.accounts[ACCOUNT], user, role)

    def outcome(self, caller: Caller, action: str = "s3:GetObject", **more: Any) -> Outcome:
        check = Check(action, "arn:aws:s3:::b/k", **more)
        _, decision = asyncio.run(Authorizer(self.identities).decide(caller, REQUEST, check, region="us-east-1"))
        return decision.outcome


@pytest.fixture
def world() -> World:
    return World()


# ---- condition keys ----------------------------------------------------------------------------------------


def test_a_session_s_own_context_stands_in_for_no_key_of_aws_s(world: World) -> None:
    said = {
        "aws:username": "root",
        "aws:principalarn": "arn:aws:iam::123456789012:root",
        "aws:principaltag/team": "blue",
        "aws:multifactorauthpresent": "true",
        "aws:sourceidentity": "eve",
        "aws:assumedroot": "true",
        "sts:externalid": "unlock",
        "aws:federatedprovider": "idp.example.com",
        "idp.example.com:aud": "sts.amazonaws.com",
    }
    context = request_context(world.session(ROLE_SESSION, context=said), REQUEST, "us-east-1")
    for key in ("aws:username", "aws:sourceidentity", "aws:assumedroot", "sts:externalid"):
        assert key not in context
    assert context["aws:principalarn"] == world.role.arn
    assert context["aws:principaltag/team"] == "red"
    assert context["aws:multifactorauthpresent"] == "false"
    assert context["aws:federatedprovider"] == "idp.example.com"
    assert context["idp.example.com:aud"] == "sts.amazonaws.com"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FEDERATED_USER, {"aws:principaltype": "FederatedUser", "aws:userid": f"{ACCOUNT}:Bob", "aws:username": None}),
        (USER_SESSION, {"aws:principaltype": "User", "aws:username": "alice", "aws:assumedroot": None}),
        (ROLE_SESSION, {"aws:principaltype": "AssumedRole", "aws:username": None, "aws:principaltag/team": "red"}),
        (ROOT_TASK, {"aws:principaltype": "Account", "aws:userid": ACCOUNT, "aws:assumedroot": "true"}),
    ],
)
def test_what_each_kind_of_session_brings(world: World, kind: str, expected: dict[str, str | None]) -> None:
    context = request_context(world.session(kind), REQUEST, "us-east-1")
    assert {key: context.get(key) for key in expected} == expected
    assert context["aws:tokenissuetime"] == AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert context["aws:multifactorauthpresent"] == "false"
    assert "aws:multifactorauthage" not in context
    with_mfa = request_context(world.session(kind, mfa_authenticated=AT), REQUEST, "us-east-1")
    assert (with_mfa["aws:multifactorauthpresent"], with_mfa["aws:multifactorauthage"]) == ("true", "420")


def test_long_term_keys_bring_no_key_of_a_session(world: World) -> None:
    caller = key_caller("AKIAEXAMPLE", world.identities.accounts[ACCOUNT], world.alice)
    context = request_context(caller, REQUEST, "us-east-1")
    assert not {"aws:tokenissuetime", "aws:multifactorauthpresent", "aws:multifactorauthage"} & context.keys()
    assert "aws:principalaccount" not in request_context(ANONYMOUS, REQUEST, "")


# ---- policies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FEDERATED_USER, USER_SESSION, ROLE_SESSION])
def test_each_session_is_held_to_boundary_scope_and_control_policies(world: World, kind: str) -> None:
    own: dict[str, Any] = {"session_policy": ALLOW} if kind == FEDERATED_USER else {}
    assert world.outcome(world.session(kind, **own)) is Outcome.ALLOWED
    assert world.outcome(world.session(kind, **own, scope_policies=(ALLOW, ONLY_LIST))) is Outcome.IMPLICITLY_DENIED
    world.account(service_control=((policy(ONLY_LIST, PolicyKind.SERVICE_CONTROL),),))
    assert world.outcome(world.session(kind, **own)) is Outcome.IMPLICITLY_DENIED
    assert world.outcome(world.session(kind, **own), "s3:ListBucket") is Outcome.ALLOWED
    world.account(service_control=None)
    bounded = policy(ONLY_LIST, PolicyKind.BOUNDARY)
    world.alice, world.role = replace(world.alice, boundary=bounded), replace(world.role, boundary=bounded)
    assert world.outcome(world.session(kind, **own)) is Outcome.IMPLICITLY_DENIED


def test_control_policies_leave_the_management_account_alone(world: World) -> None:
    nothing = ((policy(ONLY_LIST, PolicyKind.SERVICE_CONTROL),),)
    denies = ((policy(DENY, PolicyKind.RESOURCE_CONTROL),),)
    world.account(service_control=nothing, resource_control=denies, management=True)
    assert world.outcome(world.session(ROLE_SESSION)) is Outcome.ALLOWED
    world.account(management=False)
    assert world.outcome(world.session(ROLE_SESSION)) is Outcome.EXPLICITLY_DENIED


def test_resource_control_policies_are_those_of_the_resource_s_account(world: World) -> None:
    levels = ((policy(DENY, PolicyKind.RESOURCE_CONTROL), policy(TO_ALL, PolicyKind.RESOURCE_CONTROL)),)
    world.identities.accounts[OTHER] = replace(world.identities.accounts[OTHER], resource_control=levels)
    open_to_all = policy(TO_ALL, PolicyKind.RESOURCE)
    caller = world.session(ROLE_SESSION)
    assert world.outcome(caller, resource_policy=open_to_all, resource_account=ACCOUNT) is Outcome.ALLOWED
    assert world.outcome(caller, resource_policy=open_to_all, resource_account=OTHER) is Outcome.EXPLICITLY_DENIED
    world.account(resource_control=levels)
    caller = world.session(ROLE_SESSION)
    assert world.outcome(caller) is Outcome.EXPLICITLY_DENIED
    assert world.outcome(caller, "iam:GetUser") is Outcome.ALLOWED, "no resource control policy covers IAM"


def test_a_root_task_that_is_not_known_here_may_do_nothing(world: World) -> None:
    arn = next(iter(TASK_POLICIES))
    assert world.outcome(world.session(ROOT_TASK, policy_arns=(arn,)), "iam:GetUser") is Outcome.ALLOWED
    unknown = world.session(ROOT_TASK, policy_arns=("arn:aws:iam::aws:policy/root-task/OfTomorrow",))
    for caller in (unknown, world.session(ROOT_TASK)):
        assert world.outcome(caller, "iam:GetUser") is Outcome.IMPLICITLY_DENIED
        assert world.outcome(caller) is Outcome.IMPLICITLY_DENIED


def test_a_session_whose_managed_policies_are_all_gone_may_do_nothing(world: World) -> None:
    caller = world.session(ROLE_SESSION, policy_arns=(f"arn:aws:iam::{ACCOUNT}:policy/Gone",))
    assert world.outcome(caller) is Outcome.IMPLICITLY_DENIED


@pytest.mark.parametrize("resource_account", [ACCOUNT, OTHER])
def test_the_policies_that_are_held_are_those_that_asking_finds(world: World, resource_account: str) -> None:
    authorizer, arn = Authorizer(world.identities), f"arn:aws:iam::{ACCOUNT}:policy/Narrow"
    world.identities.managed_policies[arn] = ManagedPolicy(
        arn, ACCOUNT, ONLY_LIST, policy(ONLY_LIST, PolicyKind.SESSION)
    )
    levels = ((policy(DENY, PolicyKind.RESOURCE_CONTROL),),)
    world.identities.accounts[OTHER] = replace(world.identities.accounts[OTHER], resource_control=levels)
    callers = [
        ANONYMOUS,
        key_caller("AKIAEXAMPLE", world.identities.accounts[ACCOUNT], world.alice),
        world.session(FEDERATED_USER, session_policy=ALLOW),
        world.session(ROLE_SESSION, policy_arns=(arn,), session_policy=ALLOW),
        world.session(ROOT_TASK, policy_arns=(next(iter(TASK_POLICIES)),)),
    ]
    for caller in callers:
        for own in (None, policy(TO_ALL, PolicyKind.RESOURCE)):
            held = authorizer.held_policies(caller, own, resource_account=resource_account, service="s3")
            found = authorizer.policies(caller, own, resource_account=resource_account, service="s3")
            assert held is not None
            assert held == asyncio.run(found)


def test_nothing_is_held_where_one_policy_has_to_be_asked_for(world: World) -> None:
    authorizer = Authorizer(world.identities)
    gone = world.session(ROLE_SESSION, policy_arns=(f"arn:aws:iam::{ACCOUNT}:policy/Gone",))
    assert authorizer.held_policies(gone, None, resource_account=ACCOUNT, service="s3") is None
    del world.identities.accounts[OTHER]
    assert authorizer.held_policies(ANONYMOUS, None, resource_account=OTHER, service="s3") is None
