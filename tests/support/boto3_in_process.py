"""boto3 against a Daypass in this process: real clients and parsers, no port and no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from support.api import HOST, InProcess, Key


class _Body:
    """What botocore reads an answer's body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content


def client(daypass: InProcess, key: Key, service: str = "iam") -> Any:
    """An unmodified boto3 client whose requests are handed over instead of sent. It validates nothing itself, so
    that every refusal is the server's."""

    def hand_over(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        headers = [
            (name, value.decode("latin-1") if isinstance(value, bytes) else value)
            for name, value in request.headers.items()
        ]
        if "host" not in request.headers:  # signed with awscrt, a request names its host; otherwise urllib3 does
            headers.insert(0, ("Host", HOST))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        answer = daypass.send(request.method, f"{url.path}?{url.query}", headers, body)
        return AWSResponse(request.url, answer.status, answer.headers, _Body(answer.body))

    made = boto3.client(
        service,
        endpoint_url=f"http://{HOST}",
        region_name="us-east-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret,
        aws_session_token=key.token,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, proxies={}),
    )
    made.meta.events.register("before-send", hand_over)
    return made
