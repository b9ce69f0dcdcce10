from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Request, explain
from daypass.policy_tools import callers, cases, colours
from daypass.policy_tools.documents import Documents
from daypass.policy_tools.flow import Flow, Step, Verdict, draw, flow

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
OBJECT = "arn:aws:s3:::reports/1"

DENIES, RCPS, SCPS, RESOURCE, IDENTITY, BOUNDARY, SESSION = (
    "Explicit denies",
    "Resource control policies",
    "Service control policies",
    "Resource-based policy",
    "Identity-based policies",
    "Permissions boundary",
    "Session policies",
)

TITLES = {
    PolicyKind.RESOURCE_CONTROL: RCPS,
    PolicyKind.SERVICE_CONTROL: SCPS,
    PolicyKind.RESOURCE: RESOURCE,
    PolicyKind.ROLE_TRUST: "Role trust policy",
    PolicyKind.IDENTITY: IDENTITY,
    PolicyKind.BOUNDARY: BOUNDARY,
    PolicyKind.SESSION: SESSION,
}


def policy(kind: PolicyKind, id: str, effect: str = "Allow", **elements: Any) -> Policy:
    statement = {"Sid": "S", "Effect": effect, "Action": "s3:*", "Resource": "*"} | elements
    statement = {name: value for name, value in statement.items() if value is not None}
    return Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), kind, id=id)


def flowed(policies: PolicySet, caller: str = USER, issuer: str | None = None, **request: Any) -> Flow:
    principal = callers.principal(caller, issuer)
    asked = {"action": "s3:GetObject", "resource": OBJECT, "context": {}} | request
    return flow(explain(Request(principal, **asked), policies), policies)


def step(of: Flow, title: str) -> Step:
    return next(one for one in of.steps if one.title == title)


def verdicts(of: Flow) -> dict[str, str]:
    return {one.title: one.verdict.value for one in of.steps if one.verdict is not Verdict.NOT_PRESENT}


IDENTITY_ALLOW = policy(PolicyKind.IDENTITY, "user.json")
SESSION_ALLOW = policy(PolicyKind.SESSION, "session.json")
BUCKET = {"Resource": "arn:aws:s3:::reports/*", "Action": "s3:GetObject"}


def bucket(principal: Any, effect: str = "Allow") -> Policy:
    return policy(PolicyKind.RESOURCE, "bucket.json", effect, Principal=principal, **BUCKET)


def test_the_steps_are_those_of_the_evaluation_flow_in_its_order() -> None:
    assert [one.title for one in flowed(PolicySet()).steps] == [
        DENIES,
        RCPS,
        SCPS,
        RESOURCE,
        IDENTITY,
        BOUNDARY,
        SESSION,
    ]


def test_an_allow_is_drawn_with_the_statement_that_granted() -> None:
    drawn = flowed(PolicySet(identity=(IDENTITY_ALLOW,)))
    assert verdicts(drawn) == {DENIES: "passes", IDENTITY: "passes"}
    (near,) = step(drawn, IDENTITY).statements
    assert (near.statement.policy_id, near.statement.sid) == ("user.json", "S")


def test_an_explicit_deny_ends_the_flow_at_its_first_step() -> None:
    drawn = flowed(PolicySet(identity=(IDENTITY_ALLOW,), boundary=policy(PolicyKind.BOUNDARY, "b.json", "Deny")))
    assert step(drawn, DENIES).verdict is Verdict.DENIES
    assert [near.statement.policy_id for near in step(drawn, DENIES).statements] == ["b.json"]
    assert {one.verdict for one in drawn.steps[1:]} == {Verdict.NOT_REACHED}


def test_a_deny_that_came_near_is_shown_with_what_kept_it_from_matching() -> None:
    deny = policy(PolicyKind.IDENTITY, "user.json", "Deny", Resource="arn:aws:s3:::secret/*")
    other = policy(PolicyKind.IDENTITY, "other.json", "Deny", Action="s3:PutObject")
    (near,) = step(flowed(PolicySet(identity=(IDENTITY_ALLOW, deny, other))), DENIES).statements
    (failure,) = near.failures
    assert (failure.element, failure.expected, failure.got) == ("Resource", ("arn:aws:s3:::secret/*",), OBJECT)


@pytest.mark.parametrize(
    ("policies", "denying"),
    [
        (PolicySet(), IDENTITY),
        (PolicySet(identity=(policy(PolicyKind.IDENTITY, "u", Action="s3:PutObject"),)), IDENTITY),
        (
            PolicySet(
                identity=(IDENTITY_ALLOW,),
                boundary=policy(PolicyKind.BOUNDARY, "b", Resource="arn:aws:s3:::other/*"),
            ),
            BOUNDARY,
        ),
        (
            PolicySet(identity=(IDENTITY_ALLOW,), session=(policy(PolicyKind.SESSION, "s", Action="s3:PutObject"),)),
            SESSION,
        ),
        (PolicySet(identity=(IDENTITY_ALLOW,), service_control=((),)), SCPS),
        (PolicySet(identity=(IDENTITY_ALLOW,), resource_control=((),)), RCPS),
    ],
    ids=[IDENTITY, f"{IDENTITY}, another action", BOUNDARY, SESSION, SCPS, RCPS],
)
def test_an_implicit_denial_is_drawn_where_nothing_allows_and_what_follows_is_not_reached(
    policies: PolicySet, denying: str
) -> None:
    drawn = flowed(policies)
    place = [one.title for one in drawn.steps].index(denying)
    assert drawn.steps[place].verdict is Verdict.DENIES
    assert Verdict.DENIES not in {one.verdict for one in drawn.steps[:place]}
    assert {one.verdict for one in drawn.steps[place + 1 :]} <= {Verdict.NOT_REACHED}


def test_the_level_of_a_control_policy_that_does_not_allow_is_named() -> None:
    levels = tuple(
        (policy(PolicyKind.SERVICE_CONTROL, id, Action=action),)
        for id, action in (("root", "*"), ("ou", "ec2:*"), ("account", "*"))
    )
    drawn = flowed(PolicySet(identity=(IDENTITY_ALLOW,), service_control=levels))
    assert step(drawn, SCPS).reason == "no statement of level 2 of 3 allows it"


def test_a_federated_user_without_a_session_policy_is_told_why_nothing_is_allowed() -> None:
    drawn = flowed(PolicySet(identity=(IDENTITY_ALLOW,)), FEDERATED, USER)
    assert step(drawn, IDENTITY).verdict is Verdict.PASSES
    assert step(drawn, SESSION) == Step(
        SESSION, Verdict.DENIES, "a federated user without a session policy has no permissions"
    )


def test_a_bucket_policy_that_names_the_user_makes_the_rest_unneeded() -> None:
    policies = PolicySet(
        resource=bucket({"AWS": USER}),
        identity=(policy(PolicyKind.IDENTITY, "u", Action="s3:PutObject"),),
        boundary=policy(PolicyKind.BOUNDARY, "b", Action="s3:PutObject"),
    )
    drawn = flowed(policies)
    assert verdicts(drawn) == {
        DENIES: "passes",
        RESOURCE: "passes",
        IDENTITY: "not needed",
        BOUNDARY: "not needed",
    }
    assert "names the caller itself" in step(drawn, RESOURCE).reason


def test_a_bucket_policy_that_names_the_issuer_stands_in_for_the_identity_policies_alone() -> None:
    policies = PolicySet(
        resource=bucket({"AWS": USER}),
        identity=(policy(PolicyKind.IDENTITY, "u", Action="s3:PutObject"),),
        session=(SESSION_ALLOW,),
    )
    drawn = flowed(policies, FEDERATED, USER)
    assert verdicts(drawn) == {DENIES: "passes", RESOURCE: "passes", IDENTITY: "not needed", SESSION: "passes"}


def test_a_bucket_policy_that_names_the_account_delegates() -> None:
    drawn = flowed(PolicySet(resource=bucket({"AWS": ACCOUNT})))
    assert verdicts(drawn) == {
        DENIES: "passes",
        RESOURCE: "passes",
        IDENTITY: "denies",
        BOUNDARY: "not reached",
        SESSION: "not reached",
    }
    assert "names the account" in step(drawn, RESOURCE).reason


def test_a_bucket_policy_that_says_nothing_of_the_caller_is_not_needed_in_its_own_account() -> None:
    policies = PolicySet(resource=bucket({"AWS": f"{USER}-other"}), identity=(IDENTITY_ALLOW,))
    assert step(flowed(policies), RESOURCE).verdict is Verdict.NOT_NEEDED
    across = flowed(policies, resource_account="444455556666")
    assert step(across, RESOURCE).verdict is Verdict.DENIES
    assert step(across, IDENTITY).verdict is Verdict.NOT_REACHED


def test_an_anonymous_caller_needs_a_policy_of_the_resource() -> None:
    drawn = flowed(PolicySet(), "anonymous")
    assert step(drawn, RESOURCE).reason == "there is none, and for anonymous callers nothing else counts"


def test_what_does_not_apply_to_the_caller_is_told() -> None:
    drawn = flowed(PolicySet(identity=(IDENTITY_ALLOW,), boundary=policy(PolicyKind.BOUNDARY, "b", "Deny")), ROOT)
    assert step(drawn, IDENTITY).reason == "the root user needs none"
    assert step(drawn, BOUNDARY) == Step(BOUNDARY, Verdict.DOES_NOT_APPLY, "not to the root user")
    by_root = flowed(PolicySet(identity=(IDENTITY_ALLOW,), session=(SESSION_ALLOW,)), FEDERATED, ROOT)
    assert step(by_root, IDENTITY) == Step(IDENTITY, Verdict.DOES_NOT_APPLY, "the root user issued the session")


def test_a_bucket_policy_does_not_keep_its_owners_root_user_from_mending_it() -> None:
    policies = PolicySet(
        resource=policy(PolicyKind.RESOURCE, "b", "Deny", Principal="*", Action="s3:*", Resource="arn:aws:s3:::reports")
    )
    drawn = flowed(policies, ROOT, action="s3:PutBucketPolicy", resource="arn:aws:s3:::reports")
    assert step(drawn, RESOURCE).reason == "the bucket owner's root user may always read and mend it"


def test_an_action_that_needs_no_permission_is_drawn_as_such() -> None:
    drawn = flowed(PolicySet(), action="sts:GetCallerIdentity", resource="*")
    assert drawn.steps[0].verdict is Verdict.PASSES
    assert {one.verdict for one in drawn.steps[1:]} == {Verdict.NOT_REACHED}


def test_the_policy_of_a_role_is_called_a_trust_policy() -> None:
    trust = policy(PolicyKind.ROLE_TRUST, "role.json", Principal={"AWS": USER}, Action="sts:AssumeRole", Resource=None)
    drawn = flowed(PolicySet(resource=trust), action="sts:AssumeRole", resource=f"arn:aws:iam::{ACCOUNT}:role/job")
    assert step(drawn, "Role trust policy").verdict is Verdict.PASSES


# --- drawn --------------------------------------------------------------------------------------------------------

DRAWING = f"""\
action   s3:GetObject
resource {OBJECT}
caller   {FEDERATED} (federated-user), issued by {USER}
context  aws:sourceip = 11.0.0.1
         aws:tagkeys = a, b

 ✓ Explicit denies            passes: no Deny matches
 · Resource control policies  not present
 · Service control policies   not present
 · Resource-based policy      not present
 ✓ Identity-based policies    passes: allows
   │  user.json, statement 0 (S), Allow: matches
 · Permissions boundary       not present
 ✗ Session policies           denies: no statement allows it
   │  bob.json, statement 0 (S), Allow: does not match
   │    Condition.IpAddress.aws:SourceIp: what the request has does not satisfy IpAddress
   │      expected `10.0.0.0/8`
   │      got      `11.0.0.1`
   ▼
   ImplicitlyDenied: User: {FEDERATED} is not authorized to perform: s3:GetObject on resource: "{OBJECT}" \
because no session policy allows the s3:GetObject action"""


def narrowed() -> Flow:
    bob = policy(PolicyKind.SESSION, "bob.json", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    context = {"aws:sourceip": "11.0.0.1", "aws:tagkeys": ("a", "b")}
    return flowed(PolicySet(identity=(IDENTITY_ALLOW,), session=(bob,)), FEDERATED, USER, context=context)


def test_the_flow_is_drawn_from_top_to_bottom_with_its_outcome_last() -> None:
    assert draw(narrowed(), colours.plain) == DRAWING


def test_colour_adds_nothing_but_escapes() -> None:
    coloured = draw(narrowed(), colours.ansi)
    assert "\x1b[31mImplicitlyDenied\x1b[0m" in coloured
    for code in ("0", "2", "31", "32"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == DRAWING


def test_as_json_each_step_has_its_verdict_and_its_statements() -> None:
    drawn = json.loads(json.dumps(narrowed().to_dict()))
    assert drawn["Outcome"] == "ImplicitlyDenied"
    assert [one["Verdict"] for one in drawn["Steps"]] == [
        *("passes", "not present", "not present", "not present", "passes", "not present", "denies")
    ]
    (statement,) = drawn["Steps"][-1]["Statements"]
    assert statement["Policy"] == "bob.json"
    assert statement["Failures"][0]["Got"] == "11.0.0.1"


# --- every step agrees with the decision --------------------------------------------------------------------------


def test_of_every_sourced_case_the_step_that_denies_is_the_one_that_decided() -> None:
    lines = (Path(__file__).parent.parent / "vectors" / "policy_cases.jsonl").read_bytes().splitlines()
    documents = Documents(lambda id, error: None)
    for line in lines:
        case = cases.read(line)
        policies = cases.policies_of(case, documents)
        drawn = flow(explain(cases.request_of(case), policies), policies)
        decision = drawn.explanation.decision
        denying = [one.title for one in drawn.steps if one.verdict is Verdict.DENIES]
        match decision.outcome:
            case Outcome.ALLOWED:
                expected: list[str] = []
            case Outcome.EXPLICITLY_DENIED:
                expected = [DENIES]
            case _:
                assert decision.decided_by is not None
                expected = [TITLES[decision.decided_by]]
        assert denying == expected, case.id
        drawn.to_dict()
        draw(drawn, colours.plain)
