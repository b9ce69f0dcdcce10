"""One round of boto3 against STS and S3: prints a JSON line for each check.

The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
BODY = "of round 1 ü\n"


def asked(name: str) -> str:
    return os.environ[f"ROUND_{name}"]


def check(name: str, run: Callable[[], dict[str, Any]]) -> None:
    try:
        line = {"check": name, "ok": True, "detail": run()}
    except Exception as error:  # noqa: BLE001  whatever it is, it is this check's outcome
        line = {"check": name, "ok": False, "detail": {"error": repr(error)}}
    print(json.dumps(line), flush=True)


def refused(kind: type[ClientError], call: Callable[[], Any]) -> dict[str, Any]:
    """What the call must fail with: an exception of that class."""
    try:
        call()
    except kind as error:
        metadata = error.response["ResponseMetadata"]
        return {
            "type": type(error).__name__,
            "code": error.response["Error"]["Code"],
            "status": metadata["HTTPStatusCode"],
            "message": error.response["Error"]["Message"],
            "requestId": metadata.get("RequestId"),
        }
    raise AssertionError("was allowed")


def shown(issued: dict[str, Any]) -> dict[str, Any]:
    return {
        "accessKeyId": issued["AccessKeyId"],
        "secretChars": len(issued["SecretAccessKey"]),
        "tokenChars": len(issued["SessionToken"]),
        "expiration": int(issued["Expiration"].timestamp()),
    }


def sizes(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "packedPolicySize": answer["PackedPolicySize"],
        "sessionTokenSize": answer["SessionTokenSize"],
        "sessionTokenUtilization": answer["SessionTokenUtilization"],
    }


def client(service: str, issued: dict[str, Any]) -> Any:
    return boto3.client(
        service,
        config=ONCE,
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
    )


def main() -> None:
    sts = boto3.client("sts", config=ONCE)
    bucket, prefix, policy = asked("BUCKET"), asked("PREFIX"), asked("POLICY")
    narrowing = {
        "Policy": policy,
        "PolicyArns": [{"arn": asked("POLICY_ARN")}],
        "Tags": [{"Key": "team", "Value": "blue"}],
        "MinimumSessionTokenSize": 3000,
    }
    session: dict[str, Any] = {}

    def caller() -> dict[str, Any]:
        identity = sts.get_caller_identity()
        return {"account": identity["Account"], "arn": identity["Arn"], "userId": identity["UserId"]}

    def federation() -> dict[str, Any]:
        answer = sts.get_federation_token(Name="Round-1", DurationSeconds=1800, **narrowing)
        session.update(answer["Credentials"])
        return {
            **shown(session),
            **sizes(answer),
            "arn": answer["FederatedUser"]["Arn"],
            "federatedUserId": answer["FederatedUser"]["FederatedUserId"],
            "requestId": answer["ResponseMetadata"]["RequestId"],
        }

    def malformed() -> dict[str, Any]:
        kind = sts.exceptions.MalformedPolicyDocumentException
        return refused(kind, lambda: sts.get_federation_token(Name="Round-1", Policy="{"))

    def too_large() -> dict[str, Any]:
        arns = [{"arn": asked("LARGE_POLICY_ARN")}]
        kind = sts.exceptions.PackedPolicyTooLargeException
        return refused(kind, lambda: sts.get_federation_token(Name="Round-1", Policy=policy, PolicyArns=arns))

    def denied() -> dict[str, Any]:
        return refused(ClientError, lambda: client("sts", session).get_federation_token(Name="Round-2"))

    def role() -> dict[str, Any]:
        answer = sts.assume_role(
            RoleArn=asked("ROLE_ARN"),
            RoleSessionName="Round-1",
            DurationSeconds=900,
            TransitiveTagKeys=["team"],
            ExternalId=asked("EXTERNAL_ID"),
            SourceIdentity="round",
            **narrowing,
        )
        return {
            **shown(answer["Credentials"]),
            **sizes(answer),
            "arn": answer["AssumedRoleUser"]["Arn"],
            "assumedRoleId": answer["AssumedRoleUser"]["AssumedRoleId"],
            "sourceIdentity": answer["SourceIdentity"],
            "caller": client("sts", answer["Credentials"]).get_caller_identity()["Arn"],
        }

    for name, run in {
        "caller": caller,
        "federation": federation,
        "malformed": malformed,
        "too-large": too_large,
        "denied": denied,
        "role": role,
    }.items():
        check(name, run)

    s3 = client("s3", session)
    key = f"{prefix}ü +%2F.txt"

    def get() -> dict[str, Any]:
        answer = s3.get_object(Bucket=bucket, Key=key)
        return {"body": answer["Body"].read().decode(), "etag": answer["ETag"]}

    def listed() -> dict[str, Any]:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return {"keys": [entry["Key"] for entry in answer.get("Contents", [])]}

    check("put", lambda: {"etag": s3.put_object(Bucket=bucket, Key=key, Body=BODY.encode())["ETag"]})
    check("get", get)
    check("list", listed)
    check("get-outside", lambda: refused(ClientError, lambda: s3.get_object(Bucket=bucket, Key="outside/a.txt")))
    check(
        "put-outside",
        lambda: refused(ClientError, lambda: s3.put_object(Bucket=bucket, Key="outside/b.txt", Body=BODY.encode())),
    )


if __name__ == "__main__":
    main()
