"""Roles, sessions and accounts at the S3 gateway, by an unmodified boto3: who may reach which object, and through what.

Source: IAM User Guide, "Cross-account policy evaluation logic", "Policy evaluation logic" (what a resource policy that
names a session is limited by); Amazon S3 User Guide, "Bucket owner granting cross-account bucket permissions".
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.accounts import account_command, attach, new_account, until
from support.server import REGION, Daypass, Keys, allow, policy

OTHER = "820987654321"
BUCKET = "roles-and-accounts"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


class World:
    """A bucket with one object, a role that may read it, and another account with a user."""

    def __init__(self, daypass: Daypass) -> None:
        self.daypass = daypass
        self.owner = daypass.client("s3", daypass.root)
        self.owner.create_bucket(Bucket=BUCKET)
        self.owner.put_object(Bucket=BUCKET, Key="a/report", Body=b"figures")
        self.owner.put_object(Bucket=BUCKET, Key="b/report", Body=b"others")
        self.caller = daypass.new_user("s3-role-caller", allow(["sts:*", "s3:ListAllMyBuckets"], "*"))
        self.iam = daypass.client("iam", daypass.root)
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{daypass.account_id}:user/s3-role-caller"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.role = self.iam.create_role(RoleName="S3Reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.reads(OBJECTS)
        made = new_account(daypass.data, OTHER)
        self.other_root = Keys(made.access_key_id, made.secret)

    def reads(self, resource: str) -> None:
        """What the role may read from now on."""
        document = policy(allow(["s3:GetObject", "s3:PutObject"], resource), allow("sts:GetScopedCredentials", "*"))
        self.iam.put_role_policy(RoleName="S3Reader", PolicyName="reads", PolicyDocument=document)

    def session(self, **more: Any) -> Keys:
        sts = self.daypass.client("sts", self.caller)
        return Keys.of(sts.assume_role(RoleArn=self.role, RoleSessionName="jan", **more)["Credentials"])

    def bucket_policy(self, *statements: dict[str, Any]) -> None:
        if statements:
            self.owner.put_bucket_policy(Bucket=BUCKET, Policy=policy(*statements))
        else:
            self.owner.delete_bucket_policy(Bucket=BUCKET)

    def outcome(self, keys: Keys, key: str = "a/report") -> str:
        """What reading the object comes to."""
        try:
            body = self.daypass.client("s3", keys).get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        assert body in (b"figures", b"others")
        return "read"


@pytest.fixture(scope="module")
def world(daypass: Daypass) -> World:
    return World(daypass)


@pytest.fixture(autouse=True)
def clean(world: World) -> Iterator[None]:
    yield
    world.bucket_policy()
    world.reads(OBJECTS)


def for_principal(principal: str, action: str = "s3:GetObject", effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": action, "Resource": OBJECTS}


def test_a_role_session_does_what_its_role_may_and_is_audited_as_itself(world: World) -> None:
    keys = world.session()
    s3 = world.daypass.client("s3", keys)
    s3.put_object(Bucket=BUCKET, Key="a/new", Body=b"x")
    answer = s3.get_object(Bucket=BUCKET, Key="a/new")
    assert answer["Body"].read() == b"x"
    (record,) = world.daypass.audit(answer["ResponseMetadata"]["RequestId"])[:1]
    assert record["caller_arn"].endswith(":assumed-role/S3Reader/jan")
    assert record["caller_type"] == "role-session"
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=BUCKET, Key="a/new")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def scoped(world: World, keys: Keys, document: str) -> Keys:
    """GetScopedCredentials, which botocore does not have yet, as a signed request of its own making."""
    form = {"Action": "GetScopedCredentials", "Version": "2011-06-15", "Policy": document}
    request = AWSRequest("POST", f"{world.daypass.url}/", data=urlencode(form))
    request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    SigV4Auth(credentials, "sts", REGION).add_auth(request)
    sent = urllib.request.Request(request.url, request.data.encode(), dict(request.headers), method="POST")  # noqa: S310  our own server
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sent) as answer:
        told = {each.tag.rpartition("}")[2]: each.text for each in ElementTree.fromstring(answer.read()).iter()}  # noqa: S314  our own answer
    return Keys.of({name: str(text) for name, text in told.items()})


def test_a_session_policy_and_a_scope_each_narrow_what_the_role_may_read(world: World) -> None:
    only_a = policy(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/a/*"), allow("sts:*", "*"))
    assert world.outcome(world.session(Policy=only_a)) == "read"
    assert world.outcome(world.session(Policy=only_a), "b/report") == "AccessDenied"
    whole = world.session()
    for keys in (scoped(world, whole, only_a), scoped(world, scoped(world, whole, policy(allow("*", "*"))), only_a)):
        assert world.daypass.client("sts", keys).get_caller_identity()["Arn"].endswith("/S3Reader/jan")
        assert (world.outcome(keys), world.outcome(keys, "b/report")) == ("read", "AccessDenied")
    # What names the session itself grants no more than the scope allows.
    session_arn = f"arn:aws:sts::{world.daypass.account_id}:assumed-role/S3Reader/jan"
    world.bucket_policy(for_principal(session_arn))
    narrowed = scoped(world, whole, only_a)
    assert (world.outcome(narrowed), world.outcome(narrowed, "b/report")) == ("read", "AccessDenied")


def test_a_bucket_policy_that_names_the_role_is_limited_by_the_session_policy_and_one_that_names_the_session_is_not(
    world: World,
) -> None:
    world.reads("arn:aws:s3:::elsewhere/*")
    keys, narrowed = world.session(), world.session(Policy=policy(allow("s3:PutObject", "*")))
    assert (world.outcome(keys), world.outcome(narrowed)) == ("AccessDenied", "AccessDenied")
    world.bucket_policy(for_principal(world.role))
    assert (world.outcome(keys), world.outcome(narrowed)) == ("read", "AccessDenied")
    session_arn = f"arn:aws:sts::{world.daypass.account_id}:assumed-role/S3Reader/jan"
    world.bucket_policy(for_principal(session_arn))
    assert (world.outcome(keys), world.outcome(narrowed)) == ("read", "read")
    world.bucket_policy(for_principal(session_arn), for_principal(world.role, effect="Deny"))
    assert (world.outcome(keys), world.outcome(narrowed)) == ("AccessDenied", "AccessDenied")


def test_a_bucket_of_another_account_opens_only_if_both_sides_allow(world: World) -> None:
    iam = world.daypass.client("iam", world.other_root)
    iam.create_user(UserName="carol")
    carol = Keys.of(iam.create_access_key(UserName="carol")["AccessKey"])
    carol_arn = f"arn:aws:iam::{OTHER}:user/carol"
    assert world.outcome(carol) == "AccessDenied"
    world.bucket_policy(for_principal(carol_arn))
    assert world.outcome(carol) == "AccessDenied", "the bucket's side alone"
    iam.put_user_policy(UserName="carol", PolicyName="p", PolicyDocument=policy(allow("s3:GetObject", OBJECTS)))
    until(lambda: world.outcome(carol) == "read")
    world.bucket_policy(for_principal(OTHER))
    assert world.outcome(carol) == "read", "the account delegates to its own policies"
    assert world.outcome(world.other_root) == "read", "root needs the bucket's side alone"
    world.bucket_policy()
    assert world.outcome(carol) == "AccessDenied", "the caller's side alone"
    assert world.outcome(world.other_root) == "AccessDenied"


def test_control_policies_of_the_caller_s_account_hold_at_the_gateway(world: World) -> None:
    world.bucket_policy(for_principal(OTHER))
    assert world.outcome(world.other_root) == "read"
    forbidden = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}}
    full = ("policy", "attach", "s3-full", "--full-access", "--account", OTHER)
    assert account_command(world.daypass.data, *full).exit_code == 0
    assert attach(world.daypass.data, "s3-none", forbidden, "--account", OTHER).exit_code == 0
    try:
        until(lambda: world.outcome(world.other_root) == "AccessDenied")
    finally:
        for name in ("s3-none", "s3-full"):
            assert account_command(world.daypass.data, "policy", "detach", name).exit_code == 0
    until(lambda: world.outcome(world.other_root) == "read")


def test_resource_control_policies_of_the_bucket_s_account_hold_for_whoever_comes(world: World) -> None:
    third = "830987654321"
    made = new_account(world.daypass.data, third)
    theirs = world.daypass.client("s3", Keys(made.access_key_id, made.secret))
    theirs.create_bucket(Bucket="of-the-third")
    theirs.put_object(Bucket="of-the-third", Key="k", Body=b"x")
    open_to_all = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::of-the-third/*",
    }
    theirs.delete_public_access_block(Bucket="of-the-third")
    theirs.put_bucket_policy(Bucket="of-the-third", Policy=policy(open_to_all))
    reader = world.daypass.new_user("third-reader", allow("s3:GetObject", "*"))

    def reads() -> bool:
        try:
            world.daypass.client("s3", reader).get_object(Bucket="of-the-third", Key="k")
        except ClientError:
            return False
        return True

    assert reads()
    outsiders = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalAccount": third}},
    }  # fmt: skip
    document = {"Version": "2012-10-17", "Statement": [outsiders]}
    where = ("--account", third, "--kind", "resource-control")
    assert attach(world.daypass.data, "own-people-only", document, *where).exit_code == 0
    until(lambda: not reads())
    assert theirs.get_object(Bucket="of-the-third", Key="k")["Body"].read() == b"x"


def test_sessions_of_a_deleted_role_and_of_a_closed_account_are_unknown_keys(world: World) -> None:
    fourth = "840987654321"
    made = new_account(world.daypass.data, fourth)
    root = Keys(made.access_key_id, made.secret)
    world.daypass.client("s3", root).list_buckets()
    assert account_command(world.daypass.data, "close", fourth, "--yes").exit_code == 0
    until(lambda: world.outcome(root) == "InvalidAccessKeyId")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{world.daypass.account_id}:user/s3-role-caller"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = world.iam.create_role(RoleName="S3Gone", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = world.daypass.client("sts", world.caller)
    keys = Keys.of(sts.assume_role(RoleArn=arn, RoleSessionName="jan")["Credentials"])
    assert world.outcome(keys) == "AccessDenied"
    world.iam.delete_role(RoleName="S3Gone")
    until(lambda: world.outcome(keys) == "InvalidAccessKeyId")


def test_a_root_session_opens_a_member_s_bucket_that_denies_everybody_and_does_nothing_else(world: World) -> None:
    fifth = "850987654321"
    made = new_account(world.daypass.data, fifth)
    theirs = world.daypass.client("s3", Keys(made.access_key_id, made.secret))
    theirs.create_bucket(Bucket="locked-out")
    theirs.put_object(Bucket="locked-out", Key="k", Body=b"x")
    resources = ["arn:aws:s3:::locked-out", "arn:aws:s3:::locked-out/*"]
    theirs.put_bucket_policy(
        Bucket="locked-out",
        Policy=policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources}),
    )
    answer = world.daypass.client("sts", world.caller).assume_root(
        TargetPrincipal=fifth,
        TaskPolicyArn={"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
    )
    task = world.daypass.client("s3", Keys.of(answer["Credentials"]))
    with pytest.raises(ClientError) as refused:
        theirs.get_object(Bucket="locked-out", Key="k")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert json.loads(task.get_bucket_policy(Bucket="locked-out")["Policy"])["Statement"][0]["Effect"] == "Deny"
    task.delete_bucket_policy(Bucket="locked-out")
    assert theirs.get_object(Bucket="locked-out", Key="k")["Body"].read() == b"x"
    for call in (task.get_object, task.delete_object):
        with pytest.raises(ClientError) as refused:
            call(Bucket="locked-out", Key="k")
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
