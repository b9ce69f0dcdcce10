"""S3 calls as the gateway hands them to the service, without a gateway: authenticated, and nothing decided yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daypass.errors import ServiceError
from daypass.policy import Principal, PrincipalKind
from daypass.service import s3_documents
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import Account, Bucket
from daypass.service.s3 import refuse_unserved
from daypass.service.s3_catalog import ROWS
from daypass.service.s3_checks import S3Exchange
from daypass.wire.http import RawRequest
from daypass.wire.s3 import read_call
from daypass.wire.s3_address import read_copy_source
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD, Claim

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ACCOUNT = Account("123456789012", NOW)
ROOT = Caller(
    Principal(PrincipalKind.ROOT, "arn:aws:iam::123456789012:root", ACCOUNT.account_id),
    ACCOUNT.account_id,
    "AKIAEXAMPLE",
    ACCOUNT,
    None,
    None,
)
BUCKET = Bucket("bucket", ACCOUNT.account_id, "us-east-1", NOW, None)


def claim(location: Any = "header", *, seconds_ago: float = 0, payload_hash: str | None = UNSIGNED_PAYLOAD) -> Claim:
    return Claim(
        location=location,
        access_key_id="AKIAEXAMPLE",
        date="20260101",
        region="us-east-1",
        service="s3",
        signed_headers=("host",),
        signature="0",
        amz_date="20260101T120000Z",
        request_time=NOW - timedelta(seconds=seconds_ago),
        expires_seconds=300 if location == "query" else None,
        session_token=None,
        declared_payload_hash=payload_hash,
    )


def exchange(
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    *,
    caller: Caller | Anonymous = ROOT,
    signed: Claim | None = None,
    bucket: Bucket | None = BUCKET,
    learned: Mapping[str, str] | None = None,
    document: bytes = b"",
    source_bucket: Bucket | None = None,
) -> S3Exchange:
    path, _, query = target.encode().partition(b"?")
    pairs = tuple((name.encode(), value.encode()) for name, value in (headers or {}).items())
    request = RawRequest(method, path, query, pairs, b"", "192.0.2.1", False, NOW)
    call = read_call(request, presigned=False)
    row = ROWS[call.operation.name]
    refuse_unserved(call, row)
    proven = None if isinstance(caller, Anonymous) else signed or claim()
    return S3Exchange(
        request=request,
        request_id="id",
        claim=proven,
        caller=caller,
        call=call,
        row=row,
        bucket=bucket,
        document=document,
        root=s3_documents.read(row, document) if document else None,
        source=read_copy_source(call.headers["x-amz-copy-source"]) if row.copies else None,
        source_bucket=source_bucket,
        learned=learned or {},
    )


def refusal(work: Any, *arguments: Any, **named: Any) -> tuple[str, int]:
    """Code and status of the error that the work raises."""
    with pytest.raises(ServiceError) as refused:
        work(*arguments, **named)
    return refused.value.code, refused.value.status
