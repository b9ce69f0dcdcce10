"""GetFederationToken asked over HTTP: one signed request to any STS, and its answer as a value.

The standard library's client keeps the start short. A redirect is never followed: it would carry a signed
request elsewhere.

Source: STS API Reference, "GetFederationToken", "Making query requests".
"""

from __future__ import annotations

import hashlib
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from daypass.commands.aws_environment import AwsEnvironment
from daypass.names import Secret
from daypass.wire import sigv4

TIMEOUT_SECONDS: Final = 30
ANSWER_BYTES: Final = 1_048_576  # an answer is about 6 KB; more than this is not STS
_CONTENT_TYPE: Final = "application/x-www-form-urlencoded; charset=utf-8"


class Refused(Exception):
    """The service's refusal: its code and its message, as it wrote them."""


class Unreachable(Exception):
    """No answer, or one that is not of STS."""


@dataclass(frozen=True, slots=True)
class FederationToken:
    """What GetFederationToken answered. expiration: as sent, ISO 8601."""

    access_key_id: str
    secret: Secret
    session_token: Secret
    expiration: str
    federated_user_id: str
    arn: str
    packed_policy_size: int | None


def get_federation_token(
    environment: AwsEnvironment,
    now: datetime,
    name: str,
    *,
    policy: str | None = None,
    policy_arns: Sequence[str] = (),
    duration_seconds: int | None = None,
    tags: Sequence[tuple[str, str]] = (),
) -> FederationToken:
    """Narrowed credentials for the federated user `name`. What is None or empty is not sent.

    now: aware UTC; the time the request is signed at.

    Raises:
        Refused: the service said no.
        Unreachable: it said nothing that can be understood.
    """
    parameters: dict[str, str] = {"Action": "GetFederationToken", "Version": "2011-06-15", "Name": name}
    if policy is not None:
        parameters["Policy"] = policy
    for number, arn in enumerate(policy_arns, 1):
        parameters[f"PolicyArns.member.{number}.arn"] = arn
    if duration_seconds is not None:
        parameters["DurationSeconds"] = str(duration_seconds)
    for number, (key, value) in enumerate(tags, 1):
        parameters[f"Tags.member.{number}.Key"] = key
        parameters[f"Tags.member.{number}.Value"] = value

    request = _signed(environment, now, urlencode(parameters).encode())
    return _answer(_send(request, environment))


def _signed(environment: AwsEnvironment, now: datetime, body: bytes) -> urllib.request.Request:
    """The request with every header that it needs, signed."""
    url = urlsplit(environment.endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Unreachable(f"the STS endpoint `{environment.endpoint}` is not an http or https address")
    headers = {
        "content-type": _CONTENT_TYPE,
        "host": url.netloc.rpartition("@")[2],
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    if environment.session_token is not None:
        headers["x-amz-security-token"] = environment.session_token.reveal()
    authorization = sigv4.sign(
        "POST",
        url.path.encode() or b"/",
        b"",
        tuple((key.encode(), value.encode()) for key, value in headers.items()),
        hashlib.sha256(body).hexdigest(),
        environment.access_key_id,
        environment.secret,
        environment.region,
        "sts",
        now,
    )
    return urllib.request.Request(  # noqa: S310  the scheme is http or https, checked above
        f"{url.scheme}://{headers['host']}{url.path or '/'}",
        data=body,
        headers={**headers, "authorization": authorization},
        method="POST",
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _send(request: urllib.request.Request, environment: AwsEnvironment) -> bytes:
    """The body of a 200; the environment's proxy settings hold, as for every AWS tool."""
    context = ssl.create_default_context(cafile=environment.ca_bundle) if request.type == "https" else None
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return _bounded(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.code, _bounded(error)) from None
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Unreachable(f"no answer from {environment.endpoint}: {reason}") from None


def _bounded(answer: IO[bytes]) -> bytes:
    body = answer.read(ANSWER_BYTES + 1)
    if len(body) > ANSWER_BYTES:
        raise Unreachable("the answer is too long to be of STS")
    return body


def _parse(body: bytes) -> ElementTree.Element:
    """The answer's XML with its namespaces taken off: STS implementations differ in them."""
    # A document type could define entities that grow without end; STS sends none.
    if b"<!DOCTYPE" in body:
        raise Unreachable("the answer is not of STS")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  no document type, a bounded length
    except ElementTree.ParseError:
        raise Unreachable("the answer is not of STS: not XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _refusal(status: int, body: bytes) -> Exception:
    try:
        error = _parse(body).find(".//Error")
    except Unreachable:
        error = None
    code = None if error is None else error.findtext("Code")
    if error is None or code is None:
        return Unreachable(f"the endpoint answered {status}, and not as STS does")
    message = error.findtext("Message")
    return Refused(f"{code}: {message}" if message else code)


def _answer(body: bytes) -> FederationToken:
    result = _parse(body).find("GetFederationTokenResult")
    if result is None:
        raise Unreachable("the answer is not of STS: it holds no GetFederationTokenResult")

    def text(path: str) -> str:
        found = result.findtext(path)
        if not found:
            raise Unreachable(f"the answer is not of STS: it holds no {path}")
        return found

    packed = result.findtext("PackedPolicySize")
    return FederationToken(
        access_key_id=text("Credentials/AccessKeyId"),
        secret=Secret(text("Credentials/SecretAccessKey")),
        session_token=Secret(text("Credentials/SessionToken")),
        expiration=text("Credentials/Expiration"),
        federated_user_id=text("FederatedUser/FederatedUserId"),
        arn=text("FederatedUser/Arn"),
        packed_policy_size=int(packed) if packed and packed.isdecimal() else None,
    )
