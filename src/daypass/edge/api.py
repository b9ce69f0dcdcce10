"""The control plane: one STS or IAM request, from bytes to answer. `_answer` is the path of a request as code.

Owns the order of the steps and the audit of each decision. Nothing downstream calls upstream: a step gets what
the one before it returned, so none can be skipped.

Source: AWS Security Token Service API Reference, "Common Errors"; "Making query requests".
"""

from __future__ import annotations

import binascii
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Final

import falcon.uri  # noqa: F401  the form decoder, which wire.query imports when it first decodes: here, not in a request

from daypass import limits
from daypass.edge.trail import Prepared, Trail
from daypass.errors import ServiceError, internal_failure, service_unavailable
from daypass.policy import Outcome
from daypass.policy import Request as Question
from daypass.service import authorization_messages
from daypass.service.actions import Action, Check, Exchange, Ports, Result, UnsignedAction, UnsignedExchange
from daypass.service.authenticate import Authenticator, service_error
from daypass.service.authorize import Authorizer, decide_check, denied, request_context, unauthorized
from daypass.service.caller import ANONYMOUS, Caller
from daypass.service.ports import AuditLog
from daypass.wire import query
from daypass.wire.http import Headers, RawRequest, RawResponse
from daypass.wire.model import Service
from daypass.wire.sigv4 import Claim, SignatureFault

Perform = Callable[[], Result]

_log: Final = logging.getLogger("daypass")
_JSON_TYPE: Final = (b"Content-Type", b"application/json")
_ENCODED_MESSAGE: Final = b"x-daypass-authorization-message"
_XML_TYPE: Final = (b"Content-Type", b"text/xml")
_NO_REGION: Final = "us-east-1"  # named in the extended request id of a request that names none


@dataclass(frozen=True, slots=True)
class ServedService:
    """A control-plane service: its model, and the rows of its actions that are served.

    admits: whether it takes a caller's credentials at all; None: it takes all.
    """

    model: Service
    actions: Mapping[str, Action | UnsignedAction]
    admits: Callable[[Caller], bool] | None = None


class Api:
    """The STS and IAM APIs."""

    def __init__(
        self,
        *,
        services: Mapping[str, ServedService],
        authenticator: Authenticator,
        authorizer: Authorizer,
        ports: Ports,
        audit: AuditLog,
    ) -> None:
        self._services = services
        self._scopes = frozenset(services)
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._ports = ports
        self._audit = audit

    async def handle(
        self, request: RawRequest, claim: Claim | SignatureFault | None, service: str, request_id: str
    ) -> RawResponse:
        """The answer, whatever the request. service: of the credential scope, or what the request looks like."""
        return self.commit([await self.prepare(request, claim, service, request_id)])[0]

    async def prepare(
        self, request: RawRequest, claim: Claim | SignatureFault | None, service: str, request_id: str
    ) -> Prepared:
        """The answer, whatever the request, to be given once `commit` has put it on record."""
        trail = _trail(request, request_id, service, claim.region if isinstance(claim, Claim) else "")
        try:
            body = await self._answer(request, claim, trail)
            response = RawResponse(200, _headers(trail, body), body)
        except query.Dispatched as elsewhere:
            response = elsewhere.response(_request_id_headers(trail))
        except ServiceError as error:
            response = self._refused(error, trail)
        except Exception:  # noqa: BLE001  our fault, whatever it is: logged here once, its details never sent
            _log.exception("request %s failed", request_id)
            response = self._refused(internal_failure(), trail)
        return Prepared(trail, response)

    def commit(self, prepared: Sequence[Prepared]) -> list[RawResponse]:
        """The answers, now that their records are written, all in one write. If that fails, nothing is issued."""
        try:
            self._audit.write_all([record for one in prepared for record in one.trail.records])
        except OSError as error:
            _log.error("the audit log cannot be written: %s", error.strerror)
            return self._unrecorded(prepared)
        return [one.response for one in prepared]

    def _unrecorded(self, prepared: Sequence[Prepared]) -> list[RawResponse]:
        """Refusals instead of the answers. That they were refused is recorded, if there is room again."""
        error = service_unavailable("The request could not be recorded; nothing was issued.")
        refused = [self._refused(error, one.trail) if one.trail.records else one.response for one in prepared]
        with suppress(OSError):
            self._audit.write_all([one.trail.records[-1] for one in prepared if one.trail.records])
        return refused

    def refuse(self, request: RawRequest, service: str, error: ServiceError, request_id: str) -> RawResponse:
        """The answer to a request that could not even be read."""
        trail = _trail(request, request_id, service, "")
        return self.commit([Prepared(trail, self._refused(error, trail))])[0]

    async def _answer(self, request: RawRequest, claim: Claim | SignatureFault | None, trail: Trail) -> bytes:
        """The path of a request. Fills the trail as it goes, so that a refusal is audited with what was known."""
        # 1. What is asked: method, content type and form, before anybody is authenticated, as AWS does.
        served = self._service(trail)
        form = query.parse_form(request)
        trail.action = form.action[: limits.AUDITED_ACTION_CHARS]

        # 2. Who asks.
        if isinstance(claim, SignatureFault):
            raise service_error(claim, trail.service)
        action = served.actions.get(form.action)
        caller: Caller | None = None
        if claim is not None:
            caller, _ = await self._authenticator.prove(
                request, claim, sha256(request.body).hexdigest(), services=self._scopes
            )
            trail.caller = caller
            if served.admits is not None and not served.admits(caller):
                raise ServiceError("InvalidClientTokenId", 403, "The security token included in the request is invalid")
        elif not isinstance(action, UnsignedAction):
            raise ServiceError("MissingAuthenticationToken", 403, "Request is missing Authentication Token")

        # 3. Which action, with which parameters.
        if action is None:
            raise query.not_served(served.model, form)
        call = query.parse_call(served.model, form)

        # 4. May it: one check here for every action; a denial carries its decision.
        checks, perform = await self._asked(action, caller, request, call, trail)
        who = trail.caller or ANONYMOUS
        context = request_context(who, request, trail.region) if checks else {}
        for check in checks:
            trail.check = check
            policies = self._authorizer.held_policies_of(check, who) or await self._authorizer.policies_of(check, who)
            question, trail.decision = decide_check(who, check, context, policies, check.resource_account)
            if trail.decision.outcome is not Outcome.ALLOWED:
                if caller is not None and not check.tells_nothing:
                    trail.encoded_message = await self._encoded_message(caller, question, check, request)
                raise denied(question, trail.decision, check)
            if check is not checks[-1]:
                trail.records.append(trail.record(error=None))

        # 5. Do it; 6. put it on record; 7. say it.
        performed = perform()
        result = performed if isinstance(performed, dict) else await performed
        trail.session_access_key_id = _issued(result)
        trail.records.append(trail.record(error=None))
        return query.render_result(served.model, call.operation, result, trail.request_id, trail.wants_json)

    async def _asked(
        self,
        action: Action | UnsignedAction,
        caller: Caller | None,
        request: RawRequest,
        call: query.Call,
        trail: Trail,
    ) -> tuple[Sequence[Check], Perform]:
        """What the action has to be allowed, and what it then does."""
        if isinstance(action, UnsignedAction):
            # A right signature changes nothing: what is passed says who calls.
            trail.caller = ANONYMOUS
            unsigned = UnsignedExchange(request, trail.request_id, call.parameters)
            trail.federated = unsigned.found
            found = action.checks(self._ports, unsigned)
            checks = found if isinstance(found, tuple) else await found
            return checks, partial(action.perform, self._ports, unsigned)
        assert caller is not None  # noqa: S101  without a signature there is no other action
        exchange = Exchange(request, trail.request_id, caller, call.parameters)
        found = () if action.checks is None else action.checks(self._ports, exchange)
        checks = found if isinstance(found, tuple) else await found
        if not action.admits(caller):
            asked = checks[0] if checks else Check(f"{trail.service}:{trail.action}", "*")
            raise unauthorized(caller.principal.arn, asked.action, None if asked.resource == "*" else asked.resource)
        return checks, partial(action.perform, self._ports, exchange)

    async def _encoded_message(self, caller: Caller, question: Question, check: Check, request: RawRequest) -> str:
        """The whole reasoning of a denial, for DecodeAuthorizationMessage."""
        policies, ports = await self._authorizer.policies_of(check, caller), self._ports
        return authorization_messages.seal(caller, question, policies, ports.key_ring, ports.entropy, request.received)

    def _service(self, trail: Trail) -> ServedService:
        # Another service's name in the scope is refused by authenticate; until then it is spoken to as STS would.
        return self._services.get(trail.service) or self._services["sts"]

    def _refused(self, error: ServiceError, trail: Trail) -> RawResponse:
        trail.records.append(trail.record(error=error.code))
        namespace = self._service(trail).model.namespace
        body = query.render_error(namespace, error, trail.request_id, trail.wants_json)
        return RawResponse(error.status, _headers(trail, body), body)


def _trail(request: RawRequest, request_id: str, service: str, region: str) -> Trail:
    wants_json = request.named.get(b"accept") == b"application/json"
    return Trail(request, request_id, service, region, wants_json, [])


def _issued(result: Mapping[str, Any]) -> str | None:
    """The id of the credentials in a result; its secret and token are never looked at here."""
    credentials = result.get("Credentials")
    return credentials["AccessKeyId"] if credentials else None


def _headers(trail: Trail, body: bytes) -> Headers:
    kind, length = _JSON_TYPE if trail.wants_json else _XML_TYPE, (b"Content-Length", b"%d" % len(body))
    if trail.encoded_message:
        return (*_request_id_headers(trail), kind, length, (_ENCODED_MESSAGE, trail.encoded_message.encode("ascii")))
    return (*_request_id_headers(trail), kind, length)


def _request_id_headers(trail: Trail) -> Headers:
    request_id = (b"x-amzn-RequestId", trail.request_id.encode("ascii"))
    if trail.service != "sts":
        return (request_id,)
    return (request_id, (b"x-amz-sts-extended-request-id", _extended_request_id(trail)))


def _extended_request_id(trail: Trail) -> bytes:
    """`1:region:S:epoch milliseconds:R:8 alphanumerics` in base64, as STS answers since late 2025."""
    milliseconds = int(trail.request.received.timestamp() * 1000)
    text = f"1:{trail.region or _NO_REGION}:S:{milliseconds}:R:{trail.request_id[:8]}"
    return binascii.b2a_base64(text.encode(), newline=False)
