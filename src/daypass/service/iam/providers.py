"""What the actions on OpenID Connect and SAML providers share: the provider that an ARN names, checks and words.

Source: IAM API Reference; Service Authorization Reference, "AWS Identity and Access Management"; texts as recorded in
LocalStack's AWS-validated snapshots of February 2026 (OpenID Connect and SAML providers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from daypass import limits, names
from daypass.names import Arn
from daypass.service.actions import Check, ContextValue, Exchange, Ports
from daypass.service.iam import tagging
from daypass.service.iam.faults import refusal
from daypass.service.iam.targets import Checks, account_id
from daypass.service.ports import AlreadyExists, Entity, LimitReached, NotFound, OidcProviderRecord, SamlProviderRecord

Provider = OidcProviderRecord | SamlProviderRecord

OIDC: Final = "OpenIDConnectProviderArn"
SAML: Final = "SAMLProviderArn"
_TYPES: Final = {OIDC: "oidc-provider/", SAML: "saml-provider/"}
_MISSING: Final = {OIDC: "OpenIDConnect Provider not found for arn {}", SAML: "Manifest not found for arn {}"}
_QUOTAS: Final = {
    Entity.PROVIDER: f"Cannot exceed quota for ProvidersPerAccount: {limits.PROVIDERS_PER_ACCOUNT}",
    Entity.CLIENT_ID: (f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {limits.CLIENT_IDS_PER_PROVIDER}"),
    Entity.TAG: "The number of tags has reached the maximum limit.",
}


@contextmanager
def worded(*, missing: str = "", exists: str = "") -> Iterator[None]:
    """Turn what the directory refuses within into IAM's answer."""
    try:
        yield
    except NotFound:
        raise refusal("NoSuchEntity", missing) from None
    except AlreadyExists:
        raise refusal("EntityAlreadyExists", exists) from None
    except LimitReached as reached:
        raise refusal("LimitExceeded", _QUOTAS[reached.entity]) from None


async def find_provider(ports: Ports, exchange: Exchange, parameter: str) -> Provider | None:
    """The caller's own provider of that ARN, looked up once a call; another account's is as if it were not there.

    parameter: OIDC or SAML, which names the ARN.

    Raises:
        ServiceError: InvalidInput; it is no such ARN.
    """
    text: str = exchange.parameters[parameter]
    called = f"provider {text}"
    if called not in exchange.found:
        owner = _account_of(text, _TYPES[parameter])
        found: Provider | None = None
        if owner == account_id(exchange):
            directory = ports.directory
            found = await (directory.find_oidc_provider if parameter == OIDC else directory.find_saml_provider)(text)
        exchange.found[called] = found
    provider: Provider | None = exchange.found[called]
    return provider


def missing(exchange: Exchange, parameter: str) -> str:
    """How a provider that is not there is worded."""
    return _MISSING[parameter].format(exchange.parameters[parameter])


async def provider_check(
    ports: Ports,
    exchange: Exchange,
    parameter: str,
    action: str,
    context: Mapping[str, ContextValue] | None = None,
) -> Check:
    """The check of an action on the provider that the call is about, whether there is one or not."""
    provider = await find_provider(ports, exchange, parameter)
    tags = tagging.resource_context({} if provider is None else provider.tags, "aws", "iam")
    return Check(action, exchange.parameters[parameter], tags | dict(context or {}))


def on_provider(parameter: str, action: str) -> Checks:
    """The checks of an action that needs its own permission on the provider, and nothing more."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await provider_check(ports, exchange, parameter, action),)

    return checks


def creation_checks(exchange: Exchange, action: str, tag_action: str, resource: str) -> Sequence[Check]:
    """Creating with tags needs the permission to tag, too. (IAM User Guide, "Tagging IAM resources")"""
    tags = tagging.tags_of(exchange.parameters)
    check = Check(action, resource, tagging.request_context(tags))
    return (check, Check(tag_action, resource, check.context)) if tags else (check,)


def tagging_checks(parameter: str, action: str) -> Checks:
    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        context = tagging.request_context(tagging.tags_of(exchange.parameters))
        return (await provider_check(ports, exchange, parameter, action, context),)

    return checks


def untagging_checks(parameter: str, action: str) -> Checks:
    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        context = tagging.keys_context(exchange.parameters["TagKeys"])
        return (await provider_check(ports, exchange, parameter, action, context),)

    return checks


def listing_checks(action: str) -> Checks:
    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (Check(action, "*"),)

    return checks


def _account_of(text: str, kind: str) -> str:
    try:
        arn = Arn.parse(text)
    except ValueError:
        arn = None
    if (
        arn is None
        or (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", "")
        or not arn.resource.startswith(kind)
        or len(arn.resource) == len(kind)
    ):
        raise refusal("InvalidInput", f"ARN {text} is not valid.")
    return arn.account_id
