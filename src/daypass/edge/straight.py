"""The bytes of what goes past ASGI: a request's headers as the parser tells them, whether they can be read in one way
only, and an answer as it leaves.

Owns no decision: which requests go straight is edge.control_protocol's, and what is answered the turns'.

Source: RFC 9110, 5.2 "Field Lines and Combined Field Value"; RFC 9112, "Message format".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from daypass.wire.http import RawResponse

_SPECIAL: Final = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
_NEEDED: Final = frozenset({b"content-length", b"host"})
_TERMINATOR: Final = b"/aws4_request"
_SCOPES: Final = (b"/sts/aws4_request", b"/iam/aws4_request")


class Fields:
    """Takes a request's headers from the parser."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, bytes]] = []

    def begin(self) -> list[tuple[bytes, bytes]]:
        """Those of another request: the list that they will be in."""
        self.taken = taken = list[tuple[bytes, bytes]]()
        return taken

    def take(self, name: bytes, value: bytes) -> None:
        """names: in lower case from here on."""
        self.taken.append((name.lower(), value))


def plain(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """The headers by name; None if a name is there twice, which can be read two ways and is for others to refuse, or
    if the body is sent in another way than whole."""
    named = dict(headers)
    return named if len(named) == len(headers) and _SPECIAL.isdisjoint(named) else None


def is_of_control_plane(named: Mapping[bytes, bytes]) -> bool:
    """Whether a form with these headers is for STS or IAM, and can be for no other service."""
    if not _NEEDED.issubset(named):
        return False
    authorization = named.get(b"authorization")
    # The credential scope is one of the two, and there is no second.
    return authorization is None or (
        authorization.count(_TERMINATOR) == 1 and (_SCOPES[0] in authorization or _SCOPES[1] in authorization)
    )


def answer_bytes(
    status_line: bytes, always: Sequence[tuple[bytes, bytes]], response: RawResponse, *, keep_alive: bool
) -> bytes | None:
    """The whole answer; None if a header has a line end in it.

    always: headers of every answer.
    """
    parts = [status_line]
    for name, value in always:
        parts += (name, b": ", value, b"\r\n")
    for name, value in response.headers:
        parts += (name, b": ", value, b"\r\n")
    head = b"".join(parts)
    lines = 1 + len(always) + len(response.headers)
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        return None
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return b"".join((head, end, response.body))
