"""`daypass check-proxy`: whether a proxy in front of S3 passes on what Daypass decided, and nothing else.

Writes small objects under names that proxies like to rewrite, through the proxy, and reads them at the gateway. Then it
sends what must be refused. What it wrote it removes again.

Source: docs/authorizer.md, "nginx" and "Envoy"; nginx's documentation, proxy_pass ("If proxy_pass is specified with a
URI"); Envoy's, "HTTP connection manager", normalize_path and merge_slashes.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from daypass.commands import aws_environment
from daypass.commands.aws_environment import AwsEnvironment, EnvironmentFault
from daypass.store.entropy import SystemEntropy
from daypass.wire import sigv4
from daypass.wire.s3_address import encode_path

_SECONDS: Final = 30
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"

# Names that are one object each at S3, and that a proxy which decodes, merges or normalises makes another of.
_ODD_NAMES: Final = (
    "plain",
    "a b",
    "a+b",
    "a%2Fb",
    "two//slashes",
    "per%25cent",
    "question?mark&ampersand=1",
    "hash#mark",
    "ünïcode",
    "quotes'()*!",
    "trailing/",
)


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was tried. advice: what is wrong, if it is."""

    check: str
    passed: bool
    advice: str


class _Endpoint:
    """A place to send signed requests to."""

    def __init__(self, url: str, environment: AwsEnvironment) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
            raise click.BadParameter(f"`{url}` is no URL of a server, such as http://127.0.0.1:8080")
        self._tls = parts.scheme == "https"
        self._netloc = parts.netloc
        self._environment = environment
        self.went_straight = False  # whether an answer was the store's own, as the proxy says

    def send(
        self,
        method: str,
        path: bytes,
        body: bytes = b"",
        *,
        signed_body: bytes | None = None,
        is_signed: bool = True,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """The status and the body of the answer. signed_body: what is signed for instead of what is sent.

        Raises:
            ClickException: no answer.
        """
        at = datetime.now(UTC)  # noqa: TID251  a request is signed with the time it is sent at
        digest = hashlib.sha256(body if signed_body is None else signed_body).hexdigest()
        sent = {"host": self._netloc, "x-amz-date": sigv4.amz_date(at), "x-amz-content-sha256": digest}
        if self._environment.session_token is not None:
            sent["x-amz-security-token"] = self._environment.session_token.reveal()
        if is_signed:
            sent["authorization"] = sigv4.sign(
                method,
                path,
                b"",
                tuple((name.encode("ascii"), value.encode("ascii")) for name, value in sent.items()),
                digest,
                self._environment.access_key_id,
                self._environment.secret,
                self._environment.region,
                "s3",
                at,
            )
        connection = self._connection()
        try:
            connection.putrequest(method, path.decode("ascii"), skip_host=True, skip_accept_encoding=True)
            for name, value in {**sent, **(headers or {})}.items():
                connection.putheader(name, value)
            if method == "PUT":
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            self.went_straight |= response.headers["x-daypass-request-id"] is not None
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"no answer from {self._netloc}: {error}") from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._netloc, timeout=_SECONDS)
        context = ssl.create_default_context(cafile=self._environment.ca_bundle)
        return http.client.HTTPSConnection(self._netloc, timeout=_SECONDS, context=context)


@click.command(name="check-proxy", short_help="See whether a proxy in front of S3 does what it must.")
@click.option("--proxy", required=True, metavar="URL", help="The proxy, as S3 clients reach it.")
@click.option("--gateway", required=True, metavar="URL", help="Daypass itself, behind it: `daypass serve --listen`.")
@click.option("--bucket", required=True, metavar="NAME", help="A bucket that you may read and write.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a check, one a line.")
def check_proxy(proxy: str, gateway: str, bucket: str, *, as_json: bool) -> None:
    """See whether a proxy in front of S3 passes on what Daypass decided, and nothing else.

    Takes your ordinary AWS environment; your keys need s3:PutObject, s3:GetObject and s3:DeleteObject on
    BUCKET/daypass-check-proxy/*, where it writes some small objects and removes them again. Ends with 1 if the proxy
    fails a check.

    \b
      daypass check-proxy --proxy https://s3.example.com --gateway http://127.0.0.1:8420 --bucket lake
    """
    try:
        environment = aws_environment.read(os.environ, Path.home())  # noqa: TID251  the caller's own
    except EnvironmentFault as fault:
        raise click.ClickException(str(fault)) from None
    front, behind = _Endpoint(proxy, environment), _Endpoint(gateway, environment)
    folder = f"daypass-check-proxy/{SystemEntropy().bytes(8).hex()}"
    _require_permissions(behind, bucket, folder)
    failed = 0
    for result in _results(front, behind, bucket, folder):
        failed += not result.passed
        _tell(result, as_json=as_json)
    if failed:
        if not as_json:
            click.echo(f"\n{failed} failed. Compare the configuration with docs/proxies/ line by line.")
        sys.exit(1)
    if not as_json:
        click.echo("\nThe proxy passes on what Daypass decided, and nothing else.")
    if not front.went_straight:
        click.echo("Nothing went straight to the store: see which requests do in docs/authorizer.md.", err=True)


def _require_permissions(gateway: _Endpoint, bucket: str, folder: str) -> None:
    """What fails at the gateway itself is no fault of the proxy's.

    Raises:
        ClickException: the keys, their permissions or the bucket are not as they must be.
    """
    path = encode_path(bucket, f"{folder}/permissions")
    for method, expected in (("PUT", 200), ("GET", 200), ("DELETE", 204)):
        status, answer = gateway.send(method, path)
        if status != expected:
            raise click.ClickException(
                f"the gateway itself answers {method} in {bucket} with {status} {_code(answer)}: "
                "see to the keys, their permissions and the bucket first"
            )


def _results(front: _Endpoint, behind: _Endpoint, bucket: str, folder: str) -> Iterator[Result]:
    written = []
    try:
        for name in _ODD_NAMES:
            path = encode_path(bucket, f"{folder}/{name}")
            written.append(path)
            yield _same_object(front, behind, path, name)
        path = encode_path(bucket, f"{folder}/refused")
        written.append(path)
        yield _refuses(
            behind,
            path,
            "a body that is not the one that was signed",
            lambda: front.send("PUT", path, b"forged", signed_body=b"signed"),
            "the store does not verify x-amz-content-sha256; send its requests through the gateway instead",
        )
        yield _refuses(
            behind,
            path,
            "a request without a signature",
            lambda: front.send("PUT", path, b"nobody", is_signed=False),
            "the proxy reaches the store without asking: does each location ask (auth_request, ext_authz)?",
        )
        yield _refuses(
            behind,
            path,
            "a client that says where to go",
            lambda: front.send("PUT", path, b"nobody", is_signed=False, headers=_FORGED),
            "the proxy believes a client's X-Daypass-… or X-Original-… headers",
        )
    finally:
        for path in written:
            behind.send("DELETE", path)


_FORGED: Final = {
    "x-daypass-route": "backend",
    "x-daypass-uri": "/",
    "x-original-method": "GET",
    "x-original-uri": "/",
}


def _same_object(front: _Endpoint, behind: _Endpoint, path: bytes, name: str) -> Result:
    body = f"check-proxy {name}".encode()
    check = f"an object called {name!r}"
    status, answer = front.send("PUT", path, body)
    if status != 200:
        code = _code(answer)
        if behind.send("PUT", path, body)[0] != 200:
            return Result(check, passed=True, advice=f"the store does not take it, by the gateway either: {code}")
        advice = f"writing it was answered {status}: {code}"
        if code == "SignatureDoesNotMatch":
            advice += "; the proxy changes the path, the Host or another header that is signed"
        return Result(check, passed=False, advice=advice)
    status, answer = behind.send("GET", path)
    if status != 200:
        return Result(
            check, passed=False, advice="it was stored under another name: proxy_pass has a URI, or slashes are merged"
        )
    if answer != body:
        return Result(check, passed=False, advice="it was stored with another content")
    status, answer = front.send("GET", path)
    if (status, answer) != (200, body):
        return Result(check, passed=False, advice=f"reading it was answered {status}: {_code(answer)}")
    return Result(check, passed=True, advice="")


def _refuses(
    behind: _Endpoint, path: bytes, what: str, attempt: Callable[[], tuple[int, bytes]], advice: str
) -> Result:
    status, _ = attempt()
    stored = behind.send("GET", path)[0] == 200
    if stored:
        behind.send("DELETE", path)  # or the next check would find it
    passed = status >= 400 and not stored
    return Result(f"{what} is refused", passed=passed, advice="" if passed else f"answered {status}; {advice}")


def _code(answer: bytes) -> str:
    return answer.partition(b"<Code>")[2].partition(b"</Code>")[0].decode("ascii", "replace") or "no S3 error"


def _tell(result: Result, *, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Any] = {"check": result.check, "passed": result.passed, "advice": result.advice}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    click.echo(f"{'ok     ' if result.passed else 'FAILED '} {result.check}")
    if result.advice:
        click.echo(f"        {result.advice}")
