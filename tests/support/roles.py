"""Roles for tests of assuming them: made through IAM, with the trust policy that a test is about."""

from __future__ import annotations

import json
from typing import Any

from support.api import ACCOUNT, InProcess


def federated_trust(provider: str, action: str | list[str], **condition: Any) -> dict[str, Any]:
    """Who has a token or an assertion of the provider may do the action, under the condition."""
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": action}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


def new_role(server: InProcess, name: str, trust: object, *policies: object, **parameters: str) -> str:
    """The ARN of a new role with these inline policies."""
    form = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust), **parameters}
    answer = server.call(server.root, "CreateRole", form, service="iam")
    assert answer.status == 200, answer.body
    for number, policy in enumerate(policies):
        form = {"RoleName": name, "PolicyName": f"policy-{number}", "PolicyDocument": json.dumps(policy)}
        assert server.call(server.root, "PutRolePolicy", form, service="iam").status == 200
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"
