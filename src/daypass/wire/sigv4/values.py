"""Claim: what a request says of its signature, as a value. Reading one is wire.sigv4.claim's work.

Source: IAM User Guide, "Create a signed AWS API request".
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from daypass.wire.sigv4.fault import Location

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"


class Claim(msgspec.Struct, frozen=True):
    """What a request says of its signature. Nothing in it is proven.

    date, region, service, terminator: the credential scope.
    amz_date: `YYYYMMDDTHHMMSSZ`, as it enters the string to sign.
    request_time: the same, aware UTC; it was checked against RawRequest.received.
    expires_seconds: how long a presigned request is good for; None in a header, or where none was asked for.
    declared_payload_hash: x-amz-content-sha256 as sent; with S3 in a header never None.
    algorithm: `AWS` for Signature Version 2, which has no credential scope.
    """

    location: Location
    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    amz_date: str
    request_time: datetime
    expires_seconds: int | None
    session_token: str | None
    declared_payload_hash: str | None
    terminator: str = TERMINATOR
    algorithm: str = ALGORITHM

    def __repr__(self) -> str:
        """Token and signature stay out."""
        scope = f"{self.date}/{self.region}/{self.service}/{self.terminator}"
        return f"Claim({self.location}, {self.access_key_id}/{scope}, {self.amz_date})"
