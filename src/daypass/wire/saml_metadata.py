"""A SAML identity provider's metadata document: who it is, and the certificates whose keys sign its assertions.

Owns reading the document, which an administrator hands over and which is hardly trusted more for that: without a
document type, within bounds. What an assertion says, and whether it is signed, is wire.saml's work.

Source: Metadata for the OASIS Security Assertion Markup Language V2.0, 2.3.2 "EntityDescriptor", 2.4.1.1
"KeyDescriptor", 2.4.3 "IDPSSODescriptor".
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.parsers import expat

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
_SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_ENTITY: Final = f"{_METADATA} EntityDescriptor"
_PROVIDER: Final = f"{_METADATA} IDPSSODescriptor"
_KEY: Final = f"{_METADATA} KeyDescriptor"
_CERTIFICATE: Final = f"{_SIGNATURE} X509Certificate"
_DEPTH: Final = 32  # elements within elements; metadata in use have about ten
_CERTIFICATES: Final = 10  # a provider that is rolling over has two
_RSA_BITS: Final = 2048  # at least; NIST SP 800-131A
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


class InvalidMetadata(ValueError):
    """A document that is no metadata of a SAML 2.0 identity provider. Its text says why, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class SamlMetadata:
    """entity_id: what the provider calls itself, the Issuer of its assertions.

    certificates: those that sign, in DER, in the document's order.
    valid_until: aware UTC; None if the document does not say.
    """

    entity_id: str
    certificates: tuple[bytes, ...]
    valid_until: datetime | None


def parse_metadata(document: str) -> SamlMetadata:
    """The metadata of one identity provider.

    document: its length is bounded by the caller.

    Raises:
        InvalidMetadata: not well-formed, with a document type, of several entities, of none that signs people in, or
            without a certificate that can be used.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(document, True)
    except (expat.ExpatError, UnicodeEncodeError):
        raise InvalidMetadata("it is not well-formed XML") from None
    if reader.entity is None:
        raise InvalidMetadata("its root is not a SAML 2.0 EntityDescriptor")
    entity_id = reader.entity.get("entityID", "")
    if not entity_id:
        raise InvalidMetadata("it names no entityID")
    if reader.providers != 1:
        raise InvalidMetadata("it does not describe exactly one identity provider (IDPSSODescriptor)")
    if not reader.certificates:
        raise InvalidMetadata("it has no certificate for signing")
    certificates = tuple(dict.fromkeys([_der(text) for text in reader.certificates]))
    until = reader.entity.get("validUntil")
    return SamlMetadata(entity_id, certificates, None if until is None else parse_instant(until))


def parse_instant(text: str) -> datetime:
    """An xs:dateTime, which SAML requires to be UTC, in whole seconds; without a zone it is UTC too.

    Raises:
        InvalidMetadata: it is none.
    """
    if _INSTANT.fullmatch(text) is None:
        raise InvalidMetadata("a time in it cannot be read")
    try:
        # Python reads at most six digits of a fraction, and whole seconds are kept anyway.
        moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        raise InvalidMetadata("a time in it cannot be read") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Reader:
    """Gathers what is wanted of the document, by where it stands in it."""

    def __init__(self) -> None:
        self.entity: dict[str, str] | None = None
        self.providers = 0
        self.certificates: list[str] = []
        self._path: list[str] = []
        self._signs = False
        self._text: list[str] | None = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse_declaration
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse_declaration(self, *_: object) -> None:
        raise InvalidMetadata("it has a document type declaration")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _DEPTH:
            raise InvalidMetadata("it is nested too deeply")
        match self._path:
            case [only] if only == _ENTITY:
                self.entity = attributes
            case [_, provider] if provider == _PROVIDER:
                self.providers += 1
            case [_, provider, key] if (provider, key) == (_PROVIDER, _KEY):
                # A key without a use is for both. (Metadata, 2.4.1.1)
                self._signs = attributes.get("use", "signing") == "signing"
            case [_, provider, key, *_, certificate] if (provider, key, certificate) == (
                _PROVIDER,
                _KEY,
                _CERTIFICATE,
            ) and self._signs:
                if len(self.certificates) >= _CERTIFICATES:
                    raise InvalidMetadata("it has too many certificates")
                self._text = []
            case _:
                pass  # of no use to us: endpoints, names, contacts, the document's own signature

    def _end(self, _: str) -> None:
        self._path.pop()
        if self._text is not None:
            self.certificates.append("".join(self._text))
            self._text = None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)


def _der(text: str) -> bytes:
    try:
        der = binascii.a2b_base64("".join(text.split()), strict_mode=True)
        key = x509.load_der_x509_certificate(der).public_key()
    except ValueError:
        raise InvalidMetadata("a certificate in it cannot be read") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS:
        return der
    if isinstance(key, ec.EllipticCurvePublicKey):
        return der
    raise InvalidMetadata(f"a certificate in it has neither an RSA key of {_RSA_BITS} bits nor an elliptic curve's")
