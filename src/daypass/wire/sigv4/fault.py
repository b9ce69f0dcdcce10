"""What can be wrong with a signature. What each fault is called on the wire is service.authenticate's table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, Literal

Location = Literal["header", "query", "form"]

_UNSHOWABLE: Final = re.compile(r"[^ -~]")


class Fault(Enum):
    """What can be wrong with a signature; service.authenticate's table names the error of each.

    HEADER_… and QUERY_… are the same fault in the two places, where S3 has two answers for it.
    """

    MISSING = auto()  # no signature where one is needed; read_claim itself answers None
    BROKEN_ESCAPE = auto()
    TWO_LOCATIONS = auto()
    REPEATED_HEADER = auto()
    TOO_LONG = auto()
    ALGORITHM = auto()
    SIGV4A = auto()
    SIGV2 = auto()
    HEADER_COMPONENT = auto()
    HEADER_PARTS = auto()
    HEADER_DATE_ABSENT = auto()
    QUERY_ALGORITHM_ABSENT = auto()
    QUERY_ALGORITHM = auto()
    QUERY_PARTS = auto()
    CONTENT_HASH_ABSENT = auto()
    HOST_NOT_SIGNED = auto()
    HEADERS_NOT_SIGNED = auto()
    HEADER_DATE = auto()
    QUERY_DATE = auto()
    EXPIRES = auto()
    TOO_OLD = auto()
    TOO_NEW = auto()
    PRESIGNED_OVER = auto()
    HEADER_CREDENTIAL = auto()
    QUERY_CREDENTIAL = auto()
    HEADER_SCOPE = auto()
    QUERY_SCOPE = auto()
    TOKEN_INVALID = auto()
    TOKEN_EXPIRED = auto()
    ACCESS_KEY = auto()
    SIGNATURE = auto()


class SignatureFault(Exception):
    """A signature that cannot stand.

    details: what the error's text and S3's error elements are made of; never a secret, a token or a signature.
    service: the credential scope's service, as far as it can be read; None if it cannot.
    access_key_id: as claimed, nothing proven; None if it cannot be read.
    """

    def __init__(
        self,
        fault: Fault,
        details: Mapping[str, str] | None = None,
        *,
        service: str | None = None,
        location: Location = "header",
        access_key_id: str | None = None,
    ) -> None:
        super().__init__(fault.name)
        self.fault = fault
        self.details: Mapping[str, str] = details or {}
        self.service = service
        self.location: Location = location
        self.access_key_id = access_key_id


def shown(text: str) -> str:
    """A caller's text as an error may repeat it: printable ASCII, not long."""
    return _UNSHOWABLE.sub("?", text[:256])
