"""OpenID Connect identity providers: whose web identity tokens the account accepts, and for which client ids.

Nothing here asks the provider anything: its keys are fetched when a token comes (service.sts.web_identity). A
provider made without thumbprints has none, where AWS would go and look at the provider's certificate.

Source: IAM API Reference; IAM User Guide, "Create an OpenID Connect (OIDC) identity provider in IAM".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from daypass import limits, names
from daypass.errors import ServiceError, validation_error
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import pages, tagging
from daypass.service.iam.faults import refusal
from daypass.service.iam.providers import OIDC, creation_checks, find_provider, missing, worded
from daypass.service.iam.targets import account_id
from daypass.service.ports import OidcProviderRecord

Result = Mapping[str, Any]

_SCHEME: Final = "https://"
_THUMBPRINT: Final = re.compile("[0-9A-Fa-f]{40}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9-]*/?", re.ASCII)
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", re.ASCII)


async def create_oidc_provider_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    resource = names.oidc_provider_arn(account_id(exchange), _issuer(exchange))
    return creation_checks(exchange, "iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", resource)


async def create_oidc_provider(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    with worded(exists=f"Provider with url {parameters['Url']} already exists."):
        provider = await ports.directory.create_oidc_provider(
            account_id(exchange),
            _issuer(exchange),
            client_ids=tuple(dict.fromkeys(parameters.get("ClientIDList", ()))),
            thumbprints=_thumbprints(parameters.get("ThumbprintList", ())),
            tags=tagging.tags_of(parameters),
            created=exchange.request.received,
        )
    tags = {"Tags": tagging.tag_list(provider.tags)} if provider.tags else {}
    return {"OpenIDConnectProviderArn": provider.arn, **tags}


async def get_oidc_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    return {
        "Url": provider.url,
        "ClientIDList": [*provider.client_ids],
        "ThumbprintList": [*provider.thumbprints],
        "CreateDate": provider.created,
        "Tags": tagging.tag_list(provider.tags),
    }


async def list_oidc_providers(ports: Ports, exchange: Exchange) -> Result:
    found = await ports.directory.list_oidc_providers(account_id(exchange))
    return {"OpenIDConnectProviderList": [{"Arn": provider.arn} for provider in found]}


async def update_thumbprint(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    thumbprints = _thumbprints(exchange.parameters["ThumbprintList"])
    with worded(missing=missing(exchange, OIDC)):
        await ports.directory.set_thumbprints(provider.arn, thumbprints)
    return {}


async def add_client_id(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, OIDC)):
        await ports.directory.add_client_id(provider.arn, exchange.parameters["ClientID"])
    return {}


async def remove_client_id(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, OIDC)):
        await ports.directory.remove_client_id(provider.arn, exchange.parameters["ClientID"])
    return {}


async def delete_oidc_provider(ports: Ports, exchange: Exchange) -> Result:
    arn = exchange.parameters[OIDC]
    gone = f"OpenId connect Provider {arn} cannot be found."
    if await find_provider(ports, exchange, OIDC) is None:
        raise refusal("NoSuchEntity", gone)
    with worded(missing=gone):
        await ports.directory.delete_oidc_provider(arn)
    return {}


async def tag_oidc_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, OIDC)):
        await ports.directory.tag_provider(provider.arn, tagging.tags_of(exchange.parameters))
    return {}


async def untag_oidc_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, OIDC)):
        await ports.directory.untag_provider(provider.arn, exchange.parameters["TagKeys"])
    return {}


async def list_oidc_provider_tags(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    shown, more = pages.page(exchange.parameters, tagging.tag_list(provider.tags), lambda tag: tag["Key"])
    return {"Tags": shown, **more}


async def _require(ports: Ports, exchange: Exchange) -> OidcProviderRecord:
    provider = await find_provider(ports, exchange, OIDC)
    if not isinstance(provider, OidcProviderRecord):
        raise refusal("NoSuchEntity", missing(exchange, OIDC))
    return provider


def _issuer(exchange: Exchange) -> str:
    """The Url parameter without its scheme, as tokens and ARNs are compared with it.

    Raises:
        ServiceError: ValidationError; not an https URL of a host and perhaps a path.
    """
    text: str = exchange.parameters["Url"]
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _invalid_url() from None
    if (
        not text.startswith(_SCHEME)
        or _HOST.fullmatch(parts.netloc) is None
        or _PATH.fullmatch(parts.path) is None
        or text != f"{_SCHEME}{parts.netloc}{parts.path}"
        or port == 0
        # Its claims are condition keys below its name: it must not be that of a service, nor `aws`.
        or _LABEL.fullmatch(text.removeprefix(_SCHEME)) is not None
    ):
        raise _invalid_url()
    return text.removeprefix(_SCHEME)


def _invalid_url() -> ServiceError:
    return validation_error("Invalid Open ID Connect Provider URL")


def _thumbprints(given: Sequence[str]) -> tuple[str, ...]:
    """In lower case, each once.

    Raises:
        ServiceError: InvalidInput; too many, or one that is no SHA-1 hash.
    """
    if len(given) > limits.PROVIDER_THUMBPRINTS:
        # AWS's word, though it takes five.
        raise refusal("InvalidInput", f"Thumbprint list must contain fewer than {limits.PROVIDER_THUMBPRINTS} entries.")
    if any(_THUMBPRINT.fullmatch(thumbprint) is None for thumbprint in given):
        raise refusal("InvalidInput", "a thumbprint has 40 hexadecimal digits")
    return tuple(dict.fromkeys([thumbprint.lower() for thumbprint in given]))
