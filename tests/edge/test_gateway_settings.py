"""What Daypass itself keeps of buckets and how they are reached, by real clients through a real server before moto."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support import raw_s3
from support.backends import Backend, moto
from support.server import Daypass, allow, deny, policy, running

DOMAIN = "s3.daypass.test"


def at_backend(backend: Backend) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=backend.endpoint,
        region_name=backend.region,
        aws_access_key_id=backend.access_key_id,
        aws_secret_access_key=backend.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A second backend, for the buckets whose names begin with `archive-`; it keeps keys with dots."""
    with moto(tmp_path_factory.mktemp("archive")) as backend:
        yield backend


@pytest.fixture(scope="module")
def server(moto_backend: Backend, archive: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    directory = tmp_path_factory.mktemp("settings")
    configuration = directory / "daypass.toml"
    configuration.write_text(
        f"""
        s3_domains = ["{DOMAIN}"]
        trusted_proxies = ["127.0.0.2/32"]
        s3_adopt = ["adopted-*=ACCOUNT", "orphan-*=999999999999"]

        [[backend]]
        url = "{archive.endpoint}"
        access_key_id = "{archive.access_key_id}"
        secret_access_key = "{archive.secret_access_key}"
        buckets = ["archive-*"]
        keeps_dots = true
        """
    )
    data = directory / "data"
    environment = {"DAYPASS_CONFIG": str(configuration)}
    with running(data) as first:
        account = first.account_id
    configuration.write_text(configuration.read_text().replace("ACCOUNT", account))
    with running(data, backend=moto_backend, environment=environment) as daypass:
        yield daypass


@pytest.fixture(scope="module")
def owner(server: Daypass) -> Any:
    return server.client("s3", server.root)


def failure(work: Any, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        work(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def to_everybody(bucket: str, **more: Any) -> dict[str, Any]:
    return {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": "*", **more}


# ---- public access -----------------------------------------------------------------------------------------


def test_public_access_is_blocked_as_the_bucket_says(server: Daypass, owner: Any) -> None:
    bucket = "block-bucket"
    owner.create_bucket(Bucket=bucket)
    owner.put_object(Bucket=bucket, Key="k", Body=b"x")
    missing = ("NoSuchPublicAccessBlockConfiguration", 404)
    assert failure(owner.get_public_access_block, Bucket=bucket) == missing
    assert failure(owner.get_bucket_policy_status, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    owner.put_bucket_policy(Bucket=bucket, Policy=policy(to_everybody(bucket)))
    assert owner.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert raw_s3.send("GET", f"{server.url}/{bucket}/k").body == b"x"

    restrict = {"RestrictPublicBuckets": True, "BlockPublicPolicy": True}
    owner.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=restrict)
    kept = owner.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert kept == {"BlockPublicAcls": False, "IgnorePublicAcls": False, **restrict}
    assert raw_s3.send("GET", f"{server.url}/{bucket}/k").code == "AccessDenied"
    assert owner.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with pytest.raises(ClientError, match="BlockPublicPolicy"):
        owner.put_bucket_policy(Bucket=bucket, Policy=policy(to_everybody(bucket)))
    fixed = to_everybody(bucket, Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})
    owner.put_bucket_policy(Bucket=bucket, Policy=policy(fixed))
    assert owner.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    assert raw_s3.send("GET", f"{server.url}/{bucket}/k").body == b"x"
    owner.delete_public_access_block(Bucket=bucket)
    assert failure(owner.get_public_access_block, Bucket=bucket) == missing


def test_access_control_lists_are_read_as_the_owners_and_never_written(server: Daypass, owner: Any) -> None:
    bucket = "acl-settings"
    owner.create_bucket(Bucket=bucket)
    owner.put_object(Bucket=bucket, Key="k", Body=b"")
    account = owner.list_buckets()["Owner"]["ID"]
    for acl in (owner.get_bucket_acl(Bucket=bucket), owner.get_object_acl(Bucket=bucket, Key="k")):
        assert acl["Owner"]["ID"] == account
        (grant,) = acl["Grants"]
        assert grant["Grantee"] == {"ID": account, "Type": "CanonicalUser"}
        assert grant["Permission"] == "FULL_CONTROL"
    assert failure(owner.get_object_acl, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    prober = server.client("s3", server.new_user("acl-prober", allow("s3:GetObjectAcl", "*")))
    assert failure(prober.get_object_acl, Bucket=bucket, Key="none") == ("AccessDenied", 403)
    off = ("AccessControlListNotSupported", 400)
    assert failure(owner.put_bucket_acl, Bucket=bucket, ACL="public-read") == off
    assert failure(owner.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == off
    ownership = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    owner.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=ownership)
    assert owner.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == ownership
    other = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    assert failure(owner.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=other)[1] == 501
    assert failure(owner.delete_bucket_ownership_controls, Bucket=bucket)[1] == 501


def test_the_settings_of_a_bucket_end_with_it_and_need_their_permissions(server: Daypass, owner: Any) -> None:
    bucket = "ending-bucket"
    owner.create_bucket(Bucket=bucket)
    restrict = {"RestrictPublicBuckets": True}
    nobody = server.client("s3", server.new_user("settings-prober", allow("s3:*Object*", "*")))
    for asked, parameters in (
        (nobody.put_public_access_block, {"PublicAccessBlockConfiguration": restrict}),
        (nobody.get_public_access_block, {}),
        (nobody.get_bucket_policy_status, {}),
        (nobody.get_bucket_acl, {}),
        (nobody.get_bucket_cors, {}),
        (nobody.delete_bucket_cors, {}),
        (nobody.get_bucket_ownership_controls, {}),
    ):
        assert failure(asked, Bucket=bucket, **parameters) == ("AccessDenied", 403)
    owner.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=restrict)
    owner.delete_bucket(Bucket=bucket)
    owner.create_bucket(Bucket=bucket)
    assert failure(owner.get_public_access_block, Bucket=bucket)[1] == 404


# ---- CORS --------------------------------------------------------------------------------------------------


def test_a_browser_is_answered_by_the_buckets_cors_rules(server: Daypass, owner: Any) -> None:
    bucket = "cors-bucket"
    owner.create_bucket(Bucket=bucket)
    rule = {
        "ID": "app",
        "AllowedHeaders": ["x-amz-*"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://app.test"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 60,
    }
    assert failure(owner.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)
    url = f"{server.url}/{bucket}/k"
    asking = {"Origin": "https://app.test", "Access-Control-Request-Method": "PUT"}
    assert raw_s3.send("OPTIONS", url, asking).code == "AccessForbidden"
    owner.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert owner.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    allowed = raw_s3.send("OPTIONS", url, {**asking, "Access-Control-Request-Headers": "X-Amz-Acl"})
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://app.test")
    assert allowed.headers["access-control-allow-headers"] == "x-amz-acl"
    assert raw_s3.send("OPTIONS", url, {**asking, "Origin": "https://evil.test"}).code == "AccessForbidden"
    elsewhere = raw_s3.send("OPTIONS", f"{server.url}/no-such-bucket/k", asking)
    assert (elsewhere.status, elsewhere.code) == (403, "AccessForbidden"), "that it does not exist is not told"

    sent = raw_s3.call(server.root, "PUT", url, body=b"x", unsigned={"Origin": "https://app.test"})
    assert (sent.status, sent.headers["access-control-expose-headers"]) == (200, "ETag")
    refused = raw_s3.send("GET", url, {"Origin": "https://app.test"})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (403, "https://app.test")
    assert "access-control-allow-origin" not in raw_s3.send("GET", url, {"Origin": "https://evil.test"}).headers
    owner.delete_bucket_cors(Bucket=bucket)
    assert raw_s3.send("OPTIONS", url, asking).code == "AccessForbidden"


# ---- buckets' own hosts ------------------------------------------------------------------------------------


def through_host(server: Daypass, host: str, method: str, path: str, body: bytes = b"") -> raw_s3.Answer:
    """A request that is signed for the host and sent to the server."""
    headers = raw_s3.signed_headers(server.root, method, f"http://{host}{path}", body=body)
    return raw_s3.send(method, f"{server.url}{path}", {**headers, "Host": host}, body)


def test_a_bucket_is_reached_by_its_own_host_and_by_no_other(server: Daypass, owner: Any) -> None:
    owner.create_bucket(Bucket="hosted-bucket")
    host = f"hosted-bucket.{DOMAIN}"
    assert through_host(server, host, "PUT", "/a/b", b"hosted").status == 200
    assert owner.get_object(Bucket="hosted-bucket", Key="a/b")["Body"].read() == b"hosted"
    assert through_host(server, host, "GET", "/a/b").body == b"hosted"
    assert through_host(server, host, "GET", "/").element("Name") == "hosted-bucket"
    assert through_host(server, DOMAIN, "GET", "/hosted-bucket/a/b").body == b"hosted"
    assert through_host(server, "hosted-bucket.elsewhere.test", "GET", "/a/b").code == "InvalidBucketName"


def test_on_a_buckets_own_host_the_servers_own_pages_are_keys(server: Daypass, owner: Any) -> None:
    owner.create_bucket(Bucket="paged-host")
    assert through_host(server, f"paged-host.{DOMAIN}", "PUT", "/_daypass/health", b"a key").status == 200
    assert owner.get_object(Bucket="paged-host", Key="_daypass/health")["Body"].read() == b"a key"
    assert raw_s3.send("GET", f"{server.url}/_daypass/health").status == 200


# ---- several backends --------------------------------------------------------------------------------------


def test_a_bucket_is_on_the_backend_that_its_name_chooses(
    server: Daypass, owner: Any, moto_backend: Backend, archive: Backend
) -> None:
    owner.create_bucket(Bucket="archive-one")
    owner.create_bucket(Bucket="default-one")
    owner.put_object(Bucket="archive-one", Key="k", Body=b"archived")
    assert at_backend(archive).get_object(Bucket="archive-one", Key="k")["Body"].read() == b"archived"
    names = [bucket["Name"] for bucket in at_backend(moto_backend).list_buckets()["Buckets"]]
    assert "default-one" in names
    assert "archive-one" not in names
    refused = failure(owner.copy_object, Bucket="default-one", Key="k", CopySource="archive-one/k")
    assert refused == ("NotImplemented", 501)


def test_a_key_with_dot_segments_is_served_where_the_backend_keeps_it(
    server: Daypass, owner: Any, archive: Backend
) -> None:
    owner.create_bucket(Bucket="archive-dots")
    owner.create_bucket(Bucket="default-dots")
    url = f"{server.url}/archive-dots/a/../b"
    assert raw_s3.call(server.root, "PUT", url, body=b"literal").status == 200
    assert [entry["Key"] for entry in owner.list_objects_v2(Bucket="archive-dots")["Contents"]] == ["a/../b"]
    assert raw_s3.call(server.root, "GET", url).body == b"literal"
    assert raw_s3.call(server.root, "GET", f"{server.url}/archive-dots/b").code == "NoSuchKey"
    assert raw_s3.call(server.root, "PUT", f"{server.url}/default-dots/a/../b", body=b"").code == "InvalidURI"


# ---- adoption ----------------------------------------------------------------------------------------------


def test_a_bucket_that_the_backend_has_is_adopted_by_rule_when_it_is_asked_for(
    server: Daypass, owner: Any, moto_backend: Backend
) -> None:
    behind = at_backend(moto_backend)
    for name in ("adopted-data", "orphan-data", "not-adopted"):
        behind.create_bucket(Bucket=name)
        behind.put_object(Bucket=name, Key="k", Body=b"was there")
    nobody = server.client("s3", server.new_user("adoption-prober"))
    assert failure(nobody.get_object, Bucket="adopted-data", Key="k") == ("AccessDenied", 403)
    assert owner.get_object(Bucket="adopted-data", Key="k")["Body"].read() == b"was there"
    assert "adopted-data" in [bucket["Name"] for bucket in owner.list_buckets()["Buckets"]]
    for name in ("orphan-data", "not-adopted", "adopted-missing"):
        assert failure(owner.get_object, Bucket=name, Key="k") == ("NoSuchBucket", 404)
    document = policy({**deny("s3:DeleteObject", "arn:aws:s3:::adopted-data/*"), "Principal": "*"})
    owner.put_bucket_policy(Bucket="adopted-data", Policy=document)
    assert json.loads(owner.get_bucket_policy(Bucket="adopted-data")["Policy"]) == json.loads(document)


# ---- the client's address ----------------------------------------------------------------------------------


def test_a_forwarding_header_is_believed_from_the_configured_proxy_alone(server: Daypass, tmp_path: Path) -> None:
    inside = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    reader = server.new_user("proxied", allow("s3:ListAllMyBuckets", "*", Condition=inside))
    host = server.url.removeprefix("http://")

    def status(peer: str, forwarded: str) -> int:
        headers = raw_s3.signed_headers(reader, "GET", f"{server.url}/")
        connection = http.client.HTTPConnection(host, source_address=(peer, 0), timeout=30)
        try:
            connection.request("GET", "/", headers={**headers, "X-Forwarded-For": forwarded})
            return connection.getresponse().status
        finally:
            connection.close()

    assert status("127.0.0.1", "203.0.113.7") == 403, "a peer that nobody trusts"
    assert status("127.0.0.2", "203.0.113.7") == 200
    assert status("127.0.0.2", "203.0.113.7, 198.51.100.1") == 403, "the client wrote the first address itself"
    assert status("127.0.0.2", "198.51.100.1, 203.0.113.7") == 200
    assert status("127.0.0.2", "unknown") == 400
