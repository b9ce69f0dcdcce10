"""GetFederationToken requests as an unmodified botocore sends them, signed by botocore, kept as bytes.

Every request has its own Name and its own session policy (a prefix of that user's own), so that nothing a
server could remember of one request spares it work on another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import botocore.config
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.credentials import Credentials

REGION: Final = "us-east-1"
_DURATION_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Keys:
    """A long-term access key. Its repr does not show the secret."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key_id})"


def client(service: str, url: str, keys: Keys, session_token: str | None = None) -> Any:
    """A botocore client of that service at our server."""
    return botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=session_token,
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def federated_name(index: int) -> str:
    return f"user-{index:06d}"


def session_policy(index: int) -> str:
    """160 characters: read and write below that user's own prefix."""
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": f"arn:aws:s3:::benchmark-files/homes/{federated_name(index)}/*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return json.dumps(document, separators=(",", ":"))


def federation_requests(url: str, keys: Keys, count: int) -> list[bytes]:
    """Whole HTTP/1.1 requests, all different, signed now (so good for 15 minutes)."""
    sts = client("sts", url, keys)
    captured: list[AWSPreparedRequest] = []

    def capture(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        # An answer from a before-send handler keeps botocore from sending: the request is complete by then.
        captured.append(request)
        return AWSResponse(request.url, 200, {}, _NoAnswer())

    sts.meta.events.register("before-send.sts.GetFederationToken", capture)
    for index in range(count):
        sts.get_federation_token(
            Name=federated_name(index), Policy=session_policy(index), DurationSeconds=_DURATION_SECONDS
        )
    return [_as_sent(request) for request in captured]


def form_requests(url: str, keys: Keys | None, forms: Sequence[Mapping[str, str]], token: str | None) -> list[bytes]:
    """Forms for STS as whole HTTP/1.1 requests, signed now by botocore's signer; with None for keys not signed.

    token: of the session that the keys belong to. For actions that this botocore does not know, too.
    """
    requests = []
    for form in forms:
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": "Botocore"}
        request = AWSRequest("POST", f"{url}/", data=urlencode(form), headers=headers)
        if keys is not None:
            credentials = Credentials(keys.access_key_id, keys.secret_access_key, token)
            SigV4Auth(credentials, "sts", REGION).add_auth(request)
        requests.append(_as_sent(request.prepare()))
    return requests


def tampered(request: bytes) -> bytes:
    """The same request with the last digit of its signature changed."""
    at = request.index(b"Signature=") + len(b"Signature=") + 63
    return request[:at] + (b"0" if request[at : at + 1] != b"0" else b"1") + request[at + 1 :]


class _NoAnswer:
    """An empty but well-formed answer for botocore to parse."""

    def stream(self, **_: object) -> list[bytes]:
        return [b"<GetFederationTokenResponse><GetFederationTokenResult/></GetFederationTokenResponse>"]


def _as_sent(request: AWSPreparedRequest) -> bytes:
    host, slash, target = request.url.partition("://")[2].partition("/")
    lines = [f"{request.method} {slash}{target} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
    for name, value in request.headers.items():
        if name.lower() == "host":  # the signer of botocore's that uses awscrt names it; an HTTP client sends one
            continue
        lines.append(f"{name}: {value.decode() if isinstance(value, bytes) else value}")
    body = request.body if isinstance(request.body, bytes) else request.body.encode()
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
