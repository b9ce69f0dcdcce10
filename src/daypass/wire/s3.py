"""S3's REST protocol: method, path, query and headers → S3Call; and the way back, for the request to a backend.

Owns which operation a request is, read from the published model, and the one decoding and the one encoding of its
parameters: what the policy sees is what the backend gets. What the model does not know is refused. Bucket and key are
wire.s3_address's. Who may do it is service's work, the body edge's.

Source: S3 API Reference, "Making requests"; S3's service model; RFC 3986 for the escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import quote

from daypass import limits
from daypass.errors import ServiceError
from daypass.wire import checksums, model
from daypass.wire.http import RawRequest
from daypass.wire.model import IntegerShape, Operation
from daypass.wire.s3_address import PATH_STYLE, Addressing, decoded, merged_key, read_address
from daypass.wire.s3_call import S3Call as S3Call
from daypass.wire.s3_call import Target as Target
from daypass.wire.s3_errors import header_not_implemented, not_implemented, s3_error

TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {"/": "service", "/{Bucket}": "bucket", "/{Bucket}/{Key+}": "object"}
)

# The model has two operations at one address; S3 itself routes to the newer one of each pair, and
# ListDirectoryBuckets belongs to another endpoint (S3 Express).
SUPERSEDED: Final = frozenset(
    {
        "GetBucketLifecycle",
        "GetBucketNotification",
        "ListDirectoryBuckets",
        "PutBucketLifecycle",
        "PutBucketNotification",
    }
)

# Consumed by wire.sigv4, which reads them itself; no operation has them.
SIGNATURE_HEADERS: Final = frozenset({"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})
SIGNATURE_PARAMETERS: Final = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Content-Sha256",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    }
)

# SDKs name themselves here because a browser forbids them User-Agent; it asks for nothing.
_REMARKS: Final = frozenset({"x-amz-user-agent"})

# The AWS SDK for Java 2.x offers to take an MD5 after the object; whoever appends none need not answer.
_OFFERS: Final = frozenset({"x-amz-te"})

# S3's one version, which the AWS SDK for C++ asks for; there is no other to be had.
_API_VERSION: Final = ("x-amz-api-version", "2006-03-01")

# Consumed by wire.payload: how the body travels.
_BODY_HEADERS: Final = frozenset({"x-amz-decoded-content-length", "x-amz-trailer"})

# What comes with most requests, or is read elsewhere.
_NO_OPERATIONS_HEADERS: Final = frozenset(
    {
        *SIGNATURE_HEADERS,
        *_BODY_HEADERS,
        *_REMARKS,
        *_OFFERS,
        "accept-encoding",
        "authorization",
        "connection",
        "host",
        "user-agent",
    }
)

# Headers that narrow a request. Where the operation has no such member they would be dropped, and a caller
# who believes in them would be served without them: so they are refused.
_NARROWING: Final = frozenset(
    {
        "content-range",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
    }
)

# A browser that goes on with a download sends both. No operation of S3's has If-Range, so whether the range is still of
# the same object would not be looked at: the whole object is. (RFC 9110, 14.2: a server may ignore Range)
_IF_RANGE: Final = "if-range"
_RANGE: Final = "range"

_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})
# What is kept of lists of names is bounded in number and in size: anyone can send lists.
_LISTS_CACHED: Final = 256
_NAMES_CACHED: Final = 32
_NAMES_BYTES_CACHED: Final = 1_024

_CHECKSUM_HEADER: Final = re.compile(r"x-amz-checksum-[a-z0-9]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")  # US-ASCII; S3 User Guide, "User-defined object metadata"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110, 5.1; in lower case

# What names a version, an upload or a configuration may not be empty: many stores take an empty name for none, and
# do the plain operation. AbortMultipartUpload would be DeleteObject, which needs another permission.
_NAMING: Final = frozenset({"id", "uploadId", "versionId"})
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_LARGEST: Final = 2**31 - 1
_READ_ELSEWHERE: Final = frozenset({"max-buckets"})  # with a range of its own: service.s3_buckets


@dataclass(frozen=True, slots=True)
class _Route:
    """An operation at an address, with what must be there for it to be meant."""

    operation: Operation
    fixed: Mapping[str, str]
    required_query: frozenset[str]
    required_headers: frozenset[str]
    query: frozenset[str]
    numbers: frozenset[str]
    headers: frozenset[str]
    prefixes: tuple[str, ...]
    checksums: bool

    @property
    def demands(self) -> int:
        return len(self.fixed) + len(self.required_query) + len(self.required_headers)

    def fits(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return (
            self.required_query <= query.keys()
            and self.required_headers <= headers.keys()
            and all(query.get(name) == value for name, value in self.fixed.items())
        )

    def has_header(self, name: str) -> bool:
        return (
            name in self.headers
            or (name.startswith(self.prefixes) and _HEADER_NAME.fullmatch(name) is not None)
            or (self.checksums and _CHECKSUM_HEADER.fullmatch(name) is not None)
        )


@dataclass(frozen=True, slots=True)
class _Address:
    """The operations of one method on one target.

    plain: the one that is meant where nothing else is.
    by_demand: name of a parameter or header → the operations that it is demanded for.
    """

    routes: tuple[_Route, ...]
    plain: _Route | None
    by_demand: Mapping[str, tuple[_Route, ...]]


@cache
def routes() -> Mapping[tuple[str, Target], tuple[_Route, ...]]:
    """Every operation of the model that an address can mean, the most demanding first."""
    table: dict[tuple[str, Target], list[_Route]] = {}
    for operation in model.load("s3").operations.values():
        target = TARGETS.get(operation.path)
        if target is not None and operation.name not in SUPERSEDED:
            table.setdefault((operation.http_method, target), []).append(_route(operation))
    ordered = {address: sorted(found, key=lambda route: -route.demands) for address, found in table.items()}
    return MappingProxyType({address: tuple(found) for address, found in ordered.items()})


@cache
def _addresses() -> Mapping[tuple[str, Target], _Address]:
    return {address: _address(found) for address, found in routes().items()}


def _address(found: tuple[_Route, ...]) -> _Address:
    by_demand: dict[str, tuple[_Route, ...]] = {}
    for route in found:
        for name in (*route.fixed, *route.required_query, *route.required_headers):
            by_demand[name] = (*by_demand.get(name, ()), route)
    plain = found[-1] if found[-1].demands == 0 else None
    return _Address(found, plain, by_demand)


def _route(operation: Operation) -> _Route:
    members = tuple(operation.input.members.values()) if operation.input else ()

    query = [member for member in members if member.location == "querystring"]
    headers = [member for member in members if member.location == "header"]
    return _Route(
        operation=operation,
        fixed=dict(operation.fixed_query),
        required_query=frozenset(member.wire_name for member in query if member.required),
        required_headers=frozenset(member.wire_name.lower() for member in headers if member.required),
        query=frozenset(member.wire_name for member in query),
        numbers=frozenset(member.wire_name for member in query if isinstance(member.shape, IntegerShape)),
        headers=frozenset(member.wire_name.lower() for member in headers),
        prefixes=tuple(member.wire_name.lower() for member in members if member.location == "headers"),
        checksums=operation.checksum_algorithm_member is not None,
    )


def read_call(request: RawRequest, *, presigned: bool, addressing: Addressing = PATH_STYLE) -> S3Call:
    """The operation that the request asks for.

    presigned: whether its claim was read from the query; only then are the parameters of a signature not refused.

    Raises:
        ServiceError: InvalidURI, InvalidBucketName, KeyTooLongError; NotImplemented or MethodNotAllowed for what
            no operation is; InvalidArgument for what is there twice.
    """
    bucket, key = read_address(request.header(b"host") or "", request.path, addressing)
    target: Target = "service" if bucket is None else "bucket" if key is None else "object"
    merged = None if bucket is None or key is None else merged_key(key, bucket, addressing)
    if not request.query:
        usual = _usual_call(request.method, target, tuple([name for name, _ in request.headers]))
        if usual is not None:
            headers = {name: _checked(name, request.named[raw].decode("latin-1")) for raw, name in usual.own}
            return S3Call(usual.operation, target, bucket, key, _NO_PARAMETERS, MappingProxyType(headers), merged)
    sent, twice = _by_name(request)
    query = read_query(request.query) if request.query else {}
    if presigned:
        query = _without_signature(query, sent, twice)
    route = _choose(request.method, target, query, sent)
    return S3Call(
        operation=route.operation,
        target=target,
        bucket=bucket,
        key=key,
        query=MappingProxyType(_own_parameters(route, query)),
        headers=MappingProxyType(_own_headers(route, sent, twice)),
        merged_key=merged,
    )


def read_query(raw: bytes) -> dict[str, str]:
    """The parameters of a query string, decoded once; `+` is a space, as S3 reads it. A bare name has an empty value.

    Raises:
        ServiceError: InvalidURI for what does not decode; InvalidArgument for a parameter that is there twice,
            which one reader takes the first of, and another the last.
    """
    parameters: dict[str, str] = {}
    for part in raw.replace(b"+", b"%20").split(b"&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition(b"=")
        name = decoded(raw_name)
        if name in parameters:
            raise s3_error("InvalidArgument", "a query parameter is given twice", ArgumentName=name)
        parameters[name] = decoded(raw_value)
    return parameters


def _by_name(request: RawRequest) -> tuple[dict[str, str], set[str]]:
    """The headers as text by name, and the names that are there twice."""
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    if len(sent) == len(request.headers):
        return sent, set()
    names = [name for name, _ in request.headers]
    return sent, {name.decode("latin-1") for name in names if names.count(name) > 1}


def _without_signature(query: Mapping[str, str], headers: dict[str, str], twice: set[str]) -> dict[str, str]:
    """The parameters of a presigned URL that are not its signature's. Those that begin with `x-amz-` are headers,
    which SDKs put into the URL so that it is all that its holder needs: they are added to the headers."""
    own: dict[str, str] = {}
    for name, value in query.items():
        if name in SIGNATURE_PARAMETERS:
            continue
        folded = name.lower()
        # In a spelling that the reader of the signature passes over, or where the reader of the body does not look.
        if folded in SIGNATURE_HEADERS or folded in _BODY_HEADERS:
            raise header_not_implemented(name)
        if folded.startswith("x-amz-"):
            if folded in headers:
                twice.add(folded)
            headers[folded] = value
        else:
            own[name] = value
    return own


def _choose(method: str, target: Target, query: Mapping[str, str], headers: Mapping[str, str]) -> _Route:
    """The operation meant: of those whose every demand is met, the one that demands most.

    Which one wins a tie does not matter: it does not know the other's parameters, and is refused for them.
    """
    address = _addresses().get((method, target))
    if address is None:
        if method in ("POST", "OPTIONS"):  # a form and the CORS preflight are no operations of the model
            raise not_implemented("this kind of request is not served")
        raise s3_error("MethodNotAllowed", Method=method)
    chosen = address.plain
    for name in (*query, *headers):
        for route in address.by_demand.get(name, ()):
            if (chosen is None or route.demands > chosen.demands) and route.fits(query, headers):
                chosen = route
    if chosen is None:
        raise not_implemented("this kind of request is not served")
    return chosen


def _own_parameters(route: _Route, query: Mapping[str, str]) -> dict[str, str]:
    """The operation's own parameters; any other is refused, a second sub-resource like an unknown one."""
    own: dict[str, str] = {}
    for name, value in query.items():
        if name in route.fixed:
            own[name] = value
        elif name in route.query:
            own[name] = _checked_parameter(route, name, value)
        elif name == "x-id" and value == route.operation.name:
            continue  # SDKs say here which operation they mean, for logs
        else:
            raise s3_error(
                "NotImplemented",
                f"{route.operation.name} has no such query parameter",
                ArgumentName=name,
            )
    return own


def _checked_parameter(route: _Route, name: str, value: str) -> str:
    """The value, if every reader of it reads the same.

    Raises:
        ServiceError: InvalidArgument.
    """
    if not value and name in _NAMING:
        text = "Version id cannot be the empty string" if name == "versionId" else f"{name} cannot be the empty string"
        raise s3_error("InvalidArgument", text, ArgumentName=name, ArgumentValue=value)
    if name in route.numbers and name not in _READ_ELSEWHERE:
        number = int(value) if _DIGITS.fullmatch(value) else -1
        if name == "partNumber" and not 1 <= number <= limits.UPLOAD_PARTS:
            text = f"Part number must be an integer between 1 and {limits.UPLOAD_PARTS}, inclusive"
            raise s3_error("InvalidArgument", text, ArgumentName=name, ArgumentValue=value)
        if not 0 <= number <= _LARGEST:
            text = f"Provided {name} not an integer or within integer range"
            raise s3_error("InvalidArgument", text, ArgumentName=name, ArgumentValue=value)
    return value


def _own_headers(route: _Route, sent: Mapping[str, str], twice: set[str]) -> dict[str, str]:
    """The operation's own headers; refused: any other of `x-amz-`, or one that narrows, or one that is there twice."""
    own: dict[str, str] = {}
    for name, value in sent.items():
        if name not in route.headers:
            if name in _NO_OPERATIONS_HEADERS:
                continue
            # The same SDK sends with a GET the checksum of the body that there is not.
            if route.operation.http_method == "GET" and name in checksums.NAMES:
                checksums.read_checksums({name: value}).verify({})
                continue
            if not name.startswith("x-amz-"):
                if name in _NARROWING and not (name == _IF_RANGE and _RANGE in route.headers):
                    raise header_not_implemented(name)
                continue
            if (name, value) == _API_VERSION:
                continue
            if not route.has_header(name):
                raise header_not_implemented(name)
        if name in twice:
            raise s3_error("InvalidArgument", "a header is given twice", ArgumentName=name)
        if name == _RANGE and _IF_RANGE in sent:
            continue
        own[name] = _checked(name, value)
    return own


def _checked(name: str, value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise s3_error("InvalidArgument", "a header has a character outside US-ASCII", ArgumentName=name)
    return value.strip()


class _UsualCall(NamedTuple):
    """What requests with headers of certain names ask, whatever their values are. own: the operation's headers."""

    operation: Operation
    own: tuple[tuple[bytes, str], ...]


def _usual_call(method: str, target: Target, names: tuple[bytes, ...]) -> _UsualCall | None:
    """For a request without a query. None says nothing: values count, or it is refused, or names are there twice."""
    if len(names) > _NAMES_CACHED or sum(map(len, names)) > _NAMES_BYTES_CACHED:
        return None
    return _read_names(method, target, names)


@lru_cache(maxsize=_LISTS_CACHED)
def _read_names(method: str, target: Target, names: tuple[bytes, ...]) -> _UsualCall | None:
    if len(set(names)) != len(names):
        return None
    sent = {name.decode("latin-1"): "" for name in names}
    if _API_VERSION[0] in sent or (method == "GET" and not sent.keys().isdisjoint(checksums.NAMES)):
        return None  # refused or not by their values
    try:
        route = _choose(method, target, {}, sent)
        own = _own_headers(route, sent, set())
    except ServiceError:
        return None
    return _UsualCall(route.operation, tuple([(name.encode("latin-1"), name) for name in own]))


# `quote` leaves RFC 3986's unreserved characters alone, and what `safe` adds.
def encode_query(parameters: Iterable[tuple[str, str]]) -> bytes:
    """A query string in which every byte but the unreserved ones is escaped; an empty value keeps its `=`."""
    return "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters]).encode()
