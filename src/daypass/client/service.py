"""TokenService: calls of STS, one HTTP request each, for programs without an event loop.

urllib3 sends them: its connections are pooled, kept alive and shared between threads, and an HTTPS handshake costs more
than the call. The standard library's client has no pool. A redirect is never followed, for it would carry a signed
request elsewhere, and nothing is sent twice: whether to try again is the caller's to say.

Source: STS API Reference, "Making query requests".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from daypass import limits
from daypass.client import protocol
from daypass.client.credentials import Credentials
from daypass.client.errors import Unreachable
from daypass.client.requests import (
    AssumeRoleRequest,
    AssumeRoleWithWebIdentityRequest,
    GetCallerIdentityRequest,
    GetFederationTokenRequest,
    GetScopedCredentialsRequest,
    GetSessionTokenRequest,
    Request,
)
from daypass.client.results import AssumedRole, CallerIdentity, FederationToken, SessionToken, WebIdentityRole

DEFAULT_REGION: Final = "us-east-1"
REQUEST_ID_HEADER: Final = "x-amzn-requestid"

Result = TypeVar("Result")
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  a client asks the clock when it signs


class TokenService:
    """A token service at an address, called with these credentials. May be used by many threads.

    Every call raises TokenServiceError, by its class, for a refusal, and Unreachable for no answer of STS. A proxy that
    the environment names is used, as by every AWS tool.
    """

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
        self._clock = clock
        settings: dict[str, Any] = {
            "timeout": urllib3.Timeout(total=timeout_seconds),
            "retries": False,
            "ca_certs": ca_bundle,
        }
        proxy = _proxy(self._endpoint.url)
        self._pool = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)

    def __repr__(self) -> str:
        """Who calls is in it; no secret."""
        key = None if self._credentials is None else self._credentials.access_key_id
        return f"{type(self).__name__}({self._endpoint.url!r}, {key!r}, region={self._region!r})"

    def get_federation_token(self, request: GetFederationTokenRequest) -> FederationToken:
        return self.call(request)

    def assume_role(self, request: AssumeRoleRequest) -> AssumedRole:
        return self.call(request)

    def assume_role_with_web_identity(self, request: AssumeRoleWithWebIdentityRequest) -> WebIdentityRole:
        return self.call(request)

    def get_scoped_credentials(self, request: GetScopedCredentialsRequest) -> SessionToken:
        return self.call(request)

    def get_session_token(self, request: GetSessionTokenRequest | None = None) -> SessionToken:
        return self.call(request or GetSessionTokenRequest())

    def get_caller_identity(self) -> CallerIdentity:
        return self.call(GetCallerIdentityRequest())

    def call(self, request: Request[Result]) -> Result:
        """The answer to any of the requests."""
        body, headers = protocol.signed_request(
            self._endpoint, request.operation, request.parameters(), self._credentials, self._region, self._clock()
        )
        try:
            answer = self._pool.request(
                "POST", self._endpoint.url, body=body, headers=headers, redirect=False, preload_content=False
            )
            try:
                content = answer.read(limits.CLIENT_ANSWER_BYTES + 1)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"no answer from {self._endpoint.url}: {error}") from error
        request_id = answer.headers.get(REQUEST_ID_HEADER)
        return request.read(protocol.read_answer(request.operation, answer.status, request_id, content))

    def close(self) -> None:
        """Closes the connections. The service can still be called; it then connects anew."""
        self._pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for the address, if one."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
