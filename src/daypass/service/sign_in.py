"""From temporary credentials to what stands for them elsewhere: a console session, or a bearer token for signing.

Owns which credentials may have one and for how long, and the three sealed texts: a SigninToken, which is good for a
quarter of an hour, the console session that it opens, and the signer token with which somebody has requests to a store
signed one by one (edge.remote_signing). None outlives the credentials. None is a session token: each is sealed under a
key of its own purpose, so that none can stand in for another.

Credentials are proven as those of any request are: by a request signed with them (service.authenticate), at sign-in
and again at every page. A user deleted or an account closed meanwhile closes the console with it.

Source: IAM User Guide, "Enable custom identity broker access to the AWS console"; the comparison of STS operations
for which sessions may sign in.
"""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daypass import limits, token
from daypass.errors import ServiceError, service_unavailable
from daypass.names import Secret
from daypass.service.authenticate import Authenticator
from daypass.service.caller import Caller
from daypass.service.ports import AuditLog, AuditRecord, Entropy
from daypass.token import ExpiredToken, InvalidToken, KeyRing
from daypass.wire import sigv4
from daypass.wire.http import RawRequest

_SIGNIN: Final = b"daypass sign-in token"
_CONSOLE: Final = b"daypass console session"
_SIGNER: Final = b"daypass signer token"
_NONCE: Final = bytes(12)  # constant, because each key is derived from a salt of its own and used once
_NOTHING: Final = sha256(b"").hexdigest()
_HOST: Final = b"signin"  # of the request that proves the credentials; it is never sent


class SignInRefused(Exception):
    """AWS's one answer to whatever is wrong with a Session or a SigninToken: 400, `Invalid credentials parameter`."""


class _Sealed(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    session_token: str
    usable_until: int
    session_until: int
    issuer: str


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Sealed).decode


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """Somebody signed in. issuer: where to sign in again; empty if that was not said. Both times aware UTC."""

    caller: Caller
    expires: datetime
    issuer: str


class SignIn:
    """Makes and opens SigninTokens and console sessions."""

    def __init__(self, *, authenticator: Authenticator, key_ring: KeyRing, entropy: Entropy, audit: AuditLog) -> None:
        self._authenticator = authenticator
        self._key_ring = key_ring
        self._entropy = entropy
        self._audit = audit

    async def signin_token(self, session: str, duration: str | None, request: RawRequest, request_id: str) -> str:
        """GetSigninToken. session: the JSON of the Session parameter; duration: the SessionDuration parameter.

        Raises:
            SignInRefused: the credentials are not good, or may not have such a session.
        """
        session_token, access_key_id, secret = _read_session(session)
        try:
            caller = await self._prove(session_token, access_key_id, secret, request)
            until = _console_until(caller, duration, request.received)
        except SignInRefused:
            self._record("signin:GetSigninToken", None, request, request_id, "InvalidCredentials")
            raise
        self._record("signin:GetSigninToken", caller, request, request_id, None)
        usable = min(request.received + timedelta(seconds=limits.SIGNIN_TOKEN_SECONDS), until)
        return self._seal(_SIGNIN, _Sealed(session_token, int(usable.timestamp()), int(until.timestamp()), ""))

    async def log_in(
        self, signin_token: str, issuer: str, request: RawRequest, request_id: str
    ) -> tuple[str, datetime]:
        """ConsoleLogin: the console session's text, and when it ends.

        Raises:
            SignInRefused: the token is not ours, or too old, or what it stands for is over.
        """
        opened = self._open(_SIGNIN, signin_token, request.received)
        try:
            caller = await self._prove_token(opened.session_token, request)
        except SignInRefused:
            self._record("signin:ConsoleLogin", None, request, request_id, "InvalidCredentials")
            raise
        self._record("signin:ConsoleLogin", caller, request, request_id, None)
        until = opened.session_until
        sealed = self._seal(_CONSOLE, _Sealed(opened.session_token, until, until, issuer))
        return sealed, datetime.fromtimestamp(until, UTC)

    async def open(self, console_session: str, request: RawRequest) -> ConsoleSession:
        """Who is signed in.

        Raises:
            SignInRefused: nobody: the session is over, or was never one of ours.
        """
        opened = self._open(_CONSOLE, console_session, request.received)
        caller = await self._prove_token(opened.session_token, request)
        return ConsoleSession(caller, datetime.fromtimestamp(opened.session_until, UTC), opened.issuer)

    async def signer_token(self, session: str, request: RawRequest, request_id: str) -> tuple[str, datetime]:
        """A bearer token for remote signing, and when it ends: with the credentials. session: as of signin_token.

        Raises:
            SignInRefused: the credentials are not good, or are no session's.
        """
        session_token, access_key_id, secret = _read_session(session)
        try:
            caller = await self._prove(session_token, access_key_id, secret, request)
            until = _console_until(caller, None, request.received)
        except SignInRefused:
            self._record("signin:GetSignerToken", None, request, request_id, "InvalidCredentials")
            raise
        self._record("signin:GetSignerToken", caller, request, request_id, None)
        ends = int(until.timestamp())
        return self._seal(_SIGNER, _Sealed(session_token, ends, ends, "")), until

    async def open_signer_token(self, signer_token: str, request: RawRequest) -> Caller:
        """Who has a request signed.

        Raises:
            SignInRefused: the token is not ours, or what it stands for is over.
        """
        opened = self._open(_SIGNER, signer_token, request.received)
        return await self._prove_token(opened.session_token, request)

    # ---- proof ----

    async def _prove_token(self, session_token: str, request: RawRequest) -> Caller:
        try:
            session = token.open_token(session_token, self._key_ring, request.received)
        except (InvalidToken, ExpiredToken):
            raise SignInRefused from None
        return await self._prove(session_token, session.access_key_id, session.secret, request)

    async def _prove(self, session_token: str, access_key_id: str, secret: Secret, request: RawRequest) -> Caller:
        """Signs a request with the credentials, and has it proven."""
        at = request.received
        date = sigv4.amz_date(at).encode("ascii")
        try:
            headers = (
                (b"host", _HOST),
                (b"x-amz-date", date),
                (b"x-amz-security-token", session_token.encode("ascii")),
            )
            authorization = sigv4.sign(
                "GET", b"/", b"", headers, _NOTHING, access_key_id, secret, "us-east-1", "sts", at
            ).encode("ascii")
        except UnicodeEncodeError:
            raise SignInRefused from None
        signed = RawRequest(
            "GET", b"/", b"", (*headers, (b"authorization", authorization)), b"", request.source_ip, request.secure, at
        )
        try:
            claim = sigv4.read_claim(signed)
            if claim is None:
                raise SignInRefused
            return await self._authenticator.authenticate(signed, claim, _NOTHING)
        except sigv4.SignatureFault:
            raise SignInRefused from None
        except ServiceError as error:
            if error.fault == "Receiver":
                raise
            raise SignInRefused from None

    # ---- the sealed texts ----

    def _seal(self, purpose: bytes, body: _Sealed) -> str:
        salt = self._entropy.bytes(token.SALT_BYTES)
        header = self._key_ring.current.to_bytes(4) + salt
        key = self._key_ring.derive(self._key_ring.current, purpose, salt)
        sealed = header + AESGCM(key).encrypt(_NONCE, _encode(body), header)
        return binascii.b2a_base64(sealed, newline=False).decode("ascii").translate(_TO_URL)

    def _open(self, purpose: bytes, text: str, now: datetime) -> _Sealed:
        try:
            sealed = binascii.a2b_base64(text.translate(_FROM_URL), strict_mode=True)
            header = sealed[: 4 + token.SALT_BYTES]
            key = self._key_ring.derive(int.from_bytes(header[:4]), purpose, header[4:])
            opened = _decode(AESGCM(key).decrypt(_NONCE, sealed[len(header) :], header))
        except (ValueError, KeyError, InvalidTag, msgspec.MsgspecError):
            raise SignInRefused from None
        if now.timestamp() >= opened.usable_until:
            raise SignInRefused
        return opened

    def _record(
        self, action: str, caller: Caller | None, request: RawRequest, request_id: str, error: str | None
    ) -> None:
        record = AuditRecord(
            time=request.received,
            request_id=request_id,
            caller_arn=None if caller is None else caller.principal.arn,
            caller_type="unknown" if caller is None else caller.principal.kind.value,
            access_key_id=None if caller is None else caller.access_key_id,
            action=action,
            resource=None,
            decision="Refused" if caller is None else "Allowed",
            decided_by=None,
            statements=(),
            error=error,
            source_ip=request.source_ip,
        )
        try:
            self._audit.write(record)
        except OSError:
            raise service_unavailable("The sign-in could not be recorded, so it did not happen.") from None


_TO_URL: Final = str.maketrans("+/", "-_")
_FROM_URL: Final = str.maketrans("-_", "+/")


def _read_session(text: str) -> tuple[str, str, Secret]:
    """(session token, access key id, secret) of the Session parameter; the session token is required."""
    try:
        decoded: Any = json.loads(text)
        values = [decoded[name] for name in ("sessionToken", "sessionId", "sessionKey")]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SignInRefused from None
    if not all(isinstance(value, str) and value for value in values):
        raise SignInRefused
    return values[0], values[1], Secret(values[2])


def _console_until(caller: Caller, duration: str | None, now: datetime) -> datetime:
    """When the console session ends: with the credentials, or sooner if a SessionDuration says so.

    AWS lets a role's console session outlive its credentials. Here it does not: an expiry is never extended.
    """
    session = caller.session
    if session is None or session.kind not in (token.FEDERATED_USER, token.ROLE_SESSION):
        raise SignInRefused
    if duration is None:
        return session.expires
    if session.kind == token.FEDERATED_USER or not duration.isascii() or not duration.isdecimal():
        raise SignInRefused
    seconds = int(duration[:9])
    if not limits.CONSOLE_SECONDS_MIN <= seconds <= limits.CONSOLE_SECONDS_MAX or len(duration) > 9:
        raise SignInRefused
    return min(session.expires, now + timedelta(seconds=seconds))
