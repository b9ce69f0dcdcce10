"""Canonical request → string to sign → signature: verifying a claim's, and making one of our own.

Source: IAM User Guide, "Create a signed AWS API request"; S3 API Reference, "Signature calculations for the
Authorization header". Checked against AWS's Signature Version 4 test suite (tests/vectors/sigv4.json).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from daypass.names import Secret
from daypass.wire.http import Headers, RawRequest
from daypass.wire.sigv4.claim import amz_date
from daypass.wire.sigv4.fault import Fault, SignatureFault, shown
from daypass.wire.sigv4.values import ALGORITHM, TERMINATOR, Claim

UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"


class SigningKey:
    """The key derived for one day, region and service, as two prepared hash states: copying them takes 0.7 µs,
    where an HMAC from its key takes 1.7. Its repr shows the scope only."""

    __slots__ = ("_inner", "_outer", "credential_scope", "date", "region", "service")

    def __init__(self, key: bytes, date: str, region: str, service: str) -> None:
        """key: 32 bytes."""
        block = key.ljust(64, b"\x00")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))
        self.date: Final = date
        self.region: Final = region
        self.service: Final = service
        self.credential_scope: Final = f"{date}/{region}/{service}/{TERMINATOR}"

    def signature(self, string_to_sign: bytes) -> str:
        """HMAC-SHA256 as 64 lower-case hexadecimal digits."""
        inner = self._inner.copy()
        inner.update(string_to_sign)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def __repr__(self) -> str:
        return f"SigningKey({self.credential_scope})"


# RFC 2104: the key, padded to the block size, XOR these octets.
_INNER_PAD: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER_PAD: Final = bytes(octet ^ 0x5C for octet in range(256))

_UNRESERVED: Final = "-._~"  # beside letters and digits
# What needs no encoding anew: unreserved characters, and upper-case escapes of all others. Possessive, so that
# what does not match is known in linear time.
_ENCODED: Final = (
    rb"[A-Za-z0-9\-._~%s]++|%%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF])"  # not %41, %2D, %7E …
)
_ENCODED_TEXT: Final = re.compile(rb"(?:" + _ENCODED % b"" + rb")*+")
_ENCODED_PATH: Final = re.compile(rb"(?:" + _ENCODED % b"/" + rb")*+")
# What is kept of parsed lists is bounded in number and in size: anyone can send lists to be parsed.
_LISTS_CACHED: Final = 256
_NAMES_CACHED: Final = 32


def canonical_request(request: RawRequest, claim: Claim, payload_hash: str) -> bytes:
    """payload_hash: of the body, or S3's word for not hashing it."""
    return _canonical_request(
        request.method,
        request.path,
        request.query,
        request.headers,
        claim.signed_headers,
        payload_hash,
        claim.service,
    )


def _canonical_request(
    method: str,
    path: bytes,
    query: bytes,
    headers: Headers,
    signed_headers: tuple[str, ...],
    payload_hash: str,
    service: str,
) -> bytes:
    signed = _encode_names(signed_headers)
    # A header that was signed but is not there counts as empty: the signature of one that had a value fails.
    named = dict(headers)
    values = [named.get(name, b"") for name in signed.names]
    joined = b" \0 ".join(values)
    if len(named) != len(headers) or b" ".join(joined.split()) != joined:
        values = _folded(headers, signed.names)
    return b"%b\n%b\n%b\n%b\n%b" % (
        method.encode("latin-1"),
        b"/" if path == b"/" else _canonical_path(path, service),
        _canonical_query(query) if query else b"",
        signed.lines % tuple(values),
        payload_hash.encode("latin-1"),
    )


def _folded(headers: Headers, names: tuple[bytes, ...]) -> list[bytes]:
    """The values under each name: white space folded, those of a repeated name joined by commas."""
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        folded = b" ".join(value.split())
        values[name] = values[name] + b"," + folded if name in values else folded
    return [values.get(name, b"") for name in names]


class _Names(NamedTuple):
    """Signed headers as the canonical request has them. lines: of `names`, a place for each value, and the list."""

    names: tuple[bytes, ...]
    lines: bytes


@lru_cache(maxsize=_LISTS_CACHED)
def _encode_few_names(signed_headers: tuple[str, ...]) -> _Names:
    names = tuple([name.encode("latin-1") for name in signed_headers])
    lines = [name.replace(b"%", b"%%") + b":%b\n" for name in names]
    return _Names(names, b"".join(lines) + b"\n" + b";".join(names).replace(b"%", b"%%"))


def _encode_names(signed_headers: tuple[str, ...]) -> _Names:
    many = len(signed_headers) > _NAMES_CACHED
    return (_encode_few_names.__wrapped__ if many else _encode_few_names)(signed_headers)


@lru_cache(maxsize=_LISTS_CACHED)
def _sort_few_names(names: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(sorted([name.decode("latin-1") for name in names]))


def _sort_names(names: tuple[bytes, ...]) -> tuple[str, ...]:
    return (_sort_few_names.__wrapped__ if len(names) > _NAMES_CACHED else _sort_few_names)(names)


def _canonical_path(path: bytes, service: str) -> bytes:
    if service != "s3":
        # Every service but S3: dot segments and empty ones fall away, and what was sent is encoded once more.
        return quote_from_bytes(_normalized(path), safe=_UNRESERVED + "/").encode("ascii")
    # S3: each segment encoded once, whatever form it was sent in; `%2F` stays inside its segment, as data.
    if _ENCODED_PATH.fullmatch(path):
        return path
    return b"/".join([_recoded(segment) for segment in path.split(b"/")])


def _normalized(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    return b"/" + b"/".join(kept) + (b"/" if kept and path.endswith(b"/") else b"")


def _canonical_query(query: bytes) -> bytes:
    pairs: list[tuple[bytes, bytes]] = []
    for pair in query.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        name = name if _ENCODED_TEXT.fullmatch(name) else _recoded(name.replace(b"+", b" "))
        if name == b"X-Amz-Signature":
            continue
        pairs.append((name, value if _ENCODED_TEXT.fullmatch(value) else _recoded(value.replace(b"+", b" "))))
    pairs.sort()
    return b"&".join([name + b"=" + value for name, value in pairs])


def _recoded(text: bytes) -> bytes:
    """Percent-encoded in the one canonical way, in whatever way it was sent."""
    return quote_from_bytes(unquote_to_bytes(text), safe=_UNRESERVED).encode("ascii")


def string_to_sign(claim: Claim, canonical: bytes) -> bytes:
    return _string_to_sign(claim.amz_date, f"{claim.date}/{claim.region}/{claim.service}/{TERMINATOR}", canonical)


def _string_to_sign(date: str, credential_scope: str, canonical: bytes) -> bytes:
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{date}\n{credential_scope}\n{digest}".encode("latin-1")


def signing_key(secret: Secret, date: str, region: str, service: str) -> SigningKey:
    """date: `YYYYMMDD`. Takes 12 µs: keep it, beside the secret it was made of."""
    key = ("AWS4" + secret.reveal()).encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return SigningKey(key, date, region, service)


def verify(request: RawRequest, claim: Claim, payload_hash: str, key: SigningKey) -> None:
    """Compares the claimed signature with the right one, in constant time.

    key: for the claim's date, region and service.

    Raises:
        SignatureFault: SIGNATURE; for S3 its details hold what was to be signed, secrets in it blotted out.
    """
    canonical = canonical_request(request, claim, payload_hash)
    to_sign = _string_to_sign(claim.amz_date, key.credential_scope, canonical)
    right = key.signature(to_sign)
    if hmac.compare_digest(right.encode("ascii"), claim.signature.encode("utf-8")):
        return
    details = _mismatch_details(claim, canonical, to_sign) if claim.service == "s3" else {}
    raise SignatureFault(
        Fault.SIGNATURE,
        details,
        service=claim.service,
        location=claim.location,
        access_key_id=claim.access_key_id,
    )


def is_right(claim: Claim, text: bytes, secret: Secret) -> bool:
    """Whether the text itself has the claimed signature, as a form's policy does."""
    right = signing_key(secret, claim.date, claim.region, claim.service).signature(text)
    return hmac.compare_digest(right.encode("ascii"), claim.signature.encode("utf-8"))


# Header values that are secrets, and therefore leave a canonical request before anyone is shown it.
_SECRET_HEADERS: Final = frozenset(
    {
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"x-amz-copy-source-server-side-encryption-customer-key",
        b"x-amz-security-token",
        b"x-amz-server-side-encryption-customer-key",
    }
)
_BLOTTED: Final = b"REDACTED"


def _mismatch_details(claim: Claim, canonical: bytes, to_sign: bytes) -> Mapping[str, str]:
    blotted = _blotted(canonical)
    return {
        "AWSAccessKeyId": shown(claim.access_key_id),
        "StringToSign": to_sign.decode("latin-1"),
        "SignatureProvided": shown(claim.signature),
        "StringToSignBytes": to_sign.hex(" "),
        "CanonicalRequest": blotted.decode("latin-1"),
        "CanonicalRequestBytes": blotted.hex(" "),
    }


def _blotted(canonical: bytes) -> bytes:
    method, path, query, *rest = canonical.split(b"\n")
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    query = b"&".join(
        [name + equals + (_BLOTTED if name == b"X-Amz-Security-Token" else value) for name, equals, value in pairs]
    )
    for index, line in enumerate(rest):
        name, _, _ = line.partition(b":")
        if name in _SECRET_HEADERS:
            rest[index] = name + b":" + _BLOTTED
    return b"\n".join([method, path, query, *rest])


def sign(
    method: str,
    path: bytes,
    query: bytes,
    headers: Headers,
    payload_hash: str,
    access_key_id: str,
    secret: Secret,
    region: str,
    service: str,
    at: datetime,
) -> str:
    """The Authorization header of a request of our own; every header given is signed.

    path, query: percent-encoded as they will be sent.
    headers: names in lower case; `host` among them, and `x-amz-date` with the text of amz_date(at).
    """
    key = signing_key(secret, at.strftime("%Y%m%d"), region, service)
    return sign_with_key(method, path, query, headers, payload_hash, access_key_id, key, amz_date(at))


def sign_with_key(
    method: str,
    path: bytes,
    query: bytes,
    headers: Headers,
    payload_hash: str,
    access_key_id: str,
    key: SigningKey,
    date: str,
) -> str:
    """As `sign`, with a signing key that was kept; it is good for its own day only.

    date: amz_date of the time.

    Raises:
        ValueError: `host` or `x-amz-date` is missing or of another time, or the key is of another day.
    """
    given = dict(headers)
    if b"host" not in given or given.get(b"x-amz-date") != date.encode("ascii") or key.date != date[:8]:
        raise ValueError("a request is signed with its host, its x-amz-date and that day's key")
    signed_headers = _sort_names(tuple(given))
    canonical = _canonical_request(method, path, query, headers, signed_headers, payload_hash, key.service)
    signature = key.signature(_string_to_sign(date, key.credential_scope, canonical))
    return (
        f"{ALGORITHM} Credential={access_key_id}/{key.credential_scope}, "
        f"SignedHeaders={';'.join(signed_headers)}, Signature={signature}"
    )


_BARE: Final = (
    b"%b\n%b\n%b\nhost:%b\nx-amz-content-sha256:%b\nx-amz-date:%b\n\nhost;x-amz-content-sha256;x-amz-date\n%b"
)


def sign_bare(
    method: str,
    path: bytes,
    query: bytes,
    host: bytes,
    payload_hash: str,
    access_key_id: str,
    key: SigningKey,
    date: str,
) -> str:
    """As `sign_with_key`, of a request to S3 with no headers but host, x-amz-content-sha256 and x-amz-date, as most are
    that are sent on. In half the time.

    Raises:
        ValueError: the key is of another day or service.
    """
    if key.date != date[:8] or key.service != "s3":
        raise ValueError("a request to S3 is signed with that day's key for S3")
    hashed = payload_hash.encode("ascii")
    canonical = _BARE % (
        method.encode("ascii"),
        _canonical_path(path, "s3"),
        _canonical_query(query) if query else b"",
        host,
        hashed,
        date.encode("ascii"),
        hashed,
    )
    signature = key.signature(_string_to_sign(date, key.credential_scope, canonical))
    return (
        f"{ALGORITHM} Credential={access_key_id}/{key.credential_scope}, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )
