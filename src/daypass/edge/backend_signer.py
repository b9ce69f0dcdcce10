"""The head of a request to a storage backend, signed with the backend's own key.

Owns which headers are signed and in what order, and that no value breaks out of its line. Sending it is edge.upstream's
work, or a proxy's that was told it (edge.front).

Source: S3 API Reference, "Authenticating requests: using the Authorization header".
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import Final

from daypass.edge.upstream_request import UpstreamRequest
from daypass.names import Secret
from daypass.wire import sigv4
from daypass.wire.http import Headers

_SAY_LENGTH: Final = frozenset({"PUT", "POST"})  # also of no body: some stores answer 411 (RFC 9110, 8.6)


class BackendSigner:
    """Signs for one backend. Its repr shows neither key nor secret."""

    def __init__(self, host: str, access_key_id: str, secret: Secret, region: str) -> None:
        """host: as the Host header names it."""
        self._host = host.encode("ascii")
        self._access_key_id = access_key_id
        self._secret = secret
        self._region = region
        self._key: sigv4.SigningKey | None = None
        self._second = -1
        self._amz_date = ""

    def sign(self, request: UpstreamRequest) -> tuple[Headers, bytes]:
        """The headers that are signed - host, hash and date, then the request's own - and the Authorization value."""
        date = self._date(request.at)
        payload_hash, own = request.payload_hash, request.headers
        signed: Headers = (
            (b"host", self._host),
            (b"x-amz-content-sha256", payload_hash.encode("ascii")),
            (b"x-amz-date", date.encode("ascii")),
            *own,
        )
        method, path, query = request.method, request.path, request.query
        key_id, key = self._access_key_id, self._key_for(date[:8])
        if own:
            authorization = sigv4.sign_with_key(method, path, query, signed, payload_hash, key_id, key, date)
        else:
            authorization = sigv4.sign_bare(method, path, query, self._host, payload_hash, key_id, key, date)
        return signed, authorization.encode("ascii")

    def head(self, request: UpstreamRequest) -> bytes:
        """The request's line and headers, the signature over all of them among them.

        Raises:
            ValueError: a value has a line end in it.
        """
        signed, authorization = self.sign(request)
        if request.content_length is not None:
            length = b"content-length: %d\r\n" % request.content_length
        else:
            length = b"content-length: 0\r\n" if request.method in _SAY_LENGTH else b""
        fields = b"%b: %b\r\n" * len(signed) % tuple(chain.from_iterable(signed))
        target = request.path + b"?" + request.query if request.query else request.path
        head = b"%b %b HTTP/1.1\r\n%b%bauthorization: %b\r\n\r\n" % (
            request.method.encode("ascii"),
            target,
            fields,
            length,
            authorization,
        )
        # A line end within a value would be a header of its own, or a request of its own.
        lines = len(signed) + 3 + bool(length)
        if head.count(b"\n") != lines or head.count(b"\r") != lines:
            raise ValueError("a line end within the head of a request")
        return head

    def _date(self, at: datetime) -> str:
        """amz_date, which is the same for a second."""
        second = int(at.timestamp())
        if second != self._second:
            self._second, self._amz_date = second, sigv4.amz_date(at)
        return self._amz_date

    def _key_for(self, day: str) -> sigv4.SigningKey:
        key = self._key
        if key is None or key.date != day:
            key = self._key = sigv4.signing_key(self._secret, day, self._region, "s3")
        return key
