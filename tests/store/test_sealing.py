"""store.sealing: what is in the store, and what cannot be done with it."""

from __future__ import annotations

import pytest

from daypass.names import Secret
from daypass.store.entropy import SystemEntropy
from daypass.store.errors import StoreError
from daypass.store.sealing import SealedSecret, open_secret, seal_secret
from daypass.token import KeyRing
from support.stores import SECRET

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
RING = KeyRing({1: bytes(32), 2: bytes([7]) * 32}, current=2)


class Counting:
    """Entropy that can be written down: 0, 1, 2, …"""

    def bytes(self, count: int) -> bytes:
        return bytes(range(count))


def test_a_sealed_secret_opens_under_its_own_access_key_id() -> None:
    sealed = seal_secret(SECRET, KEY_ID, RING, SystemEntropy())
    assert sealed.key_id == 2
    assert open_secret(sealed, KEY_ID, RING) == SECRET


def test_the_sealed_form_is_aes_256_gcm_under_a_key_of_the_purpose_and_the_salt() -> None:
    """Its bytes: a stored secret must open in every later version.

    salt    00 01 02 … 17
    key     HMAC-SHA256(ring key 2, "daypass secret at rest" | 00 | salt)
    sealed  AES-256-GCM(key, nonce 00 × 12, "secret", AAD = the access key id), then the tag of 16 bytes
    """
    sealed = seal_secret(Secret("secret"), KEY_ID, RING, Counting())
    assert sealed.salt.hex() == "000102030405060708090a0b0c0d0e0f1011121314151617"
    assert sealed.sealed.hex() == "4663606497aa456f95ca73e65d0d08ecbc0629ace8cb"


def test_two_keys_of_one_secret_do_not_look_alike() -> None:
    one, two = (seal_secret(SECRET, KEY_ID, RING, SystemEntropy()) for _ in range(2))
    assert one.salt != two.salt
    assert one.sealed != two.sealed


def test_the_secret_is_not_in_its_sealed_form() -> None:
    sealed = seal_secret(SECRET, KEY_ID, RING, SystemEntropy())
    assert SECRET.reveal().encode() not in sealed.sealed


def test_a_row_given_to_another_access_key_does_not_open() -> None:
    sealed = seal_secret(SECRET, KEY_ID, RING, SystemEntropy())
    with pytest.raises(StoreError, match="AKIAI44QH8DHBEXAMPLE was altered"):
        open_secret(sealed, "AKIAI44QH8DHBEXAMPLE", RING)


@pytest.mark.parametrize("part", ["salt", "sealed"])
def test_an_altered_row_does_not_open(part: str) -> None:
    sealed = seal_secret(SECRET, KEY_ID, RING, SystemEntropy())
    altered = bytearray(getattr(sealed, part))
    altered[0] ^= 1
    with pytest.raises(StoreError, match="was altered"):
        open_secret(sealed._replace(**{part: bytes(altered)}), KEY_ID, RING)


def test_a_key_that_is_not_on_the_ring_is_named_and_nothing_else_is() -> None:
    with pytest.raises(StoreError) as refused:
        open_secret(SealedSecret(9, bytes(24), bytes(32)), KEY_ID, RING)
    assert str(refused.value) == f"the secret of {KEY_ID} needs key 9, which keys.json lacks"
