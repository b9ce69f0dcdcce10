"""Whether an S3 call is allowed: the rules that hold for several operations, each decision, its record and its refusal.

What a call asks for is service.s3_checks, what an operation needs service.s3_catalog, and the operations on
Daypass's own buckets are service.s3_buckets.

Source: S3 User Guide, "Controlling ownership of objects", "Troubleshoot access denied errors"; S3 API Reference,
each operation's page.
"""

from __future__ import annotations

from collections.abc import Sequence

from daypass.errors import service_unavailable
from daypass.policy import Decision, Outcome, Request
from daypass.service.actions import Check
from daypass.service.authorize import Authorizer
from daypass.service.caller import Anonymous
from daypass.service.ports import AuditLog, AuditRecord
from daypass.service.s3_catalog import ACL_HEADERS, RESPONSE_OVERRIDES, Row
from daypass.service.s3_checks import S3Exchange
from daypass.wire.s3 import S3Call
from daypass.wire.s3_errors import header_not_implemented, not_implemented, s3_error


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
