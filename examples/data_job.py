"""A data job that gives up all it does not need: credentials for one prefix of one bucket, for a quarter of an hour.

The job is started with its account's keys, which may read the whole bucket. Before it touches any data it exchanges
them for credentials that reach one prefix; whatever goes wrong in the work then goes wrong there. Where the
credentials reach, it first proves with daypass.policy, on its own: the proof costs microseconds and no request.

    export AWS_ENDPOINT_URL=http://127.0.0.1:8420 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
    python examples/data_job.py reports 2026/june/

It writes 2026/june/_summary.json: how many objects there are, and their bytes. It needs boto3.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import boto3
from botocore.config import Config

from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide

SECONDS: Final = 900  # the shortest session there is
SUMMARY: Final = "_summary.json"


def session_policy(bucket: str, prefix: str) -> str:
    """What the work needs, and nothing more."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "ReadThePrefix",
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{bucket}/{prefix}*",
                },
                {
                    "Sid": "ListThePrefix",
                    "Effect": "Allow",
                    "Action": "s3:ListBucket",
                    "Resource": f"arn:aws:s3:::{bucket}",
                    "Condition": {"StringEquals": {"s3:prefix": prefix}},
                },
                {
                    "Sid": "WriteTheSummary",
                    "Effect": "Allow",
                    "Action": "s3:PutObject",
                    "Resource": f"arn:aws:s3:::{bucket}/{prefix}{SUMMARY}",
                },
            ],
        }
    )


def prove(policy_text: str, bucket: str, prefix: str) -> None:
    """Ends the job unless the session policy allows what the work needs, and none of what it must not reach.

    The session policy is the upper bound: the user's own policies can only take away from it. So it is asked as if
    the user might do everything.
    """
    everything = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    policies = PolicySet(
        identity=(Policy.parse(everything, PolicyKind.IDENTITY),),
        session=(Policy.parse(policy_text, PolicyKind.SESSION),),
    )
    session = Principal(
        PrincipalKind.FEDERATED_USER,
        "arn:aws:sts::111122223333:federated-user/job",
        "111122223333",
        issuer_arn="arn:aws:iam::111122223333:user/jobs",
    )
    inside, outside = f"arn:aws:s3:::{bucket}/{prefix}", f"arn:aws:s3:::{bucket}/"
    expected = {
        ("s3:GetObject", f"{inside}a", ""): Outcome.ALLOWED,
        ("s3:ListBucket", f"arn:aws:s3:::{bucket}", prefix): Outcome.ALLOWED,
        ("s3:PutObject", f"{inside}{SUMMARY}", ""): Outcome.ALLOWED,
        ("s3:PutObject", f"{inside}a", ""): Outcome.IMPLICITLY_DENIED,
        ("s3:DeleteObject", f"{inside}a", ""): Outcome.IMPLICITLY_DENIED,
        ("s3:GetObject", f"{outside}a", ""): Outcome.IMPLICITLY_DENIED,
        ("s3:GetObject", f"arn:aws:s3:::{bucket}-2/{prefix}a", ""): Outcome.IMPLICITLY_DENIED,
        ("s3:ListBucket", f"arn:aws:s3:::{bucket}", ""): Outcome.IMPLICITLY_DENIED,
    }
    for (action, resource, listed), outcome in expected.items():
        decision = decide(Request(session, action, resource, {"s3:prefix": listed}), policies)
        if decision.outcome is not outcome:
            sys.exit(f"the session policy is wrong: {action} on {resource} is {decision.outcome}")


def narrowed(bucket: str, prefix: str) -> Any:
    """An S3 client whose credentials reach the prefix alone."""
    policy_text = session_policy(bucket, prefix)
    prove(policy_text, bucket, prefix)
    answer = boto3.client("sts").get_federation_token(Name="data-job", Policy=policy_text, DurationSeconds=SECONDS)
    credentials = answer["Credentials"]
    return boto3.client(
        "s3",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def summarise(s3: Any, bucket: str, prefix: str) -> dict[str, int]:
    """The work: it knows nothing of credentials."""
    objects, size = 0, 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if entry["Key"] != prefix + SUMMARY:
                objects += 1
                size += len(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    summary = {"objects": objects, "bytes": size}
    s3.put_object(Bucket=bucket, Key=prefix + SUMMARY, Body=json.dumps(summary).encode())
    return summary


def main() -> None:
    if len(sys.argv) != 3 or not sys.argv[2].endswith("/"):
        sys.exit("usage: data_job.py BUCKET PREFIX/")
    bucket, prefix = sys.argv[1:]
    print(summarise(narrowed(bucket, prefix), bucket, prefix))


if __name__ == "__main__":
    main()
