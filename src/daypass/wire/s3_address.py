"""Which bucket and key a request or a copy source names: decoded once, and encoded once for the backend.

Owns path-style and virtual-host addresses, and the refusal of what two readers could read in two ways: what the policy
sees is what the backend gets. A Host names a bucket only under a configured domain, for its sender chooses it.

Source: S3 User Guide, "Virtual hosting of general purpose buckets", "General purpose bucket naming rules", "Object key
names"; S3 API Reference, CopyObject (x-amz-copy-source); RFC 3986 for the escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from daypass import limits
from daypass.wire.s3_errors import not_implemented, s3_error

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SLASHES: Final = re.compile("//+")
# A `.` or `..` between two slashes or at an end.
_DOT_SEGMENT: Final = re.compile(r"(?:\A|/)\.\.?(?:/|\Z)")
# What is encoded as itself, all of it. Possessive, so that what does not match is known in linear time.
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~/]*+")
_PORT: Final = re.compile(r":[0-9]*\Z", re.ASCII)

# S3 User Guide, "General purpose bucket naming rules".
_BUCKET_NAME: Final = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_NAME_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_BUCKET_NAME_LENGTH: Final = 63
_IPV4: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")


def _no_bucket(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Addressing:
    """How addresses are read.

    domains: `s3.example.com` makes `bucket.s3.example.com` the bucket's own host; in lower case. Any other Host is
        that of path-style addresses.
    keeps_dots: whether the backend of a bucket stores keys as they are, with `.`, `..` and empty segments.
    """

    domains: tuple[str, ...] = ()
    keeps_dots: Callable[[str], bool] = _no_bucket


PATH_STYLE: Final = Addressing()


@dataclass(frozen=True, slots=True)
class CopySource:
    """The object that x-amz-copy-source names. version_id: None for the current one. merged_key: as S3Call has it."""

    bucket: str
    key: str
    version_id: str | None
    merged_key: str | None = field(default=None, compare=False)

    def header(self) -> str:
        """What the backend is told: made of the values that the policy saw."""
        version = "" if self.version_id is None else f"?versionId={quote(self.version_id, safe='')}"
        return f"{encode_path(self.bucket, self.key).decode('ascii')}{version}"


def read_address(host: str, path: bytes, addressing: Addressing = PATH_STYLE) -> tuple[str | None, str | None]:
    """Bucket and key of a request; None for what it does not name. `/bucket/` names the bucket.

    host: of the Host header, with its port if it has one.

    Raises:
        ServiceError: InvalidURI, InvalidBucketName, KeyTooLongError.
    """
    if not path.startswith(b"/"):
        raise s3_error("InvalidURI")
    bucket = bucket_of_host(host, addressing.domains) if addressing.domains else None
    if bucket is None:
        first, _, rest = path[1:].partition(b"/")
        if not first and not rest:
            return None, None
        bucket = decoded(first)
    else:
        rest = path[1:]
    if not is_bucket_name(bucket):
        raise s3_error("InvalidBucketName", BucketName=bucket)
    return bucket, read_key(decoded(rest), bucket, addressing) if rest else None


def bucket_of_host(host: str, domains: tuple[str, ...]) -> str | None:
    """The bucket whose own host this is; None where the host is not below a configured domain."""
    name = _PORT.sub("", host.lower()).rstrip(".")
    for domain in domains:
        if name.endswith("." + domain):
            return name[: -len(domain) - 1]
    return None


def read_key(key: str, bucket: str, addressing: Addressing = PATH_STYLE) -> str:
    """The key, if it may be served.

    Raises:
        ServiceError: InvalidURI, KeyTooLongError.
    """
    size = len(key.encode())
    if size > limits.OBJECT_KEY_BYTES:
        raise s3_error("KeyTooLongError", Size=str(size), MaxSizeAllowed=str(limits.OBJECT_KEY_BYTES))
    # AWS keeps such keys as they are. Many stores resolve them, and then the key that a policy allowed is not
    # the object that is reached. (SeaweedFS CVE-2026-54917, MinIO CVE-2022-35919, s3proxy CVE-2025-24961)
    if "." in key and _DOT_SEGMENT.search(key) and not addressing.keeps_dots(bucket):
        raise s3_error("InvalidURI", "a key with a `.` or `..` segment is not served")
    if key[:1] == "/" and not key.strip("/") and not addressing.keeps_dots(bucket):
        raise s3_error("InvalidURI", "a key of nothing but slashes, which could be the bucket, is not served")
    if _has_forbidden(key):
        raise s3_error("InvalidURI")
    return key


def _has_forbidden(text: str) -> bool:
    return "\0" in text or "\r" in text or "\n" in text


def merged_key(key: str, bucket: str, addressing: Addressing) -> str | None:
    """The key as it is to a store that takes several slashes for one, and drops the first: versitygw on files does.
    None where that is the key itself, or the backend is said to keep keys as they are."""
    if ("//" not in key and key[:1] != "/") or addressing.keeps_dots(bucket):
        return None
    return _SLASHES.sub("/", key).removeprefix("/")


def read_copy_source(header: str, addressing: Addressing = PATH_STYLE) -> CopySource:
    """The object that an x-amz-copy-source header names: decoded once, the version split off before.

    Raises:
        ServiceError: InvalidArgument, InvalidURI, KeyTooLongError; NotImplemented for the ARN of an access point.
    """
    named, question, query = header.encode("ascii").partition(b"?")
    name, _, version = query.partition(b"=")
    if question and (name != b"versionId" or not version or b"&" in version):
        raise _bad_source(header)
    # S3 reads a plus sign here as a space, and so must whoever decides about the key.
    source = decoded(named.replace(b"+", b"%20")).removeprefix("/")
    if source.startswith("arn:"):
        raise not_implemented("a copy source by the ARN of an access point is not served")
    bucket, _, key = source.partition("/")
    if not key or not is_bucket_name(bucket):
        raise _bad_source(header)
    key = read_key(key, bucket, addressing)
    return CopySource(bucket, key, decoded(version) if question else None, merged_key(key, bucket, addressing))


def _bad_source(header: str) -> Exception:
    message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
    return s3_error("InvalidArgument", message, ArgumentName="x-amz-copy-source", ArgumentValue=header)


def is_bucket_name(name: str) -> bool:
    """Whether S3 would let a general purpose bucket be created under that name."""
    return len(name) <= _BUCKET_NAME_LENGTH and _is_bucket_name(name)


@lru_cache(limits.IDENTITIES_CACHED)
def _is_bucket_name(name: str) -> bool:
    return (
        _BUCKET_NAME.fullmatch(name) is not None
        and ".." not in name
        and not name.endswith(_BUCKET_NAME_SUFFIXES)
        and _IPV4.fullmatch(name) is None
    )


def decoded(raw: bytes) -> str:
    """Percent-escapes replaced once, the bytes read as UTF-8.

    NUL, CR and LF are refused everywhere: none of our backends' formats and headers is safe with them.

    Raises:
        ServiceError: InvalidURI.
    """
    if b"%" in raw:
        if _BROKEN_ESCAPE.search(raw):
            raise s3_error("InvalidURI")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise s3_error("InvalidURI") from None
    if _has_forbidden(text):
        raise s3_error("InvalidURI")
    return text


# `quote` leaves RFC 3986's unreserved characters alone, and what `safe` adds.
def encode_path(bucket: str | None, key: str | None) -> bytes:
    """The canonical path-style address: every byte escaped but the unreserved ones and the slashes of the key."""
    if bucket is None:
        return b"/"
    if key is None:
        return f"/{bucket}".encode()
    return f"/{bucket}/{key if _PLAIN.fullmatch(key) else quote(key, safe='/')}".encode()
