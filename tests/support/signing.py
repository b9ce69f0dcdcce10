"""Signed requests for tests: made by botocore's own signers, or by ours at a time of our choosing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from botocore.auth import BaseSigner
from botocore.awsrequest import AWSRequest

from daypass.names import Secret
from daypass.wire import sigv4
from daypass.wire.http import Headers, RawRequest
from support.values import replace

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HOST = "daypass.example:8420"
REGION = "us-east-1"


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def raw_request(
    method: str, path: bytes, query: bytes, headers: Headers, body: bytes, received: datetime = AT
) -> RawRequest:
    return RawRequest(method, path, query, headers, body, "192.0.2.1", False, received)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def payload_hash(request: RawRequest) -> str:
    """What the edge passes on: the body's own hash, and for S3 what the claim declares."""
    claim = sigv4.read_claim(request)
    assert claim is not None
    if claim.service != "s3":
        return sha256(request.body)
    return claim.declared_payload_hash or sigv4.UNSIGNED_PAYLOAD


def header_signed(
    credentials: Credentials,
    service: str,
    *,
    method: str = "POST",
    path: bytes = b"/",
    query: bytes = b"",
    headers: Headers = (),
    body: bytes = b"Action=GetCallerIdentity&Version=2011-06-15",
    at: datetime = AT,
    received: datetime | None = None,
    region: str = REGION,
) -> RawRequest:
    """Signed in its Authorization header, every header with it."""
    headers = (
        (b"host", HOST.encode()),
        *headers,
        (b"x-amz-date", sigv4.amz_date(at).encode()),
    )
    if service == "s3":
        headers = (*headers, (b"x-amz-content-sha256", sha256(body).encode()))
    if credentials.token is not None:
        headers = (*headers, (b"x-amz-security-token", credentials.token.encode()))
    authorization = sigv4.sign(
        method,
        path,
        query,
        headers,
        sha256(body),
        credentials.access_key_id,
        Secret(credentials.secret),
        region,
        service,
        at,
    )
    headers = (*headers, (b"authorization", authorization.encode()))
    return raw_request(method, path, query, headers, body, received or at)


def query_signed(
    credentials: Credentials,
    service: str,
    *,
    method: str = "GET",
    path: bytes = b"/",
    query: bytes = b"Action=GetCallerIdentity&Version=2011-06-15",
    headers: Headers = (),
    signed_headers: str = "host",
    at: datetime = AT,
    received: datetime | None = None,
    region: str = REGION,
    parameters: Mapping[str, str] | None = None,
) -> RawRequest:
    """Presigned, for 900 seconds. parameters: X-Amz-… ones to have otherwise; an empty text leaves one out."""
    date = sigv4.amz_date(at)
    all_parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key_id}/{date[:8]}/{region}/{service}/aws4_request",
        "X-Amz-Date": date,
        "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": signed_headers,
        "X-Amz-Security-Token": credentials.token or "",
        **(parameters or {}),
    }
    pairs = [f"{name}={quote(value, safe='')}" for name, value in all_parameters.items() if value]
    query = b"&".join([query, *[pair.encode() for pair in pairs]] if query else [pair.encode() for pair in pairs])
    request = raw_request(method, path, query, ((b"host", HOST.encode()), *headers), b"", at)
    placeholder = replace(request, query=query + b"&X-Amz-Signature=0")
    try:
        claim = sigv4.read_claim(placeholder)
    except sigv4.SignatureFault:  # what was to be wrong is wrong; no signature is needed for that to be seen
        return replace(placeholder, received=received or at)
    assert claim is not None
    key = sigv4.signing_key(Secret(credentials.secret), claim.date, claim.region, claim.service)
    hashed = sigv4.UNSIGNED_PAYLOAD if service == "s3" else sha256(b"")
    signature = key.signature(sigv4.string_to_sign(claim, sigv4.canonical_request(placeholder, claim, hashed)))
    return replace(request, query=query + b"&X-Amz-Signature=" + signature.encode(), received=received or at)


def with_header(request: RawRequest, name: bytes, change: Callable[[bytes], bytes | None]) -> RawRequest:
    """The request with every header of that name changed, or without it where the change is None."""
    headers: list[tuple[bytes, bytes]] = []
    for key, value in request.headers:
        changed = change(value) if key == name else value
        if changed is not None:
            headers.append((key, changed))
    return replace(request, headers=tuple(headers))


def with_authorization(
    request: RawRequest, pattern: str, replacement: str | Callable[[re.Match[str]], str]
) -> RawRequest:
    """The request with a part of its Authorization header otherwise."""
    return with_header(
        request, b"authorization", lambda value: re.sub(pattern, replacement, value.decode("latin-1")).encode("latin-1")
    )


def botocore_signed(signer: BaseSigner, method: str, url: str, headers: Mapping[str, str], body: bytes) -> RawRequest:
    """The request as botocore signs and sends it now, received at the second of its signature."""
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    signer.add_auth(request)
    prepared = request.prepare()
    target = urlsplit(prepared.url)
    sent = {
        name.lower(): value if isinstance(value, str) else value.decode() for name, value in prepared.headers.items()
    }
    sent.setdefault("host", target.netloc)
    at = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return raw_request(
        method,
        target.path.encode(),
        target.query.encode(),
        tuple((name.encode(), value.encode("latin-1")) for name, value in sent.items()),
        body,
        at,
    )
