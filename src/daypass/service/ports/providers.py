"""Identity providers that an account trusts: OpenID Connect and SAML 2.0; and the keys of the account's own issuer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daypass.names import Secret


@dataclass(frozen=True, slots=True)
class OidcProviderRecord:
    """An OpenID Connect provider as it is managed. url: the issuer without its `https://`."""

    arn: str
    account_id: str
    url: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created: datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SamlProviderRecord:
    """A SAML provider as it is managed. valid_until: what its metadata says; None if they say nothing."""

    arn: str
    account_id: str
    name: str
    metadata: str
    created: datetime
    valid_until: datetime | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WebIdentityKey:
    """A key that signs web identity tokens.

    key_name: its `kid`. algorithm: `RS256` or `ES384`. public: the JWK as published. private: PKCS #8 in PEM.
    """

    key_name: str
    algorithm: str
    created: datetime
    public: str
    private: Secret


class Providers(Protocol):
    """The part of the directory for identity providers."""

    # --- OpenID Connect ---

    async def create_oidc_provider(
        self,
        account_id: str,
        url: str,
        *,
        client_ids: Sequence[str],
        thumbprints: Sequence[str],
        tags: Mapping[str, str],
        created: datetime,
    ) -> OidcProviderRecord:
        """url: without its scheme. Raises AlreadyExists(PROVIDER), LimitReached(PROVIDER | CLIENT_ID | TAG)."""

    async def find_oidc_provider(self, arn: str) -> OidcProviderRecord | None: ...

    async def list_oidc_providers(self, account_id: str) -> list[OidcProviderRecord]:
        """By ARN."""

    async def set_thumbprints(self, arn: str, thumbprints: Sequence[str]) -> None:
        """In place of those it had. Raises NotFound(PROVIDER)."""

    async def add_client_id(self, arn: str, client_id: str) -> None:
        """One that it has already is no change. Raises NotFound(PROVIDER), LimitReached(CLIENT_ID)."""

    async def remove_client_id(self, arn: str, client_id: str) -> None:
        """One that it does not have is no change. Raises NotFound(PROVIDER)."""

    async def delete_oidc_provider(self, arn: str) -> None:
        """With its tags. Raises NotFound(PROVIDER)."""

    # --- SAML 2.0 ---

    async def create_saml_provider(
        self,
        account_id: str,
        name: str,
        *,
        metadata: str,
        valid_until: datetime | None,
        tags: Mapping[str, str],
        created: datetime,
    ) -> SamlProviderRecord:
        """Raises AlreadyExists(PROVIDER), LimitReached(PROVIDER | TAG)."""

    async def find_saml_provider(self, arn: str) -> SamlProviderRecord | None: ...

    async def list_saml_providers(self, account_id: str) -> list[SamlProviderRecord]:
        """By ARN."""

    async def update_saml_provider(self, arn: str, metadata: str, valid_until: datetime | None) -> None:
        """Raises NotFound(PROVIDER)."""

    async def delete_saml_provider(self, arn: str) -> None:
        """With its tags. Raises NotFound(PROVIDER)."""

    # --- the account's own issuer, and the keys that sign for all accounts ---

    async def set_web_identity_issuer(self, account_id: str, issuer: str | None) -> None:
        """None: it issues no tokens any more. Raises NotFound(ACCOUNT), AlreadyExists(PROVIDER) if it has an issuer
        and is given another, NotFound(PROVIDER) if it has none and is to have none."""

    async def web_identity_key(self, algorithm: str, now: datetime) -> WebIdentityKey:
        """The key in force for the algorithm; one is made if there is none, or if it has signed for
        limits.WEB_IDENTITY_KEY_SECONDS."""

    async def published_keys(self, now: datetime) -> list[str]:
        """The JWK of every key that a token in circulation may be signed with, oldest first: those in force, and those
        that others took the place of, for as long as their last tokens last."""

    # --- either ---

    async def tag_provider(self, arn: str, tags: Mapping[str, str]) -> None:
        """As tag_user. Raises NotFound(PROVIDER), LimitReached(TAG)."""

    async def untag_provider(self, arn: str, keys: Sequence[str]) -> None:
        """As untag_user. Raises NotFound(PROVIDER)."""
