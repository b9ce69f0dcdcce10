"""The key ring's file: keys.json in the data directory, readable by its owner alone.

    {"current": 1, "keys": {"1": "<base64 of 32 bytes>"}}

Every node that shares sessions has the same file. To rotate: add a key under a new id on every node, restart them,
then make it current; drop the old one when nothing sealed under it lives any more.
"""

from __future__ import annotations

import binascii
import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from daypass.service.ports import Entropy
from daypass.store.errors import StoreError
from daypass.token import KEY_BYTES, KeyRing

_MODE: Final = 0o600


class _File(msgspec.Struct, forbid_unknown_fields=True):
    current: int
    keys: dict[int, str]


def create(path: Path, entropy: Entropy) -> KeyRing:
    """A new ring of one key, written to a file that must not exist yet."""
    key = entropy.bytes(KEY_BYTES)
    text = msgspec.json.encode(_File(1, {1: binascii.b2a_base64(key, newline=False).decode("ascii")}))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with open(descriptor, "wb") as file:
        file.write(text + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return KeyRing({1: key}, current=1)


def load(path: Path) -> KeyRing:
    """The ring in the file.

    Raises:
        StoreError: it is missing, open to others than its owner, or not a key ring.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except FileNotFoundError:
        raise StoreError(f"{path} is missing: without the key ring nothing in this directory can be read") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    if mode != _MODE:
        raise StoreError(f"{path} has mode {mode:04o}, and may be open to others; run: chmod 600 {path}")
    try:
        content = msgspec.json.decode(text, type=_File)
        keys = {key_id: binascii.a2b_base64(key, strict_mode=True) for key_id, key in content.keys.items()}
        return KeyRing(keys, content.current)
    except (msgspec.MsgspecError, ValueError):
        # The cause is left out: it could quote key material.
        raise StoreError(f"{path} is not a key ring") from None
