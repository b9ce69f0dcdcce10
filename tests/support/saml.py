"""Responses of a SAML identity provider, signed by signxml as real ones are, and hostile changes to them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree  # type: ignore[import-untyped]  # because it has no annotations
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from support.certificates import Certified
from support.saml_metadata import ENTITY_ID

RECIPIENT = "https://signin.aws.amazon.com/saml"
AWS = "https://aws.amazon.com/SAML/Attributes/"
ASSERTION_NS = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL_NS = "urn:oasis:names:tc:SAML:2.0:protocol"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

# Every place that a test may want to change is a word in braces.
_RESPONSE = """\
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:xs="http://www.w3.org/2001/XMLSchema" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_response" Version="2.0" IssueInstant="{issued}" \
Destination="{recipient}"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{issuer}</saml:Issuer>\
{response_signature}<samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>{assertion}</samlp:Response>"""

_ASSERTION = """\
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" Version="{version}" \
IssueInstant="{issued}"><saml:Issuer>{issuer}</saml:Issuer>{assertion_signature}<saml:Subject>\
<saml:NameID Format="{format}">{name}</saml:NameID><saml:SubjectConfirmation Method="{method}">\
<saml:SubjectConfirmationData {confirmed_until}Recipient="{recipient}"/></saml:SubjectConfirmation></saml:Subject>\
<saml:Conditions NotBefore="{not_before}" NotOnOrAfter="{not_on_or_after}">{conditions}</saml:Conditions>\
<saml:AuthnStatement AuthnInstant="{issued}"{session_ends}><saml:AuthnContext><saml:AuthnContextClassRef>\
urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>\
</saml:AuthnStatement><saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"""

_PLACEHOLDER = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"></ds:Signature>'


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z"


def attributes(values: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        f'<saml:Attribute Name="{name}">'
        + "".join(f'<saml:AttributeValue xsi:type="xs:string">{value}</saml:AttributeValue>' for value in listed)
        + "</saml:Attribute>"
        for name, listed in values.items()
    )


def audience(*texts: str) -> str:
    inner = "".join(f"<saml:Audience>{text}</saml:Audience>" for text in texts)
    return f"<saml:AudienceRestriction>{inner}</saml:AudienceRestriction>"


def response(
    signer: Certified,
    values: Mapping[str, Sequence[str]],
    *,
    now: datetime | None = None,
    sign: str = "assertion",
    signature_algorithm: SignatureMethod = SignatureMethod.RSA_SHA256,
    **changes: Any,
) -> str:
    """The XML. values: AWS's attributes and others. sign: `assertion`, `response`, `both` or `nothing`."""
    now = now or datetime.now(UTC)
    words = {
        "issued": instant(now),
        "issuer": ENTITY_ID,
        "recipient": RECIPIENT,
        "status": "urn:oasis:names:tc:SAML:2.0:status:Success",
        "version": "2.0",
        "format": PERSISTENT,
        "name": "alice",
        "method": "urn:oasis:names:tc:SAML:2.0:cm:bearer",
        "confirmed_until": f'NotOnOrAfter="{instant(now + timedelta(minutes=5))}" ',
        "not_before": instant(now - timedelta(minutes=1)),
        "not_on_or_after": instant(now + timedelta(minutes=5)),
        "conditions": audience("urn:amazon:webservices"),
        "session_ends": "",
        "attributes": attributes(values),
        "assertion_signature": _PLACEHOLDER if sign in ("assertion", "both") else "",
        **changes,
    }
    whole = _RESPONSE.format(
        **{**words, "response_signature": _PLACEHOLDER if sign in ("response", "both") else ""},
        assertion=_ASSERTION.format(**words),
    )
    root = etree.fromstring(whole)
    if sign in ("assertion", "both"):
        assertion = root.find(f"{{{ASSERTION_NS}}}Assertion")
        signed = _signed(assertion, signer, "_assertion", signature_algorithm)
        root.replace(assertion, signed)
    if sign in ("response", "both"):
        root = _signed(root, signer, "_response", signature_algorithm)
    text: str = etree.tostring(root, encoding="unicode")
    return text


def _signed(element: Any, signer: Certified, reference: str, algorithm: SignatureMethod) -> Any:
    made = XMLSigner(
        signature_algorithm=algorithm,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return made.sign(element, key=signer.key_pem, cert=signer.pem.decode(), reference_uri=reference, id_attribute="ID")


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
