"""Secrets at rest: access key secrets, encrypted under a key of their own each.

A row's key is derived from the key ring and the row's salt, so the nonce may be constant: no key seals two
secrets. The access key id is authenticated with the secret, so a row cannot be given another row's secret.

Source: NIST SP 800-38D (GCM); the derivation is token.KeyRing's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daypass.names import Secret
from daypass.service.ports import Entropy
from daypass.store.errors import StoreError
from daypass.token import SALT_BYTES, KeyRing

_PURPOSE: Final = b"daypass secret at rest"
_NONCE: Final = bytes(12)  # constant, because the key is used for this one secret only


class SealedSecret(NamedTuple):
    """A secret as the store keeps it. key_id: of the key ring."""

    key_id: int
    salt: bytes
    sealed: bytes


def seal_secret(secret: Secret, access_key_id: str, key_ring: KeyRing, entropy: Entropy) -> SealedSecret:
    salt = entropy.bytes(SALT_BYTES)
    key = key_ring.derive(key_ring.current, _PURPOSE, salt)
    sealed = AESGCM(key).encrypt(_NONCE, secret.reveal().encode(), access_key_id.encode())
    return SealedSecret(key_ring.current, salt, sealed)


def open_secret(row: SealedSecret, access_key_id: str, key_ring: KeyRing) -> Secret:
    """The secret.

    Raises:
        StoreError: the ring lacks the key, or the row was altered or belongs to another access key.
    """
    try:
        key = key_ring.derive(row.key_id, _PURPOSE, row.salt)
        return Secret(AESGCM(key).decrypt(_NONCE, row.sealed, access_key_id.encode()).decode())
    except KeyError:
        raise StoreError(f"the secret of {access_key_id} needs key {row.key_id}, which keys.json lacks") from None
    except InvalidTag:
        raise StoreError(f"the stored secret of {access_key_id} was altered") from None
