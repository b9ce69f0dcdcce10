"""Who calls: a Claim and the identities become a Caller, or an error in the words of the service that was called.

Owns the checks that need to know the world (regions, keys, tokens, issuers), in the order observed of AWS:
scope, token, key, signature. Reading a claim and computing a signature are wire.sigv4's work.

Source: IAM User Guide, "Troubleshoot Signature Version 4 signing", "IAM identifiers"; the order is that of
scratchstack-aws-signature, "AWS Auth Error Ordering". What a fault is called: service.signature_errors.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Generic, TypeVar

from daypass import limits, names
from daypass.names import Secret
from daypass.service.caller import Caller, key_caller, session_caller
from daypass.service.ports import Account, IdentityReader, Role, UseLog, User
from daypass.service.signature_errors import service_error
from daypass.token import (
    FEDERATED_USER,
    ROLE_SESSION,
    ROOT_TASK,
    USER_SESSION,
    ExpiredToken,
    InvalidToken,
    KeyRing,
    Session,
    open_token,
)
from daypass.wire import sigv2, sigv4
from daypass.wire.http import RawRequest
from daypass.wire.sigv4 import Claim, Fault, SignatureFault, SigningKey

__all__ = ["SERVICES", "Authenticator", "service_error"]

SERVICES: Final = frozenset({"sts", "iam", "s3"})
_S3: Final = frozenset({"s3"})

_NO_REGION: Final = "N/A"  # of Signature Version 2, which names none; IAM API Reference, AccessKeyLastUsed
_KINDS: Final = frozenset({FEDERATED_USER, ROLE_SESSION, USER_SESSION, ROOT_TASK})
_ACCESS_KEY_ID: Final = re.compile(r"[A-Za-z0-9_]{16,128}", re.ASCII)  # accessKeyIdType in the STS model
_REGION: Final = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Authenticator:
    """Proves claims. Keeps signing keys and opened tokens, so that a caller seen before costs little."""

    def __init__(
        self,
        identities: IdentityReader,
        key_ring: KeyRing,
        regions: frozenset[str] = frozenset(),
        uses: UseLog | None = None,
    ) -> None:
        """key_ring: for the Authenticator's life; another ring, another Authenticator.
        regions: those that a credential scope may name; empty: every well-formed one.
        uses: told of the access key or the role behind every signature that was right."""
        self._identities = identities
        self._uses = uses
        self._key_ring = key_ring
        self._regions = regions
        self._signing_keys: _Recent[tuple[str, str, str, str], tuple[Secret, SigningKey]] = _Recent(
            limits.SIGNING_KEYS_CACHED
        )
        self._sessions: _Recent[str, Session] = _Recent(limits.SESSIONS_CACHED)
        self._callers: _Recent[str, Caller] = _Recent(limits.SESSIONS_CACHED)

    async def authenticate(
        self, request: RawRequest, claim: Claim, payload_hash: str, *, services: frozenset[str] = SERVICES
    ) -> Caller:
        """The caller who signed the request.

        payload_hash: SHA-256 of the body that was received; for S3 what the claim declares, which the reader of
            the body then holds it to.
        services: the names that the credential scope may have.

        Raises:
            ServiceError: as the claim's service words it.
        """
        caller, _ = await self.prove(request, claim, payload_hash, services=services)
        return caller

    async def prove(
        self, request: RawRequest, claim: Claim, payload_hash: str, *, services: frozenset[str] = SERVICES
    ) -> tuple[Caller, SigningKey]:
        """As `authenticate`, with the key that the signature was made with: a body in chunks has one of each chunk."""
        try:
            # 1. The credential scope is one of ours.
            self._check_scope(claim, services)
            # 2. Token, key, owner: looked up now, whatever was true when they were issued.
            found = self._held_caller(claim, request.received) or await self._find_caller(claim, request.received)
            # 3. The signature, last: nothing before it says whether the secret was right.
            return self._proven(request, claim, payload_hash, found)
        except SignatureFault as fault:
            raise service_error(fault, claim.service) from None

    def held(
        self, request: RawRequest, claim: Claim, payload_hash: str, *, services: frozenset[str] = SERVICES
    ) -> Caller | None:
        """As `authenticate`, of a caller who was here before and of whom nothing has changed. None says nothing: what
        `authenticate` finds counts."""
        try:
            self._check_scope(claim, services)
            found = self._held_caller(claim, request.received)
            return None if found is None else self._proven(request, claim, payload_hash, found)[0]
        except SignatureFault as fault:
            raise service_error(fault, claim.service) from None

    def _proven(
        self, request: RawRequest, claim: Claim, payload_hash: str, found: tuple[Caller, Secret]
    ) -> tuple[Caller, SigningKey]:
        """The caller, with the key that the signature was made with."""
        caller, secret = found
        key = self._verify(request, claim, payload_hash, secret)
        if self._uses is not None:
            self._note_use(self._uses, caller, claim, request.received)
        return caller, key

    async def prove_text(self, claim: Claim, text: bytes, received: datetime) -> Caller:
        """The caller who signed the text, where that is not a canonical request: a form's policy, or what Signature
        Version 2 makes of a request. For S3 only.

        Raises:
            ServiceError: as S3 words it.
        """
        try:
            is_old = claim.algorithm == sigv2.ALGORITHM
            if not is_old:
                self._check_scope(claim, _S3)
            caller, secret = await self._find_caller(claim, received)
            if not (sigv2.is_right if is_old else sigv4.is_right)(claim, text, secret):
                raise _fault(Fault.SIGNATURE, claim)
        except SignatureFault as fault:
            raise service_error(fault, "s3") from None
        if self._uses is not None:
            self._note_use(self._uses, caller, claim, received)
        return caller

    @staticmethod
    def _note_use(uses: UseLog, caller: Caller, claim: Claim, received: datetime) -> None:
        """Of a user's or root's key, or of a session's role. Another session is no use of the key that made it."""
        region = claim.region or _NO_REGION
        if caller.session is None:
            uses.used(caller.access_key_id, claim.service, region, received)
        elif caller.role is not None:
            uses.used(caller.role.role_id, claim.service, region, received)

    def _check_scope(self, claim: Claim, services: frozenset[str]) -> None:
        region_is_right = claim.region in self._regions if self._regions else _REGION.fullmatch(claim.region)
        if (
            region_is_right
            and claim.service in services
            and claim.terminator == sigv4.TERMINATOR
            and claim.date == claim.amz_date[:8]
        ):
            return
        reasons: list[str] = []
        s3_reasons: list[str] = []
        details: dict[str, str] = {}
        if not region_is_right:
            expected = min(self._regions, default="us-east-1")
            reasons.append("Credential should be scoped to a valid region.")
            s3_reasons.append(f"the region '{sigv4.shown(claim.region)}' is wrong; expecting '{expected}'")
            details["Region"] = expected
        if claim.service not in services:
            reasons.append("Credential should be scoped to correct service: 'sts'.")
        # Both of these AWS ends with a space.
        ending = " " if reasons else ""
        if claim.terminator != sigv4.TERMINATOR:
            given = sigv4.shown(claim.terminator)
            reasons.append(f"Credential should be scoped with a valid terminator: 'aws4_request', not '{given}'.")
            s3_reasons.append(f'incorrect terminal "{given}". This endpoint uses "aws4_request".')
            ending = ""
        if claim.date != claim.amz_date[:8]:
            given, right = sigv4.shown(claim.date), claim.amz_date[:8]
            reasons.append(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{given}' != '{right}', from '{claim.amz_date}'."
            )
            s3_reasons.append(f'Invalid credential date "{given}". This date is not the same as X-Amz-Date: "{right}".')
            ending = ""
        details["Reason"] = " ".join(reasons) + ending
        details["S3Reason"] = "; ".join(s3_reasons)
        raise _fault(Fault.HEADER_SCOPE if claim.location == "header" else Fault.QUERY_SCOPE, claim, details)

    async def _find_caller(self, claim: Claim, received: datetime) -> tuple[Caller, Secret]:
        # What cannot be an access key id reaches no store.
        if _ACCESS_KEY_ID.fullmatch(claim.access_key_id) is None:
            raise _unknown_key(claim)
        is_temporary = claim.access_key_id.startswith(names.TEMPORARY_KEY)
        if claim.session_token is not None:
            # A token makes sense beside the key it was issued with, and beside no other.
            if not is_temporary:
                raise _fault(Fault.TOKEN_INVALID, claim)
            return await self._find_session(claim, claim.session_token, received)
        # A temporary key is known by its token alone.
        if is_temporary:
            raise _unknown_key(claim)
        return await self._find_long_term(claim)

    def _held_caller(self, claim: Claim, received: datetime) -> tuple[Caller, Secret] | None:
        """The caller who was here before, if nothing has changed and nothing has to be waited for.

        None says nothing: what _find_caller finds counts.
        """
        if claim.session_token is not None:
            return self._held_session(claim, claim.session_token, received)
        held = self._identities.held(claim.access_key_id)
        if held is None:
            return None
        key, account, user = held
        caller = self._known(claim.access_key_id, account, user, None, None)
        return (caller, key.secret) if caller is not None and key.active and account.closed is None else None

    def _held_session(self, claim: Claim, token: str, received: datetime) -> tuple[Caller, Secret] | None:
        session = self._sessions.get(token)
        caller = self._callers.get(claim.access_key_id)
        # The caller was made of this very session, so the token is the one that the key was issued with.
        if session is None or caller is None or caller.session is not session or received >= session.expires:
            return None
        account = self._identities.held_account(session.account_id)
        if account is None or account is not caller.account or account.closed is not None:
            return None
        if caller.role is not None:
            is_present = self._identities.held_role(session.issuer_id) is caller.role
        else:
            is_present = caller.user is None or self._identities.held_user(session.issuer_id) is caller.user
        return (caller, session.secret) if is_present else None

    async def _find_long_term(self, claim: Claim) -> tuple[Caller, Secret]:
        key = await self._identities.access_key(claim.access_key_id)
        if key is None or not key.active:
            raise _unknown_key(claim)
        account = await self._find_account(claim, key.account_id)
        user = await self._find_user(claim, key.account_id, key.owner_id)
        known = self._known(key.access_key_id, account, user, None, None)
        return known or self._keep(key_caller(key.access_key_id, account, user)), key.secret

    async def _find_session(self, claim: Claim, token: str, received: datetime) -> tuple[Caller, Secret]:
        session = self._open(claim, token, received)
        if session.access_key_id != claim.access_key_id:
            raise _unknown_key(claim)
        account = await self._find_account(claim, session.account_id)
        # The issuer goes by its unique id: one created anew under the old name does not revive old sessions.
        user = role = None
        if session.kind == ROLE_SESSION:
            role = await self._identities.role(session.issuer_id)
            if role is None or role.account_id != account.account_id or role.role_id != session.issuer_id:
                raise _unknown_key(claim)
        else:
            user = await self._find_user(claim, account.account_id, session.issuer_id)
        known = self._known(session.access_key_id, account, user, role, session)
        return known or self._keep(session_caller(session, account, user, role)), session.secret

    def _known(
        self, access_key_id: str, account: Account, user: User | None, role: Role | None, session: Session | None
    ) -> Caller | None:
        """The Caller made of these before. What changes in the store comes as another object, and finds none."""
        kept = self._callers.get(access_key_id)
        if (
            kept is not None
            and kept.account is account
            and kept.user is user
            and kept.role is role
            and kept.session is session
        ):
            return kept
        return None

    def _keep(self, caller: Caller) -> Caller:
        self._callers.keep(caller.access_key_id, caller)
        return caller

    def _open(self, claim: Claim, token: str, received: datetime) -> Session:
        session = self._sessions.get(token)
        if session is None:
            try:
                session = open_token(token, self._key_ring, received)
            except InvalidToken:
                raise _fault(Fault.TOKEN_INVALID, claim) from None
            except ExpiredToken:
                raise _fault(Fault.TOKEN_EXPIRED, claim) from None
            # A kind that a later Daypass may issue brings rules that this one does not know.
            if session.kind not in _KINDS:
                raise _fault(Fault.TOKEN_INVALID, claim)
            self._sessions.keep(token, session)
        if received >= session.expires:
            raise _fault(Fault.TOKEN_EXPIRED, claim)
        return session

    async def _find_account(self, claim: Claim, account_id: str) -> Account:
        """The account as it is now. Nobody of a closed one may do anything: its credentials are no longer known."""
        account = await self._identities.account(account_id)
        if account is None or account.closed is not None:
            raise _unknown_key(claim)
        return account

    async def _find_user(self, claim: Claim, account_id: str, owner_id: str) -> User | None:
        """The user of credentials, as it is now; None if they are root's."""
        if owner_id == account_id:
            return None
        user = await self._identities.user(owner_id)
        if user is None or user.account_id != account_id:
            raise _unknown_key(claim)
        return user

    def _verify(self, request: RawRequest, claim: Claim, payload_hash: str, secret: Secret) -> SigningKey:
        """A key is kept beside the secret it was made of, and only once it has verified something."""
        scope = (claim.access_key_id, claim.date, claim.region, claim.service)
        kept = self._signing_keys.get(scope)
        if kept is not None and (kept[0] is secret or kept[0] == secret):
            sigv4.verify(request, claim, payload_hash, kept[1])
            if kept[0] is not secret:
                # It was read from the store anew: the next comparison is one of identity again.
                self._signing_keys.keep(scope, (secret, kept[1]))
            return kept[1]
        signing_key = sigv4.signing_key(secret, claim.date, claim.region, claim.service)
        sigv4.verify(request, claim, payload_hash, signing_key)
        self._signing_keys.keep(scope, (secret, signing_key))
        return signing_key


class _Recent(Generic[_Key, _Value]):
    """At most so many entries; the one not used for longest goes first."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._kept: OrderedDict[_Key, _Value] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def keep(self, key: _Key, value: _Value) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._entries:
            self._kept.popitem(last=False)


def _fault(fault: Fault, claim: Claim, details: Mapping[str, str] | None = None) -> SignatureFault:
    return SignatureFault(
        fault, details, service=claim.service, location=claim.location, access_key_id=claim.access_key_id
    )


def _unknown_key(claim: Claim) -> SignatureFault:
    return _fault(Fault.ACCESS_KEY, claim, {"AWSAccessKeyId": sigv4.shown(claim.access_key_id)})
