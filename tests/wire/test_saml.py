"""wire.saml: which responses are read, and that only what the provider signed is.

Source: Assertions and Protocols for SAML V2.0, 5.4; the eight kinds of signature wrapping (XSW1 to XSW8) of Somorovsky
and others, "On Breaking SAML: Be Whoever You Want to Be"; VU#475445 (comments in a NameID).
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree  # type: ignore[import-untyped]  # because it has no annotations
from signxml.algorithms import SignatureMethod

from daypass.wire.saml import ASSERTION_NAMESPACE, InvalidResponse, InvalidSignature, verified_assertion
from support.certificates import certified
from support.saml import ASSERTION_NS, AWS, PROTOCOL_NS, encoded, response
from support.saml_metadata import signer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWN, OTHER = signer(), signer("another")
VALUES = {f"{AWS}RoleSessionName": ["alice"]}
DS = "http://www.w3.org/2000/09/xmldsig#"


def made(**more: Any) -> str:
    return response(OWN, VALUES, now=NOW, **more)


WHOLE = made()


def read(text: str | bytes, *certificates: bytes) -> Element:
    return verified_assertion(encoded(text), certificates or (OWN.der,), NOW)


def name_in(assertion: Element) -> str | None:
    return assertion.findtext(f"{{{ASSERTION_NAMESPACE}}}Subject/{{{ASSERTION_NAMESPACE}}}NameID")


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_a_signed_assertion_is_read(sign: str) -> None:
    assert name_in(read(made(sign=sign))) == "alice"


def test_any_certificate_of_the_metadata_may_have_signed() -> None:
    assert name_in(read(made(), OTHER.der, OWN.der)) == "alice"


def test_an_elliptic_curve_may_have_signed() -> None:
    curve = certified("curve", key=ec.generate_private_key(ec.SECP256R1()))
    text = response(curve, VALUES, now=NOW, signature_algorithm=SignatureMethod.ECDSA_SHA256)
    assert name_in(read(text, curve.der)) == "alice"


def test_white_space_in_the_base64_is_let_pass() -> None:
    wrapped = base64.encodebytes(made().encode()).decode()
    assert name_in(verified_assertion(wrapped, (OWN.der,), NOW)) == "alice"


def test_a_certificate_out_of_force_proves_nothing() -> None:
    old = certified("old", key=OWN.key, until=NOW - timedelta(days=1))
    with pytest.raises(InvalidSignature):
        read(response(old, VALUES, now=NOW), old.der)


# --- signature wrapping --------------------------------------------------------------------------------------


def wrapped(change: Callable[[Any, Any, Any], None], sign: str = "assertion") -> str:
    """A signed response in which `change` has put a forged assertion beside the signed one."""
    root = etree.fromstring(made(sign=sign))
    assertion = root.find(f"{{{ASSERTION_NS}}}Assertion")
    forged = etree.fromstring(etree.tostring(assertion))
    forged.set("ID", "_forged")
    signature = forged.find(f"{{{DS}}}Signature")
    if signature is not None:
        forged.remove(signature)
    forged.find(f".//{{{ASSERTION_NS}}}NameID").text = "root"
    change(root, assertion, forged)
    text: str = etree.tostring(root, encoding="unicode")
    return text


def before(root: Any, assertion: Any, forged: Any) -> None:
    assertion.addprevious(forged)


def after(root: Any, assertion: Any, forged: Any) -> None:
    assertion.addnext(forged)


def around(root: Any, assertion: Any, forged: Any) -> None:
    """The forged one takes the place of the signed one and has it inside."""
    root.replace(assertion, forged)
    forged.append(assertion)


def within_the_signature(root: Any, assertion: Any, forged: Any) -> None:
    """The signed one hides in an Object of its own signature, which the forged one carries."""
    signature = assertion.find(f"{{{DS}}}Signature")
    assertion.remove(signature)
    root.replace(assertion, forged)
    etree.SubElement(signature, f"{{{DS}}}Object").append(assertion)
    forged.insert(1, signature)


def with_the_signature(root: Any, assertion: Any, forged: Any) -> None:
    """The forged one carries the signature, which still speaks of the signed one beside it."""
    signature = assertion.find(f"{{{DS}}}Signature")
    assertion.remove(signature)
    forged.insert(1, signature)
    assertion.addnext(forged)


def in_extensions(root: Any, assertion: Any, forged: Any) -> None:
    extensions = etree.Element(f"{{{PROTOCOL_NS}}}Extensions")
    root.replace(assertion, forged)
    root.insert(1, extensions)
    extensions.append(assertion)


def same_id(root: Any, assertion: Any, forged: Any) -> None:
    forged.set("ID", assertion.get("ID"))
    assertion.addprevious(forged)


def in_place_with_its_id(root: Any, assertion: Any, forged: Any) -> None:
    """The forged one has id and signature of the signed one, which is gone."""
    forged.set("ID", assertion.get("ID"))
    forged.insert(1, assertion.find(f"{{{DS}}}Signature"))
    root.replace(assertion, forged)


def as_another_response(root: Any, assertion: Any, forged: Any) -> None:
    """The signed response hides in a forged one around it."""
    copy = etree.fromstring(etree.tostring(root))
    for child in list(root):
        root.remove(child)
    root.set("ID", "_outer")
    root.append(forged)
    root.append(copy)


WRAPPINGS = {
    "before the signed assertion": before,
    "after the signed assertion": after,
    "around the signed assertion": around,
    "with the signed assertion inside its signature": within_the_signature,
    "with the signature of the assertion beside it": with_the_signature,
    "with the signed assertion in an extension": in_extensions,
    "with the id of the signed assertion": same_id,
    "in the place of the signed assertion, with its id and signature": in_place_with_its_id,
}


@pytest.mark.parametrize("case", WRAPPINGS)
@pytest.mark.parametrize("sign", ["assertion", "both"])
def test_a_forged_assertion_is_refused(case: str, sign: str) -> None:
    with pytest.raises((InvalidResponse, InvalidSignature)):
        read(wrapped(WRAPPINGS[case], sign))


@pytest.mark.parametrize("change", [before, after, around, as_another_response])
def test_a_forged_assertion_in_a_signed_response_is_refused(change: Callable[[Any, Any, Any], None]) -> None:
    with pytest.raises((InvalidResponse, InvalidSignature)):
        read(wrapped(change, "response"))


def test_what_stands_beside_the_signed_assertion_is_not_read() -> None:
    """A response whose assertion alone is signed may say what it likes around it."""
    text = made().replace('Destination="https://signin.aws.amazon.com/saml"', 'Destination="https://evil.example.com"')
    assert name_in(read(text)) == "alice"


# --- what else is refused ------------------------------------------------------------------------------------


def changed(old: str, new: str, **more: Any) -> Callable[[], str]:
    def make() -> str:
        text = made(**more)
        assert old in text
        return text.replace(old, new, 1)

    return make


def re_signed(old: str, new: str) -> Callable[[], str]:
    """A change that the provider itself would have had to sign, made to the signature's own words."""
    return changed(old, new)


def without_signatures() -> str:
    return re.sub(r"<ds:Signature .*?</ds:Signature>", "", made(), flags=re.DOTALL)


def twice() -> str:
    root = etree.fromstring(made())
    root.append(etree.fromstring(etree.tostring(root.find(f"{{{ASSERTION_NS}}}Assertion"))))
    text: str = etree.tostring(root, encoding="unicode")
    return text


BILLION_LAUGHS = '<!DOCTYPE r [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10)
)
REFUSED: dict[str, Callable[[], str | bytes]] = {
    "unsigned": lambda: made(sign="nothing"),
    "its signature taken away": without_signatures,
    "signed by another": lambda: response(OTHER, VALUES, now=NOW),
    "another name": changed(">alice</saml:NameID>", ">root</saml:NameID>"),
    "another recipient": changed('Recipient="https://signin', 'Recipient="https://evil'),
    "a longer validity": changed("12:05:00.000Z", "23:59:59.000Z"),
    "another status": lambda: made(status="urn:oasis:names:tc:SAML:2.0:status:Requester"),
    "two assertions": twice,
    "no assertion": lambda: re.sub(r"<saml:Assertion.*</saml:Assertion>", "", made(), flags=re.DOTALL),
    "an encrypted assertion": changed("<saml:Subject>", "<saml:EncryptedAssertion/><saml:Subject>"),
    "a comment in its name": changed(">alice<", ">ali<!-- -->ce<"),
    "a comment that cuts its name off": changed(">alice<", ">alice<!--.evil.example.com-->.corp<"),
    "a processing instruction": changed(">alice<", ">alice<?php echo 1 ?><"),
    "a document type": lambda: "<!DOCTYPE samlp:Response>" + made(),
    "an entity in its name": lambda: '<!DOCTYPE r [<!ENTITY who "root">]>' + made().replace(">alice<", ">&who;<"),
    "an external entity": lambda: (
        '<!DOCTYPE r [<!ENTITY who SYSTEM "file:///etc/passwd">]>' + made().replace(">alice<", ">&who;<")
    ),
    "an external document type": lambda: '<!DOCTYPE r SYSTEM "https://evil.example.com/x.dtd">' + made(),
    "a billion laughs": lambda: f"{BILLION_LAUGHS}]>" + made().replace(">alice<", ">&k;<"),
    "a billion laughs in an attribute": lambda: f"{BILLION_LAUGHS}]>" + made().replace('ID="_response"', 'ID="&k;"'),
    "an entity that nobody declared": changed(">alice<", ">&who;<"),
    "a hash with SHA-1": re_signed("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"),
    "a signature with SHA-1": re_signed(
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    ),
    "a signature with a shared secret": re_signed(
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    ),
    "a transform by XPath": re_signed(
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/TR/1999/REC-xpath-19991116"
    ),
    "a transform by XSLT": re_signed(
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/TR/1999/REC-xslt-19991116"
    ),
    "a reference to the whole document": re_signed('URI="#_assertion"', 'URI=""'),
    "a reference to the response": re_signed('URI="#_assertion"', 'URI="#_response"'),
    "a reference to nothing": re_signed('URI="#_assertion"', 'URI="#_nothing"'),
    "a reference to another machine": re_signed('URI="#_assertion"', 'URI="https://evil.example.com/"'),
    "an assertion without an id": changed('ID="_assertion"', ""),
    "an id twice": changed("<saml:Subject>", '<saml:Subject ID="_assertion">'),
    "an id twice under another name": changed("<saml:Subject>", '<saml:Subject xml:id="_assertion">'),
    "SAML 1.1": changed(PROTOCOL_NS, "urn:oasis:names:tc:SAML:1.0:protocol"),
    "an assertion alone": lambda: re.search(r"<saml:Assertion.*</saml:Assertion>", made(), re.DOTALL)[0],  # type: ignore[index]  # because it is there
    "a SOAP envelope around it": lambda: f"<Envelope>{made()}</Envelope>",
    "nested too deeply": changed("<saml:Subject>", "<a>" * 40 + "</a>" * 40 + "<saml:Subject>"),
    "too many elements": changed("<saml:Subject>", "<a/>" * 5000 + "<saml:Subject>"),
    "not XML": lambda: "alice",
    "nothing": lambda: "",
    "UTF-16": lambda: made().encode("utf-16"),
    "another encoding by its own word": lambda: '<?xml version="1.0" encoding="UTF-7"?>' + made(),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_response_is_refused_at_once(case: str) -> None:
    text = REFUSED[case]()
    began = time.perf_counter()
    with pytest.raises((InvalidResponse, InvalidSignature)):
        read(text)
    assert time.perf_counter() - began < 0.5


def cut_at_random(data: st.DataObject, text: bytes) -> bytes:
    """The text with a few bytes of it replaced, dropped or doubled."""
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text) - 1))
        end = min(len(text), begin + data.draw(st.integers(0, 40)))
        text = text[:begin] + data.draw(st.sampled_from([b"", b"A", text[begin:end] * 2, b"</a>", b'="'])) + text[end:]
    return text


@given(st.data())
def test_a_damaged_response_is_refused_or_says_what_the_whole_one_says(data: st.DataObject) -> None:
    whole = WHOLE.encode()
    damaged = cut_at_random(data, whole)
    try:
        assertion = read(damaged)
    except (InvalidResponse, InvalidSignature):
        return
    assert ElementTree.tostring(assertion) == ElementTree.tostring(read(whole))


@pytest.mark.parametrize("text", ["not base64!", "PHM+", "====", "é"])
def test_what_is_no_response_in_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidResponse):
        verified_assertion(text, (OWN.der,), NOW)


def test_the_certificate_inside_a_response_is_not_believed() -> None:
    """It is signed by another, whose certificate it carries; the metadata's are the only ones that count."""
    text = response(OTHER, VALUES, now=NOW)
    assert "X509Certificate" in text
    with pytest.raises(InvalidSignature):
        read(text)
    assert name_in(read(text, OTHER.der)) == "alice"
