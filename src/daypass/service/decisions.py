"""The decision alone, for a service that enforces it itself: who asks, may they do these things, and why.

Owns the form of a question and of its answer, and what an asker may say of a request. An answer holds decisions and
their reasons, never a key or a token. Who may ask at all is the listener's affair (edge.authorizer).

A question's caller is proven by the signature of the request that the asker got (`signed_request`), or is an IAM user
or a root user whom the asker has authenticated by itself (`principal`). A session is never named: it is known by its
token and its signature alone, because only its token tells what narrows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from daypass import limits, names
from daypass.errors import ServiceError, service_unavailable
from daypass.names import Arn
from daypass.policy import Decision, Outcome, Policy, PolicyError, PolicyKind, Principal, PrincipalKind, Request
from daypass.service.actions import Check, ContextValue
from daypass.service.authenticate import Authenticator, service_error
from daypass.service.authorize import Authorizer
from daypass.service.caller import ANONYMOUS, Anonymous, Caller
from daypass.service.ports import AuditLog, AuditRecord, Directory, IdentityReader
from daypass.service.s3_public import policy_in_force
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.sigv4 import SignatureFault

# What an asker may say of a resource and of its request. All other `aws:` keys are properties of the caller or of the
# request itself: Daypass takes them from what was proven.
_SAYABLE: Final = ("aws:resourcetag/", "aws:requesttag/", "aws:tagkeys", "aws:resourceaccount")


class QuestionError(ValueError):
    """A question that cannot be asked. Its text says which part of it is wrong."""


class SignedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that the asker received.

    target: the request target as it was sent, path and query, percent-encoded.
    headers: every header, in order, as pairs of name and value.
    payload_sha256: of the body that the asker read, in hexadecimal; UNSIGNED-PAYLOAD only for the service `s3`.
    service: the name that the signature's credential scope must have.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    payload_sha256: str
    service: str

    def __repr__(self) -> str:
        """Target and headers stay out: a token or a signature may be among them."""
        return f"SignedRequest({self.method}, {self.service})"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """May the caller do this? context: condition keys of the action → value, or values of a multivalued key."""

    action: str
    resource: str = "*"
    context: dict[str, str | tuple[str, ...]] = {}


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one caller: one action, or several in `checks`.

    signed_request or principal: who calls; `"principal": "anonymous"` for nobody.
    source_ip, secure: where the caller's request came from, and whether over TLS.
    region: of a question without a signature; a signature names its own.
    resource_policy, resource_account: of a resource that is not a bucket of Daypass's; a bucket's are its own.
    """

    signed_request: SignedRequest | None = None
    principal: str | None = None
    action: str | None = None
    resource: str = "*"
    context: dict[str, str | tuple[str, ...]] = {}
    checks: tuple[Asked, ...] = ()
    source_ip: str = ""
    secure: bool = False
    region: str = ""
    resource_policy: msgspec.Raw = msgspec.Raw()
    resource_account: str | None = None

    def asked(self) -> tuple[Asked, ...]:
        """Raises QuestionError."""
        if (self.action is None) == (not self.checks):
            raise QuestionError("ask about `action`, or about several in `checks`")
        if self.action is not None:
            return (Asked(self.action, self.resource, self.context),)
        if self.resource != "*" or self.context:
            raise QuestionError("beside `checks`, `resource` and `context` belong into each of them")
        return self.checks


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several questions at once, each about its own caller."""

    questions: tuple[Question, ...]


_decode_question: Final = msgspec.json.Decoder(Question).decode
_decode_batch: Final = msgspec.json.Decoder(Batch).decode


def read_questions(body: bytes) -> tuple[tuple[Question, ...], bool]:
    """The questions of a body, and whether they were a batch.

    Raises:
        QuestionError: it is no JSON, has a field that is unknown or of another type, or asks too much at once.
    """
    try:
        is_batch = b'"questions"' in body
        questions = _decode_batch(body).questions if is_batch else (_decode_question(body),)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise QuestionError(str(error)) from None
    if sum(max(len(question.checks), 1) for question in questions) > limits.AUTHORIZE_CHECKS:
        raise QuestionError(f"at most {limits.AUTHORIZE_CHECKS} checks at once")
    return questions, is_batch


@dataclass(frozen=True, slots=True)
class Answered:
    """One check of a question, and its decision."""

    request: Request
    decision: Decision

    @property
    def allowed(self) -> bool:
        return self.decision.outcome is Outcome.ALLOWED

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        shown: dict[str, Any] = {
            "action": self.request.action,
            "resource": self.request.resource,
            "decision": self.decision.outcome.value,
            "decided_by": None if self.decision.decided_by is None else self.decision.decided_by.value,
            "statements": [str(statement) for statement in self.decision.statements],
        }
        if not self.allowed:
            shown["reason"] = self.decision.denial_message(self.request)
        return shown


class Decider:
    """Answers questions. Every decision is on record before it is told."""

    def __init__(
        self,
        *,
        identities: IdentityReader,
        directory: Directory,
        authenticator: Authenticator,
        authorizer: Authorizer,
        audit: AuditLog,
    ) -> None:
        self._identities = identities
        self._directory = directory
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._audit = audit

    async def answer(self, question: Question, request_id: str, received: datetime) -> dict[str, Any]:
        """The answer as JSON has it: whether all that was asked is allowed, by whom it was asked, and each decision.

        Raises:
            QuestionError: the question makes no sense.
            ServiceError: ServiceUnavailable; the decision could not be recorded, and so is not told.
        """
        asked = question.asked()
        for check in asked:
            _check_context(check.context)
        request = _raw_request(question, received)
        policy = _resource_policy(question)
        try:
            caller, region = await self._caller(question, request)
        except ServiceError as error:
            self._write(_refusal(question, request, request_id, asked[0], error))
            refused = {"code": error.code, "status": error.status, "message": error.message or ""}
            return {"request_id": request_id, "allowed": False, "caller": None, "error": refused, "decisions": []}
        answered = []
        for check in asked:
            answered.append(await self._decide(question, caller, request, region, check, policy))
            self._write(_record(answered[-1], caller, request, request_id))
        return {
            "request_id": request_id,
            "allowed": all(answer.allowed for answer in answered),
            "caller": _shown_caller(caller),
            "error": None,
            "decisions": [answer.shown() for answer in answered],
        }

    # ---- who asks ----

    async def _caller(self, question: Question, request: RawRequest) -> tuple[Caller | Anonymous, str]:
        """The caller and the region that its signature names."""
        signed = question.signed_request
        if (signed is None) == (question.principal is None):
            raise QuestionError("say who calls: `signed_request` or `principal`, and not both")
        if signed is None:
            return await self._named(question.principal or ""), question.region
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
        payload_hash = signed.payload_sha256
        if payload_hash == sigv4.UNSIGNED_PAYLOAD and signed.service != "s3":
            raise QuestionError("`payload_sha256` is the hash of the body; only S3 has unsigned payloads")
        services = frozenset({signed.service})
        return await self._authenticator.authenticate(request, claim, payload_hash, services=services), claim.region

    async def _named(self, principal: str) -> Caller | Anonymous:
        """Raises QuestionError for an ARN of what is no user; ServiceError for a user that is not there."""
        if principal == "anonymous":
            return ANONYMOUS
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
            return Caller(who, user.user_id, "", account, user, None)
        if account is not None and principal == names.root_arn(account.account_id):
            who = Principal(PrincipalKind.ROOT, arn=principal, account_id=account.account_id)
            return Caller(who, account.account_id, "", account, None, None)
        raise QuestionError(
            "`principal` is the ARN of an IAM user or of a root user; a session is known by a signed request alone"
        )

    # ---- the decision ----

    async def _decide(
        self,
        question: Question,
        caller: Caller | Anonymous,
        request: RawRequest,
        region: str,
        asked: Asked,
        policy: Policy | None,
    ) -> Answered:
        account = question.resource_account
        bucket_name = _bucket_of(asked.resource)
        if bucket_name is not None:
            bucket = await self._identities.bucket(bucket_name)
            if bucket is not None and (policy is not None or account is not None):
                raise QuestionError(f"the policy and the owner of bucket `{bucket_name}` are Daypass's own to know")
            if bucket is not None:
                policy, account = policy_in_force(bucket, caller), bucket.account_id
        context: dict[str, ContextValue] = {key.lower(): value for key, value in asked.context.items()}
        if account is not None:
            context["aws:resourceaccount"] = account
        made, decision = await self._authorizer.decide(
            caller,
            request,
            Check(asked.action, asked.resource, context),
            region=region,
            resource_policy=policy,
            resource_account=account,
        )
        return Answered(made, decision)

    def _write(self, record: AuditRecord) -> None:
        try:
            self._audit.write(record)
        except OSError:
            raise service_unavailable("The decision could not be recorded, so it is not told.") from None


def _check_context(context: Mapping[str, ContextValue]) -> None:
    """Raises QuestionError for a key that is not the asker's to say."""
    seen: set[str] = set()
    for key in context:
        folded = key.lower()
        if folded.startswith("aws:") and not folded.startswith(_SAYABLE):
            raise QuestionError(f"`{key}` is not for the asker to say; Daypass takes it from the caller's request")
        if folded in seen:
            raise QuestionError(f"`{key}` is said twice")
        seen.add(folded)


def _raw_request(question: Question, received: datetime) -> RawRequest:
    signed = question.signed_request
    target = b"/" if signed is None else signed.target.encode("utf-8")
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/"):
        raise QuestionError("`target` is a path with its query; it begins with `/`")
    headers = () if signed is None else signed.headers
    try:
        pairs = tuple((name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers)
    except UnicodeEncodeError:
        raise QuestionError("a header has letters that HTTP has not") from None
    method = "GET" if signed is None else signed.method.upper()
    return RawRequest(method, path, query, pairs, b"", question.source_ip, question.secure, received)


def _resource_policy(question: Question) -> Policy | None:
    text = bytes(question.resource_policy).decode("utf-8")
    if not text or text == "null":
        return None
    try:
        # As a stored one: what S3 demands of a new bucket policy is no rule of other services.
        return Policy.parse(text, PolicyKind.RESOURCE, id="resource policy", stored=True)
    except PolicyError as error:
        raise QuestionError(f"`resource_policy` is no policy: {error.message}") from None


def _bucket_of(resource: str) -> str | None:
    """The bucket that an ARN of S3 speaks of."""
    prefix = names.bucket_arn("")
    return resource.removeprefix(prefix).partition("/")[0] if resource.startswith(prefix) else None


def _shown_caller(caller: Caller | Anonymous) -> dict[str, Any]:
    return {
        "arn": caller.principal.arn,
        "type": caller.principal.kind.value,
        "account": caller.principal.account_id,
        "user_id": caller.user_id,
    }


def _record(answer: Answered, caller: Caller | Anonymous, request: RawRequest, request_id: str) -> AuditRecord:
    decision = answer.decision
    return AuditRecord(
        time=request.received,
        request_id=request_id,
        caller_arn=caller.principal.arn,
        caller_type=caller.principal.kind.value,
        access_key_id=None if isinstance(caller, Anonymous) else caller.access_key_id or None,
        action=answer.request.action,
        resource=answer.request.resource,
        decision=decision.outcome.value,
        decided_by=None if decision.decided_by is None else decision.decided_by.value,
        statements=tuple([str(statement) for statement in decision.statements]),
        error=None if answer.allowed else "AccessDenied",
        source_ip=request.source_ip,
    )


def _refusal(
    question: Question, request: RawRequest, request_id: str, asked: Asked, error: ServiceError
) -> AuditRecord:
    return AuditRecord(
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


def all_allowed(answers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every question of a batch was answered with yes."""
    return all(answer["allowed"] is True for answer in answers)
