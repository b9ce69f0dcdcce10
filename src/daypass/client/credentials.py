"""Credentials as a client holds them: long-term ones, or those of a session.

Owns keeping the secret out of sight, and the forms in which other tools take credentials.

Source: AWS SDKs and Tools Reference Guide, "AWS access keys", for the environment variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from daypass.names import Secret


@dataclass(frozen=True, slots=True, init=False)
class Credentials:
    """An access key and its secret; with a session token they are a session's. No secret is in the repr.

    expiration: aware; None for long-term credentials, or where it is not known.
    """

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None
    expiration: datetime | None

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str | Secret,
        session_token: str | Secret | None = None,
        expiration: datetime | None = None,
    ) -> None:
        """Raises ValueError if the expiration has no time zone."""
        if expiration is not None and expiration.tzinfo is None:
            raise ValueError("an expiration needs a time zone")
        token = Secret(session_token) if isinstance(session_token, str) else session_token
        secret = Secret(secret_access_key) if isinstance(secret_access_key, str) else secret_access_key
        object.__setattr__(self, "access_key_id", access_key_id)
        object.__setattr__(self, "secret_access_key", secret)
        object.__setattr__(self, "session_token", token)
        object.__setattr__(self, "expiration", expiration)

    def __hash__(self) -> int:
        """Of the public part alone."""
        return hash((self.access_key_id, self.expiration))

    def boto3_arguments(self) -> dict[str, str]:
        """For `boto3.client(…, **credentials.boto3_arguments())`, and boto3.Session."""
        arguments = {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key.reveal(),
        }
        if self.session_token is not None:
            arguments["aws_session_token"] = self.session_token.reveal()
        return arguments

    def environment(self) -> dict[str, str]:
        """The environment variables that AWS tools read them from."""
        variables = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key.reveal(),
        }
        if self.session_token is not None:
            variables["AWS_SESSION_TOKEN"] = self.session_token.reveal()
        if self.expiration is not None:
            variables["AWS_CREDENTIAL_EXPIRATION"] = iso8601(self.expiration)
        return variables


def iso8601(moment: datetime) -> str:
    """As AWS writes times: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
