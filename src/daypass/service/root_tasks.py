"""The task policies of AssumeRoot: what a root session of a member account may be opened for, and for nothing else.

Owns AWS's five, as the actions they list. They are no policies that can be attached to anybody.

Source: IAM User Guide, "Perform a privileged task on an AWS Organizations member account"; AWS Managed Policy
Reference for the actions of each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from daypass.names import AWS, managed_policy_arn
from daypass.policy import Policy, PolicyKind

_LOOKED_AT: Final = (
    "iam:GetAccessKeyLastUsed",
    "iam:GetLoginProfile",
    "iam:GetUser",
    "iam:ListAccessKeys",
    "iam:ListMFADevices",
    "iam:ListSigningCertificates",
)
_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "IAMAuditRootUserCredentials": _LOOKED_AT,
    "IAMCreateRootUserPassword": ("iam:CreateLoginProfile", "iam:GetLoginProfile"),
    "IAMDeleteRootUserCredentials": (
        *_LOOKED_AT,
        "iam:DeactivateMFADevice",
        "iam:DeleteAccessKey",
        "iam:DeleteLoginProfile",
        "iam:DeleteSigningCertificate",
        "iam:DeleteVirtualMFADevice",
    ),
    "S3UnlockBucketPolicy": (
        "s3:DeleteBucketPolicy",
        "s3:GetBucketPolicy",
        "s3:ListAllMyBuckets",
        "s3:PutBucketPolicy",
    ),
    "SQSUnlockQueuePolicy": (
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ListQueues",
        "sqs:SetQueueAttributes",
    ),
}


def _policy(arn: str, actions: tuple[str, ...]) -> Policy:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    return Policy.parse(document, PolicyKind.SESSION, id=arn, stored=True)


# By ARN.
TASK_POLICIES: Final[Mapping[str, Policy]] = {
    arn: _policy(arn, actions)
    for name, actions in _ACTIONS.items()
    for arn in (managed_policy_arn(AWS, "/root-task/", name),)
}
