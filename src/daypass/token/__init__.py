"""Session ⇄ the sealed text that a client carries as its session token; and the key ring that seals them.

session: what is sealed. body: its fields in order. key_ring: the keys. sealed: the sealed form, both ways.
Pure: the time and every random byte are arguments. Who may have a session, and for how long, is
service.sts's work; what it may do is decided at every use by service.authorize.
"""

from daypass.token.errors import ExpiredToken, InvalidToken, TokenTooLarge
from daypass.token.key_ring import KEY_BYTES, KeyRing
from daypass.token.sealed import FORMAT, SALT_BYTES, open_token, seal, utilization_percent
from daypass.token.session import (
    FEDERATED_USER,
    ROLE_SESSION,
    ROOT_TASK,
    USER_SESSION,
    ContextValue,
    Session,
)

__all__ = [
    "FEDERATED_USER",
    "FORMAT",
    "KEY_BYTES",
    "ROLE_SESSION",
    "ROOT_TASK",
    "SALT_BYTES",
    "USER_SESSION",
    "ContextValue",
    "ExpiredToken",
    "InvalidToken",
    "KeyRing",
    "Session",
    "TokenTooLarge",
    "open_token",
    "seal",
    "utilization_percent",
]
