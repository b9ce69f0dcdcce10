"""edge.remote_signing by PyIceberg, unmodified: a table of its own in the store, and no credential anywhere near it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support.backends import Backend
from support.plain_http import fetch
from support.sdks import AIOBOTOCORE, Sdk
from support.server import Keys, allow, policy, running

PYICEBERG = Sdk("pyiceberg", (), AIOBOTOCORE.fetch, AIOBOTOCORE.build, AIOBOTOCORE.command)
BUCKET = "pyiceberg-round"

pytestmark = pytest.mark.clients("pyiceberg")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[dict[str, Any]]:
    PYICEBERG.prepared()
    directory: Path = tmp_path_factory.mktemp("pyiceberg")
    with running(directory / "data", backend=swift_backend) as daypass:
        daypass.client("s3", daypass.root).create_bucket(Bucket=BUCKET)
        catalog = daypass.new_user("catalog", allow(["s3:*", "sts:GetFederationToken"], "*"))
        narrow = policy(
            allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{BUCKET}/table/*"),
            allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "table/*"}}),
        )
        made = daypass.client("sts", catalog).get_federation_token(Name="Table", Policy=narrow)["Credentials"]
        keys = Keys.of(made)
        session = {
            "sessionId": keys.access_key_id,
            "sessionKey": keys.secret_access_key,
            "sessionToken": keys.session_token,
        }
        form = urlencode({"Session": json.dumps(session)}).encode()
        answer = fetch("POST", f"{daypass.url}/_daypass/sign/token", form)
        yield PYICEBERG.run(
            {
                "ROUND_BUCKET": BUCKET,
                "ROUND_CATALOG": str(directory / "catalog.sqlite"),
                "ROUND_STORE": swift_backend.endpoint,
                "ROUND_SIGNER": daypass.url,
                "ROUND_TOKEN": json.loads(answer.body)["token"],
                # Its threads share the hook that signs, and now and then one sends a request that is not signed at all.
                "PYICEBERG_MAX_WORKERS": "1",
            }
        )


def test_a_table_is_written_and_read_with_signed_requests_alone(lines: dict[str, Any]) -> None:
    assert lines["table"]["detail"] == {"rows": 4, "names": ["b", "ü"]}


def test_a_table_elsewhere_is_not_signed_for(lines: dict[str, Any]) -> None:
    assert lines["outside"]["ok"], lines["outside"]["detail"]
    assert lines["outside"]["detail"].startswith("SignError: Failed to sign request 403")
