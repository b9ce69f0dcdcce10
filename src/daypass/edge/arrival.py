"""How an S3 request arrives: as what it is, as a browser's form, or with a signature of Version 2.

Whatever it was, what leaves here is one request to be read as an S3 call, one claim, and what the claim signs; a
request with signatures in two places does not. Nothing is proven here; of a form all that precedes its file is read.

Source: S3 API Reference, "POST Object", "Authenticating requests in browser-based uploads using POST"; S3 User Guide,
"Query string request authentication alternative" for Version 2.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from daypass import limits
from daypass.edge.body import ObjectBody
from daypass.edge.client import Client
from daypass.service import s3_documents
from daypass.service.authenticate import service_error
from daypass.wire import s3_xml, sigv2, sigv4
from daypass.wire.checksums import TRAILER, read_checksums
from daypass.wire.http import Headers, RawRequest
from daypass.wire.payload import DECODED_LENGTH, BodyMode, Payload
from daypass.wire.post_form import FormBody, read_boundary
from daypass.wire.post_policy import PostPolicy, read_post_policy
from daypass.wire.s3 import S3Call
from daypass.wire.s3_address import Addressing, encode_path, read_address
from daypass.wire.s3_errors import s3_error
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD, Claim, Fault, SignatureFault

# Fields that are headers of PutObject under another name, or under their own.
_RENAMED: Final = {"acl": "x-amz-acl"}
_HEADERS: Final = frozenset(
    {"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"}
)
# Fields that are acted on here, or by whoever reads the signature.
_OWN: Final = frozenset(
    {
        "awsaccesskeyid",
        "bucket",
        "key",
        "policy",
        "redirect",
        "signature",
        "success_action_redirect",
        "success_action_status",
        "tagging",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-signature",
    }
)
# Headers that say how a body travels; a form's file travels in a form.
_NO_FIELDS: Final = frozenset({"x-amz-content-sha256", "x-amz-copy-source", DECODED_LENGTH, TRAILER})
_STATUSES: Final = {"200": 200, "201": 201, "204": 204}
_KEPT: Final = frozenset({b"host", b"referer", b"user-agent"})  # of the POST's own headers, for conditions


class Arrival(msgspec.Struct, frozen=True):
    """request: to be read as an S3 call. text: what the claim signs, if that is no canonical request.
    form: that the request came as; None if it came as itself."""

    request: RawRequest
    claim: Claim | None
    text: bytes | None = None
    form: Form | None = None

    def __repr__(self) -> str:
        """What was sent stays out: a token, a signature or a policy may be among it."""
        return f"Arrival({self.request!r})"

    def check_operation(self, call: S3Call) -> None:
        """Version 2 signs too little of what most operations ask, and a form is a PutObject.

        Raises:
            ServiceError: InvalidRequest.
        """
        if self.form is not None and call.operation.name != "PutObject":
            raise s3_error("InvalidRequest", f"{call.operation.name} is not served as a form")
        old = self.claim is not None and self.claim.algorithm == sigv2.ALGORITHM
        if old and call.operation.name not in sigv2.OPERATIONS:
            raise s3_error("InvalidRequest", f"{call.operation.name} is not served with Signature Version 2")


@dataclass(frozen=True, slots=True)
class Form:
    """A browser upload, read up to its file.

    fields: by lower-case name, variables replaced. bucket: that the address names.
    file_length: in bytes. policy: None for a form that nobody signed.
    """

    fields: dict[str, str]
    bucket: str
    key: str
    file_length: int
    policy: PostPolicy | None
    url: str
    file: _File
    rest: AsyncIterator[bytes]

    def check(self, request: RawRequest) -> None:
        """Holds the form to its policy, whose signature is proven by now. Raises ServiceError."""
        if self.policy is not None:
            self.policy.check(self.fields, self.bucket, self.file_length, request.received)

    def body(self, call: S3Call) -> ObjectBody:
        """The file. Raises ServiceError for checksums that cannot be held to."""
        payload = Payload(BodyMode.UNSIGNED, UNSIGNED_PAYLOAD, self.file_length)
        return ObjectBody(_after_nothing(self.rest), payload, read_checksums(call.headers), self.file)

    def answer(self, headers: Headers) -> tuple[int, Headers, bytes]:
        """What a browser is told of its success. headers: of PutObject's answer."""
        etag = next((value.decode("latin-1") for name, value in headers if name == b"etag"), "")
        location = self._redirect(etag)
        if location is not None:
            return 303, ((b"location", location), (b"content-length", b"0")), b""
        status = _STATUSES.get(self.fields.get("success_action_status", ""), 204)
        if status != 201:
            return status, () if status == 204 else ((b"content-length", b"0"),), b""
        elements = [("Location", self.url), ("Bucket", self.bucket), ("Key", self.key), ("ETag", etag)]
        body = s3_xml.render("PostResponse", elements)
        length = str(len(body)).encode("ascii")
        return 201, ((b"content-type", b"application/xml"), (b"content-length", length)), body

    def _redirect(self, etag: str) -> bytes | None:
        """Where whoever signed the form sends the browser to; nobody's wish is none, nor is what is no address."""
        text = self.fields.get("success_action_redirect", self.fields.get("redirect"))
        if text is None or self.policy is None or not text.isascii() or not text.isprintable() or " " in text:
            return None
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return None
        named = f"bucket={quote(self.bucket, safe='')}&key={quote(self.key, safe='')}&etag={quote(etag, safe='')}"
        return parts._replace(query=f"{parts.query}&{named}" if parts.query else named).geturl().encode("ascii")


def arrive_plainly(request: RawRequest, claim: Claim | SignatureFault | None) -> Arrival | None:
    """A request that came as itself, as nearly all do. None says nothing: ask `arrive`."""
    if isinstance(claim, SignatureFault) or request.method == "POST":
        return None
    return Arrival(request, claim)


async def arrive(
    request: RawRequest,
    claim: Claim | SignatureFault | None,
    client: Client,
    addressing: Addressing,
    *,
    version_2: bool,
) -> Arrival:
    """version_2: whether signatures of Version 2 are verified, or refused with advice.

    Raises:
        ServiceError: whatever is wrong with the form, or with the claim.
        ClientGone: it left.
    """
    try:
        if isinstance(claim, SignatureFault):
            if claim.fault is not Fault.SIGV2 or claim.location != "query" or not version_2:
                raise claim
            old, text, unsigned = sigv2.read_claim(request, _resource(request, addressing))
            return Arrival(unsigned, old, text)
        boundary = _form_boundary(request)
        if boundary is None:
            return Arrival(request, claim)
        if claim is not None:
            raise s3_error("InvalidArgument", "a form is signed in its fields", ArgumentName="Authorization")
        return await _read_form(request, client, boundary, addressing, version_2=version_2)
    except SignatureFault as fault:
        raise service_error(fault, "s3") from None


def _resource(request: RawRequest, addressing: Addressing) -> bytes:
    """`/bucket/key` as Version 2 signs it: as it was sent, the bucket of a virtual host before it."""
    bucket, _ = read_address(request.header(b"host") or "", request.path, addressing)
    own_host = bucket is not None and bucket != read_address("", request.path, Addressing())[0]
    return b"/" + bucket.encode("ascii") + request.path if own_host and bucket is not None else request.path


def _form_boundary(request: RawRequest) -> bytes | None:
    if request.method != "POST" or request.query:
        return None
    return read_boundary(request.header(b"content-type") or "")


async def _read_form(
    request: RawRequest, client: Client, boundary: bytes, addressing: Addressing, *, version_2: bool
) -> Arrival:
    bucket, key = read_address(request.header(b"host") or "", request.path, addressing)
    if bucket is None or key is not None:
        raise s3_error("MethodNotAllowed", Method="POST")
    if client.content_length is None:
        raise s3_error("MissingContentLength")
    if client.content_length > limits.OBJECT_PUT_BYTES + limits.FORM_FIELDS_BYTES:
        raise s3_error("EntityTooLarge", MaxSizeAllowed=str(limits.OBJECT_PUT_BYTES))
    reader = FormBody(boundary)
    received = client.body()
    begun: list[bytes] = []
    async for data in received:
        begun += reader.feed(data)
        if reader.has_reached_the_file and client.content_length > limits.FORM_WHOLE_BYTES:
            break
    if not reader.has_reached_the_file:
        raise s3_error("InvalidArgument", "POST requires exactly one file upload per request.")
    if client.content_length > limits.FORM_WHOLE_BYTES:
        file_length = reader.usual_file_length(client.content_length) + sum(map(len, begun))
    else:
        file_length = sum(map(len, begun))
    reader.expect(file_length)

    fields = _expanded(reader.fields, reader.file_name)
    policy, text, claim = None, None, _form_claim(fields, request, version_2=version_2)
    if "policy" in fields and claim is not None:
        policy, text = read_post_policy(fields["policy"]), fields["policy"].encode("utf-8")
    elif "policy" in fields or claim is not None:
        raise s3_error("AccessDenied", "a form's policy and its signature need each other")
    object_key = fields.get("key", "")
    if not object_key or fields.get("bucket", bucket) != bucket:
        raise s3_error("InvalidArgument", "a form names its object's key, and no other bucket", ArgumentName="key")
    put = _put(request, bucket, object_key, fields, file_length)
    url = f"{'https' if request.secure else 'http'}://{request.header(b'host')}{put.path.decode('ascii')}"
    form = Form(
        fields=fields,
        bucket=bucket,
        key=object_key,
        file_length=file_length,
        policy=policy,
        url=url,
        file=_File(reader, begun),
        rest=received,
    )
    return Arrival(put, claim, text, form)


def _form_claim(fields: dict[str, str], request: RawRequest, *, version_2: bool) -> Claim | None:
    """The form's claim. Raises SignatureFault."""
    try:
        return sigv4.read_form_claim(fields, request.received)
    except SignatureFault as fault:
        if fault.fault is not Fault.SIGV2 or not version_2:
            raise
    return sigv4.read_old_form_claim(fields, request.received)


class _File:
    """What is left of a form: the pieces of its file that came with the fields, and its reader for the rest."""

    def __init__(self, reader: FormBody, begun: list[bytes]) -> None:
        self._reader = reader
        self._begun = begun

    def feed(self, data: bytes) -> list[bytes]:
        begun, self._begun = self._begun, []
        return begun + self._reader.feed(data)

    def finish(self) -> Mapping[str, str]:
        return self._reader.finish()


async def _after_nothing(rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is received, and before it an occasion to pass on what was."""
    yield b""
    async for data in rest:
        yield data


def _expanded(fields: dict[str, str], file_name: str) -> dict[str, str]:
    """Variables are replaced before the policy is asked. Of a path that a browser sends the name counts."""
    name = file_name.replace("\\", "/").rpartition("/")[2]
    return {field: value.replace("${filename}", name) for field, value in fields.items()}


def _put(request: RawRequest, bucket: str, key: str, fields: dict[str, str], file_length: int) -> RawRequest:
    """The form as the PutObject that it stands for: read, checked and decided as any other."""
    headers = [(name, value) for name, value in request.headers if name in _KEPT]
    headers.append((b"content-length", str(file_length).encode("ascii")))
    for name, value in fields.items():
        if name in _OWN or name.startswith("x-ignore-"):
            continue
        header = _RENAMED.get(name, name)
        if header in _NO_FIELDS or (header not in _HEADERS and not header.startswith("x-amz-")):
            raise s3_error("InvalidArgument", "this form field is not served", ArgumentName=name)
        headers.append((header.encode("latin-1", "replace"), value.encode("utf-8")))
    if "tagging" in fields:
        headers.append((b"x-amz-tagging", _tagging(fields["tagging"])))
    return RawRequest(
        "PUT",
        encode_path(bucket, key),
        b"",
        tuple(headers),
        b"",
        request.source_ip,
        request.secure,
        request.received,
    )


def _tagging(document: str) -> bytes:
    """A form has its tags in XML, a header in a query string."""
    try:
        tags = s3_documents.tags_of(s3_xml.parse(document.encode("utf-8"), strict=True))
    except s3_xml.MalformedXML:
        raise s3_error("MalformedXML") from None
    return "&".join([f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in tags.items()]).encode("ascii")
