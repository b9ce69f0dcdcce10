"""The gateway whole: an unmodified client, a real server, and each of the real backends behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support import raw_s3
from support.backends import Backend
from support.server import REGION, Daypass, Keys, allow, deny, policy, running

MIB = 1024 * 1024
ODD_KEYS = [
    "plain",
    "a b",
    "a+b",
    "a%2Fb",
    "a%20b",
    "dir//double",
    "trailing/",
    "/leading",
    "é/日本/🗝",
    "q?x=1&y#z",
    "...",
    "a..b/.c",
    "back\\slash",
    "'quotes\" <&>",
    "~-_.!*()",
    "tab\there",
]


@pytest.fixture(scope="module", params=["moto_backend", "swift_backend"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def server(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("gateway") / "data", backend=backend) as daypass:
        yield daypass


@pytest.fixture(scope="module")
def owner(server: Daypass) -> Any:
    return server.client("s3", server.root)


@pytest.fixture(scope="module")
def behind(backend: Backend) -> Any:
    """The backend itself, asked with its own key."""
    return boto3.client(
        "s3",
        endpoint_url=backend.endpoint,
        region_name=backend.region,
        aws_access_key_id=backend.access_key_id,
        aws_secret_access_key=backend.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def bucket(server: Daypass, owner: Any) -> str:
    owner.create_bucket(Bucket="shared-bucket")
    return "shared-bucket"


def failure(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def federate(server: Daypass, keys: Keys, name: str, *statements: dict[str, Any]) -> Keys:
    arguments = {"Policy": policy(*statements)} if statements else {}
    return Keys.of(server.client("sts", keys).get_federation_token(Name=name, **arguments)["Credentials"])


# ---- objects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_of_any_spelling_comes_back_as_itself(owner: Any, behind: Any, bucket: str, key: str) -> None:
    body = key.encode()
    owner.put_object(Bucket=bucket, Key=key, Body=body)
    assert behind.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert owner.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert owner.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    assert key in [entry["Key"] for entry in owner.list_objects_v2(Bucket=bucket)["Contents"]]
    owner.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as caught:
        owner.get_object(Bucket=bucket, Key=key)
    assert failure(caught) == ("NoSuchKey", 404)


def test_an_objects_metadata_and_type_come_back(owner: Any, bucket: str) -> None:
    sent = {"Metadata": {"colour": "blue  green"}, "ContentType": "text/x-test", "CacheControl": "no-store"}
    owner.put_object(Bucket=bucket, Key="metadata", Body=b"x", **sent)
    answer = owner.get_object(Bucket=bucket, Key="metadata")
    assert {name: answer[name] for name in ("Metadata", "ContentType")} == {
        "Metadata": sent["Metadata"],
        "ContentType": sent["ContentType"],
    }


def test_ranges_and_conditions_are_the_backends_to_answer(owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="ranged", Body=b"0123456789")
    part = owner.get_object(Bucket=bucket, Key="ranged", Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    with pytest.raises(ClientError) as caught:
        owner.get_object(Bucket=bucket, Key="ranged", Range="bytes=50-")
    assert failure(caught) == ("InvalidRange", 416)
    with pytest.raises(ClientError) as caught:
        owner.get_object(Bucket=bucket, Key="ranged", IfNoneMatch=part["ETag"])
    assert failure(caught) == ("304", 304)
    with pytest.raises(ClientError) as caught:
        owner.get_object(Bucket=bucket, Key="ranged", IfMatch='"0"')
    assert failure(caught) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as caught:
        owner.put_object(Bucket=bucket, Key="ranged", Body=b"new", IfNoneMatch="*")
    assert failure(caught) == ("PreconditionFailed", 412)
    assert owner.get_object(Bucket=bucket, Key="ranged")["Body"].read() == b"0123456789"


def test_a_listing_is_paged_and_delimited_as_asked(owner: Any, server: Daypass) -> None:
    owner.create_bucket(Bucket="paged-bucket")
    for key in ("a/1", "a/2", "b/1", "c"):
        owner.put_object(Bucket="paged-bucket", Key=key, Body=b"")
    top = owner.list_objects_v2(Bucket="paged-bucket", Delimiter="/")
    assert [entry["Prefix"] for entry in top["CommonPrefixes"]] == ["a/", "b/"]
    assert [entry["Key"] for entry in top["Contents"]] == ["c"]
    pages = owner.get_paginator("list_objects_v2").paginate(Bucket="paged-bucket", PaginationConfig={"PageSize": 3})
    assert [[entry["Key"] for entry in page["Contents"]] for page in pages] == [["a/1", "a/2", "b/1"], ["c"]]
    assert owner.list_objects_v2(Bucket="paged-bucket", StartAfter="a/2", Prefix="b")["KeyCount"] == 1


def test_an_object_passes_both_ways_without_being_held_in_memory(server: Daypass, owner: Any, bucket: str) -> None:
    body = bytes(range(256)) * 4096 * 64  # 64 MiB
    owner.put_object(Bucket=bucket, Key="warm", Body=b"x")
    before = peak_memory(server)
    owner.put_object(Bucket=bucket, Key="large", Body=body)
    assert owner.get_object(Bucket=bucket, Key="large")["Body"].read() == body
    assert peak_memory(server) - before < 16 * MIB
    owner.delete_object(Bucket=bucket, Key="large")


def peak_memory(server: Daypass) -> int:
    """The most memory that the server's process had resident so far, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def test_content_md5_is_the_backends_to_verify(backend: Backend, server: Daypass, owner: Any, bucket: str) -> None:
    if backend.name == "moto":
        pytest.skip("moto verifies no Content-MD5")
    url = f"{server.url}/{bucket}/checked"
    wrong = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}  # of nothing at all
    assert raw_s3.call(server.root, "PUT", url, wrong, b"body").code == "BadDigest"
    with pytest.raises(ClientError) as caught:
        owner.head_object(Bucket=bucket, Key="checked")
    assert failure(caught) == ("404", 404)


def test_a_presigned_url_uploads_and_downloads_for_anybody_who_has_it(server: Daypass, owner: Any, bucket: str) -> None:
    upload = owner.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "pre signed"})
    assert raw_s3.send("PUT", upload, body=b"by url").status == 200
    download = owner.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "pre signed", "ResponseContentType": "text/x-mine"}
    )
    answer = raw_s3.send("GET", download)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"by url", "text/x-mine")
    assert raw_s3.send("GET", download.replace("pre%20signed", "warm")).code == "SignatureDoesNotMatch"


# ---- buckets: Daypass's own --------------------------------------------------------------------------------


def test_buckets_of_the_account_are_listed_in_pages(server: Daypass, owner: Any) -> None:
    for name in ("list-a", "list-b", "list-c"):
        owner.create_bucket(Bucket=name)
    first = owner.list_buckets(Prefix="list-", MaxBuckets=2)
    assert [bucket["Name"] for bucket in first["Buckets"]] == ["list-a", "list-b"]
    rest = owner.list_buckets(Prefix="list-", MaxBuckets=2, ContinuationToken=first["ContinuationToken"])
    assert [bucket["Name"] for bucket in rest["Buckets"]] == ["list-c"]
    assert "ContinuationToken" not in rest
    assert owner.list_buckets(Prefix="list-", BucketRegion="eu-west-1")["Buckets"] == []
    with pytest.raises(ClientError) as caught:
        owner.list_buckets(ContinuationToken="not ours")
    assert failure(caught) == ("InvalidArgument", 400)


def test_a_bucket_remembers_the_region_it_was_made_for(owner: Any) -> None:
    owner.create_bucket(Bucket="in-frankfurt", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert owner.get_bucket_location(Bucket="in-frankfurt")["LocationConstraint"] == "eu-central-1"
    assert owner.head_bucket(Bucket="in-frankfurt")["BucketRegion"] == "eu-central-1"


def test_a_bucket_that_the_backend_has_and_daypass_did_not_make_is_nobodys_to_take(owner: Any, behind: Any) -> None:
    """Some backends answer 200 when a bucket is made again; its contents would be handed over with it."""
    behind.create_bucket(Bucket="operators-own")
    behind.put_object(Bucket="operators-own", Key="secret", Body=b"secret")
    with pytest.raises(ClientError) as caught:
        owner.create_bucket(Bucket="operators-own")
    assert failure(caught) == ("BucketAlreadyExists", 409)
    assert "operators-own" not in [bucket["Name"] for bucket in owner.list_buckets()["Buckets"]]
    with pytest.raises(ClientError) as caught:
        owner.get_object(Bucket="operators-own", Key="secret")
    assert failure(caught) == ("NoSuchBucket", 404)


def test_making_a_bucket_again_mends_one_that_the_backend_lost(owner: Any, behind: Any) -> None:
    """As if the server had died between the row and the backend's bucket."""
    owner.create_bucket(Bucket="half-made")
    behind.delete_bucket(Bucket="half-made")
    with pytest.raises(ClientError) as caught:
        owner.list_objects_v2(Bucket="half-made")
    assert failure(caught) == ("NoSuchBucket", 404)
    owner.create_bucket(Bucket="half-made")
    owner.put_object(Bucket="half-made", Key="k", Body=b"")
    with pytest.raises(ClientError) as caught:
        owner.create_bucket(Bucket="half-made")
    assert failure(caught) == ("BucketAlreadyOwnedByYou", 409)


def test_deleting_a_bucket_again_mends_one_that_the_backend_deleted(owner: Any, behind: Any) -> None:
    """As if the server had died between the backend's bucket and the row."""
    owner.create_bucket(Bucket="half-gone")
    behind.delete_bucket(Bucket="half-gone")
    owner.delete_bucket(Bucket="half-gone")
    assert "half-gone" not in [bucket["Name"] for bucket in owner.list_buckets()["Buckets"]]


def test_a_bucket_with_objects_is_not_deleted_and_keeps_its_policy(owner: Any) -> None:
    owner.create_bucket(Bucket="full-bucket")
    document = policy({**allow("s3:GetObject", "arn:aws:s3:::full-bucket/*"), "Principal": "*"})
    owner.put_bucket_policy(Bucket="full-bucket", Policy=document)
    owner.put_object(Bucket="full-bucket", Key="k", Body=b"")
    with pytest.raises(ClientError) as caught:
        owner.delete_bucket(Bucket="full-bucket")
    assert failure(caught) == ("BucketNotEmpty", 409)
    assert json.loads(owner.get_bucket_policy(Bucket="full-bucket")["Policy"]) == json.loads(document)
    owner.delete_object(Bucket="full-bucket", Key="k")
    owner.delete_bucket(Bucket="full-bucket")
    owner.create_bucket(Bucket="full-bucket")
    with pytest.raises(ClientError) as caught:
        owner.get_bucket_policy(Bucket="full-bucket")
    assert failure(caught) == ("NoSuchBucketPolicy", 404)


# ---- who may -----------------------------------------------------------------------------------------------


def test_a_missing_key_is_told_only_to_those_who_may_list(server: Daypass, bucket: str) -> None:
    objects = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    listing = allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": "seen/*"}})
    reader = server.client("s3", server.new_user("missing-reader", objects))
    lister = server.client("s3", server.new_user("missing-lister", objects, listing))
    for client, key, expected in (
        (reader, "seen/nothing", 403),
        (lister, "seen/nothing", 404),
        (lister, "hidden/nothing", 403),
    ):
        with pytest.raises(ClientError) as caught:
            client.get_object(Bucket=bucket, Key=key)
        assert failure(caught) == ("NoSuchKey" if expected == 404 else "AccessDenied", expected)
        with pytest.raises(ClientError) as caught:
            client.head_object(Bucket=bucket, Key=key)
        assert failure(caught)[1] == expected


def test_whether_a_bucket_exists_is_told_to_nobody_without_permission(server: Daypass, bucket: str) -> None:
    somebody = server.client("s3", server.new_user("bucket-prober"))
    answers = []
    for name in (bucket, "no-such-bucket-here"):
        with pytest.raises(ClientError) as caught:
            somebody.list_objects_v2(Bucket=name)
        answers.append((failure(caught), caught.value.response["Error"]["Message"].replace(name, "BUCKET")))
        anonymous = raw_s3.send("GET", f"{server.url}/{name}?list-type=2")
        assert (anonymous.status, anonymous.code, anonymous.element("Message")) == (
            403,
            "AccessDenied",
            "Access Denied",
        )
    assert answers[0] == answers[1]


def test_a_bucket_policy_lets_anonymous_callers_in_as_far_as_it_says(server: Daypass, owner: Any) -> None:
    owner.create_bucket(Bucket="open-bucket")
    owner.put_object(Bucket="open-bucket", Key="public/page", Body=b"page")
    owner.put_object(Bucket="open-bucket", Key="private", Body=b"private")
    open_to_all = {**allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::open-bucket/public/*"), "Principal": "*"}
    owner.put_bucket_policy(Bucket="open-bucket", Policy=policy(open_to_all))
    assert raw_s3.send("GET", f"{server.url}/open-bucket/public/page").body == b"page"
    assert raw_s3.send("PUT", f"{server.url}/open-bucket/public/new", body=b"new").status == 200
    assert raw_s3.send("GET", f"{server.url}/open-bucket/private").status == 403
    assert raw_s3.send("GET", f"{server.url}/open-bucket/public/../private").code == "InvalidURI"
    assert raw_s3.send("DELETE", f"{server.url}/open-bucket/public/page").status == 403
    override = raw_s3.send("GET", f"{server.url}/open-bucket/public/page?response-content-type=text/html")
    assert override.code == "InvalidRequest"
    assert raw_s3.send("GET", f"{server.url}/").code == "AccessDenied"
    owner.delete_bucket_policy(Bucket="open-bucket")
    assert raw_s3.send("GET", f"{server.url}/open-bucket/public/page").status == 403


def test_a_federated_user_is_held_to_prefix_and_source_and_a_header_changes_neither(
    server: Daypass, owner: Any, bucket: str
) -> None:
    """Condition keys come from the connection and the parsed request, never from headers that bear their names."""
    user = server.new_user("federating", allow(["s3:*", "sts:*"], "*"))
    session = federate(
        server,
        user,
        "narrow",
        allow(
            "s3:ListBucket",
            f"arn:aws:s3:::{bucket}",
            Condition={"StringEquals": {"s3:prefix": "mine/"}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        ),
    )
    url = f"{server.url}/{bucket}?list-type=2&prefix=mine%2F"
    forged = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7", "X-Real-IP": "203.0.113.7"}
    assert raw_s3.call(session, "GET", url, unsigned=forged).code == "AccessDenied"
    assert raw_s3.call(session, "GET", url, {**forged, "aws-SourceIp": "203.0.113.7"}).code == "AccessDenied"

    here = allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition={"StringEquals": {"s3:prefix": "mine/"}})
    session = federate(server, user, "narrow", here)
    assert raw_s3.call(session, "GET", url).status == 200
    for other in (f"{server.url}/{bucket}?list-type=2", f"{server.url}/{bucket}?list-type=2&prefix="):
        colliding = {"s3-prefix": "mine/", "prefix": "mine/", "s3_prefix": "mine/"}
        assert raw_s3.call(session, "GET", other, unsigned=colliding).code == "AccessDenied"
    assert raw_s3.call(session, "GET", url + "&prefix=other%2F").code == "InvalidArgument"


def test_a_denial_names_caller_action_and_resource_as_s3_does(server: Daypass, bucket: str) -> None:
    user = server.new_user("denied-federator", allow(["s3:*", "sts:*"], "*"))
    session = server.client("s3", federate(server, user, "Bob", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")))
    with pytest.raises(ClientError) as caught:
        session.put_object(Bucket=bucket, Key="k", Body=b"")
    assert caught.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::{server.account_id}:federated-user/Bob is not authorized to perform: s3:PutObject "
        f'on resource: "arn:aws:s3:::{bucket}/k" because no session policy allows the s3:PutObject action'
    )


def test_a_header_that_does_more_needs_the_permission_for_more(server: Daypass, owner: Any, bucket: str) -> None:
    writer = server.client("s3", server.new_user("only-writer", allow("s3:PutObject", "*")))
    writer.put_object(Bucket=bucket, Key="plain", Body=b"")
    for more, action in (
        ({"ACL": "bucket-owner-full-control"}, "s3:PutObjectAcl"),
        ({"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'}, "s3:PutObjectAcl"),
        ({"Tagging": "a=b"}, "s3:PutObjectTagging"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "s3:PutObjectLegalHold"),
        ({"ObjectLockMode": "GOVERNANCE"}, "s3:PutObjectRetention"),
        ({"IfMatch": '"0"'}, "s3:GetObject"),
    ):
        with pytest.raises(ClientError) as caught:
            writer.put_object(Bucket=bucket, Key="more", Body=b"", **more)
        assert failure(caught) == ("AccessDenied", 403)
        assert action in caught.value.response["Error"]["Message"]
    deleter = server.client("s3", server.new_user("only-deleter", allow("s3:DeleteObject", "*")))
    with pytest.raises(ClientError) as caught:
        deleter.delete_object(Bucket=bucket, Key="plain", BypassGovernanceRetention=True)
    assert "s3:BypassGovernanceRetention" in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as caught:
        deleter.delete_object(Bucket=bucket, Key="plain", VersionId="null")
    assert "s3:DeleteObjectVersion" in caught.value.response["Error"]["Message"]
    owner.head_object(Bucket=bucket, Key="plain")


def test_a_deny_on_a_tag_that_an_object_has_is_enforced(
    backend: Backend, server: Daypass, owner: Any, bucket: str
) -> None:
    tagged = {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}
    reader = server.client(
        "s3",
        server.new_user("tag-reader", allow("s3:*", "*"), deny("s3:GetObject", "*", Condition=tagged)),
    )
    # Swift has no tags: it refuses them with an upload, and says that its objects have none.
    tags = {} if backend.name == "swift" else {"Tagging": "Class=secret&other=1"}
    owner.put_object(Bucket=bucket, Key="tagged", Body=b"x", **tags)
    owner.put_object(Bucket=bucket, Key="untagged", Body=b"x")
    assert reader.get_object(Bucket=bucket, Key="untagged")["Body"].read() == b"x"
    if tags:
        with pytest.raises(ClientError) as caught:
            reader.get_object(Bucket=bucket, Key="tagged")
        assert failure(caught) == ("AccessDenied", 403)
    with pytest.raises(ClientError) as caught:
        reader.get_object(Bucket=bucket, Key="missing")
    assert failure(caught) == ("NoSuchKey", 404)
    reader.list_objects_v2(Bucket=bucket)
    owner.get_object(Bucket=bucket, Key="tagged")


def test_access_control_lists_are_switched_off(owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="acl", Body=b"", ACL="bucket-owner-full-control")
    for acl in ("public-read", "private"):
        with pytest.raises(ClientError) as caught:
            owner.put_object(Bucket=bucket, Key="acl", Body=b"", ACL=acl)
        assert failure(caught) == ("AccessControlListNotSupported", 400)
    owner.create_bucket(Bucket="acl-bucket", ACL="private")
    with pytest.raises(ClientError) as caught:
        owner.create_bucket(Bucket="acl-bucket-2", ACL="public-read")
    assert failure(caught) == ("InvalidBucketAclWithObjectOwnership", 400)


def test_the_expected_bucket_owner_must_be_the_owner(server: Daypass, owner: Any, bucket: str) -> None:
    owner.head_bucket(Bucket=bucket, ExpectedBucketOwner=server.account_id)
    with pytest.raises(ClientError) as caught:
        owner.put_object(Bucket=bucket, Key="k", Body=b"", ExpectedBucketOwner="999999999999")
    assert failure(caught) == ("AccessDenied", 403)


# ---- bucket policies ---------------------------------------------------------------------------------------


def test_a_user_made_anew_under_the_same_name_inherits_no_grant(server: Daypass, owner: Any) -> None:
    """A bucket policy is bound to the user's unique id, and shows it once the user is gone."""
    owner.create_bucket(Bucket="bound-bucket")
    owner.put_object(Bucket="bound-bucket", Key="k", Body=b"x")
    keys = server.new_user("reborn")
    arn = f"arn:aws:iam::{server.account_id}:user/reborn"
    document = policy({**allow("s3:GetObject", "arn:aws:s3:::bound-bucket/*"), "Principal": {"AWS": arn}})
    owner.put_bucket_policy(Bucket="bound-bucket", Policy=document)
    assert json.loads(owner.get_bucket_policy(Bucket="bound-bucket")["Policy"]) == json.loads(document)
    assert server.client("s3", keys).get_object(Bucket="bound-bucket", Key="k")["Body"].read() == b"x"

    iam = server.client("iam", server.root)
    user_id = iam.get_user(UserName="reborn")["User"]["UserId"]
    iam.delete_access_key(UserName="reborn", AccessKeyId=keys.access_key_id)
    iam.delete_user(UserName="reborn")
    shown = json.loads(owner.get_bucket_policy(Bucket="bound-bucket")["Policy"])
    assert shown["Statement"][0]["Principal"] == {"AWS": user_id}
    again = server.client("s3", server.new_user("reborn"))
    with pytest.raises(ClientError) as caught:
        again.get_object(Bucket="bound-bucket", Key="k")
    assert failure(caught) == ("AccessDenied", 403)


def test_a_deny_that_names_the_user_hits_every_session_it_issued(server: Daypass, owner: Any) -> None:
    owner.create_bucket(Bucket="deny-bucket")
    owner.put_object(Bucket="deny-bucket", Key="k", Body=b"x")
    user = server.new_user("issuer", allow(["s3:*", "sts:*"], "*"))
    session = server.client("s3", federate(server, user, "AnyName", allow("s3:*", "*")))
    assert session.get_object(Bucket="deny-bucket", Key="k")["Body"].read() == b"x"
    arn = f"arn:aws:iam::{server.account_id}:user/issuer"
    document = policy({**deny("s3:GetObject", "arn:aws:s3:::deny-bucket/*"), "Principal": {"AWS": arn}})
    owner.put_bucket_policy(Bucket="deny-bucket", Policy=document)
    with pytest.raises(ClientError) as caught:
        session.get_object(Bucket="deny-bucket", Key="k")
    assert "explicit deny in a resource-based policy" in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "Request body is empty."),
        ("not json", "Policies must be valid JSON and the first byte must be '{'"),
        ('{"Version":"2012-10-17"}', "Missing required field Statement"),
        (
            policy({**allow("s3:GetObject", "arn:aws:s3:::another-bucket/*"), "Principal": "*"}),
            "Policy has invalid resource",
        ),
        (
            policy({**allow("s3:GetObject", "arn:aws:s3:::shared-bucket*"), "Principal": "*"}),
            "Policy has invalid resource",
        ),
        (policy({**allow("s3:GetObject", "*"), "Principal": "*"}), "Policy has invalid resource"),
        (
            policy(
                {
                    **allow("s3:GetObject", "arn:aws:s3:::shared-bucket/*"),
                    "Principal": {"AWS": "arn:aws:iam::ACCOUNT:user/nobody"},
                }
            ),
            "Invalid principal in policy",
        ),
        (
            policy({**allow("s3:GetObject", "arn:aws:s3:::shared-bucket/*"), "Principal": {"AWS": "999999999999"}}),
            "Invalid principal in policy",
        ),
        (
            policy(
                {
                    **allow("s3:GetObject", "arn:aws:s3:::shared-bucket/*"),
                    "Principal": {"AWS": "arn:aws:iam::ACCOUNT:role/any"},
                }
            ),
            "Invalid principal in policy",
        ),
        (
            policy({**allow("s3:GetObject", "arn:aws:s3:::shared-bucket"), "Principal": "*"}),
            "Action does not apply to any resource(s) in statement",
        ),
        (" " * 20_481, "Policy exceeds the maximum allowed size of 20480"),
    ],
    ids=lambda value: None if str(value).startswith(("{", " ")) else str(value),
)
def test_a_bucket_policy_that_cannot_stand_is_refused_with_s3s_words(
    server: Daypass, owner: Any, bucket: str, document: str, message: str
) -> None:
    url = f"{server.url}/{bucket}?policy"
    body = document.replace("ACCOUNT", server.account_id).encode()
    answer = raw_s3.call(server.root, "PUT", url, body=body)
    assert (answer.status, answer.element("Message")) == (400, message)
    with pytest.raises(ClientError) as caught:
        owner.get_bucket_policy(Bucket=bucket)
    assert failure(caught) == ("NoSuchBucketPolicy", 404)


def test_the_owners_root_can_mend_a_bucket_policy_that_denies_everybody(server: Daypass, owner: Any) -> None:
    owner.create_bucket(Bucket="locked-bucket")
    resources = ["arn:aws:s3:::locked-bucket", "arn:aws:s3:::locked-bucket/*"]
    owner.put_bucket_policy(Bucket="locked-bucket", Policy=policy({**deny("s3:*", resources), "Principal": "*"}))
    administrator = server.client("s3", server.new_user("locked-out", allow("*", "*")))
    with pytest.raises(ClientError) as caught:
        administrator.delete_bucket_policy(Bucket="locked-bucket")
    assert failure(caught) == ("AccessDenied", 403)
    with pytest.raises(ClientError) as caught:
        owner.list_objects_v2(Bucket="locked-bucket")
    assert failure(caught) == ("AccessDenied", 403)
    owner.delete_bucket_policy(Bucket="locked-bucket")
    assert owner.list_objects_v2(Bucket="locked-bucket")["KeyCount"] == 0


def test_a_bucket_policy_whose_checksum_is_wrong_is_not_kept(server: Daypass, owner: Any, bucket: str) -> None:
    document = policy({**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": "*"}).encode()
    url = f"{server.url}/{bucket}?policy"
    for wrong in (
        {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
        {"x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-checksum-sha1": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
        {"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
        {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="},
    ):
        assert raw_s3.call(server.root, "PUT", url, wrong, document).code == "BadDigest"
    assert raw_s3.call(server.root, "PUT", url, {"Content-MD5": "x"}, document).code == "InvalidDigest"
    with pytest.raises(ClientError) as caught:
        owner.get_bucket_policy(Bucket=bucket)
    assert failure(caught) == ("NoSuchBucketPolicy", 404)


# ---- every answer ------------------------------------------------------------------------------------------


def test_every_answer_bears_its_ids_and_none_names_the_server(server: Daypass, owner: Any, bucket: str) -> None:
    owner.put_object(Bucket=bucket, Key="ids", Body=b"x")
    for method, target in (("GET", "ids"), ("HEAD", "ids"), ("GET", "nothing"), ("HEAD", "nothing"), ("DELETE", "x")):
        answer = raw_s3.call(server.root, method, f"{server.url}/{bucket}/{target}")
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amz-request-id"])
        assert answer.headers["x-amz-id-2"]
        assert "date" in answer.headers
        assert "server" not in answer.headers
        assert not {"x-openstack-request-id", "x-trans-id", "x-amzn-requestid"} & answer.headers.keys()
        if method == "HEAD":
            assert answer.body == b""
        elif answer.status >= 400:
            assert answer.element("RequestId") == answer.headers["x-amz-request-id"]
            assert answer.element("HostId") == answer.headers["x-amz-id-2"]


def test_each_decision_is_on_record_under_the_requests_id(server: Daypass, bucket: str) -> None:
    user = server.new_user("audited", allow("s3:PutObject", f"arn:aws:s3:::{bucket}/audit/*"))
    allowed = raw_s3.call(user, "PUT", f"{server.url}/{bucket}/audit/k", {"x-amz-tagging": "a=b"}, b"")
    records = server.audit(allowed.headers["x-amz-request-id"])
    assert [(record["action"], record["decision"], record["error"]) for record in records] == [
        ("s3:PutObject", "Allowed", None),
        ("s3:PutObjectTagging", "ImplicitlyDenied", "AccessDenied"),
    ]
    assert records[0]["resource"] == f"arn:aws:s3:::{bucket}/audit/k"
    assert records[0]["caller_arn"] == f"arn:aws:iam::{server.account_id}:user/audited"
    refused = raw_s3.call(user, "GET", f"{server.url}/{bucket}?acl&policy")
    (record,) = server.audit(refused.headers["x-amz-request-id"])
    assert (record["decision"], record["error"], record["caller_type"]) == ("Refused", "NotImplemented", "unknown")


def test_any_region_may_be_signed_for(server: Daypass, bucket: str) -> None:
    assert REGION != "eu-north-1"
    elsewhere = server.client("s3", server.root, "eu-north-1")
    assert elsewhere.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
