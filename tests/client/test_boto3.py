"""boto3 with credentials that renew themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config

from daypass.client import Credentials, GetFederationTokenRequest, PolicyBuilder, TokenService
from daypass.client.boto3 import refreshable_credentials, refreshing_session
from support.server import Daypass, allow


class Issuing:
    """Issues numbered credentials that last so long, and counts."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.issued = 0

    def __call__(self) -> Credentials:
        self.issued += 1
        expiration = datetime.now(UTC) + timedelta(seconds=self.seconds)
        return Credentials(f"ASIA{self.issued}", "secret", "token", expiration)


def test_credentials_are_fetched_once_while_they_last() -> None:
    fetch = Issuing(900)
    credentials = refreshable_credentials(fetch)
    assert {credentials.get_frozen_credentials().access_key for _ in range(5)} == {"ASIA1"}
    assert fetch.issued == 1
    assert credentials.method == "daypass"


def test_credentials_are_fetched_again_in_the_last_part_of_their_life() -> None:
    fetch = Issuing(900)
    # Issued a while ago: a fifth of their life is left, and botocore renews in the last quarter.
    credentials = refreshable_credentials(fetch, clock=lambda: datetime.now(UTC) - timedelta(seconds=3600))
    assert credentials.get_frozen_credentials().access_key == "ASIA2"


def test_credentials_that_are_over_are_never_used() -> None:
    fetch = Issuing(-1)
    credentials = refreshable_credentials(fetch)
    with pytest.raises(RuntimeError, match="still expired"):
        credentials.get_frozen_credentials()
    assert fetch.issued == 2


def test_credentials_without_an_end_are_refused() -> None:
    with pytest.raises(ValueError, match="do not expire"):
        refreshable_credentials(lambda: Credentials("AKIA1", "secret"))


def test_a_session_fetches_when_it_is_first_used_and_looks_nowhere_else() -> None:
    fetch = Issuing(900)
    session = boto3.Session(botocore_session=refreshing_session(fetch), region_name="us-east-1")
    assert fetch.issued == 0
    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.get_frozen_credentials() == ("ASIA1", "secret", "token", None)


def test_boto3_works_on_with_new_credentials_when_the_old_ones_near_their_end(daypass: Daypass) -> None:
    daypass.client("s3", daypass.root).create_bucket(Bucket="client-renewing")
    keys = daypass.new_user("client-renewing", allow("sts:GetFederationToken", "*"), allow("s3:*", "*"))
    service = TokenService(daypass.url, Credentials(keys.access_key_id, keys.secret_access_key))
    request = GetFederationTokenRequest("Bob", PolicyBuilder().allow_prefix("client-renewing", "bob"), 900)
    used: list[str] = []

    def fetch() -> Credentials:
        issued = service.get_federation_token(request).credentials
        used.append(issued.access_key_id)
        return issued

    # Told an earlier time, the provider believes in a long life of which little is left: it renews at every use.
    clock_of_yesterday = datetime.now(UTC) - timedelta(days=1)
    session = boto3.Session(
        botocore_session=refreshing_session(fetch, clock=lambda: clock_of_yesterday), region_name="us-east-1"
    )
    s3 = session.client("s3", endpoint_url=daypass.url, config=Config(s3={"addressing_style": "path"}, proxies={}))
    for number in range(3):
        s3.put_object(Bucket="client-renewing", Key=f"bob/{number}", Body=b"x")
    assert len(set(used)) == len(used) == 4
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.put_object(Bucket="client-renewing", Key="eve/1", Body=b"x")
    service.close()
