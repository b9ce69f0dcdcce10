"""SAML 2.0 identity providers: whose assertions the account accepts, by their metadata.

Encrypted assertions are not served: no private key can be given to a provider, and none can be required.

Source: IAM API Reference; IAM User Guide, "Create a SAML identity provider in IAM".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from daypass import names
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.iam import pages, tagging
from daypass.service.iam.faults import refusal
from daypass.service.iam.providers import SAML, creation_checks, find_provider, missing, worded
from daypass.service.iam.targets import account_id
from daypass.service.ports import SamlProviderRecord
from daypass.wire.saml_metadata import InvalidMetadata, parse_metadata

Result = Mapping[str, Any]

_OF_ENCRYPTION: Final = ("AddPrivateKey", "RemovePrivateKey")


async def create_saml_provider_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    _refuse_encryption(exchange)
    resource = names.saml_provider_arn(account_id(exchange), exchange.parameters["Name"])
    return creation_checks(exchange, "iam:CreateSAMLProvider", "iam:TagSAMLProvider", resource)


async def create_saml_provider(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    metadata, valid_until = _metadata(exchange)
    with worded(exists=f"Provider with name {parameters['Name']} already exists."):
        provider = await ports.directory.create_saml_provider(
            account_id(exchange),
            parameters["Name"],
            metadata=metadata,
            valid_until=valid_until,
            tags=tagging.tags_of(parameters),
            created=exchange.request.received,
        )
    tags = {"Tags": tagging.tag_list(provider.tags)} if provider.tags else {}
    return {"SAMLProviderArn": provider.arn, **tags}


async def get_saml_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    return {
        "SAMLProviderUUID": _uuid(provider),
        "SAMLMetadataDocument": provider.metadata,
        "CreateDate": provider.created,
        "ValidUntil": provider.valid_until,
        "Tags": tagging.tag_list(provider.tags),
        "AssertionEncryptionMode": "Allowed",
        "PrivateKeyList": [],
    }


async def list_saml_providers(ports: Ports, exchange: Exchange) -> Result:
    found = await ports.directory.list_saml_providers(account_id(exchange))
    return {
        "SAMLProviderList": [
            {"Arn": provider.arn, "ValidUntil": provider.valid_until, "CreateDate": provider.created}
            for provider in found
        ]
    }


async def update_saml_provider_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    _refuse_encryption(exchange)
    provider = await find_provider(ports, exchange, SAML)
    tags = tagging.resource_context({} if provider is None else provider.tags, "aws", "iam")
    return (Check("iam:UpdateSAMLProvider", exchange.parameters[SAML], tags),)


async def update_saml_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    if "SAMLMetadataDocument" in exchange.parameters:
        metadata, valid_until = _metadata(exchange)
        with worded(missing=missing(exchange, SAML)):
            await ports.directory.update_saml_provider(provider.arn, metadata, valid_until)
    return {"SAMLProviderArn": provider.arn}


async def delete_saml_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, SAML)):
        await ports.directory.delete_saml_provider(provider.arn)
    return {}


async def tag_saml_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, SAML)):
        await ports.directory.tag_provider(provider.arn, tagging.tags_of(exchange.parameters))
    return {}


async def untag_saml_provider(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    with worded(missing=missing(exchange, SAML)):
        await ports.directory.untag_provider(provider.arn, exchange.parameters["TagKeys"])
    return {}


async def list_saml_provider_tags(ports: Ports, exchange: Exchange) -> Result:
    provider = await _require(ports, exchange)
    shown, more = pages.page(exchange.parameters, tagging.tag_list(provider.tags), lambda tag: tag["Key"])
    return {"Tags": shown, **more}


async def _require(ports: Ports, exchange: Exchange) -> SamlProviderRecord:
    provider = await find_provider(ports, exchange, SAML)
    if not isinstance(provider, SamlProviderRecord):
        raise refusal("NoSuchEntity", missing(exchange, SAML))
    return provider


def _metadata(exchange: Exchange) -> tuple[str, datetime | None]:
    """The metadata document passed, and until when it holds.

    Raises:
        ServiceError: InvalidInput.
    """
    document: str = exchange.parameters["SAMLMetadataDocument"]
    try:
        metadata = parse_metadata(document)
    except InvalidMetadata as invalid:
        raise refusal("InvalidInput", f"Could not parse metadata: {invalid}") from None
    if metadata.valid_until is not None and metadata.valid_until <= exchange.request.received:
        raise refusal("InvalidInput", "the metadata document has expired (`validUntil`)")
    return document, metadata.valid_until


def _refuse_encryption(exchange: Exchange) -> None:
    for parameter in _OF_ENCRYPTION:
        if parameter in exchange.parameters:
            raise refusal("InvalidInput", f"encrypted assertions are not served: `{parameter}` cannot be used")
    if exchange.parameters.get("AssertionEncryptionMode") == "Required":
        raise refusal(
            "InvalidInput", "encrypted assertions are not served: `AssertionEncryptionMode` can be `Allowed` only"
        )


def _uuid(provider: SamlProviderRecord) -> str:
    """An id of this provider, and of no later one of the same name."""
    digest = sha256(f"{provider.arn} {int(provider.created.timestamp())}".encode()).digest()
    return "SAMLSP" + base64.b32encode(digest[:15]).decode("ascii")
