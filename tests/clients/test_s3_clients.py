"""Objects through the gateway with federated credentials: boto3 and the AWS CLI, unmodified.

Before moto, which verifies nothing: every refusal seen there is Daypass's; and before Swift, which verifies signatures.

Source: IAM User Guide, "Policy evaluation logic", "Permissions for GetFederationToken"; S3 API Reference, "Error
responses"; S3 User Guide, "Download and upload objects with presigned URLs".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.commands import aws_command, aws_environment
from support.plain_http import fetch
from support.server import Daypass, Keys, allow, deny, policy

BUCKET = "s3-clients"
OBJECTS = f"arn:aws:s3:::{BUCKET}"


@pytest.fixture(scope="module")
def daypass(daypass_before_each: Daypass) -> Daypass:
    return daypass_before_each


@pytest.fixture(scope="module")
def proxy(daypass: Daypass) -> Keys:
    """May get, put and list in one bucket, and obtain credentials for others. It may not delete."""
    s3 = daypass.client("s3", daypass.root)
    s3.create_bucket(Bucket=BUCKET)
    for name in ("bob", "eve"):
        s3.put_object(Bucket=BUCKET, Key=f"{name}/a.txt", Body=f"for {name}".encode())
    return daypass.new_user(
        "s3-proxy",
        allow("sts:GetFederationToken", "*"),
        allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket"], [OBJECTS, f"{OBJECTS}/*"]),
    )


@pytest.fixture(scope="module")
def bob(daypass: Daypass, proxy: Keys) -> Keys:
    """Narrowed to a folder, in which it may do anything that the proxy may."""
    session_policy = policy(
        allow("s3:*", f"{OBJECTS}/bob/*"),
        allow("s3:ListBucket", OBJECTS, Condition={"StringLike": {"s3:prefix": "bob/*"}}),
    )
    sts = daypass.client("sts", proxy)
    return Keys.of(sts.get_federation_token(Name="Bob", Policy=session_policy)["Credentials"])


@pytest.fixture(scope="module")
def s3(daypass: Daypass, bob: Keys) -> Any:
    return daypass.client("s3", bob)


def error(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    response = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"].get("Message", ""),
    )


# --- boto3 ---------------------------------------------------------------------------------------------------


def test_inside_the_narrowing_objects_are_put_got_headed_and_listed(s3: Any) -> None:
    body = bytes(range(256)) * 5000
    put = s3.put_object(Bucket=BUCKET, Key="bob/ü +%2F.bin", Body=body, Metadata={"origin": "here"})
    got = s3.get_object(Bucket=BUCKET, Key="bob/ü +%2F.bin")
    assert got["Body"].read() == body
    assert (got["ETag"], got["Metadata"], got["ContentLength"]) == (put["ETag"], {"origin": "here"}, len(body))
    assert s3.head_object(Bucket=BUCKET, Key="bob/ü +%2F.bin")["ContentLength"] == len(body)
    part = s3.get_object(Bucket=BUCKET, Key="bob/ü +%2F.bin", Range="bytes=3-5")
    assert (part["Body"].read(), part["ResponseMetadata"]["HTTPStatusCode"]) == (b"\x03\x04\x05", 206)
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="bob/")["Contents"]]
    assert "bob/ü +%2F.bin" in listed


OUTSIDE = [
    ("get_object", {"Key": "eve/a.txt"}, "s3:GetObject", "/eve/a.txt", "session policy"),
    ("put_object", {"Key": "eve/b.txt", "Body": b"x"}, "s3:PutObject", "/eve/b.txt", "session policy"),
    ("list_objects_v2", {"Prefix": "eve/"}, "s3:ListBucket", "", "session policy"),
    ("list_objects_v2", {}, "s3:ListBucket", "", "session policy"),
    ("delete_object", {"Key": "bob/a.txt"}, "s3:DeleteObject", "/bob/a.txt", "identity-based policy"),
    ("get_bucket_policy", {}, "s3:GetBucketPolicy", "", "identity-based policy"),
]


@pytest.mark.parametrize(("operation", "arguments", "action", "where", "kind"), OUTSIDE)
def test_outside_the_narrowing_s3_says_which_kind_of_policy_did_not_allow(
    operation: str, arguments: dict[str, Any], action: str, where: str, kind: str, s3: Any, daypass: Daypass
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(s3, operation)(Bucket=BUCKET, **arguments)
    assert error(caught) == (
        403,
        "AccessDenied",
        f"User: arn:aws:sts::{daypass.account_id}:federated-user/Bob is not authorized to perform: {action} on "
        f'resource: "{OBJECTS}{where}" because no {kind} allows the {action} action',
    )


def test_what_was_refused_was_not_done(s3: Any, daypass: Daypass) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=BUCKET, Key="eve/written-by-bob.txt", Body=b"x")
    with pytest.raises(ClientError) as caught:
        daypass.client("s3", daypass.root).get_object(Bucket=BUCKET, Key="eve/written-by-bob.txt")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"


def test_dots_in_a_key_lead_out_of_no_folder(s3: Any) -> None:
    # In S3 `bob/../eve/a.txt` is the name of an object below `bob/`, and nothing else; it does not exist.
    with pytest.raises(ClientError):
        s3.get_object(Bucket=BUCKET, Key="bob/../eve/a.txt")


def test_without_a_session_policy_there_is_no_permission_at_all(daypass: Daypass, proxy: Keys) -> None:
    sts = daypass.client("sts", proxy)
    s3 = daypass.client("s3", Keys.of(sts.get_federation_token(Name="Carol")["Credentials"]))
    for call in (
        lambda: s3.get_object(Bucket=BUCKET, Key="bob/a.txt"),
        lambda: s3.put_object(Bucket=BUCKET, Key="bob/c.txt", Body=b"x"),
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.list_buckets(),
        lambda: s3.create_bucket(Bucket="carols-own"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert error(caught)[:2] == (403, "AccessDenied")


def test_a_bucket_policy_that_names_the_session_reaches_beyond_it_and_its_deny_wins(
    daypass: Daypass, bob: Keys, proxy: Keys
) -> None:
    owner = daypass.client("s3", daypass.root)
    owner.create_bucket(Bucket="s3-notices")
    for key in ("open.txt", "drafts/closed.txt"):
        owner.put_object(Bucket="s3-notices", Key=key, Body=b"text")
    bobs_arn = f"arn:aws:sts::{daypass.account_id}:federated-user/Bob"
    document = policy(
        {**allow("s3:GetObject", "arn:aws:s3:::s3-notices/*"), "Principal": {"AWS": bobs_arn}},
        {**deny("s3:GetObject", "arn:aws:s3:::s3-notices/drafts/*"), "Principal": "*", "Sid": "NoDrafts"},
    )
    owner.put_bucket_policy(Bucket="s3-notices", Policy=document)
    assert json.loads(owner.get_bucket_policy(Bucket="s3-notices")["Policy"]) == json.loads(document)

    s3 = daypass.client("s3", bob)
    assert s3.get_object(Bucket="s3-notices", Key="open.txt")["Body"].read() == b"text"
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="s3-notices", Key="drafts/closed.txt")
    assert error(caught)[2].endswith("with an explicit deny in a resource-based policy")
    # The deny names everybody: the owner too.
    with pytest.raises(ClientError, match="AccessDenied"):
        owner.get_object(Bucket="s3-notices", Key="drafts/closed.txt")
    # The grant names the session, not the user behind it, nor another session of that user.
    with pytest.raises(ClientError, match="AccessDenied"):
        daypass.client("s3", proxy).get_object(Bucket="s3-notices", Key="open.txt")
    other = daypass.client("sts", proxy).get_federation_token(Name="Bobby", Policy=policy(allow("s3:*", OBJECTS)))
    with pytest.raises(ClientError, match="AccessDenied"):
        daypass.client("s3", Keys.of(other["Credentials"])).get_object(Bucket="s3-notices", Key="open.txt")

    owner.delete_bucket_policy(Bucket="s3-notices")
    with pytest.raises(ClientError) as caught:
        owner.get_bucket_policy(Bucket="s3-notices")
    assert error(caught)[:2] == (404, "NoSuchBucketPolicy")


def test_a_bucket_lives_from_its_making_to_its_removal(daypass: Daypass) -> None:
    s3 = daypass.client("s3", daypass.root)
    s3.create_bucket(Bucket="s3-short-lived")
    assert s3.head_bucket(Bucket="s3-short-lived")["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert "s3-short-lived" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket="s3-short-lived", Key="a", Body=b"")
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket="s3-short-lived")
    assert error(caught)[:2] == (409, "BucketNotEmpty")
    s3.delete_object(Bucket="s3-short-lived", Key="a")
    s3.delete_bucket(Bucket="s3-short-lived")
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket="s3-short-lived")
    assert error(caught)[0] == 404


def test_a_presigned_url_can_what_its_signer_can_and_nothing_else(s3: Any) -> None:
    def presigned(operation: str, key: str) -> str:
        return str(s3.generate_presigned_url(operation, {"Bucket": BUCKET, "Key": key}))

    got = fetch("GET", presigned("get_object", "bob/a.txt"))
    assert (got.status, got.body) == (200, b"for bob")
    assert fetch("PUT", presigned("put_object", "bob/presigned.txt"), b"by url").status == 200
    assert s3.get_object(Bucket=BUCKET, Key="bob/presigned.txt")["Body"].read() == b"by url"

    assert b"<Code>AccessDenied</Code>" in fetch("GET", presigned("get_object", "eve/a.txt")).body
    altered = presigned("get_object", "bob/a.txt").replace("bob/a.txt", "eve/a.txt")
    assert b"<Code>SignatureDoesNotMatch</Code>" in fetch("GET", altered).body
    assert fetch("PUT", presigned("get_object", "bob/a.txt"), b"x").status == 403


NOT_SERVED = [
    ("create_session", {}),
    ("get_bucket_abac", {}),
    ("get_bucket_metadata_configuration", {}),
    ("get_object_torrent", {"Key": "bob/a.txt"}),
    ("rename_object", {"Key": "bob/b.txt", "RenameSource": "bob/a.txt"}),
]


@pytest.mark.parametrize(("operation", "arguments"), NOT_SERVED, ids=[row[0] for row in NOT_SERVED])
def test_an_operation_that_is_not_served_is_not_implemented_even_for_root(
    operation: str, arguments: dict[str, Any], daypass: Daypass, proxy: Keys
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(daypass.client("s3", daypass.root), operation)(Bucket=BUCKET, **arguments)
    assert error(caught)[:2] == (501, "NotImplemented")


def test_wrong_credentials_are_told_apart_as_s3_tells_them(daypass: Daypass, bob: Keys, proxy: Keys) -> None:
    assert bob.session_token is not None
    middle = len(bob.session_token) // 2
    letter = "A" if bob.session_token[middle] != "A" else "B"
    damaged = bob.session_token[:middle] + letter + bob.session_token[middle + 1 :]
    rows = [
        (Keys("AKIANOBODYATALL22222", "x"), 403, "InvalidAccessKeyId"),
        (Keys(proxy.access_key_id, "another secret"), 403, "SignatureDoesNotMatch"),
        (Keys(bob.access_key_id, bob.secret_access_key), 403, "InvalidAccessKeyId"),
        (Keys(bob.access_key_id, bob.secret_access_key, damaged), 400, "InvalidToken"),
    ]
    for keys, status, code in rows:
        with pytest.raises(ClientError) as caught:
            daypass.client("s3", keys).get_object(Bucket=BUCKET, Key="bob/a.txt")
        assert error(caught)[:2] == (status, code), keys


# --- the AWS CLI ---------------------------------------------------------------------------------------------


def test_the_aws_cli_copies_lists_and_removes_with_nothing_but_an_endpoint_and_keys(
    daypass: Daypass, bob: Keys, tmp_path: Path
) -> None:
    environment = aws_environment(daypass, bob)
    source, back = tmp_path / "source.txt", tmp_path / "back.txt"
    source.write_text("by the command line\n")

    def aws(*arguments: str) -> str:
        done = aws_command(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    aws("s3", "cp", str(source), f"s3://{BUCKET}/bob/cli.txt")
    assert "cli.txt" in aws("s3", "ls", f"s3://{BUCKET}/bob/")
    aws("s3", "cp", f"s3://{BUCKET}/bob/cli.txt", str(back))
    assert back.read_text() == source.read_text()

    refused = aws_command("s3", "cp", str(source), f"s3://{BUCKET}/eve/cli.txt", environment=environment)
    assert refused.returncode != 0
    assert "(AccessDenied)" in refused.stderr
    removed = aws_command("s3", "rm", f"s3://{BUCKET}/bob/cli.txt", environment=environment)
    assert removed.returncode != 0
    assert "no identity-based policy allows the s3:DeleteObject action" in removed.stderr


def test_the_aws_cli_presigns_a_url_that_anybody_can_open(daypass: Daypass, bob: Keys, tmp_path: Path) -> None:
    # Towards an endpoint of one's own the CLI presigns in Version 2 unless its configuration says otherwise.
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  signature_version = s3v4\n")
    environment = aws_environment(daypass, bob) | {"AWS_CONFIG_FILE": str(config)}
    done = aws_command("s3", "presign", f"s3://{BUCKET}/bob/a.txt", "--expires-in", "60", environment=environment)
    assert done.returncode == 0, done.stderr
    assert fetch("GET", done.stdout.strip()).body == b"for bob"


def test_root_makes_and_removes_buckets_by_the_aws_cli(daypass: Daypass) -> None:
    environment = aws_environment(daypass, daypass.root)
    for arguments in (("s3", "mb", "s3://s3-by-cli"), ("s3", "ls"), ("s3", "rb", "s3://s3-by-cli")):
        done = aws_command(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        assert "s3-by-cli" in done.stdout
