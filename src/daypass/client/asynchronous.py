"""AsyncTokenService: TokenService for programs with an event loop. aiohttp sends, as it does to the gateway's backends.

As there, no redirect is followed and nothing is sent twice.
"""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

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

if TYPE_CHECKING:
    import aiohttp

Result = TypeVar("Result")


class AsyncTokenService(Caller):
    """A token service at an address, called with these credentials, on one event loop.

    Use it as `async with AsyncTokenService(…) as service`, or `await service.close()` in the end. Every call raises
    TokenServiceError, by its class, for a refusal, and Unreachable for no answer of STS.
    """

    _connections: aiohttp.ClientSession | None = None

    async def get_federation_token(self, request: GetFederationTokenRequest) -> FederationToken:
        return await self.call(request)

    async def assume_role(self, request: AssumeRoleRequest) -> AssumedRole:
        return await self.call(request)

    async def assume_role_with_web_identity(self, request: AssumeRoleWithWebIdentityRequest) -> WebIdentityRole:
        return await self.call(request)

    async def get_scoped_credentials(self, request: GetScopedCredentialsRequest) -> SessionToken:
        return await self.call(request)

    async def get_session_token(self, request: GetSessionTokenRequest | None = None) -> SessionToken:
        return await self.call(request or GetSessionTokenRequest())

    async def get_caller_identity(self) -> CallerIdentity:
        return await self.call(GetCallerIdentityRequest())

    async def call(self, request: Request[Result]) -> Result:
        """The answer to any of the requests."""
        # Not at the top: importing aiohttp takes a third of a second, which those without an event loop need not wait.
        import aiohttp
        from yarl import URL

        body, headers = self._signed(request)
        # aiohttp's own search for a proxy would also find a password in ~/.netrc, and send no signature beside that.
        proxy = self._proxy()
        try:
            async with self._session().post(
                URL(self._endpoint.url, encoded=True),
                data=body,
                headers=headers | {"Accept-Encoding": "identity"},
                allow_redirects=False,
                proxy=None if proxy is None else proxy.url,
            ) as answer:
                content = b""
                async for piece in answer.content.iter_any():
                    content += piece
                    if len(content) > limits.CLIENT_ANSWER_BYTES:
                        break
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise self._unreachable(error) from error
        return self._read(request, answer.status, answer.headers, content)

    def _session(self) -> aiohttp.ClientSession:
        """The pool of connections, made in the event loop that calls."""
        import aiohttp

        if self._connections is None or self._connections.closed:
            trusted = ssl.create_default_context(cafile=self._ca_bundle) if self._ca_bundle else True
            self._connections = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trusted),
                timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # nobody asked for compression; unpacked, an answer could be of any length
            )
        return self._connections

    async def close(self) -> None:
        """Closes the connections. The service can still be called; it then connects anew."""
        if self._connections is not None:
            await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
