"""The operations on what Daypass keeps of a bucket beside its policy: who may be let in, and by what means.

Public access block, ownership controls, access control lists, CORS and the policy's status. One function per
operation, listed in OWN_SETTINGS.

Source: S3 API Reference, each operation's page; S3 User Guide, "Controlling ownership of objects and disabling ACLs
for your bucket" (what reading and writing an ACL does where they are disabled).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daypass.service import s3_cors, s3_public
from daypass.service.ports import NotFound
from daypass.service.s3_buckets import BucketPorts, Own, bucket_of, canonical_user_id, no_content, xml_answer
from daypass.service.s3_checks import S3Exchange
from daypass.service.s3_documents import only
from daypass.wire.http import RawResponse
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.s3_xml import Content, Element

_ENFORCED: Final = "BucketOwnerEnforced"
# The one element of an answer that has an attribute.
_CANONICAL_USER: Final = b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'


def _root(exchange: S3Exchange) -> Element:
    if exchange.root is None:
        raise s3_error("MissingRequestBodyError")
    return exchange.root


# ---- public access -----------------------------------------------------------------------------------------


async def put_public_access_block(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: MalformedXML."""
    kept = s3_public.read_block(_root(exchange)).kept()
    await _set_public_access_block(ports, exchange.bucket_name, kept)
    return RawResponse(200, (), b"")


async def get_public_access_block(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: NoSuchPublicAccessBlockConfiguration."""
    bucket = bucket_of(exchange)
    if bucket.public_access_block is None:
        raise s3_error("NoSuchPublicAccessBlockConfiguration", BucketName=bucket.name)
    content = s3_public.kept_block(bucket.public_access_block).content()
    return xml_answer("PublicAccessBlockConfiguration", content)


async def delete_public_access_block(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """There being none is no error."""
    await _set_public_access_block(ports, exchange.bucket_name, None)
    return no_content()


async def _set_public_access_block(ports: BucketPorts, name: str, kept: str | None) -> None:
    try:
        await ports.directory.set_public_access_block(name, kept)
    except NotFound:
        raise s3_error("NoSuchBucket", BucketName=name) from None


async def get_bucket_policy_status(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: NoSuchBucketPolicy."""
    bucket = bucket_of(exchange)
    if bucket.policy is None:
        raise s3_error("NoSuchBucketPolicy", BucketName=bucket.name)
    public = s3_public.is_public(bucket.policy.text)
    return xml_answer("PolicyStatus", [("IsPublic", "true" if public else "false")])


# ---- ownership and access control lists --------------------------------------------------------------------


async def put_bucket_ownership_controls(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """The one setting there is may be set. Raises ServiceError: MalformedXML, NotImplemented."""
    rule = only(_root(exchange), "Rule").get("Rule")
    ownership = None if rule is None else only(rule, "ObjectOwnership").get("ObjectOwnership")
    if ownership is None:
        raise s3_error("MalformedXML")
    if ownership.text != _ENFORCED:
        raise not_implemented(f"access control lists are not served; the only ObjectOwnership is {_ENFORCED}")
    return RawResponse(200, (), b"")


async def get_bucket_ownership_controls(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    bucket_of(exchange)
    return xml_answer("OwnershipControls", [("Rule", [("ObjectOwnership", _ENFORCED)])])


async def delete_bucket_ownership_controls(_: BucketPorts, __: S3Exchange) -> RawResponse:
    """Raises ServiceError: NotImplemented, for a bucket without ownership controls has access control lists."""
    raise not_implemented(f"access control lists are not served; the only ObjectOwnership is {_ENFORCED}")


async def get_bucket_acl(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """The owner's full control, which is all that there is."""
    return _owners_acl(exchange)


async def get_object_acl(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """As get_bucket_acl. Raises ServiceError: NoSuchKey, NoSuchVersion."""
    call = exchange.call
    await ports.backend.find_object(
        exchange.bucket_name, call.key or "", call.query.get("versionId"), exchange.request.received
    )
    return _owners_acl(exchange)


def _owners_acl(exchange: S3Exchange) -> RawResponse:
    owner: Content = [("ID", canonical_user_id(bucket_of(exchange).account_id))]
    grant: Content = [("Grantee", owner), ("Permission", "FULL_CONTROL")]
    answer = xml_answer("AccessControlPolicy", [("Owner", owner), ("AccessControlList", [("Grant", grant)])])
    return RawResponse(answer.status, answer.headers, answer.body.replace(b"<Grantee>", _CANONICAL_USER))


async def put_acl(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: AccessControlListNotSupported."""
    bucket_of(exchange)
    raise s3_error("AccessControlListNotSupported")


# ---- CORS --------------------------------------------------------------------------------------------------


async def put_bucket_cors(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: MalformedXML, InvalidRequest."""
    await _set_cors(ports, exchange.bucket_name, s3_cors.kept(s3_cors.read(_root(exchange))))
    return RawResponse(200, (), b"")


async def get_bucket_cors(_: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """Raises ServiceError: NoSuchCORSConfiguration."""
    bucket = bucket_of(exchange)
    if bucket.cors is None:
        raise s3_error("NoSuchCORSConfiguration", BucketName=bucket.name)
    rules = s3_cors.kept_rules(bucket.cors)
    return xml_answer("CORSConfiguration", [("CORSRule", rule.content()) for rule in rules])


async def delete_bucket_cors(ports: BucketPorts, exchange: S3Exchange) -> RawResponse:
    """There being none is no error."""
    await _set_cors(ports, exchange.bucket_name, None)
    return no_content()


async def _set_cors(ports: BucketPorts, name: str, kept: str | None) -> None:
    try:
        await ports.directory.set_bucket_cors(name, kept)
    except NotFound:
        raise s3_error("NoSuchBucket", BucketName=name) from None


OWN_SETTINGS: Final[Mapping[str, Own]] = MappingProxyType(
    {
        "DeleteBucketCors": delete_bucket_cors,
        "DeleteBucketOwnershipControls": delete_bucket_ownership_controls,
        "DeletePublicAccessBlock": delete_public_access_block,
        "GetBucketAcl": get_bucket_acl,
        "GetBucketCors": get_bucket_cors,
        "GetBucketOwnershipControls": get_bucket_ownership_controls,
        "GetBucketPolicyStatus": get_bucket_policy_status,
        "GetObjectAcl": get_object_acl,
        "GetPublicAccessBlock": get_public_access_block,
        "PutBucketAcl": put_acl,
        "PutBucketCors": put_bucket_cors,
        "PutBucketOwnershipControls": put_bucket_ownership_controls,
        "PutObjectAcl": put_acl,
        "PutPublicAccessBlock": put_public_access_block,
    }
)
