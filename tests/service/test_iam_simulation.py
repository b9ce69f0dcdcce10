"""service.iam.simulation: SimulateCustomPolicy and SimulatePrincipalPolicy as boto3 sees them, and the context keys."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daypass import limits
from daypass.policy import Policy, PolicyKind
from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import policy_arn, refusal, user_arn

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "iam_simulation.json").read_text("utf-8"))
GET = json.dumps(allow("s3:GetObject"))
EVERYTHING = json.dumps(allow("*"))
DENY = EVERYTHING.replace("Allow", "Deny")
OBJECT = "arn:aws:s3:::files/a"


def rows(name: str) -> list[Any]:
    return [pytest.param(row, id=row["case"]) for row in VECTORS[name]]


@pytest.mark.parametrize("row", rows("answers"))
def test_a_simulation_answers_as_aws_does(row: Any, iam: Any) -> None:
    answer = iam.simulate_custom_policy(**row["request"])
    assert answer["IsTruncated"] is False
    assert "Marker" not in answer
    (result,) = answer["EvaluationResults"]
    assert result["EvalActionName"] == row["request"]["ActionNames"][0]
    assert result["EvalResourceName"] == row.get("name", result["EvalResourceName"])
    assert result["EvalDecision"] == row["decision"]
    assert ids(result["MatchedStatements"]) == row["matched"]
    assert result["MissingContextValues"] == row["missing"]
    assert result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary") == row.get(
        "boundary"
    )
    assert result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") == row.get("organization")

    # Given resources, there is a result for each of them, and none otherwise.
    each = result.get("ResourceSpecificResults", [])
    assert [one["EvalResourceDecision"] for one in each] == row.get("each", [])
    assert [one["EvalResourceName"] for one in each] == (row["request"]["ResourceArns"] if "each" in row else [])
    if "details" in row:
        assert result.get("EvalDecisionDetails") == row["details"]
    if len(each) == 1:
        assert each[0].get("EvalDecisionDetails", {}) == result.get("EvalDecisionDetails", {})
        assert ids(each[0].get("MatchedStatements", [])) == row["matched"]
        assert each[0].get("MissingContextValues", []) == row["missing"]
        assert each[0].get("PermissionsBoundaryDecisionDetail") == result.get("PermissionsBoundaryDecisionDetail")


@pytest.mark.parametrize("row", rows("refusals"))
def test_what_cannot_be_simulated_is_refused_in_awss_words(row: Any, iam: Any) -> None:
    assert refusal(iam.simulate_custom_policy, **row["request"]) == tuple(row["fault"])


def ids(statements: list[dict[str, Any]]) -> list[str]:
    return [statement["SourcePolicyId"] for statement in statements]


def test_a_matched_statement_says_where_it_stands_and_of_what_kind_its_policy_is(iam: Any) -> None:
    user = user_arn("anybody")
    deny = DENY.replace('"Resource": "*"', f'"Resource": "{OBJECT}", "Principal": "*"')
    (result,) = iam.simulate_custom_policy(
        PolicyInputList=[GET, DENY],
        PermissionsBoundaryPolicyInputList=[DENY],
        ResourcePolicy=deny,
        CallerArn=user,
        ActionNames=["s3:GetObject"],
        ResourceArns=[OBJECT],
    )["EvaluationResults"]

    def place(text: str) -> dict[str, Any]:
        end = len(text) - 2  # what follows the statement is `]}`
        return {"StartPosition": {"Line": 1, "Column": 41}, "EndPosition": {"Line": 1, "Column": end + 1}}

    assert result["MatchedStatements"] == [
        {"SourcePolicyId": "PolicyInputList.2", "SourcePolicyType": "IAM Policy", **place(DENY)},
        {"SourcePolicyId": "ResourcePolicy", "SourcePolicyType": "Resource Policy", **place(deny)},
        {
            "SourcePolicyId": "PermissionsBoundaryPolicyInputList.1",
            "SourcePolicyType": "Permissions Boundary Policy",
            **place(DENY),
        },
    ]


# --- pages --------------------------------------------------------------------------------------------------

ACTIONS = ["s3:PutObject", "iam:GetUser", "s3:GetObject", "s3:GetObject", "sts:AssumeRole"]


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_boto3s_paginator_gets_each_action_once_and_in_order(size: int, iam: Any) -> None:
    pages = list(
        iam.get_paginator("simulate_custom_policy").paginate(
            PolicyInputList=[GET],
            ActionNames=ACTIONS,
            ResourceArns=[OBJECT, f"{OBJECT}b"],
            PaginationConfig={"PageSize": size},
        )
    )
    assert [len(page["EvaluationResults"]) for page in pages[:-1]] == [size] * (len(pages) - 1)
    results = [result for page in pages for result in page["EvaluationResults"]]
    assert [result["EvalActionName"] for result in results] == ACTIONS
    assert [len(result["ResourceSpecificResults"]) for result in results] == [2] * len(ACTIONS)


def test_a_marker_beyond_the_last_action_finds_nothing_more(iam: Any) -> None:
    """As AWS answers when fewer actions are asked about than on the page before."""
    marker = iam.simulate_custom_policy(PolicyInputList=[GET], ActionNames=ACTIONS, MaxItems=3)["Marker"]
    answer = iam.simulate_custom_policy(PolicyInputList=[GET], ActionNames=ACTIONS[:1], Marker=marker)
    assert (answer["EvaluationResults"], answer["IsTruncated"]) == ([], False)


@pytest.mark.parametrize("marker", ["!", "MTIzNDU2", "LTE=", "MS41", "é", "MQ"])
def test_a_marker_that_no_page_gave_is_refused(marker: str, iam: Any) -> None:
    assert refusal(iam.simulate_custom_policy, PolicyInputList=[GET], ActionNames=ACTIONS, Marker=marker) == (
        400,
        "InvalidInput",
        "Invalid marker for pagination.",
    )


def test_a_page_ends_where_it_would_be_too_much_work_and_the_next_goes_on(iam: Any) -> None:
    actions = [f"s3:Action{number}" for number in range(12)]
    resources = [f"{OBJECT}{number}" for number in range(limits.SIMULATION_CHARS // 5_000)]
    pages = list(
        iam.get_paginator("simulate_custom_policy").paginate(
            PolicyInputList=[GET], ActionNames=actions, ResourceArns=resources
        )
    )
    assert len(pages) > 1
    results = [result for page in pages for result in page["EvaluationResults"]]
    assert [result["EvalActionName"] for result in results] == actions


def test_one_action_that_is_too_much_work_is_refused(iam: Any) -> None:
    sid = "x" * (limits.SIMULATION_CHARS // 20)
    text = GET.replace('"Effect"', f'"Sid": "{sid}", "Effect"')
    request = {"PolicyInputList": [text], "ActionNames": ["s3:GetObject"]}
    resources = [f"{OBJECT}{number}" for number in range(20)]
    assert iam.simulate_custom_policy(**request, ResourceArns=resources[:19])["EvaluationResults"]
    assert refusal(iam.simulate_custom_policy, **request, ResourceArns=resources) == (
        400,
        "InvalidInput",
        "`20` resources are too many for policies of this size: simulate fewer at a time",
    )


def test_each_value_of_a_multivalued_key_counts_as_work(iam: Any) -> None:
    """Every value may be held against every pattern: the one times the other is bounded, too."""
    sid = "x" * (limits.SIMULATION_CHARS // 20)
    text = GET.replace('"Effect"', f'"Sid": "{sid}", "Effect"')
    entry = {
        "ContextKeyName": "app:key",
        "ContextKeyType": "stringList",
        "ContextKeyValues": [str(number) for number in range(20)],
    }
    request = {"PolicyInputList": [text], "ActionNames": ["s3:GetObject"], "ContextEntries": [entry]}
    assert refusal(iam.simulate_custom_policy, **request)[1] == "InvalidInput"


def test_a_context_value_beyond_the_limit_is_refused(iam: Any) -> None:
    entry = {"ContextKeyName": "app:key", "ContextKeyType": "string", "ContextKeyValues": ["x" * 2_049]}
    request = {"PolicyInputList": [GET], "ActionNames": ["s3:GetObject"], "ContextEntries": [entry]}
    message = "a value of context key app:key has more than 2048 characters"
    assert refusal(iam.simulate_custom_policy, **request) == (400, "InvalidInput", message)


def test_a_simulations_policies_are_forgotten_with_it(iam: Any) -> None:
    """The engine remembers lists of policies that it was asked about; these would be as large as callers like."""
    levels = [{"ServiceControlPolicyInputList": [GET, EVERYTHING]}]
    request = {"PolicyInputList": [GET, DENY], "OrderedOrganizationPolicyInputList": levels}
    iam.simulate_custom_policy(**request, ActionNames=["s3:GetObject", "s3:PutObject"])
    gc.collect()
    held = Policy.parse(GET, PolicyKind.IDENTITY)
    kept = [found for found in gc.get_objects() if isinstance(found, Policy)]
    assert any(found is held for found in kept), "a Policy can be found this way"
    assert [found for found in kept if found.text in (GET, DENY, EVERYTHING) and found.id] == []


# --- of a user ----------------------------------------------------------------------------------------------


@pytest.fixture
def carl(iam: Any, name: str) -> str:
    """A user with an inline and a managed policy, below a path and with a tag."""
    iam.create_user(UserName=name, Path="/robots/", Tags=[{"Key": "Team", "Value": "red"}])
    iam.put_user_policy(UserName=name, PolicyName="reading", PolicyDocument=GET)
    made = iam.create_policy(PolicyName=f"{name}-writing", Path="/team/", PolicyDocument=json.dumps(allow("s3:Put*")))
    iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
    return name


def simulated(iam: Any, user: str, *actions: str, **more: Any) -> list[tuple[str, list[str]]]:
    """The decision on each action, and the policies whose statements made it."""
    answer = iam.simulate_principal_policy(
        PolicySourceArn=user_arn(user, "/robots/"), ActionNames=list(actions), **more
    )
    return [(result["EvalDecision"], ids(result["MatchedStatements"])) for result in answer["EvaluationResults"]]


def test_a_users_own_policies_are_simulated_under_their_names(carl: str, iam: Any) -> None:
    assert simulated(iam, carl, "s3:GetObject", "s3:PutObject", "s3:DeleteObject") == [
        ("allowed", [f"user_{carl}_reading"]),
        ("allowed", [f"{carl}-writing"]),
        ("implicitDeny", []),
    ]


def test_the_paginator_of_a_users_simulation_works_as_well(carl: str, iam: Any) -> None:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=user_arn(carl, "/robots/"), ActionNames=ACTIONS, PaginationConfig={"PageSize": 2}
    )
    assert [result["EvalActionName"] for page in pages for result in page["EvaluationResults"]] == ACTIONS


def test_policies_that_are_passed_are_added_to_the_users(carl: str, iam: Any) -> None:
    assert simulated(iam, carl, "s3:GetObject", "s3:PutObject", PolicyInputList=[GET, DENY]) == [
        ("explicitDeny", ["PolicyInputList.2"]),
        ("explicitDeny", ["PolicyInputList.2"]),
    ]
    assert simulated(iam, carl, "s3:GetObject", PolicyInputList=[EVERYTHING]) == [
        ("allowed", [f"user_{carl}_reading", "PolicyInputList.1"])
    ]


def test_a_change_of_the_users_policies_is_in_the_next_simulation(carl: str, iam: Any) -> None:
    iam.put_user_policy(UserName=carl, PolicyName="denying", PolicyDocument=DENY)
    assert simulated(iam, carl, "s3:GetObject") == [("explicitDeny", [f"user_{carl}_denying"])]
    iam.delete_user_policy(UserName=carl, PolicyName="denying")
    iam.detach_user_policy(UserName=carl, PolicyArn=policy_arn(f"{carl}-writing", "/team/"))
    assert simulated(iam, carl, "s3:GetObject", "s3:PutObject") == [
        ("allowed", [f"user_{carl}_reading"]),
        ("implicitDeny", []),
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:username", "{name}"),
        ("aws:PrincipalArn", user_arn("{name}", "/robots/")),
        ("aws:PrincipalAccount", ACCOUNT),
        ("aws:PrincipalType", "User"),
        ("aws:PrincipalTag/team", "red"),
        ("aws:userid", "{id}"),
    ],
)
def test_a_users_simulation_has_the_keys_that_its_requests_have(key: str, value: str, carl: str, iam: Any) -> None:
    value = value.format(name=carl, id=iam.get_user(UserName=carl)["User"]["UserId"])
    document = json.dumps(allow("sqs:SendMessage", Condition={"StringEquals": {key: value}}))
    assert simulated(iam, carl, "sqs:SendMessage", PolicyInputList=[document]) == [("allowed", ["PolicyInputList.1"])]


def test_another_caller_with_the_users_policies_has_neither_its_name_nor_its_tags(carl: str, iam: Any) -> None:
    """Nor those of a user of that name: who may simulate one user would learn of another."""
    for condition, decision in (
        ({"StringEquals": {"aws:username": "somebody"}}, "allowed"),
        ({"StringEquals": {"aws:username": carl}}, "implicitDeny"),
        ({"Null": {"aws:PrincipalTag/team": "false"}}, "implicitDeny"),
    ):
        document = json.dumps(allow("sqs:SendMessage", Condition=condition))
        more = {"PolicyInputList": [document], "CallerArn": user_arn("somebody")}
        assert simulated(iam, carl, "sqs:SendMessage", **more)[0][0] == decision


def test_a_resources_policy_is_simulated_with_the_user_as_its_caller(carl: str, iam: Any) -> None:
    for principal in (user_arn(carl, "/robots/"), iam.get_user(UserName=carl)["User"]["UserId"]):
        document = json.dumps(allow("s3:DeleteObject", OBJECT, Principal={"AWS": principal}))
        more = {"ResourceArns": [OBJECT], "ResourcePolicy": document}
        assert simulated(iam, carl, "s3:DeleteObject", **more) == [("allowed", ["ResourcePolicy"])]


EXCLUSIONS = [
    ("inline policies", {"PolicyType": "inline"}, "managed"),
    ("managed policies", {"PolicyType": "user-managed"}, "inline"),
    ("AWS's policies", {"PolicyType": "aws-managed"}, "both"),
    ("boundaries", {"PolicyType": "permission-boundary"}, "both"),
    ("service control policies", {"PolicyType": "scp"}, "both"),
    ("resource control policies", {"PolicyType": "rcp"}, "both"),
    ("a managed policy", {"PolicyArn": policy_arn("{name}-writing", "/team/")}, "inline"),
    ("managed policies by `*`", {"PolicyArn": policy_arn("*-writing", "/team/")}, "inline"),
    ("managed policies by `?`", {"PolicyArn": policy_arn("{name}-writin?", "/team/")}, "inline"),
    ("a managed policy of another path", {"PolicyArn": policy_arn("{name}-writing")}, "both"),
    ("a policy of AWS's", {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, "both"),
    (
        "an inline policy",
        {"InlinePolicyIdentifier": {"PolicyName": "reading", "AttachmentType": "user", "AttachmentName": "{name}"}},
        "managed",
    ),
    (
        "an inline policy of a group",
        {"InlinePolicyIdentifier": {"PolicyName": "reading", "AttachmentType": "group", "AttachmentName": "{name}"}},
        "both",
    ),
    (
        "an inline policy of another user",
        {"InlinePolicyIdentifier": {"PolicyName": "reading", "AttachmentType": "user", "AttachmentName": "other"}},
        "both",
    ),
]


@pytest.mark.parametrize(("identifier", "left"), [row[1:] for row in EXCLUSIONS], ids=[row[0] for row in EXCLUSIONS])
def test_policies_can_be_excluded_from_a_users_simulation(identifier: Any, left: str, carl: str, iam: Any) -> None:
    identifier = json.loads(json.dumps(identifier).replace("{name}", carl))
    more = {"PolicyExclusionList": [identifier], "PolicyInputList": [json.dumps(allow("s3:DeleteObject"))]}
    decisions = [decision for decision, _ in simulated(iam, carl, "s3:GetObject", "s3:PutObject", **more)]
    assert decisions == [
        "allowed" if left in ("inline", "both") else "implicitDeny",
        "allowed" if left in ("managed", "both") else "implicitDeny",
    ]
    # What the call passes itself is never excluded.
    assert simulated(iam, carl, "s3:DeleteObject", **more) == [("allowed", ["PolicyInputList.1"])]


@pytest.mark.parametrize(
    "arn",
    [
        "not-an-arn-but-long-enough",
        "arn:aws:s3:::policy/something",
        "arn:aws:iam::*:policy/something",
        policy_arn("some*thing*"),
        policy_arn("something", "/te?m/"),
        policy_arn(""),
        user_arn("something"),
    ],
)
def test_an_arn_that_excludes_no_managed_policy_is_refused(arn: str, carl: str, iam: Any) -> None:
    with pytest.raises(ClientError) as refused:
        simulated(iam, carl, "s3:GetObject", PolicyExclusionList=[{"PolicyArn": arn}])
    assert refused.value.response["Error"] == {
        "Type": "Sender",
        "Code": "InvalidInput",
        "Message": f"ARN {arn} is not valid.",
    }


OTHER = "arn:aws:iam::999999999999:user/any"
SOURCES = [
    ("the root user", f"arn:aws:iam::{ACCOUNT}:root", "Invalid ARN provided in the request: {arn}"),
    (
        "a role's session",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/any/session",
        "Invalid ARN provided in the request: {arn}",
    ),
    (
        "a federated user",
        f"arn:aws:sts::{ACCOUNT}:federated-user/Bob",
        "Invalid ARN provided in the request: {arn}",
    ),
    ("no ARN", "not-an-arn-but-long-enough", "Invalid ARN provided in the request: {arn}"),
    ("no user", f"arn:aws:iam::{ACCOUNT}:user/", "Invalid ARN provided in the request: {arn}"),
    ("a managed policy", policy_arn("any"), "Invalid ARN provided in the request: {arn}"),
    (
        "another account's user",
        OTHER,
        f"Invalid Policy Source Arn: caller's account {ACCOUNT} does not have access to policies in account "
        "999999999999.",
    ),
    (
        "an instance profile",
        f"arn:aws:iam::{ACCOUNT}:instance-profile/any",
        "Invalid ARN provided in the request: {arn}",
    ),
]


@pytest.mark.parametrize(("arn", "message"), [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES])
def test_whose_policies_are_not_served_is_refused(arn: str, message: str, iam: Any) -> None:
    refused = (400, "InvalidInput", message.format(arn=arn))
    assert refusal(iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["s3:GetObject"]) == refused
    assert refusal(iam.get_context_keys_for_principal_policy, PolicySourceArn=arn) == refused


def test_a_user_that_is_not_there_is_no_entity_nor_is_one_at_another_path(carl: str, iam: Any) -> None:
    missing = (404, "NoSuchEntity", "Unable to retrieve specified IAM entity.")
    others = (f"arn:aws:iam::{ACCOUNT}:role/any", f"arn:aws:iam::{ACCOUNT}:group/any")
    for arn in (user_arn("nobody-at-all"), user_arn(carl), user_arn(carl, "/robots/other/"), *others):
        assert refusal(iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["s3:GetObject"]) == missing
        assert refusal(iam.get_context_keys_for_principal_policy, PolicySourceArn=arn) == missing


def test_who_may_simulate_can_be_limited_to_users_by_arn_and_tag(carl: str, iam: Any, iam_server: InProcess) -> None:
    statement = allow(
        "iam:SimulatePrincipalPolicy",
        user_arn("*", "/robots/"),
        Condition={"StringEquals": {"iam:ResourceTag/Team": "red"}},
    )
    limited = client(iam_server, iam_server.user(f"{carl}-limited", statement))
    assert simulated(limited, carl, "s3:GetObject") == [("allowed", [f"user_{carl}_reading"])]
    denied = refusal(
        limited.simulate_principal_policy, PolicySourceArn=user_arn(f"{carl}-limited"), ActionNames=["a:b"]
    )
    assert denied[1] == "AccessDenied"
    assert f"iam:SimulatePrincipalPolicy on resource: {user_arn(f'{carl}-limited')} " in denied[2]
    assert refusal(limited.simulate_custom_policy, PolicyInputList=[GET], ActionNames=["a:b"])[1] == "AccessDenied"


# --- context keys -------------------------------------------------------------------------------------------

WITH_KEYS = json.dumps(
    allow(
        "s3:*",
        ["arn:aws:s3:::${aws:PrincipalTag/Home}/${aws:username}/*", "arn:aws:sqs:${aws:ignored}:*:x"],
        Condition={
            "StringLike": {"s3:prefix": ["${app:Key, 'none'}", "${*}"], "S3:Prefix2": "x"},
            "Bool": {"aws:SecureTransport": "${app:ignored}"},
        },
    )
)
KEYS = ["aws:PrincipalTag/Home", "aws:username", "s3:prefix", "app:Key", "S3:Prefix2", "aws:SecureTransport"]


def test_the_context_keys_of_policies_are_those_of_conditions_and_variables(iam: Any) -> None:
    more = json.dumps(allow("s3:*", Condition={"Null": {"s3:prefix": "true"}, "StringEquals": {"S3:PREFIX": "x"}}))
    answer = iam.get_context_keys_for_custom_policy(PolicyInputList=[WITH_KEYS, GET, more])
    assert answer["ContextKeyNames"] == [*KEYS, "S3:PREFIX"]


def test_a_policy_of_the_old_version_has_no_variables(iam: Any) -> None:
    old = WITH_KEYS.replace("2012-10-17", "2008-10-17")
    answer = iam.get_context_keys_for_custom_policy(PolicyInputList=[old])
    assert answer["ContextKeyNames"] == ["s3:prefix", "S3:Prefix2", "aws:SecureTransport"]


def test_a_policy_without_conditions_has_no_context_keys(iam: Any) -> None:
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[GET])["ContextKeyNames"] == []


def test_what_is_no_policy_has_no_context_keys(iam: Any) -> None:
    assert refusal(iam.get_context_keys_for_custom_policy, PolicyInputList=[GET, "{"]) == (
        400,
        "InvalidInput",
        "Policy input list item 2 has invalid content",
    )


def test_the_context_keys_of_a_user_are_those_of_its_policies_and_of_what_is_passed(carl: str, iam: Any) -> None:
    arn = user_arn(carl, "/robots/")
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"] == []
    iam.put_user_policy(UserName=carl, PolicyName="with-keys", PolicyDocument=WITH_KEYS)
    more = json.dumps(allow("s3:*", Condition={"Null": {"app:more": "true"}}))
    answer = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn, PolicyInputList=[more])
    assert answer["ContextKeyNames"] == [*KEYS, "app:more"]
