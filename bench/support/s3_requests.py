"""S3 requests to a server of ours as bytes, signed by botocore or not at all."""

from __future__ import annotations

from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from support.signed import REGION, Keys


def head(port: int, keys: Keys | None, method: str, path: str, payload_hash: str, length: int) -> bytes:
    """A request's head. keys: None: nobody signs it. length: of the body."""
    headers = {"Host": f"127.0.0.1:{port}"}
    if length:
        headers["Content-Length"] = str(length)
    if keys is not None:
        headers |= signature(keys, method, f"http://127.0.0.1:{port}{path}", payload_hash)
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"


def signature(keys: Keys, method: str, url: str, payload_hash: str) -> dict[str, str]:
    """The headers that sign the request, beside Host."""
    request = botocore.awsrequest.AWSRequest(method, url, headers={"X-Amz-Content-SHA256": payload_hash})
    signer = _Signer(botocore.credentials.Credentials(keys.access_key_id, keys.secret_access_key), "s3", REGION)
    signer.payload_hash = payload_hash
    signer.add_auth(request)
    return {name: str(value) for name, value in request.headers.items() if name != "Host"}


class _Signer(botocore.auth.S3SigV4Auth):  # type: ignore[misc]  # because botocore has no types
    payload_hash: str

    def payload(self, request: Any) -> str:
        return self.payload_hash
