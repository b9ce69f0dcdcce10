"""The S3 operations that Daypass answers itself: buckets are its own, their owners and policies are in its store.

Owns the order of writes between store and backend: a bucket's row is there before the backend's bucket and goes
after it, so that whatever breaks off in between, the name stays its owner's, and repeating the call mends it.
One function per operation, listed in OWN_BUCKETS.

Source: S3 API Reference, "CreateBucket", "DeleteBucket", "ListBuckets", "GetBucketLocation", "PutBucketPolicy",
"GetBucketPolicy", "DeleteBucketPolicy".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Protocol

from daypass import limits
from daypass.errors import ServiceError
from daypass.names import bucket_arn
from daypass.service import s3_bucket_policy, s3_public
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import (
    Bucket,
    BucketExists,
    BucketRecord,
    Directory,
    IdentityReader,
    LimitReached,
    NotFound,
)
from daypass.service.s3_checks import S3Exchange
from daypass.wire import s3_xml
from daypass.wire.http import RawResponse
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.s3_xml import Element

DEFAULT_REGION: Final = "us-east-1"  # of a bucket made without a LocationConstraint
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")


class OutcomeUnknown(Exception):
    """The backend was asked for a change, and did not say whether it made it."""


class BucketBackend(Protocol):
    """The backend's buckets. Any method raises ServiceError (ServiceUnavailable) if the backend does not answer."""

    async def has_bucket(self, name: str, at: datetime) -> bool:
        """Whether there is a bucket of that name, whoever's it is."""

    async def create_bucket(self, name: str, at: datetime, *, object_lock: bool = False) -> None:
        """object_lock: with Object Lock, and so with versioning.
        Raises ServiceError: it was refused, and is not there; OutcomeUnknown."""

    async def delete_bucket(self, name: str, at: datetime) -> None:
        """There being none is no error. Raises ServiceError: BucketNotEmpty and whatever else was refused;
        OutcomeUnknown."""

    async def find_object(self, bucket: str, key: str, version_id: str | None, at: datetime) -> None:
        """Raises ServiceError: NoSuchKey or NoSuchVersion if there is no such object."""


@dataclass(frozen=True, slots=True)
class BucketPorts:
    """What these operations may use of the world."""

    identities: IdentityReader
    directory: Directory
    backend: BucketBackend


Own = Callable[[BucketPorts, S3Exchange], Awaitable[RawResponse]]


def xml_answer(root: str, content: s3_xml.Content) -> RawResponse:
    return RawResponse(200, ((b"content-type", b"application/xml"),), s3_xml.render(root, content))


def no_content() -> RawResponse:
    return RawResponse(204, (), b"")


# ---- buckets -----------------------------------------------------------------------------------------------


async def create_bucket(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: BucketAlreadyExists, BucketAlreadyOwnedByYou, TooManyBuckets, NotImplemented…"""
    name, account_id, now = exchange.bucket_name, _account_id(exchange), exchange.request.received
    _refuse_other_ownership(exchange)
    object_lock = _asks_for_object_lock(exchange)
    region = location_constraint(exchange.root) or DEFAULT_REGION
    if await _take_name(ports, name, account_id, region, now):
        await _refuse_foreign_bucket(ports, name, now)
    # Made already, or an earlier call broke off between the row and the backend. It is mended here.
    elif await ports.backend.has_bucket(name, now):
        raise s3_error("BucketAlreadyOwnedByYou", BucketName=name)
    await _create_at_backend(ports, name, now, object_lock=object_lock)
    return RawResponse(200, ((b"location", f"/{name}".encode()),), b"")


async def _take_name(ports: BucketPorts, name: str, account_id: str, region: str, now: datetime) -> bool:
    """Whether the bucket's row is new; False if the account had it. Raises ServiceError: it cannot have it."""
    try:
        await ports.directory.create_bucket(name, account_id, region, now)
    except BucketExists as existing:
        if existing.owner_account != account_id:
            raise s3_error("BucketAlreadyExists", BucketName=name) from None
        return False
    except LimitReached:
        raise s3_error("TooManyBuckets") from None
    return True


async def _refuse_foreign_bucket(ports: BucketPorts, name: str, now: datetime) -> None:
    """A bucket that the backend has and Daypass did not make is not the caller's: some backends answer 200 when a
    bucket is made again, and its contents would be handed over."""
    try:
        taken = await ports.backend.has_bucket(name, now)
        refusal = s3_error("BucketAlreadyExists", BucketName=name) if taken else None
    except ServiceError as unanswered:
        refusal = unanswered
    if refusal is not None:
        await _give_up_name(ports, name)
        raise refusal


async def _create_at_backend(ports: BucketPorts, name: str, now: datetime, *, object_lock: bool) -> None:
    try:
        return await ports.backend.create_bucket(name, now, object_lock=object_lock)
    except OutcomeUnknown:
        # The row stays: the name remains its owner's, who repeats the call.
        raise s3_error("ServiceUnavailable", "The storage did not answer; please try again.") from None
    except ServiceError as error:
        refused = error
    # OperationAborted: somebody made it since it was looked for, and with the row being ours that was the
    # caller's own twin. Its bucket must not lose its row.
    if refused.code != "OperationAborted":
        await _give_up_name(ports, name)
    raise refused


async def _give_up_name(ports: BucketPorts, name: str) -> None:
    with suppress(NotFound):  # a DeleteBucket was quicker
        await ports.directory.delete_bucket(name)


def _refuse_other_ownership(exchange: S3Exchange) -> None:
    headers = exchange.call.headers
    if headers.get("x-amz-object-ownership", "BucketOwnerEnforced") != "BucketOwnerEnforced":
        raise not_implemented("access control lists are not served; the only ObjectOwnership is BucketOwnerEnforced")


def _asks_for_object_lock(exchange: S3Exchange) -> bool:
    match exchange.call.headers.get("x-amz-bucket-object-lock-enabled", "false").lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise s3_error("InvalidArgument", "must be true or false", ArgumentName="x-amz-bucket-object-lock-enabled")


def location_constraint(root: Element | None) -> str | None:
    """The region that a CreateBucketConfiguration names; None if it names none.

    Raises:
        ServiceError: MalformedXML, InvalidLocationConstraint; NotImplemented for anything else in it.
    """
    if root is None:
        return None
    region = None
    for element in root.children:
        if element.name != "LocationConstraint":
            raise not_implemented(f"CreateBucketConfiguration with {element.name} is not served")
        if region is not None:
            raise s3_error("MalformedXML")
        region = element.text.strip()
    if region and not _REGION.fullmatch(region):
        raise s3_error("InvalidLocationConstraint", LocationConstraint=region)
    return region or None


async def delete_bucket(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: BucketNotEmpty."""
    name = exchange.bucket_name
    try:
        await ports.backend.delete_bucket(name, exchange.request.received)
    except OutcomeUnknown:
        raise s3_error("ServiceUnavailable", "The storage did not answer; please try again.") from None
    try:
        await ports.directory.delete_bucket(name)
    except NotFound:
        raise s3_error("NoSuchBucket", BucketName=name) from None
    return no_content()


async def get_bucket_location(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """us-east-1 is answered as an empty element, as S3 does."""
    region = bucket_of(exchange).region
    return xml_answer("LocationConstraint", "" if region == DEFAULT_REGION else region)


async def list_buckets(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Those of the caller's account, whoever in it may read them: S3 does not filter either."""
    account_id, query = _account_id(exchange), exchange.call.query
    after = _page_after(query.get("continuation-token"))
    max_buckets = _max_buckets(query.get("max-buckets"))
    found = [
        bucket
        for bucket in await ports.directory.list_buckets(account_id)
        if bucket.name > after
        and bucket.name.startswith(query.get("prefix", ""))
        and query.get("bucket-region", bucket.region) == bucket.region
    ]
    page = found[:max_buckets]
    content: list[tuple[str, s3_xml.Content]] = [
        ("Owner", [("ID", canonical_user_id(account_id))]),
        ("Buckets", [("Bucket", _listed(bucket)) for bucket in page]),
    ]
    if "prefix" in query:
        content.append(("Prefix", query["prefix"]))
    if len(found) > len(page):
        token = base64.urlsafe_b64encode(page[-1].name.encode()).decode("ascii")
        content.append(("ContinuationToken", token))
    return xml_answer("ListAllMyBucketsResult", content)


def _listed(bucket: BucketRecord) -> list[tuple[str, s3_xml.Content]]:
    created = bucket.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return [("Name", bucket.name), ("CreationDate", created), ("BucketRegion", bucket.region)]


def _page_after(token: str | None) -> str:
    """The name that a page begins after; S3 takes the token back as it gave it."""
    if token is None:
        return ""
    try:
        name = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        name = ""
    if not name:
        raise s3_error("InvalidArgument", "The continuation token provided is incorrect")
    return name


def _max_buckets(text: str | None) -> int:
    if text is None:
        return limits.LIST_BUCKETS_MAX
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:6]) <= limits.LIST_BUCKETS_MAX:
        message = f"Argument max-buckets must be an integer between 1 and {limits.LIST_BUCKETS_MAX}"
        raise s3_error("InvalidArgument", message, ArgumentName="max-buckets", ArgumentValue=text)
    return int(text)


def canonical_user_id(account_id: str) -> str:
    """The account's canonical user id: 64 hexadecimal digits, as S3's is, made of the account id."""
    return hashlib.sha256(f"daypass canonical user id {account_id}".encode()).hexdigest()


# ---- bucket policies ---------------------------------------------------------------------------------------


async def put_bucket_policy(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: MethodNotAllowed, MalformedPolicy, AccessDenied…"""
    _own_account_only(exchange)
    name = exchange.bucket_name
    kept = await s3_bucket_policy.accept(exchange.document, name, ports.identities, ports.directory)
    block = s3_public.kept_block(bucket_of(exchange).public_access_block)
    if block.block_public_policy and s3_public.is_public(kept):
        raise s3_error(
            "AccessDenied",
            f"User: {exchange.caller.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{bucket_arn(name)}" because public policies are prevented by the BlockPublicPolicy setting in S3 '
            "Block Public Access.",
        )
    await _set_policy(ports, name, kept)
    return no_content()


async def get_bucket_policy(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: MethodNotAllowed, NoSuchBucketPolicy."""
    _own_account_only(exchange)
    bucket = bucket_of(exchange)
    if bucket.policy is None:
        raise s3_error("NoSuchBucketPolicy", BucketName=bucket.name)
    document = await s3_bucket_policy.shown(bucket.policy.text, ports.directory)
    return RawResponse(200, ((b"content-type", b"application/json"),), document.encode())


async def delete_bucket_policy(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """There being none is no error. Raises ServiceError: MethodNotAllowed."""
    _own_account_only(exchange)
    await _set_policy(ports, exchange.bucket_name, None)
    return no_content()


async def _set_policy(ports: BucketPorts, name: str, document: str | None) -> None:
    try:
        await ports.directory.set_bucket_policy(name, document)
    except NotFound:
        raise s3_error("NoSuchBucket", BucketName=name) from None


def _own_account_only(exchange: S3Exchange) -> None:
    """Whatever a policy says, only principals of the bucket's own account touch its policy. (PutBucketPolicy)"""
    if isinstance(exchange.caller, Anonymous) or bucket_of(exchange).account_id != _account_id(exchange):
        raise s3_error("MethodNotAllowed")


def _account_id(exchange: S3Exchange) -> str:
    """Of the caller. Only a principal of an account gets as far as an operation that asks."""
    if not isinstance(exchange.caller, Caller):
        raise s3_error("AccessDenied")
    return exchange.caller.account.account_id


def bucket_of(exchange: S3Exchange) -> Bucket:
    if exchange.bucket is None:
        raise s3_error("NoSuchBucket")
    return exchange.bucket


OWN_BUCKETS: Final[Mapping[str, Own]] = MappingProxyType(
    {
        "CreateBucket": create_bucket,
        "DeleteBucket": delete_bucket,
        "DeleteBucketPolicy": delete_bucket_policy,
        "GetBucketLocation": get_bucket_location,
        "GetBucketPolicy": get_bucket_policy,
        "ListBuckets": list_buckets,
        "PutBucketPolicy": put_bucket_policy,
    }
)
