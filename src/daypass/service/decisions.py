"""The decision alone, for a service that enforces it itself: who asks, may they do these things, and why.

Owns whose question it is, and what is answered: decisions and their reasons, never a key or a token. Nothing is written
down here: whoever tells the answer writes its records first. The form of a question is service.questions'; who may ask
at all is the listener's affair (edge.authorizer).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from daypass import limits, names
from daypass.errors import ServiceError
from daypass.names import Arn
from daypass.policy import Decision, Outcome, Policy, Principal, PrincipalKind, Request
from daypass.service.actions import Check, ContextValue
from daypass.service.authenticate import Authenticator, service_error
from daypass.service.authorize import Authorizer, decide_check, request_context
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import AuditRecord, Bucket, Directory, IdentityReader
from daypass.service.questions import (
    Answer,
    Asked,
    Question,
    QuestionError,
    SignedRequest,
    check_context,
    request_of,
    resource_policy_of,
)
from daypass.service.s3_public import policy_in_force
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.sigv4 import Claim, SignatureFault

_BUCKETS: Final = names.bucket_arn("")


class Decider:
    """Answers questions. Keeps the callers that were named, so that one seen before costs little."""

    def __init__(
        self,
        *,
        identities: IdentityReader,
        directory: Directory,
        authenticator: Authenticator,
        authorizer: Authorizer,
    ) -> None:
        self._identities = identities
        self._directory = directory
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._named: dict[str, Caller] = {}

    async def answer(self, question: Question, request_id: str, received: datetime) -> Answer:
        """Whether all that was asked is allowed, by whom it was asked, and each decision.

        Raises:
            QuestionError: the question makes no sense.
        """
        asked, request, policy = _read(question, received)
        try:
            caller, region = await self._caller(question, request)
        except ServiceError as error:
            return _refused(question, request, request_id, asked[0], error)
        common = request_context(caller, request, region)
        decided = []
        for one in asked:
            name = _bucket_of(one.resource)
            bucket = None if name is None else await self._identities.bucket(name)
            check = _check(question, one, caller, policy, bucket)
            policies = await self._authorizer.policies_of(check, caller)
            decided.append(decide_check(caller, check, common, policies, check.resource_account))
        return _answer(caller, request, request_id, decided)

    def held(self, question: Question, request_id: str, received: datetime) -> Answer | None:
        """As `answer`, if nothing has to be waited for. None says nothing: ask `answer`."""
        asked, request, policy = _read(question, received)
        try:
            caller, region = self._held_caller(question, request)
        except ServiceError as error:
            return _refused(question, request, request_id, asked[0], error)
        if caller is None:
            return None
        common = request_context(caller, request, region)
        decided = []
        for one in asked:
            name = _bucket_of(one.resource)
            bucket = None if name is None else self._identities.held_bucket(name)
            if name is not None and bucket is None:
                return None
            check = _check(question, one, caller, policy, bucket)
            policies = self._authorizer.held_policies_of(check, caller)
            if policies is None:
                return None
            decided.append(decide_check(caller, check, common, policies, check.resource_account))
        return _answer(caller, request, request_id, decided)

    # ---- who asks ----

    async def _caller(self, question: Question, request: RawRequest) -> tuple[Caller | Anonymous, str]:
        """The caller and the region that its signature names.

        Raises:
            ServiceError: nobody, for that signature or under that name.
        """
        signed = _signed(question)
        if signed is None:
            return await self._find_named(question.principal or ""), question.region
        claim = _claim(signed, request)
        services = frozenset({signed.service})
        caller = await self._authenticator.authenticate(request, claim, signed.payload_sha256, services=services)
        return caller, claim.region

    def _held_caller(self, question: Question, request: RawRequest) -> tuple[Caller | Anonymous | None, str]:
        signed = _signed(question)
        if signed is None:
            return self._held_named(question.principal or ""), question.region
        claim = _claim(signed, request)
        services = frozenset({signed.service})
        return self._authenticator.held(request, claim, signed.payload_sha256, services=services), claim.region

    async def _find_named(self, principal: str) -> Caller | Anonymous:
        """Raises QuestionError for an ARN of what is no user; ServiceError for a user that is not there."""
        held = self._held_named(principal)
        if held is not None:
            return held
        try:
            arn = Arn.parse(principal)
        except ValueError:
            raise QuestionError("`principal` is the ARN of an IAM user or of a root user, or `anonymous`") from None
        account = await self._identities.account(arn.account_id)
        if account is not None and account.closed is not None:
            account = None
        if arn.service == "iam" and arn.resource.startswith("user/"):
            found = await self._directory.find_user(arn.account_id, arn.resource.rpartition("/")[2])
            user = None if found is None or found.arn != principal else await self._identities.user(found.user_id)
            if account is None or user is None:
                raise ServiceError("InvalidClientTokenId", 403, "No such principal.")
            who = Principal(PrincipalKind.USER, arn=user.arn, account_id=user.account_id, unique_id=user.user_id)
            return self._keep(principal, Caller(who, user.user_id, "", account, user, None))
        if account is not None and principal == names.root_arn(account.account_id):
            who = Principal(PrincipalKind.ROOT, arn=principal, account_id=account.account_id)
            return self._keep(principal, Caller(who, account.account_id, "", account, None, None))
        raise QuestionError(
            "`principal` is the ARN of an IAM user or of a root user; a session is known by a signed request alone"
        )

    def _held_named(self, principal: str) -> Caller | Anonymous | None:
        """The caller made for the name before. What changes in the store comes as another object, and finds none."""
        if principal == "anonymous":
            return ANONYMOUS
        kept = self._named.get(principal)
        if kept is None or self._identities.held_account(kept.account.account_id) is not kept.account:
            return None
        # A user made anew under the name, or another that now has it, is another user.
        return kept if kept.user is None or self._identities.held_user(kept.user.user_id) is kept.user else None

    def _keep(self, principal: str, caller: Caller) -> Caller:
        if len(self._named) >= limits.SESSIONS_CACHED:
            del self._named[next(iter(self._named))]
        self._named[principal] = caller
        return caller


def _read(question: Question, received: datetime) -> tuple[tuple[Asked, ...], RawRequest, Policy | None]:
    """What is asked, of which request, beside which policy.

    Raises:
        QuestionError: the question makes no sense.
    """
    asked = question.asked()
    for one in asked:
        if one.context:
            check_context(one.context)
    return asked, request_of(question, received), resource_policy_of(question)


def _signed(question: Question) -> SignedRequest | None:
    """The request whose signature proves the caller; None if the caller is named."""
    if (question.signed_request is None) == (question.principal is None):
        raise QuestionError("say who calls: `signed_request` or `principal`, and not both")
    return question.signed_request


def _claim(signed: SignedRequest, request: RawRequest) -> Claim:
    """What the request claims, for the service that it was sent to.

    Raises:
        ServiceError: it claims nothing that can be believed there.
    """
    try:
        claim = sigv4.read_claim(request)
    except SignatureFault as fault:
        raise service_error(fault, "sts") from None
    if claim is None:
        raise ServiceError("MissingAuthenticationToken", 403, "Request is missing Authentication Token")
    if claim.service != signed.service:
        # A signature that was made for one service opens no other.
        text = f"Credential should be scoped to correct service: '{signed.service}'. "
        raise ServiceError("SignatureDoesNotMatch", 403, text)
    if signed.payload_sha256 == sigv4.UNSIGNED_PAYLOAD and signed.service != "s3":
        raise QuestionError("`payload_sha256` is the hash of the body; only S3 has unsigned payloads")
    return claim


def _check(
    question: Question, asked: Asked, caller: Caller | Anonymous, policy: Policy | None, bucket: Bucket | None
) -> Check:
    """policy: that the asker says the resource has. bucket: that the resource is, or is in.

    Raises:
        QuestionError: the asker says what it is not for it to say.
    """
    account = question.resource_account
    if bucket is not None:
        if policy is not None or account is not None:
            raise QuestionError(f"the policy and the owner of bucket `{bucket.name}` are Daypass's own to know")
        policy, account = policy_in_force(bucket, caller), bucket.account_id
    context: dict[str, ContextValue] = {key.lower(): value for key, value in asked.context.items()}
    if account is not None:
        context["aws:resourceaccount"] = account
    return Check(asked.action, asked.resource, context, policy, account)


def _bucket_of(resource: str) -> str | None:
    """The bucket that an ARN of S3 speaks of."""
    return resource.removeprefix(_BUCKETS).partition("/")[0] if resource.startswith(_BUCKETS) else None


# ---- what is answered ----


def _answer(
    caller: Caller | Anonymous, request: RawRequest, request_id: str, decided: Sequence[tuple[Request, Decision]]
) -> Answer:
    who = caller.principal
    shown = {
        "request_id": request_id,
        "allowed": all(decision.outcome is Outcome.ALLOWED for _, decision in decided),
        "caller": {"arn": who.arn, "type": who.kind.value, "account": who.account_id, "user_id": caller.user_id},
        "error": None,
        "decisions": [_shown(asked, decision) for asked, decision in decided],
    }
    return Answer(shown, tuple([_record(asked, decision, caller, request, request_id) for asked, decision in decided]))


def _shown(asked: Request, decision: Decision) -> dict[str, Any]:
    """As JSON has it."""
    shown: dict[str, Any] = {
        "action": asked.action,
        "resource": asked.resource,
        "decision": decision.outcome.value,
        "decided_by": None if decision.decided_by is None else decision.decided_by.value,
        "statements": [str(statement) for statement in decision.statements],
    }
    if decision.outcome is not Outcome.ALLOWED:
        shown["reason"] = decision.denial_message(asked)
    return shown


def _record(
    asked: Request, decision: Decision, caller: Caller | Anonymous, request: RawRequest, request_id: str
) -> AuditRecord:
    return AuditRecord(
        time=request.received,
        request_id=request_id,
        caller_arn=caller.principal.arn,
        caller_type=caller.principal.kind.value,
        access_key_id=None if isinstance(caller, Anonymous) else caller.access_key_id or None,
        action=asked.action,
        resource=asked.resource,
        decision=decision.outcome.value,
        decided_by=None if decision.decided_by is None else decision.decided_by.value,
        statements=tuple([str(statement) for statement in decision.statements]),
        error=None if decision.outcome is Outcome.ALLOWED else "AccessDenied",
        source_ip=request.source_ip,
    )


def _refused(question: Question, request: RawRequest, request_id: str, asked: Asked, error: ServiceError) -> Answer:
    """The answer to a question whose caller is nobody."""
    record = AuditRecord(
        time=request.received,
        request_id=request_id,
        caller_arn=question.principal,
        caller_type="unknown",
        access_key_id=None,
        action=asked.action,
        resource=asked.resource,
        decision="Refused",
        decided_by=None,
        statements=(),
        error=error.code,
        source_ip=request.source_ip,
    )
    refused = {"code": error.code, "status": error.status, "message": error.message or ""}
    shown = {"request_id": request_id, "allowed": False, "caller": None, "error": refused, "decisions": []}
    return Answer(shown, (record,))
