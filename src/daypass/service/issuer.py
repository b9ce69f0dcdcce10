"""Daypass as an issuer of web identity tokens: where each account's issuer is, and what it publishes.

Every account that has enabled it is an issuer of its own, with an address below the public URL; the keys are the
installation's. An account that enables it again has another address, so tokens of before are nobody's.

Source: IAM API Reference, EnableOutboundWebIdentityFederation; OpenID Connect Discovery 1.0, 3 and 4.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from daypass.service.ports import Account, Directory, IdentityReader
from daypass.wire.jwt import SigningKey, load_signing_key

PATH: Final = "/_daypass/oidc/"
CONFIGURATION: Final = "/.well-known/openid-configuration"
KEYS: Final = "/.well-known/jwks.json"
ALGORITHMS: Final = ("RS256", "ES384")


def issuer_url(public_url: str, account_id: str, issuer: str) -> str:
    return f"{public_url}{PATH}{account_id}/{issuer}"


def url_of(account: Account, public_url: str | None) -> str | None:
    """The account's issuer; None if it has none, or nobody could reach it."""
    if public_url is None or account.web_identity_issuer is None:
        return None
    return issuer_url(public_url, account.account_id, account.web_identity_issuer)


class SigningKeys:
    """The keys that sign, opened once: reading a private key takes longer than signing with it."""

    def __init__(self) -> None:
        self._opened: dict[str, SigningKey] = {}

    async def find(self, directory: Directory, algorithm: str, now: datetime) -> SigningKey:
        """The key in force for one of ALGORITHMS."""
        key = await directory.web_identity_key(algorithm, now)
        opened = self._opened.get(key.key_name)
        if opened is None:
            opened = self._opened[key.key_name] = load_signing_key(key.key_name, algorithm, key.private)
        return opened


class Publication:
    """What the issuers publish, by path."""

    def __init__(self, identities: IdentityReader, directory: Directory, public_url: str | None) -> None:
        self._identities = identities
        self._directory = directory
        self._public_url = public_url

    async def document(self, path: str, now: datetime) -> bytes | None:
        """The JSON at a path below the public URL; None if nothing is published there."""
        for ending in (CONFIGURATION, KEYS):
            if path.startswith(PATH) and path.endswith(ending):
                break
        else:
            return None
        account_id, _, issuer = path.removeprefix(PATH).removesuffix(ending).partition("/")
        account = await self._identities.account(account_id)
        url = None if account is None or account.closed is not None else url_of(account, self._public_url)
        if account is None or url is None or issuer != account.web_identity_issuer:
            return None
        if ending == KEYS:
            keys = await self._directory.published_keys(now)
            return f'{{"keys":[{",".join(keys)}]}}'.encode()
        configuration = {
            "issuer": url,
            "jwks_uri": url + KEYS,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "claims_supported": ["iss", "sub", "aud", "iat", "exp", "jti"],
        }
        return json.dumps(configuration).encode()
