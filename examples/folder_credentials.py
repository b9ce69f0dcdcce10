"""Credentials for one folder of a bucket, with daypass.client: what a login page or a notebook hub does for a visitor.

    export AWS_ENDPOINT_URL=http://127.0.0.1:8420 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
    python examples/folder_credentials.py reports bob

It writes a note into the visitor's folder with boto3, whose credentials renew themselves, shows what they cannot reach,
and asks who they are, on an event loop. It needs `pip install 'daypass[boto3]'`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from daypass.client import (
    AsyncTokenService,
    CallerIdentity,
    Credentials,
    GetFederationTokenRequest,
    PolicyBuilder,
    TokenService,
)
from daypass.client.boto3 import refreshing_session

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
OWN = Credentials(
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN")
)


def request_for(bucket: str, folder: str) -> GetFederationTokenRequest:
    """Read and write below the folder, list it, and nothing else; for a quarter of an hour at a time."""
    policy = PolicyBuilder().allow_prefix(bucket, folder)
    return GetFederationTokenRequest(folder, policy).with_duration_seconds(timedelta(minutes=15))


async def who_is(credentials: Credentials) -> CallerIdentity:
    async with AsyncTokenService(ENDPOINT, credentials) as service:
        return await service.get_caller_identity()


def main() -> None:
    bucket, folder = sys.argv[1:]
    request = request_for(bucket, folder)
    with TokenService(ENDPOINT, OWN) as service:
        session = boto3.Session(
            botocore_session=refreshing_session(lambda: service.get_federation_token(request).credentials)
        )
        s3 = session.client("s3", region_name="us-east-1", config=Config(s3={"addressing_style": "path"}))
        s3.put_object(Bucket=bucket, Key=f"{folder}/note.txt", Body=b"hello")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/")["Contents"]
        print("listed", [entry["Key"] for entry in listed])
        try:
            s3.list_objects_v2(Bucket=bucket)
        except ClientError as refusal:
            print("the whole bucket:", refusal.response["Error"]["Code"])
        print("they are", asyncio.run(who_is(service.get_federation_token(request).credentials)).arn)


if __name__ == "__main__":
    main()
