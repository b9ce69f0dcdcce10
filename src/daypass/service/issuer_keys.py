"""The keys with which identity providers sign web identity tokens: found by discovery, kept, and renewed.

Owns how long keys are kept and how often a provider is asked. A stranger can make Daypass ask a registered provider
and no other, and no oftener than the bounds in daypass.limits: an unknown key id asks again once a minute, a
failure once in five seconds. What failed, or cannot be used, is never kept.

Source: OpenID Connect Discovery 1.0, 4; OpenID Connect Core 1.0, 10.1.1 (rotation of keys); AWS Security Token Service
API Reference, AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.ports import DocumentRefused, Documents, DocumentUnreachable
from daypass.wire import jwt
from daypass.wire.jwt import InvalidJwt, InvalidKeySet, Jwt, VerificationKey
from daypass.wire.origin import origin_of

_log: Final = logging.getLogger(__name__)

_DISCOVERY: Final = "/.well-known/openid-configuration"
_FRESH: Final = timedelta(seconds=limits.ISSUER_KEYS_SECONDS)
_REFETCH: Final = timedelta(seconds=limits.ISSUER_REFETCH_SECONDS)
_RETRY: Final = timedelta(seconds=limits.ISSUER_RETRY_SECONDS)


def no_key() -> ServiceError:
    """AWS's words where a provider's keys are not there, or are not the token's."""
    return ServiceError(
        "InvalidIdentityToken",
        400,
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
        "documentation for requirements",
    )


def unreachable() -> ServiceError:
    """Clients try again on this code."""
    return ServiceError("IDPCommunicationError", 400, "The identity provider could not be reached; try again later.")


class NoDocuments:
    """The Documents of whoever asks nobody."""

    async def fetch(self, url: str, thumbprints: Sequence[str]) -> bytes:
        raise DocumentUnreachable("nobody is asked for documents here")


class _Issuer:
    """What is known of one provider. failure: of the last attempt, None if it went well."""

    __slots__ = ("attempted", "failure", "fetched", "keys", "lock")

    def __init__(self) -> None:
        self.keys: tuple[VerificationKey, ...] = ()
        self.fetched: datetime | None = None
        self.attempted: datetime | None = None
        self.failure: type[Exception] | None = None
        self.lock = asyncio.Lock()


class IssuerKeys:
    """The keys of every provider that was asked of late.

    allowed: origins that may be spoken to without TLS, among others; an issuer there may say http.
    """

    def __init__(self, documents: Documents | None = None, allowed: frozenset[str] = frozenset()) -> None:
        self._documents = documents or NoDocuments()
        self._allowed = allowed
        self._issuers: OrderedDict[tuple[str, tuple[str, ...]], _Issuer] = OrderedDict()

    def admits(self, issuer_url: str) -> bool:
        """Whether an issuer may have that scheme."""
        try:
            return issuer_url.startswith("https://") or origin_of(issuer_url) in self._allowed
        except ValueError:
            return False

    def held(self, issuer_url: str, thumbprints: Sequence[str], token: Jwt, now: datetime) -> VerificationKey | None:
        """As `find`, if nobody has to be asked. None says nothing."""
        return _usable(self._known(issuer_url, tuple(thumbprints)), token, now)

    async def find(self, issuer_url: str, thumbprints: Sequence[str], token: Jwt, now: datetime) -> VerificationKey:
        """The key that the token is to be verified with.

        issuer_url: of a registered provider, with its scheme.

        Raises:
            ServiceError: IDPCommunicationError, or InvalidIdentityToken if the provider has no such key.
        """
        issuer = self._known(issuer_url, tuple(thumbprints))
        key = _usable(issuer, token, now)
        if key is not None:
            return key
        async with issuer.lock:
            # Somebody who was first may have fetched it meanwhile.
            key = _usable(issuer, token, now)
            if key is not None:
                return key
            if _may_ask(issuer, now):
                await self._ask(issuer, issuer_url, thumbprints, now)
        if issuer.failure is DocumentUnreachable:
            raise unreachable()
        key = _usable(issuer, token, now)
        if key is None:
            raise no_key()
        return key

    def _known(self, issuer_url: str, thumbprints: tuple[str, ...]) -> _Issuer:
        """Other thumbprints trust other servers, so their keys are kept apart."""
        issuer = self._issuers.get((issuer_url, thumbprints))
        if issuer is None:
            issuer = self._issuers[issuer_url, thumbprints] = _Issuer()
            if len(self._issuers) > limits.ISSUERS_CACHED:
                self._issuers.popitem(last=False)
        else:
            self._issuers.move_to_end((issuer_url, thumbprints))
        return issuer

    async def _ask(self, issuer: _Issuer, issuer_url: str, thumbprints: Sequence[str], now: datetime) -> None:
        """Renews the keys; if that fails, those that are fresh stay."""
        issuer.attempted = now
        try:
            issuer.keys = await self._fetch(issuer_url, thumbprints)
        except (DocumentUnreachable, DocumentRefused, InvalidJwt, InvalidKeySet) as error:
            _log.warning("the keys of %s cannot be had: %s", issuer_url, error)
            issuer.failure = DocumentUnreachable if isinstance(error, DocumentUnreachable) else DocumentRefused
            return
        issuer.fetched, issuer.failure = now, None

    async def _fetch(self, issuer_url: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:
        # OpenID Connect Discovery 1.0, 4.1: a slash at the end of the issuer goes before the path is put behind it.
        document = await self._documents.fetch(issuer_url.removesuffix("/") + _DISCOVERY, thumbprints)
        configuration = jwt.parse_object(document)
        # 4.3: the document has to be the issuer's own, letter by letter.
        if configuration.get("issuer") != issuer_url:
            raise DocumentRefused("its discovery document is another issuer's")
        address = configuration.get("jwks_uri")
        if not isinstance(address, str):
            raise DocumentRefused("its discovery document names no key set")
        return jwt.parse_key_set(await self._documents.fetch(address, thumbprints))


def _usable(issuer: _Issuer, token: Jwt, now: datetime) -> VerificationKey | None:
    if issuer.fetched is None or not now - issuer.fetched < _FRESH:
        return None
    return jwt.choose(issuer.keys, token)


def _may_ask(issuer: _Issuer, now: datetime) -> bool:
    if issuer.attempted is None:
        return True
    if issuer.failure is not None:
        return now - issuer.attempted >= _RETRY
    return issuer.fetched is None or now - issuer.fetched >= _REFETCH
