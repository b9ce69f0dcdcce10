"""Daypass's own bucket operations over a real store, and a backend that fails where a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from daypass.errors import ServiceError
from daypass.policy import Principal, PrincipalKind
from daypass.service import s3_documents
from daypass.service.caller import Caller
from daypass.service.ports import Account
from daypass.service.s3_buckets import BucketPorts, OutcomeUnknown, canonical_user_id, location_constraint
from daypass.service.s3_catalog import ROWS
from daypass.service.s3_checks import S3Exchange
from daypass.service.s3_own import OWN
from daypass.wire.http import RawRequest, RawResponse
from daypass.wire.s3 import read_call
from daypass.wire.s3_errors import s3_error
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, SqliteEngine

DOWN = s3_error("ServiceUnavailable", "down")


@dataclass
class Backend:
    """BucketBackend in memory. fails: what to raise instead of answering, by method.

    makes_all_the_same: whether a bucket is made although the answer is the failure.
    """

    buckets: set[str] = field(default_factory=set)
    objects: set[tuple[str, str]] = field(default_factory=set)
    fails: dict[str, Exception] = field(default_factory=dict)
    makes_all_the_same: bool = False

    async def has_bucket(self, name: str, at: datetime) -> bool:
        if "has" in self.fails:
            raise self.fails["has"]
        return name in self.buckets

    async def create_bucket(self, name: str, at: datetime, *, object_lock: bool = False) -> None:
        if "create" in self.fails:
            if self.makes_all_the_same:
                self.buckets.add(name)
            raise self.fails["create"]
        self.buckets.add(name)

    async def delete_bucket(self, name: str, at: datetime) -> None:
        if "delete" in self.fails:
            raise self.fails["delete"]
        self.buckets.discard(name)

    async def find_object(self, bucket: str, key: str, version_id: str | None, at: datetime) -> None:
        if (bucket, key) not in self.objects:
            raise s3_error("NoSuchKey")


@dataclass
class World:
    ports: BucketPorts
    backend: Backend

    async def call(self, operation: str, target: str, account: str = ACCOUNT, document: bytes = b"") -> RawResponse:
        method = {"C": "PUT", "D": "DELETE", "L": "GET", "G": "GET", "P": "PUT"}[operation[0]]
        path, _, query = target.encode().partition(b"?")
        request = RawRequest(method, path, query, (), b"", "192.0.2.1", False, NOW)
        call = read_call(request, presigned=False)
        assert call.operation.name == operation
        principal = Principal(PrincipalKind.ROOT, f"arn:aws:iam::{account}:root", account)
        caller = Caller(principal, account, "AKIAEXAMPLE", Account(account, NOW), None, None)
        row = ROWS[operation]
        bucket = None
        if call.bucket is not None and not row.makes_bucket:
            bucket = await self.ports.identities.bucket(call.bucket)
        root = s3_documents.read(row, document)
        exchange = S3Exchange(request, "id", None, caller, call, row, bucket, document, root)
        return await OWN[operation](self.ports, exchange)

    async def refused(self, operation: str, target: str, account: str = ACCOUNT) -> str:
        with pytest.raises(ServiceError) as refused:
            await self.call(operation, target, account)
        return refused.value.code

    async def owner(self, name: str) -> str | None:
        found = await self.ports.identities.bucket(name)
        return None if found is None else found.account_id


@pytest.fixture
def world(tmp_path: Path) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    def run(work: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            async with SqliteEngine(tmp_path).open() as store:
                backend = Backend()
                await work(World(BucketPorts(store.identities, store.directory, backend), backend))

        asyncio.run(main())

    return run


Run = Callable[[Callable[[World], Awaitable[None]]], None]


def test_a_bucket_is_the_accounts_that_made_it(world: Run) -> None:
    async def work(it: World) -> None:
        await it.call("CreateBucket", "/new-bucket")
        assert (await it.owner("new-bucket"), it.backend.buckets) == (ACCOUNT, {"new-bucket"})
        assert await it.refused("CreateBucket", "/new-bucket") == "BucketAlreadyOwnedByYou"
        assert await it.refused("CreateBucket", "/new-bucket", OTHER_ACCOUNT) == "BucketAlreadyExists"

    world(work)


def test_a_backend_that_refuses_leaves_no_bucket(world: Run) -> None:
    async def work(it: World) -> None:
        it.backend.fails["create"] = s3_error("BucketAlreadyExists")
        assert await it.refused("CreateBucket", "/new-bucket") == "BucketAlreadyExists"
        assert await it.owner("new-bucket") is None

    world(work)


def test_a_backend_that_cannot_be_asked_first_leaves_no_bucket(world: Run) -> None:
    async def work(it: World) -> None:
        it.backend.fails["has"] = DOWN
        assert await it.refused("CreateBucket", "/new-bucket") == "ServiceUnavailable"
        assert await it.owner("new-bucket") is None

    world(work)


def test_a_bucket_that_the_backend_had_before_is_given_to_nobody(world: Run) -> None:
    async def work(it: World) -> None:
        it.backend.buckets.add("found-bucket")
        assert await it.refused("CreateBucket", "/found-bucket") == "BucketAlreadyExists"
        assert await it.owner("found-bucket") is None

    world(work)


@pytest.mark.parametrize("method", ["has", "create"])
def test_a_refusal_stays_what_it_is_if_the_name_was_given_up_meanwhile(world: Run, method: str) -> None:
    async def work(it: World) -> None:
        class Raced(Backend):
            async def has_bucket(self, name: str, at: datetime) -> bool:
                await it.ports.directory.delete_bucket(name)  # as a DeleteBucket does that comes between
                return await super().has_bucket(name, at)

        raced = Raced(fails={method: DOWN})
        it = World(replace(it.ports, backend=raced), raced)
        assert await it.refused("CreateBucket", "/short-lived") == "ServiceUnavailable"
        assert await it.owner("short-lived") is None

    world(work)


@pytest.mark.parametrize("made", [False, True])
def test_after_an_answer_that_never_came_the_name_stays_with_its_owner_who_repeats_the_call(
    world: Run, made: bool
) -> None:
    async def work(it: World) -> None:
        it.backend.fails["create"], it.backend.makes_all_the_same = OutcomeUnknown(), made
        assert await it.refused("CreateBucket", "/slow-bucket") == "ServiceUnavailable"
        it.backend.fails.clear()
        assert await it.refused("CreateBucket", "/slow-bucket", OTHER_ACCOUNT) == "BucketAlreadyExists"
        if made:
            assert await it.refused("CreateBucket", "/slow-bucket") == "BucketAlreadyOwnedByYou"
        else:
            await it.call("CreateBucket", "/slow-bucket")
        assert (await it.owner("slow-bucket"), it.backend.buckets) == (ACCOUNT, {"slow-bucket"})

    world(work)


def test_two_calls_at_once_make_one_bucket_that_keeps_its_row(world: Run) -> None:
    async def work(it: World) -> None:
        it.backend.fails["create"] = s3_error("OperationAborted")  # the twin was quicker
        it.backend.makes_all_the_same = True
        assert await it.refused("CreateBucket", "/twin-bucket") == "OperationAborted"
        assert await it.owner("twin-bucket") == ACCOUNT

    world(work)


@pytest.mark.parametrize("failure", [OutcomeUnknown(), DOWN, s3_error("BucketNotEmpty")], ids=repr)
def test_a_bucket_that_the_backend_did_not_delete_keeps_its_owner(world: Run, failure: Exception) -> None:
    async def work(it: World) -> None:
        await it.call("CreateBucket", "/kept-bucket")
        it.backend.fails["delete"] = failure
        expected = failure.code if isinstance(failure, ServiceError) else "ServiceUnavailable"
        assert await it.refused("DeleteBucket", "/kept-bucket") == expected
        assert await it.owner("kept-bucket") == ACCOUNT
        it.backend.fails.clear()
        await it.call("DeleteBucket", "/kept-bucket")
        assert await it.owner("kept-bucket") is None

    world(work)


def test_only_the_buckets_own_account_touches_its_policy(world: Run) -> None:
    """PutBucketPolicy: others get 405, whatever the policy grants them."""

    async def work(it: World) -> None:
        await it.call("CreateBucket", "/policy-bucket")
        for operation in ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"):
            assert await it.refused(operation, "/policy-bucket?policy", OTHER_ACCOUNT) == "MethodNotAllowed"

    world(work)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("max-buckets=0", "max-buckets"),
        ("max-buckets=10001", "max-buckets"),
        ("max-buckets=1e3", "max-buckets"),
        ("max-buckets=", "max-buckets"),
        ("max-buckets=٣", "max-buckets"),
        ("continuation-token=%21", "continuation token"),
        ("continuation-token=", "continuation token"),
    ],
)
def test_a_page_that_cannot_be_is_refused(world: Run, query: str, message: str) -> None:
    async def work(it: World) -> None:
        with pytest.raises(ServiceError, match=message):
            await it.call("ListBuckets", f"/?{query}")

    world(work)


def test_a_canonical_user_id_is_one_accounts_alone_and_stays_as_it_is() -> None:
    assert canonical_user_id(ACCOUNT) == "56e9046a99111b66d5504c3d67343b9ead43da302ad5bb110b85e29b6f1cd75a"
    assert canonical_user_id(ACCOUNT) != canonical_user_id(OTHER_ACCOUNT)


@pytest.mark.parametrize(
    ("document", "region"),
    [
        (b"", None),
        (b"<CreateBucketConfiguration/>", None),
        (b"<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>", None),
        (
            b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
            "eu-west-1",
        ),
    ],
)
def test_the_region_is_read_from_the_configuration(document: bytes, region: str | None) -> None:
    root = s3_documents.read(ROWS["CreateBucket"], document)
    assert location_constraint(root) == region


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"eu-west-1", "MalformedXML"),
        (b"<Other/>", "MalformedXML"),
        (
            b"<CreateBucketConfiguration><LocationConstraint>a-1</LocationConstraint>"
            b"<LocationConstraint>b-1</LocationConstraint></CreateBucketConfiguration>",
            "MalformedXML",
        ),
        (b"<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>", "NotImplemented"),
        (
            b"<CreateBucketConfiguration><LocationConstraint>../x</LocationConstraint></CreateBucketConfiguration>",
            "InvalidLocationConstraint",
        ),
        (b'<!DOCTYPE x [<!ENTITY e "e">]><CreateBucketConfiguration/>', "MalformedXML"),
    ],
)
def test_a_configuration_that_says_anything_else_is_refused(document: bytes, code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        location_constraint(s3_documents.read(ROWS["CreateBucket"], document))
    assert refused.value.code == code
