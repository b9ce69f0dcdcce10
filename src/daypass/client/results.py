"""What a token service answers, as values.

Each class reads itself from the parameters of an answer, which are under the model's member names.

Source: the output shapes of the STS model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daypass.client.credentials import Credentials


@dataclass(frozen=True, slots=True)
class TokenSize:
    """How much of a session token's room is used; None for what the service does not say.

    packed_policy_percent: `PackedPolicySize`; AWS answers the utilization under that name since September 2026.
    """

    packed_policy_percent: int | None
    utilization_percent: int | None
    size: int | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> TokenSize:
        return cls(
            answer.get("PackedPolicySize"), answer.get("SessionTokenUtilization"), answer.get("SessionTokenSize")
        )


def _credentials(answer: Mapping[str, Any]) -> Credentials:
    issued = answer["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], issued["Expiration"])


@dataclass(frozen=True, slots=True)
class FederationToken:
    """Of GetFederationToken. federated_user_id: `account:name`."""

    credentials: Credentials
    federated_user_id: str
    arn: str
    token_size: TokenSize

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> FederationToken:
        user = answer["FederatedUser"]
        return cls(_credentials(answer), user["FederatedUserId"], user["Arn"], TokenSize.of(answer))


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """Of AssumeRole. assumed_role_id: the role's unique id, `:`, the session's name."""

    credentials: Credentials
    assumed_role_id: str
    arn: str
    source_identity: str | None
    token_size: TokenSize

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> AssumedRole:
        user = answer["AssumedRoleUser"]
        return cls(
            _credentials(answer), user["AssumedRoleId"], user["Arn"], answer.get("SourceIdentity"), TokenSize.of(answer)
        )


@dataclass(frozen=True, slots=True)
class WebIdentityRole:
    """Of AssumeRoleWithWebIdentity: the role's session, and what the provider said of whoever assumed it."""

    role: AssumedRole
    subject: str | None
    audience: str | None
    provider: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> WebIdentityRole:
        return cls(
            AssumedRole.of(answer),
            answer.get("SubjectFromWebIdentityToken"),
            answer.get("Audience"),
            answer.get("Provider"),
        )


@dataclass(frozen=True, slots=True)
class SessionToken:
    """Of GetSessionToken and GetScopedCredentials: the same identity, in new credentials."""

    credentials: Credentials
    token_size: TokenSize

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> SessionToken:
        return cls(_credentials(answer), TokenSize.of(answer))


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Of GetCallerIdentity."""

    account: str
    arn: str
    user_id: str

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> CallerIdentity:
        return cls(answer["Account"], answer["Arn"], answer["UserId"])
