"""wire.saml_metadata: what is read of a SAML identity provider's metadata, and what is refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from daypass.wire.saml_metadata import InvalidMetadata, parse_instant, parse_metadata
from support.certificates import certified, rsa_key
from support.saml_metadata import ENTITY_ID, metadata, signer


def test_the_entity_and_its_signing_certificates_are_read() -> None:
    old, new = signer("old"), signer("new")
    read = parse_metadata(metadata(old, new, attributes=' validUntil="2030-01-02T03:04:05.678Z"'))
    assert read.entity_id == ENTITY_ID
    assert read.certificates == (old.der, new.der)
    assert read.valid_until == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_metadata_that_do_not_say_until_when_hold_on() -> None:
    assert parse_metadata(metadata(signer())).valid_until is None


def test_a_key_without_a_use_signs_too_and_one_for_encryption_does_not() -> None:
    assert len(parse_metadata(metadata(signer(), use=None)).certificates) == 1
    with pytest.raises(InvalidMetadata, match="no certificate for signing"):
        parse_metadata(metadata(signer(), use="encryption"))


def test_an_elliptic_curve_signs_as_well() -> None:
    curve = certified("curve", key=ec.generate_private_key(ec.SECP256R1()))
    assert parse_metadata(metadata(curve)).certificates == (curve.der,)


BAD = {
    "not XML at all": ("hello" * 300, "not well-formed"),
    "cut off": (metadata(signer())[:-30], "not well-formed"),
    "a lone surrogate": (metadata(signer()) + "\ud800", "not well-formed"),
    "a document type": (metadata(signer(), before="<!DOCTYPE md:EntityDescriptor>"), "document type"),
    "a billion laughs": (
        metadata(signer(), before='<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'),
        "document type",
    ),
    "an external entity": (
        metadata(signer(), before='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        "document type",
    ),
    "another root": (metadata(signer()).replace("EntityDescriptor", "EntitiesDescriptor"), "root is not"),
    "another namespace": (metadata(signer()).replace("SAML:2.0:metadata", "SAML:1.0:metadata"), "root is not"),
    "no entityID": (metadata(signer(), entity_id=""), "no entityID"),
    "a service provider's": (metadata(signer()).replace("IDPSSO", "SPSSO"), "exactly one identity provider"),
    "two identity providers": (
        metadata(signer()).replace("</md:EntityDescriptor>", "<md:IDPSSODescriptor/></md:EntityDescriptor>"),
        "exactly one identity provider",
    ),
    "no certificate": (metadata(), "no certificate for signing"),
    "a certificate of noise": (metadata(signer()).replace("MII", "AAA", 1), "cannot be read"),
    "a short RSA key": (metadata(certified("short", key=rsa_key("short", 1024))), "neither an RSA key"),
    "too deep": (metadata(signer(), within="<a>" * 40 + "</a>" * 40), "nested too deeply"),
    "too many certificates": (metadata(*[signer()] * 11), "too many certificates"),
    "a validity in words": (metadata(signer(), attributes=' validUntil="tomorrow"'), "a time in it"),
    "a validity on no day": (metadata(signer(), attributes=' validUntil="2030-02-31T00:00:00Z"'), "a time in it"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_metadata_is_refused_with_the_reason(case: str) -> None:
    document, reason = BAD[case]
    with pytest.raises(InvalidMetadata, match=reason):
        parse_metadata(document)


def test_a_key_of_another_kind_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ed25519")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
        .sign(key, None)
    )
    document = metadata(signer())
    inner = base64.encodebytes(made.public_bytes(serialization.Encoding.DER)).decode()
    begin = document.index("<ds:X509Certificate>") + len("<ds:X509Certificate>")
    end = document.index("</ds:X509Certificate>")
    with pytest.raises(InvalidMetadata, match="neither an RSA key"):
        parse_metadata(document[:begin] + inner + document[end:])


INSTANTS = (
    "2030-01-02T03:04:05Z",
    "2030-01-02T03:04:05.123456789Z",
    "2030-01-02T04:04:05+01:00",
    "2030-01-02T03:04:05",
)


@pytest.mark.parametrize("text", INSTANTS)
def test_an_instant_is_read_in_utc(text: str) -> None:
    assert parse_instant(text) == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
