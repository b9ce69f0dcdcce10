"""Metadata documents of SAML identity providers, as real ones hand them out."""

from __future__ import annotations

import base64

from support.certificates import Certified, certified, rsa_key

ENTITY_ID = "https://idp.example.org/saml"

_CERTIFICATE = (
    '<md:KeyDescriptor{use}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
    "<ds:X509Certificate>\n{der}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
)


def signer(name: str = "saml signer") -> Certified:
    """The certificate of an identity provider's RSA key; the same key for the same name."""
    return certified(name, key=rsa_key(name))


def metadata(
    *certificates: Certified,
    entity_id: str = ENTITY_ID,
    use: str | None = "signing",
    attributes: str = "",
    before: str = "",
    within: str = "",
) -> str:
    """attributes: more of the root element's. before: what stands before the root. within: more of the provider's."""
    keys = "".join(
        _CERTIFICATE.format(
            use="" if use is None else f' use="{use}"', der=base64.encodebytes(certificate.der).decode().strip()
        )
        for certificate in certificates
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}\n'
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"{attributes}>\n'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">\n'
        f"{keys}{within}"
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
        'Location="https://idp.example.org/sso"/>\n'
        "</md:IDPSSODescriptor>\n</md:EntityDescriptor>\n"
    )
