"""Whether an S3 call is allowed: the rules that hold for several operations, each decision, its record and its refusal.

What a call asks for is service.s3_checks, what an operation needs service.s3_catalog, and the operations on
Daypass's own buckets are service.s3_buckets.

Source: S3 User Guide, "Controlling ownership of objects", "Troubleshoot access denied errors"; S3 API Reference,
each operation's page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daypass.errors import ServiceError, service_unavailable
from daypass.policy import Decision, Outcome, PolicySet, Request
from daypass.service.actions import Check
from daypass.service.authorize import Authorizer, decide_check, request_context
from daypass.service.caller import Anonymous
from daypass.service.ports import AuditLog, AuditRecord, Bucket
from daypass.service.s3_catalog import ACL_HEADERS, RESPONSE_OVERRIDES, Row
from daypass.service.s3_checks import (
    S3Exchange,
    has_object_tags,
    listing_check,
    source_checks,
    source_listing_check,
    speaks_of_object_tags,
)
from daypass.service.s3_public import policy_in_force
from daypass.wire.s3 import S3Call
from daypass.wire.s3_address import CopySource
from daypass.wire.s3_errors import header_not_implemented, s3_error

_MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion"})


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
    for name in sorted(ACL_HEADERS.intersection(call.headers)) if call.headers else ():
        _enforce_acl(exchange, name, call.headers[name])
    expected_owner = call.headers.get("x-amz-source-expected-bucket-owner")
    if expected_owner is not None:
        source_bucket = exchange.source_bucket
        if source_bucket is None or source_bucket.account_id != expected_owner:
            raise s3_error("AccessDenied")
    if isinstance(exchange.caller, Anonymous) and call.query and not RESPONSE_OVERRIDES.isdisjoint(call.query):
        raise s3_error("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.")


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

    def held_policies(self, exchange: S3Exchange) -> PolicySet | None:
        """The policies in force for the call, if nothing has to be waited for. None says nothing: ask `policies`."""
        bucket = exchange.bucket
        if bucket is None:
            return None
        in_force = policy_in_force(bucket, exchange.caller)
        return self._authorizer.held_policies(
            exchange.caller, in_force, resource_account=bucket.account_id, service="s3"
        )

    async def policies(self, exchange: S3Exchange) -> PolicySet:
        """The policies in force for the call."""
        return await self._policies(exchange, exchange.bucket)

    async def _policies(self, exchange: S3Exchange, bucket: Bucket | None) -> PolicySet:
        caller = exchange.caller
        if bucket is None:
            return await self._authorizer.policies(caller, None, service="s3")
        in_force = policy_in_force(bucket, caller)
        return await self._authorizer.policies(caller, in_force, resource_account=bucket.account_id, service="s3")

    async def require(self, exchange: S3Exchange, required: Sequence[Check], policies: PolicySet | None = None) -> None:
        """Returns if the caller may do all of it and the bucket exists.

        policies: those in force for the call, if they were asked for already.

        Raises:
            ServiceError: AccessDenied; NoSuchBucket, to a caller whose own policies allow the call.
        """
        if policies is None:
            policies = await self._policies(exchange, exchange.bucket)
        await self._require(exchange, required, exchange.bucket, policies)
        if exchange.bucket is None and exchange.call.bucket is not None and not exchange.row.makes_bucket:
            raise s3_error("NoSuchBucket", BucketName=exchange.call.bucket)

    async def require_source(self, exchange: S3Exchange, source: CopySource) -> None:
        """As require, for the object that the call copies from."""
        bucket = exchange.source_bucket
        await self._require(exchange, source_checks(exchange, source), bucket, await self._policies(exchange, bucket))
        if exchange.source_bucket is None:
            raise s3_error("NoSuchBucket", BucketName=source.bucket)

    async def require_elsewhere(self, exchange: S3Exchange, check: Check, bucket: Bucket | None) -> None:
        """Returns if the caller may do this to another bucket than the call's, or to no bucket at all."""
        question, decision = await self._decide(exchange, check, bucket)
        if decision.outcome is not Outcome.ALLOWED:
            raise s3_error("AccessDenied", await self._denial(exchange, check, question, decision, bucket))

    async def _require(
        self, exchange: S3Exchange, required: Sequence[Check], bucket: Bucket | None, policies: PolicySet
    ) -> None:
        """policies: in force for what is in the bucket."""
        caller, account_id = exchange.caller, None if bucket is None else bucket.account_id
        common = request_context(caller, exchange.request, _region(exchange))
        for check in required:
            question, decision = decide_check(caller, check, common, policies, account_id)
            self.record(exchange, check, decision)
            if decision.outcome is not Outcome.ALLOWED:
                raise s3_error("AccessDenied", await self._denial(exchange, check, question, decision, bucket))

    async def allows(self, exchange: S3Exchange, *checks: Check) -> bool:
        """Whether the caller may do all of it; the decisions are on record when this returns."""
        return await self._allows(exchange, checks, exchange.bucket)

    async def allows_at_source(self, exchange: S3Exchange, *checks: Check) -> bool:
        """As allows, for questions about the bucket that the call copies from."""
        return await self._allows(exchange, checks, exchange.source_bucket)

    async def _allows(self, exchange: S3Exchange, checks: Sequence[Check], bucket: Bucket | None) -> bool:
        for check in checks:
            _, decision = await self._decide(exchange, check, bucket)
            if decision.outcome is not Outcome.ALLOWED:
                return False
        return True

    async def refusal(self, exchange: S3Exchange, check: Check) -> str | None:
        """None if the caller may do this, else the text of the refusal; the decision is on record."""
        question, decision = await self._decide(exchange, check, exchange.bucket)
        if decision.outcome is Outcome.ALLOWED:
            return None
        return await self._denial(exchange, check, question, decision, exchange.bucket) or "Access Denied"

    async def told(self, exchange: S3Exchange, error: ServiceError) -> ServiceError:
        """The error as the caller may have it: that a key is missing is for those who could have listed it.
        (S3 API Reference, GetObject, "Permissions")"""
        if error.code not in _MISSING or exchange.call.key is None:
            return error
        source = exchange.source
        if source is not None and not await self.allows_at_source(exchange, source_listing_check(exchange, source)):
            return s3_error("AccessDenied")
        if source is None and not await self.allows(exchange, listing_check(exchange)):
            return s3_error("AccessDenied")
        return error

    async def asks_for_object_tags(self, exchange: S3Exchange, actions: Sequence[str], bucket: Bucket | None) -> bool:
        """Whether a decision about one of these actions in the bucket depends on tags that only the backend knows."""
        if bucket is None or not any(has_object_tags(action) for action in actions):
            return False
        in_force = await self._authorizer.policies(
            exchange.caller, bucket.policy, resource_account=bucket.account_id, service="s3"
        )
        return speaks_of_object_tags(in_force)

    async def _decide(self, exchange: S3Exchange, check: Check, bucket: Bucket | None) -> tuple[Request, Decision]:
        question, decision = await self.decide(exchange, check, bucket)
        self.record(exchange, check, decision)
        return question, decision

    async def decide(self, exchange: S3Exchange, check: Check, bucket: Bucket | None) -> tuple[Request, Decision]:
        """The question and its answer, which is not on record yet: whoever acts on it records it first."""
        return await self._authorizer.decide(
            exchange.caller,
            exchange.request,
            check,
            region=_region(exchange),
            resource_policy=None if bucket is None else policy_in_force(bucket, exchange.caller),
            resource_account=None if bucket is None else bucket.account_id,
        )

    async def _denial(
        self, exchange: S3Exchange, check: Check, question: Request, decision: Decision, bucket: Bucket | None
    ) -> str | None:
        """The refusal's text: the whole reason to principals of the bucket's own account, as with S3.

        Others are told of their own policies only, in the same words for a bucket that is not theirs and for one
        that does not exist.
        """
        caller = exchange.caller
        if isinstance(caller, Anonymous):
            return None
        if bucket is not None and bucket.account_id == caller.account.account_id:
            return decision.denial_message(question)
        own_question, own = await self._authorizer.decide(caller, exchange.request, check, region=_region(exchange))
        return None if own.outcome is Outcome.ALLOWED else own.denial_message(own_question)

    def record(self, exchange: S3Exchange, check: Check, decision: Decision) -> None:
        """Raises ServiceError if the decision cannot be recorded: it is then not acted on either."""
        self.write(audit_record(exchange, check, decision))

    def write(self, record: AuditRecord) -> None:
        """Raises ServiceError (ServiceUnavailable) if the record cannot be written."""
        try:
            self._audit.write(record)
        except OSError:
            raise service_unavailable("The request could not be recorded, so it was not carried out.") from None


def audit_record(exchange: S3Exchange, check: Check, decision: Decision) -> AuditRecord:
    """The record of one decision about the call."""
    caller = exchange.caller
    return AuditRecord(
        time=exchange.request.received,
        request_id=exchange.request_id,
        caller_arn=caller.principal.arn,
        caller_type=caller.principal.kind,
        access_key_id=None if isinstance(caller, Anonymous) else caller.access_key_id,
        action=check.action,
        resource=check.resource,
        decision=decision.outcome,
        decided_by=decision.decided_by,
        statements=tuple([str(statement) for statement in decision.statements]),
        error=None if decision.outcome is Outcome.ALLOWED else "AccessDenied",
        source_ip=exchange.request.source_ip,
    )


def _region(exchange: S3Exchange) -> str:
    return "" if exchange.claim is None else exchange.claim.region
