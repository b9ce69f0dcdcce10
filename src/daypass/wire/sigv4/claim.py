"""Reading a claim: what a request says of its signature, from its header or its query string.

Which credential is claimed is read here, and everything about it that needs no secret is checked, the time
included: the only clock is RawRequest.received. Whether the credential scope fits is service.authenticate's
to say, which knows the regions.

Source: IAM User Guide, "Create a signed AWS API request"; S3 API Reference, "Authenticating requests: using
the Authorization header" and "… using query parameters". The order in which faults are looked for is the one
observed of IAM's front end (scratchstack-aws-signature, "AWS Auth Error Ordering").
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from daypass import limits
from daypass.wire.http import Headers, RawRequest
from daypass.wire.sigv4.fault import Fault, Location, SignatureFault, shown
from daypass.wire.sigv4.values import ALGORITHM, Claim

ALGORITHM_SIGV4A: Final = "AWS4-ECDSA-P256-SHA256"

# Two readers of a request that carries one of these twice could believe different ones.
_SINGLE_HEADERS: Final = frozenset(
    {b"authorization", b"host", b"date", b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256"}
)
_V4_PARAMETERS: Final = frozenset({b"X-Amz-Algorithm", b"X-Amz-Credential", b"X-Amz-Signature"})
_V2_PARAMETERS: Final = frozenset({b"AWSAccessKeyId", b"Signature"})
_PARAMETERS: Final = (
    _V4_PARAMETERS
    | _V2_PARAMETERS
    | {b"X-Amz-Date", b"X-Amz-SignedHeaders", b"X-Amz-Expires", b"X-Amz-Security-Token"}
    | {b"X-Amz-Content-Sha256", b"SignatureVersion"}
)
_QUERY_BYTES: Final = limits.AUTHORIZATION_HEADER_BYTES + limits.TOKEN_BYTES
_SKEW: Final = timedelta(seconds=limits.CLOCK_SKEW_SECONDS)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_AMZ_DATE: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z", re.ASCII)
_HTTP_DATE: Final = re.compile(
    r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT", re.ASCII
)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}", re.ASCII)

# What is kept of parsed texts is bounded in number and in size: anyone can send texts to be parsed.
_TEXTS_CACHED: Final = 256
_CACHED_CHARS: Final = 512


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a claim stands and whose it says it is, as far as that can be read: what every fault carries."""

    location: Location
    service: str | None = None
    access_key_id: str | None = None

    def fault(self, fault: Fault, details: Mapping[str, str] | None = None) -> SignatureFault:
        return SignatureFault(
            fault, details, service=self.service, location=self.location, access_key_id=self.access_key_id
        )


def read_claim(request: RawRequest) -> Claim | None:
    """What the request says of its signature; None if it bears no signature of any kind.

    Raises:
        SignatureFault: a signature that cannot be read, that stands in two places, is of another kind, leaves
            out what must be signed, or is not of this time.
    """
    # The query string is well formed, or nothing further is read of it.
    parameters = _read_parameters(request.query) if request.query else {}
    if len(request.named) != len(request.headers):
        _refuse_repeated(request.headers)
    authorization = _header(request, b"authorization")
    if not parameters:
        return None if authorization is None else _read_header_claim(request, authorization)
    in_query = not _V4_PARAMETERS.isdisjoint(parameters)
    old_in_query = parameters.keys() >= _V2_PARAMETERS
    if authorization is not None:
        if not in_query and not old_in_query:
            return _read_header_claim(request, authorization)
        source = _source("query", parameters.get(b"X-Amz-Credential"))
        # S3 lets an application's own Authorization, a bearer token say, travel beside a presigned URL.
        if source.service != "s3" or authorization[:3].upper() == "AWS":
            raise source.fault(Fault.TWO_LOCATIONS, {"ArgumentName": "Authorization"})
    if in_query:
        return _read_query_claim(request, parameters)
    if old_in_query:
        service = None if b"SignatureVersion" in parameters else "s3"
        raise SignatureFault(Fault.SIGV2, service=service, location="query")
    return None


def _refuse_repeated(headers: Headers) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in _SINGLE_HEADERS:
            if name in seen:
                raise SignatureFault(Fault.REPEATED_HEADER, {"Header": name.decode("ascii")})
            seen.add(name)


def _header(request: RawRequest, name: bytes) -> str | None:
    value = request.named.get(name)
    return None if value is None else value.decode("latin-1").strip()


def _read_parameters(query: bytes) -> dict[bytes, str]:
    """The parameters that a signature is made of, decoded. Of a repeated one the first counts, as with AWS."""
    if b"%" in query:
        broken = _BROKEN_ESCAPE.search(query)
        if broken is not None:
            raise SignatureFault(Fault.BROKEN_ESCAPE, {"Reason": _escape_reason(query[broken.start() :])})
    found: dict[bytes, str] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if b"%" in name:
            name = unquote_to_bytes(name)
        if name in _PARAMETERS and name not in found:
            found[name] = unquote_to_bytes(value.replace(b"+", b" ")).decode("latin-1")
    return found


def _escape_reason(broken: bytes) -> str:
    escape = re.split(rb"[&=]", broken[:3])[0]
    if len(escape) < 3:
        return "Incomplete trailing escape % sequence"
    return f"Illegal hex character in escape % pattern: {shown(escape.decode('latin-1'))}"


class _Parts(NamedTuple):
    """An Authorization header without its signature. scope: None if the credential is not of five parts."""

    source: _Source
    credential: str
    signed_headers: tuple[str, ...]
    scope: tuple[str, str, str, str, str] | None


def _read_header_claim(request: RawRequest, authorization: str) -> Claim:
    # 1. Signature Version 4, and not another scheme; 2. its parts.
    if len(authorization) > limits.AUTHORIZATION_HEADER_BYTES:
        raise SignatureFault(Fault.TOO_LONG)
    date = _header(request, b"x-amz-date") or _header(request, b"date")
    usual = _read_usual_parts(authorization) if date else None
    (source, credential, signed_headers, scope), signature = usual or _read_parts(authorization, date)
    assert date  # noqa: S101  _read_parts refuses a request that has none

    # 3. What must be signed is.
    if source.service == "s3" or "host" not in signed_headers:
        _check_signed(source, request.headers, signed_headers)

    # 4. The time.
    request_time = parse_amz_date(date) if len(date) == 16 else _parse_http_date(date)
    if request_time is None:
        raise source.fault(Fault.HEADER_DATE, {"Date": shown(date)})
    if not -_SKEW <= request.received - request_time <= _SKEW:
        raise _skewed(source, request.received, request_time)

    # 5. The credential and its scope.
    if scope is None:
        raise source.fault(Fault.HEADER_CREDENTIAL, {"Credential": shown(credential)})
    payload_hash = session_token = None
    if b"x-amz-content-sha256" in request.named:
        payload_hash = _header(request, b"x-amz-content-sha256")
    elif source.service == "s3":
        raise source.fault(Fault.CONTENT_HASH_ABSENT)
    if b"x-amz-security-token" in request.named:
        session_token = _header(request, b"x-amz-security-token")
    access_key_id, day, region, service, terminator = scope
    return Claim(
        location="header",
        access_key_id=access_key_id,
        date=day,
        region=region,
        service=service,
        terminator=terminator,
        signed_headers=signed_headers,
        signature=signature,
        amz_date=date if len(date) == 16 else amz_date(request_time),
        request_time=request_time,
        expires_seconds=None,
        session_token=session_token,
        declared_payload_hash=payload_hash,
    )


def _read_usual_parts(authorization: str) -> tuple[_Parts, str] | None:
    """The parts and the signature, if that comes last, as it does in every known client's; None if it does not.

    What comes before it is the same in all requests that a client makes in a day.
    """
    beginning, _, ending = authorization.rpartition(", Signature=")
    if not ending or "," in ending or len(beginning) > _CACHED_CHARS:
        return None
    parts = _read_beginning(beginning)
    return None if parts is None else (parts, ending.strip())


@lru_cache(maxsize=_TEXTS_CACHED)
def _read_beginning(text: str) -> _Parts | None:
    try:
        return _read_parts(text + ", Signature=-", "-")[0]
    except SignatureFault:
        return None


def _read_parts(authorization: str, date: str | None) -> tuple[_Parts, str]:
    """The parts and the signature. Of a repeated part the last counts, as with AWS."""
    algorithm, _, components = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _foreign_scheme(algorithm, components)
    parts: dict[str, str] = {}
    for component in components.split(","):
        name, equals, value = component.partition("=")
        if not equals:
            raise SignatureFault(Fault.HEADER_COMPONENT, {"Hash": _hash_of(authorization)})
        parts[name.strip()] = value.strip()
    credential = parts.get("Credential")
    signature = parts.get("Signature")
    signed_text = parts.get("SignedHeaders")
    source = _source("header", credential)
    if not (credential and signature and signed_text and date):
        raise _missing_parts(source, authorization, parts, date)
    signed_headers = _split_signed_headers(signed_text)
    return _Parts(source, credential, signed_headers, split_credential(credential)), signature


def _read_query_claim(request: RawRequest, parameters: Mapping[bytes, str]) -> Claim:
    # 1. Signature Version 4, and not another scheme.
    credential = parameters.get(b"X-Amz-Credential")
    source = _source("query", credential)
    if sum(map(len, parameters.values())) > _QUERY_BYTES:
        raise source.fault(Fault.TOO_LONG)
    algorithm = parameters.get(b"X-Amz-Algorithm")
    if algorithm != ALGORITHM:
        raise source.fault(_QUERY_ALGORITHM_FAULTS.get(algorithm, Fault.QUERY_ALGORITHM))

    # 2. Its parts. S3 demands an expiry; the Query protocol's services do not.
    signature = parameters.get(b"X-Amz-Signature")
    signed_text = parameters.get(b"X-Amz-SignedHeaders")
    date = parameters.get(b"X-Amz-Date")
    expires = parameters.get(b"X-Amz-Expires")
    if not (credential and signature and signed_text and date) or (expires is None and source.service == "s3"):
        raise source.fault(Fault.QUERY_PARTS, {"Reason": _missing_parameters(parameters)})

    # 3. What must be signed is.
    signed_headers = _split_signed_headers(signed_text)
    _check_signed(source, request.headers, signed_headers)

    # 4. The time.
    request_time = parse_amz_date(date) if len(date) == 16 else None
    if request_time is None:
        raise source.fault(Fault.QUERY_DATE, {"Date": shown(date)})
    expires_seconds = None if expires is None else _read_expires(source, expires)
    _check_presigned_time(source, request.received, request_time, expires_seconds)

    # 5. The credential and its scope.
    scope = split_credential(credential)
    if scope is None:
        raise source.fault(Fault.QUERY_CREDENTIAL, {"Credential": shown(credential)})
    access_key_id, day, region, service, terminator = scope
    # A signed header's token overrides the query's.
    token = parameters.get(b"X-Amz-Security-Token")
    header_token = _header(request, b"x-amz-security-token")
    if token is None or (header_token is not None and "x-amz-security-token" in signed_headers):
        token = header_token
    return Claim(
        location="query",
        access_key_id=access_key_id,
        date=day,
        region=region,
        service=service,
        terminator=terminator,
        signed_headers=signed_headers,
        signature=signature,
        amz_date=date,
        request_time=request_time,
        expires_seconds=expires_seconds,
        session_token=token,
        declared_payload_hash=_header(request, b"x-amz-content-sha256") or parameters.get(b"X-Amz-Content-Sha256"),
    )


_QUERY_ALGORITHM_FAULTS: Final[Mapping[str | None, Fault]] = {
    None: Fault.QUERY_ALGORITHM_ABSENT,
    ALGORITHM_SIGV4A: Fault.SIGV4A,
}


def _source(location: Location, credential: str | None) -> _Source:
    if credential is None or len(credential) > _CACHED_CHARS:
        return _Source(location)
    return _read_source(location, credential)


@lru_cache(maxsize=_TEXTS_CACHED)
def _read_source(location: Location, credential: str) -> _Source:
    """Of a credential in whatever form: before the credential's own turn comes, S3's demands do."""
    parts = credential.split("/")
    return _Source(location, parts[3] if len(parts) == 5 else None, parts[0])


@lru_cache(maxsize=_TEXTS_CACHED)
def _split_short_credential(text: str) -> tuple[str, str, str, str, str] | None:
    match text.split("/"):
        case [access_key_id, day, region, service, terminator]:
            return access_key_id, day, region, service, terminator
        case _:
            return None


def split_credential(text: str) -> tuple[str, str, str, str, str] | None:
    """Access key id, date, region, service, terminator; None if it is not these five."""
    return _split_short_credential(text) if len(text) <= _CACHED_CHARS else None


@lru_cache(maxsize=_TEXTS_CACHED)
def _split_few_headers(text: str) -> tuple[str, ...]:
    return tuple(text.split(";"))


def _split_signed_headers(text: str) -> tuple[str, ...]:
    return _split_few_headers(text) if len(text) <= _CACHED_CHARS else tuple(text.split(";"))


@lru_cache(maxsize=_TEXTS_CACHED)
def parse_amz_date(text: str) -> datetime | None:
    """text: 16 characters, so that what is kept is small."""
    parts = _AMZ_DATE.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second = map(int, parts.groups())
    return _moment(year, month, day, hour, minute, second)


def _parse_http_date(text: str) -> datetime | None:
    """The form that HTTP gives Date: `Fri, 24 May 2013 00:00:00 GMT`."""
    parts = _HTTP_DATE.fullmatch(text)
    if parts is None or parts[2] not in _MONTHS:
        return None
    hour, minute, second = map(int, parts.groups()[3:])
    return _moment(int(parts[3]), _MONTHS.index(parts[2]) + 1, int(parts[1]), hour, minute, second)


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def amz_date(moment: datetime) -> str:
    """moment: aware UTC → `YYYYMMDDTHHMMSSZ`."""
    # A third of what strftime takes, and every request to a backend has it.
    day = f"{moment.year:04}{moment.month:02}{moment.day:02}"
    return f"{day}T{moment.hour:02}{moment.minute:02}{moment.second:02}Z"


def _iso_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _check_signed(source: _Source, headers: Headers, signed_headers: tuple[str, ...]) -> None:
    if "host" not in signed_headers:
        raise source.fault(Fault.HOST_NOT_SIGNED, {"HeadersNotSigned": "host"})
    if source.service != "s3":
        return
    # S3 acts on x-amz-… headers: one added on the way would change what was signed.
    present = {name.decode("latin-1") for name, _ in headers if name.startswith(b"x-amz-")}
    unsigned = present.difference(signed_headers)
    if unsigned:
        raise source.fault(Fault.HEADERS_NOT_SIGNED, {"HeadersNotSigned": shown(", ".join(sorted(unsigned)))})


def _read_expires(source: _Source, text: str) -> int:
    seconds = int(text) if _NUMBER.fullmatch(text) else None
    if seconds is not None and 1 <= seconds <= limits.PRESIGNED_EXPIRES_MAX_SECONDS:
        return seconds
    if seconds is None:
        reason = "X-Amz-Expires should be a number"
    elif seconds < 1:
        reason = "X-Amz-Expires must be at least 1"
    else:
        reason = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
            f"must be less than {limits.PRESIGNED_EXPIRES_MAX_SECONDS} seconds"
        )
    raise source.fault(Fault.EXPIRES, {"Reason": reason})


def _check_presigned_time(
    source: _Source, received: datetime, request_time: datetime, expires_seconds: int | None
) -> None:
    """Outside S3 a presigned request lives no longer than any other, and shorter if it asks for that."""
    age = received - request_time
    if -age > _SKEW or (source.service != "s3" and age > _SKEW):
        raise _skewed(source, received, request_time)
    if expires_seconds is None:
        return
    lifetime = timedelta(seconds=expires_seconds)
    if age >= lifetime:
        raise source.fault(
            Fault.PRESIGNED_OVER,
            {
                "RequestTime": amz_date(request_time),
                "Bound": amz_date(received - lifetime),
                "Now": amz_date(received),
                "Expires": _iso_time(request_time + lifetime),
                "ServerTime": _iso_time(received),
                "X-Amz-Expires": str(expires_seconds),
            },
        )


def _skewed(source: _Source, received: datetime, request_time: datetime) -> SignatureFault:
    too_old = request_time < received
    return source.fault(
        Fault.TOO_OLD if too_old else Fault.TOO_NEW,
        {
            "RequestTime": amz_date(request_time),
            "Bound": amz_date(received - _SKEW if too_old else received + _SKEW),
            "Now": amz_date(received),
            "ServerTime": _iso_time(received),
            "MaxAllowedSkewMilliseconds": str(limits.CLOCK_SKEW_SECONDS * 1000),
        },
    )


def _foreign_scheme(scheme: str, rest: str) -> SignatureFault:
    if scheme == ALGORITHM_SIGV4A:
        return SignatureFault(Fault.SIGV4A)
    if scheme == "AWS" and ":" in rest:
        return SignatureFault(Fault.SIGV2, service="s3")
    # A header of one word may be a bare token: only a scheme's name that something follows is repeated.
    is_name = rest != "" and _SCHEME.fullmatch(scheme) is not None
    return SignatureFault(Fault.ALGORITHM, {"Algorithm": scheme if is_name else "…"})


def _missing_parts(source: _Source, authorization: str, parts: Mapping[str, str], date: str | None) -> SignatureFault:
    reasons = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    fault = Fault.HEADER_PARTS if reasons else Fault.HEADER_DATE_ABSENT
    if not date:
        reasons.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return source.fault(fault, {"Reason": " ".join(reasons), "Hash": _hash_of(authorization)})


def _missing_parameters(parameters: Mapping[bytes, str]) -> str:
    names = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
    missing = [name for name in names if not parameters.get(name.encode("ascii"))]
    return " ".join([f"AWS query-string parameters must include '{name}'." for name in missing])


def _hash_of(authorization: str) -> str:
    """How AWS refers to a header that it does not repeat: SHA-256 in Base64."""
    return base64.b64encode(hashlib.sha256(authorization.encode("latin-1")).digest()).decode("ascii")
