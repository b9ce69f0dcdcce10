"""The S3 gateway in one process, before a backend that keeps every byte it got: for what must never reach a backend.

The backend listens on a port, for the gateway's client is part of what is tested; the client's side has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from support.api import HOST, Answer, InProcess, Key, allow, in_process
from support.aws_chunked import Seed, encode, split
from support.raw_s3 import signed_headers
from support.recording_backend import Recorded, RecordingBackend, recording
from support.server import REGION, Keys

URL = f"http://{HOST}"
BUCKET = "body-bucket"


class S3InProcess:
    """root: may do everything. other: an IAM user who may do nothing. session: root-like, by GetFederationToken."""

    def __init__(self, daypass: InProcess, backend: RecordingBackend) -> None:
        self.daypass = daypass
        self.backend = backend
        self.root = keys_of(daypass.root)
        self.other = keys_of(daypass.user("other"))
        issuer = daypass.user("issuer", allow(["s3:*", "sts:*"]))
        policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
        self.session, self.other_session = (
            keys_of(daypass.call(issuer, "GetFederationToken", {"Name": name, "Policy": policy}).key)
            for name in ("One", "Two")
        )
        assert self.signed("PUT", f"/{BUCKET}").status == 200
        backend.reset()

    @property
    def completed(self) -> list[Recorded]:
        """The requests that the backend got whole."""
        return [request for request in self.backend.requests if request.complete]

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        cuts: Sequence[bytes] | None = None,
        says_length: bool = True,
    ) -> Answer:
        """One request as it is. target: without scheme and host."""
        sent = {name.lower(): value for name, value in headers.items() if name.lower() != "host"}
        if says_length and (body or method in ("PUT", "POST")):
            sent.setdefault("content-length", str(len(body)))
        elif not says_length:
            sent["transfer-encoding"] = "chunked"
        pieces = (
            list(cuts) if cuts is not None else [body[n : n + 65_536] for n in range(0, len(body), 65_536)] or [b""]
        )
        return self.daypass.send(method, target, [("host", HOST), *sent.items()], chunks=pieces)

    def signed(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        keys: Keys | None = None,
        payload_hash: str | None = None,
    ) -> Answer:
        head = signed_headers(keys or self.root, method, URL + target, headers, payload_hash=payload_hash, body=body)
        return self.send(method, target, head, body)

    def by_url(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """One request to a presigned URL."""
        parts = urlsplit(url)
        return self.send(method, f"{parts.path}?{parts.query}", headers or {}, body)

    def settled(self) -> None:
        """Once the backend has seen the end of every connection that is broken off."""
        connections = list(self.backend.connections)
        self.backend.hang_up()
        assert self.backend.wait_for(lambda: all(connection.fileno() == -1 for connection in connections))


def chunked(
    head: Mapping[str, str], body: bytes, mode: str, secret: str, trailers: Mapping[str, str] | None = None
) -> bytes:
    """The body as a client sends it in that mode. head: of the request, signed."""
    seed = None
    if "HMAC" in mode:
        signature = head["Authorization"].rpartition("Signature=")[2]
        seed = Seed(secret, head["X-Amz-Date"], REGION, signature)
    return encode(split(body), seed=seed, trailers=trailers if mode.endswith("TRAILER") else None)


def keys_of(key: Key) -> Keys:
    return Keys(key.access_key_id, key.secret, key.token)


@contextmanager
def s3_in_process(directory: Path, options: Mapping[str, str] | None = None) -> Iterator[S3InProcess]:
    with recording() as record:
        settings = {
            "s3_backend": record.backend.endpoint,
            "s3_backend_access_key_id": record.backend.access_key_id,
            "s3_backend_secret_access_key": record.backend.secret_access_key,
            **(options or {}),
        }
        with in_process(directory, None, settings) as daypass:
            yield S3InProcess(daypass, record)
