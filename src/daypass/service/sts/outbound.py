"""GetWebIdentityToken: a token that says to others who the caller is, signed by the account's own issuer.

Others verify it with the keys that the issuer publishes (service.issuer), and Daypass itself does where the issuer is
registered as a provider.

Source: AWS Security Token Service API Reference, GetWebIdentityToken; IAM User Guide, "Understanding token claims",
"Controlling access with IAM policies" for outbound identity federation (condition keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from daypass import limits
from daypass.errors import ServiceError, validation_error
from daypass.policy import PrincipalKind
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.caller import Caller
from daypass.service.issuer import ALGORITHMS, url_of
from daypass.service.sts.narrowing import session_tags, tag_context
from daypass.wire import jwt

_NAMESPACE: Final = "https://sts.amazonaws.com/"


def web_identity_token_checks(ports: Ports, exchange: Exchange) -> tuple[Check, ...]:
    """sts:GetWebIdentityToken, on no resource; with tags, sts:TagGetWebIdentityToken too."""
    parameters = exchange.parameters
    algorithm = parameters["SigningAlgorithm"]
    if algorithm not in ALGORITHMS:
        raise validation_error(
            f"1 validation error detected: Value '{algorithm}' at 'signingAlgorithm' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(ALGORITHMS)}]"
        )
    tags = session_tags(parameters)
    context = tag_context(tags) | {
        "sts:identitytokenaudience": tuple(parameters["Audience"]),
        "sts:signingalgorithm": algorithm,
        "sts:durationseconds": str(_seconds(parameters)),
    }
    check = Check("sts:GetWebIdentityToken", "*", context)
    return (check, Check("sts:TagGetWebIdentityToken", "*", context)) if tags else (check,)


async def get_web_identity_token(ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    """The token, and when it is over."""
    caller, parameters = exchange.caller, exchange.parameters
    # 1. The account's issuer.
    issuer = url_of(caller.account, ports.public_url)
    if issuer is None:
        raise ServiceError(
            "OutboundWebIdentityFederationDisabledException",
            403,
            "Outbound web identity federation is not enabled for this account.",
        )
    # 2. How long: never beyond the session that asks.
    issued = exchange.request.received.replace(microsecond=0)
    expires = issued + timedelta(seconds=_seconds(parameters))
    if caller.session is not None and expires > caller.session.expires:
        raise ServiceError(
            "SessionDurationEscalationException",
            403,
            "The requested token duration would extend the session beyond its original expiration time.",
        )
    # 3. What it says, within bounds.
    claims = _claims(caller, parameters, issuer, issued, expires)
    claims["jti"] = str(UUID(bytes=ports.entropy.bytes(16), version=4))
    payload = jwt.encode_claims(claims)
    if len(payload) > limits.WEB_IDENTITY_PAYLOAD_BYTES:
        raise ServiceError(
            "JWTPayloadSizeExceededException",
            400,
            f"The token's payload has {len(payload)} bytes; at most {limits.WEB_IDENTITY_PAYLOAD_BYTES} are signed. "
            "Pass fewer tags or audiences.",
        )
    key = await ports.signing_keys.find(ports.directory, parameters["SigningAlgorithm"], issued)
    return {"WebIdentityToken": jwt.sign(payload, key), "Expiration": expires}


def _seconds(parameters: Mapping[str, Any]) -> int:
    seconds: int = parameters.get("DurationSeconds", limits.WEB_IDENTITY_SECONDS_DEFAULT)
    return seconds


def _claims(
    caller: Caller, parameters: Mapping[str, Any], issuer: str, issued: datetime, expires: datetime
) -> dict[str, Any]:
    audiences = list(dict.fromkeys(parameters["Audience"]))
    about: dict[str, Any] = {"aws_account": caller.account.account_id}
    if caller.principal.kind is not PrincipalKind.ROOT:
        holder = caller.user if caller.role is None else caller.role
        tags = dict(holder.tags) if holder is not None else {}
        if caller.session is not None:
            named = {key.lower() for key in caller.session.tags}
            tags = {key: value for key, value in tags.items() if key.lower() not in named} | dict(caller.session.tags)
        if tags:
            about["principal_tags"] = tags
    requested = session_tags(parameters)
    if requested:
        about["request_tags"] = requested
    return {
        "iss": issuer,
        "aud": audiences[0] if len(audiences) == 1 else audiences,
        # For a role session the role itself, as AWS has it: whoever verifies the token trusts the role.
        "sub": caller.principal.arn if caller.role is None else caller.role.arn,
        "iat": int(issued.timestamp()),
        "exp": int(expires.timestamp()),
        _NAMESPACE: about,
    }
