"""wire.jwt: which tokens are read, which keys verify them, and that nothing else does.

Source: RFC 7515, RFC 7517, RFC 7518, RFC 7519; RFC 8725, 2 "Threats and Vulnerabilities"; OWASP, "JSON Web Token for
Java" for the attacks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from daypass import limits
from daypass.names import Secret
from daypass.wire.jwt import (
    InvalidJwt,
    InvalidKeySet,
    SigningKey,
    choose,
    encode_claims,
    load_signing_key,
    make_private_key,
    parse,
    parse_key_set,
    public_jwk,
    sign,
    verify,
)
from support.certificates import rsa_key
from support.web_tokens import PrivateKey, encode, jwk, signed_with_public_key, token

RSA = rsa_key("jwt")
P256, P384, P521 = (ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
CLAIMS = {"iss": "https://idp.example.com", "sub": "alice"}
KEYS: dict[str, PrivateKey] = {
    "RS256": RSA,
    "RS384": RSA,
    "RS512": RSA,
    "ES256": P256,
    "ES384": P384,
    "ES512": P521,
}


def published(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def claims_of(text: str, *keys: dict[str, Any]) -> Any:
    """What the token says, once one of the published keys has verified it."""
    read = parse(text)
    key = choose(parse_key_set(published(*keys)), read)
    if key is None:
        raise InvalidJwt("no key")
    return verify(read, key)


@pytest.mark.parametrize("alg", KEYS)
def test_a_token_is_verified_with_each_algorithm(alg: str) -> None:
    assert claims_of(token(CLAIMS, KEYS[alg], alg=alg), jwk(KEYS[alg])) == CLAIMS


def test_a_token_has_no_readable_form() -> None:
    assert "alice" not in repr(parse(token(CLAIMS, RSA)))


def tampered(text: str) -> str:
    header, _, signature = text.split(".")
    return f"{header}.{encode({**CLAIMS, 'sub': 'mallory'})}.{signature}"


def without_signature(text: str) -> str:
    return text.rpartition(".")[0] + "."


def deep(_: None = None) -> str:
    return token(b'{"a":' * 4000 + b"1" + b"}" * 4000, P256, alg="ES256")


MALLORY = rsa_key("mallory")
HOSTILE: dict[str, Callable[[], str]] = {
    "alg none, unsigned": lambda: f"{encode({'alg': 'none'})}.{encode(CLAIMS)}.",
    "alg none with a signature": lambda: token(CLAIMS, RSA, header={"alg": "none"}),
    "alg None in other letters": lambda: token(CLAIMS, RSA, header={"alg": "NoNe"}),
    "no alg": lambda: token(CLAIMS, RSA, header={"alg": None}),
    "alg a list": lambda: token(CLAIMS, RSA, header={"alg": ["RS256"]}),
    "HS256 with the RSA public key as its secret": lambda: signed_with_public_key(CLAIMS, RSA),
    "an algorithm of RSA-PSS": lambda: token(CLAIMS, RSA, header={"alg": "PS256"}),
    "an algorithm with SHA-1": lambda: token(CLAIMS, RSA, header={"alg": "RS1"}),
    "a curve of no algorithm here": lambda: token(CLAIMS, RSA, header={"alg": "ES256K"}),
    "an RSA signature said to be of a curve": lambda: token(CLAIMS, RSA, header={"alg": "ES256"}),
    "a P-384 key said to be of ES256": lambda: token(CLAIMS, P384, alg="ES256"),
    "another key with the same key id": lambda: token(CLAIMS, MALLORY),
    "a key id that nobody has": lambda: token(CLAIMS, RSA, kid="other"),
    "a key id that is a path": lambda: token(CLAIMS, RSA, kid="../../../../dev/null"),
    "a key id that is no text": lambda: token(CLAIMS, RSA, header={"kid": 1}),
    "a critical extension": lambda: token(CLAIMS, RSA, header={"crit": ["exp"], "exp": 1}),
    "an empty list of critical extensions": lambda: token(CLAIMS, RSA, header={"crit": []}),
    "an unencoded payload": lambda: token(CLAIMS, RSA, header={"b64": False}),
    "a compressed payload": lambda: token(CLAIMS, RSA, header={"zip": "DEF"}),
    "a token of another type": lambda: token(CLAIMS, RSA, header={"typ": "logout+jwt"}),
    "its own key in the header": lambda: token(CLAIMS, MALLORY, header={"jwk": jwk(MALLORY)}),
    "the address of its own key set": lambda: token(CLAIMS, MALLORY, header={"jku": "https://evil.example.com"}),
    "the address of its own certificate": lambda: token(CLAIMS, MALLORY, header={"x5u": "https://evil.example.com"}),
    "its own certificate": lambda: token(CLAIMS, MALLORY, header={"x5c": ["MIIB"]}),
    "claims changed after signing": lambda: tampered(token(CLAIMS, RSA)),
    "a signature taken away": lambda: without_signature(token(CLAIMS, RSA)),
    "a signature of zeros": lambda: without_signature(token(CLAIMS, P256, alg="ES256")) + encode(bytes(64)),
    "a claim twice": lambda: token(b'{"sub":"alice","sub":"root"}', RSA),
    "a claim twice, below": lambda: token(b'{"a":{"b":1,"b":2}}', RSA),
    "claims that are a list": lambda: token(b'["sub"]', RSA),
    "claims that are not JSON": lambda: token(b"sub=alice", RSA),
    "claims that are not UTF-8": lambda: token(b'{"sub":"\xff"}', RSA),
    "a number that is none": lambda: token(b'{"exp":NaN}', RSA),
    "an integer of thousands of digits": lambda: token(b'{"exp":1' + b"0" * 5000 + b"}", RSA),
    "objects within objects": deep,
    "five parts, as of an encrypted token": lambda: token(CLAIMS, RSA) + ".YQ.YQ",
    "two parts": lambda: token(CLAIMS, RSA).rpartition(".")[0],
    "nothing": lambda: "",
    "padding": lambda: token(CLAIMS, RSA) + "==",
    "white space": lambda: f" {token(CLAIMS, RSA)}",
    "letters beyond ASCII": lambda: token(CLAIMS, RSA).replace(".", ".é", 1),
    "oversized": lambda: token({**CLAIMS, "more": "x" * limits.WEB_IDENTITY_TOKEN_CHARS}, RSA),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_token_is_refused_at_once(case: str) -> None:
    text = HOSTILE[case]()
    keys = (jwk(RSA), jwk(P256, "curve"))
    began = time.perf_counter()
    with pytest.raises(InvalidJwt):
        claims_of(text, *keys)
    assert time.perf_counter() - began < 0.25


def test_a_token_without_a_key_id_is_verified_only_where_one_key_can_be_meant() -> None:
    text = token(CLAIMS, RSA, kid=None)
    assert claims_of(text, jwk(RSA, None)) == CLAIMS
    assert claims_of(text, jwk(RSA), jwk(P256)) == CLAIMS
    with pytest.raises(InvalidJwt):
        claims_of(text, jwk(RSA), jwk(MALLORY, "key-2"))


def test_two_keys_with_one_key_id_verify_nothing_between_them() -> None:
    with pytest.raises(InvalidJwt):
        claims_of(token(CLAIMS, RSA), jwk(RSA), jwk(MALLORY))
    assert claims_of(token(CLAIMS, RSA), jwk(RSA), jwk(P256)) == CLAIMS


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        parse(text)
    except InvalidJwt:
        return


@given(st.data())
def test_a_damaged_token_is_refused(data: st.DataObject) -> None:
    whole = token(CLAIMS, P256, alg="ES256")
    place = data.draw(st.integers(0, len(whole) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.="))
    damaged = whole[:place] + letter + whole[place + 1 :]
    try:
        said = claims_of(damaged, jwk(P256))
    except InvalidJwt:
        return
    # The last letter of a signature has bits that stand for nothing.
    assert said == CLAIMS
    assert place == len(whole) - 1 or damaged == whole


BAD_KEYS: dict[str, dict[str, Any]] = {
    "for encryption": jwk(RSA, use="enc"),
    "that may only encrypt": jwk(RSA, use=None, key_ops=["encrypt"]),
    "with operations that are no list": jwk(RSA, key_ops="verify"),
    "for another algorithm": jwk(RSA, alg="RS512"),
    "for an algorithm that is not taken": jwk(RSA, alg="PS256"),
    "of another kind": {**jwk(RSA), "kty": "OKP"},
    "that is a shared secret": {"kty": "oct", "kid": "key-1", "k": encode(b"secret")},
    "without a modulus": jwk(RSA, n=None),
    "whose modulus is a number": {**jwk(RSA), "n": 65537},
    "whose modulus is short": jwk(rsa_key("short", 1024)),
    "whose modulus is enormous": {**jwk(RSA), "n": encode(b"\xff" * 2000)},
    "whose exponent is 1": {**jwk(RSA), "e": encode(b"\x01")},
    "whose exponent is enormous": {**jwk(RSA), "e": encode(b"\xff" * 256)},
    "whose key id is a number": {**jwk(RSA), "kid": 1},
    "that is off its curve": {**jwk(P256), "y": encode(bytes(31) + b"\x01")},
    "of a curve that is not taken": {**jwk(P256), "crv": "secp256k1"},
    "whose curve is a list": {**jwk(P256), "crv": ["P-256"]},
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_key_that_cannot_be_used_is_passed_over(case: str) -> None:
    good = token(CLAIMS, P384, alg="ES384", kid="good")
    assert claims_of(good, BAD_KEYS[case], jwk(P384, "good")) == CLAIMS
    alg, key = ("ES256", P256) if "crv" in BAD_KEYS[case] else ("RS256", RSA)
    with pytest.raises(InvalidJwt):
        claims_of(token(CLAIMS, key, alg=alg), BAD_KEYS[case])


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'"keys"',
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b"[" * 100_000,
        b'{"keys":' * 20_000,
        published(*[jwk(P256)] * (limits.JWKS_KEYS + 1)),
    ],
    ids=range(9),
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidKeySet):
        parse_key_set(document)


def test_a_key_set_may_be_empty_and_have_what_is_no_key() -> None:
    assert parse_key_set(b'{"keys":[]}') == ()
    assert parse_key_set(b'{"keys":[1,"a",null,{}]}') == ()


# --- tokens of our own ---


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "ES512"])
def test_what_we_sign_is_verified_with_what_we_publish(alg: str) -> None:
    key = SigningKey("ours", alg, make_private_key(alg))
    text = sign(encode_claims({**CLAIMS, "name": "größe"}), key)
    assert claims_of(text, public_jwk(key)) == {**CLAIMS, "name": "größe"}
    assert not {"d", "p", "q", "k"} & public_jwk(key).keys()
    assert "rsa" not in repr(key).lower()


def test_a_key_is_read_back_and_no_other_kind_of_key_is() -> None:
    def pem(key: Any) -> Secret:
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return Secret(key.private_bytes(serialization.Encoding.PEM, form, plain).decode())

    key = load_signing_key("ours", "ES256", pem(P256))
    assert claims_of(sign(encode_claims(CLAIMS), key), jwk(P256, "ours")) == CLAIMS
    with pytest.raises(ValueError, match="another kind"):
        load_signing_key("ours", "ES256", pem(ed25519.Ed25519PrivateKey.generate()))
