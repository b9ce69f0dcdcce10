"""One round of aiobotocore against STS and S3: prints a JSON line for each check.

The environment gives the endpoint and keys (AWS_…) and what to ask for (ROUND_…).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

ONCE = AioConfig(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
BODY = "of round 1 ü\n"


def asked(name: str) -> str:
    return os.environ[f"ROUND_{name}"]


async def check(name: str, run: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    try:
        line = {"check": name, "ok": True, "detail": await run()}
    except Exception as error:  # noqa: BLE001  whatever it is, it is this check's outcome
        line = {"check": name, "ok": False, "detail": {"error": repr(error)}}
    print(json.dumps(line), flush=True)


async def refused(kind: type[ClientError], call: Awaitable[Any]) -> dict[str, Any]:
    """What the call must fail with: an exception of that class."""
    try:
        await call
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


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    issued = answer["Credentials"]
    return {
        "accessKeyId": issued["AccessKeyId"],
        "secretChars": len(issued["SecretAccessKey"]),
        "tokenChars": len(issued["SessionToken"]),
        "expiration": int(issued["Expiration"].timestamp()),
        "packedPolicySize": answer["PackedPolicySize"],
        "sessionTokenSize": answer["SessionTokenSize"],
        "sessionTokenUtilization": answer["SessionTokenUtilization"],
    }


def client(service: str, issued: dict[str, Any] | None = None) -> Any:
    keys = {}
    if issued is not None:
        keys = {
            "aws_access_key_id": issued["AccessKeyId"],
            "aws_secret_access_key": issued["SecretAccessKey"],
            "aws_session_token": issued["SessionToken"],
        }
    return get_session().create_client(service, config=ONCE, **keys)


async def tokens(sts: Any) -> dict[str, Any]:
    """The checks of STS; the federated user's credentials."""
    policy = asked("POLICY")
    narrowing = {
        "Policy": policy,
        "PolicyArns": [{"arn": asked("POLICY_ARN")}],
        "Tags": [{"Key": "team", "Value": "blue"}],
        "MinimumSessionTokenSize": 3000,
    }
    session: dict[str, Any] = {}

    async def caller() -> dict[str, Any]:
        identity = await sts.get_caller_identity()
        return {"account": identity["Account"], "arn": identity["Arn"], "userId": identity["UserId"]}

    async def federation() -> dict[str, Any]:
        answer = await sts.get_federation_token(Name="Round-1", DurationSeconds=1800, **narrowing)
        session.update(answer["Credentials"])
        user = answer["FederatedUser"]
        return {**shown(answer), "arn": user["Arn"], "federatedUserId": user["FederatedUserId"]}

    async def malformed() -> dict[str, Any]:
        kind = sts.exceptions.MalformedPolicyDocumentException
        return await refused(kind, sts.get_federation_token(Name="Round-1", Policy="{"))

    async def too_large() -> dict[str, Any]:
        arns = [{"arn": asked("LARGE_POLICY_ARN")}]
        kind = sts.exceptions.PackedPolicyTooLargeException
        return await refused(kind, sts.get_federation_token(Name="Round-1", Policy=policy, PolicyArns=arns))

    async def denied() -> dict[str, Any]:
        async with client("sts", session) as federated:
            return await refused(ClientError, federated.get_federation_token(Name="Round-2"))

    async def role() -> dict[str, Any]:
        answer = await sts.assume_role(
            RoleArn=asked("ROLE_ARN"),
            RoleSessionName="Round-1",
            DurationSeconds=900,
            TransitiveTagKeys=["team"],
            ExternalId=asked("EXTERNAL_ID"),
            SourceIdentity="round",
            **narrowing,
        )
        async with client("sts", answer["Credentials"]) as assumed:
            identity = await assumed.get_caller_identity()
        return {
            **shown(answer),
            "arn": answer["AssumedRoleUser"]["Arn"],
            "assumedRoleId": answer["AssumedRoleUser"]["AssumedRoleId"],
            "sourceIdentity": answer["SourceIdentity"],
            "caller": identity["Arn"],
        }

    await check("caller", caller)
    await check("federation", federation)
    await check("malformed", malformed)
    await check("too-large", too_large)
    await check("denied", denied)
    await check("role", role)
    return session


async def objects(s3: Any) -> None:
    """The checks of S3."""
    bucket, prefix = asked("BUCKET"), asked("PREFIX")
    key = f"{prefix}ü +%2F.txt"

    async def put() -> dict[str, Any]:
        return {"etag": (await s3.put_object(Bucket=bucket, Key=key, Body=BODY.encode()))["ETag"]}

    async def get() -> dict[str, Any]:
        answer = await s3.get_object(Bucket=bucket, Key=key)
        async with answer["Body"] as stream:
            return {"body": (await stream.read()).decode(), "etag": answer["ETag"]}

    async def listed() -> dict[str, Any]:
        answer = await s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return {"keys": [entry["Key"] for entry in answer.get("Contents", [])]}

    async def get_outside() -> dict[str, Any]:
        return await refused(ClientError, s3.get_object(Bucket=bucket, Key="outside/a.txt"))

    async def put_outside() -> dict[str, Any]:
        return await refused(ClientError, s3.put_object(Bucket=bucket, Key="outside/b.txt", Body=BODY.encode()))

    await check("put", put)
    await check("get", get)
    await check("list", listed)
    await check("get-outside", get_outside)
    await check("put-outside", put_outside)


async def main() -> None:
    async with client("sts") as sts:
        session = await tokens(sts)
    async with client("s3", session) as s3:
        await objects(s3)


if __name__ == "__main__":
    asyncio.run(main())
