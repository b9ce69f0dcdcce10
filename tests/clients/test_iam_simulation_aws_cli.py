"""Simulating policies with the AWS CLI, unmodified, given only an endpoint and keys.

Source: AWS CLI Command Reference, `aws iam simulate-custom-policy` and `aws iam simulate-principal-policy`.
"""

from __future__ import annotations

import json
from typing import Any

from support.commands import aws_command, aws_environment
from support.server import Daypass, allow, deny, policy


def aws(daypass: Daypass, *arguments: str) -> Any:
    """What `aws iam …` prints for the root user."""
    done = aws_command("iam", *arguments, environment=aws_environment(daypass, daypass.root))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_policies_are_simulated_before_anybody_has_them(daypass: Daypass) -> None:
    inside = {"Condition": {"StringEquals": {"aws:SourceIp": "10.0.0.1"}}}
    answer = aws(
        daypass,
        "simulate-custom-policy",
        *("--policy-input-list", policy(allow("s3:*", "arn:aws:s3:::cli-sim/*")), policy(deny("s3:Delete*", "*"))),
        *("--action-names", "s3:GetObject", "s3:DeleteObject"),
        *("--resource-arns", "arn:aws:s3:::cli-sim/a", "arn:aws:s3:::cli-other/a"),
        *("--permissions-boundary-policy-input-list", policy(allow("s3:*", "*", **inside))),
        *("--context-entries", "ContextKeyName=aws:SourceIp,ContextKeyValues=10.0.0.1,ContextKeyType=ip"),
        # Pages of one action each, which the CLI puts together again.
        *("--page-size", "1"),
    )
    got, deleted = answer["EvaluationResults"]
    assert (got["EvalActionName"], got["EvalDecision"]) == ("s3:GetObject", "implicitDeny")
    assert [one["EvalResourceDecision"] for one in got["ResourceSpecificResults"]] == ["allowed", "implicitDeny"]
    assert got["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    assert (deleted["EvalActionName"], deleted["EvalDecision"]) == ("s3:DeleteObject", "explicitDeny")
    (statement,) = deleted["MatchedStatements"]
    assert statement["SourcePolicyId"] == "PolicyInputList.2"
    assert statement["StartPosition"] == {"Line": 1, "Column": 38}


def test_a_users_policies_are_simulated_and_their_context_keys_listed(daypass: Daypass) -> None:
    home = {"Condition": {"StringLike": {"s3:prefix": "home/*"}}}
    daypass.new_user("cli-simulated", allow("s3:ListBucket", "arn:aws:s3:::cli-sim", **home))
    source = ("--policy-source-arn", f"arn:aws:iam::{daypass.account_id}:user/cli-simulated")
    assert aws(daypass, "get-context-keys-for-principal-policy", *source)["ContextKeyNames"] == ["s3:prefix"]

    asked = ("--action-names", "s3:ListBucket", "--resource-arns", "arn:aws:s3:::cli-sim")
    (without,) = aws(daypass, "simulate-principal-policy", *source, *asked)["EvaluationResults"]
    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["s3:prefix"])

    prefix = ("--context-entries", "ContextKeyName=s3:prefix,ContextKeyValues=home/x,ContextKeyType=string")
    (with_it,) = aws(daypass, "simulate-principal-policy", *source, *asked, *prefix)["EvaluationResults"]
    assert (with_it["EvalDecision"], with_it["MissingContextValues"]) == ("allowed", [])
