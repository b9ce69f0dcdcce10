"""AssumeRoleWithSAML: a role's temporary credentials for whoever has an assertion of a provider that is trusted.

The order: the provider is found in the role's account, the response's signatures are verified with the certificates
of its metadata, and what is signed is held against the provider, our own addresses and the clock; only then is the
role looked at.

Source: AWS Security Token Service API Reference, AssumeRoleWithSAML; IAM User Guide, "Configure SAML assertions for
the authentication response", "Available keys for SAML-based AWS STS federation", "Troubleshoot SAML federation with
IAM" (texts); Assertions and Protocols for SAML V2.0, 2; Profiles for SAML V2.0, 4.1.4 (bearer assertions).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from xml.etree.ElementTree import Element

from daypass import limits
from daypass.errors import ServiceError
from daypass.names import Arn, saml_provider_arn
from daypass.policy.principals import FEDERATED_PROVIDER
from daypass.service.actions import Check, ContextValue, Ports, UnsignedExchange
from daypass.service.ports import SamlProvider
from daypass.service.sts.federated import (
    checked_source_identity,
    checked_tags,
    invalid_identity_token,
    role_checks,
    role_of,
    unique_keys,
)
from daypass.service.sts.marks import Marks
from daypass.service.sts.narrowing import managed_policies, policy_arns
from daypass.service.sts.role_sessions import check_role_arn, open_session, session_seconds
from daypass.wire.saml import (
    ASSERTION_NAMESPACE,
    InvalidResponse,
    InvalidSignature,
    RejectedSubject,
    SignaturesUnavailable,
    verified_assertion,
)
from daypass.wire.saml_metadata import InvalidMetadata, SamlMetadata, parse_instant, parse_metadata

_ACTION: Final = "sts:AssumeRoleWithSAML"
_NS: Final = f"{{{ASSERTION_NAMESPACE}}}"
_BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_FORMAT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
_ATTRIBUTES: Final = "https://aws.amazon.com/SAML/Attributes/"
_PRINCIPAL_TAG: Final = f"{_ATTRIBUTES}PrincipalTag:"
_SESSION_NAME: Final = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}", re.ASCII)
AWS_RECIPIENT: Final = "https://signin.aws.amazon.com/saml"
_AWS_AUDIENCES: Final = frozenset({"urn:amazon:webservices", AWS_RECIPIENT})
# The keys that stay with the session.
_KEPT: Final = frozenset({"saml:namequalifier", "saml:sub", "saml:sub_type", FEDERATED_PROVIDER})

_EDU_PERSON: Final = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
_EDU_ORG: Final = "urn:oid:1.3.6.1.4.1.5923.1.2.1."
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
# Names of attributes → their condition keys. (IAM User Guide, "Available keys for SAML-based AWS STS federation")
_KEYS: Final = {
    f"{_EDU_PERSON}1": "saml:edupersonaffiliation",
    f"{_EDU_PERSON}2": "saml:edupersonnickname",
    f"{_EDU_PERSON}3": "saml:edupersonorgdn",
    f"{_EDU_PERSON}4": "saml:edupersonorgunitdn",
    f"{_EDU_PERSON}5": "saml:edupersonprimaryaffiliation",
    f"{_EDU_PERSON}6": "saml:edupersonprincipalname",
    f"{_EDU_PERSON}7": "saml:edupersonentitlement",
    f"{_EDU_PERSON}8": "saml:edupersonprimaryorgunitdn",
    f"{_EDU_PERSON}9": "saml:edupersonscopedaffiliation",
    f"{_EDU_PERSON}10": "saml:edupersontargetedid",
    f"{_EDU_PERSON}11": "saml:edupersonassurance",
    f"{_EDU_ORG}2": "saml:eduorghomepageuri",
    f"{_EDU_ORG}3": "saml:eduorgidentityauthnpolicyuri",
    f"{_EDU_ORG}4": "saml:eduorglegalname",
    f"{_EDU_ORG}5": "saml:eduorgsuperioruri",
    f"{_EDU_ORG}6": "saml:eduorgwhitepagesuri",
    "urn:oid:2.5.4.3": "saml:cn",
    f"{_CLAIMS}name": "saml:name",
    "http://schemas.xmlsoap.org/claims/CommonName": "saml:commonname",
    f"{_CLAIMS}givenname": "saml:givenname",
    f"{_CLAIMS}surname": "saml:surname",
    f"{_CLAIMS}emailaddress": "saml:mail",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": "saml:primarygroupsid",
}


@dataclass(frozen=True, slots=True)
class SamlSubject:
    """Who an assertion is about, once it is proven and held against its provider, our addresses and the clock.

    format: of the name, without AWS's prefix. recipient: the address that it was presented to. ends: when the
    provider's own session does; None if it does not say.
    """

    name: str
    format: str
    issuer: str
    recipient: str
    name_qualifier: str
    ends: datetime | None
    attributes: Mapping[str, Sequence[str]]


async def saml_checks(ports: Ports, exchange: UnsignedExchange) -> Sequence[Check]:
    """The assertion proven, and what the role's trust policy must allow its bearer."""
    parameters, received = exchange.parameters, exchange.request.received
    # 1. What is passed must make sense, whatever the assertion.
    check_role_arn(parameters["RoleArn"])
    policy_arns(parameters)
    # 2. The provider, in the account of the role.
    provider = await _provider(ports, parameters["PrincipalArn"], Arn.parse(parameters["RoleArn"]).account_id)
    metadata = _metadata(provider.metadata)
    if metadata.valid_until is not None and received >= metadata.valid_until:
        raise invalid_identity_token("The metadata of the specified provider have expired.")
    # 3. What of the response is the provider's, and who that is, now.
    # A document and its signatures take some milliseconds, in which others are answered.
    assertion = await asyncio.to_thread(_assertion, parameters["SAMLAssertion"], metadata, received)
    subject = _subject(assertion, provider, metadata, ports.saml_recipients, received)
    exchange.found["provider"], exchange.found["subject"] = provider.arn, subject.name
    _require_role(subject, parameters["RoleArn"], provider.arn)
    session_name = _session_name(subject)
    marks = _marks(subject, provider)
    # 4. The role.
    exchange.found["whole subject"], exchange.found["session name"] = subject, session_name
    exchange.found["claims"] = _keys(subject, provider)
    checks = role_checks(ports, exchange, _ACTION, marks, session_name)
    return checks if isinstance(checks, tuple) else await checks


async def assume_role_with_saml(ports: Ports, exchange: UnsignedExchange) -> Mapping[str, Any]:
    """Temporary credentials of the role, at most for as long as the provider's own session lasts."""
    received, subject = exchange.request.received, exchange.found["whole subject"]
    role, marks = role_of(exchange)
    seconds = session_seconds(role, exchange.parameters, chained=False)
    longest = _single(subject, "SessionDuration")
    if longest is not None:
        seconds = min(seconds, _duration(longest))
    if subject.ends is not None:
        seconds = min(seconds, int((subject.ends - received.replace(microsecond=0)).total_seconds()))
    name, managed = exchange.found["session name"], await managed_policies(ports, policy_arns(exchange.parameters))
    answer = open_session(ports, role, name, seconds, received, exchange.parameters, managed, marks)
    return answer | {
        "Subject": subject.name,
        "SubjectType": subject.format,
        "Issuer": subject.issuer,
        "Audience": subject.recipient,
        "NameQualifier": subject.name_qualifier,
    }


async def _provider(ports: Ports, arn: str, account_id: str) -> SamlProvider:
    """Raises ServiceError: InvalidIdentityToken."""
    account = await ports.identities.account(account_id)
    provider = None
    own = arn.startswith(saml_provider_arn(account_id, ""))
    if own and account is not None and account.closed is None:
        provider = await ports.identities.saml_provider(arn)
    if provider is None:
        raise invalid_identity_token("Specified provider doesn't exist.")
    return provider


@lru_cache(limits.SAML_METADATA_CACHED)
def _metadata(document: str) -> SamlMetadata:
    """Of a provider that is stored: it was checked when it came."""
    return parse_metadata(document)


def _assertion(encoded: str, metadata: SamlMetadata, now: datetime) -> Element:
    try:
        return verified_assertion(encoded, metadata.certificates, now)
    except RejectedSubject:
        raise ServiceError(
            "IDPRejectedClaim", 403, "The identity provider reported that authentication failed."
        ) from None
    except InvalidResponse as invalid:
        raise invalid_identity_token(f"Invalid SAMLResponse: {invalid}") from None
    except InvalidSignature:
        raise invalid_identity_token("Response signature invalid") from None
    except SignaturesUnavailable:
        raise ServiceError(
            "InvalidAction",
            400,
            "AssumeRoleWithSAML is not served here: what verifies XML signatures is not installed (daypass[saml]).",
        ) from None


def _subject(
    assertion: Element, provider: SamlProvider, metadata: SamlMetadata, recipients: frozenset[str], now: datetime
) -> SamlSubject:
    """Raises ServiceError: InvalidIdentityToken or ExpiredTokenException."""
    # 1. Whose it is, and how old.
    if assertion.get("Version") != "2.0":
        raise invalid_identity_token("Invalid SAMLResponse: its assertion is not of SAML 2.0")
    issuer = _text(_only(assertion, "Issuer"))
    if issuer != metadata.entity_id:
        raise invalid_identity_token("Issuer not present in specified provider")
    _check_age(_instant(assertion, "IssueInstant"), now)
    # 2. For whom, and for how long.
    _check_conditions(_only(assertion, "Conditions"), recipients, now)
    # 3. About whom, and to whom it was handed.
    subject = _only(assertion, "Subject")
    recipient = _confirmed(_only(subject, "SubjectConfirmation"), recipients, now)
    name = _only(subject, "NameID")
    # 4. What it says of them.
    ends = [
        _instant(statement, "SessionNotOnOrAfter")
        for statement in assertion.findall(f"{_NS}AuthnStatement")
        if "SessionNotOnOrAfter" in statement.attrib
    ]
    if ends and min(ends) <= now:
        raise _expired()
    qualified = f"{issuer}{provider.account_id}/{provider.name}".encode()
    return SamlSubject(
        name=_text(name),
        format=name.get("Format", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified").removeprefix(_FORMAT),
        issuer=issuer,
        recipient=recipient,
        name_qualifier=base64.b64encode(hashlib.sha1(qualified, usedforsecurity=False).digest()).decode("ascii"),
        ends=min(ends, default=None),
        attributes=_attributes(assertion),
    )


def _check_age(issued: datetime, now: datetime) -> None:
    age = (now - issued).total_seconds()
    if age > limits.SAML_REDEEM_SECONDS:
        raise ServiceError("ExpiredTokenException", 400, "Token must be redeemed within 5 minutes of issuance")
    if age < -limits.WEB_IDENTITY_LEEWAY_SECONDS:
        raise invalid_identity_token("Invalid SAMLResponse: its assertion is issued in the future")


def _check_conditions(conditions: Element, recipients: frozenset[str], now: datetime) -> None:
    leeway = timedelta(seconds=limits.WEB_IDENTITY_LEEWAY_SECONDS)
    if "NotBefore" in conditions.attrib and _instant(conditions, "NotBefore") > now + leeway:
        raise invalid_identity_token("Invalid SAMLResponse: its assertion is not valid yet")
    if "NotOnOrAfter" in conditions.attrib and _instant(conditions, "NotOnOrAfter") <= now:
        raise _expired()
    restrictions = conditions.findall(f"{_NS}AudienceRestriction")
    # SAML core, 2.5.1: a condition that is not understood leaves it open whether the assertion is valid.
    if len(restrictions) != len(conditions):
        raise invalid_identity_token("Invalid SAMLResponse: its assertion has a condition that is not served")
    ours = recipients | _AWS_AUDIENCES
    audiences = [{_text(one) for one in restriction.findall(f"{_NS}Audience")} for restriction in restrictions]
    if not audiences or not all(meant & ours for meant in audiences):
        raise invalid_identity_token("Response does not contain the required audience.")


def _confirmed(confirmation: Element, recipients: frozenset[str], now: datetime) -> str:
    """The recipient of a bearer assertion. (Profiles, 4.1.4.2)"""
    data = _only(confirmation, "SubjectConfirmationData")
    recipient = data.get("Recipient", "")
    if confirmation.get("Method") != _BEARER or "NotBefore" in data.attrib:
        raise invalid_identity_token("Invalid SAMLResponse: its subject is not confirmed by bearing it")
    if recipient not in recipients | {AWS_RECIPIENT}:
        raise invalid_identity_token("Invalid SAMLResponse: its recipient is somebody else")
    if _instant(data, "NotOnOrAfter") <= now:
        raise _expired()
    return recipient


def _attributes(assertion: Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for attribute in assertion.findall(f"{_NS}AttributeStatement/{_NS}Attribute"):
        values = found.setdefault(attribute.get("Name", ""), [])
        # A value with elements in it is no text; AWS's own attributes have none such, and others are passed over.
        values += [(one.text or "").strip() for one in attribute.findall(f"{_NS}AttributeValue") if len(one) == 0]
    return found


def _require_role(subject: SamlSubject, role_arn: str, provider_arn: str) -> None:
    """The provider says which roles its user may assume, each beside the provider's own ARN."""
    for pair in subject.attributes.get(f"{_ATTRIBUTES}Role", ()):
        if sorted(part.strip() for part in pair.split(",")) == sorted((role_arn, provider_arn)):
            return
    raise ServiceError("AccessDenied", 403, f"Not authorized to perform {_ACTION}")


def _session_name(subject: SamlSubject) -> str:
    name = _single(subject, "RoleSessionName")
    if name is None:
        raise invalid_identity_token("RoleSessionName is required in AuthnResponse")
    if _SESSION_NAME.fullmatch(name) is None:
        raise invalid_identity_token("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
    return name


def _marks(subject: SamlSubject, provider: SamlProvider) -> Marks:
    tags = []
    for name, values in subject.attributes.items():
        if name.startswith(_PRINCIPAL_TAG):
            if len(values) != 1:
                raise invalid_identity_token("Unable to validate tags")
            tags.append((name.removeprefix(_PRINCIPAL_TAG), values[0]))
    checked, transitive = checked_tags(tags, subject.attributes.get(f"{_ATTRIBUTES}TransitiveTagKeys", ()))
    source_identity = _single(subject, "SourceIdentity")
    if source_identity is not None:
        source_identity = checked_source_identity(source_identity)
    context = {key: value for key, value in _keys(subject, provider).items() if key in _KEPT}
    return Marks(checked, transitive, source_identity, context=context)


def _keys(subject: SamlSubject, provider: SamlProvider) -> Mapping[str, ContextValue]:
    pairs: list[tuple[str, ContextValue]] = [
        ("saml:aud", subject.recipient),
        ("saml:iss", subject.issuer),
        ("saml:sub", subject.name),
        ("saml:sub_type", subject.format),
        ("saml:doc", f"{provider.account_id}/{provider.name}"),
        ("saml:namequalifier", subject.name_qualifier),
        (FEDERATED_PROVIDER, provider.arn),
    ]
    pairs += [(_KEYS[name], tuple(values)) for name, values in subject.attributes.items() if name in _KEYS and values]
    return unique_keys(pairs)


def _single(subject: SamlSubject, name: str) -> str | None:
    """The value of one of AWS's attributes that has one.

    Raises:
        ServiceError: InvalidIdentityToken; it has several.
    """
    values = subject.attributes.get(f"{_ATTRIBUTES}{name}", ())
    if len(values) > 1:
        raise invalid_identity_token(f"{name} in AuthnResponse must have one value")
    return values[0] if values else None


def _duration(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 900 <= int(text) <= limits.ROLE_SESSION_SECONDS_MAX:
        raise invalid_identity_token("SessionDuration in AuthnResponse must be a number of seconds from 900 to 43200")
    return int(text)


def _only(parent: Element, name: str) -> Element:
    found = parent.findall(f"{_NS}{name}")
    if len(found) != 1:
        raise invalid_identity_token(f"Invalid SAMLResponse: it needs exactly one {name}")
    return found[0]


def _text(element: Element) -> str:
    """The whole text of an element that has no other in it."""
    text = (element.text or "").strip()
    if len(element) or not text.isprintable():
        raise invalid_identity_token("Invalid SAMLResponse: a text in it is none")
    return text


def _instant(element: Element, name: str) -> datetime:
    try:
        return parse_instant(element.get(name, ""))
    except InvalidMetadata:
        raise invalid_identity_token(f"Invalid SAMLResponse: its {name} is not an instant") from None


def _expired() -> ServiceError:
    return ServiceError("ExpiredTokenException", 400, "The SAML assertion has expired.")
