"""What the synchronous and the asynchronous service share: where to call, as whom, and what an answer says.

Sending is theirs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from daypass import limits
from daypass.client import protocol
from daypass.client.credentials import Credentials
from daypass.client.errors import Unreachable
from daypass.client.requests import Request

DEFAULT_REGION: Final = "us-east-1"
_REQUEST_ID: Final = "x-amzn-requestid"

Result = TypeVar("Result")
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  a client asks the clock when it signs


@dataclass(frozen=True, slots=True)
class Proxy:
    """url: as the environment has it, with a password perhaps. bare_url: without it; it is in the headers then."""

    url: str = field(repr=False)
    bare_url: str
    headers: dict[str, str] = field(repr=False)


class Caller:
    """A token service at an address, and the credentials it is called with."""

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials | None,
        *,
        region: str = DEFAULT_REGION,
        ca_bundle: str | None = None,
        timeout_seconds: float = limits.CLIENT_TIMEOUT_SECONDS,
        clock: Clock = system_clock,
    ) -> None:
        """
        credentials: None for the calls that take no signature.
        ca_bundle: a file of certificates to trust instead of the system's.

        Raises:
            ValueError: the endpoint is not an http or https address.
        """
        self._endpoint = protocol.Endpoint.parse(endpoint)
        self._credentials = credentials
        self._region = region
        self._ca_bundle = ca_bundle
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    def __repr__(self) -> str:
        """Who calls is in it; no secret."""
        key = None if self._credentials is None else self._credentials.access_key_id
        return f"{type(self).__name__}({self._endpoint.url!r}, {key!r}, region={self._region!r})"

    def _signed(self, request: Request[Result]) -> tuple[bytes, dict[str, str]]:
        """The body to POST, and its headers."""
        return protocol.signed_request(
            self._endpoint, request.operation, request.parameters(), self._credentials, self._region, self._clock()
        )

    def _read(self, request: Request[Result], status: int, headers: Mapping[str, str], body: bytes) -> Result:
        """headers: by name without regard to case. body: as protocol.read_answer has it, and what it raises."""
        return request.read(protocol.read_answer(request.operation, status, headers.get(_REQUEST_ID), body))

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"no answer from {self._endpoint.url}: {error}")

    def _proxy(self) -> Proxy | None:
        """The proxy that the environment names for the address, as every AWS tool takes it; None if it names none.

        Source: AWS CLI User Guide, "Use an HTTP proxy".
        """
        address = urlsplit(self._endpoint.url)
        proxies = getproxies()
        named = proxies.get(address.scheme) or proxies.get("all")
        if not named or proxy_bypass(address.netloc):
            return None
        named = named if "://" in named else f"http://{named}"
        url = urlsplit(named)
        auth, _, host = url.netloc.rpartition("@")
        basic = base64.b64encode(unquote(auth).encode()).decode("ascii")
        return Proxy(named, f"{url.scheme}://{host}", {"Proxy-Authorization": f"Basic {basic}"} if auth else {})
