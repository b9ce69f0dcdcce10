"""One S3 operation → the questions to the policy engine, with their condition keys; and who may see the answer.

Owns the checks of every S3 operation, the rules that hold for several of them, and their audit records. What each
operation needs is a row of service.s3_catalog; the operations on Daypass's own buckets are service.s3_buckets.

Source: Service Authorization Reference, "Amazon S3"; S3 User Guide, "Bucket policy examples using condition keys",
"Controlling ownership of objects", "Troubleshoot access denied errors"; S3 API Reference, each operation's page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from daypass import limits
from daypass.errors import ServiceError, service_unavailable
from daypass.names import bucket_arn, object_arn
from daypass.policy import Decision, Outcome, Request
from daypass.policy.catalog import actions
from daypass.service.actions import Check, ContextValue
from daypass.service.authorize import Authorizer
from daypass.service.caller import Anonymous, Caller
from daypass.service.ports import AuditLog, AuditRecord, Bucket, IdentityReader
from daypass.service.s3_catalog import ACL_HEADERS, RESPONSE_OVERRIDES, Row
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.s3 import S3Call, encode_query, read_query
from daypass.wire.s3_errors import header_not_implemented, not_implemented, s3_error
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
    owner = _resource_account(exchange)
    if owner is not None:
        context |= {"aws:resourceaccount": owner, "s3:resourceaccount": owner}
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


def _resource_account(exchange: S3Exchange) -> str | None:
    """Whose the resource is: the bucket's owner; the caller's account for what is not in a bucket yet."""
    if exchange.bucket is not None:
        return exchange.bucket.account_id
    if isinstance(exchange.caller, Caller) and (exchange.row.makes_bucket or exchange.call.bucket is None):
        return exchange.caller.account.account_id
    return None


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


# ---- rules that hold for several operations ----------------------------------------------------------------


def refuse_unserved(call: S3Call, row: Row) -> None:
    """Every parameter of the call is acted on, or the call is refused.

    Raises:
        ServiceError: NotImplemented.
    """
    fixed = {name for name, _ in call.operation.fixed_query}
    for name in call.query:
        if name not in fixed and not row.knows(name):
            raise s3_error("NotImplemented", "this query parameter is not served", ArgumentName=name)
    for name in call.headers:
        if not row.knows(name):
            raise header_not_implemented(name)


def enforce(exchange: S3Exchange) -> None:
    """The enforced parameters that more than one operation has. Asked once the call is allowed.

    Raises:
        ServiceError: AccessDenied, AccessControlListNotSupported, InvalidBucketAclWithObjectOwnership,
            InvalidRequest, NotImplemented.
    """
    call, bucket = exchange.call, exchange.bucket
    expected_owner = call.headers.get("x-amz-expected-bucket-owner")
    if expected_owner is not None and (bucket is None or bucket.account_id != expected_owner):
        raise s3_error("AccessDenied")
    for name in sorted(ACL_HEADERS & call.headers.keys()):
        _enforce_acl(exchange, name, call.headers[name])
    if isinstance(exchange.caller, Anonymous) and RESPONSE_OVERRIDES & call.query.keys():
        raise s3_error("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.")
    if call.query.get("fetch-owner", "false") != "false":
        # The owner that the backend knows is the gateway's own key, never the bucket's owner.
        raise not_implemented("fetch-owner is not served")


def _enforce_acl(exchange: S3Exchange, name: str, value: str) -> None:
    """Access control lists are switched off. What says no more than that is accepted, and changes nothing."""
    if exchange.row.makes_bucket:
        if (name, value) != ("x-amz-acl", "private"):
            raise s3_error("InvalidBucketAclWithObjectOwnership")
    elif (name, value) != ("x-amz-acl", "bucket-owner-full-control"):
        raise s3_error("AccessControlListNotSupported")


# ---- decisions ---------------------------------------------------------------------------------------------


class S3Access:
    """Asks for each decision, puts it on record, and words its refusal."""

    def __init__(self, authorizer: Authorizer, audit: AuditLog) -> None:
        self._authorizer = authorizer
        self._audit = audit

    async def require(self, exchange: S3Exchange, required: Sequence[Check]) -> None:
        """Returns if the caller may do all of it and the bucket exists.

        Raises:
            ServiceError: AccessDenied; NoSuchBucket, to a caller whose own policies allow the call.
        """
        for check in required:
            question, decision = await self._decide(exchange, check)
            if decision.outcome is not Outcome.ALLOWED:
                raise s3_error("AccessDenied", await self._denial(exchange, check, question, decision))
        if exchange.bucket is None and exchange.call.bucket is not None and not exchange.row.makes_bucket:
            raise s3_error("NoSuchBucket", BucketName=exchange.call.bucket)

    async def allows(self, exchange: S3Exchange, check: Check) -> bool:
        """Whether the caller may do this; the decision is on record when this returns."""
        _, decision = await self._decide(exchange, check)
        return decision.outcome is Outcome.ALLOWED

    async def _decide(self, exchange: S3Exchange, check: Check) -> tuple[Request, Decision]:
        bucket = exchange.bucket
        question, decision = await self._authorizer.decide(
            exchange.caller,
            exchange.request,
            check,
            region=_region(exchange),
            resource_policy=None if bucket is None else bucket.policy,
            resource_account=None if bucket is None else bucket.account_id,
        )
        self.record(exchange, check, decision)
        return question, decision

    async def _denial(self, exchange: S3Exchange, check: Check, question: Request, decision: Decision) -> str | None:
        """The refusal's text: the whole reason to principals of the bucket's own account, as with S3.

        Others are told of their own policies only, in the same words for a bucket that is not theirs and for one
        that does not exist.
        """
        caller, bucket = exchange.caller, exchange.bucket
        if isinstance(caller, Anonymous):
            return None
        if bucket is not None and bucket.account_id == caller.account.account_id:
            return decision.denial_message(question)
        own_question, own = await self._authorizer.decide(caller, exchange.request, check, region=_region(exchange))
        return None if own.outcome is Outcome.ALLOWED else own.denial_message(own_question)

    def record(self, exchange: S3Exchange, check: Check, decision: Decision) -> None:
        """Raises ServiceError if the decision cannot be recorded: it is then not acted on either."""
        caller = exchange.caller
        self.write(
            AuditRecord(
                time=exchange.request.received,
                request_id=exchange.request_id,
                caller_arn=caller.principal.arn,
                caller_type=caller.principal.kind.value,
                access_key_id=None if isinstance(caller, Anonymous) else caller.access_key_id,
                action=check.action,
                resource=check.resource,
                decision=decision.outcome.value,
                decided_by=None if decision.decided_by is None else decision.decided_by.value,
                statements=tuple([str(statement) for statement in decision.statements]),
                error=None if decision.outcome is Outcome.ALLOWED else "AccessDenied",
                source_ip=exchange.request.source_ip,
            )
        )

    def write(self, record: AuditRecord) -> None:
        """Raises ServiceError (ServiceUnavailable) if the record cannot be written."""
        try:
            self._audit.write(record)
        except OSError:
            raise service_unavailable("The request could not be recorded, so it was not carried out.") from None


def _region(exchange: S3Exchange) -> str:
    return "" if exchange.claim is None else exchange.claim.region
