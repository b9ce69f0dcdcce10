"""One S3 call → the questions to the policy engine, with their condition keys; and what of it goes to the backend.

Owns S3Exchange, and that a condition key and the backend's request are made of the same parsed value. What each
operation needs is a row of service.s3_catalog; asking the questions is service.s3's work.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Bucket policy examples using condition keys", "Categorizing your storage using tags".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.names import bucket_arn, object_arn
from daypass.policy.catalog import actions
from daypass.service.actions import Check, ContextValue
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import Bucket, IdentityReader
from daypass.service.s3_catalog import Row
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.s3 import S3Call, encode_query, read_query
from daypass.wire.s3_errors import s3_error
from daypass.wire.sigv4 import Claim

_EXISTING_TAG: Final = "s3:existingobjecttag/"
_TAGGING: Final = "x-amz-tagging"
_RETAIN_UNTIL: Final = "x-amz-object-lock-retain-until-date"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class S3Exchange:
    """One authenticated S3 call.

    claim: what its signature claimed; None if it bears none.
    bucket: that its address names, as Daypass knows it; None if there is none, or if it is to be made.
    document: the body of an operation that takes a small one; else empty.
    learned: condition keys that are not in the request's head: from its document, or from the backend.
    """

    request: RawRequest
    request_id: str
    claim: Claim | None
    caller: Caller | Anonymous
    call: S3Call
    row: Row
    bucket: Bucket | None
    document: bytes = b""
    learned: Mapping[str, str] = field(default_factory=dict)

    @property
    def bucket_name(self) -> str:
        """Of the bucket that the address names."""
        if self.call.bucket is None:
            raise ValueError("the operation's address names no bucket")
        return self.call.bucket


# ---- what is asked of the policy engine --------------------------------------------------------------------


def checks(exchange: S3Exchange) -> tuple[Check, ...]:
    """Every permission that the call needs: its own action, then one for each parameter that asks for more.

    Raises:
        ServiceError: InvalidTag or InvalidArgument, for a header that a condition key is read from.
    """
    row, call = exchange.row, exchange.call
    versioned = row.version_action is not None and "versionId" in call.query
    needed = [row.version_action if versioned and row.version_action else row.action]
    sent = call.query.keys() | call.headers.keys()
    needed += [row.further[name] for name in sorted(row.further.keys() & sent)]
    resource, context = _resource(call), _context(exchange)
    return tuple([Check(action, resource, context) for action in dict.fromkeys(needed)])


def listing_check(exchange: S3Exchange) -> Check:
    """Whether the caller could have listed the call's key, and so may know that it is missing."""
    context = _owner_context(exchange) | _signature_context(exchange) | {"s3:prefix": exchange.call.key or ""}
    return Check("s3:ListBucket", bucket_arn(exchange.bucket_name), context)


def _resource(call: S3Call) -> str:
    if call.bucket is None:
        return "*"
    if call.key is None:
        return bucket_arn(call.bucket)
    return object_arn(call.bucket, call.key)


def _context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """S3's condition keys that this request gives, each from a parsed value or from the proven claim."""
    row, call = exchange.row, exchange.call
    context: dict[str, ContextValue] = {**row.fixed_context, **exchange.learned}
    context |= _owner_context(exchange)
    for parameters in (call.query, call.headers):
        context |= {row.context[name]: value for name, value in parameters.items() if name in row.context}
    context |= _signature_context(exchange)
    if _TAGGING in call.headers and row.knows(_TAGGING):
        tags = read_tags(call.headers[_TAGGING])
        context["s3:requestobjecttagkeys"] = tuple(tags)
        context |= {f"s3:requestobjecttag/{key.lower()}": value for key, value in tags.items()}
    if _RETAIN_UNTIL in call.headers:
        days = _remaining_days(call.headers[_RETAIN_UNTIL], exchange.request.received)
        context["s3:object-lock-remaining-retention-days"] = str(days)
    return context


def _owner_context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """Whose the resource is: the bucket's owner's; the caller's account's, if it is not in a bucket or makes one."""
    if exchange.bucket is not None:
        owner = exchange.bucket.account_id
    elif isinstance(exchange.caller, Caller) and (exchange.row.makes_bucket or exchange.call.bucket is None):
        owner = exchange.caller.account.account_id
    else:
        return {}
    return {"aws:resourceaccount": owner, "s3:resourceaccount": owner}


def _signature_context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """s3:authType and its like. An anonymous request has none of them but the hash it declares."""
    claim = exchange.claim
    declared = exchange.request.header(b"x-amz-content-sha256")
    if claim is None:
        return {} if declared is None else {"s3:x-amz-content-sha256": declared}
    context: dict[str, ContextValue] = {
        "s3:signatureversion": sigv4.ALGORITHM,
        "s3:x-amz-content-sha256": claim.declared_payload_hash or sigv4.UNSIGNED_PAYLOAD,
    }
    if claim.location == "header":
        return context | {"s3:authtype": "REST-HEADER"}
    age = exchange.request.received - claim.request_time
    milliseconds = max(age // timedelta(milliseconds=1), 0)
    return context | {"s3:authtype": "REST-QUERY-STRING", "s3:signatureage": str(milliseconds)}


def read_tags(header: str) -> dict[str, str]:
    """The tags of an x-amz-tagging header, in its order.

    Raises:
        ServiceError: InvalidTag; also for keys that differ only in case, which one condition key stands for.
    """
    try:
        tags = read_query(header.encode("ascii"))
    except ServiceError:
        raise s3_error("InvalidTag", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded") from None
    if len({key.lower() for key in tags}) != len(tags):
        raise s3_error("InvalidTag", "tag keys that differ only in case are not served")
    if len(tags) > limits.OBJECT_TAGS:
        raise s3_error("InvalidTag", f"Object tags cannot be greater than {limits.OBJECT_TAGS}")
    return tags


async def asks_for_object_tags(exchange: S3Exchange, identities: IdentityReader) -> bool:
    """Whether a policy in force speaks of the tags that the object has now. Only the backend knows those; were
    they left out, a Deny on a tag would never match."""
    action = actions("s3").get(exchange.row.action.removeprefix("s3:").lower())
    if exchange.bucket is None or action is None or not action.has_key(_EXISTING_TAG + "any"):
        return False
    policies = [] if exchange.bucket.policy is None else [exchange.bucket.policy.text]
    caller = exchange.caller
    if isinstance(caller, Caller):
        policies += [] if caller.user is None else [policy.text for policy in caller.user.policies]
        if caller.session is not None:
            policies.append(caller.session.session_policy or "")
            managed = [await identities.managed_policy(arn) for arn in caller.session.policy_arns]
            policies += [policy.document for policy in managed if policy is not None]
    return any(_speaks_of_object_tags(policy) for policy in policies)


@lru_cache(limits.SESSIONS_CACHED)
def _speaks_of_object_tags(policy: str) -> bool:
    # A `\u` escape could spell any letter of the key; no policy in earnest has one.
    return "existingobjecttag" in policy.lower() or "\\u" in policy


def object_tag_context(tags: Mapping[str, str]) -> dict[str, str]:
    """The condition keys of the tags that an object has.

    Raises:
        ServiceError: AccessDenied, for keys that differ only in case: one condition key stands for both.
    """
    context = {_EXISTING_TAG + key.lower(): value for key, value in tags.items()}
    if len(context) != len(tags):
        raise s3_error("AccessDenied")
    return context


def _remaining_days(text: str, now: datetime) -> int:
    """Whole days of retention that the request asks for, begun ones counted."""
    try:
        until = datetime.fromisoformat(text)
        return math.ceil((until - now) / _DAY)
    except (ValueError, TypeError, OverflowError):
        raise s3_error(
            "InvalidArgument", "The retain until date must be provided in ISO 8601 format", ArgumentName=_RETAIN_UNTIL
        ) from None


def forwarded(exchange: S3Exchange) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The query parameters and the headers that go to the backend: those the row names, as the policy saw them."""
    row, call = exchange.row, exchange.call
    query = [(name, value) for name, value in call.query.items() if row.forwards(name)]
    headers = {name: value for name, value in call.headers.items() if row.forwards(name)}
    if _TAGGING in headers:
        headers[_TAGGING] = encode_query(read_tags(headers[_TAGGING]).items()).decode("ascii")
    return query, list(headers.items())
