"""Why a token is not opened, or a session not sealed."""

from __future__ import annotations


class InvalidToken(Exception):
    """Not ours, damaged, of another key ring, or of a format this version does not know."""


class ExpiredToken(Exception):
    """Opened, but over."""


class TokenTooLarge(Exception):
    """The session does not fit limits.TOKEN_BYTES. size: bytes the token would have had."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the session token would have {size} bytes")
        self.size = size
