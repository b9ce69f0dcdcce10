"""Signature Version 2 in a query string: verified where it is switched on, never made. Pure.

boto3 presigns so by default for an endpoint of one's own. Version 2 leaves most of a query unsigned, so a parameter
that is not signed is refused, and only single objects are read and written with it.

Source: S3 User Guide, "Appendix: Signing and authenticating REST requests (Signature Version 2)", "Query string request
authentication alternative"; for the parameters that are signed, botocore's HmacV1QueryAuth.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from daypass.names import Secret
from daypass.wire.http import RawRequest
from daypass.wire.s3_errors import s3_error
from daypass.wire.sigv4 import Claim

ALGORITHM: Final = "AWS"
OPERATIONS: Final = frozenset({"GetObject", "HeadObject", "PutObject", "DeleteObject"})

_KEY: Final = "AWSAccessKeyId"
_TOKEN: Final = "x-amz-security-token"  # noqa: S105  a parameter's name
_OWN: Final = frozenset({_KEY, "Signature", "Expires"})
# Of the parameters that Version 2 signs, those that our operations have.
_SIGNED_PARAMETERS: Final = frozenset(
    {
        "partNumber",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "uploadId",
        "versionId",
    }
)
_SIGNED_HEADERS: Final = ("content-md5", "content-type")
_SECONDS: Final = re.compile(r"[0-9]{1,11}", re.ASCII)


def read_claim(request: RawRequest, resource: bytes) -> tuple[Claim, bytes, RawRequest]:
    """What a request claims, the text that is signed, and the request without its signature.

    request: one that sigv4.read_claim found to have a Version 2 signature in its query, and none elsewhere.
    resource: `/bucket/key` as it was sent, percent-encoded.

    Raises:
        ServiceError: AccessDenied, InvalidArgument, or InvalidRequest for what Version 2 does not sign.
    """
    parameters = _parameters(request.query)
    headers = _signed_headers(request, parameters)
    expires = parameters.get("Expires", "")
    if not _SECONDS.fullmatch(expires):
        raise s3_error("AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId")
    until = datetime.fromtimestamp(int(expires), UTC) if int(expires) < 2**35 else datetime.max.replace(tzinfo=UTC)
    if request.received >= until:
        raise s3_error("AccessDenied", "Request has expired")
    claim = Claim(
        location="query",
        access_key_id=parameters[_KEY],
        date="",
        region="",
        service="s3",
        signed_headers=tuple(sorted(headers)),
        signature=parameters["Signature"],
        amz_date="",
        request_time=request.received,
        expires_seconds=None,
        session_token=headers.get(_TOKEN),
        declared_payload_hash=headers.get("x-amz-content-sha256"),
        algorithm=ALGORITHM,
    )
    lines = [request.method, *[headers.get(name, "") for name in _SIGNED_HEADERS], expires]
    lines += [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-amz-")]
    text = "\n".join(lines).encode("utf-8") + b"\n" + resource + _subresources(parameters)
    return claim, text, _unsigned(request, headers)


def is_right(claim: Claim, text: bytes, secret: Secret) -> bool:
    """Whether the text has that signature: HMAC-SHA1 in Base64, of a query string or of a form's policy."""
    right = base64.b64encode(hmac.digest(secret.reveal().encode(), text, "sha1"))
    return hmac.compare_digest(right, claim.signature.encode("utf-8"))


def _parameters(query: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split(b"&"):
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        name = _text(raw_name)
        if name in found:
            raise s3_error("InvalidArgument", "a query parameter is given twice", ArgumentName=name)
        lower = name.lower()
        is_header = lower in _SIGNED_HEADERS or (lower.startswith("x-amz-") and name.isascii())
        signed = name in _OWN or name in _SIGNED_PARAMETERS or is_header
        if not signed:
            raise s3_error(
                "InvalidRequest", "Signature Version 2 does not sign this query parameter", ArgumentName=name
            )
        found[name] = _text(raw_value.replace(b"+", b" "))
    return found


def _text(raw: bytes) -> str:
    """What is signed is lines: a value with a line end could be read as two of them."""
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise s3_error("InvalidURI") from None
    if not text.isprintable():
        raise s3_error("InvalidURI")
    return text


def _signed_headers(request: RawRequest, parameters: Mapping[str, str]) -> dict[str, str]:
    """The headers that are signed, by lower-case name, wherever they stand."""
    headers: dict[str, str] = {}
    sent = [(name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in request.headers]
    sent += [(name.lower(), value) for name, value in parameters.items() if name not in _OWN | _SIGNED_PARAMETERS]
    for name, value in sent:
        if name not in _SIGNED_HEADERS and not name.startswith("x-amz-"):
            continue
        if headers.setdefault(name, value) != value:
            raise s3_error("InvalidArgument", "a header is given twice", ArgumentName=name)
    return headers


def _subresources(parameters: Mapping[str, str]) -> bytes:
    signed = [
        f"{name}={value}" if value else name for name, value in sorted(parameters.items()) if name in _SIGNED_PARAMETERS
    ]
    return b"?" + "&".join(signed).encode("utf-8") if signed else b""


def _unsigned(request: RawRequest, headers: Mapping[str, str]) -> RawRequest:
    """The request as if what its query says had stood in its headers, and without a signature."""
    kept = [(name, value) for name, value in request.headers if name.decode("latin-1") not in headers]
    kept += [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers.items() if name != _TOKEN]
    query = [pair for pair in request.query.split(b"&") if _text(pair.partition(b"=")[0]) in _SIGNED_PARAMETERS]
    return RawRequest(
        request.method,
        request.path,
        b"&".join(query),
        tuple(kept),
        request.body,
        request.source_ip,
        request.secure,
        request.received,
    )
