"""SAML 2.0 responses: the text that a browser brings, and what of it the identity provider has signed.

Owns which documents are read at all, and the proof of their signatures. Whom an assertion is meant for, and what its
attributes mean, is service.sts.saml's work.

A document is looked through before anything verifies it: no document type, comment or processing instruction, one
assertion in one place, signatures where they belong and about what they stand in, no id twice. Then each signature in
it has to be right, and only the bytes that one of them covers are read, parsed anew: what was moved beside them is
never seen. The signatures are signxml's, which is installed with `daypass[saml]`.

Source: Assertions and Protocols for SAML V2.0, 5.4 "XML Signature Profile"; XML Signature Best Practices (W3C);
Somorovsky and others, "On Breaking SAML: Be Whoever You Want to Be" (signature wrapping).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from cryptography import x509

if TYPE_CHECKING:
    from signxml.verifier import SignatureConfiguration

ASSERTION_NAMESPACE: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
_PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_RESPONSE: Final = f"{_PROTOCOL} Response"
_ASSERTION: Final = f"{ASSERTION_NAMESPACE} Assertion"
_SIGNATURE: Final = f"{_DS} Signature"
_STATUS_CODE: Final = f"{_PROTOCOL} StatusCode"
_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_TRANSFORMS: Final = frozenset({f"{_DS}enveloped-signature", _EXCLUSIVE})
_IDS: Final = frozenset({"ID", "Id", "id", "http://www.w3.org/XML/1998/namespace id"})
_ENCODINGS: Final = frozenset({None, "utf-8", "us-ascii", "ascii"})
_DEPTH: Final = 32  # elements within elements; a response has about ten
_ELEMENTS: Final = 4_096
# Where a signature may stand, and where signxml is to look for it.
_PLACES: Final = {
    (_RESPONSE, _SIGNATURE): "./",
    (_RESPONSE, _ASSERTION, _SIGNATURE): f"./{{{ASSERTION_NAMESPACE}}}Assertion/",
}


class InvalidResponse(ValueError):
    """A response that is not read. Its text says why, and quotes nothing of it."""


class RejectedSubject(InvalidResponse):
    """A response with which the identity provider says that it has let nobody in."""


class InvalidSignature(ValueError):
    """A response that the provider did not sign, or not in a way that is believed."""


class SignaturesUnavailable(RuntimeError):
    """What verifies XML signatures is not installed."""


@dataclass(frozen=True, slots=True)
class _Signed:
    """One signature: where it stands, the id of the element around it, and the one that it speaks of."""

    place: tuple[str, ...]
    around: str
    about: str


def verified_assertion(encoded: str, certificates: Sequence[bytes], now: datetime) -> ElementTree.Element:
    """The assertion of a response, as the provider signed it.

    encoded: base64, bounded by the caller. certificates: of the provider's metadata, in DER; one has to be in force.

    Raises:
        InvalidResponse, RejectedSubject, InvalidSignature, SignaturesUnavailable.
    """
    document = _decode(encoded)
    scan = _Scan(document)
    covered = {signed.place: _covered(document, signed, certificates, now) for signed in scan.signatures}
    # The assertion's own signature is the narrowest; the whole response's has the assertion in it.
    innermost = max(covered, key=len)
    root = ElementTree.fromstring(covered[innermost])  # noqa: S314  canonical XML, which has no document type
    if len(innermost) == len((_RESPONSE, _ASSERTION, _SIGNATURE)):
        return _named(root, "Assertion", scan.assertion_id)
    response = f"{{{_PROTOCOL}}}Response"
    assertion = root.find(f"{{{ASSERTION_NAMESPACE}}}Assertion")
    if root.tag != response or assertion is None:
        raise InvalidSignature("what is signed is not the response")
    return _named(assertion, "Assertion", scan.assertion_id)


def _named(element: ElementTree.Element, name: str, identifier: str) -> ElementTree.Element:
    if element.tag != f"{{{ASSERTION_NAMESPACE}}}{name}" or element.get("ID") != identifier:
        raise InvalidSignature("what is signed is not the assertion")
    return element


def _decode(encoded: str) -> bytes:
    try:
        document = binascii.a2b_base64("".join(encoded.split()), strict_mode=True)
        document.decode("utf-8")
    except ValueError:
        raise InvalidResponse("Invalid base64 SAMLResponse") from None
    return document


def _covered(document: bytes, signed: _Signed, certificates: Sequence[bytes], now: datetime) -> bytes:
    """The bytes that a signature covers, once one of the certificates has proven it."""
    if signed.about != f"#{signed.around}" or not signed.around:
        raise InvalidSignature("a signature speaks of something else than what it stands in")
    try:
        from signxml.verifier import XMLVerifier
    except ImportError:
        raise SignaturesUnavailable from None
    for der in certificates:
        try:
            result = XMLVerifier().verify(
                document,
                x509_cert=x509.load_der_x509_certificate(der),
                id_attribute="ID",
                expect_config=_configuration(_PLACES[signed.place], now),
            )
        except Exception:  # noqa: BLE001, S112  whatever it has against the document, that is no proof; another may be
            continue
        if isinstance(result, list):
            raise InvalidSignature("a signature covers more than one element")
        return result.signed_data
    raise InvalidSignature("no certificate of the provider has made the signature")


def _configuration(location: str, now: datetime) -> SignatureConfiguration:
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.verifier import SignatureConfiguration

    return SignatureConfiguration(
        location=location,
        expect_references=1,
        signature_methods=frozenset(
            {
                SignatureMethod.RSA_SHA256,
                SignatureMethod.RSA_SHA384,
                SignatureMethod.RSA_SHA512,
                SignatureMethod.ECDSA_SHA256,
                SignatureMethod.ECDSA_SHA384,
                SignatureMethod.ECDSA_SHA512,
            }
        ),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}),
        ignore_ambiguous_key_info=True,  # keys inside the document are not looked at
        verification_time=now,
    )


class _Scan:
    """A document gone through once, before anything in it is believed. assertion_id: of its only assertion."""

    def __init__(self, document: bytes) -> None:
        self.signatures: list[_Signed] = []
        self.assertion_id = ""
        self._path: list[tuple[str, str]] = []  # the elements around, each with its ID
        self._ids: set[str] = set()
        self._elements = 0
        self._assertions = 0
        self._about: list[str] = []
        self._statuses: list[str] = []
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = _refuse("a document type")
        parser.CommentHandler = _refuse("a comment")
        parser.ProcessingInstructionHandler = _refuse("a processing instruction")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(document, True)
        except expat.ExpatError:
            raise InvalidResponse("it is not well-formed XML") from None
        if self._statuses[:1] != [_SUCCESS]:
            raise RejectedSubject("its status is not success")
        if self._assertions != 1:
            raise InvalidResponse("it does not have exactly one assertion")
        if not self.signatures:
            raise InvalidSignature("nothing in it is signed")
        if len({signed.place for signed in self.signatures}) != len(self.signatures):
            raise InvalidSignature("it has two signatures in one place")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if (encoding.lower() if encoding else None) not in _ENCODINGS:
            raise InvalidResponse("it is not in UTF-8")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._path) >= _DEPTH or self._elements > _ELEMENTS:
            raise InvalidResponse("it is too deep, or too large")
        for attribute in _IDS & attributes.keys():
            if attributes[attribute] in self._ids:
                raise InvalidResponse("it has an id twice")
            self._ids.add(attributes[attribute])
        self._path.append((name, attributes.get("ID", "")))
        place = tuple([element for element, _ in self._path])
        if place[0] != _RESPONSE:
            raise InvalidResponse("it is not a SAML 2.0 response")
        match name.rpartition(" ")[2]:
            case "Assertion":
                self._assertions += 1
                self.assertion_id = attributes.get("ID", "")
                if place != (_RESPONSE, _ASSERTION):
                    raise InvalidResponse("its assertion is not where it belongs")
            case "EncryptedAssertion":
                raise InvalidResponse("its assertion is encrypted, which is not served")
            case "Signature":
                if place not in _PLACES:
                    raise InvalidSignature("it has a signature where none belongs")
                self._about = []
            case "Reference" if _SIGNATURE in place:
                self._about.append(attributes.get("URI", ""))
            case "Transform" | "CanonicalizationMethod" if _SIGNATURE in place:
                if attributes.get("Algorithm") not in _TRANSFORMS:
                    raise InvalidSignature("its signature is about something made of it, not about itself")
            case "StatusCode" if place[1:] == (f"{_PROTOCOL} Status", _STATUS_CODE):
                self._statuses.append(attributes.get("Value", ""))
            case _:
                pass

    def _end(self, _: str) -> None:
        name, _identifier = self._path.pop()
        if name == _SIGNATURE:
            if len(self._about) != 1:
                raise InvalidSignature("a signature is not about exactly one element")
            place = (*[element for element, _ in self._path], name)
            self.signatures.append(_Signed(place, self._path[-1][1], self._about[0]))


def _refuse(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise InvalidResponse(f"it has {what}")

    return refuse
