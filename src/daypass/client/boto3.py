"""boto3 with credentials that renew themselves: a botocore session whose provider is a call of a token service.

Needs `pip install 'daypass[boto3]'`; nothing else of Daypass imports botocore.

Source: botocore's documented extension points, `CredentialProvider` and `RefreshableCredentials`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from daypass.client.calling import Clock, system_clock
from daypass.client.credentials import Credentials, iso8601

if TYPE_CHECKING:
    from botocore.credentials import RefreshableCredentials  # type: ignore[import-untyped]  # because it has no types
    from botocore.session import Session  # type: ignore[import-untyped]  # because it has no types

# Parts of a session's life that are left when botocore begins to renew, and when it waits for new credentials. Its own
# 15 and 10 minutes would renew a session of 15 minutes at every request.
_ADVISORY_PART = 4
_MANDATORY_PART = 8
_METHOD = "daypass"


def refreshable_credentials(fetch: Callable[[], Credentials], *, clock: Clock = system_clock) -> RefreshableCredentials:
    """botocore credentials that call `fetch` now, and again before what it gave expires.

    Raises:
        ValueError: what was fetched does not expire, so that there is nothing to renew.
        Whatever fetch raises.
    """
    from botocore.credentials import RefreshableCredentials

    first, expiration = _fetched(fetch)
    seconds = max(int((expiration - clock()).total_seconds()), 0)
    return RefreshableCredentials.create_from_metadata(
        metadata=first,
        refresh_using=lambda: _fetched(fetch)[0],
        method=_METHOD,
        advisory_timeout=min(seconds // _ADVISORY_PART, 15 * 60),
        mandatory_timeout=min(seconds // _MANDATORY_PART, 10 * 60),
    )


def refreshing_session(fetch: Callable[[], Credentials], *, clock: Clock = system_clock) -> Session:
    """A botocore session for `boto3.Session(botocore_session=…)`; it calls `fetch` when credentials are first needed.

    >>> session = refreshing_session(lambda: service.get_federation_token(request).credentials)
    """
    from botocore.credentials import CredentialProvider, CredentialResolver
    from botocore.session import get_session

    class Provider(CredentialProvider):  # type: ignore[misc]  # because botocore has no types
        METHOD = _METHOD
        CANONICAL_NAME = _METHOD

        def load(self) -> RefreshableCredentials:
            return refreshable_credentials(fetch, clock=clock)

    session = get_session()
    session.register_component("credential_provider", CredentialResolver([Provider()]))
    return session


def _fetched(fetch: Callable[[], Credentials]) -> tuple[dict[str, str | None], datetime]:
    """New credentials as botocore takes them, and when they expire."""
    issued = fetch()
    if issued.expiration is None:
        raise ValueError("these credentials do not expire, so there is nothing to renew")
    metadata = {
        "access_key": issued.access_key_id,
        "secret_key": issued.secret_access_key.reveal(),
        "token": None if issued.session_token is None else issued.session_token.reveal(),
        "expiry_time": iso8601(issued.expiration),
    }
    return metadata, issued.expiration
