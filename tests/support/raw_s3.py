"""S3 requests byte by byte, signed by botocore's own signer and then changed as a test likes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit
from xml.etree import ElementTree

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.server import REGION, Keys

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """headers: by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def element(self, name: str) -> str | None:
        """The text of the first element of that name in an XML body."""
        for element in ElementTree.fromstring(self.body).iter():  # noqa: S314  our own answer
            if element.tag.rpartition("}")[2] == name:
                return element.text or ""
        return None

    @property
    def code(self) -> str | None:
        """The error's code; None if this is no error."""
        return self.element("Code") if self.status >= 300 and self.body else None


def signed_headers(
    keys: Keys,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    payload_hash: str | None = None,
    body: bytes = b"",
    service: str = "s3",
) -> dict[str, str]:
    """The headers of a request signed in its Authorization header; payload_hash: instead of the body's own."""
    given = {"X-Amz-Content-SHA256": payload_hash or hashlib.sha256(body).hexdigest(), **(headers or {})}
    request = AWSRequest(method, url, data=body, headers=given)
    signer = _Signer(_credentials(keys), service, REGION)
    signer.payload_hash = given["X-Amz-Content-SHA256"]
    signer.add_auth(request)
    return dict(request.headers.items())


class _Signer(S3SigV4Auth):
    """botocore's, with a payload hash of the test's choosing."""

    payload_hash: str

    def payload(self, request: AWSRequest) -> str:
        return self.payload_hash


def presigned(keys: Keys, method: str, url: str, seconds: int = 300) -> str:
    request = AWSRequest(method, url)
    S3SigV4QueryAuth(_credentials(keys), "s3", REGION, expires=seconds).add_auth(request)
    return str(request.url)


def _credentials(keys: Keys) -> Credentials:
    return Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)


def send(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
    """One request on a connection of its own, its target exactly as given."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        sent = dict(headers or {})
        own_host = "host" in {name.lower() for name in sent}
        connection.putrequest(method, target or "/", skip_accept_encoding=True, skip_host=own_host)
        if body is not None and not {"content-length", "transfer-encoding"} & {name.lower() for name in sent}:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def call(
    keys: Keys,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    payload_hash: str | None = None,
    unsigned: Mapping[str, str] | None = None,
) -> Answer:
    """A signed request, sent. unsigned: headers added after it was signed."""
    signed = signed_headers(keys, method, url, headers, payload_hash=payload_hash, body=body or b"")
    return send(method, url, {**signed, **(unsigned or {})}, body)
