"""TokenService: calls of STS, one HTTP request each, for programs without an event loop.

urllib3 sends them: its connections are pooled, kept alive and shared between threads, and an HTTPS handshake costs more
than the call. The standard library's client has no pool. A redirect is never followed, for it would carry a signed
request elsewhere, and nothing is sent twice: whether to try again is the caller's to say.

Source: STS API Reference, "Making query requests".
"""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeVar

import urllib3

from daypass import limits
from daypass.client.calling import Caller
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

Result = TypeVar("Result")


class TokenService(Caller):
    """A token service at an address, called with these credentials. May be used by many threads.

    Every call raises TokenServiceError, by its class, for a refusal, and Unreachable for no answer of STS. A proxy that
    the environment names is used, as by every AWS tool.
    """

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
        body, headers = self._signed(request)
        try:
            answer = self._pool.request(
                "POST",
                self._endpoint.url,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                decode_content=False,  # nobody asked for compression; unpacked, an answer could be of any length
            )
            try:
                content = answer.read(limits.CLIENT_ANSWER_BYTES + 1)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        return self._read(request, answer.status, answer.headers, content)

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        settings: dict[str, Any] = {
            "timeout": urllib3.Timeout(total=self._timeout_seconds),
            "retries": False,
            "ca_certs": self._ca_bundle,
        }
        proxy = self._proxy()
        if proxy is None:
            return urllib3.PoolManager(**settings)
        return urllib3.ProxyManager(proxy.bare_url, proxy_headers=proxy.headers, **settings)

    def close(self) -> None:
        """Closes the connections. The service can still be called; it then connects anew."""
        self._pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
