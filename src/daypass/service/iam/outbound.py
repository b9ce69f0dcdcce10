"""Outbound web identity federation: whether the account issues web identity tokens, and where its issuer is.

Source: IAM API Reference, EnableOutboundWebIdentityFederation, DisableOutboundWebIdentityFederation,
GetOutboundWebIdentityFederationInfo; their error shapes in the IAM model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from daypass.errors import ServiceError
from daypass.service.actions import Action, Exchange, Ports
from daypass.service.iam.faults import refusal
from daypass.service.iam.providers import listing_checks
from daypass.service.iam.targets import account_id
from daypass.service.issuer import issuer_url, url_of
from daypass.service.ports import AlreadyExists, NotFound

Result = Mapping[str, Any]

_ISSUER_BYTES: Final = 16


async def enable(ports: Ports, exchange: Exchange) -> Result:
    if ports.public_url is None:
        raise refusal(
            "InvalidInput",
            "nobody could verify the tokens of this installation: it has no public URL (DAYPASS_PUBLIC_URL)",
        )
    issuer = ports.entropy.bytes(_ISSUER_BYTES).hex()
    try:
        await ports.directory.set_web_identity_issuer(account_id(exchange), issuer)
    except AlreadyExists:
        raise ServiceError(
            "FeatureEnabled", 409, "Outbound web identity federation is already enabled for your account"
        ) from None
    return {"IssuerIdentifier": issuer_url(ports.public_url, account_id(exchange), issuer)}


async def disable(ports: Ports, exchange: Exchange) -> Result:
    try:
        await ports.directory.set_web_identity_issuer(account_id(exchange), None)
    except NotFound:
        raise _disabled() from None
    return {}


async def get_info(ports: Ports, exchange: Exchange) -> Result:
    url = url_of(exchange.caller.account, ports.public_url)
    if url is None:
        raise _disabled()
    return {"IssuerIdentifier": url, "JwtVendingEnabled": True}


def _disabled() -> ServiceError:
    return ServiceError("FeatureDisabled", 404, "Outbound web identity federation is disabled for your account")


ACTIONS: Final = {
    "EnableOutboundWebIdentityFederation": Action(enable, listing_checks("iam:EnableOutboundWebIdentityFederation")),
    "DisableOutboundWebIdentityFederation": Action(disable, listing_checks("iam:DisableOutboundWebIdentityFederation")),
    "GetOutboundWebIdentityFederationInfo": Action(
        get_info, listing_checks("iam:GetOutboundWebIdentityFederationInfo")
    ),
}
