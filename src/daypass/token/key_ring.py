"""The key ring: the keys that seal and open tokens and protect secrets at rest, and what is derived from them.

Source: NIST SP 800-108 for the derivation; RFC 2104.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

KEY_BYTES: Final = 32
# RFC 2104: the key, padded to the block size, XOR these octets.
_INNER_PAD: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER_PAD: Final = bytes(octet ^ 0x5C for octet in range(256))


class KeyRing:
    """The keys that seal and open tokens and protect secrets at rest; one of them is current.

    Old keys stay on the ring while anything sealed under them may live. Its repr shows key ids only.
    """

    __slots__ = ("_keys", "_prepared", "current")

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        """keys: id (1 to 2^32 - 1) → KEY_BYTES random bytes. current: the id that seals.

        Raises:
            ValueError: a key of another length, an id out of range, or a current id that has no key.
        """
        if current not in keys:
            raise ValueError("the current key is not on the ring")
        if any(len(key) != KEY_BYTES or not 0 < key_id < 1 << 32 for key_id, key in keys.items()):
            raise ValueError(f"a key has {KEY_BYTES} bytes and an id from 1 to 2^32 - 1")
        self._keys = dict(keys)
        self._prepared: dict[tuple[int, bytes], tuple[hashlib._Hash, hashlib._Hash]] = {}
        self.current: Final = current

    def derive(self, key_id: int, purpose: bytes, salt: bytes) -> bytes:
        """A 32-byte key for one purpose and one salt: HMAC-SHA256(key, purpose | 0 | salt).

        Raises:
            KeyError: no key of that id is on the ring.
        """
        prepared = self._prepared.get((key_id, purpose))
        if prepared is None:
            # The purposes are few, constants of this program. Copying hash states takes half an HMAC's time.
            block = self._keys[key_id].ljust(64, b"\x00")
            inner = hashlib.sha256(block.translate(_INNER_PAD) + purpose + b"\x00")
            prepared = self._prepared[key_id, purpose] = inner, hashlib.sha256(block.translate(_OUTER_PAD))
        inner, outer = prepared[0].copy(), prepared[1].copy()
        inner.update(salt)
        outer.update(inner.digest())
        return outer.digest()

    def __contains__(self, key_id: int) -> bool:
        return key_id in self._keys

    def __repr__(self) -> str:
        return f"KeyRing(ids={sorted(self._keys)}, current={self.current})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a KeyRing is not pickled")
