"""The S3 client of the AWS SDK for JavaScript v3, unmodified, with credentials that are good for one prefix: objects,
pages, uploads in parts by lib-storage, presigned URLs; and all else is refused.

Source: AWS SDK for JavaScript v3 API Reference, "client-s3", "lib-storage" and "s3-request-presigner".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.sdks import JAVASCRIPT
from support.server import REGION, Daypass, Keys, allow, policy
from support.tls_front import tls_front

pytestmark = pytest.mark.clients("javascript")

OBJECTS = replace(JAVASCRIPT, command=lambda source, target: ["node", str(target / "objects.mjs")])
BUCKET = "s3-javascript"
PREFIX = "team/"
REFUSED = ("get", "put", "upload", "copy", "delete", "list", "list-all", "buckets")


@pytest.fixture(scope="module")
def owner(daypass: Daypass) -> Any:
    return daypass.client("s3", daypass.root)


@pytest.fixture(scope="module")
def team(daypass: Daypass, owner: Any) -> Keys:
    """Good for everything below team/, and for nothing else."""
    OBJECTS.prepared()
    owner.create_bucket(Bucket=BUCKET)
    owner.put_object(Bucket=BUCKET, Key="other/secret", Body=b"secret")
    bucket = f"arn:aws:s3:::{BUCKET}"
    issuer = daypass.new_user("javascript-issuer", allow(["s3:*", "sts:GetFederationToken"], "*"))
    session = policy(
        allow("s3:*", f"{bucket}/{PREFIX}*"),
        allow("s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": f"{PREFIX}*"}}),
    )
    return Keys.of(daypass.client("sts", issuer).get_federation_token(Name="Team", Policy=session)["Credentials"])


@pytest.fixture(scope="module", params=["http", "https"])
def lines(
    request: pytest.FixtureRequest, daypass: Daypass, team: Keys, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    directory: Path = tmp_path_factory.mktemp("front")
    with tls_front(directory, urlsplit(daypass.url).port or 0) as front:
        environment = {
            "AWS_ENDPOINT_URL": daypass.url if request.param == "http" else front.url,
            "NODE_EXTRA_CA_CERTS": str(front.ca),
            "AWS_REGION": REGION,
            **team.environment(),
            "ROUND_BUCKET": BUCKET,
            "ROUND_PREFIX": f"{PREFIX}{request.param}/",
        }
        return OBJECTS.run(environment)


def detail(lines: dict[str, dict[str, Any]], check: str) -> Any:
    line = lines[check]
    assert line["ok"], line["detail"]
    return line["detail"]


def test_objects_are_put_headed_got_copied_and_deleted(lines: dict[str, dict[str, Any]]) -> None:
    assert detail(lines, "objects") == {
        "sameTag": True,
        "metadata": {"origin": "here"},
        "bytes": 3,
        "got": "odd",
        "part": "dd",
        "copy": "odd",
    }


def test_a_listing_is_read_page_by_page_and_deleted_but_for_what_is_outside(lines: dict[str, dict[str, Any]]) -> None:
    assert detail(lines, "pages") == {
        "pages": [["pages/1", "pages/2"], ["pages/3", "pages/4"], ["pages/5"]],
        "deleted": 5,
        "errors": [["other/secret", "AccessDenied"]],
    }


def test_a_stream_goes_up_in_parts_and_comes_back_as_it_was(lines: dict[str, dict[str, Any]]) -> None:
    upload = detail(lines, "upload")
    assert upload["same"]
    assert (upload["parts"], upload["etag"].endswith('-3"')) == (3, True)


def test_presigned_urls_can_what_their_signer_can(lines: dict[str, dict[str, Any]]) -> None:
    assert detail(lines, "presigned") == {
        "ofNothing": [400, "BadDigest"],
        "put": 200,
        "got": "by url",
        "altered": [403, "SignatureDoesNotMatch"],
        "outside": [403, "AccessDenied"],
    }


@pytest.mark.parametrize("what", REFUSED)
def test_outside_the_prefix_nothing_is_done(what: str, lines: dict[str, dict[str, Any]], owner: Any) -> None:
    error = detail(lines, f"refused-{what}")
    assert (error["code"], error["status"]) == ("AccessDenied", 403)
    assert "because no session policy allows the s3:" in error["message"]
    kept = owner.list_objects_v2(Bucket=BUCKET, Prefix="other/")["Contents"]
    assert [one["Key"] for one in kept] == ["other/secret"]
    assert owner.get_object(Bucket=BUCKET, Key="other/secret")["Body"].read() == b"secret"


def test_the_program_printed_nothing_but_its_checks(lines: dict[str, dict[str, Any]]) -> None:
    assert set(lines) == {"objects", "pages", "upload", "presigned", *(f"refused-{what}" for what in REFUSED)}
