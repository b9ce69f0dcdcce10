from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest

from daypass.names import Secret
from daypass.policy import Policy, PolicyKind, PolicySet
from daypass.service import s3_checks, s3_documents
from daypass.service.authorize import Authorizer
from daypass.service.caller import ANONYMOUS, Caller
from daypass.service.ports import AuditRecord, Bucket, ManagedPolicy, User
from daypass.service.s3 import S3Access
from daypass.token import Session
from daypass.wire import s3_xml
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD
from support.memory import MemoryIdentities
from support.s3_exchanges import ACCOUNT, BUCKET, NOW, ROOT, claim, exchange, refusal
from support.values import replace


def asked(*arguments: Any, **named: Any) -> list[tuple[str, str]]:
    """The questions that the call asks: action and resource."""
    return [(check.action, check.resource) for check in s3_checks.checks(exchange(*arguments, **named))]


def context(*arguments: Any, **named: Any) -> dict[str, Any]:
    return dict(s3_checks.checks(exchange(*arguments, **named))[0].context)


# ---- actions and resources ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "headers", "expected"),
    [
        ("GET", "/", {}, [("s3:ListAllMyBuckets", "*")]),
        ("HEAD", "/bucket", {}, [("s3:ListBucket", "arn:aws:s3:::bucket")]),
        ("GET", "/bucket?list-type=2", {}, [("s3:ListBucket", "arn:aws:s3:::bucket")]),
        ("GET", "/bucket/a%2Fb+c", {}, [("s3:GetObject", "arn:aws:s3:::bucket/a/b+c")]),
        ("HEAD", "/bucket/*", {}, [("s3:GetObject", "arn:aws:s3:::bucket/*")]),
        ("GET", "/bucket/k?versionId=3", {}, [("s3:GetObjectVersion", "arn:aws:s3:::bucket/k")]),
        ("GET", "/bucket/k?versionId=null", {}, [("s3:GetObjectVersion", "arn:aws:s3:::bucket/k")]),
        ("DELETE", "/bucket/k?versionId=3", {}, [("s3:DeleteObjectVersion", "arn:aws:s3:::bucket/k")]),
        (
            "DELETE",
            "/bucket/k",
            {"x-amz-bypass-governance-retention": "false"},
            [("s3:DeleteObject", "arn:aws:s3:::bucket/k"), ("s3:BypassGovernanceRetention", "arn:aws:s3:::bucket/k")],
        ),
        (
            "PUT",
            "/bucket/k",
            {"x-amz-acl": "private", "x-amz-grant-read": "id=1", "x-amz-tagging": "a=b"},
            [
                ("s3:PutObject", "arn:aws:s3:::bucket/k"),
                ("s3:PutObjectAcl", "arn:aws:s3:::bucket/k"),
                ("s3:PutObjectTagging", "arn:aws:s3:::bucket/k"),
            ],
        ),
        (
            "PUT",
            "/bucket",
            {"x-amz-acl": "private", "x-amz-object-ownership": "BucketOwnerEnforced"},
            [
                ("s3:CreateBucket", "arn:aws:s3:::bucket"),
                ("s3:PutBucketAcl", "arn:aws:s3:::bucket"),
                ("s3:PutBucketOwnershipControls", "arn:aws:s3:::bucket"),
            ],
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_a_call_asks_for_each_permission_it_needs(
    method: str, target: str, headers: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert asked(method, target, headers) == expected


def test_a_copy_asks_for_its_source_by_itself() -> None:
    copy = exchange("PUT", "/bucket/k", {"x-amz-copy-source": "other/a%20b"})
    assert copy.source is not None
    (check,) = s3_checks.source_checks(copy, copy.source)
    assert (check.action, check.resource) == ("s3:GetObject", "arn:aws:s3:::other/a b")
    versioned = exchange("PUT", "/bucket/k", {"x-amz-copy-source": "other/k?versionId=3"})
    assert versioned.source is not None
    (check,) = s3_checks.source_checks(versioned, versioned.source)
    assert (check.action, check.context["s3:versionid"]) == ("s3:GetObjectVersion", "3")


@pytest.mark.parametrize("source", ["other/k", "/other/k", "other%2Fk", "other/k?versionId=3"])
def test_a_copys_source_is_one_condition_key_however_it_is_spelled(source: str) -> None:
    """Else a Deny of a source could be evaded by a slash or a version."""
    assert context("PUT", "/bucket/k", {"x-amz-copy-source": source})["s3:x-amz-copy-source"] == "other/k"


def test_what_a_document_says_is_a_condition_key() -> None:
    tags = b"<Tagging><TagSet><Tag><Key>Team</Key><Value>red</Value></Tag></TagSet></Tagging>"
    found = context("PUT", "/bucket/k?tagging", document=tags)
    assert (found["s3:requestobjecttag/team"], found["s3:requestobjecttagkeys"]) == ("red", ("Team",))
    until = b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2026-01-03T12:00:00Z</RetainUntilDate></Retention>"
    found = context("PUT", "/bucket/k?retention", document=until)
    assert (found["s3:object-lock-mode"], found["s3:object-lock-remaining-retention-days"]) == ("GOVERNANCE", "2")
    hold = b"<LegalHold><Status>ON</Status></LegalHold>"
    assert context("PUT", "/bucket/k?legal-hold", document=hold)["s3:object-lock-legal-hold"] == "ON"


@pytest.mark.parametrize(
    ("target", "document"),
    [
        ("tagging", "<Tagging><TagSet><Tag><Key>env</Key><Value>prod<b>dev</b></Value></Tag></TagSet></Tagging>"),
        ("tagging", "<Tagging><TagSet><Tag><Key>env</Key><Value><b>dev</b></Value></Tag></TagSet></Tagging>"),
        ("tagging", "<Tagging>prod<TagSet><Tag><Key>env</Key><Value>dev</Value></Tag></TagSet></Tagging>"),
        ("legal-hold", "<LegalHold><Status>ON<b/></Status></LegalHold>"),
        ("retention", "<Retention><Mode><b>GOVERNANCE</b></Mode></Retention>"),
        ("retention", "<Retention><Mode>governance</Mode></Retention>"),
    ],
)
def test_a_document_in_which_two_readers_could_read_two_values_is_refused(target: str, document: str) -> None:
    """What the policy would see is not what the backend would."""

    def work() -> None:
        s3_checks.checks(exchange("PUT", f"/bucket/k?{target}", document=document.encode()))

    assert refusal(work) == ("MalformedXML", 400)


def test_what_a_configuration_names_is_one_text() -> None:
    logging = (
        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>{}</TargetBucket></LoggingEnabled></BucketLoggingStatus>"
    )
    replication = "<ReplicationConfiguration><Role>{}</Role></ReplicationConfiguration>"
    for form, work in ((logging, s3_documents.written_buckets), (replication, s3_documents.roles)):
        operation = "PutBucketLogging" if form is logging else "PutBucketReplication"
        plain = s3_xml.parse(form.format("mine").encode(), strict=True)
        assert work(operation, plain) == ["mine"]
        nested = s3_xml.parse(form.format("<b>theirs</b>").encode(), strict=True)
        assert refusal(work, operation, nested) == ("MalformedXML", 400)


def test_an_exchange_does_not_show_what_was_sent_with_it() -> None:
    sent = exchange("PUT", "/bucket/k?legal-hold", document=b"<LegalHold><Status>ON</Status></LegalHold>")
    assert repr(sent) == "S3Exchange(id S3Call(PutObjectLegalHold 'bucket' 'k'))"


# ---- condition keys ----------------------------------------------------------------------------------------


def test_a_listing_says_prefix_delimiter_and_max_keys_as_they_were_sent() -> None:
    found = context("GET", "/bucket?list-type=2&prefix=a%2F&delimiter=%2F&max-keys=7&start-after=b")
    assert {key: found[key] for key in ("s3:prefix", "s3:delimiter", "s3:max-keys")} == {
        "s3:prefix": "a/",
        "s3:delimiter": "/",
        "s3:max-keys": "7",
    }


def test_a_listing_without_a_prefix_has_no_prefix_and_one_of_the_empty_prefix_has_it() -> None:
    assert "s3:prefix" not in context("GET", "/bucket?list-type=2")
    assert context("GET", "/bucket?list-type=2&prefix=")["s3:prefix"] == ""


def test_the_prefix_of_a_list_of_buckets_is_not_that_of_a_listing() -> None:
    assert "s3:prefix" not in context("GET", "/?prefix=a")


def test_the_headers_of_an_upload_are_condition_keys() -> None:
    headers = {
        "x-amz-storage-class": "GLACIER",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key",
        "x-amz-website-redirect-location": "/x",
        "if-none-match": "*",
        "x-amz-object-lock-mode": "GOVERNANCE",
        "x-amz-object-lock-retain-until-date": "2026-01-11T11:00:00Z",
        "x-amz-object-lock-legal-hold": "ON",
        "x-amz-tagging": "Team=red&cost=1",
    }
    assert context("PUT", "/bucket/k", headers) == {
        "s3:x-amz-storage-class": "GLACIER",
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": "key",
        "s3:x-amz-website-redirect-location": "/x",
        "s3:if-none-match": "*",
        "s3:object-lock-mode": "GOVERNANCE",
        "s3:object-lock-retain-until-date": "2026-01-11T11:00:00Z",
        "s3:object-lock-remaining-retention-days": "10",
        "s3:object-lock-legal-hold": "ON",
        "s3:requestobjecttag/team": "red",
        "s3:requestobjecttag/cost": "1",
        "s3:requestobjecttagkeys": ("Team", "cost"),
        "s3:objectcreationoperation": "true",
        "s3:resourceaccount": "123456789012",
        "aws:resourceaccount": "123456789012",
        "s3:authtype": "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        "s3:x-amz-content-sha256": UNSIGNED_PAYLOAD,
    }


def test_a_key_that_some_stores_take_for_another_must_be_allowed_as_both() -> None:
    """versitygw on files joins slashes: a Deny of `private/*` would be none of `/private/k` there."""
    assert asked("GET", "/bucket//private///k/") == [
        ("s3:GetObject", "arn:aws:s3:::bucket//private///k/"),
        ("s3:GetObject", "arn:aws:s3:::bucket/private/k/"),
    ]
    assert asked("GET", "/bucket/private/k/") == [("s3:GetObject", "arn:aws:s3:::bucket/private/k/")]
    copy = exchange("PUT", "/bucket/a//b", {"x-amz-copy-source": "other//c"})
    assert copy.source is not None
    assert [check.resource for check in s3_checks.source_checks(copy, copy.source)] == [
        "arn:aws:s3:::other//c",
        "arn:aws:s3:::other/c",
    ]
    assert [check.resource for check in s3_checks.tag_reading_checks(copy, copy.source)] == [
        "arn:aws:s3:::other//c",
        "arn:aws:s3:::other/c",
    ]
    assert [check.resource for check in s3_checks.tag_writing_checks(copy)] == [
        "arn:aws:s3:::bucket/a//b",
        "arn:aws:s3:::bucket/a/b",
    ]


COPY = {"x-amz-copy-source": "bucket/other"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"if-none-match": ""}, "NotImplemented"),
        ({"if-none-match": '"of no object"'}, "NotImplemented"),
        ({"if-none-match": "*", "if-match": '"e"'}, "NotImplemented"),
        ({"if-match": ""}, "InvalidArgument"),
        ({"x-amz-server-side-encryption": ""}, "InvalidArgument"),
        ({"x-amz-server-side-encryption": "aes256"}, "InvalidArgument"),
        ({"x-amz-server-side-encryption-aws-kms-key-id": ""}, "InvalidArgument"),
        ({"x-amz-server-side-encryption-customer-algorithm": ""}, "InvalidArgument"),
        ({"x-amz-storage-class": ""}, "InvalidArgument"),
        ({"x-amz-website-redirect-location": ""}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "Compliance"}, "InvalidArgument"),
        ({"x-amz-object-lock-legal-hold": "on"}, "InvalidArgument"),
        ({"x-amz-acl": ""}, "InvalidArgument"),
        ({**COPY, "x-amz-metadata-directive": "replace"}, "InvalidArgument"),
        ({**COPY, "x-amz-tagging-directive": "replace"}, "InvalidArgument"),
        ({**COPY, "x-amz-tagging": "env=prod"}, "InvalidRequest"),
        ({**COPY, "x-amz-tagging": "env=prod", "x-amz-tagging-directive": "COPY"}, "InvalidRequest"),
    ],
    ids=str,
)
def test_a_header_is_there_for_the_policy_only_with_a_value_that_no_store_passes_over(
    headers: dict[str, str], code: str
) -> None:
    """A policy that demands If-None-Match, or encryption, would be met by a header that changes nothing."""
    assert refusal(s3_checks.checks, exchange("PUT", "/bucket/k", headers))[0] == code


def test_a_copy_has_the_requests_tags_where_they_replace_the_sources() -> None:
    headers = {**COPY, "x-amz-tagging": "env=prod", "x-amz-tagging-directive": "REPLACE"}
    assert context("PUT", "/bucket/k", headers)["s3:requestobjecttag/env"] == "prod"


def test_metadata_named_like_a_condition_key_is_none() -> None:
    found = context(
        "PUT", "/bucket/k", {"x-amz-meta-s3-prefix": "x", "s3-x-amz-acl": "public-read", "aws-sourceip": "x"}
    )
    assert not {"s3:prefix", "s3:x-amz-acl", "aws:sourceip"} & found.keys()


def test_a_presigned_call_says_its_age_and_that_its_payload_is_unsigned() -> None:
    found = context("GET", "/bucket/k", signed=claim("query", seconds_ago=61.5, payload_hash=None))
    assert found["s3:authtype"] == "REST-QUERY-STRING"
    assert found["s3:signatureage"] == "61500"
    assert found["s3:x-amz-content-sha256"] == UNSIGNED_PAYLOAD


def test_a_call_presigned_by_a_clock_ahead_of_ours_is_of_no_age() -> None:
    assert context("GET", "/bucket/k", signed=claim("query", seconds_ago=-5))["s3:signatureage"] == "0"


def test_an_anonymous_call_says_nothing_of_a_signature() -> None:
    found = context("GET", "/bucket/k", caller=ANONYMOUS)
    assert not {"s3:authtype", "s3:signatureversion", "s3:signatureage", "s3:x-amz-content-sha256"} & found.keys()


def test_what_is_learned_beside_the_head_is_a_condition_key() -> None:
    found = context("PUT", "/new-bucket", bucket=None, learned={"s3:locationconstraint": "eu-west-1"})
    assert found["s3:locationconstraint"] == "eu-west-1"
    assert found["s3:resourceaccount"] == "123456789012"


def test_nothing_is_said_of_the_owner_of_a_bucket_that_does_not_exist() -> None:
    assert "s3:resourceaccount" not in context("GET", "/bucket/k", bucket=None)


@pytest.mark.parametrize("date", ["tomorrow", "2026-13-01T00:00:00Z", "2026-01-11T11:00:00", ""])
def test_a_retention_date_that_cannot_be_read_is_refused(date: str) -> None:
    put = exchange("PUT", "/bucket/k", {"x-amz-object-lock-retain-until-date": date})
    assert refusal(s3_checks.checks, put) == ("InvalidArgument", 400)


@pytest.mark.parametrize(
    "header",
    ["a=1&a=2", "a=1&A=2", "a=%zz", "&".join(f"k{n}=v" for n in range(11))],
    ids=["twice", "case", "escape", "11"],
)
def test_tags_that_no_condition_key_could_stand_for_are_refused(header: str) -> None:
    tagged = exchange("PUT", "/bucket/k", {"x-amz-tagging": header})
    assert refusal(s3_checks.checks, tagged) == ("InvalidTag", 400)


# ---- tags that the object has already ----------------------------------------------------------------------

TAG_POLICY = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","Resource":"*",'
    '"Condition":{"StringEquals":{"s3:ExistingObjectTag/class":"secret"}}}}'
)
PLAIN_POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'


def user(document: str) -> User:
    policies = (Policy.parse(document, PolicyKind.IDENTITY, id="p"),)
    return User("AIDAEXAMPLE", ACCOUNT.account_id, "u", "/", "arn:aws:iam::123456789012:user/u", NOW, {}, policies)


def session(document: str | None, arns: tuple[str, ...] = ()) -> Session:
    return Session(
        "federated-user", ACCOUNT.account_id, "ASIA", Secret("x"), "n", "AIDAEXAMPLE", NOW, NOW, document, arns, {}
    )


def tags_are_asked_for(caller: Caller, target: str = "/bucket/k", method: str = "GET", bucket: Bucket = BUCKET) -> bool:
    identities = MemoryIdentities()
    managed = Policy.parse(TAG_POLICY, PolicyKind.SESSION, id="m")
    identities.managed_policies["arn:tags"] = ManagedPolicy("arn:tags", ACCOUNT.account_id, TAG_POLICY, managed)
    asking = exchange(method, target, caller=caller, bucket=bucket)
    access = S3Access(Authorizer(identities), NoAudit())
    return asyncio.run(access.asks_for_object_tags(asking, s3_checks.actions_of(asking), bucket))


class NoAudit:
    def write(self, record: AuditRecord) -> None:
        raise AssertionError("nothing is decided here")

    def write_all(self, records: Sequence[AuditRecord]) -> None:
        raise AssertionError("nothing is decided here")


def test_an_objects_tags_are_asked_for_wherever_a_policy_speaks_of_them() -> None:
    """Left out, a Deny on a tag would never match."""
    plain = replace(ROOT, user=user(PLAIN_POLICY))
    assert not tags_are_asked_for(plain)
    assert tags_are_asked_for(replace(ROOT, user=user(TAG_POLICY)))
    assert tags_are_asked_for(replace(plain, session=session(TAG_POLICY)))
    assert tags_are_asked_for(replace(plain, session=session(TAG_POLICY.replace("Existing", "EXISTING"))))
    assert tags_are_asked_for(replace(plain, session=session(TAG_POLICY.replace("Tag/", "\\u0054ag/"))))
    assert tags_are_asked_for(replace(plain, session=session(PLAIN_POLICY, ("arn:gone", "arn:tags"))))
    assert not tags_are_asked_for(replace(plain, session=session(PLAIN_POLICY)))
    of_bucket = TAG_POLICY.replace('"Effect"', '"Principal":"*","Effect"').replace(
        ':"*","Cond', ':"arn:aws:s3:::bucket/*","Cond'
    )
    with_policy = replace(BUCKET, policy=Policy.parse(of_bucket, PolicyKind.RESOURCE, id="b"))
    assert tags_are_asked_for(ROOT, bucket=with_policy)


def test_a_policy_of_every_kind_counts_when_it_speaks_of_an_objects_tags() -> None:
    speaking = Policy.parse(TAG_POLICY, PolicyKind.IDENTITY, id="p")
    plain = Policy.parse(PLAIN_POLICY, PolicyKind.IDENTITY, id="p")
    assert not s3_checks.speaks_of_object_tags(PolicySet(identity=(plain,), boundary=plain))
    levels = ((plain,), (plain, speaking))
    shapes: dict[str, Any] = {
        "identity": (plain, speaking),
        "session": (plain, speaking),
        "boundary": speaking,
        "resource": speaking,
        "service_control": levels,
        "resource_control": levels,
        "scope": levels,
    }
    assert [kind.name for kind in fields(PolicySet)] == [*shapes]
    for name, shaped in shapes.items():
        assert s3_checks.speaks_of_object_tags(PolicySet(**{name: shaped})), name


def test_an_objects_tags_are_not_asked_for_where_no_object_is_read() -> None:
    speaks = replace(ROOT, user=user(TAG_POLICY))
    assert not tags_are_asked_for(speaks, "/bucket?list-type=2")
    assert not tags_are_asked_for(speaks, "/bucket/k", "DELETE")


def test_tags_that_one_condition_key_would_stand_for_allow_nothing() -> None:
    assert s3_checks.object_tag_context({"Class": "secret"}) == {"s3:existingobjecttag/class": "secret"}
    assert refusal(s3_checks.object_tag_context, {"Class": "open", "class": "secret"}) == ("AccessDenied", 403)


# ---- what the backend gets ----


def test_only_what_the_row_forwards_is_forwarded_and_tags_as_the_policy_saw_them() -> None:
    headers = {
        "x-amz-tagging": "a+b=%63",
        "x-amz-meta-colour": "blue",
        "x-amz-acl": "bucket-owner-full-control",
        "x-amz-expected-bucket-owner": "123456789012",
        "content-length": "3",
    }
    assert s3_checks.forwarded(exchange("PUT", "/bucket/k", headers)) == (
        [],
        [("x-amz-tagging", "a%20b=c"), ("x-amz-meta-colour", "blue")],
    )
    query, _ = s3_checks.forwarded(exchange("GET", "/bucket?list-type=2&fetch-owner=false&prefix=a"))
    assert query == [("list-type", "2"), ("fetch-owner", "false"), ("prefix", "a")]
