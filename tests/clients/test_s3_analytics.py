"""What reads and writes tables in object storage, unmodified: pyarrow, Polars, s3fs, minio-py and DuckDB."""

from __future__ import annotations

from typing import Any

import pytest

from support.sdks import AIOBOTOCORE, Sdk
from support.server import Daypass, Keys, allow, policy

ANALYTICS = Sdk("analytics", (), AIOBOTOCORE.fetch, AIOBOTOCORE.build, AIOBOTOCORE.command)
BUCKET = "s3-analytics"
CLIENTS = ("pyarrow", "polars", "s3fs", "minio", "duckdb")

pytestmark = pytest.mark.clients("analytics")


@pytest.fixture(scope="module")
def daypass(daypass_before_each: Daypass) -> Daypass:
    return daypass_before_each


@pytest.fixture(scope="module")
def lines(daypass: Daypass) -> dict[str, Any]:
    ANALYTICS.prepared()
    owner = daypass.client("s3", daypass.root)
    owner.create_bucket(Bucket=BUCKET)
    owner.put_object(Bucket=BUCKET, Key="other/secret", Body=b"secret")
    issuer = daypass.new_user("analytics-issuer", allow(["s3:*", "sts:GetFederationToken"], "*"))
    session = policy(
        allow("s3:*", f"arn:aws:s3:::{BUCKET}/team/*"),
        allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "team/*"}}),
    )
    granted = daypass.client("sts", issuer).get_federation_token(Name="Team", Policy=session)
    keys = Keys.of(granted["Credentials"])
    return ANALYTICS.run(
        {
            "ROUND_URL": daypass.url,
            "ROUND_BUCKET": BUCKET,
            "ROUND_KEY": keys.access_key_id,
            "ROUND_SECRET": keys.secret_access_key,
            "ROUND_TOKEN": keys.session_token or "",
        }
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_tables_are_written_and_read_within_the_prefix_and_refused_outside(lines: dict[str, Any], client: str) -> None:
    assert lines[client]["ok"]
    assert any(word in lines[client]["detail"] for word in ("Denied", "DENIED", "Permission", "403"))
