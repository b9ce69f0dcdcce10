"""Questions of nginx and Envoy to the authorizer, and a data directory in which they can be asked; no backend is there,
for none is needed to be asked about."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from daypass.store import open_store
from daypass.wire.http import Headers
from support.api import ACCOUNT, InProcess, Key, allow, in_process
from support.signing import Credentials, header_signed

TOKEN = "a-token-of-thirty-two-characters"
BUCKET = "asked-about"
NGINX = b"/_daypass/nginx"
BACKEND_OPTIONS = {
    "s3_backend": "http://127.0.0.1:9",
    "s3_backend_access_key_id": "BACKENDKEY",
    "s3_backend_secret_access_key": "backend-secret",
}
OPTIONS = {**BACKEND_OPTIONS, "authorizer_listen": "127.0.0.1:8421", "authorizer_token": TOKEN}


@dataclass(frozen=True)
class Askable:
    """user: may do everything in S3. bob: its federated user, only what is below `in/`."""

    root: Key
    user: Key
    bob: Key


@contextmanager
def askable(data: Path) -> Iterator[tuple[InProcess, Askable]]:
    """A running Daypass with a bucket and two who may ask for what is in it."""
    with in_process(data, options=OPTIONS) as daypass:
        asyncio.run(_make_bucket(data))
        user = daypass.user("reader", allow(["s3:*", "sts:GetFederationToken"]))
        below = json.dumps(allow("s3:*", [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/in/*"]))
        bob = daypass.call(user, "GetFederationToken", {"Name": "Bob", "Policy": below}).key
        yield daypass, Askable(daypass.root, user, bob)


async def _make_bucket(data: Path) -> None:
    store = await open_store(data)
    await store.directory.create_bucket(BUCKET, ACCOUNT, "us-east-1", datetime.now(UTC))
    await store.close()


def client_headers(key: Key, method: bytes, path: bytes, query: bytes = b"", body: bytes = b"") -> Headers:
    """Those of the client's request, signed now."""
    credentials = Credentials(key.access_key_id, key.secret, key.token)
    now = datetime.now(UTC)
    return header_signed(credentials, "s3", method=method.decode(), path=path, query=query, body=body, at=now).headers


def nginx_asks(
    method: bytes, target: bytes, headers: Headers, *, length: bytes = b"", token: str = TOKEN
) -> tuple[bytes, Headers]:
    """The question's target and headers. length: of the client's body, as nginx says it."""
    said = (
        (b"x-original-method", method),
        (b"x-original-uri", target),
        (b"x-original-peer", b"192.0.2.7"),
        (b"x-original-scheme", b"https"),
        *([(b"x-original-content-length", length)] if length else []),
        (b"x-daypass-authorizer-token", token.encode()),
    )
    return NGINX, (*headers, *said)


def envoy_asks(target: bytes, headers: Headers, *, token: str = TOKEN) -> tuple[bytes, Headers]:
    added = (
        (b"content-length", b"0"),
        (b"x-envoy-external-address", b"192.0.2.7"),
        (b"x-envoy-internal", b"true"),
        (b"x-envoy-expected-rq-timeout-ms", b"5000"),
        (b"x-forwarded-proto", b"https"),
        (b"x-original-peer", b"192.0.2.7"),
        (b"x-original-scheme", b"https"),
        (b"x-daypass-authorizer-token", token.encode()),
    )
    return b"/_daypass/envoy" + target, (*headers, *added)
