"""AssumeRoleWithWebIdentity: a role's temporary credentials for the bearer of a token of a provider that is trusted.

The order: the token is read, its issuer found among the providers of the role's account, its signature verified with
the provider's published key, its claims held against the provider and the clock; only then is the role looked at. So
nobody without a good token learns which roles exist, and nobody makes Daypass ask a provider that is not registered.

Source: AWS Security Token Service API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "Create an OpenID Connect
(OIDC) identity provider in IAM", "Available keys for AWS OIDC federation", "Passing session tags using
AssumeRoleWithWebIdentity"; OpenID Connect Core 1.0, 3.1.3.7. Texts: public recordings of AWS STS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from daypass import limits, names
from daypass.errors import ServiceError
from daypass.names import Arn
from daypass.policy.principals import FEDERATED_PROVIDER
from daypass.service.actions import Check, Checks, ContextValue, Ports, Result, UnsignedExchange
from daypass.service.ports import ManagedPolicy, OidcProvider
from daypass.service.sts.federated import (
    checked_source_identity,
    checked_tags,
    invalid_identity_token,
    role_checks,
    role_of,
    unique_keys,
)
from daypass.service.sts.marks import Marks
from daypass.service.sts.narrowing import held_managed_policies, managed_policies, policy_arns
from daypass.service.sts.role_sessions import check_role_arn, open_session, session_seconds
from daypass.wire import jwt
from daypass.wire.jwt import InvalidJwt, Jwt, VerificationKey

_ACTION: Final = "sts:AssumeRoleWithWebIdentity"
_TAGS: Final = "https://aws.amazon.com/tags"
_PRINCIPAL_TAG: Final = f"{_TAGS}/principal_tags/"
_TRANSITIVE: Final = f"{_TAGS}/transitive_tag_keys"
_SOURCE_IDENTITY: Final = "https://aws.amazon.com/source_identity"
_ISSUER_CHARS: Final = 255  # OpenIDConnectProviderUrlType.max in the IAM model: no longer one is registered
_SUBJECT_CHARS: Final = 255  # OpenID Connect Core 1.0, 2: 255 ASCII characters; webIdentitySubjectType.max
_SCHEMES: Final = ("https://", "http://")
_LATEST: Final = 1 << 40  # seconds: an instant beyond it is no instant
# The claims that stay with the session, as keys of its requests to other services.
_KEPT: Final = ("amr", "aud", "azp", "email", "oaud", "sub")


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """Who a token is about, once it is proven and held against its provider.

    audience: what it was issued for. keys: the condition keys of its claims.
    """

    provider: OidcProvider
    subject: str
    audience: str
    keys: Mapping[str, ContextValue]


def web_identity_checks(ports: Ports, exchange: UnsignedExchange) -> Checks:
    """The token proven, and what the role's trust policy must allow its bearer."""
    parameters = exchange.parameters
    # 1. What is passed must make sense, whatever the token.
    check_role_arn(parameters["RoleArn"])
    policy_arns(parameters)
    if "ProviderId" in parameters:
        raise ServiceError(
            "InvalidParameterValue", 400, "OAuth 2.0 access tokens are not served: `ProviderId` cannot be used"
        )
    # 2. The token, in the account of the role.
    token = _read(parameters["WebIdentityToken"])
    account_id = Arn.parse(parameters["RoleArn"]).account_id
    issuer_url, arn = _issuer(ports, token, account_id)
    provider = _held_provider(ports, account_id, arn)
    if provider is not None:
        key = ports.issuer_keys.held(issuer_url, provider.thumbprints, token, exchange.request.received)
        if key is not None:
            return _checks(ports, exchange, token, provider, key)
    return _checks_once_found(ports, exchange, token, account_id, issuer_url, arn)


async def _checks_once_found(
    ports: Ports, exchange: UnsignedExchange, token: Jwt, account_id: str, issuer_url: str, arn: str | None
) -> Sequence[Check]:
    provider = await _find_provider(ports, account_id, arn)
    if provider is None:
        raise invalid_identity_token(f"No OpenIDConnect provider found in your account for {issuer_url}")
    key = await ports.issuer_keys.find(issuer_url, provider.thumbprints, token, exchange.request.received)
    checks = _checks(ports, exchange, token, provider, key)
    return checks if isinstance(checks, tuple) else await checks


def _checks(
    ports: Ports, exchange: UnsignedExchange, token: Jwt, provider: OidcProvider, key: VerificationKey
) -> Checks:
    parameters, received = exchange.parameters, exchange.request.received
    try:
        claims = jwt.verify(token, key)
    except InvalidJwt:
        raise invalid_identity_token("The ID Token's signature is not valid.") from None
    # 3. Who that is, now.
    _check_times(claims, received)
    identity = _identity(claims, provider)
    exchange.found["provider"], exchange.found["subject"] = provider.arn, identity.subject
    tags, transitive = _tags(claims)
    source_identity = claims.get(_SOURCE_IDENTITY)
    if source_identity is not None:
        source_identity = checked_source_identity(_text(source_identity))
    # 4. The role.
    exchange.found["identity"], exchange.found["claims"] = identity, identity.keys
    kept = {f"{provider.url}:{claim}".lower() for claim in _KEPT} | {FEDERATED_PROVIDER}
    context = {name: value for name, value in identity.keys.items() if name in kept}
    marks = Marks(tags, transitive, source_identity, context=context)
    return role_checks(ports, exchange, _ACTION, marks, parameters["RoleSessionName"])


def assume_role_with_web_identity(ports: Ports, exchange: UnsignedExchange) -> Result:
    """Temporary credentials of the role."""
    managed = held_managed_policies(ports, policy_arns(exchange.parameters))
    return _assume_once_found(ports, exchange) if managed is None else _issue(ports, exchange, managed)


async def _assume_once_found(ports: Ports, exchange: UnsignedExchange) -> dict[str, Any]:
    return _issue(ports, exchange, await managed_policies(ports, policy_arns(exchange.parameters)))


def _issue(ports: Ports, exchange: UnsignedExchange, managed: Sequence[ManagedPolicy | None]) -> dict[str, Any]:
    """managed: what each of PolicyArns names."""
    parameters = exchange.parameters
    identity: WebIdentity = exchange.found["identity"]
    role, marks = role_of(exchange)
    seconds = session_seconds(role, parameters, chained=False)
    name = parameters["RoleSessionName"]
    answer = open_session(ports, role, name, seconds, exchange.request.received, parameters, managed, marks)
    return answer | {
        "SubjectFromWebIdentityToken": identity.subject,
        "Provider": identity.provider.arn,
        "Audience": identity.audience,
    }


def _read(text: str) -> Jwt:
    try:
        return jwt.parse(text)
    except InvalidJwt:
        raise invalid_identity_token(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from None


def _issuer(ports: Ports, token: Jwt, account_id: str) -> tuple[str, str | None]:
    """The URL of the token's issuer, and the ARN that the account's provider for it would have; None if there can be
    none. Nothing is proven yet.

    Raises:
        ServiceError: InvalidIdentityToken.
    """
    issuer = token.unverified_claims.get("iss")
    if not isinstance(issuer, str) or len(issuer) > _ISSUER_CHARS:
        raise invalid_identity_token("Missing a required claim: iss")
    for scheme in _SCHEMES:
        if issuer.startswith(scheme) and ports.issuer_keys.admits(issuer):
            return issuer, names.oidc_provider_arn(account_id, issuer.removeprefix(scheme))
    return issuer, None


def _held_provider(ports: Ports, account_id: str, arn: str | None) -> OidcProvider | None:
    """The account's provider of that ARN, where nothing has to be waited for. None says nothing."""
    account = None if arn is None else ports.identities.held_account(account_id)
    if arn is None or account is None or account.closed is not None:
        return None
    return ports.identities.held_oidc_provider(arn)


async def _find_provider(ports: Ports, account_id: str, arn: str | None) -> OidcProvider | None:
    account = None if arn is None else await ports.identities.account(account_id)
    if arn is None or account is None or account.closed is not None:
        return None
    return await ports.identities.oidc_provider(arn)


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Raises ServiceError: ExpiredTokenException or InvalidIdentityToken."""
    seconds, leeway = int(now.timestamp()), limits.WEB_IDENTITY_LEEWAY_SECONDS
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    if seconds >= expires + leeway:
        raise ServiceError(
            "ExpiredTokenException",
            400,
            f"Token expired: current date/time {seconds} must be before the expiration date/time {expires}",
        )
    not_before = _instant(claims, "nbf") if "nbf" in claims else issued
    if max(issued, not_before) > seconds + leeway:
        raise invalid_identity_token("The ID Token is not valid yet.")


def _instant(claims: Mapping[str, Any], name: str) -> int:
    """Integers only, as AWS takes them: neither a fraction nor a text."""
    value = claims.get(name)
    if value is None:
        raise invalid_identity_token(f"Missing a required claim: {name}")
    if type(value) is not int or not 0 <= value < _LATEST:
        raise invalid_identity_token(f"The claim {name} is not an integer of seconds")
    return value


def _identity(claims: Mapping[str, Any], provider: OidcProvider) -> WebIdentity:
    """Raises ServiceError: InvalidIdentityToken."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARS or not subject.isprintable():
        raise invalid_identity_token("Missing a required claim: sub")
    audiences = claims.get("aud")
    audiences = [audiences] if isinstance(audiences, str) else audiences
    if not isinstance(audiences, list) or not audiences or not all(isinstance(text, str) for text in audiences):
        raise invalid_identity_token("Missing a required claim: aud")
    # To whom a token was issued (azp) stands above for whom it is (aud), where it says so. (OIDC Core 1.0, 3.1.3.7)
    authorized = claims.get("azp")
    if authorized is not None and not isinstance(authorized, str):
        raise invalid_identity_token("The claim azp is not a text")
    meant = audiences if authorized is None else [authorized]
    registered = [text for text in meant if text in provider.client_ids]
    if not registered:
        raise invalid_identity_token("Incorrect token audience")
    pairs: list[tuple[str, ContextValue]] = [
        (f"{provider.url}:{name}", value)
        for name, claim in claims.items()
        if name not in ("aud", "oaud") and (value := _condition_value(claim)) is not None
    ]
    pairs.append((f"{provider.url}:aud", registered[0] if len(registered) == 1 else tuple(registered)))
    if authorized is not None:
        pairs.append((f"{provider.url}:oaud", audiences[0] if len(audiences) == 1 else tuple(audiences)))
    pairs.append((FEDERATED_PROVIDER, provider.arn))
    return WebIdentity(provider, subject, registered[0], unique_keys(pairs))


def _condition_value(claim: Any) -> ContextValue | None:
    """A claim as a condition key has it; None for one that no operator could compare."""
    match claim:
        case bool():
            return "true" if claim else "false"
        case str():
            return claim
        case int():
            return str(claim)
        case list() if all(isinstance(one, str) for one in claim):
            return tuple(claim)
        case _:
            return None


def _tags(claims: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Session tags as the token passes them: nested in one claim, or flat, each in a claim of its own.

    Raises:
        ServiceError: InvalidIdentityToken.
    """
    tags: list[tuple[str, str]] = []
    transitive: list[str] = []
    nested = claims.get(_TAGS, {})
    if not isinstance(nested, dict):
        raise invalid_identity_token("Unable to validate tags")
    principal_tags = nested.get("principal_tags", {})
    if not isinstance(principal_tags, dict):
        raise invalid_identity_token("Unable to validate tags")
    tags += [(key, _text(value)) for key, value in principal_tags.items()]
    transitive += _texts(nested.get("transitive_tag_keys", []))
    for name, claim in claims.items():
        if name.startswith(_PRINCIPAL_TAG):
            tags.append((name.removeprefix(_PRINCIPAL_TAG), _text(claim)))
    transitive += _texts(claims.get(_TRANSITIVE, []))
    return checked_tags(tags, transitive)


def _text(value: Any) -> str:
    """A text, or a list of one: a tag has one value."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise invalid_identity_token("Unable to validate tags")
    return value


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise invalid_identity_token("Unable to validate tags")
    return texts
